"""KubeOne: features that become flags, the files beside the manifest, and KubeOne's own mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.kubeone import FORMAT
from providers.self_managed.source import ApiServerSource, GivenFile, ManifestFile, PlaceKind
from tests.unit.providers.self_managed.hosts import servers

CLUSTER = """\
apiVersion: kubeone.k8c.io/v1beta2
kind: KubeOneCluster
name: prod
versions: {kubernetes: v1.33.1}
features:
  staticAuditLog:
    enable: true
    config:
      policyFilePath: audit/policy.yaml
      logMaxAge: 90
"""
WEBHOOK = """\
  webhookAuditLog:
    enable: true
    config: {policyFilePath: audit/policy.yaml, configFilePath: hook.yaml, mode: blocking}
"""


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text, "kubeone.yaml")
    return source


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments]


@pytest.mark.parametrize("group", ["kubeone.io/v1beta1", "kubeone.k8c.io/v1beta2", "kubeone.k8c.io/v1beta3"])
def test_the_log_with_kubeones_defaults(group: str) -> None:
    source = read(CLUSTER.replace("kubeone.k8c.io/v1beta2", group))
    assert texts(source) == [
        "--authorization-mode=Node,RBAC",
        "--audit-policy-file=/etc/kubernetes/audit/policy.yaml",
        "--audit-log-path=/var/log/kubernetes/audit.log",
        "--audit-log-maxage=90",
        "--audit-log-maxbackup=3",
        "--audit-log-maxsize=100",
    ]
    assert (source.version, source.cluster, source.arguments[3].line) == ("1.33.1", "prod", 10)
    log = source.view.locate("/var/log/kubernetes/audit.log")
    assert (log.kind, log.read_only) == (PlaceKind.HOST, False)
    assert source.view.locate("/etc/kubernetes/audit/policy.yaml").read_only


def test_the_webhook_alone() -> None:
    source = read(CLUSTER.partition("  staticAuditLog")[0] + WEBHOOK)
    assert texts(source)[1:] == [
        "--audit-policy-file=/etc/kubernetes/audit/policy.yaml",
        "--audit-webhook-config-file=/etc/kubernetes/audit/webhook-config.yaml",
        "--audit-webhook-mode=blocking",
    ]
    assert source.view.locate("/var/log/kubernetes/audit.log").kind is PlaceKind.ABSENT


def test_both_name_the_policy_once_and_flags_of_the_user_come_last() -> None:
    flags = "controlPlaneComponents: {apiServer: {flags: {audit-log-maxage: '7'}}}\n"
    found = texts(read(CLUSTER + WEBHOOK.replace(", mode: blocking", "") + flags))
    assert len([text for text in found if text.startswith("--audit-policy-file")]) == 1
    assert found[-2:] == [
        "--audit-webhook-config-file=/etc/kubernetes/audit/webhook-config.yaml",
        "--audit-log-maxage=7",
    ]


def test_no_feature_is_no_log() -> None:
    source = read(CLUSTER.replace("enable: true", "enable: false"))
    assert (texts(source), source.files) == (["--authorization-mode=Node,RBAC"], {})


def test_standard_output_needs_no_mount() -> None:
    source = read(CLUSTER.replace("logMaxAge: 90", 'logPath: "-"'))
    assert "--audit-log-path=-" in texts(source)
    assert source.view.locate("/var/log/kubernetes/audit.log").kind is PlaceKind.ABSENT


def policy(directory: Path, text: str) -> GivenFile:
    path = directory / "kubeone.yaml"
    file = ManifestFile(path, "kubeone.yaml", HostFiles(None), text.encode())
    (source,) = servers(FORMAT, file)
    return source.files["/etc/kubernetes/audit/policy.yaml"]


def test_the_policy_beside_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "policy.yaml").write_text("kind: Policy\n")
    given = policy(tmp_path, CLUSTER)
    assert (given.data, given.evidence.source) == (b"kind: Policy\n", "audit/policy.yaml")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("audit/policy.yaml", "there is no such file"),
        ("/srv/policy.yaml", "does not lie below the directory of kubeone.yaml"),
        ("../policy.yaml", "does not lie below the directory of kubeone.yaml"),
    ],
)
def test_a_policy_that_is_not_at_hand(tmp_path: Path, path: str, said: str) -> None:
    given = policy(tmp_path, CLUSTER.replace("audit/policy.yaml", path))
    assert given.data is None
    assert said in given.unread


def test_other_kinds_are_not_ours() -> None:
    assert servers(FORMAT, "apiVersion: kubeone.k8c.io/v1beta2\nkind: Other\n") == ()
