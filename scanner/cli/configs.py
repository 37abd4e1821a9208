"""``config check`` and ``config example``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from providers import kinds, load
from scanner.cli.exit_codes import ExitCode
from scanner.config import AccountConfig, Config, OrganizationConfig, load_config
from scanner.errors import ConfigError, UsageError
from scanner.ports import AccountOptions, OrganizationOptions, OrganizationProvider
from scanner.reports import formats


def read(path: Path) -> Config:
    """Load a configuration with the options of the providers and the formats that are installed."""
    config = load_config(path, _options, organization_for=_organization_options)
    for name in config.output.formats:
        if name not in formats():
            hint = f"allowed: {', '.join(formats())}"
            raise ConfigError(f"unknown format {name!r}", where=f"{path}: output.formats", hint=hint)
    return config


def check(path: Path) -> int:
    """Validate a configuration and say what it would scan."""
    config = read(path)
    parts = [
        f"{len(entries)} {noun}{'s' if len(entries) != 1 else ''} ({_by_provider(entries)})"
        for noun, entries in (("account", config.accounts), ("organization", config.organizations))
        if entries
    ]
    print(f"{path}: ok, {', '.join(parts)}")
    return ExitCode.OK


def _by_provider(entries: Sequence[AccountConfig | OrganizationConfig]) -> str:
    """Count tables by their provider."""
    kinds = Counter(entry.provider for entry in entries)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def example() -> int:
    """Print the starting file."""
    from scanner.cli.example import example_configuration  # noqa: PLC0415 - `check` and `scan` do not need it

    print(example_configuration(), end="")
    return ExitCode.OK


def _options(kind: str) -> type[AccountOptions]:
    """Give the model of a provider's account keys; importing a provider imports no SDK."""
    return load(kind).options


def organization_provider(kind: str) -> OrganizationProvider:
    """Load a provider that finds accounts by itself; UsageError where it does not."""
    provider = load(kind)
    if not isinstance(provider, OrganizationProvider):
        able = [one for one in kinds() if isinstance(load(one), OrganizationProvider)]
        hint = f"{' and '.join(able)} can; otherwise list" if able else "list"
        raise UsageError(
            f"the provider {kind!r} finds no accounts by itself", hint=f"{hint} them as [[account]] tables"
        )
    return provider


def _organization_options(kind: str) -> type[OrganizationOptions]:
    """Give the model of a provider's organization keys."""
    return organization_provider(kind).organization_options
