"""Several nodes, missing nodes, and files that are no API server's."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from providers.self_managed import PROVIDER
from scanner.model import (
    ClusterObservation,
    ClusterRef,
    Evidence,
    InlinePolicy,
    LinkState,
    NoPolicy,
    NoteSeverity,
    RuleSettings,
    ScanSettings,
    UnreadablePolicy,
)
from scanner.ports import AccountOptions, CollectContext
from tests.unit.providers.self_managed.hosts import POLICY, Host, Scan, ScanHost, Unprivileged

FLAGS = [
    "--audit-policy-file=/etc/kubernetes/audit-policy.yaml",
    "--audit-log-path=/var/log/audit.log",
    "--audit-log-maxage=30",
    "--authorization-mode=Node,RBAC",
]
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"
CLUSTER = {"name": "prod", "paths": [f"hosts/*/{MANIFEST}"], "root": "hosts/*", "location": "fra1"}


@pytest.fixture
def nodes(host: Host) -> list[Host]:
    hosts = [replace(host, root=host.root.parent / f"cp-{number}") for number in (1, 2, 3)]
    for node in hosts:
        node.pod(FLAGS)
    return hosts


async def test_nodes_that_agree(nodes: list[Host], scan: Scan) -> None:
    nodes[2].put(
        "etc/kubernetes/audit-policy.yaml",
        "# a comment\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [level: Metadata]\n",
    )
    (observation,) = await scan(CLUSTER)
    assert observation.ref == ClusterRef(
        "self_managed", "datacenter", "", "fra1", "prod", f"hosts/*/{MANIFEST}", "1.34.2"
    )
    assert [server.name for server in observation.servers] == ["cp-1", "cp-2", "cp-3"]
    assert observation.notes == ()
    assert [(fact.name, fact.value) for fact in observation.facts] == [
        ("control-plane nodes", "cp-1, cp-2 and cp-3"),
        ("read from", "static pod manifest"),
    ]
    assert observation.parameters == {
        "manifest": f"hosts/cp-1/{MANIFEST}",
        "policy_file": "/etc/kubernetes/audit-policy.yaml",
        "log_path": "/var/log/audit.log",
    }


@pytest.mark.parametrize(
    ("flags", "texts"),
    [
        (
            [FLAGS[0], FLAGS[2], FLAGS[3]],
            [
                "node cp-3 differs: --audit-log-path is not set, /var/log/audit.log on cp-1 and cp-2",
                (
                    "node cp-3: an audit policy is configured without a log: "
                    "kube-apiserver starts, and its events go nowhere"
                ),
            ],
        ),
        (
            [*FLAGS, "--audit-log-maxage=7"],
            ["node cp-3 differs: --audit-log-maxage is 7, 30 on cp-1 and cp-2"],
        ),
        (
            FLAGS[:3],
            ["node cp-3 differs: --authorization-mode is not set, Node,RBAC on cp-1 and cp-2"],
        ),
        (
            [*FLAGS, "--audit-log-mode=async"],
            [
                (
                    "node cp-3 differs: the start is refused (invalid audit log mode async, allowed modes are "
                    '"batch,blocking,blocking-strict"), possible on cp-1 and cp-2'
                )
            ],
        ),
    ],
)
async def test_a_node_that_differs(nodes: list[Host], scan: Scan, flags: list[str], texts: list[str]) -> None:
    nodes[2].pod(flags)
    (observation,) = await scan(CLUSTER)
    assert [note.text for note in observation.notes] == texts


async def test_policies_that_differ_in_their_rules(nodes: list[Host], scan: Scan) -> None:
    for node in nodes[1:]:
        node.pod(FLAGS, policy="apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}, {level: Metadata}]\n")
    (observation,) = await scan(CLUSTER)
    (note,) = observation.notes
    digest = "[0-9a-f]{12}"
    pattern = (
        f"node cp-1 differs: the audit policy is 1 rule with SHA-256 {digest}, "
        f"2 rules with SHA-256 {digest} on cp-2 and cp-3"
    )
    assert re.fullmatch(pattern, note.text)
    assert Evidence("hosts/cp-1/etc/kubernetes/audit-policy.yaml", "rules", "1 rule") in note.evidence


async def test_logs_that_differ_in_their_mounts(nodes: list[Host], scan: Scan) -> None:
    for node in nodes[1:]:
        node.pod(FLAGS, [("/etc/kubernetes", "hostPath: {path: /etc/kubernetes}", "")])
    (observation,) = await scan(CLUSTER)
    assert [note.text for note in observation.notes] == [
        (
            "node cp-1 differs: the delivery of /var/log/audit.log is ok (/var/log/audit.log is on "
            "volume v1 (hostPath /var/log), mounted writable at /var/log), "
            "gap (/var/log/audit.log is written inside the container's own filesystem: lost when the pod is "
            "recreated; no volume mount covers it) on cp-2 and cp-3"
        )
    ]


async def test_versions_that_differ(nodes: list[Host], scan: Scan) -> None:
    nodes[0].pod(FLAGS, image="registry.k8s.io/kube-apiserver:v1.34.10")
    (observation,) = await scan(CLUSTER)
    assert [note.text for note in observation.notes] == [
        "the nodes run different versions: 1.34.10 on cp-1, 1.34.2 on cp-2, 1.34.2 on cp-3"
    ]
    assert observation.ref.version == "1.34.2"


async def test_webhooks_that_differ(nodes: list[Host], scan: Scan) -> None:
    for number, node in enumerate(nodes):
        node.pod([FLAGS[0], "--audit-webhook-config-file=/etc/kubernetes/hook.yaml"])
        node.put(
            "etc/kubernetes/hook.yaml",
            "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
            f"clusters: [{{name: c, cluster: {{server: 'https://{'a' if number else 'b'}.example'}}}}]\n",
        )
    (observation,) = await scan(CLUSTER)
    assert "node cp-1 differs: the audit webhook is https://b.example, https://a.example on cp-2 and cp-3" in [
        note.text for note in observation.notes
    ]


async def test_flags_that_kube_apiserver_refuses(host: Host, scan_host: ScanHost) -> None:
    host.pod([*FLAGS, "--audit-log-format=text", "--token-auth-file=/secret"])
    server, observation = await scan_host()
    reason = 'kube-apiserver refuses to start: invalid audit log format text, allowed formats are "legacy,json"'
    assert isinstance(server.policy, NoPolicy)
    assert server.policy.reason == reason
    assert server.policy.evidence[0] == Evidence(
        f"hosts/cp-1/{MANIFEST}", "14", 'invalid audit log format text, allowed formats are "legacy,json"'
    )
    (channel,) = server.channels
    assert (channel.exported.state, channel.exported.reason) == (LinkState.GAP, reason)
    assert server.authorizer.can_deny is None
    assert observation.ref.version == "1.34.2"
    assert "/secret" not in repr(observation)


async def test_words_that_are_no_flags(host: Host, scan_host: ScanHost) -> None:
    host.pod(["-audit-policy-file=x"])
    server, _ = await scan_host()
    assert [item.value for item in server.policy.evidence] == ["unknown shorthand flag: 'a' in -audit-policy-file=x"]


def unknown_of(observation: ClusterObservation) -> str:
    (server,) = observation.servers
    (channel,) = server.channels
    assert isinstance(server.policy, UnreadablePolicy)
    assert (channel.exported.state, channel.delivered.state) == (LinkState.UNKNOWN, LinkState.UNKNOWN)
    assert (server.authorizer.can_deny, server.authorizer.anonymous) == (None, None)
    assert server.policy.reason == channel.exported.reason == server.authorizer.reason
    return str(server.policy.reason)


async def test_a_glob_that_finds_nothing(scan: Scan) -> None:
    (observation,) = await scan(CLUSTER)
    assert unknown_of(observation) == (
        f"no file matches hosts/*/{MANIFEST} (correct paths, or mount the hosts' filesystems)"
    )
    assert observation.ref.name == "prod"
    assert observation.servers[0].name == "prod"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kind: Pod\nspec: {containers: [{command:\n", "is not valid YAML (line 3)"),
        (
            "kind: Service\n",
            (
                "holds Service, and no kube-apiserver that could be recognised (give kube-apiserver's static pod "
                "manifest, or another kind of file that docs/self-managed.md lists)"
            ),
        ),
        (
            "",
            (
                "holds no kube-apiserver that could be recognised (give kube-apiserver's static pod "
                "manifest, or another kind of file that docs/self-managed.md lists)"
            ),
        ),
        (b"\xff\x00", "is not UTF-8 text"),
        ("kind: Pod\n# \x07\n", "is not valid YAML"),
        ("[" * 200, "is nested deeper than 100 levels"),
        (b" " * (8 * 1024 * 1024 + 1), "is larger than 8 MiB (is it the right file?)"),
    ],
    ids=["half", "other", "empty", "binary", "control", "nested", "large"],
)
async def test_files_that_cannot_be_understood(host: Host, scan: Scan, text: str | bytes, reason: str) -> None:
    host.put(MANIFEST, text)
    (observation,) = await scan(CLUSTER)
    assert unknown_of(observation) == f"hosts/cp-1/{MANIFEST} {reason}"


async def test_a_file_that_is_not_there(scan: Scan) -> None:
    (observation,) = await scan({"name": "prod", "paths": ["kube-apiserver.yaml"]})
    assert unknown_of(observation) == "kube-apiserver.yaml: there is no such file"
    assert observation.servers[0].name == "kube-apiserver.yaml"


async def test_a_file_that_may_not_be_read_stays_a_node(
    nodes: list[Host], scan: Scan, unprivileged: Unprivileged
) -> None:
    (nodes[2].root / MANIFEST).chmod(0)
    with unprivileged():
        (observation,) = await scan(CLUSTER)
    assert [server.name for server in observation.servers] == ["cp-1", "cp-2", "cp-3"]
    policy = observation.servers[2].policy
    assert isinstance(policy, UnreadablePolicy)
    assert policy.reason == f"hosts/cp-3/{MANIFEST} may not be read (give the user that scans read access)"
    assert policy.permission == f"read access to hosts/cp-3/{MANIFEST}"
    assert isinstance(observation.servers[1].policy, InlinePolicy)


async def test_a_directory_that_may_not_be_entered_stays_a_node(
    nodes: list[Host], scan: Scan, unprivileged: Unprivileged
) -> None:
    """A shell's glob would leave the node out, and the cluster would pass without it."""
    closed = nodes[2].root / "etc"
    closed.chmod(0)
    try:
        with unprivileged():
            (observation,) = await scan(CLUSTER)
    finally:
        closed.chmod(0o755)
    assert [server.name for server in observation.servers] == ["cp-1", "cp-2", "cp-3"]
    policy = observation.servers[2].policy
    assert isinstance(policy, UnreadablePolicy)
    assert policy.reason == (f"hosts/cp-3/{MANIFEST} may not be read (give the user that scans read access)")


