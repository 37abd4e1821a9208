"""kOps: fields that become flags, files that come with the object, and what kOps sets itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.formats.kops import FORMAT
from providers.self_managed.source import ApiServerSource, PlaceKind
from scanner.model import InlinePolicy, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Scan, servers

CLUSTER = """\
apiVersion: kops.k8s.io/v1alpha2
kind: Cluster
metadata: {name: prod.example.com}
spec:
  kubernetesVersion: v1.34.1
  authorization: {rbac: {}}
  kubeAPIServer:
    auditLogPath: /logs/audit.log
    auditLogMaxAge: 10
    auditLogMaxBackups: 1
    auditWebhookBatchThrottleQps: "5"
    auditWebhookConfigFile: /hook
    anonymousAuth: true
    authorizationMode: AlwaysAllow
    tokenAuthFile: /secret/tokens
    auditPolicyFile: /srv/kubernetes/assets/policy
"""
ASSET = "  fileAssets:\n  - name: policy\n    content: |\n      kind: Policy\n"
GROUP = """\
apiVersion: kops.k8s.io/v1alpha2
kind: InstanceGroup
metadata: {labels: {kops.k8s.io/cluster: NAME}}
spec: {role: ROLE, fileAssets: [{name: hook, path: /hook, content: "x"}]}
"""


def group(name: str = "prod.example.com", role: str = "Master") -> str:
    return GROUP.replace("NAME", name).replace("ROLE", role)


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text, "c.yaml")
    return source


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments]


def test_fields_become_flags_and_what_kops_sets_itself_stays() -> None:
    source = read(CLUSTER)
    assert texts(source) == [
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--audit-log-path=/logs/audit.log",
        "--audit-log-maxage=10",
        "--audit-log-maxbackup=1",
        "--audit-webhook-batch-throttle-qps=5",
        "--audit-webhook-config-file=/hook",
        "--audit-policy-file=/srv/kubernetes/assets/policy",
    ]
    assert (source.version, source.cluster, source.line) == ("1.34.1", "prod.example.com", 7)
    assert (source.arguments[2].line, source.arguments[2].key) == (8, "spec.kubeAPIServer.auditLogPath")


@pytest.mark.parametrize(
    ("authorization", "mode"),
    [
        ("{alwaysAllow: {}}", "AlwaysAllow"),
        ("{}", "AlwaysAllow"),
        ("{rbac: null}", "AlwaysAllow"),
        ("{rbac: {}}", "Node,RBAC"),
    ],
)
def test_a_cluster_that_says_nothing_allows_everything(authorization: str, mode: str) -> None:
    source = read(CLUSTER.replace("{rbac: {}}", authorization))
    assert f"--authorization-mode={mode}" in texts(source)


def test_the_directory_of_the_log_is_mounted_and_others_are_not_known() -> None:
    source = read(CLUSTER)
    assert source.view.locate("/logs/audit.log").kind is PlaceKind.HOST
    assert source.view.locate("/hook").kind is PlaceKind.UNKNOWN
    assert read(CLUSTER.replace("/logs/audit.log", '"-"')).view.mounts == ()


def test_file_assets_with_their_lines() -> None:
    (given,) = read(CLUSTER + ASSET).files.values()
    assert (given.data, given.above) == (b"kind: Policy\n", 19)
    assert given.evidence.locator == "line 19, spec.fileAssets[0].content"


@pytest.mark.parametrize(
    ("asset", "paths"),
    [
        ("{name: a, roles: [Node], content: x}", []),
        ("{name: a, roles: [ControlPlane], content: x}", ["/srv/kubernetes/assets/a"]),
        ("{name: a, path: /p, content: x}", ["/p"]),
    ],
)
def test_only_files_of_nodes_with_an_api_server(asset: str, paths: list[str]) -> None:
    assert list(read(f"{CLUSTER}  fileAssets: [{asset}]\n").files) == paths


def test_base64() -> None:
    assets = "[{name: a, isBase64: true, content: a2luZA==}, {name: b, isBase64: true, content: '*'}]"
    first, second = read(f"{CLUSTER}  fileAssets: {assets}\n").files.values()
    assert first.data == b"kind"
    assert second.unread == "its content is not base64, though isBase64 says so"


@pytest.mark.parametrize(
    ("text", "paths"),
    [(group(), ["/hook"]), (group(role="Node"), []), (group(name="other"), []), (group(role="APIServer"), ["/hook"])],
)
def test_files_of_instance_groups(text: str, paths: list[str]) -> None:
    assert list(read(f"{CLUSTER}---\n{text}").files) == paths


def test_each_instance_group_has_an_api_server_with_its_own_files() -> None:
    names = {"a": "Master", "b": "control-plane", "c": "Node"}
    groups = [group(role=role).replace("{labels:", f"{{name: {name}, labels:") for name, role in names.items()]
    groups[1] = groups[1].replace("path: /hook", "path: /other")
    sources = servers(FORMAT, "---\n".join([CLUSTER + ASSET, *groups]))
    assert [(one.node, list(one.files)) for one in sources] == [
        ("a", ["/srv/kubernetes/assets/policy", "/hook"]),
        ("b", ["/srv/kubernetes/assets/policy", "/other"]),
    ]


async def test_a_policy_that_one_instance_group_lacks_is_missing_there(world: Path, scan: Scan) -> None:
    policy = "kind: Policy\\napiVersion: audit.k8s.io/v1\\nrules: [{level: Metadata}]\\n"
    first = (
        group().replace("{labels:", "{name: a, labels:").replace('path: /hook, content: "x"', f'content: "{policy}"')
    )
    second = first.replace("name: a", "name: b").replace("name: hook", "name: other")
    cluster = CLUSTER.replace("assets/policy", "assets/hook").replace("    auditWebhookConfigFile: /hook\n", "")
    (world / "c.yaml").write_text(f"{cluster}---\n{first}---\n{second}")
    (observation,) = await scan({"name": "k", "paths": ["c.yaml"]})
    assert [(one.name, type(one.policy)) for one in observation.servers] == [
        ("a", InlinePolicy),
        ("b", UnreadablePolicy),
    ]
    policy_of_a = observation.servers[0].policy
    assert isinstance(policy_of_a, InlinePolicy)
    assert policy_of_a.within == "line 20, spec.fileAssets[0].content"


def test_an_excerpt_leaves_open_what_it_does_not_say() -> None:
    source = read("spec:\n  kubeAPIServer: {auditLogPath: /a}\n")
    assert [(one.text, one.unread) for one in source.arguments] == [
        ("--anonymous-auth=false", ""),
        ("--authorization-mode=", "spec.authorization is not part of the excerpt"),
        ("--audit-log-path=/a", ""),
        ("--audit-policy-file=", "spec.kubeAPIServer.auditPolicyFile is not part of the excerpt"),
        ("--audit-webhook-config-file=", "spec.kubeAPIServer.auditWebhookConfigFile is not part of the excerpt"),
    ]


@pytest.mark.parametrize(
    "text", ["spec: {fileAssets: []}\n", "kind: Cluster\n", "apiVersion: x/v1\nkind: Cluster\n", "[a]"]
)
def test_what_is_no_kops_cluster(text: str) -> None:
    assert servers(FORMAT, text) == ()
