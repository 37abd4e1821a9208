"""Whatever a file holds, the scan goes on and nothing passes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.self_managed.files import HostFiles
from providers.self_managed.formats import recognise, why_unknown
from providers.self_managed.source import ApiServerSource, Fragment, ManifestFile, Part
from providers.self_managed.yaml_nodes import compose_all
from scanner.apiserver import Argument, configure
from scanner.errors import CollectionError, FlagError, Malformed

PIECES = (
    *"{}[]:,-&*!|>'\"%@`#\\ \n\t$()=;",
    "kind: Pod",
    "kind: ConfigMap\ndata:\n  ClusterConfiguration: |\n    ",
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n",
    "spec:\n  containers:\n  - command: [kube-apiserver, ",
    "apiServer:\n  extraArgs:\n  - ",
    "[Service]\nExecStart=/bin/kube-apiserver ",
    "Environment=A=",
    "sh -c ",
    "--audit-log-path",
    "--etcd-servers=x\n",
    "apiVersion: kops.k8s.io/v1alpha2\nkind: Cluster\nspec:\n  fileAssets:\n  - content: ",
    "apiVersion: kops.k8s.io/v1alpha2\nkind: InstanceGroup\nspec: ",
    "spec:\n  kubeAPIServer:\n    auditLogPath: ",
    "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nkubeadmConfigPatches:\n- ",
    "nodes:\n- role: control-plane\n  extraMounts: ",
    "kube-apiserver-arg: ",
    "profile: cis\naudit-policy-file: ",
    "ExecStart=/bin/k3s server ",
    "machine: {type: controlplane}\ncluster:\n  apiServer:\n    auditPolicy: ",
    "apiVersion: v1alpha1\nkind: KubeAuditPolicyConfig\nconfiguration: ",
    "clusterName: x\nnodes:\n- controlPlane: true\npatches:\n- ",
    "apiVersion: config.openshift.io/v1\nkind: APIServer\nspec:\n  audit: ",
    "apiVersion: kubecontrolplane.config.openshift.io/v1\nkind: KubeAPIServerConfig\napiServerArguments: ",
    "apiVersion: hypershift.openshift.io/v1beta1\nkind: HostedCluster\nspec: ",
    "apiVersion: k3d.io/v1alpha5\nkind: Simple\nvolumes:\n- ",
    "Driver: x\nKubernetesConfig:\n  ExtraOptions: ",
    "kind: Secret\ndata: {x: YXVkaXQuazhzLmlvLw==}\nstringData: ",
    "<<: *a",
    "&a",
    "---\n",
    "\N{BYTE ORDER MARK}",
    "\x00",
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12))
def test_any_file_is_read_or_refused(pieces: list[str]) -> None:
    data = "".join(pieces).encode("utf-8", "surrogatepass")
    file = ManifestFile(Path("/x/file"), "file", HostFiles(None), data)
    try:
        found = recognise(file)
        error = None if found else why_unknown(file)
        assembled(part for _, part in found)
    except CollectionError as caught:
        error = caught
    assert error is None or error.where == "file"


def assembled(parts: Iterable[Part]) -> list[ApiServerSource]:
    """Put together what is to be, whatever kind it is of."""
    fragments = [part for part in parts if isinstance(part, Fragment)]
    return [
        source
        for assemble in dict.fromkeys(fragment.assemble for fragment in fragments)
        for source in assemble([fragment for fragment in fragments if fragment.assemble is assemble])
        if isinstance(source, ApiServerSource)
    ]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ("--audit-log-path=/a", "--audit-log-maxage", "-v", "--", "--anonymous-auth", "--authorization-mode=")
        )
        | st.text(max_size=12),
        max_size=8,
    )
)
def test_any_flags_are_read_or_refused(words: list[str]) -> None:
    records = False
    with suppress(FlagError):
        records = configure([Argument(word, "unit", 1) for word in words]).records
    assert not records


def in_block_style(breaks: str) -> str:
    """Nest lists in mappings in lists, 51 times each."""
    return "".join(f"k:{breaks}{'  ' * level}- " for level in range(51)) + "x"


@pytest.mark.parametrize(
    "text",
    [
        "- " * 101 + "a",
        "? " * 101 + "a",
        "[a: " * 51 + "b" + "]" * 51,
        "{a: " * 101 + "b" + "}" * 101,
        "".join(f"{' ' * level}a:\n" for level in range(101)) + " " * 101 + "b",
        in_block_style("\n"),
        in_block_style("\r"),
        in_block_style("\r\n"),
        in_block_style("\u2028"),
    ],
)
def test_no_style_hides_how_deep_it_is(text: str) -> None:
    with pytest.raises(Malformed, match="deeper than 100 levels"):
        compose_all(text, "file")


@given(
    st.recursive(
        st.integers(0, 9) | st.text("a[{- ?:", max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("a[-", min_size=1, max_size=2), inner, max_size=3)
        ),
        max_leaves=20,
    ),
    st.sampled_from([True, False, None]),
)
def test_what_is_not_deep_is_read_in_every_style(value: object, style: bool | None) -> None:  # noqa: FBT001
    text = yaml.safe_dump(value, default_flow_style=style)
    assert len(compose_all(text, "file")) == 1


@pytest.mark.parametrize("depth", [99, 101, 20_000])
def test_nesting_does_not_crash_the_process(depth: int) -> None:
    """The composer of libyaml recurses in C, without a limit."""
    file = ManifestFile(Path("/x/file"), "file", HostFiles(None), b"[" * depth + b"]" * depth)
    assert recognise(file) == ()
    expected = "is nested deeper than 100 levels" if depth > 100 else "holds no kube-apiserver that could be recognised"
    assert why_unknown(file).what == expected