async def test_a_directory_that_may_not_be_listed_is_reported(
    nodes: list[Host], scan: Scan, unprivileged: Unprivileged
) -> None:
    closed = nodes[0].root.parent
    closed.chmod(0)
    try:
        with unprivileged():
            (observation,) = await scan(CLUSTER)
    finally:
        closed.chmod(0o755)
    assert unknown_of(observation) == "hosts may not be read (give the user that scans read access)"


async def test_nodes_are_named_after_what_is_known(host: Host, scan: Scan, world: Path) -> None:
    host.pod(FLAGS)
    path = f"hosts/cp-1/{MANIFEST}"
    text = (world / path).read_text()
    (world / "plain.yaml").write_text(text)
    (world / "named.yaml").write_text(text.replace("spec:\n", "spec:\n  nodeName: node-7\n"))
    names = []
    for options in (
        {"paths": [path], "root": "hosts/*"},
        {"paths": [path]},
        {"paths": ["*.yaml"]},
        {"paths": ["named.yaml"]},
        {"paths": ["plain.yaml", "named.yaml"]},
        {"paths": ["*.yaml", "plain.yaml", "nam*"]},
    ):
        (observation,) = await scan({"name": "prod", **options})
        names.append([server.name for server in observation.servers])
    assert names == [
        ["cp-1"],
        [path],
        ["named", "plain"],
        ["node-7"],
        ["plain.yaml", "node-7"],
        ["named", "plain"],
    ]


