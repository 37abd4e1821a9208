"""RKE1: an audit log that is on by default, and configurations that switch it off by what they leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.formats.rke1 import FORMAT
from providers.self_managed.source import ApiServerSource, PlaceKind
from scanner.model import ApiServer, InlinePolicy, LinkState, NoPolicy, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Scan, servers

NODES = "cluster_name: prod\nnodes:\n- {address: 192.0.2.1, user: a, role: [controlplane, etcd]}\n"
VERSION = "kubernetes_version: v1.32.5-rancher1-1\n"
LOG = "/var/log/kube-audit/audit-log.json"
WHOLE = "{enabled: true, configuration: {path: /var/log/kube-audit/a.json, format: json, max_age: 90, POLICY}}"
POLICY = "policy: {apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Request}]}"


def settings(text: str) -> str:
    return f"{NODES}{VERSION}services:\n  kube-api: {text}\n"


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text, "cluster.yml")
    return source


def flags(text: str, word: str = "audit") -> list[str]:
    return [argument.text for argument in read(text).arguments if word in argument.text]


async def scanned(world: Path, scan: Scan, text: str, version: str | None = None) -> ApiServer:
    (world / "cluster.yml").write_text(text)
    cluster = {"name": "c", "paths": ["cluster.yml"]}
    (observation,) = await scan(cluster if version is None else {**cluster, "version": version})
    return observation.servers[0]


async def test_it_is_on_by_default(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, NODES + VERSION)
    assert isinstance(server.policy, InlinePolicy)
    assert [rule.level.name.lower() for rule in server.policy.policy.rules] == ["metadata"]
    assert any("RKE1's default" in item.source for item in server.policy.evidence)
    (channel,) = server.channels
    assert (channel.name, channel.exported.state, channel.delivered.state) == (LOG, LinkState.OK, LinkState.OK)
    assert (server.authorizer.can_deny, server.authorizer.anonymous) == (True, False)


def test_the_flags_of_the_default() -> None:
    assert flags(NODES + VERSION) == [
        f"--audit-log-path={LOG}",
        "--audit-log-maxage=30",
        "--audit-log-maxbackup=10",
        "--audit-log-maxsize=100",
        "--audit-log-format=json",
        "--audit-policy-file=/etc/kubernetes/audit-policy.yaml",
    ]
    assert (read(NODES + VERSION).version, read(NODES + VERSION).cluster) == ("1.32.5", "prod")


@pytest.mark.parametrize(
    ("version", "is_on"),
    [
        ("v1.15.10-rancher1-1", False),
        ("v1.15.11-rancher1-1", True),
        ("v1.16.7-rancher1-1", False),
        ("v1.16.8-rancher1-1", True),
        ("v1.17.3-rancher1-1", False),
        ("v1.17.4-rancher1-1", True),
        ("v1.14.9-rancher1-1", False),
        ("v1.18.0-rancher1-1", True),
    ],
)
def test_the_version_switches_it_on(version: str, *, is_on: bool) -> None:
    assert bool(flags(NODES + f"kubernetes_version: {version}\n")) is is_on


@pytest.mark.parametrize("version", ["", "kubernetes_version: v1.17\n", "kubernetes_version: newest\n"])
async def test_without_a_version_it_is_not_known(world: Path, scan: Scan, version: str) -> None:
    server = await scanned(world, scan, NODES + version)
    assert isinstance(server.policy, UnreadablePolicy)
    assert "depends on kubernetes_version" in server.policy.reason
    assert {channel.exported.state for channel in server.channels} == {LinkState.UNKNOWN}


async def test_the_version_of_the_configuration_counts(world: Path, scan: Scan) -> None:
    assert isinstance((await scanned(world, scan, NODES, "1.30")).policy, InlinePolicy)


async def test_the_users_policy(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, settings(f"{{audit_log: {WHOLE.replace('POLICY', POLICY)}}}"))
    assert isinstance(server.policy, InlinePolicy)
    assert [rule.level.name.lower() for rule in server.policy.policy.rules] == ["request"]
    assert server.channels[0].name == "/var/log/kube-audit/a.json"


async def test_a_configuration_without_a_path_is_no_log(world: Path, scan: Scan) -> None:
    """RKE1 fills in a missing policy, and nothing else."""
    text = settings("{audit_log: {enabled: true, configuration: {max_age: 90}}}")
    assert flags(text)[:3] == ["--audit-log-path=", "--audit-log-maxage=90", "--audit-log-maxbackup=0"]
    server = await scanned(world, scan, text)
    assert {channel.exported.state for channel in server.channels} == {LinkState.GAP}
    assert isinstance(server.policy, InlinePolicy)


async def test_disabled_with_a_configuration_still_sets_the_flags(world: Path, scan: Scan) -> None:
    """The directory is not mounted then, and nothing writes the policy."""
    text = settings(f"{{audit_log: {WHOLE.replace('true', 'false').replace('POLICY', POLICY)}}}")
    server = await scanned(world, scan, text)
    assert isinstance(server.policy, UnreadablePolicy)
    assert [channel.delivered.state for channel in server.channels] == [LinkState.GAP]


async def test_disabled(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, settings("{audit_log: {enabled: false}}"))
    assert isinstance(server.policy, NoPolicy)


def test_extra_arguments_replace_its_own() -> None:
    text = settings(
        "{extra_args: {audit-log-maxage: '365', anonymous-auth: 'true'}, "
        "extra_args_array: {audit-log-maxage: ['7'], authorization-mode: [Node, Webhook]}}"
    )
    found = [argument.text for argument in read(text).arguments]
    assert [one for one in found if "maxage" in one] == ["--audit-log-maxage=7"]
    assert [one for one in found if "anonymous" in one] == ["--anonymous-auth=true"]
    assert [one for one in found if "mode" in one] == ["--authorization-mode=Node", "--authorization-mode=Webhook"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("rbac", ["--authorization-mode=Node,RBAC"]), ("none", []), ("''", ["--authorization-mode=Node,RBAC"])],
)
def test_authorization(mode: str, expected: list[str]) -> None:
    assert flags(f"{NODES}{VERSION}authorization: {{mode: {mode}}}\n", "authorization") == expected


async def test_without_authorization_nothing_is_denied(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, f"{NODES}{VERSION}authorization: {{mode: none}}\n")
    assert server.authorizer.can_deny is False


def test_binds() -> None:
    view = read(settings("{extra_binds: ['/srv/a:/a', '/srv/b:/b:ro,z', 'data:/c']}")).view
    places = {path: view.locate(path) for path in ("/a/x", "/b/x", "/c/x", "/d/x")}
    assert [(place.kind, place.host_path, place.read_only) for place in places.values()] == [
        (PlaceKind.HOST, "/srv/a/x", False),
        (PlaceKind.HOST, "/srv/b/x", True),
        (PlaceKind.UNKNOWN, "", False),
        (PlaceKind.ABSENT, "", False),
    ]


def test_the_prefix_of_the_hosts_paths() -> None:
    source = read(f"{NODES}{VERSION}prefix_path: /opt/rke\n")
    assert source.view.locate(LOG).host_path == f"/opt/rke{LOG}"
    assert list(source.files) == ["/opt/rke/etc/kubernetes/audit-policy.yaml"]


def test_as_rancher_keeps_it() -> None:
    source = read(
        "name: shop\nrancher_kubernetes_engine_config:\n  kubernetes_version: v1.27.16-rancher1-1\n"
        "  services: {kube_api: {audit_log: {enabled: true}}}\n"
    )
    assert (source.version, source.cluster) == ("1.27.16", "shop")
    assert any(argument.text == f"--audit-log-path={LOG}" for argument in source.arguments)


@pytest.mark.parametrize(
    "text",
    [
        "services: {kube-api: {image: shop, ports: ['80:80']}}\n",
        "nodes: [{name: a, role: server}]\n# controlplane\n",
        "kind: Cluster\nservices: {kube-api: {extra_args: {}}}\n",
    ],
)
def test_other_files_are_not_ours(text: str) -> None:
    assert servers(FORMAT, text) == ()
