"""EKS Anywhere: a policy by default, by the Kubernetes version, or the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.formats.eks_anywhere import FORMAT
from providers.self_managed.source import ApiServerSource, PlaceKind
from scanner.model import ApiServer, InlinePolicy, LinkState, ManagedPolicy, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Scan, servers

POLICY = "/etc/kubernetes/audit-policy.yaml"
CLUSTER = """\
apiVersion: anywhere.eks.amazonaws.com/v1alpha1
kind: Cluster
metadata: {name: prod}
spec:
  kubernetesVersion: "1.34"
  controlPlaneConfiguration:
    count: 3
"""
CONTENT = """\
    auditPolicyContent: |
      apiVersion: audit.k8s.io/v1
      kind: Policy
      rules:
      - level: Metadata
"""


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text, "cluster.yaml")
    return source


async def scanned(world: Path, scan: Scan, text: str) -> ApiServer:
    (world / "cluster.yaml").write_text(text)
    (observation,) = await scan({"name": "c", "paths": ["cluster.yaml"]})
    return observation.servers[0]


def test_what_it_sets_by_itself() -> None:
    source = read(CLUSTER)
    assert [argument.text for argument in source.arguments] == [
        "--authorization-mode=Node,RBAC",
        "--audit-policy-file=/etc/kubernetes/audit-policy.yaml",
        "--audit-log-path=/var/log/kubernetes/api-audit.log",
        "--audit-log-maxage=30",
        "--audit-log-maxbackup=10",
        "--audit-log-maxsize=512",
    ]
    assert {argument.source for argument in source.arguments[1:]} == {"cluster.yaml (EKS Anywhere's default)"}
    assert (source.version, source.cluster, source.line) == ("1.34", "prod", 6)


def test_the_log_is_kept_on_the_host() -> None:
    place = read(CLUSTER).view.locate("/var/log/kubernetes/api-audit.log")
    assert (place.kind, place.read_only, place.host_path) == (
        PlaceKind.HOST,
        False,
        "/var/log/kubernetes/api-audit.log",
    )


@pytest.mark.parametrize(("version", "name"), [("1.34", "eks-anywhere"), ("1.24", "eks-anywhere"), ("1.23", "eks")])
async def test_the_policy_goes_by_the_version(world: Path, scan: Scan, version: str, name: str) -> None:
    server = await scanned(world, scan, CLUSTER.replace("1.34", version))
    assert isinstance(server.policy, ManagedPolicy)
    assert server.policy.name == name
    assert [channel.delivered.state for channel in server.channels] == [LinkState.OK]


async def test_without_a_version_the_policy_is_not_known(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, CLUSTER.replace('  kubernetesVersion: "1.34"\n', ""))
    assert isinstance(server.policy, UnreadablePolicy)
    assert "depends on the Kubernetes version" in server.policy.reason


async def test_the_version_of_the_configuration_counts(world: Path, scan: Scan) -> None:
    (world / "cluster.yaml").write_text(CLUSTER.replace('  kubernetesVersion: "1.34"\n', ""))
    (observation,) = await scan({"name": "c", "paths": ["cluster.yaml"], "version": "1.35"})
    assert isinstance(observation.servers[0].policy, ManagedPolicy)


async def test_the_users_policy(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, CLUSTER + CONTENT)
    assert isinstance(server.policy, InlinePolicy)
    assert [(rule.level.name.lower(), rule.line) for rule in server.policy.policy.rules] == [("metadata", 12)]
    assert server.policy.evidence[-2].locator == "line 8, spec.controlPlaneConfiguration.auditPolicyContent"


async def test_a_policy_that_is_no_text(world: Path, scan: Scan) -> None:
    server = await scanned(world, scan, f"{CLUSTER}    auditPolicyContent: {{kind: Policy}}\n")
    assert isinstance(server.policy, UnreadablePolicy)
    assert "auditPolicyContent is no text" in server.policy.reason


def test_an_empty_policy_is_none() -> None:
    assert read(f"{CLUSTER}    auditPolicyContent: ''\n").files[POLICY].published == "eks-anywhere"


def test_extra_arguments() -> None:
    extra = "    apiServerExtraArgs: {anonymous-auth: 'false', audit-log-maxage: '90'}\n"
    anonymous, age = read(CLUSTER + extra).arguments[-2:]
    assert (anonymous.text, anonymous.unread, anonymous.line) == ("--anonymous-auth=false", "", 8)
    assert age.key == "spec.controlPlaneConfiguration.apiServerExtraArgs.audit-log-maxage"
    assert "depends on its version" in age.unread


def test_other_kinds_are_not_ours() -> None:
    assert servers(FORMAT, "apiVersion: anywhere.eks.amazonaws.com/v1alpha1\nkind: VSphereMachineConfig\n") == ()
