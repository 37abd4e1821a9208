"""Kubespray: variables of several files, which of them counts, and what Ansible would fill in."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from scanner.model import (
    ApiServer,
    ClusterObservation,
    InlinePolicy,
    LinkState,
    ManagedPolicy,
    NoPolicy,
    UnreadablePolicy,
)
from tests.unit.providers.self_managed.hosts import Scan

CLUSTER = "group_vars/k8s_cluster/k8s-cluster.yml"
LOG = "/var/log/audit/kube-apiserver-audit.log"
BASE = "kube_network_plugin: calico\nkube_version: 1.34.1\n"
ON = f"{BASE}kubernetes_audit: true\naudit_log_maxbackups: 10\n"


async def scanned(world: Path, scan: Scan, *files: str, **more: str) -> list[ClusterObservation]:
    """Scan an inventory: the text of its cluster's variables, and of further files by name."""
    texts = {CLUSTER: files[0]} if files else {}
    for name, text in {**texts, **more}.items():
        path = world / "inv" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return await scan({"name": "c", "paths": ["inv"]})


async def server_of(world: Path, scan: Scan, *files: str, **more: str) -> ApiServer:
    (observation,) = await scanned(world, scan, *files, **more)
    (server,) = observation.servers
    return server


async def test_it_is_off_by_default(world: Path, scan: Scan) -> None:
    server = await server_of(world, scan, BASE)
    assert isinstance(server.policy, NoPolicy)
    assert {channel.exported.state for channel in server.channels} == {LinkState.GAP}
    assert (server.authorizer.can_deny, server.authorizer.anonymous) == (True, True)


async def test_switched_on(world: Path, scan: Scan) -> None:
    (observation,) = await scanned(world, scan, ON)
    (server,) = observation.servers
    assert isinstance(server.policy, ManagedPolicy)
    assert (server.policy.name, observation.ref.version) == ("kubespray", "1.34.1")
    (channel,) = server.channels
    assert (channel.name, channel.delivered.state) == (LOG, LinkState.OK)
    assert channel.delivered.reason == (
        f"{LOG} is on /var/log/kubernetes/audit, which Kubespray mounts writable at /var/log/audit"
    )
    assert (channel.retention.at_least, channel.retention.at_most) == (0, 30)


async def test_how_many_files_are_kept_depends_on_kubesprays_version(world: Path, scan: Scan) -> None:
    """Nobody knows which Kubespray it is: the retention stays open, and only that."""
    (channel,) = (await server_of(world, scan, ON.replace("audit_log_maxbackups: 10\n", ""))).channels
    assert (channel.exported.state, channel.delivered.state) == (LinkState.OK, LinkState.OK)
    assert (channel.retention.at_least, channel.retention.at_most) == (0, math.inf)
    assert "set audit_log_maxbackups" in channel.retention.reason


async def test_standard_output_is_not_rotated(world: Path, scan: Scan) -> None:
    server = await server_of(world, scan, f"{BASE}kubernetes_audit: true\naudit_log_path: '-'\n")
    assert "audit_log_maxbackups" not in repr(server)


@pytest.mark.parametrize(
    ("value", "state"),
    [("false", LinkState.GAP), ("'false'", LinkState.OK), ("''", LinkState.GAP), ("yes", LinkState.OK)],
)
async def test_what_is_true_to_jinja(world: Path, scan: Scan, value: str, state: LinkState) -> None:
    server = await server_of(world, scan, ON.replace("true", value))
    assert {channel.exported.state for channel in server.channels} == {state}


@pytest.mark.parametrize("value", ["'{{ audit_is_wanted }}'", "!vault 3361"])
async def test_what_ansible_fills_in_is_unknown(world: Path, scan: Scan, value: str) -> None:
    server = await server_of(world, scan, ON.replace("true", value))
    assert isinstance(server.policy, UnreadablePolicy)
    assert {channel.exported.state for channel in server.channels} == {LinkState.UNKNOWN}
    assert "3361" not in repr(server)


