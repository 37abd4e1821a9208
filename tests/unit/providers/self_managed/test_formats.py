"""What holds of every kind of file."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats import formats, may_be_known
from providers.self_managed.source import Format, ManifestFile

PAGE = Path(__file__).parents[4] / "docs" / "self-managed.md"


@pytest.mark.parametrize("form", formats(), ids=lambda form: form.title)
def test_each_is_documented(form: Format) -> None:
    assert f"| {form.title} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", formats(), ids=lambda form: form.title)
@pytest.mark.parametrize(
    "text", ["", "a", "[]", "{}", "- a\n", "kind: Service\nmetadata: {name: kube-apiserver}\n", "a: 1\n---\nb: 2\n"]
)
def test_what_is_of_no_kind(form: Format, text: str) -> None:
    assert list(form.read(ManifestFile(Path("/x/f"), "f", HostFiles(None), text.encode()))) == []


def test_a_file_without_any_sign_is_not_looked_at_further() -> None:
    assert not may_be_known(b"kind: Service\nmetadata: {name: shop}\n")


def test_titles_are_told_apart() -> None:
    titles = [form.title for form in formats()]
    assert len(set(titles)) == len(titles)
