"""The sample clusters of the demo, each with what it is there to show."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from scanner.model import ClusterObservation, InlinePolicy, LinkState, NoPolicy, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Scan

Look = Callable[[str], Awaitable[ClusterObservation]]
MANIFESTS = Path(__file__).parents[3] / "demo" / "manifests"
LOG = "/var/log/kubernetes/audit.log"
FILES = {
    "systemd-unit": "etc/systemd/system/kube-apiserver.service",
    "kubeadm-v1beta3": "etc/kubernetes/kubeadm.yaml",
    "kubeadm-v1beta4": "etc/kubernetes/kubeadm.yaml",
}
OK = f"{LOG} is on volume audit-log (hostPath /var/log/kubernetes), mounted writable at /var/log/kubernetes"
KUBEADM = (
    "read from kubeadm's ClusterConfiguration: what kubeadm writes when it next writes the static pod, "
    "which may have been edited since"
)


@pytest.fixture
def look(scan: Scan) -> Look:
    async def run(name: str) -> ClusterObservation:
        path = FILES.get(name, "etc/kubernetes/manifests/kube-apiserver.yaml")
        cluster = {"name": name, "paths": [f"{name}/*/{path}"], "root": f"{name}/*"}
        (observation,) = await scan(cluster, base=MANIFESTS)
        assert isinstance(observation, ClusterObservation)
        return observation

    return run


def test_each_cluster_has_its_test() -> None:
    """Here, or beside this module, where the demo's other accounts are tested whole."""
    accounts = tomllib.loads((MANIFESTS.parent / "demo.toml").read_text(encoding="utf-8"))["account"]
    clusters = [one for account in accounts if account["name"] != "datacenter" for one in account.get("cluster", ())]
    others = {Path(path).parts[1] for one in clusters for path in one.get("paths", ()) if path.startswith("manifests/")}
    assert {path.name for path in MANIFESTS.iterdir()} - others == set(SHOWN)