async def test_the_users_rules(world: Path, scan: Scan) -> None:
    server = await server_of(
        world, scan, f"{ON}audit_policy_custom_rules: |\n  - level: None\n    verbs: [watch]\n  - level: Request\n"
    )
    assert isinstance(server.policy, InlinePolicy)
    assert [(rule.level.name.lower(), rule.line) for rule in server.policy.policy.rules] == [
        ("none", 6),
        ("request", 8),
    ]


@pytest.mark.parametrize(
    ("rules", "said"),
    [("[{level: Metadata}]", "is no text"), ("'{{ my_rules }}'", "Ansible fills in"), ("''", "")],
)
async def test_rules_that_are_no_text(world: Path, scan: Scan, rules: str, said: str) -> None:
    policy = (await server_of(world, scan, f"{ON}audit_policy_custom_rules: {rules}\n")).policy
    assert isinstance(policy, UnreadablePolicy if said else ManagedPolicy)
    assert said in repr(policy)


async def test_later_groups_and_later_files_count(world: Path, scan: Scan) -> None:
    server = await server_of(
        world,
        scan,
        ON,
        **{
            "group_vars__all.yml": "kubernetes_audit: false\naudit_log_path: /a/all.log\n",
            "group_vars__k8s_cluster__a.yml": "audit_log_path: /a/first.log\n",
            "group_vars__k8s_cluster__z.yml": "audit_log_path: /a/last.log\n",
            "group_vars__kube_control_plane.yml": "audit_log_maxage: 90\n",
        },
    )
    (channel,) = server.channels
    assert (channel.name, channel.retention.at_most) == ("/a/last.log", 90)


async def test_variables_of_the_command_line_count_first(world: Path, scan: Scan) -> None:
    (world / "extra.yml").write_text("kubernetes_audit: false\n")
    (world / "inv" / CLUSTER).parent.mkdir(parents=True)
    (world / "inv" / CLUSTER).write_text(ON)
    (observation,) = await scan({"name": "c", "paths": ["extra.yml", "inv"]})
    assert isinstance(observation.servers[0].policy, NoPolicy)


@pytest.mark.parametrize("name", ["host_vars__cp-1.yml", "group_vars__rack_2.yml"])
async def test_variables_of_some_hosts_leave_it_open(world: Path, scan: Scan, name: str) -> None:
    server = await server_of(world, scan, ON, **{name: "kubernetes_audit: false\n"})
    assert isinstance(server.policy, UnreadablePolicy)
    assert "of a single host or of a further group" in server.policy.reason


async def test_only_variables_of_a_host(world: Path, scan: Scan) -> None:
    server = await server_of(world, scan, **{"host_vars__cp-1__a.yml": "kubernetes_audit: false\n"})
    assert isinstance(server.policy, UnreadablePolicy)


async def test_other_variables_of_some_hosts_do_not_matter(world: Path, scan: Scan) -> None:
    server = await server_of(world, scan, ON, **{"group_vars__etcd.yml": "kube_network_plugin: calico\n"})
    assert isinstance(server.policy, ManagedPolicy)


async def test_several_inventories_are_several_clusters(world: Path, scan: Scan) -> None:
    observations = await scanned(world, scan, **{f"prod__{CLUSTER}": ON, f"test__{CLUSTER}": BASE})
    assert [one.ref.name for one in observations] == ["c/inv/prod", "c/inv/test"]
    assert [type(one.servers[0].policy) for one in observations] == [ManagedPolicy, NoPolicy]


async def test_paths_that_other_variables_hold(world: Path, scan: Scan) -> None:
    text = f"{ON}kube_config_dir: /srv/k8s\naudit_policy_file: '{{{{ kube_config_dir }}}}/p/a.yaml'\n"
    server = await server_of(world, scan, text)
    assert isinstance(server.policy, ManagedPolicy)
    assert "--audit-policy-file" in repr(server.policy.evidence)
    assert "/srv/k8s/p/a.yaml" in repr(server.policy.evidence)


async def test_a_path_that_is_not_known(world: Path, scan: Scan) -> None:
    (channel,) = (await server_of(world, scan, f"{ON}audit_log_hostpath: '{{{{ logs }}}}/x'\n")).channels
    assert channel.delivered.state is LinkState.UNKNOWN


