"""One cluster described by several files, several clusters in one directory, and a directory of anything."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from providers.self_managed.composing import compose
from providers.self_managed.composition import Unknown
from providers.self_managed.fields import Field
from providers.self_managed.files import HostFiles
from providers.self_managed.looking import Look
from providers.self_managed.paths import Found
from providers.self_managed.source import ApiServerSource, Fragment, ManifestFile
from scanner.errors import Malformed
from scanner.model import (
    ClusterObservation,
    Evidence,
    InlinePolicy,
    LinkState,
    NoPolicy,
    NoteSeverity,
    UnreadablePolicy,
)
from tests.unit.providers.self_managed.hosts import METADATA_ALL, Host, Scan, Unprivileged

POD = """\
kind: Pod
spec:
  containers:
  - name: kube-apiserver
    image: registry.k8s.io/kube-apiserver:v1.34.2
    command: [kube-apiserver, --audit-policy-file=/etc/audit/policy.yaml, --audit-log-path=-, --authorization-mode=RBAC]
    volumeMounts: [{name: audit, mountPath: /etc/audit}]
  volumes: [{name: audit, VOLUME}]
"""
ON_HOST = POD.replace("VOLUME", "hostPath: {path: /etc/kubernetes/audit}")
NONE = METADATA_ALL.replace("Metadata", "None")
KOPS = """\
apiVersion: kops.k8s.io/v1alpha2
kind: Cluster
metadata: {name: NAME}
spec: {authorization: {rbac: {}}, kubeAPIServer: {auditLogPath: /var/log/a, auditPolicyFile: /srv/policy.yaml}}
"""


def put(world: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        (world / name).write_text(text)


def config_map(name: str, key: str, text: str) -> str:
    inner = "".join(f"    {line}\n" for line in text.splitlines())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  {key}: |\n{inner}"


def policy_of(observation: ClusterObservation, number: int = 0) -> InlinePolicy:
    policy = observation.servers[number].policy
    assert isinstance(policy, InlinePolicy), getattr(policy, "reason", policy)
    return policy


def reason_of(observation: ClusterObservation, number: int = 0) -> str:
    policy = observation.servers[number].policy
    assert isinstance(policy, (UnreadablePolicy, NoPolicy))
    return policy.reason


async def test_a_policy_in_a_file_of_its_own_is_found_by_its_name(world: Path, scan: Scan) -> None:
    put(world, {"a/pod.yaml": ON_HOST, "a/policy.yaml": METADATA_ALL, "a/other.yaml": NONE})
    (observation,) = await scan({"name": "c", "paths": ["a/pod.yaml", "a/policy.yaml", "a/other.yaml"]})
    policy = policy_of(observation)
    assert [(item.source, item.locator) for item in policy.evidence[2:]] == [
        ("a/policy.yaml", "line 1"),
        ("a/policy.yaml", "rules"),
    ]
    assert ("audit policy from", "a/policy.yaml") in [(fact.name, fact.value) for fact in observation.facts]
    assert [server.name for server in observation.servers] == ["a/pod.yaml"]


async def test_the_longer_path_in_common_counts(world: Path, scan: Scan) -> None:
    put(world, {"pod.yaml": ON_HOST, "kubernetes/audit/policy.yaml": METADATA_ALL, "x/policy.yaml": NONE})
    paths = ["pod.yaml", "kubernetes/audit/policy.yaml", "x/policy.yaml"]
    (observation,) = await scan({"name": "c", "paths": paths})
    assert policy_of(observation).source == "kubernetes/audit/policy.yaml"


async def test_of_files_equally_near_the_one_beside_the_manifest_counts(world: Path, scan: Scan) -> None:
    put(world, {"a/pod.yaml": ON_HOST, "a/policy.yaml": METADATA_ALL, "b/pod.yaml": ON_HOST, "b/policy.yaml": NONE})
    (observation,) = await scan({"name": "c", "paths": ["a/*.yaml", "b/*.yaml"]})
    assert [policy_of(observation, number).source for number in (0, 1)] == ["a/policy.yaml", "b/policy.yaml"]


async def test_files_that_may_all_be_meant_are_not_chosen_from(world: Path, scan: Scan) -> None:
    put(world, {"pod.yaml": ON_HOST, "a/policy.yaml": METADATA_ALL, "b/policy.yaml": NONE})
    (observation,) = await scan({"name": "c", "paths": ["pod.yaml", "a/policy.yaml", "b/policy.yaml"]})
    assert reason_of(observation) == (
        "the audit policy policy.yaml could not be read: may be any of a/policy.yaml, b/policy.yaml "
        "(set policy to a copy of the file)"
    )


async def test_files_that_hold_the_same_need_no_choice(world: Path, scan: Scan) -> None:
    put(world, {"pod.yaml": ON_HOST, "a/policy.yaml": METADATA_ALL, "b/policy.yaml": METADATA_ALL})
    (observation,) = await scan({"name": "c", "paths": ["pod.yaml", "a/policy.yaml", "b/policy.yaml"]})
    assert policy_of(observation).source == "a/policy.yaml"


async def test_a_policy_of_another_name_is_not_taken(world: Path, scan: Scan) -> None:
    put(world, {"pod.yaml": ON_HOST, "audit.yaml": METADATA_ALL})
    (observation,) = await scan({"name": "c", "paths": ["pod.yaml", "audit.yaml"]})
    assert "there is no host filesystem to read it from" in reason_of(observation)


async def test_the_host_and_the_copy_that_is_configured_come_first(host: Host, world: Path, scan: Scan) -> None:
    host.put("pod.yaml", ON_HOST)
    put(world, {"policy.yaml": NONE, "copy.yaml": METADATA_ALL})
    cluster = {"name": "c", "paths": ["hosts/*/pod.yaml", "policy.yaml"], "root": "hosts/*", "policy": "copy.yaml"}
    (observation,) = await scan(cluster)
    assert policy_of(observation).source == "copy.yaml"
    host.put("/etc/kubernetes/audit/policy.yaml", METADATA_ALL)
    (observation,) = await scan(cluster)
    assert policy_of(observation).source == "hosts/cp-1/etc/kubernetes/audit/policy.yaml"


@pytest.mark.parametrize(
    ("volume", "key"),
    [
        ("configMap: {name: audit}", "policy.yaml"),
        ("configMap: {name: audit, items: [{key: k, path: policy.yaml}]}", "k"),
    ],
)
async def test_a_policy_in_a_config_map(world: Path, scan: Scan, volume: str, key: str) -> None:
    put(world, {"pod.yaml": POD.replace("VOLUME", volume), "map.yaml": config_map("audit", key, METADATA_ALL)})
    (observation,) = await scan({"name": "c", "paths": ["pod.yaml", "map.yaml"]})
    policy = policy_of(observation)
    assert policy.policy.rules[0].line == 9
    assert [(item.source, item.locator) for item in policy.evidence[-2:]] == [
        ("map.yaml", f"line 5, data.{key}"),
        ("map.yaml", "rules"),
    ]


async def test_a_policy_in_a_secret_or_in_a_list(world: Path, scan: Scan) -> None:
    data = base64.b64encode(METADATA_ALL.encode()).decode()
    secret = (
        f"kind: List\nitems:\n- kind: Secret\n  metadata: {{name: s}}\n  data: {{policy.yaml: {data}, other: '*'}}\n"
    )
    put(world, {"pod.yaml": POD.replace("VOLUME", "secret: {secretName: s}"), "list.yaml": secret})
    (observation,) = await scan({"name": "c", "paths": ["pod.yaml", "list.yaml"]})
    assert policy_of(observation).evidence[-2].value == "Secret s, key policy.yaml"


@pytest.mark.parametrize("other", [config_map("another", "policy.yaml", NONE), config_map("audit", "x", NONE)])
async def test_another_object_or_key_is_not_taken(world: Path, scan: Scan, other: str) -> None:
    put(world, {"pod.yaml": POD.replace("VOLUME", "configMap: {name: audit}"), "map.yaml": other})
    (observation,) = await scan({"name": "c", "paths": ["pod.yaml", "map.yaml"]})
    assert "which is not on the host" in reason_of(observation)


async def test_several_clusters_in_one_directory(world: Path, scan: Scan) -> None:
    put(
        world,
        {
            "fleet/a/cluster.yaml": KOPS.replace("NAME", "one"),
            "fleet/a/policy.yaml": METADATA_ALL,
            "fleet/b/cluster.yaml": KOPS.replace("NAME", "two"),
            "fleet/b/policy.yaml": NONE,
            "fleet/.git/config.yaml": ON_HOST,
            "fleet/app.yaml": "kind: Deployment\n",
        },
    )
    first, second = await scan({"name": "fleet", "paths": ["fleet"]})
    assert [first.ref.name, second.ref.name] == ["fleet/one", "fleet/two"]
    assert [server.name for one in (first, second) for server in one.servers] == ["control plane", "control plane"]
    assert [policy_of(one).source for one in (first, second)] == ["fleet/a/policy.yaml", "fleet/b/policy.yaml"]
    left_out = [[fact.value for fact in one.facts if fact.name == "files left out"] for one in (first, second)]
    assert left_out == [["1 that have nothing to do with an API server"], []]


async def test_files_that_name_the_same_cluster_are_one(world: Path, scan: Scan) -> None:
    put(world, {"a.yaml": KOPS.replace("NAME", "one"), "pod.yaml": ON_HOST})
    (observation,) = await scan({"name": "c", "paths": ["a.yaml", "pod.yaml"]})
    assert observation.ref.name == "c"
    assert len(observation.servers) == 2


async def test_a_directory_without_an_api_server(world: Path, scan: Scan) -> None:
    put(world, {"d/a.yaml": "kind: Service\n", "d/policy.yaml": METADATA_ALL, "d/b.bin": "\x00"})
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    assert reason_of(observation) == (
        "d holds no API server; found was: audit policy; 2 files have nothing to do with one "
        "(add the file that holds kube-apiserver's flags or settings to paths)"
    )


async def test_a_directory_with_nothing(world: Path, scan: Scan) -> None:
    (world / "d").mkdir()
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    assert isinstance(observation.servers[0].policy, UnreadablePolicy)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("kind: Pod\nx: [kube-apiserver\n", True),
        ("kind: ConfigMap\nx: {{ .Values.x }}: y\n", False),
        (f"# kube-apiserver\n# {'x' * 8 * 1024 * 1024}", False),
    ],
    ids=["half a manifest", "a template", "a large file"],
)
async def test_broken_files_that_a_search_finds(world: Path, scan: Scan, text: str, known: bool) -> None:  # noqa: FBT001
    """Only what speaks of an API server may be one that is not known."""
    put(world, {"d/pod.yaml": ON_HOST, "d/x.yaml": text})
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    assert [server.name for server in observation.servers] == ["d/pod.yaml", *(["d/x.yaml"] if known else [])]


async def test_a_directory_that_may_not_be_listed(world: Path, scan: Scan, unprivileged: Unprivileged) -> None:
    put(world, {"d/pod.yaml": ON_HOST, "d/closed/x.yaml": "a"})
    (world / "d/closed").chmod(0)
    try:
        with unprivileged():
            (observation,) = await scan({"name": "c", "paths": ["d"]})
    finally:
        (world / "d/closed").chmod(0o755)
    assert reason_of(observation) == "d/closed may not be read (give the user that scans read access)"


WORKER = "machine: {type: worker}\ncluster: {}\n"


async def test_a_file_that_is_for_nobody_here_is_refused_where_it_is_named(world: Path, scan: Scan) -> None:
    put(world, {"w.yaml": WORKER})
    (observation,) = await scan({"name": "c", "paths": ["w.yaml"]})
    assert reason_of(observation) == (
        "w.yaml is the machine configuration of a worker, which runs no API server (give that of a control-plane node)"
    )


async def test_a_file_that_is_for_nobody_here_is_mentioned_where_it_is_found(world: Path, scan: Scan) -> None:
    put(world, {"d/w.yaml": WORKER, "d/pod.yaml": ON_HOST})
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    assert [server.name for server in observation.servers] == ["d/pod.yaml"]
    note = observation.notes[-1]
    assert note.severity is NoteSeverity.INFO
    assert note.text == (
        "d/w.yaml is the machine configuration of a worker, which runs no API server: give that of a control-plane node"
    )


async def test_settings_that_cannot_be_put_together(world: Path, scan: Scan) -> None:
    """A talconfig with a patch that is no YAML is unknown, and the other files are read all the same."""
    patch = "clusterName: x\nnodes: [{hostname: a, controlPlane: true}]\npatches:\n- |\n  [\n"
    put(world, {"d/talconfig.yaml": f"{patch}# kube-apiserver\n", "d/pod.yaml": ON_HOST})
    (observation,) = await scan({"name": "c", "paths": ["d/talconfig.yaml", "d/pod.yaml"]})
    assert reason_of(observation) == "d/talconfig.yaml is not valid YAML (line 6)"
    assert observation.servers[1].channels[0].exported.state is LinkState.OK


async def test_a_broken_patch_in_a_file_that_a_search_finds(world: Path, scan: Scan) -> None:
    """It is not known where it speaks of an API server's log, and else has nothing to do with one."""
    patch = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nkubeadmConfigPatches: ['[']\n"
    put(world, {"d/a.yaml": f"{patch}# audit-log-path\n", "d/b.yaml": patch, "d/pod.yaml": ON_HOST})
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    assert [server.name for server in observation.servers] == ["d/a.yaml", "d/pod.yaml"]
    assert reason_of(observation) == "d/a.yaml is not valid YAML (line 4)"


