"""kubeadm's ClusterConfiguration, in all its versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.kubeadm import FORMAT
from providers.self_managed.kubeadm_settings import kubeadm_arguments
from providers.self_managed.source import ApiServerSource, ManifestFile, PlaceKind, Refused
from tests.unit.providers.self_managed.hosts import servers

NAMES = ("v1beta1", "v1beta2", "v1beta3")
MAP = """\
apiVersion: kubeadm.k8s.io/{version}
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
apiServer:
  extraArgs:
    audit-log-path: /logs/audit.log
    audit-log-maxage: "30"
  extraVolumes:
  - name: logs
    hostPath: /var/log/kubernetes
    mountPath: /logs
  - {name: policy, hostPath: /p, mountPath: /p, readOnly: true}
"""
LIST = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer:
  extraArgs:
  - name: audit-log-path
    value: /a
  - name: audit-log-path
    value: /b
  - {name: authorization-mode, value: "Webhook"}
  - name: anonymous-auth
  - value: lost
"""


def beta(version: str) -> str:
    return MAP.replace("{version}", version)


def read(text: str) -> tuple[ApiServerSource, ...]:
    return servers(FORMAT, text, "kubeadm.yaml")


@pytest.mark.parametrize("version", NAMES)
def test_a_map(version: str) -> None:
    (source,) = read(beta(version))
    assert [(argument.text, argument.source, argument.line) for argument in source.arguments] == [
        ("--authorization-mode=Node,RBAC", "kubeadm.yaml (kubeadm's default)", None),
        ("--audit-log-path=/logs/audit.log", "kubeadm.yaml", 6),
        ("--audit-log-maxage=30", "kubeadm.yaml", 7),
    ]
    assert (source.version, source.node) == ("1.30.4", "")
    place = source.view.locate("/logs/audit.log")
    assert (place.kind, place.host_path, place.read_only) == (PlaceKind.HOST, "/var/log/kubernetes/audit.log", False)
    assert place.what == "volume logs (hostPath /var/log/kubernetes), mounted writable at /logs"
    assert [item.locator for item in place.evidence] == ["line 9, apiServer.extraVolumes[0]"]
    assert source.view.locate("/p").read_only


def test_a_list_with_repeats() -> None:
    (source,) = read(LIST)
    assert [(argument.text, argument.line) for argument in source.arguments] == [
        ("--audit-log-path=/a", 5),
        ("--audit-log-path=/b", 7),
        ("--authorization-mode=Webhook", 9),
        ("--anonymous-auth=", 10),
    ]


def test_structured_authorization_takes_the_place_of_the_default() -> None:
    text = LIST.replace("authorization-mode", "authorization-config")
    (source,) = read(text)
    assert not [argument for argument in source.arguments if argument.text.startswith("--authorization-mode")]


@pytest.mark.parametrize(
    "path",
    ["/etc/kubernetes/pki/ca.crt", "/etc/ssl/certs/x", "/etc/pki/x", "/usr/share/ca-certificates/x"],
)
def test_what_kubeadm_always_mounts_is_read_only(path: str) -> None:
    (source,) = read(beta("v1beta3"))
    place = source.view.locate(path)
    assert (place.kind, place.host_path, place.read_only) == (PlaceKind.HOST, path, True)
    assert source.view.locate("/etc/kubernetes/audit-policy.yaml").kind is PlaceKind.ABSENT


def test_another_certificates_directory() -> None:
    (source,) = read(f"{beta('v1beta3')}certificatesDir: /certs\n")
    assert source.view.locate("/certs/x").read_only
    assert source.view.locate("/etc/kubernetes/pki/x").kind is PlaceKind.ABSENT


def test_several_documents_and_the_node_name() -> None:
    init = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\nnodeRegistration: {name: cp-1}\n"
    (source,) = read(f"{init}---\nkind: KubeletConfiguration\n---\n{beta('v1beta3')}")
    assert (source.node, source.line) == ("cp-1", 10)


def test_patches_may_change_anything() -> None:
    init = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\npatches: {directory: /etc/patches}\n"
    (source,) = read(f"{init}---\n{beta('v1beta3')}")
    why = "kubeadm applies patches to the static pod; give its manifest instead"
    assert (source.arguments[-1].unread, source.arguments[-1].line) == (why, 3)
    assert source.view.locate("/nowhere").kind is PlaceKind.UNKNOWN
    assert source.view.locate("/nowhere").what == why


