"""The demo's clusters of every distribution: read as the demo reads them, each with what it is there to show."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from scanner.knowledge import provider_knowledge
from scanner.model import ApiServer, ClusterObservation, InlinePolicy, ManagedPolicy, NoPolicy
from tests.unit.providers.self_managed.hosts import Scan

DEMO = Path(__file__).parents[3] / "demo"
ACCOUNT = "distributions"
CLUSTERS: dict[str, dict[str, Any]] = {
    cluster["name"]: cluster
    for account in tomllib.loads((DEMO / "demo.toml").read_text(encoding="utf-8"))["account"]
    if account["name"] == ACCOUNT
    for cluster in account["cluster"]
}
SECRETS = ("not-a-real", "bm90LWEtcmVhbC", "siem.example.com/kube")
CARRIED = "and the container audit-logs of the same pod prints it to the container runtime's log on the node"

SHOWN: dict[str, tuple[str | None, str, str, str]] = {
    "k3s": (None, "3 rules", "ok", "/var/lib/rancher/k3s/server/logs/audit.log is on the host itself"),
    "rke2-cis": (
        None,
        "rke2-default",
        "ok",
        "/var/lib/rancher/rke2/server/logs/audit.log is on the node, from where RKE2 mounts what the flags name",
    ),
    "k3d": ("1.33.4", "3 rules", "ok", "standard output goes to the container runtime's log on the node"),
    "kops": (
        "1.34.1",
        "3 rules",
        "ok",
        "/var/log/kubernetes/audit.log is on /var/log/kubernetes, which kOps mounts writable",
    ),
    "talos": (
        "1.34.1",
        "3 rules",
        "ok",
        "/var/log/audit/kube/kube-apiserver.log is on /var/log/audit/kube on the node, which Talos mounts writable",
    ),
    "talhelper": (
        "1.35.2",
        "talos-default",
        "ok",
        "/var/log/audit/kube/kube-apiserver.log is on /var/log/audit/kube on the node, which Talos mounts writable",
    ),
    "openshift": (
        None,
        (
            "openshift-default with openshift-writerequestbodies for system:authenticated:oauth, "
            "openshift-none for system:serviceaccounts:batch"
        ),
        "ok",
        "/var/log/kube-apiserver/audit.log is on /var/log/kube-apiserver on the node, which OpenShift mounts writable",
    ),
    "openshift-none": (
        None,
        "openshift-none",
        "ok",
        "/var/log/kube-apiserver/audit.log is on /var/log/kube-apiserver on the node, which OpenShift mounts writable",
    ),
    "openshift-node": (
        None,
        "3 rules",
        "ok",
        (
            "/var/log/kube-apiserver/audit.log is on volume audit-dir (hostPath /var/log/kube-apiserver), "
            "mounted writable at /var/log/kube-apiserver"
        ),
    ),
    "hypershift": (
        None,
        "openshift-writerequestbodies",
        "ok",
        f"/var/log/kube-apiserver/audit.log is on an emptyDir at /var/log/kube-apiserver, {CARRIED}",
    ),
    "kind": (
        "1.33.1",
        "3 rules",
        "ok",
        (
            "/var/log/kubernetes/audit.log is on volume audit-logs (hostPath /var/log/kubernetes), "
            "mounted writable at /var/log/kubernetes"
        ),
    ),
    "minikube": ("1.34.0", "3 rules", "ok", "standard output goes to the container runtime's log on the node"),
    "hosted-config-map": (
        "1.34.2",
        "3 rules",
        "ok",
        (
            "/var/log/kube-apiserver/audit.log is on volume logs (emptyDir), "
            f"mounted writable at /var/log/kube-apiserver, {CARRIED}"
        ),
    ),
    "eks-anywhere": (
        "1.34",
        "eks-anywhere",
        "ok",
        "/var/log/kubernetes/api-audit.log is on /var/log/kubernetes, which EKS Anywhere mounts writable",
    ),
    "rke1": (
        "1.32.5",
        "2 rules",
        "ok",
        "/var/log/kube-audit/audit-log.json is on /var/log/kube-audit, which RKE1 mounts writable",
    ),
    "kubespray": (
        "1.34.1",
        "2 rules",
        "ok",
        (
            "/var/log/audit/kube-apiserver-audit.log is on /var/log/kubernetes/audit, "
            "which Kubespray mounts writable at /var/log/audit"
        ),
    ),
    "flag-list": (
        None,
        "3 rules",
        "unknown",
        "it is not known where /var/log/kubernetes/audit.log is kept: a list of flags does not say what is mounted",
    ),
}


async def look(scan: Scan, name: str) -> list[ClusterObservation]:
    return await scan(CLUSTERS[name], base=DEMO)


def policy_of(server: ApiServer) -> str:
    """Put the policy into a word."""
    if isinstance(server.policy, InlinePolicy):
        return f"{len(server.policy.policy.rules)} rules"
    if isinstance(server.policy, ManagedPolicy):
        groups = ", ".join(f"{policy} for {group}" for group, policy in server.policy.group_policies)
        return f"{server.policy.name} with {groups}" if groups else server.policy.name
    return server.policy.reason


def test_every_cluster_of_the_account_is_tested() -> None:
    assert set(SHOWN) | {"fleet"} <= set(CLUSTERS)


@pytest.mark.parametrize("name", sorted(SHOWN))
async def test_what_each_shows(scan: Scan, name: str) -> None:
    (observation,) = await look(scan, name)
    server = observation.servers[0]
    channel = server.channels[0]
    shown = (observation.ref.version, policy_of(server), channel.delivered.state.value, channel.delivered.reason)
    assert shown == SHOWN[name]
    assert server.authorizer.can_deny is True


async def test_the_fleet_is_two_clusters(scan: Scan) -> None:
    first, second = await look(scan, "fleet")
    assert [first.ref.name, second.ref.name] == ["fleet/edge-1.k8s.example.com", "fleet/edge-2.k8s.example.com"]
    assert isinstance(first.servers[0].policy, InlinePolicy)
    assert isinstance(second.servers[0].policy, NoPolicy)


@pytest.mark.parametrize("name", sorted(CLUSTERS))
async def test_every_finding_points_to_a_file_and_no_secret_leaves_it(scan: Scan, name: str) -> None:
    for observation in await look(scan, name):
        for server in observation.servers:
            channels = [channel.exported for channel in server.channels] + [one.delivered for one in server.channels]
            evidence = [item for check in channels for item in check.evidence] + list(server.policy.evidence)
            assert evidence
            assert all(item.source and item.locator and item.value for item in evidence)
        text = repr(observation)
        assert not [secret for secret in SECRETS if secret in text]


async def test_every_tool_that_advice_knows_is_one_that_a_format_names(scan: Scan) -> None:
    """So that no advice is written for a name that nothing ever says."""
    named = set[str]()
    for cluster in (
        *CLUSTERS.values(),
        {"name": "kubeadm", "paths": ["manifests/kubeadm-v1beta4/cp-1/etc/kubernetes/kubeadm.yaml"]},
    ):
        named |= {one.parameters.get("tool", "") for one in await scan(cluster, base=DEMO)}
    advised = {name.partition("_")[2] for name in provider_knowledge("self_managed").remediation} - {""}
    assert advised <= named
