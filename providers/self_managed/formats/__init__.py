"""One module a kind of file; each exports ``FORMAT``. The folder listing is the registry."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from providers.self_managed.source import ApiServerSource, Format, ManifestFile
from scanner.errors import Malformed


@cache
def formats() -> tuple[Format, ...]:
    """Load the formats, in order of their module names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").FORMAT for name in names)


def recognise(file: ManifestFile) -> tuple[Format, tuple[ApiServerSource, ...]]:
    """Give the format of a file and the API servers in it; Malformed where no format knows it."""
    for candidate in formats():
        sources = tuple(candidate.read(file))
        if sources:
            return candidate, sources
    if file.yaml_error is not None:
        raise file.yaml_error
    known = ", ".join(candidate.title for candidate in formats())
    raise Malformed("holds no kube-apiserver that could be recognised", where=file.shown, hint=f"known are: {known}")
