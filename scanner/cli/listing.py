"""``providers``: what is installed, and what it may do."""

from __future__ import annotations

from providers import kinds, load
from scanner.cli.exit_codes import ExitCode
from scanner.errors import UsageError


def providers(kind: str | None, *, permissions: str | None) -> int:
    """List the providers, or print the least permissions of one; `permissions` names a variant, "" for the default."""
    chosen = (kind,) if kind else kinds()
    loaded = [load(one) for one in chosen]
    if permissions is None:
        for provider in loaded:
            print(f"{provider.kind:14} {provider.title}")
        return ExitCode.OK
    if kind is None:
        raise UsageError("name one provider", where="providers --permissions", hint=f"one of {', '.join(kinds())}")
    print(loaded[0].permissions(permissions).rstrip("\n"))
    return ExitCode.OK
