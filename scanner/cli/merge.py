"""``report merge``: from the partial reports of several shards to the one report."""

from __future__ import annotations

import argparse
import contextlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from scanner.cli.complaints import complain, remark
from scanner.cli.exit_codes import ExitCode, exit_code
from scanner.cli.output import Output, chosen_formats
from scanner.cli.progress import display
from scanner.cli.scan import FailOn
from scanner.cli.storage import Bucket, is_url
from scanner.cli.temporary import temporary_folder
from scanner.errors import JournalError, ReportError
from scanner.journal import FILE_NAME, Journal, file_name
from scanner.journal.merging import merge
from scanner.journal.parts import Part, Unreadable

_SHARD: Final = re.compile(r"partial-(\d+)-of-(\d+)\.jsonl")
_NAME_PARTS: Final = "name what the shards wrote to with --output"


def run(arguments: argparse.Namespace) -> int:
    """Read the partial reports, write the one report, and sum up."""
    names = chosen_formats(arguments.format)
    output = Output(arguments.output)
    output.check(names)
    with contextlib.ExitStack() as stack:
        found = [_read(file, place, stack) for one in arguments.place for file, place in _files(one, stack)]
        parts = [one for one in found if isinstance(one, Part)]
        unreadable = [one for one in found if isinstance(one, Unreadable)]
        result = merge(parts, unreadable, None if arguments.allow_old else datetime.now(UTC))
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


def _read(file: Path, place: str, stack: contextlib.ExitStack) -> Part | Unreadable:
    """Read a partial report; one that cannot be read costs its own shard's accounts, where its name says which."""
    try:
        return Part(stack.enter_context(contextlib.closing(Journal.read(file))), place)
    except JournalError as error:
        named = _SHARD.fullmatch(file.name)
        if named is None:
            raise JournalError(error.what, where=place, hint=_NAME_PARTS) from None
        return Unreadable(int(named[1]), int(named[2]), place, error.what)


def _files(place: str, stack: contextlib.ExitStack) -> list[tuple[Path, str]]:
    """Find the partial reports of a place, each with its own path or URL; those of an object store are fetched."""
    if is_url(place):
        return _fetched(place, stack.enter_context(temporary_folder()))
    path = Path(place)
    if path.is_file():
        return [(path, place)]
    try:
        found = sorted(file for file in path.iterdir() if FILE_NAME.fullmatch(file.name))
    except OSError as error:
        raise JournalError(f"cannot be read: {error.strerror}", where=place) from None
    return [(file, str(file)) for file in _of_shards(found)] or _nothing(
        place, is_whole=(path / "report.json").exists()
    )


def _fetched(url: str, folder: Path) -> list[tuple[Path, str]]:
    """Download the partial reports of an object store."""
    bucket = Bucket(url)
    there = bucket.names()
    names = sorted(name for name in there if FILE_NAME.fullmatch(name))
    for name in names:
        bucket.get(name, folder / name)
    # A whole scan that came to its end leaves a journal with nothing in it.
    files = [folder / name for name in names if name != file_name(1, 1) or (folder / name).stat().st_size]
    found = [(file, f"{url.rstrip('/')}/{file.name}") for file in _of_shards(files)]
    return found or _nothing(url, is_whole="report.json" in there)


def _of_shards(files: list[Path]) -> list[Path]:
    """Leave out what a whole scan left that was stopped, where there are partial reports: it is of another scan."""
    parts = [file for file in files if file.name != file_name(1, 1)]
    if parts and len(parts) < len(files):
        remark(f"{file_name(1, 1)} is left out: it is of a scan that was not divided")
    return parts or files


def _nothing(place: str, *, is_whole: bool) -> list[tuple[Path, str]]:
    """Refuse a place without partial reports."""
    if is_whole:
        what = "holds the report of a whole scan, and no partial one: there is nothing to merge"
        hint = "a scan that is not divided, or into one part only, writes its report itself"
        raise JournalError(what, where=place, hint=hint)
    raise JournalError("holds no partial report (partial-*-of-*.jsonl)", where=place, hint=_NAME_PARTS)
