"""Writes the reports: the only place that opens a file for writing."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from scanner.cli import temporary
from scanner.cli.replacing import replacing
from scanner.cli.storage import Bucket, is_url
from scanner.errors import ReportError, UsageError
from scanner.model import ScanResult
from scanner.reports import formats, load

STDOUT = "-"


def chosen_formats(value: str) -> list[str]:
    """Read the report formats that ``--format`` names, each once; UsageError where it names none, or one unknown."""
    names = list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    wrong = [name for name in names if name not in formats()]
    if wrong or not names:
        what = f"there is no format {', '.join(map(repr, wrong))}" if wrong else "names no format"
        raise UsageError(what, where="--format", hint=f"there are {', '.join(formats())}")
    return names


class Output:
    """Where reports go: a directory, a prefix in an object store, or standard output."""

    def __init__(self, place: str) -> None:
        """Prepare to write there; UsageError for a place that can be none."""
        self.place = place
        self.is_stdout = place == STDOUT
        self.bucket = Bucket(place) if is_url(place) else None

    @property
    def directory(self) -> Path | None:
        """The directory, where it is one."""
        return None if self.is_stdout or self.bucket else Path(self.place)

    def files(self, names: Sequence[str]) -> list[Path]:
        """Give where the reports will be, of a directory."""
        beside = self.directory
        return [beside / load(name).filename for name in names] if beside else []

    def check(self, names: Sequence[str]) -> None:
        """Find out before the scan whether the reports can be written after it."""
        if self.bucket:
            temporary.check()
            self.bucket.check()
        elif self.is_stdout:
            _check_stdout(names)
        else:
            _check_directory(self.place)

    def write_reports(self, result: ScanResult, names: Sequence[str]) -> list[str]:
        """Render and write each report; a reader never sees half of one.

        Gives the paths or URLs, none for standard output.
        """
        reports = [load(name) for name in names]
        if self.is_stdout:
            _print(reports[0].render(result))
            return []
        if self.bucket:
            with temporary.temporary_folder(ReportError) as folder:
                files = [_replace(folder / report.filename, report.render(result)) for report in reports]
                return [self.bucket.put(file) for file in files]
        return [str(_replace(Path(self.place) / report.filename, report.render(result))) for report in reports]

    def keep(self, file: Path, name: str) -> str:
        """Keep a copy of a file under a name, unless it is there already, and give its path or URL."""
        if self.bucket:
            return self.bucket.put(file, name)
        target = Path(self.place) / name
        if not target.exists() or not target.samefile(file):
            with replacing(target) as copy, file.open("rb") as source:
                shutil.copyfileobj(source, copy)
        return str(target)


def _check_stdout(names: Sequence[str]) -> None:
    """Refuse what standard output cannot take."""
    if len(names) > 1:
        hint = "choose one, such as --format json, or name a directory"
        raise UsageError(f"only one format fits on standard output, not {', '.join(names)}", hint=hint)
    if sys.stdout is None:
        raise UsageError("standard output is closed", where="--output -", hint="name a directory")


def _check_directory(place: str) -> None:
    """Make the directory and write a file there that is never seen."""
    directory = Path(place)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        hint = "name another directory with --output, or make this one writable"
        raise UsageError(f"reports cannot be written there: {error.strerror}", where=place, hint=hint) from None


def _print(pieces: Iterable[str]) -> None:
    """Write a report to standard output, in UTF-8 whatever the terminal's encoding: so say its schema and its head."""
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer must not be tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReportError(f"cannot be written: {error.strerror}", where="standard output") from None


def _replace(path: Path, pieces: Iterable[str]) -> Path:
    """Write a file beside its place and move it there in one step."""
    with replacing(path) as file:
        file.writelines(piece.encode() for piece in pieces)
    return path
