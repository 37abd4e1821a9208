"""The report formats: one module each, named for the format with ``_report`` behind it.

The folder listing is the registry: each such module exports ``FORMAT``.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Final

from scanner.errors import UsageError
from scanner.ports import ReportFormat

_SUFFIX: Final = "_report"


def formats() -> tuple[str, ...]:
    """List the names of the formats that are there, in order, without importing any."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def load(name: str) -> ReportFormat:
    """Import one format and no other; UsageError for a name that is not there."""
    if name not in formats():
        raise UsageError(f"there is no report format {name!r}", hint=f"there are {', '.join(formats())}")
    report_format: ReportFormat = import_module(f"scanner.reports.{name}{_SUFFIX}").FORMAT
    return report_format
