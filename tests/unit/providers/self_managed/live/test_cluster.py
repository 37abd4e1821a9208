"""Live clusters from the API to the observation, over the wire, with no more rights than the manifest gives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from providers.self_managed import PROVIDER
from scanner.assessment import assess
from scanner.model import (
    ApiServer,
    ClusterObservation,
    InlinePolicy,
    LinkState,
    ManagedPolicy,
    NoPolicy,
    RuleSettings,
    ScanSettings,
    Status,
    UnreadablePolicy,
)
from scanner.ports import CollectContext
from tests.emulators.kubernetes import KubernetesEmulator, faults
from tests.emulators.kubernetes.objects import (
    AUDITED,
    k3s_node,
    kubeadm_config,
    node,
    openshift_api_server,
    openshift_infrastructure,
    other_pod,
    server_pod,
)
from tests.unit.providers.self_managed.hosts import METADATA_ALL, POLICY, STARTED
from tests.unit.providers.self_managed.live.conftest import QUICK, TOKEN

SCANNER = "system:serviceaccount:k8s-audit-coverage:k8s-audit-coverage"
PODS = "/api/v1/namespaces/kube-system/pods"
Read = Callable[..., Awaitable[ClusterObservation]]


@pytest.fixture
def least(cluster: KubernetesEmulator) -> KubernetesEmulator:
    """A cluster in which the scanner has the rights of the manifest, and no other."""
    cluster.rbac.open = False
    cluster.accept_token(TOKEN, SCANNER, "system:serviceaccounts")
    cluster.rbac.apply(PROVIDER.permissions("rbac"))
    return cluster


@pytest.fixture
def read(cluster: KubernetesEmulator, tmp_path: Path) -> Read:
    """Read the emulated cluster with the provider."""

    async def run(*, observe: bool = False, scan: ScanSettings = QUICK, **options: Any) -> ClusterObservation:  # noqa: ANN401
        if not options.get("in_cluster"):
            cluster.write_kubeconfig(tmp_path / "kubeconfig", {"token": TOKEN})
            options.setdefault("kubeconfig", "kubeconfig")
        given = PROVIDER.options.model_validate({"cluster": [{"name": "prod", **options}]}, context={"base": tmp_path})
        context = CollectContext("live", scan, RuleSettings(observe=observe), STARTED, lambda _what: None)
        (found,) = [item async for item in PROVIDER.collect(given, context)]
        assert isinstance(found, ClusterObservation)
        return found

    return run


def put(cluster: KubernetesEmulator, *objects: dict[str, Any]) -> None:
    for one in objects:
        cluster.store.put(one)


def only(observation: ClusterObservation) -> ApiServer:
    (server,) = observation.servers
    return server


def notes(observation: ClusterObservation) -> list[str]:
    return [note.text for note in observation.notes]


async def test_the_flags_of_every_node_are_read_with_the_rights_of_the_manifest(
    least: KubernetesEmulator, read: Read
) -> None:
    for name in ("cp-1", "cp-2", "cp-3"):
        put(least, node(name), server_pod(name))
    put(least, node("worker-1", role=None), other_pod("coredns"), kubeadm_config())
    found = await read()
    assert [server.name for server in found.servers] == ["cp-1", "cp-2", "cp-3"]
    assert found.ref.version == "1.34.2"
    assert found.ref.id == least.url
    assert found.unread == ()
    facts = {fact.name: fact.value for fact in found.facts}
    assert facts == {
        "API server": least.url,
        "server version": "v1.34.2",
        "control-plane nodes": "cp-1, cp-2 and cp-3",
        "read from": "static pod manifest",
    }
    (log,) = found.servers[0].channels
    assert (log.exported.state, log.delivered.state) == (LinkState.OK, LinkState.OK)
    evidence = log.exported.evidence[0]
    assert evidence.source == "Pod kube-system/kube-apiserver-cp-1"
    assert evidence.locator == "kube-apiserver's flags, spec.containers[0].command[4]"
    assert evidence.value == "--audit-log-path=/var/log/kubernetes/audit.log"
    mounted = log.delivered.evidence[1]
    assert mounted.locator == "spec.containers[0].volumeMounts[1]"


async def test_the_policy_is_unknown_and_the_finding_says_how_to_give_it(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), server_pod("cp-1"))
    found = await read()
    policy = only(found).policy
    assert isinstance(policy, UnreadablePolicy)
    assert "/etc/kubernetes/audit-policy.yaml could not be read" in policy.reason
    assert "the API shows no files of a node" in policy.reason
    assert "set policy to a copy of the file" in policy.reason
    assert assess(found, RuleSettings()).status is Status.UNKNOWN


async def test_with_a_copy_of_the_policy_the_cluster_can_pass(
    least: KubernetesEmulator, read: Read, tmp_path: Path
) -> None:
    put(least, node("cp-1"), server_pod("cp-1"), kubeadm_config())
    (tmp_path / "audit-policy.yaml").write_text(METADATA_ALL)
    found = await read(policy="audit-policy.yaml")
    assert isinstance(only(found).policy, InlinePolicy)
    assert assess(found, RuleSettings()).status is Status.PASS
    assert found.notes == ()


async def test_without_audit_flags_it_fails_whatever_cannot_be_read(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), server_pod("cp-1", ["--authorization-mode=Node,RBAC"]))
    found = await read()
    assert isinstance(only(found).policy, NoPolicy)
    assert assess(found, RuleSettings()).status is Status.FAIL


async def test_advice_is_about_kubeadm_where_it_writes_the_flags(least: KubernetesEmulator, read: Read) -> None:
    flags = ["--authorization-mode=Node,RBAC"]
    put(least, node("cp-1"), server_pod("cp-1", flags), node("cp-2"), kubeadm_config(flags))
    codes = "".join(advice.code for advice in assess(await read(), RuleSettings()).remediations)
    assert "extraArgs" in codes


async def test_a_node_without_a_pod_is_unknown_not_absent(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), server_pod("cp-1"), node("cp-2", role="master"))
    found = await read()
    assert [server.name for server in found.servers] == ["cp-1", "cp-2"]
    missing = found.servers[1].policy
    assert isinstance(missing, UnreadablePolicy)
    assert "Node cp-2 is a control-plane node, and no kube-apiserver pod in kube-system runs on it" in missing.reason
    assert "paths and root" in missing.reason


async def test_a_node_with_both_labels_is_one_node(least: KubernetesEmulator, read: Read) -> None:
    both = node("cp-1")
    both["metadata"]["labels"]["node-role.kubernetes.io/master"] = ""
    put(least, both, server_pod("cp-1"))
    assert only(await read()).name == "cp-1"


async def test_a_pod_that_mirrors_nothing_is_not_believed(least: KubernetesEmulator, read: Read) -> None:
    """Whoever may create pods in kube-system could otherwise make a report pass, or fail."""
    put(least, node("cp-1"), server_pod("cp-1"), server_pod("tenant", mirror=False))
    found = await read()
    assert only(found).name == "cp-1"
    assert any("kube-apiserver-tenant runs kube-apiserver and mirrors no static pod" in one for one in notes(found))


async def test_a_server_that_is_not_ready_is_told(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), server_pod("cp-1", ready=False))
    assert any(one.startswith("kube-apiserver on cp-1 is not ready") for one in notes(await read()))


async def test_nodes_that_differ_are_told(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), node("cp-2"), server_pod("cp-1"), server_pod("cp-2", AUDITED[:3]))
    assert any("--audit-log-maxage" in one for one in notes(await read()))


async def test_what_kubeadm_would_write_is_compared(least: KubernetesEmulator, read: Read) -> None:
    configured = [flag for flag in AUDITED if not flag.startswith(("--audit-policy", "--audit-log-maxage"))]
    put(least, node("cp-1"), server_pod("cp-1"), node("cp-2"), server_pod("cp-2"))
    put(least, node("cp-3"), server_pod("cp-3", [*AUDITED[:3], "no-flag"]))
    put(least, kubeadm_config([*configured, "--audit-log-maxage=7", "--audit-log-compress=true"]))
    found = await read()
    configmap = "ConfigMap kube-system/kubeadm-config"
    (told,) = (one for one in notes(found) if configmap in one)
    who, *differences = told.replace(": ", "; ", 1).split("; ")
    upgrade = "from which kubeadm writes the static pod at the next upgrade"
    assert who == f"nodes cp-1 and cp-2 differ from {configmap}, {upgrade}"
    assert differences == [
        f"--audit-policy-file is {POLICY} here, not set there",
        "--audit-log-maxage is 30 here, 7 there",
        "--audit-log-compress is not set here, true there",
    ]
    evidence = {(one.source, one.value) for note in found.notes for one in note.evidence}
    assert ("ConfigMap kube-system/kubeadm-config", "--audit-log-maxage=7") in evidence
    assert ("Pod kube-system/kube-apiserver-cp-2", "--audit-log-maxage=30") in evidence


async def test_flags_that_kubeadm_could_not_start_are_not_compared(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), server_pod("cp-1"), kubeadm_config(["----x=1"]))
    assert not any("next upgrade" in one for one in notes(await read()))


async def test_a_broken_kubeadm_config_is_not_compared(least: KubernetesEmulator, read: Read) -> None:
    broken = kubeadm_config()
    broken["data"]["ClusterConfiguration"] = "{"
    put(least, node("cp-1"), server_pod("cp-1"), broken)
    assert not any("next upgrade" in one for one in notes(await read()))


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        (PODS, "list pods in namespace kube-system"),
        ("/api/v1/nodes", "list nodes"),
    ],
)
async def test_a_missing_right_makes_unknown_what_it_hides(
    least: KubernetesEmulator, read: Read, path: str, permission: str
) -> None:
    put(least, node("cp-1"), server_pod("cp-1"))
    least.inject(faults.error(403, "Forbidden", "no"), path)
    found = await read()
    hidden = [one.policy.permission for one in found.servers if isinstance(one.policy, UnreadablePolicy)]
    assert permission in hidden
    assert assess(found, RuleSettings()).status is Status.UNKNOWN


async def test_without_any_right_everything_is_unknown(cluster: KubernetesEmulator, read: Read) -> None:
    cluster.rbac.open = False
    put(cluster, node("cp-1"), server_pod("cp-1"))
    found = await read()
    assert [one.name for one in found.servers] == ["further control-plane nodes", "kube-apiserver"]
    assert [one.permission for one in found.unread] == ["get configmaps/kubeadm-config in namespace kube-system"]
    result = assess(found, RuleSettings())
    assert result.status is Status.UNKNOWN
    (advice,) = result.remediations
    assert advice.text.startswith("The scan ran as the identity of kubeconfig (context emulated), without list nodes, ")
    assert advice.code == "k8s-audit-coverage providers self_managed --permissions rbac"


async def test_pods_that_may_not_be_listed_leave_each_node_unknown(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), node("cp-2"), server_pod("cp-1"))
    least.inject(faults.error(403, "Forbidden", "no"), PODS)
    assert [one.name for one in (await read()).servers] == ["cp-1", "cp-2"]


async def test_no_control_plane_to_see_and_no_pods_to_list(least: KubernetesEmulator, read: Read) -> None:
    least.inject(faults.error(500, "InternalError", "no"), PODS)
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)
    assert "HTTP 500" in policy.reason


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("v1.34.2", "read the files of the machine that it runs on"),
        ("v1.33.1-eks-1d2e3f4", 'read it with provider "eks"'),
        ("v1.33.1-gke.1234000", 'read it with provider "gke"'),
    ],
)
async def test_a_control_plane_that_runs_elsewhere_is_unknown(
    least: KubernetesEmulator, read: Read, version: str, hint: str
) -> None:
    least.version = version
    put(least, node("worker-1", role=None))
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)
    assert "its control plane runs elsewhere" in policy.reason
    assert hint in policy.reason


async def test_k3s_is_read_from_its_nodes(least: KubernetesEmulator, read: Read) -> None:
    words = ("--kube-apiserver-arg", "audit-log-path=/var/log/k3s-audit.log", "--disable", "traefik")
    policy = ("--kube-apiserver-arg", "audit-policy-file=/var/lib/rancher/k3s/server/audit.yaml", "--token", "********")
    put(least, k3s_node("server-1", *words, *policy))
    least.version = "v1.34.2+k3s1"
    found = await read()
    server = only(found)
    assert server.name == "server-1"
    (log,) = server.channels
    assert log.delivered.state is LinkState.OK
    assert log.exported.evidence[0].source == "Node server-1"
    assert log.exported.evidence[0].locator == "kube-apiserver's flags, metadata.annotations.k3s.io/node-args"
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.authorizer.can_deny is True
    assert found.ref.version == "1.34.2"


async def test_k3s_without_audit_flags_fails(least: KubernetesEmulator, read: Read) -> None:
    put(least, k3s_node("server-1", "--disable", "traefik", "--cluster-init"))
    found = await read()
    assert isinstance(only(found).policy, NoPolicy)
    assert any("kube-apiserver-arg" in advice.code for advice in assess(found, RuleSettings()).remediations)


async def test_a_k3s_server_without_an_api_server_is_unknown(least: KubernetesEmulator, read: Read) -> None:
    put(least, k3s_node("server-1", "--disable-apiserver"))
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)
    assert "this server runs no API server" in policy.reason


async def test_rke2_without_visible_pods_is_read_from_its_nodes(least: KubernetesEmulator, read: Read) -> None:
    put(least, k3s_node("server-1", "--profile", "cis", product="rke2"))
    least.inject(faults.error(403, "Forbidden", "no"), PODS)
    server = only(await read())
    assert server.channels[0].name == "/var/lib/rancher/rke2/server/logs/audit.log"


@pytest.mark.parametrize("annotation", ["not json", '{"server": 1}', '["server", 1]'])
async def test_an_annotation_that_is_no_list_of_words_is_unknown(
    least: KubernetesEmulator, read: Read, annotation: str
) -> None:
    put(least, node("server-1", annotations={"k3s.io/node-args": annotation}))
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)
    assert "has an annotation k3s.io/node-args that is no list of words" in policy.reason


@pytest.mark.parametrize(
    ("profile", "name"), [(None, "openshift-default"), ("WriteRequestBodies", "openshift-writerequestbodies")]
)
async def test_openshift_is_read_from_its_own_object(
    least: KubernetesEmulator, read: Read, profile: str | None, name: str
) -> None:
    least.groups.append("config.openshift.io")
    put(least, openshift_api_server(profile), openshift_infrastructure(), node("cp-1"))
    found = await read()
    policy = only(found).policy
    assert isinstance(policy, ManagedPolicy)
    assert policy.name == name
    assert all("line" not in one.locator for one in policy.evidence)
    assert assess(found, RuleSettings()).status is Status.PASS


@pytest.mark.parametrize("plural", ["apiservers", "infrastructures"])
async def test_openshift_without_the_right_is_unknown(least: KubernetesEmulator, read: Read, plural: str) -> None:
    least.groups.append("config.openshift.io")
    put(least, openshift_api_server(None), openshift_infrastructure())
    least.inject(faults.error(403, "Forbidden", "no"), f"/apis/config.openshift.io/v1/{plural}/cluster")
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)
    assert policy.permission == f"get {plural}.config.openshift.io/cluster"


async def test_a_hosted_control_plane_is_unknown(least: KubernetesEmulator, read: Read) -> None:
    """Its logs are in the management cluster: the profile alone must not make it pass."""
    least.groups.append("config.openshift.io")
    put(least, openshift_api_server(None), openshift_infrastructure("External"))
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)
    assert "its control plane runs in another cluster (read its HostedCluster" in policy.reason


async def test_the_manifest_is_enough_where_discovery_was_taken_away(least: KubernetesEmulator, read: Read) -> None:
    least.rbac.discovery = False
    put(least, node("cp-1"), server_pod("cp-1"), kubeadm_config())
    found = await read()
    assert [server.name for server in found.servers] == ["cp-1"]
    assert found.unread == ()
    least.rbac.objects.clear()
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)
    assert policy.permission == "get /version"


async def test_an_object_that_makes_no_sense_is_unknown(least: KubernetesEmulator, read: Read) -> None:
    strange = server_pod("cp-1")
    strange["spec"]["containers"] = [{"image": "kube-apiserver:\ud800\x7f"}]
    put(least, node("cp-1"), strange)
    policy = only(await read()).policy
    assert isinstance(policy, UnreadablePolicy)


@pytest.mark.parametrize("status", [401, 500])
async def test_a_server_that_cannot_be_asked_leaves_one_unknown_cluster(
    least: KubernetesEmulator, read: Read, status: int
) -> None:
    least.inject(faults.error(status, "No", "no"), "/version")
    found = await read(scan=ScanSettings(retries=0))
    assert (found.ref.name, found.ref.id) == ("prod", "kubeconfig")
    policy = only(found).policy
    assert isinstance(policy, UnreadablePolicy)
    assert f"GET {least.url}/version" in policy.reason


async def test_a_version_that_is_none_is_not_taken(least: KubernetesEmulator, read: Read) -> None:
    least.version = "devel"
    put(least, k3s_node("server-1"))
    assert (await read()).ref.version is None


async def test_in_a_pod_its_service_account_reads(
    least: KubernetesEmulator, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(TOKEN)
    (account / "ca.crt").write_bytes(least.authority_pem)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", least.url.rpartition(":")[2])
    put(least, node("cp-1"), server_pod("cp-1"))
    found = await read(in_cluster=True, service_account=str(account))
    assert only(found).name == "cp-1"
    assert least.requests[0].user == SCANNER


async def test_records_cannot_be_seen_through_the_api(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), server_pod("cp-1"))
    (log,) = only(await read(observe=True)).channels
    assert log.observed is not None
    assert log.observed.state is LinkState.UNKNOWN


async def test_nothing_that_is_secret_gets_into_an_observation(least: KubernetesEmulator, read: Read) -> None:
    pod = server_pod("cp-1", [*AUDITED, "--etcd-password=hunter2", "--service-account-key-file=/hunter2"])
    pod["metadata"]["annotations"]["vault.example/token"] = "hunter2"
    put(least, node("cp-1"), pod)
    shown = repr(await read())
    assert "hunter2" not in shown
    assert TOKEN not in shown


def test_reading_files_loads_no_aiohttp() -> None:
    code = (
        "import asyncio, sys\n"
        "from datetime import UTC, datetime\n"
        "from providers.self_managed import PROVIDER\n"
        "from scanner.model import RuleSettings, ScanSettings\n"
        "from scanner.ports import CollectContext\n"
        "options = PROVIDER.options.model_validate({'cluster': [{'name': 'a', 'paths': ['nothing.yaml']}]})\n"
        "context = CollectContext('a', ScanSettings(), RuleSettings(), datetime.now(UTC), lambda what: None)\n"
        "async def main():\n"
        "    return [one async for one in PROVIDER.collect(options, context)]\n"
        "assert len(asyncio.run(main())) == 1\n"
        "print('aiohttp' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "False"


def test_without_aiohttp_it_says_what_to_install() -> None:
    """Run as a process of its own: an import that is blocked here would stay blocked for others."""
    code = (
        "import asyncio, sys\n"
        "sys.modules['aiohttp'] = None\n"
        "from datetime import UTC, datetime\n"
        "from providers.self_managed import PROVIDER\n"
        "from scanner.model import RuleSettings, ScanSettings\n"
        "from scanner.ports import CollectContext\n"
        "options = PROVIDER.options.model_validate({'cluster': [{'name': 'live', 'context': 'prod'}, "
        "{'name': 'web', 'paths': ['https://127.0.0.1:1/x']}]})\n"
        "context = CollectContext('a', ScanSettings(), RuleSettings(), datetime.now(UTC), lambda what: None)\n"
        "async def main():\n"
        "    async for one in PROVIDER.collect(options, context):\n"
        "        print(one.servers[0].policy.reason)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())  # noqa: S603 - ours
    assert done.stdout.count("pip install 'k8s-audit-coverage[live]'") == 2


@pytest.mark.parametrize("path", ["apiservers", "infrastructures"])
async def test_an_answer_that_is_not_the_object_is_no_default(least: KubernetesEmulator, read: Read, path: str) -> None:
    least.groups.append("config.openshift.io")
    put(least, openshift_api_server("WriteRequestBodies"), openshift_infrastructure())
    least.inject(faults.body(b"{}"), f"/apis/config.openshift.io/v1/{path}/cluster")
    found = await read()
    assert "another object than the one that was asked for" in str(only(found).policy)


async def test_a_comparison_that_could_not_be_made_is_told(least: KubernetesEmulator, read: Read) -> None:
    put(least, node("cp-1"), server_pod("cp-1"), kubeadm_config())
    least.inject(faults.error(403, "Forbidden", "no"), "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
    [told] = [text for text in notes(await read()) if "kubeadm" in text]
    assert told.startswith("whether kubeadm would write the same flags again is not known: GET https://")
    assert "RBAC does not allow to get configmaps/kubeadm-config" in told
