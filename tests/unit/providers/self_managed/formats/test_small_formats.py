"""minikube, k3d, and flags by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats import flag_list, k3d, minikube
from providers.self_managed.source import ApiServerSource, ManifestFile, PlaceKind, Refused
from tests.unit.providers.self_managed.hosts import servers

PROFILE = """\
{"Name": "dev", "Driver": "docker", "KubernetesConfig": {"KubernetesVersion": "v1.34.0", "NodeName": "m",
 "ExtraOptions": [
  {"Component": "apiserver", "Key": "audit-log-path", "Value": "-"},
  {"Component": "kubelet", "Key": "max-pods", "Value": "1"}]}}
"""
K3D = """\
apiVersion: k3d.io/v1alpha5
kind: Simple
metadata: {name: dev}
image: rancher/k3s:v1.31.6-k3s1@sha256:0
volumes:
- {volume: "policy.yaml:/etc/policy.yaml:ro", nodeFilters: ["server:*"]}
- {volume: "policy.yaml:/etc/agent.yaml", nodeFilters: ["agent:*"]}
- {volume: "/abs:/abs"}
- {volume: "data"}
options:
  k3s:
    extraArgs:
    - {arg: --kube-apiserver-arg=audit-log-path=/a, nodeFilters: ["server:*"]}
    - {arg: --kube-apiserver-arg=audit-log-maxage=1, nodeFilters: ["agent:0"]}
    - arg: --kube-apiserver-arg=audit-log-maxage=2
