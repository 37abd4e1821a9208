"""Cluster API: control planes of kubeadm and RKE2, with their files, and managed ones that are refused."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.cluster_api import FORMAT
from providers.self_managed.formats.managed import FORMAT as MANAGED
from providers.self_managed.source import ApiServerSource, GivenFile, ManifestFile, PlaceKind, Refused
from tests.unit.providers.self_managed.hosts import servers

MAP = """\
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
metadata: {name: prod-cp}
spec:
  version: v1.33.2
  kubeadmConfigSpec:
    clusterConfiguration:
      apiServer:
        extraArgs:
          audit-log-path: /var/log/kubernetes/audit.log
          audit-policy-file: /etc/kubernetes/audit.yaml
        extraVolumes:
        - {name: logs, hostPath: /var/log/kubernetes, mountPath: /var/log/kubernetes}
"""
LIST = MAP.replace("v1beta1", "v1beta2").replace(
    "          audit-log-path: /var/log/kubernetes/audit.log\n"
    "          audit-policy-file: /etc/kubernetes/audit.yaml\n",
    "        - {name: audit-log-path, value: /var/log/kubernetes/audit.log}\n"
    "        - {name: audit-policy-file, value: /etc/kubernetes/audit.yaml}\n",
)
FLAGS = [
    "--authorization-mode=Node,RBAC",
    "--audit-log-path=/var/log/kubernetes/audit.log",
    "--audit-policy-file=/etc/kubernetes/audit.yaml",
]
RKE2 = """\
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: RKE2ControlPlane
metadata: {name: edge}
spec:
  version: v1.33.4+rke2r1
  serverConfig:
    kubeAPIServer: {extraArgs: [audit-log-maxage=90]}
