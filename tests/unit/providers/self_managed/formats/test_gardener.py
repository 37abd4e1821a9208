"""Gardener: a policy that records nothing unless a ConfigMap is named, and a webhook that the Shoot does not show."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.formats.gardener import FORMAT
from providers.self_managed.source import ApiServerSource
from scanner.model import ApiServer, InlinePolicy, LinkState, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import METADATA_ALL, Scan, servers

SHOOT = """\
apiVersion: core.gardener.cloud/v1beta1
kind: Shoot
metadata: {name: prod, namespace: garden-dev}
spec:
  kubernetes:
    version: 1.34.1
    kubeAPIServer: {SERVER}
"""
NAMED = SHOOT.replace("{SERVER}", "{auditConfig: {auditPolicy: {configMapRef: {name: audit}}}}")
BARE = SHOOT.replace("{SERVER}", "{}")
CONFIG_MAP = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: audit}\ndata:\n  policy: |\n" + "".join(
    f"    {line}\n" for line in METADATA_ALL.splitlines()
)


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text)
    return source


async def scanned(world: Path, scan: Scan, text: str) -> ApiServer:
    (world / "shoot.yaml").write_text(text)
    (observation,) = await scan({"name": "c", "paths": ["shoot.yaml"]})
    return observation.servers[0]


async def test_by_default_nothing_is_recorded(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, BARE)
    assert isinstance(server.policy, InlinePolicy)
    assert [rule.level.name.lower() for rule in server.policy.policy.rules] == ["none"]
    assert any("Gardener's default" in item.source for item in server.policy.evidence)


async def test_the_policy_in_its_config_map(world: Path, scan: Scan) -> None:
    """It is found in another document, and where it leads is not known: an extension delivers it."""
    server = await scanned(world, scan, NAMED + CONFIG_MAP)
    assert isinstance(server.policy, InlinePolicy)
    assert [rule.level.name.lower() for rule in server.policy.policy.rules] == ["metadata"]
    assert {channel.exported.state for channel in server.channels} == {LinkState.UNKNOWN}


async def test_a_config_map_that_is_not_at_hand(world: Path, scan: Scan) -> None:
    assert isinstance((await scanned(world, scan, NAMED)).policy, UnreadablePolicy)


def test_the_extension_is_where_the_open_question_points() -> None:
    source = read(f"{BARE}  extensions:\n  - {{type: shoot-dns}}\n  - {{type: audit}}\n")
    assert (source.arguments[-1].line, source.arguments[-1].key) == (10, "spec.extensions[1]")
    assert (source.version, source.cluster) == ("1.34.1", "prod")


@pytest.mark.parametrize(
    ("server", "flags"),
    [
        ("{}", ["--anonymous-auth=false", "--authorization-mode=Node,RBAC"]),
        ("{enableAnonymousAuthentication: true}", ["--anonymous-auth=true", "--authorization-mode=Node,RBAC"]),
        (
            "{structuredAuthorization: {configMapName: a}, structuredAuthentication: {configMapName: b}}",
            ["--anonymous-auth=false", "--authentication-config=b", "--authorization-config=a"],
        ),
    ],
)
def test_who_may_do_what(server: str, flags: list[str]) -> None:
    found = [argument.text for argument in read(SHOOT.replace("{SERVER}", server)).arguments]
    assert found[:-2] == flags


def test_other_kinds_are_not_ours() -> None:
    assert servers(FORMAT, "apiVersion: core.gardener.cloud/v1beta1\nkind: Seed\n") == ()