"""


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments if not argument.unread]


def unread(source: ApiServerSource) -> list[str]:
    return [argument.unread for argument in source.arguments if argument.unread]


def test_a_minikube_profile() -> None:
    (source,) = servers(minikube.FORMAT, PROFILE)
    assert texts(source) == ["--authorization-mode=Node,RBAC", "--audit-log-path=-"]
    assert (source.version, source.node, source.cluster) == ("1.34.0", "m", "dev")
    assert (source.arguments[1].line, source.arguments[1].key) == (3, "KubernetesConfig.ExtraOptions[0]")
    assert source.view.locate("/etc/ssl/certs/policy.yaml").read_only
    assert source.view.locate("/var/lib/minikube/certs/policy.yaml").kind is PlaceKind.HOST
    assert source.view.locate("/etc/kubernetes/pki/policy.yaml").kind is PlaceKind.ABSENT
    assert source.view.locate("/var/log/audit.log").kind is PlaceKind.ABSENT


@pytest.mark.parametrize("text", ['{"KubernetesConfig": {}}', '{"Driver": "x"}', "a"])
def test_what_is_no_minikube_profile(text: str) -> None:
    assert servers(minikube.FORMAT, text) == ()


def test_a_k3d_cluster(tmp_path: Path) -> None:
    (tmp_path / "k3d.yaml").write_text(K3D)
    (tmp_path / "policy.yaml").write_text("kind: Policy\n")
    (source,) = servers(k3d.FORMAT, ManifestFile.load(tmp_path / "k3d.yaml", "d/k3d.yaml", HostFiles(None)))
    assert texts(source) == [
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--audit-log-path=/a",
        "--audit-log-maxage=2",
    ]
    assert (source.version, source.cluster) == ("1.31.6", "dev")
    assert {path: given.data for path, given in source.files.items()} == {"/etc/policy.yaml": b"kind: Policy\n"}


def test_a_k3d_cluster_whose_files_lie_elsewhere() -> None:
    (source,) = servers(k3d.FORMAT, K3D)
    assert not source.files


@pytest.mark.parametrize("text", ["apiVersion: k3d.io/v1\nkind: Other\n", "kind: Simple\n", "a"])
def test_what_is_not_of_k3d(text: str) -> None:
    assert servers(k3d.FORMAT, text) == ()


FILTERED = """\
apiVersion: k3d.io/v1alpha5
kind: Simple
servers: 4
options: {k3s: {extraArgs: [{arg: --kube-apiserver-arg=audit-log-path=/a, nodeFilters: ["FILTER"]}]}}
"""


@pytest.mark.parametrize(
    ("nodes", "chosen"),
    [
        ("server:0", [True, False, False, False]),
        ("servers:1,3", [False, True, False, True]),
        ("server:1-2", [False, True, True, False]),
        ("server:2-", [False, False, True, True]),
        ("server:-1", [True, True, False, False]),
        ("server:0:direct", [True, False, False, False]),
        ("server:*", [True]),
        ("server", [True]),
        ("all:*", [True]),
        ("all", [True]),
        ("agent:0", [False]),
        ("loadbalancer", [False]),
    ],
)
def test_the_servers_that_a_filter_of_k3d_chooses(nodes: str, chosen: list[bool]) -> None:
    sources = servers(k3d.FORMAT, FILTERED.replace("FILTER", nodes))
    assert ["--audit-log-path=/a" in texts(source) for source in sources] == chosen
    names = [source.node for source in sources]
    assert names == ([f"server-{number}" for number in range(4)] if len(chosen) > 1 else [""])
    assert [unread(source) for source in sources] == [[]] * len(chosen)


def test_a_filter_of_k3d_that_is_not_understood() -> None:
    (source,) = servers(k3d.FORMAT, FILTERED.replace("FILTER", "server:first"))
    assert unread(source) == ["which nodes this filter chooses is not known"]


def test_more_servers_than_are_read() -> None:
    sources = servers(k3d.FORMAT, FILTERED.replace("FILTER", "server:0").replace("servers: 4", "servers: 1000000"))
    assert [unread(source) for source in sources[-2:]] == [[], ["only the first 50 of 1000000 servers are read"]]


def test_a_volume_of_one_server_of_k3d(tmp_path: Path) -> None:
    volumes = 'volumes: [{volume: p.yaml:/p.yaml, nodeFilters: ["server:0"]}]\n'
    (tmp_path / "k3d.yaml").write_text(FILTERED.replace("FILTER", "all") + volumes)
    (tmp_path / "p.yaml").write_text("kind: Policy\n")
    sources = servers(k3d.FORMAT, ManifestFile.load(tmp_path / "k3d.yaml", "k3d.yaml", HostFiles(None)))
    assert [list(source.files) for source in sources] == [["/p.yaml"], [], [], []]


FULL = "# flags\n\n--etcd-servers=https://x\n--audit-log-path /a \\\n--audit-policy-file='/p'\n"
PART = "the list may be a part of the command line only: it lacks --etcd-servers, which every kube-apiserver has"


def test_a_list_of_lines() -> None:
    (source,) = servers(flag_list.FORMAT, FULL, "args")
    assert texts(source) == ["--etcd-servers=https://x", "--audit-log-path", "/a", "--audit-policy-file='/p'"]
    assert [one.line for one in source.arguments] == [3, 4, 4, 5]
    assert source.view.locate("/a").what == "a list of flags does not say what is mounted"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- --etcd-servers=x\n- --audit-log-path=/a\n", []),
        ("- --audit-log-path=/a\n", [PART]),
        ("- --audit-log-path=/a\n- --audit-policy-file=/p\n", [PART]),
        ("- --audit-webhook-config-file=/a\n- --audit-policy-file=/p\n- --authorization-mode=RBAC\n", []),
    ],
)
def test_what_a_part_of_a_command_line_leaves_open(text: str, why: list[str]) -> None:
    (source,) = servers(flag_list.FORMAT, text)
    assert unread(source) == why


def test_flags_of_another_program() -> None:
    data = b"--leader-elect=true\n# no --audit- flags\n"
    (part,) = flag_list.FORMAT.read(ManifestFile(Path("/x/a"), "a", HostFiles(None), data))
    assert isinstance(part, Refused)


@pytest.mark.parametrize("text", ["", "kcp start --audit-log-path=/a\n", "- --a\n- b: c\n", "[--a, 1]\n- x"])
def test_what_is_no_list_of_flags(text: str) -> None:
    assert servers(flag_list.FORMAT, text) == ()