async def test_nodes_with_the_same_name_are_numbered(host: Host, scan: Scan, world: Path) -> None:
    host.pod(FLAGS)
    text = (world / "hosts/cp-1" / MANIFEST).read_text()
    for site in ("a", "b"):
        (world / site).mkdir()
        (world / site / "cp.yaml").write_text(text)
    (observation,) = await scan({"name": "prod", "paths": ["a/c*", "b/c*"]})
    assert [server.name for server in observation.servers] == ["cp (1)", "cp (2)"]


async def test_a_host_without_a_file_is_mentioned(nodes: list[Host], scan: Scan, world: Path) -> None:
    """An empty mount point would otherwise make a control-plane node disappear."""
    (world / "hosts/worker/etc").mkdir(parents=True)
    (observation,) = await scan(CLUSTER)
    assert len(observation.servers) == len(nodes)
    assert [(note.severity, note.text) for note in observation.notes] == [
        (
            NoteSeverity.WARNING,
            "no file was found in hosts/worker: a worker node, or a control-plane node that is not mounted there?",
        )
    ]


async def test_a_list_of_pods_holds_several(host: Host, scan: Scan) -> None:
    host.pod(FLAGS)
    pod = (host.root / MANIFEST).read_text().replace("\n", "\n  ")
    host.put(MANIFEST, f"apiVersion: v1\nkind: List\nitems:\n- {pod}\n- kind: Service\n- {pod}\n")
    (observation,) = await scan(CLUSTER)
    assert [server.name for server in observation.servers] == ["cp-1 #1", "cp-1 #2"]


