"""The adapters: the only code that talks to clouds, API servers or manifest files.

The folder listing is the registry: each package in it exports ``PROVIDER``.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from scanner.errors import UsageError
from scanner.ports import Provider


def kinds() -> tuple[str, ...]:
    """List the kinds of providers that are there, in order, without importing any."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def load(kind: str) -> Provider:
    """Import one provider and no other; UsageError for a kind that is not there."""
    if kind not in kinds():
        raise UsageError(f"there is no provider {kind!r}", hint=f"there are {', '.join(kinds())}")
    provider: Provider = import_module(f"providers.{kind}").PROVIDER
    return provider