@pytest.mark.parametrize(
    ("written", "version"),
    [("v1.30.4", "1.30.4"), ("1.30", "1.30"), ("stable-1.30", "1.30"), ("stable", None), ("", None)],
)
def test_versions(written: str, version: str | None) -> None:
    (source,) = read(beta("v1beta3").replace("v1.30.4", written))
    assert source.version == version


def test_the_config_map() -> None:
    indented = "".join(f"    {line}\n" for line in beta("v1beta3").splitlines())
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubeadm-config}\ndata:\n  ClusterConfiguration: |\n"
    (source,) = read(head + indented)
    assert [argument.line for argument in source.arguments] == [None, 11, 12]
    assert source.line == 9
    (evidence,) = source.view.locate("/logs/x").evidence
    assert evidence.locator == "line 14, data.ClusterConfiguration: apiServer.extraVolumes[0]"


def test_the_config_map_as_json() -> None:
    inner = r"apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
    (source,) = read(f'{{"kind": "ConfigMap", "data": {{"ClusterConfiguration": "{inner}"}}}}')
    assert [argument.text for argument in source.arguments] == ["--authorization-mode=Node,RBAC"]


@pytest.mark.parametrize(
    "text",
    [
        "kind: ClusterConfiguration\n",
        "apiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\n",
        "kind: ConfigMap\ndata: {ClusterConfiguration: [x]}\n",
        "kind: ConfigMap\ndata: {ClusterConfiguration: ''}\n",
    ],
)
def test_what_is_no_cluster_configuration(text: str) -> None:
    assert read(text) == ()


@pytest.mark.parametrize(
    ("version", "extra", "why"),
    [
        ("v1beta3", "[{name: a, value: b}]", "kubeadm refuses the file: extraArgs of v1beta3 is a map"),
        ("v1beta4", "{a: b}", "kubeadm refuses the file: extraArgs of v1beta4 is a list"),
    ],
)
def test_arguments_in_the_shape_of_another_version_are_refused(version: str, extra: str, why: str) -> None:
    text = f"apiVersion: kubeadm.k8s.io/{version}\nkind: ClusterConfiguration\napiServer:\n  extraArgs: {extra}\n"
    (source,) = servers(FORMAT, text, "k.yaml")
    assert [(one.unread, one.line) for one in source.arguments if one.unread] == [(why, 4)]


def test_the_alpha_versions() -> None:
    text = (
        "apiVersion: kubeadm.k8s.io/v1alpha1\nkind: MasterConfiguration\nkubernetesVersion: v1.9.3\n"
        "authorizationModes: [Node, RBAC]\napiServerExtraArgs: {audit-log-path: /a}\n"
        "apiServerExtraVolumes:\n- {name: v, hostPath: /h, mountPath: /a, writable: true}\n"
        "- {hostPath: /r, mountPath: /r, writable: false}\n"
    )
    (source,) = read(text)
    assert [(one.text, one.line) for one in source.arguments] == [
        ("--authorization-mode=Node,RBAC", 4),
        ("--audit-log-path=/a", 5),
    ]
    assert (source.version, source.view.locate("/a").read_only, source.view.locate("/r").read_only) == (
        "1.9.3",
        False,
        True,
    )


def test_the_feature_gate_that_audits() -> None:
    text = "apiVersion: kubeadm.k8s.io/v1alpha2\nkind: MasterConfiguration\nfeatureGates: {Auditing: true}\n"
    (source,) = read(text)
    assert source.arguments[-1].unread == (
        "kubeadm's feature gate Auditing adds audit flags of its own; give the static pod manifest instead"
    )


@pytest.mark.parametrize("kind", ["JoinConfiguration", "NodeConfiguration"])
def test_the_configuration_of_a_node_that_joins(kind: str) -> None:
    data = f"apiVersion: kubeadm.k8s.io/v1beta3\nkind: {kind}\n".encode()
    (part,) = FORMAT.read(ManifestFile(Path("/x/k.yaml"), "k.yaml", HostFiles(None), data))
    assert isinstance(part, Refused)


def test_a_configuration_without_a_version_may_have_either_shape() -> None:
    (document,) = ManifestFile(
        Path("/x/k.yaml"), "k.yaml", HostFiles(None), b"kind: ClusterConfiguration\napiServer: {extraArgs: {a: b}}\n"
    ).fields
    assert [one.text for one in kubeadm_arguments(document)] == ["--authorization-mode=Node,RBAC", "--a=b"]
