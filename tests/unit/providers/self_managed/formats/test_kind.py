"""kind: kubeadm patches of the cluster and of its nodes, and the files that are mounted into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.kind import FORMAT
from providers.self_managed.source import ApiServerSource, ManifestFile, PlaceKind
from tests.unit.providers.self_managed.hosts import servers

KIND = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: ci
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  kubernetesVersion: v1.31.0
  apiServer:
    extraArgs:
      audit-log-path: /var/log/a
      audit-log-maxage: "1"
- |
  kind: InitConfiguration
nodes:
- role: control-plane
  image: kindest/node:v1.33.1@sha256:0
  kubeadmConfigPatches:
  - |
    kind: ClusterConfiguration
    apiServer:
      extraArgs:
      - {name: audit-log-maxage, value: "2"}
      extraVolumes:
      - {name: p, hostPath: /p, mountPath: /policies, readOnly: true}
  extraMounts:
  - {hostPath: ./policy.yaml, containerPath: /p/policy.yaml}
  - {hostPath: /abs, containerPath: /abs}
  - {hostPath: ../up.yaml, containerPath: /up}
  - {hostPath: missing.yaml, containerPath: /missing}
- role: control-plane
- role: worker
"""


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments]


def test_patches_of_the_cluster_then_of_the_first_control_plane_node() -> None:
    first, second = servers(FORMAT, KIND)
    assert (
        texts(first)
        == texts(second)
        == [
            "--authorization-mode=Node,RBAC",
            "--audit-log-path=/var/log/a",
            "--audit-log-maxage=1",
            "--audit-log-maxage=2",
        ]
    )
    assert (first.node, second.node, first.cluster) == ("control-plane", "control-plane2", "ci")
    assert (first.version, second.version) == ("1.33.1", "1.31.0")
    assert (first.arguments[3].line, first.arguments[3].key) == (
        22,
        "nodes[0].kubeadmConfigPatches[0]: apiServer.extraArgs[0].value",
    )
    assert first.view.locate("/policies/policy.yaml").host_path == "/p/policy.yaml"
    assert first.view.locate("/var/log/a").kind is PlaceKind.ABSENT


def test_a_file_beside_the_configuration_that_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "kind.yaml").write_text(KIND)
    (tmp_path / "policy.yaml").write_text("kind: Policy\n")
    (tmp_path.parent / "up.yaml").write_text("not for us")
    first, second = servers(FORMAT, ManifestFile.load(tmp_path / "kind.yaml", "k/kind.yaml", HostFiles(None)))
    assert {path: given.data for path, given in first.files.items()} == {"/p/policy.yaml": b"kind: Policy\n"}
    assert first.files["/p/policy.yaml"].evidence.source == "k/policy.yaml"
    assert not second.files


def test_a_cluster_without_nodes_or_patches_is_what_kubeadm_makes() -> None:
    (source,) = servers(FORMAT, "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n")
    assert texts(source) == ["--authorization-mode=Node,RBAC"]
    assert source.view.locate("/etc/kubernetes/pki/x").read_only


def test_a_given_authorization_mode_replaces_that_of_kubeadm() -> None:
    (source, _) = servers(FORMAT, KIND.replace("audit-log-path: /var/log/a", "authorization-mode: AlwaysAllow"))
    assert texts(source)[0] == "--authorization-mode=AlwaysAllow"


@pytest.mark.parametrize(
    ("kind", "path", "count"),
    [
        ("ClusterConfiguration", "/apiServer/extraArgs/audit-log-path", 1),
        ("ClusterConfiguration", "/apiServer", 1),
        ("ClusterConfiguration", "/apiServer/certSANs/-", 0),
        ("KubeletConfiguration", "/apiServer/extraArgs/a", 0),
    ],
)
def test_json_patches_that_may_change_the_api_server(kind: str, path: str, count: int) -> None:
    patch = f"kubeadmConfigPatchesJSON6902:\n- kind: {kind}\n  patch: |\n    - {{op: add, path: {path}, value: x}}\n"
    (source,) = servers(FORMAT, f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{patch}")
    assert len([one for one in source.arguments if one.unread]) == count


@pytest.mark.parametrize("place", ["", "nodes:\n- role: control-plane\n  "])
def test_a_directory_of_kubeadms_patches_is_not_read(place: str) -> None:
    patch = "kubeadmConfigPatches:\n  - |\n    kind: InitConfiguration\n    patches: {directory: /patches}\n"
    (source,) = servers(FORMAT, f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{place}{patch}")
    assert [(one.unread, one.line) for one in source.arguments if one.unread] == [
        ("kubeadm applies patches to the static pod; give its manifest instead", 8 if place else 6)
    ]


@pytest.mark.parametrize("text", ["kind: Cluster\n", "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Other\n", "a"])
def test_what_is_not_of_kind(text: str) -> None:
    assert servers(FORMAT, text) == ()