async def test_a_link_that_leads_nowhere_may_be_anything(world: Path, scan: Scan) -> None:
    put(world, {"d/pod.yaml": ON_HOST})
    (world / "d/link.yaml").symlink_to("missing.yaml")
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    assert reason_of(observation) == "d/link.yaml: there is no such file"


async def test_a_profile_that_is_not_known_leaves_the_policy_open(world: Path, scan: Scan) -> None:
    server = "apiVersion: config.openshift.io/v1\nkind: APIServer\nspec: {audit: {profile: Strange}}\n"
    put(world, {"o.yaml": server})
    (observation,) = await scan({"name": "c", "paths": ["o.yaml"]})
    assert reason_of(observation) == (
        "the audit policy o.yaml could not be read: it names an audit profile that is not known "
        "(set policy to a copy of the file)"
    )


async def test_a_webhook_kubeconfig_in_a_file_of_its_own(world: Path, scan: Scan) -> None:
    pod = ON_HOST.replace("--audit-log-path=-", "--audit-webhook-config-file=/etc/audit/hook.yaml")
    hook = (
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://siem.example/x?secret=1'}}]\n"
    )
    put(world, {"pod.yaml": pod, "hook.yaml": hook, "policy.yaml": METADATA_ALL})
    (observation,) = await scan({"name": "c", "paths": ["pod.yaml", "hook.yaml", "policy.yaml"]})
    (channel,) = observation.servers[0].channels
    assert channel.delivered.evidence[-1] == Evidence("hook.yaml", "line 5", "server: https://siem.example")


