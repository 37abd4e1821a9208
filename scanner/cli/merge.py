"""``report merge``: from the partial reports of several shards to the one report."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, cast

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
        found = [_read(file, stack) for one in arguments.place for file in _files(one, stack)]
        parts = [one for one in found if isinstance(one, Part)]
        unreadable = [one for one in found if isinstance(one, Unreadable)]
        counts = {part.journal.run.shards for part in parts}
        for one in unreadable:
            if parts and one.shards not in counts:
                remark(f"{one.place} is left out, as one of {one.shards} shards: {one.why}")
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


class _Found(NamedTuple):
    """A partial report's file, its path or URL for a person, and why it could not be fetched."""

    file: Path
    place: str
    why: str = ""


def _read(found: _Found, stack: contextlib.ExitStack) -> Part | Unreadable:
    """Read a partial report; one that cannot be read costs its own shard's accounts, where its name says which."""
    why = found.why
    if not why:
        try:
            return Part(stack.enter_context(contextlib.closing(Journal.read(found.file))), found.place)
        except JournalError as error:
            why = error.what
    named = _SHARD.fullmatch(found.file.name)
    if named is None:
        raise JournalError(why, where=found.place, hint=_NAME_PARTS)
    return Unreadable(int(named[1]), int(named[2]), found.place, why)


def _files(place: str, stack: contextlib.ExitStack) -> list[_Found]:
    """Find the partial reports of a place; those of an object store are fetched."""
    if is_url(place):
        return _fetched(place, stack.enter_context(temporary_folder()))
    path = Path(place)
    if path.is_file():
        return [_Found(path, place)]
    try:
        there = [file.name for file in path.iterdir()]
    except OSError as error:
        raise JournalError(f"cannot be read: {error.strerror}", where=place) from None
    found = [_Found(path / name, str(path / name)) for name in _of_shards(there, place)]
    return found or _nothing(place, is_whole="report.json" in there)


def _fetched(url: str, folder: Path) -> list[_Found]:
    """Download the partial reports of an object store."""
    bucket = Bucket(url)
    there = list(bucket.names())
    found = [_fetch(bucket, name, folder / name) for name in _of_shards(there, bucket.url)]
    # A whole scan that came to its end leaves a journal with nothing in it.
    if [one.file.name for one in found if not one.why and not one.file.stat().st_size] == [file_name(1, 1)]:
        found = []
    return found or _nothing(url, is_whole="report.json" in there)


def _fetch(bucket: Bucket, name: str, file: Path) -> _Found:
    """Download one; where that fails, the others are worth merging all the same."""
    place = f"{bucket.url}/{name}"
    try:
        is_there = bucket.get(name, file)
    except JournalError as error:
        return _Found(file, place, error.what)
    return _Found(file, place, "" if is_there else "was removed while it was to be read")


def _of_shards(there: Sequence[str], place: str) -> list[str]:
    """Find the partial reports among names; what a whole scan left that was stopped is one where it is alone."""
    names = sorted(name for name in there if FILE_NAME.fullmatch(name))
    parts = [name for name in names if name != file_name(1, 1)]
    if parts and len(parts) < len(names):
        remark(f"{place.rstrip('/')}/{file_name(1, 1)} is left out: it is of a scan that was not divided")
    return parts or names


def _nothing(place: str, *, is_whole: bool) -> list[_Found]:
    """Refuse a place without partial reports."""
    if is_whole:
        what = "holds the report of a whole scan, and no partial one: there is nothing to merge"
        hint = "a scan that is not divided, or into one part only, writes its report itself"
        raise JournalError(what, where=place, hint=hint)
    raise JournalError("holds no partial report (partial-*-of-*.jsonl)", where=place, hint=_NAME_PARTS)