SHOWN: dict[str, tuple[str, int, LinkState, LinkState, tuple[str, ...]]] = {
    "good": ("1.34.2", 6, LinkState.OK, LinkState.OK, ()),
    "none-policy": ("1.34.2", 1, LinkState.OK, LinkState.OK, ()),
    "shadowed": ("1.34.2", 5, LinkState.OK, LinkState.OK, ()),
    "r1": ("1.34.2", 4, LinkState.OK, LinkState.OK, ()),
    "r2": ("1.34.2", 2, LinkState.OK, LinkState.OK, ()),
    "always-allow": ("1.34.2", 6, LinkState.OK, LinkState.OK, ()),
    "kubeadm-v1beta3": ("1.30.4", 6, LinkState.OK, LinkState.OK, (KUBEADM,)),
    "kubeadm-v1beta4": ("1.36.1", 6, LinkState.OK, LinkState.OK, (KUBEADM,)),
    "systemd-unit": ("", 6, LinkState.OK, LinkState.OK, ()),
    "unmounted-log": ("1.34.2", 6, LinkState.OK, LinkState.GAP, ()),
    "unreadable-policy": ("1.34.2", 0, LinkState.OK, LinkState.OK, ()),
    "no-backend": (
        "1.34.2",
        6,
        LinkState.GAP,
        LinkState.NOT_APPLICABLE,
        ("an audit policy is configured without a log: kube-apiserver starts, and its events go nowhere",),
    ),
    "disagreeing": (
        "1.34.2",
        6,
        LinkState.OK,
        LinkState.OK,
        (
            f"node cp-3 differs: --audit-log-path is not set, {LOG} on cp-1 and cp-2",
            "node cp-3 differs: --audit-log-maxage is not set, 30 on cp-1 and cp-2",
            "node cp-3 differs: --audit-log-maxbackup is not set, 10 on cp-1 and cp-2",
            "node cp-3 differs: --audit-log-maxsize is not set, 100 on cp-1 and cp-2",
            "node cp-3: an audit policy is configured without a log: kube-apiserver starts, and its events go nowhere",
        ),
    ),
    "webhook": (
        "1.34.2",
        6,
        LinkState.OK,
        LinkState.OK,
        (
            "the audit webhook sends in batches: it drops events when its buffer is full or its target does not answer",
            (
                "whether https://audit-collector.example.com:8443 answers and keeps the events is not seen here: "
                "kube-apiserver starts without it"
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(SHOWN))
async def test_what_each_shows(look: Look, name: str) -> None:
    version, rules, exported, delivered, notes = SHOWN[name]
    observation = await look(name)
    server = observation.servers[0]
    assert observation.ref.version == (version or None)
    assert (len(server.policy.policy.rules) if isinstance(server.policy, InlinePolicy) else 0) == rules
    assert [(channel.exported.state, channel.delivered.state) for channel in server.channels] == [(exported, delivered)]
    assert tuple(note.text for note in observation.notes) == notes


@pytest.mark.parametrize(
    ("name", "nodes"),
    [("good", ["cp-1", "cp-2", "cp-3"]), ("disagreeing", ["cp-1", "cp-2", "cp-3"]), ("r1", ["cp-1"])],
)
async def test_nodes(look: Look, name: str, nodes: list[str]) -> None:
    assert [server.name for server in (await look(name)).servers] == nodes


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("good", OK),
        (
            "unmounted-log",
            (
                f"{LOG} is written inside the container's own filesystem: "
                "lost when the pod is recreated; no volume mount covers it"
            ),
        ),
        ("systemd-unit", f"{LOG} is on the host itself"),
        ("webhook", "the webhook is https://audit-collector.example.com:8443"),
    ],
)
async def test_delivery(look: Look, name: str, reason: str) -> None:
    (channel,) = (await look(name)).servers[0].channels
    assert channel.delivered.reason == reason


async def test_the_node_that_disagrees_is_a_gap(look: Look) -> None:
    (channel,) = (await look("disagreeing")).servers[2].channels
    assert (channel.exported.state, channel.exported.reason) == (
        LinkState.GAP,
        "kube-apiserver does not specify --audit-log-path or --audit-webhook-config-file",
    )


async def test_the_policy_that_cannot_be_read(look: Look) -> None:
    policy = (await look("unreadable-policy")).servers[0].policy
    assert isinstance(policy, UnreadablePolicy)
    assert policy.reason == (
        "the audit policy unreadable-policy/cp-1/etc/kubernetes/audit-policy.yaml could not be read: "
        "there is no such file (set policy to a copy of the file)"
    )


async def test_nobody_is_denied(look: Look) -> None:
    authorizer = (await look("always-allow")).servers[0].authorizer
    assert (authorizer.can_deny, authorizer.anonymous) == (False, False)


@pytest.mark.parametrize(
    ("name", "days"),
    [("good", (0, 30)), ("systemd-unit", (30, 30)), ("kubeadm-v1beta3", (0, 30)), ("kubeadm-v1beta4", (0, 366))],
)
async def test_retention(look: Look, name: str, days: tuple[int, int]) -> None:
    (channel,) = (await look(name)).servers[0].channels
    assert (channel.retention.at_least, channel.retention.at_most) == days


async def test_no_secret_leaves_the_files(look: Look) -> None:
    """Only flags about auditing, authentication and authorization are quoted, and never a credential."""
    for name in SHOWN:
        text = repr(await look(name))
        for hidden in ("wJalrXUtnFEMI", "etcd", "sa.key", "ingest", "--tls", "192.0.2."):
            assert hidden not in text, (name, hidden)


async def test_the_same_files_without_their_hosts_are_unknown(scan: Scan) -> None:
    path = "good/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml"
    (observation,) = await scan({"name": "good", "paths": [path]}, base=MANIFESTS)
    assert isinstance(observation.servers[0].policy, UnreadablePolicy)
    assert not isinstance(observation.servers[0].policy, NoPolicy)
