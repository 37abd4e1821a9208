"""MicroK8s and Canonical Kubernetes: files of arguments, and the configuration that makes a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats import canonical_kubernetes, flag_list, recognise, snap_arguments
from providers.self_managed.source import ApiServerSource, ManifestFile, PlaceKind
from tests.unit.providers.self_managed.hosts import servers

MICROK8S = """\
--cert-dir=${SNAP_DATA}/certs
--etcd-servers="unix://${SNAP_DATA}/var/kubernetes/backend/kine.sock:12379"
--authorization-mode=AlwaysAllow
# audit
--audit-log-path $SNAP_COMMON/var/log/audit.log
--audit-policy-file='${SNAP_DATA}/args/audit-policy.yaml'  # ours
--token-auth-file=${SNAP_DATA}/credentials/known_tokens.csv
--bind-address=${MINE}
"""
CANONICAL = """\
--etcd-servers="unix:///var/snap/k8s/common/var/lib/k8s-dqlite/k8s-dqlite.sock"
--authorization-mode="Node,RBAC"
--audit-log-path="/var/log/kubernetes/audit.log"
"""
BOOTSTRAP = """\
cluster-config:
  network: {enabled: true}
extra-node-config-files:
  policy.yaml: |
    apiVersion: audit.k8s.io/v1
    kind: Policy
extra-node-kube-apiserver-args:
  --audit-log-path: /var/log/kubernetes/audit.log
  --audit-policy-file: /var/snap/k8s/common/args/conf.d/policy.yaml
  --anonymous-auth: null
"""


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments if not argument.unread]


def file(text: str) -> ManifestFile:
    return ManifestFile(Path("/x/args"), "args", HostFiles(None), text.encode())


def test_microk8s_variables_are_those_of_its_snap() -> None:
    (source,) = servers(snap_arguments.FORMAT, MICROK8S, "args/kube-apiserver")
    assert texts(source) == [
        "--cert-dir=/var/snap/microk8s/current/certs",
        "--etcd-servers=unix:///var/snap/microk8s/current/var/kubernetes/backend/kine.sock:12379",
        "--authorization-mode=AlwaysAllow",
        "--audit-log-path",
        "/var/snap/microk8s/common/var/log/audit.log",
        "--audit-policy-file=/var/snap/microk8s/current/args/audit-policy.yaml",
        "--token-auth-file=/var/snap/microk8s/current/credentials/known_tokens.csv",
    ]
    assert [(one.text, one.unread, one.line) for one in source.arguments if one.unread] == [
        ("--bind-address=${MINE}", "the value of MINE is not known here", 8)
    ]
    assert [one.line for one in source.arguments if one.text.startswith("--audit")] == [5, 6]
    assert source.view.locate("/var/snap/microk8s/current/args/audit-policy.yaml").kind is PlaceKind.HOST
    assert source.remark.startswith("read from the arguments of MicroK8s")


def test_canonical_kubernetes_arguments() -> None:
    (source,) = servers(snap_arguments.FORMAT, CANONICAL)
    assert "--audit-log-path=/var/log/kubernetes/audit.log" in texts(source)
    assert source.remark.startswith("read from the arguments of Canonical Kubernetes")


def test_quotes_that_do_not_match_leave_one_flag_unknown() -> None:
    text = MICROK8S.replace("'${SNAP_DATA}/args/audit-policy.yaml'", "'${SNAP_DATA}/x")
    (source,) = servers(snap_arguments.FORMAT, text)
    assert ("--audit-policy-file", "its quotes do not match") in [(one.text, one.unread) for one in source.arguments]


@pytest.mark.parametrize(
    "text",
    [
        "--kubeconfig=${SNAP_DATA}/credentials/kubelet.config\n",  # another service's
        "--etcd-servers=https://x\n--audit-log-path=/a\n",  # no snap's
        "start --etcd-servers=${SNAP_DATA}/x\n",
        "# ${SNAP_DATA} --etcd-servers\n",
    ],
)
def test_what_is_no_file_of_arguments_of_a_snap(text: str) -> None:
    assert servers(snap_arguments.FORMAT, text) == ()


@pytest.mark.parametrize("text", [MICROK8S, CANONICAL])
def test_a_snaps_arguments_are_read_once(text: str) -> None:
    assert [title for title, _ in recognise(file(text))] == ["arguments of a snap's kube-apiserver"]
    assert servers(flag_list.FORMAT, text) == ()


def test_a_bootstrap_configuration_with_its_files() -> None:
    (source,) = servers(canonical_kubernetes.FORMAT, BOOTSTRAP)
    assert texts(source) == [
        "--authorization-mode=Node,RBAC",
        "--etcd-servers=unix:///var/snap/k8s/common/var/lib/k8s-dqlite/k8s-dqlite.sock",
        "--audit-log-path=/var/log/kubernetes/audit.log",
        "--audit-policy-file=/var/snap/k8s/common/args/conf.d/policy.yaml",
    ]
    (given,) = source.files.values()
    assert given.data is not None
    assert given.data.startswith(b"apiVersion: audit.k8s.io/v1")
    path = next(one for one in source.arguments if one.text.startswith("--audit-log-path"))
    assert (path.line, path.key) == (8, "extra-node-kube-apiserver-args.--audit-log-path")


def test_a_configuration_without_arguments_has_the_defaults() -> None:
    (source,) = servers(canonical_kubernetes.FORMAT, "cluster-config: {dns: {enabled: true}}\npod-cidr: 10.1.0.0/16\n")
    assert "--anonymous-auth=false" in texts(source)
    assert not [text for text in texts(source) if "audit" in text]


@pytest.mark.parametrize(
    "text",
    ["cluster-config: {}\n", "kind: X\nextra-node-kube-apiserver-args: {}\n", "- extra-node-kube-apiserver-args\n"],
)
def test_what_is_no_configuration_of_canonical_kubernetes(text: str) -> None:
    assert servers(canonical_kubernetes.FORMAT, text) == ()