"""


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text)
    return source


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments if not argument.unread]


def unread(source: ApiServerSource) -> list[str]:
    return [argument.unread for argument in source.arguments if argument.unread]


def given(entry: str) -> GivenFile:
    (file,) = read(f"{MAP}    files:\n    - {entry}\n").files.values()
    return file


@pytest.mark.parametrize(("text", "line"), [(MAP, 10), (LIST, 10)])
def test_both_shapes_of_arguments(text: str, line: int) -> None:
    source = read(text)
    assert (texts(source), unread(source)) == (FLAGS, [])
    assert (source.version, source.cluster, source.arguments[1].line) == ("1.33.2", "prod-cp", line)
    assert source.view.locate("/var/log/kubernetes/audit.log").kind is PlaceKind.HOST
    assert source.view.locate("/logs").kind is PlaceKind.ABSENT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MAP.replace("v1beta1", "v1beta2"), "Cluster API refuses the object: extraArgs of v1beta2 is a list"),
        (LIST.replace("v1beta2", "v1beta1"), "Cluster API refuses the object: extraArgs of v1beta1 is a map"),
    ],
)
def test_a_shape_that_the_version_has_not_is_refused(text: str, said: str) -> None:
    assert unread(read(text)) == [said]


def test_a_template_and_its_placeholders() -> None:
    """A ClusterClass has its settings a level deeper, and what clusterctl fills in is not known yet."""
    spec = MAP.partition("spec:\n")[2].replace("/var/log/kubernetes/audit.log", "${AUDIT_LOG}")
    inner = "".join(f"    {line}\n" for line in spec.splitlines())
    text = (
        "apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: KubeadmControlPlaneTemplate\n"
        f"metadata: {{name: class}}\nspec:\n  template:\n    spec:\n{inner}"
    )
    source = read(text)
    assert texts(source) == [FLAGS[0], FLAGS[2]]
    assert unread(source)[0].startswith("clusterctl fills in the value")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("", 1),
        ("    files: [{path: /patches/kube-apiserver0+merge.yaml, content: x}]\n", 1),
        ("    files: [{path: /patches/kubeletconfiguration0+merge.yaml, content: x}]\n", 0),
    ],
)
def test_patches_of_the_static_pod_are_not_known(files: str, expected: int) -> None:
    """Unless the files with which the machines come show that they patch something else."""
    patches = "    initConfiguration: {patches: {directory: /patches}}\n"
    assert len(unread(read(MAP + patches + files))) == expected


def test_a_file_with_its_lines() -> None:
    file = given("{path: /a, content: 'kind: Policy'}")
    assert (file.data, file.evidence.locator) == (b"kind: Policy", "line 15, spec.kubeadmConfigSpec.files[0].content")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        (f"{{path: /a, encoding: base64, content: {encoded(b'x: 1')}}}", b"x: 1"),
        (f"{{path: /a, encoding: gzip+base64, content: {encoded(gzip.compress(b'x: 1', mtime=0))}}}", b"x: 1"),
    ],
)
def test_encoded_files(entry: str, data: bytes) -> None:
    assert given(entry).data == data


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{path: /a, encoding: base64, content: '*'}", "its content is not base64, though its encoding says so"),
        (
            f"{{path: /a, encoding: gzip+base64, content: {encoded(b'plain')}}}",
            "its content is not gzip+base64, though its encoding says so",
        ),
        (
            f"{{path: /a, encoding: gzip+base64, content: {encoded(gzip.compress(b'x' * 99, mtime=0)[:-9])}}}",
            "its content is not whole, or larger than 8388608 bytes",
        ),
        (
            "{path: /a, contentFrom: {secret: {name: s, key: policy}}}",
            "its content is key policy of the Secret s",
        ),
        ("{path: /a, content: x, append: true}", "its content is appended to a file of the machine image"),
    ],
)
def test_files_that_are_not_known(entry: str, reason: str) -> None:
    file = given(entry)
    assert (file.data, file.unread) == (None, reason)


def test_a_file_without_content_is_none() -> None:
    assert read(f"{MAP}    files: [{{path: /a}}]\n").files == {}


def test_rke2_with_its_own_names() -> None:
    source = read(RKE2)
    assert texts(source) == ["--anonymous-auth=false", "--authorization-mode=Node,RBAC", "--audit-log-maxage=90"]
    assert (source.version, source.cluster, source.files) == ("1.33.4", "edge", {})


def test_rke2_with_a_cis_profile_records_nothing_unless_a_policy_is_given() -> None:
    source = read(f"{RKE2}  agentConfig: {{cisProfile: cis}}\n")
    assert "--audit-log-path=/var/lib/rancher/rke2/server/logs/audit.log" in texts(source)
    assert source.files["/etc/rancher/rke2/audit-policy.yaml"].published == "rke2-default"


def test_rke2_with_a_policy_in_a_secret() -> None:
    source = read(f"{RKE2}    auditPolicySecret: {{name: audit}}\n  agentConfig: {{dataDir: /data}}\n")
    assert "--audit-log-path=/data/server/logs/audit.log" in texts(source)
    assert (
        source.files["/etc/rancher/rke2/audit-policy.yaml"].unread == "it is key audit-policy.yaml of the Secret audit"
    )


@pytest.mark.parametrize(
    ("version", "kind", "provider"),
    [
        ("eksctl.io/v1alpha5", "ClusterConfig", "eks"),
        ("controlplane.cluster.x-k8s.io/v1beta2", "AWSManagedControlPlane", "eks"),
        ("controlplane.cluster.x-k8s.io/v1beta2", "AWSManagedControlPlaneTemplate", "eks"),
        ("infrastructure.cluster.x-k8s.io/v1beta1", "GCPManagedControlPlane", "gke"),
        ("infrastructure.cluster.x-k8s.io/v1beta1", "AzureManagedControlPlane", "aks"),
        ("infrastructure.cluster.x-k8s.io/v1beta1", "AzureASOManagedControlPlane", "aks"),
    ],
)
def test_managed_clusters_are_sent_to_their_provider(version: str, kind: str, provider: str) -> None:
    text = f"apiVersion: {version}\nkind: {kind}\n---\napiVersion: {version}\nkind: {kind}\n"
    (part,) = MANAGED.read(ManifestFile(Path("/x/c.yaml"), "c.yaml", HostFiles(None), text.encode()))
    assert isinstance(part, Refused)
    assert part.reason.startswith(f"describes an {provider.upper()}" if provider != "gke" else "describes a GKE")
    assert part.hint == f'read it with provider "{provider}"'


def test_other_kinds_of_these_groups_are_not_ours() -> None:
    text = "apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: KamajiControlPlane\n"
    file = ManifestFile(Path("/x/c.yaml"), "c.yaml", HostFiles(None), text.encode())
    assert (tuple(FORMAT.read(file)), tuple(MANAGED.read(file))) == ((), ())