def test_fragments_that_cannot_be_put_together_are_one_unknown_server() -> None:
    def refuse(_fragments: Sequence[Fragment]) -> Sequence[ApiServerSource]:
        raise Malformed("contradicts itself", where="b.yaml")

    host = HostFiles(None)
    file = ManifestFile(Path("/x/a.yaml"), "a.yaml", host, b"")
    part = Fragment(file, Field("a.yaml", None), refuse)
    look = Look(Found(file.path, "a.yaml"), host, "", (("some format", part),))
    (composition,) = compose([look])
    (unknown,) = composition.servers
    assert isinstance(unknown, Unknown)
    assert (unknown.name, str(unknown.error)) == ("a.yaml", "b.yaml: contradicts itself")


async def test_a_path_without_files_beside_several_clusters_is_unknown_too(world: Path, scan: Scan) -> None:
    put(world, {"f/a.yaml": KOPS.replace("NAME", "one"), "f/b.yaml": KOPS.replace("NAME", "two")})
    observations = await scan({"name": "fleet", "paths": ["f", "missing/*.yaml"]})
    assert [one.ref.name for one in observations] == ["fleet/one", "fleet/two", "fleet"]
    assert reason_of(observations[2]).startswith("no file matches missing/*.yaml")


MIRRORED = POD.replace("VOLUME", "hostPath: {path: /etc/audit}")


