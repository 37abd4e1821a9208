"""Whatever a file holds, the scan goes on and nothing passes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.self_managed.files import HostFiles
from providers.self_managed.formats import recognise, why_unknown
from providers.self_managed.source import ManifestFile
from scanner.apiserver import Argument, configure
from scanner.errors import CollectionError, FlagError

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
        error = None if recognise(file) else why_unknown(file)
    except CollectionError as caught:
        error = caught
    assert error is None or error.where == "file"


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


@pytest.mark.parametrize("depth", [99, 101, 20_000])
def test_nesting_does_not_crash_the_process(depth: int) -> None:
    """The composer of libyaml recurses in C, without a limit."""
    file = ManifestFile(Path("/x/file"), "file", HostFiles(None), b"[" * depth + b"]" * depth)
    assert recognise(file) == ()
    expected = "is nested deeper than 100 levels" if depth > 100 else "holds no kube-apiserver that could be recognised"
    assert why_unknown(file).what == expected
