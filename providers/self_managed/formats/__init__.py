"""One module a kind of file; each exports ``FORMAT``. The folder listing is the registry."""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from importlib import import_module

from providers.self_managed.source import Format, ManifestFile, Part
from scanner.errors import CollectionError, Malformed

_MOST_KINDS = 3
_FLAGS = re.compile(rb"--audit-(?:policy-file|log-path|webhook-config-file)\b")


@cache
def formats() -> tuple[Format, ...]:
    """Load the formats, in order of their module names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").FORMAT for name in names)


def may_be_known(data: bytes) -> bool:
    """Tell quickly whether a file can be of a kind that is known; False only where that is certain."""
    return any(sign in data for sign in _signs())


def recognise(file: ManifestFile) -> tuple[tuple[str, Part], ...]:
    """Give what a file describes, each with the kind of file that describes it; nothing where no format knows it.

    A file may be of several kinds: its documents are each looked at by every format.
    """
    return tuple(
        (candidate.title, part)
        for candidate in formats()
        if any(sign in file.data for sign in candidate.signs)
        for part in candidate.read(file)
    )


def why_unknown(file: ManifestFile) -> CollectionError:
    """Say why a file is not recognised, by what it holds instead."""
    hint = "give kube-apiserver's static pod manifest, or another kind of file that docs/self-managed.md lists"
    if not file.fields and file.yaml_error is not None:
        return file.yaml_error
    kinds = [document.get("kind").text for document in file.fields]
    named = list(dict.fromkeys(kind for kind in kinds if kind.isalnum()))
    if named:
        shown = ", ".join(named[:_MOST_KINDS]) + (" and others" if len(named) > _MOST_KINDS else "")
        return Malformed(f"holds {shown}, and no kube-apiserver that could be recognised", where=file.shown, hint=hint)
    if _FLAGS.search(file.data):
        what = "holds flags of kube-apiserver in a text that is neither a manifest nor a list of flags"
        return Malformed(what, where=file.shown, hint="give the manifest or unit, or each flag on a line of its own")
    return Malformed("holds no kube-apiserver that could be recognised", where=file.shown, hint=hint)


@cache
def _signs() -> tuple[bytes, ...]:
    """Gather the signs of all formats."""
    return tuple(dict.fromkeys(sign for candidate in formats() for sign in candidate.signs))