async def test_a_policy_that_a_mounted_host_lacks_is_taken_from_no_other(world: Path, scan: Scan) -> None:
    """Nor from another directory of the same host, whatever the name."""
    put(world, {f"hosts/{name}/etc/pod.yaml": MIRRORED for name in "ab"})
    put(world, {"hosts/a/etc/audit/policy.yaml": METADATA_ALL, "hosts/b/old/etc/audit/policy.yaml": METADATA_ALL})
    cluster = {"name": "c", "paths": ["hosts/*/etc/**/*.yaml", "hosts/*/old/**/*.yaml"], "root": "hosts/*"}
    (observation,) = await scan(cluster)
    first, second = ((server.name, server.policy) for server in observation.servers)
    assert first[0] == "a"
    assert isinstance(first[1], InlinePolicy)
    assert second[0] == "b"
    assert reason_of(observation, 1) == (
        "the audit policy hosts/b/etc/audit/policy.yaml could not be read: there is no such file (check whether it is "
        "hosts/a/etc/audit/policy.yaml or hosts/b/old/etc/audit/policy.yaml, or set policy to a copy of the file)"
    )


@pytest.mark.parametrize(("copy", "is_taken"), [("policies/audit/policy.yaml", True), ("policies/policy.yaml", False)])
async def test_a_file_beside_the_mounted_hosts(host: Host, world: Path, scan: Scan, copy: str, is_taken: bool) -> None:  # noqa: FBT001
    """A name alone does not stand for a file that the host lacks."""
    host.put("pod.yaml", MIRRORED)
    put(world, {copy: METADATA_ALL})
    (observation,) = await scan({"name": "c", "paths": ["hosts/*/pod.yaml", copy], "root": "hosts/*"})
    assert isinstance(observation.servers[0].policy, InlinePolicy if is_taken else UnreadablePolicy)


