"""From --audit-policy-file through the mounts to the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.audit_policy.types import Level
from scanner.model import Evidence, InlinePolicy, NoPolicy, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Host, ScanHost, Unprivileged

POLICY = "/etc/kubernetes/audit-policy.yaml"
FLAGS = [f"--audit-policy-file={POLICY}", "--audit-log-path=/var/log/audit.log", "--authorization-mode=Node,RBAC"]
MANIFEST = "hosts/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml"
SHOWN = "hosts/cp-1/etc/kubernetes/audit-policy.yaml"


async def test_a_policy_is_read_through_its_mount(host: Host, scan_host: ScanHost) -> None:
    host.pod(FLAGS, [("/conf", "hostPath: {path: /etc/kubernetes}", "readOnly: true")])
    host.pod(["--audit-policy-file=/conf/audit-policy.yaml"], [("/conf", "hostPath: {path: /etc/kubernetes}", "")])
    server, _ = await scan_host()
    assert isinstance(server.policy, InlinePolicy)
    assert [rule.level for rule in server.policy.policy.rules] == [Level.METADATA]
    assert (server.policy.source, server.policy.within) == (SHOWN, "")
    assert server.policy.evidence == (
        Evidence(MANIFEST, "line 10", "--audit-policy-file=/conf/audit-policy.yaml"),
        Evidence(MANIFEST, "line 12", "volume v0 (hostPath /etc/kubernetes), mounted writable at /conf"),
        Evidence(SHOWN, "rules", "1 rule"),
    )


@pytest.mark.parametrize(
    "mount",
    [
        "subPath: kubernetes",
        "subPathExpr: kubernetes",
    ],
)
async def test_a_sub_path_is_followed(host: Host, scan_host: ScanHost, mount: str) -> None:
    host.pod(["--audit-policy-file=/conf/audit-policy.yaml"], [("/conf", "hostPath: {path: /etc}", mount)])
    server, _ = await scan_host()
    assert isinstance(server.policy, InlinePolicy)


async def test_the_longest_mount_counts(host: Host, scan_host: ScanHost) -> None:
    volumes = [("/etc", "hostPath: {path: /wrong}", ""), ("/etc/kubernetes", "hostPath: {path: /etc/kubernetes}", "")]
    host.pod(FLAGS, volumes)
    server, _ = await scan_host()
    assert isinstance(server.policy, InlinePolicy)


async def test_a_file_mounted_alone(host: Host, scan_host: ScanHost) -> None:
    host.pod(FLAGS, [(POLICY, f"hostPath: {{path: {POLICY}, type: File}}", "readOnly: true")])
    server, _ = await scan_host()
    assert isinstance(server.policy, InlinePolicy)


@pytest.mark.parametrize(
    ("flags", "evidence"),
    [
        (["--v=2"], "kube-apiserver has 1 flags, none of them --audit-policy*"),
        (["--audit-policy-file="], "--audit-policy-file="),
    ],
)
async def test_no_policy(host: Host, scan_host: ScanHost, flags: list[str], evidence: str) -> None:
    host.pod(flags)
    server, _ = await scan_host()
    assert isinstance(server.policy, NoPolicy)
    assert server.policy.reason == "kube-apiserver does not specify --audit-log-path or --audit-policy-file"
    assert [item.value for item in server.policy.evidence] == [evidence]


async def test_no_policy_for_the_backend_that_is_there(host: Host, scan_host: ScanHost) -> None:
    host.pod(["--audit-log-path=-"])
    server, _ = await scan_host()
    assert isinstance(server.policy, NoPolicy)
    assert server.policy.reason == "kube-apiserver does not specify --audit-policy-file"


async def test_a_path_that_no_mount_covers(host: Host, scan_host: ScanHost) -> None:
    """kube-apiserver looks inside its container, whatever lies on the host."""
    host.pod(FLAGS, [("/var/log", "hostPath: {path: /var/log}", "")])
    server, _ = await scan_host()
    assert isinstance(server.policy, NoPolicy)
    assert server.policy.reason == (
        "kube-apiserver refuses to start: --audit-policy-file names /etc/kubernetes/audit-policy.yaml, "
        "and no volume mount brings that file into its container"
    )


async def test_a_refused_policy(host: Host, scan_host: ScanHost) -> None:
    host.pod(FLAGS, policy="apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n")
    server, _ = await scan_host()
    assert isinstance(server.policy, NoPolicy)
    assert server.policy.reason == (
        f"kube-apiserver refuses the audit policy {SHOWN}: loaded illegal policy with 0 rules"
    )
    assert server.policy.evidence[-1] == Evidence(SHOWN, "audit policy", "loaded illegal policy with 0 rules")


@pytest.mark.parametrize(
    ("version", "kind"),
    [("1.35", NoPolicy), ("1.36", InlinePolicy)],
)
async def test_the_version_decides_what_is_refused(host: Host, scan_host: ScanHost, version: str, kind: type) -> None:
    text = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, resources: [{group: "*"}]}]\n'
    host.pod(FLAGS, policy=text)
    server, observation = await scan_host(version=version)
    assert isinstance(server.policy, kind)
    assert observation.ref.version == version


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("# a comment\n" * 100_000, "larger than 1048576 bytes, which is as much as is read"),
        ("- level: None\n" * 1000, "holds more than 1000 rules, which is as many as are analysed"),
    ],
)
async def test_a_policy_beyond_our_limits_is_unknown(host: Host, scan_host: ScanHost, more: str, why: str) -> None:
    host.pod(FLAGS, policy=f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n{more}")
    server, _ = await scan_host()
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.reason == f"the audit policy {SHOWN} cannot be judged: {why}"
    assert server.policy.evidence[-1] == Evidence(SHOWN, "audit policy", why)


async def test_a_missing_file_is_unknown_because_the_copy_of_the_host_may_lack_it(
    host: Host, scan_host: ScanHost
) -> None:
    host.pod(FLAGS)
    (host.root / POLICY[1:]).unlink()
    server, _ = await scan_host()
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.reason == (
        f"the audit policy {SHOWN} could not be read: there is no such file (set policy to a copy of the file)"
    )
    assert server.policy.evidence[-1] == Evidence(SHOWN, "file", "there is no such file")


async def test_a_missing_permission_is_named(host: Host, scan_host: ScanHost, unprivileged: Unprivileged) -> None:
    host.pod(FLAGS)
    (host.root / POLICY[1:]).chmod(0)
    with unprivileged():
        server, _ = await scan_host()
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.permission == f"read access to {SHOWN}"
    assert server.policy.reason == (
        f"the audit policy {SHOWN} could not be read: may not be read "
        "(give the user that scans read access, or set policy to a copy of the file)"
    )


@pytest.mark.parametrize(
    ("root", "why"),
    [
        (None, "set root to the mounted host filesystem"),
        (
            "elsewhere/*",
            "root elsewhere/* matches no directory above hosts/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml",
        ),
    ],
)
async def test_without_a_host_filesystem(host: Host, scan_host: ScanHost, root: str | None, why: str) -> None:
    host.pod(FLAGS)
    server, _ = await scan_host(root=root)
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.reason == (
        f"the audit policy {POLICY} could not be read: there is no host filesystem to read it from "
        f"({why}, or set policy to a copy of the file)"
    )


async def test_a_copy_is_read_instead(host: Host, scan_host: ScanHost, world: Path) -> None:
    host.pod(FLAGS)
    (world / "copy.yaml").write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Request}, {level: None}]\n"
    )
    server, _ = await scan_host(root=None, policy="copy.yaml")
    assert isinstance(server.policy, InlinePolicy)
    assert server.policy.source == "copy.yaml"
    assert server.policy.evidence[-1] == Evidence("copy.yaml", "rules", "2 rules")


async def test_a_copy_that_is_not_there(host: Host, scan_host: ScanHost) -> None:
    host.pod(FLAGS)
    server, _ = await scan_host(root=None, policy="copy.yaml")
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.reason == (
        "the audit policy copy.yaml could not be read: there is no such file (set policy to a copy of the file)"
    )


@pytest.mark.parametrize(
    ("volume", "what"),
    [
        (
            "configMap: {name: audit}",
            "it is on volume v0 (configMap audit), mounted writable at /etc/kubernetes, which is not on the host",
        ),
        (
            "emptyDir: {}",
            "it is on volume v0 (emptyDir), mounted writable at /etc/kubernetes, which is not on the host",
        ),
        ("csi: {driver: x}", "it is not known where it is: volume v0 (csi), mounted writable at /etc/kubernetes"),
    ],
)
async def test_a_policy_that_is_not_on_the_host(host: Host, scan_host: ScanHost, volume: str, what: str) -> None:
    host.pod(FLAGS, [("/etc/kubernetes", volume, "")])
    server, _ = await scan_host()
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.reason == (
        f"the audit policy {POLICY} could not be read: {what} (set policy to a copy of the file)"
    )


async def test_a_value_from_elsewhere(host: Host, scan_host: ScanHost) -> None:
    host.pod(["--audit-policy-file=$(POLICY)"])
    text = (host.root / "etc/kubernetes/manifests/kube-apiserver.yaml").read_text()
    env = "    env: [{name: POLICY, valueFrom: {configMapKeyRef: {name: a, key: b}}}]\n"
    host.put(
        "etc/kubernetes/manifests/kube-apiserver.yaml", text.replace("    volumeMounts:", f"{env}    volumeMounts:")
    )
    server, _ = await scan_host()
    assert isinstance(server.policy, UnreadablePolicy)
    assert server.policy.reason == (
        "the value of --audit-policy-file is not known: "
        "the environment variable POLICY is set from elsewhere (valueFrom)"
    )
