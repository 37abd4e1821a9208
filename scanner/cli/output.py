"""Writes the reports: the only place that opens a file for writing."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scanner.errors import ReportError, UsageError
from scanner.model import ScanResult
from scanner.reports import load

STDOUT = "-"


def check_destination(output: str, names: Sequence[str]) -> None:
    """Find out before the scan whether the reports can be written after it."""
    if output == STDOUT:
        if len(names) > 1:
            hint = "choose one, such as --format json, or name a directory"
            raise UsageError(f"only one format fits on standard output, not {', '.join(names)}", hint=hint)
        if sys.stdout is None:
            raise UsageError("standard output is closed", where="--output -", hint="name a directory")
        return
    directory = Path(output)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        hint = "name another directory with --output, or make this one writable"
        raise UsageError(f"reports cannot be written there: {error.strerror}", where=output, hint=hint) from None


def write_reports(result: ScanResult, names: Sequence[str], output: str) -> list[Path]:
    """Render and write each report; a reader never sees half of one. Gives the paths, none for standard output."""
    reports = [load(name) for name in names]
    if output == STDOUT:
        _print(reports[0].render(result))
        return []
    written = []
    for report in reports:
        path = Path(output) / report.filename
        _replace(path, report.render(result))
        written.append(path)
    return written


def _print(text: str) -> None:
    """Write a report to standard output, in UTF-8 whatever the terminal's encoding: so say its schema and its head."""
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer must not be tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReportError(f"cannot be written: {error.strerror}", where="standard output") from None


def _replace(path: Path, text: str) -> None:
    """Write a file beside its place and move it there in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ReportError(f"cannot be written: {error.strerror}", where=str(path)) from None