async def test_a_policy_that_may_not_be_read_has_no_stand_in(
    host: Host, world: Path, scan: Scan, unprivileged: Unprivileged
) -> None:
    host.put("pod.yaml", MIRRORED)
    host.put("etc/audit/policy.yaml", NONE).chmod(0)
    put(world, {"etc/audit/policy.yaml": METADATA_ALL})
    with unprivileged():
        (observation,) = await scan(
            {"name": "c", "paths": ["hosts/*/pod.yaml", "etc/audit/policy.yaml"], "root": "hosts/*"}
        )
    assert "hosts/cp-1/etc/audit/policy.yaml could not be read: may not be read" in reason_of(observation)


async def test_the_file_of_another_host_is_not_taken_where_none_is_mounted(world: Path, scan: Scan) -> None:
    put(world, {f"hosts/{name}/etc/kubernetes/pod.yaml": MIRRORED for name in "ab"})
    put(world, {"hosts/a/etc/audit/policy.yaml": METADATA_ALL})
    (observation,) = await scan({"name": "c", "paths": ["hosts"]})
    assert policy_of(observation, 0).source == "hosts/a/etc/audit/policy.yaml"
    assert "check whether it is hosts/a/etc/audit/policy.yaml" in reason_of(observation, 1)


async def test_a_file_of_the_same_name_that_a_search_finds_elsewhere_is_not_taken(world: Path, scan: Scan) -> None:
    put(world, {"d/pod.yaml": ON_HOST, "d/docs/policy.yaml": METADATA_ALL})
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    assert reason_of(observation).endswith(
        "(set root to the mounted host filesystem, check whether it is d/docs/policy.yaml, "
        "or set policy to a copy of the file)"
    )
    (observation,) = await scan({"name": "c", "paths": ["d", "d/docs/policy.yaml"]})
    assert isinstance(observation.servers[0].policy, UnreadablePolicy)
    (observation,) = await scan({"name": "c", "paths": ["d/pod.yaml", "d/docs/policy.yaml"]})
    assert policy_of(observation).source == "d/docs/policy.yaml"


