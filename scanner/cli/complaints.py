"""How an expected error is told on standard error."""

from __future__ import annotations

import sys

from scanner.errors import AuditCoverageError


def complain(error: AuditCoverageError) -> None:
    """Print an expected error: a line each for what failed, and one for what to do about it."""
    where = f"{error.where}: " if error.where else ""
    for line in error.what.splitlines():
        print(f"error: {where}{line}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)


def remark(text: str) -> None:
    """Print something that a person may want to know, and that stops nothing."""
    print(f"note: {text}", file=sys.stderr)
