"""Talos: what it switches on by itself, old and new documents, patches and talconfigs."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.talos import FORMAT
from providers.self_managed.source import ApiServerSource, Fragment, ManifestFile, Place, PlaceKind, Refused
from tests.unit.providers.self_managed.hosts import servers

POLICY = "/system/config/kubernetes/kube-apiserver/auditpolicy.yaml"
LOG = "/var/log/audit/kube/kube-apiserver.log"
MACHINE = """\
version: v1alpha1
machine:
  type: controlplane
  network: {hostname: cp-1}
cluster:
  clusterName: lab
  apiServer:
    image: registry.k8s.io/kube-apiserver:v1.33.2
    extraArgs:
      audit-log-maxage: "7"
      service-account-issuer: [a, b]
    extraVolumes:
    - {hostPath: /var/extra, mountPath: /extra, readonly: true}
"""
RULES = "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}"
NEW = f"apiVersion: v1alpha1\nkind: KubeAuditPolicyConfig\nconfiguration: {RULES}\n"


def read(text: str) -> ApiServerSource:
    (source,) = servers(FORMAT, text, "m.yaml")
    return source


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments if not argument.unread]


def test_auditing_is_on_by_default() -> None:
    source = read(MACHINE)
    assert texts(source) == [
        f"--audit-policy-file={POLICY}",
        f"--audit-log-path={LOG}",
        "--audit-log-maxbackup=10",
        "--audit-log-maxsize=100",
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--audit-log-maxage=7",
        "--service-account-issuer=a",
        "--service-account-issuer=b",
    ]
    assert source.files[POLICY].published == "talos-default"
    assert (source.version, source.node, source.cluster, source.line) == ("1.33.2", "cp-1", "lab", 7)
    place: Place = source.view.locate(LOG)
    assert (place.kind, place.read_only) == (PlaceKind.HOST, False)
    assert source.view.locate(POLICY).read_only
    assert source.view.locate("/extra/x").host_path == "/var/extra/x"


@pytest.mark.parametrize("text", [f"{MACHINE}    auditPolicy: {RULES}\n", f"{MACHINE}---\n{NEW}"])
def test_a_policy_in_the_old_and_in_the_new_place(text: str) -> None:
    given = read(text).files[POLICY]
    assert given.data == f"--- {RULES}".encode()
    assert given.evidence.value == "audit policy"


def test_the_new_documents() -> None:
    text = (
        "version: v1alpha1\nmachine: {type: controlplane}\ncluster: {}\n"
        "---\napiVersion: v1alpha1\nkind: KubeAPIServerConfig\nimage: x/kube-apiserver:v1.36.0@sha256:0\n"
        "extraArgs: {audit-log-maxage: 1}\n"
        "---\napiVersion: v1alpha1\nkind: KubeAuthenticationConfig\nconfiguration: {anonymous: {enabled: true}}\n"
        "---\napiVersion: v1alpha1\nkind: KubeAuthorizerConfig\nname: hook\ntype: Webhook\n"
        "---\napiVersion: v1alpha1\nkind: KubeAuditPolicyConfig\n"
        "---\napiVersion: v1alpha1\nkind: VolumeConfig\n"
    )
    source = read(text)
    path = "/system/config/kubernetes/kube-apiserver/authentication-config.yaml"
    assert texts(source)[4:] == [
        f"--authentication-config={path}",
        "--authorization-mode=Node,RBAC",
        "--authorization-mode=Webhook",
        "--audit-log-maxage=1",
    ]
    assert source.files[path].data == b"--- {anonymous: {enabled: true}}"
    assert source.version == "1.36.0"


def test_authorizers_are_added_to_those_of_talos_each_once() -> None:
    text = MACHINE.replace("audit-log-maxage: ", "authorization-mode: RBAC,Webhook\n      x: ")
    modes = [one for one in texts(read(text)) if one.startswith("--authorization-mode")]
    assert modes == ["--authorization-mode=Node,RBAC", "--authorization-mode=Webhook"]


def test_a_worker_runs_no_api_server() -> None:
    data = MACHINE.replace("controlplane", "worker").encode()
    (part,) = FORMAT.read(ManifestFile(Path("/x/w.yaml"), "w.yaml", HostFiles(None), data))
    assert isinstance(part, Refused)
    assert part.reason == "is the machine configuration of a worker, which runs no API server"


def fragments(name: str, text: str, *, searched: bool = False) -> list[Fragment]:
    file = ManifestFile(Path(f"/x/{name}"), name, HostFiles(None), text.encode(), searched=searched)
    return [part for part in FORMAT.read(file) if isinstance(part, Fragment)]


def assembled(*parts: list[Fragment]) -> list[ApiServerSource]:
    every = [part for some in parts for part in some]
    return [one for one in every[0].assemble(every) if isinstance(one, ApiServerSource)]


def unread(source: ApiServerSource) -> list[tuple[str, str]]:
    return [(one.source, one.unread.partition(";")[0]) for one in source.arguments if one.unread]


NOT_SAID = "whether this patch was merged into the machine configuration is not said"
NOT_WHOLE = "a patch is not the whole of a machine"


def test_patches_that_the_configuration_names_go_into_every_machine() -> None:
    sources = assembled(
        fragments("a.yaml", MACHINE),
        fragments("b.yaml", MACHINE.replace("cp-1", "cp-2")),
        fragments("patch.yaml", NEW),
    )
    assert [(one.node, one.files[POLICY].evidence.source, unread(one)) for one in sources] == [
        ("cp-1", "patch.yaml", []),
        ("cp-2", "patch.yaml", []),
    ]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (NEW, NOT_SAID),
        ("cluster: {apiServer: {extraArgs: {audit-log-path: ''}}}\n", NOT_SAID),
        ("cluster: {apiServer: {extraVolumes: [{hostPath: /a, mountPath: /var/log/audit}]}}\n", NOT_SAID),
        ("- {op: replace, path: /cluster/apiServer/auditPolicy, value: {}}\n", NOT_SAID),
        ("cluster: {apiServer: {certSANs: [a.example]}}\n", ""),
        ("cluster: {apiServer: {extraArgs: {audit-log-maxage: '7'}}}\n", ""),  # the machine has it already
        ("- {op: add, path: /cluster/apiServer/certSANs/-, value: a.example}\n", ""),
        ("- {op: add, path: /machine/sysctls, value: {}} # apiServer\n", ""),
    ],
)
def test_a_patch_that_a_search_came_upon_may_have_been_merged_in(patch: str, expected: str) -> None:
    (source,) = assembled(fragments("d/cp.yaml", MACHINE), fragments("d/patches/p.yaml", patch, searched=True))
    assert [why for _, why in unread(source)] == ([expected] if expected else [])
    assert source.files[POLICY].published == "talos-default"


def test_json_operations_that_are_named_are_not_read_either() -> None:
    operation = "- {op: remove, path: /cluster/apiServer}\n"
    (source,) = assembled(fragments("cp.yaml", MACHINE), fragments("p.yaml", operation))
    assert unread(source) == [("p.yaml", "a patch of JSON operations is not read")]


def test_a_patch_is_of_the_machines_that_it_lies_with() -> None:
    sources = assembled(
        fragments("a/cp.yaml", MACHINE), fragments("b/cp.yaml", MACHINE), fragments("a/patch.yaml", NEW)
    )
    assert [one.files[POLICY].evidence.source for one in sources] == ["a/patch.yaml", "b/cp.yaml (Talos' default)"]


def test_a_patch_that_lies_with_no_machine_may_be_of_any() -> None:
    sources = assembled(
        fragments("clusterconfig/cp.yaml", MACHINE), fragments("patches/patch.yaml", NEW, searched=True)
    )
    assert [unread(one) for one in sources] == [[("patches/patch.yaml", NOT_SAID)]]


@pytest.mark.parametrize(
    "patch",
    [
        "cluster:\n  apiServer:\n    extraArgs:\n      audit-log-maxage: ''\n",
        NEW,
        "- {op: add, path: /cluster/apiServer/auditPolicy, value: {}}\n",
    ],
)
def test_a_patch_alone_is_a_machine_that_is_not_known(patch: str) -> None:
    source = read(patch)
    assert unread(source) == [("m.yaml", NOT_WHOLE)]
    assert source.node == ""


TALCONFIG = """\
clusterName: home
kubernetesVersion: v1.36.3
patches:
- |-
  cluster: {apiServer: {extraArgs: {audit-log-maxage: 1}}}
