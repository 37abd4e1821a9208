"""``config check`` and ``config example``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from providers import load
from scanner.cli.exit_codes import ExitCode
from scanner.config import Config, load_config
from scanner.errors import ConfigError
from scanner.ports import AccountOptions
from scanner.reports import formats


def read(path: Path) -> Config:
    """Load a configuration with the options of the providers and the formats that are installed."""
    config = load_config(path, _options)
    for name in config.output.formats:
        if name not in formats():
            hint = f"allowed: {', '.join(formats())}"
            raise ConfigError(f"unknown format {name!r}", where=f"{path}: output.formats", hint=hint)
    return config


def check(path: Path) -> int:
    """Validate a configuration and say what it would scan."""
    config = read(path)
    kinds = Counter(account.provider for account in config.accounts)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"{path}: ok, {len(config.accounts)} account{'s' if len(config.accounts) != 1 else ''} ({listed})")
    return ExitCode.OK


def example() -> int:
    """Print the starting file."""
    from scanner.cli.example import example_configuration  # noqa: PLC0415 - `check` and `scan` do not need it

    print(example_configuration(), end="")
    return ExitCode.OK


def _options(kind: str) -> type[AccountOptions]:
    """Give the model of a provider's account keys; importing a provider imports no SDK."""
    return load(kind).options
