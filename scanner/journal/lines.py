"""A journal's file: one process at a time writes it, line by line, and a torn last line is no loss but its own."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final, Self, TypeVar

from scanner.errors import JournalError, ReportError
from scanner.journal.records import NotARecord, Record, RunRecord, decode, encode

R = TypeVar("R", bound=Record)

_MODE: Final = 0o644
_MAKE_ROOM: Final = "make room there, then go on with --resume"
_START_ANEW: Final = "scan anew without --resume"


_BEGINNING: Final = re.compile(rb"[0-9a-f]{1,8}|[0-9a-f]{8} (\{[^\n]*)?")
"""Matches a first line that a kill has cut off."""


class Content(Enum):
    """What a file holds."""

    NOTHING = "nothing, or less than a line"
    JOURNAL = "a journal"
    ZEROS = "zeros, which a loss of power leaves"
    OTHER = "something else"


class Lines:
    """The records of one file.

    Attributes:
        whole: How many bytes of it `records` found to be whole lines.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use an open file."""
        self.path = path
        self._descriptor = descriptor
        # Opened once more and not a duplicate, whose place in the file would move with each line that is written.
        self._reader = path.open("rb")
        self._end = os.fstat(descriptor).st_size
        self.whole = 0

    @classmethod
    def lock(cls, path: Path) -> Self:
        """Open a file for writing, or make it; JournalError where another process writes it."""
        try:
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
                _take(descriptor, fcntl.LOCK_EX, path)
                if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                    return cls(path, descriptor)
                os.close(descriptor)  # the process that held it has removed it meanwhile
        except OSError as error:
            hint = "name another place with --journal, or make this one writable"
            raise JournalError(f"cannot be opened: {error.strerror}", where=str(path), hint=hint) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open a file that nobody may be writing meanwhile."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            _take(descriptor, fcntl.LOCK_SH, path)
        except OSError as error:
            raise JournalError(f"cannot be read: {error.strerror}", where=str(path)) from None
        return cls(path, descriptor)

    def records(self) -> Iterator[tuple[int, Record]]:
        """Go through the whole file, giving where each record begins; ends before a torn last line."""
        offset = self.whole = 0
        self._reader.seek(0)
        for number, line in enumerate(self._reader, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                record = decode(line)
            except NotARecord as error:
                # A machine that lost power may have kept a last line's length and not its bytes.
                if offset + len(line) == self._end:
                    return
                raise JournalError(f"line {number} {error}", where=str(self.path), hint=_START_ANEW) from None
            yield offset, record
            offset += len(line)
            self.whole = offset

    def first(self) -> Record | None:
        """Read the first record; None where there is none."""
        self._reader.seek(0)
        try:
            return decode(self._reader.readline())
        except NotARecord:
            return None

    @property
    def kind(self) -> Content:
        """What the file holds, as far as its first line tells."""
        self._reader.seek(0)
        line = self._reader.readline()
        if not line or _BEGINNING.fullmatch(line):
            return Content.NOTHING
        try:
            is_ours = isinstance(decode(line), RunRecord)
        except NotARecord:
            is_ours = False
        if is_ours:
            return Content.JOURNAL
        return Content.ZEROS if not line.strip(b"\0") else Content.OTHER

    def at(self, offset: int, kind: type[R]) -> R:
        """Read the record that begins at an offset.

        Raises:
            JournalError: It is no longer there: something else has changed the file meanwhile.
        """
        self._reader.seek(offset)
        try:
            record = decode(self._reader.readline())
        except NotARecord:
            record = None
        if not isinstance(record, kind):
            raise JournalError("was changed while it was read", where=str(self.path), hint=_START_ANEW)
        return record

    def append(self, record: Record) -> int:
        """Write a record at the end, and give where it begins."""
        line = encode(record)
        began = self._end
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise ReportError(f"cannot be written: {error.strerror}", where=str(self.path), hint=_MAKE_ROOM) from None
        self._end += len(line)
        return began

    def cut(self, length: int) -> None:
        """Drop what stands behind `length` bytes."""
        os.ftruncate(self._descriptor, length)
        self._end = length
        # The reader has what it read in a buffer, and would give it for what will stand in the same place.
        self._reader.close()
        self._reader = self.path.open("rb")

    def sync(self) -> None:
        """Have everything written on the disk itself."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:  # a network's file system says only now that it is full
            raise ReportError(f"cannot be written: {error.strerror}", where=str(self.path), hint=_MAKE_ROOM) from None

    def close(self) -> None:
        """Let go of the file and of its lock."""
        self._reader.close()
        os.close(self._descriptor)


def _take(descriptor: int, kind: int, path: Path) -> None:
    """Take the file's lock, which ends with the process whatever ends it; JournalError where another one has it."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise JournalError("is no regular file", where=str(path), hint="name another place with --journal")
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        hint = "wait until it is done, or name another place with --journal"
        raise JournalError("another process is scanning into it", where=str(path), hint=hint) from None