async def test_a_variable_that_names_itself(world: Path, scan: Scan) -> None:
    server = await server_of(world, scan, f"{ON}audit_policy_file: '{{{{ audit_policy_file }}}}'\n")
    assert isinstance(server.policy, UnreadablePolicy)


async def test_a_policy_mounted_elsewhere(world: Path, scan: Scan) -> None:
    text = f"{ON}audit_policy_file: /in/policy.yaml\naudit_policy_hostpath: /on/host\naudit_policy_mountpath: /in\n"
    assert isinstance((await server_of(world, scan, text)).policy, ManagedPolicy)


async def test_a_policy_that_no_mount_brings_in(world: Path, scan: Scan) -> None:
    text = f"{ON}audit_policy_file: /in/policy.yaml\naudit_policy_mountpath: /elsewhere\n"
    assert isinstance((await server_of(world, scan, text)).policy, NoPolicy)


async def test_extra_arguments_count_last(world: Path, scan: Scan) -> None:
    extra = "kube_kubeadm_apiserver_extra_args:\n  audit-log-maxage: '7'\n  audit-log-path: '{{ log }}'\n"
    (channel,) = (await server_of(world, scan, ON + extra)).channels
    assert channel.exported.state is LinkState.UNKNOWN
    assert "Ansible fills in" in repr(channel)


async def test_the_webhook(world: Path, scan: Scan) -> None:
    text = f"{BASE}kubernetes_audit_webhook: true\naudit_webhook_server_url: https://siem.example/secret\n"
    server = await server_of(world, scan, text)
    (channel,) = server.channels
    assert (channel.delivered.state, channel.delivered.reason) == (LinkState.OK, "the webhook is https://siem.example")
    assert channel.delivered.evidence[-1].locator == "line 4"
    assert isinstance(server.policy, ManagedPolicy)


async def test_the_webhooks_placeholder_is_no_server(world: Path, scan: Scan) -> None:
    (channel,) = (await server_of(world, scan, f"{BASE}kubernetes_audit_webhook: true\n")).channels
    assert channel.delivered.state is LinkState.UNKNOWN
    assert "placeholder" in channel.delivered.reason


@pytest.mark.parametrize(
    ("text", "can_deny"),
    [
        ("authorization_modes: [Node, RBAC]\n", True),
        ("authorization_modes: [AlwaysAllow]\n", False),
        ("authorization_modes: '{{ modes }}'\n", None),
        ("kube_apiserver_use_authorization_config_file: true\n", None),
    ],
)
async def test_authorization(world: Path, scan: Scan, text: str, can_deny: bool | None) -> None:  # noqa: FBT001
    assert (await server_of(world, scan, ON + text)).authorizer.can_deny is can_deny


@pytest.mark.parametrize(
    ("text", "anonymous"),
    [("kube_api_anonymous_auth: false\n", False), ("kube_apiserver_use_authentication_config_file: true\n", None)],
)
async def test_anonymous_requests(world: Path, scan: Scan, text: str, anonymous: bool | None) -> None:  # noqa: FBT001
    assert (await server_of(world, scan, ON + text)).authorizer.anonymous is anonymous


@pytest.mark.parametrize(
    ("patches", "is_open"),
    [("[{target: kube-apiserver, type: strategic}]", True), ("[{target: etcd}]", False), ("{enabled: true}", True)],
)
async def test_patches_leave_it_open(world: Path, scan: Scan, patches: str, *, is_open: bool) -> None:
    server = await server_of(world, scan, f"{ON}kubeadm_patches: {patches}\n")
    assert isinstance(server.policy, UnreadablePolicy) is is_open


async def test_other_files_are_not_ours(world: Path, scan: Scan) -> None:
    (world / "a.yml").write_text("audit_log_path: /a\nkubernetes_version: 1.2\n")
    (world / "b.yml").write_text("kind: A\nkubernetes_audit: true\n")
    (observation,) = await scan({"name": "c", "paths": ["*.yml"]})
    assert isinstance(observation.servers[0].policy, UnreadablePolicy)
    assert "holds no API server" in observation.servers[0].policy.reason