@pytest.mark.parametrize(
    ("namespaces", "taken"),
    [
        (["other"], ""),
        ([""], "0.yaml"),
        (["kube-system"], "0.yaml"),
        (["other", "kube-system"], "1.yaml"),
        (["", "kube-system"], "1.yaml"),
    ],
)
async def test_an_object_of_another_namespace_is_not_taken(
    world: Path, scan: Scan, namespaces: list[str], taken: str
) -> None:
    pod = POD.replace("VOLUME", "configMap: {name: audit}")
    put(world, {"pod.yaml": pod.replace("spec:\n", "metadata: {namespace: kube-system}\nspec:\n", 1)})
    for number, namespace in enumerate(namespaces):
        given = config_map("audit", "policy.yaml", METADATA_ALL if namespace != "other" else NONE)
        put(world, {f"{number}.yaml": given.replace("{name: audit}", f"{{name: audit, namespace: '{namespace}'}}")})
    paths = ["pod.yaml", *(f"{number}.yaml" for number in range(len(namespaces)))]
    (observation,) = await scan({"name": "c", "paths": paths})
    policy = observation.servers[0].policy
    assert (policy.source if isinstance(policy, InlinePolicy) else "") == taken


CLUSTER_CONFIGURATION = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.34.0\n"


@pytest.mark.parametrize(
    ("paths", "servers"),
    [
        (["d"], ["d/a/pod.yaml", "d/b/cc.yaml"]),
        (["d/a"], ["d/a/pod.yaml"]),
        (["d/a/pod.yaml", "d/b/cc.yaml"], ["d/a/pod.yaml"]),
        (["d/b"], ["d/b/cc.yaml"]),
    ],
)
async def test_a_cluster_configuration_beside_its_pods_is_no_node(
    world: Path, scan: Scan, paths: list[str], servers: list[str]
) -> None:
    """One in a directory of its own that a search comes upon may be of another cluster."""
    put(world, {"d/a/pod.yaml": ON_HOST, "d/a/cc.yaml": CLUSTER_CONFIGURATION, "d/b/cc.yaml": CLUSTER_CONFIGURATION})
    (observation,) = await scan({"name": "c", "paths": paths})
    assert [server.name for server in observation.servers] == servers
    aside = [note.text for note in observation.notes if "is not counted as a node" in note.text]
    differs = [note.text for note in observation.notes if "kubeadm writes the static pod at the next" in note.text]
    assert len(aside) == len(differs) == (0 if paths == ["d/b"] else 1)
    assert all("--audit-log-path is - here, not set there" in text for text in differs)


async def test_a_cluster_configuration_of_the_same_host_is_no_node(host: Host, scan: Scan) -> None:
    host.put("etc/kubernetes/manifests/pod.yaml", ON_HOST)
    host.put("root/cc.yaml", CLUSTER_CONFIGURATION)
    (observation,) = await scan({"name": "c", "paths": ["hosts"], "root": "hosts/*"})
    assert [server.name for server in observation.servers] == ["cp-1"]


@pytest.mark.parametrize(
    ("text", "puzzles"),
    [
        ("settings: {auditPolicy: x}\n", True),
        ("# How kube-apiserver is started here\n", True),
        ("apiVersion: k0s.k0sproject.io/v1beta1\nkind: ClusterConfig\n", True),
        ("kind: KThreesControlPlane\n", True),
        ('{"kind": "ClusterClass"}\n', True),
        ("kind: Deployment\nmetadata: {name: auditor}\n", False),
    ],
)
async def test_a_file_that_speaks_of_an_api_server_is_not_left_out_silently(
    world: Path,
    scan: Scan,
    text: str,
    puzzles: bool,  # noqa: FBT001
) -> None:
    put(world, {"d/pod.yaml": ON_HOST, "d/other.yaml": text})
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    said = "d/other.yaml speaks of an API server and could not be recognised as a file that describes one: not read"
    assert (said in [note.text for note in observation.notes]) is puzzles
    assert ("files left out" in [fact.name for fact in observation.facts]) is not puzzles


async def test_of_many_files_that_speak_of_an_api_server_some_are_named(world: Path, scan: Scan) -> None:
    put(world, {"d/pod.yaml": ON_HOST, **{f"d/{number:02}.md": "kube-apiserver\n" for number in range(12)}})
    (observation,) = await scan({"name": "c", "paths": ["d"]})
    note = observation.notes[-1]
    assert "d/08.md, d/09.md and 2 more speak of an API server" in note.text
    assert len(note.evidence) == 10