controlPlane:
  patches:
  - cluster: {apiServer: {extraArgs: {audit-log-maxage: 2}}}
nodes:
- {hostname: a, controlPlane: true}
- hostname: b
  controlPlane: true
  patches:
  - |-
    cluster: {apiServer: {extraArgs: {audit-log-maxage: 3}}}
- {hostname: c}
"""


def test_a_talconfig_gives_each_control_plane_node_its_patches() -> None:
    first, second = servers(FORMAT, TALCONFIG)
    assert (first.node, second.node, first.cluster, first.version) == ("a", "b", "home", "1.36.3")
    assert "--audit-log-maxage=2" in texts(first)
    assert "--audit-log-maxage=3" in texts(second)
    assert (second.arguments[-1].line, second.arguments[-1].key) == (
        15,
        "nodes[1].patches[0]: cluster.apiServer.extraArgs.audit-log-maxage",
    )


def test_patches_beside_a_talconfig_count_only_where_it_names_them() -> None:
    talconfig = fragments("h/talconfig.yaml", TALCONFIG)
    assert assembled(talconfig, fragments("h/patches/p.yaml", NEW, searched=True)) == []
    (other,) = assembled(talconfig, fragments("other/p.yaml", NEW, searched=True))
    assert unread(other) == [("other/p.yaml", NOT_WHOLE)]


@pytest.mark.parametrize(("override", "value"), [("true", "100"), ("false", "5")])
def test_patches_of_a_node_in_place_of_those_of_the_control_plane(override: str, value: str) -> None:
    text = TALCONFIG.replace("audit-log-maxage: 2", "audit-log-maxsize: 5")
    text = text.replace("- hostname: b\n", f"- hostname: b\n  overridePatches: {override}\n")
    first, second = servers(FORMAT, text)
    assert "--audit-log-maxsize=5" in texts(first)
    assert f"--audit-log-maxsize={value}" in texts(second)
    assert "--audit-log-maxage=3" in texts(second)


@pytest.mark.parametrize(
    "patch", ['"@patch.yaml"', '"@/patch.yaml"', '"@../patch.yaml"', "|-\n  - {op: add, path: /a}"]
)
def test_a_patch_that_is_not_read_may_change_anything(patch: str) -> None:
    first, _ = servers(FORMAT, TALCONFIG.replace("patches:\n- |-", f"patches:\n- {patch}\n- |-", 1))
    assert [(one.unread, one.line) for one in first.arguments if one.unread] == [
        ("a patch of JSON operations, or in a file that is not at hand, is not read; give the machine configuration", 4)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "cluster: {}\n",
        "apiVersion: v1\nkind: Pod\n",
        "apiVersion: v1alpha1\nkind: Other\n",
        "a\n",
        "apiVersion: x\ncluster: {apiServer: {}}\n",
    ],
)
def test_what_is_not_of_talos(text: str) -> None:
    assert servers(FORMAT, text) == ()


def test_a_patch_in_a_file_of_its_own(tmp_path: Path) -> None:
    text = TALCONFIG.replace("patches:\n- |-", 'patches:\n- "@./patches/a.yaml"\n- |-', 1)
    (tmp_path / "talconfig.yaml").write_text(text)
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches/a.yaml").write_text("cluster: {apiServer: {extraArgs: {audit-log-maxbackup: 3}}}\n")
    first, _ = servers(FORMAT, ManifestFile.load(tmp_path / "talconfig.yaml", "t/talconfig.yaml", HostFiles(None)))
    assert [(one.source, one.text) for one in first.arguments if one.source.endswith("a.yaml")] == [
        ("t/patches/a.yaml", "--audit-log-maxbackup=3")
    ]
