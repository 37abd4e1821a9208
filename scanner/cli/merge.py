"""``report merge``: from the partial reports of several shards to the one report."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from scanner.cli.complaints import complain
from scanner.cli.exit_codes import ExitCode, exit_code
from scanner.cli.output import Output, chosen_formats
from scanner.cli.progress import display
from scanner.cli.scan import FailOn
from scanner.cli.storage import Bucket, is_url
from scanner.errors import JournalError, ReportError
from scanner.journal import FILE_NAME, Journal, file_name
from scanner.journal.merging import merge


def run(arguments: argparse.Namespace) -> int:
    """Read the partial reports, write the one report, and sum up."""
    names = chosen_formats(arguments.format)
    output = Output(arguments.output)
    output.check(names)
    with contextlib.ExitStack() as stack:
        files = [file for place in arguments.place for file in _files(place, stack)]
        journals = [stack.enter_context(contextlib.closing(Journal.read(file))) for file in files]
        result = merge(journals, None if arguments.allow_old else datetime.now(UTC))
        code = exit_code(result, cast("FailOn", arguments.fail_on))
        written: list[str] = []
        try:
            written = output.write_reports(result, names)
        except ReportError as error:
            complain(error)
            code = ExitCode.NOT_WRITTEN
        with display() as progress:
            progress.summary(result, written, code)
    return code


def _files(place: str, stack: contextlib.ExitStack) -> list[Path]:
    """Find the partial reports of a place; those of an object store are fetched."""
    if is_url(place):
        return _fetched(place, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="k8s-audit-coverage-"))))
    path = Path(place)
    if path.is_file():
        return [path]
    try:
        found = sorted(file for file in path.iterdir() if FILE_NAME.fullmatch(file.name))
    except OSError as error:
        raise JournalError(f"cannot be read: {error.strerror}", where=place) from None
    return found or _nothing(place)


def _fetched(url: str, folder: Path) -> list[Path]:
    """Download the partial reports of an object store."""
    bucket = Bucket(url)
    names = sorted(name for name in bucket.names() if FILE_NAME.fullmatch(name))
    for name in names:
        bucket.get(name, folder / name)
    # A whole scan that came to its end leaves a journal with nothing in it.
    files = [folder / name for name in names if name != file_name(1, 1) or (folder / name).stat().st_size]
    return files or _nothing(url)


def _nothing(place: str) -> list[Path]:
    """Refuse a place without partial reports."""
    hint = "name what the shards wrote to with --output"
    raise JournalError("holds no partial report (partial-*-of-*.jsonl)", where=place, hint=hint)