async def test_several_clusters_and_their_waits(host: Host, world: Path) -> None:
    host.pod(FLAGS)
    options = PROVIDER.options.model_validate(
        {"cluster": [{"name": "a", "paths": [f"hosts/*/{MANIFEST}"]}, {"name": "b", "paths": ["none"]}]},
        context={"base": world},
    )
    waits: list[str] = []

    def wait(what: str) -> None:
        waits.append(what)

    context = CollectContext("datacenter", ScanSettings(), RuleSettings(), datetime.now(UTC), wait)
    names = [item.ref.name async for item in PROVIDER.collect(options, context)]  # type: ignore[union-attr]
    assert names == ["a", "b"]
    assert waits == [
        f"a: looking for hosts/*/{MANIFEST}",
        "a: reading 1 file",
        "b: looking for none",
        "b: reading 1 file",
    ]


async def test_options_of_another_provider_are_a_bug() -> None:
    context = CollectContext("datacenter", ScanSettings(), RuleSettings(), datetime.now(UTC), lambda _what: None)
    with pytest.raises(TypeError, match="self_managed was handed AccountOptions"):
        await anext(PROVIDER.collect(AccountOptions(), context))


def test_permissions_are_given_in_words() -> None:
    text = PROVIDER.permissions()
    assert text.startswith("The self_managed provider writes nothing.")
    assert "every file named under paths" in text
    assert "--permissions rbac" in text


async def test_a_path_that_finds_nothing_beside_one_that_does_is_a_node_that_is_not_known(
    host: Host, scan: Scan
) -> None:
    host.pod(["--authorization-mode=RBAC"])
    missing = "elsewhere/*/kube-apiserver.yaml"
    (observation,) = await scan({**CLUSTER, "paths": [f"hosts/*/{MANIFEST}", missing]})
    assert [server.name for server in observation.servers] == ["cp-1", missing]
    unknown = observation.servers[1].policy
    assert isinstance(unknown, UnreadablePolicy)
    assert unknown.reason == f"no file matches {missing} (correct paths, or mount the hosts' filesystems)"


async def test_what_a_start_refuses_is_handed_to_the_remediation(host: Host, scan: Scan) -> None:
    host.pod(["--anonymous-auth=maybe"])
    (observation,) = await scan(CLUSTER)
    assert observation.parameters["manifest"] == f"hosts/cp-1/{MANIFEST}"
    assert observation.parameters["refused"].startswith('invalid argument "maybe" for "--anonymous-auth" flag')
    assert observation.parameters["refused_by_all"] == "yes"


@pytest.mark.parametrize("value", ["{{ .path }}", "/var/log/${NAME}", "{% if a %}/x{% endif %}", "<%= path %>"])
@pytest.mark.parametrize("joint", ["=", "next word"])
async def test_a_template_that_nobody_filled_in_is_no_value(
    host: Host, scan_host: ScanHost, value: str, joint: str
) -> None:
    flags = [f"'--audit-log-path={value}'"] if joint == "=" else ["--audit-log-path", f"'{value}'"]
    host.pod([f"--audit-policy-file={POLICY}", *flags])
    server, _ = await scan_host()
    (channel,) = server.channels
    assert channel.exported.state is LinkState.UNKNOWN
    assert channel.exported.reason == (
        "the value of --audit-log-path is not known: a placeholder of a template stands there; "
        "give the file as it is filled in"
    )
    assert isinstance(server.policy, InlinePolicy)


@pytest.mark.parametrize("word", ["{{ .flags }}", "--{{ .flag }}=x", "${FLAGS}"])
async def test_a_template_in_place_of_a_flag_may_be_any_flag(host: Host, scan_host: ScanHost, word: str) -> None:
    host.pod([f"--audit-policy-file={POLICY}", "--audit-log-path=-", f"'{word}'"])
    server, _ = await scan_host()
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.reason.startswith("the flags are not known: a placeholder of a template stands there")
