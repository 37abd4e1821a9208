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
from scanner.journal.records import (
    ClusterRecord,
    Judged,
    NotARecord,
    Record,
    RunRecord,
    Verdict,
    decode,
    encode,
    encode_cluster,
)

R = TypeVar("R", bound=Record)

_MODE: Final = 0o644
_MAKE_ROOM: Final = "make room there, then go on with --resume"
_START_ANEW: Final = "scan anew without --resume"
_KEPT: Final = 64
"""So many verdicts are in memory, of those that were written last and of those that were read last."""
_AT_ONCE: Final = 1 << 14
"""Bytes; most verdicts are smaller."""


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
        self._written: dict[int, tuple[Verdict, int]] = {}
        self._read: dict[int, Verdict] = {}
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
                record = self._taken(decode(line), offset)
            except NotARecord as error:
                # A machine that lost power may have kept a last line's length and not its bytes.
                if offset + len(line) == self._end:
                    return
                raise JournalError(f"line {number} {error}", where=str(self.path), hint=_START_ANEW) from None
            if record:
                yield offset, record
            offset += len(line)
            self.whole = offset

    def first(self) -> Record | None:
        """Read the first record; None where there is none."""
        self._reader.seek(0)
        try:
            return self._taken(decode(self._reader.readline()), 0)
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
            record = self._taken(decode(self._reader.readline()), offset)
        except NotARecord:
            record = None
        if not isinstance(record, kind):
            raise JournalError("was changed while it was read", where=str(self.path), hint=_START_ANEW)
        return record

    def append(self, record: Record) -> int:
        """Write a record at the end, and give where it begins; before a cluster its verdict, where that is new."""
        if isinstance(record, ClusterRecord):
            try:
                return self._append_cluster(record)
            except ValueError:
                pass  # it is written in one line, with what cannot stand in JSON escaped
        return self._write(encode(record))

    def _append_cluster(self, record: ClusterRecord) -> int:
        """Write a cluster; ValueError for one that is not UTF-8."""
        cluster = record.cluster
        verdict, place = self._written.get(id(cluster.findings), (None, 0))
        if verdict and verdict.is_of(cluster):
            return self._write(encode_cluster(record, place))
        verdict, place = Verdict.of(cluster), self._end
        first = encode(verdict)
        began = self._write(first, encode_cluster(record, place))
        if len(self._written) >= _KEPT:
            self._written.clear()
        self._written[id(cluster.findings)] = verdict, place
        return began

    def _write(self, *lines: bytes) -> int:
        """Write lines at the end, and give where the last of them begins."""
        text = b"".join(lines)
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise ReportError(f"cannot be written: {error.strerror}", where=str(self.path), hint=_MAKE_ROOM) from None
        self._end += len(text)
        return self._end - len(lines[-1])

    def _taken(self, found: Record | Verdict | Judged, offset: int) -> Record | None:
        """Put a cluster together with its verdict; None for a verdict, which is kept for the clusters behind it."""
        if isinstance(found, Judged):
            return found.record(self._read.get(found.verdict) or self._verdict_at(found.verdict))
        if isinstance(found, Verdict):
            self._keep(found, offset)
            return None
        return found

    def _verdict_at(self, offset: int) -> Verdict:
        """Read the verdict that begins at an offset, leaving the reader where it is; NotARecord where there is none."""
        line = b""
        while b"\n" not in line and (more := os.pread(self._descriptor, _AT_ONCE, offset + len(line))):
            line += more
        found = decode(line[: line.find(b"\n") + 1])
        if not isinstance(found, Verdict):
            raise NotARecord("belongs to a verdict that is not there")
        self._keep(found, offset)
        return found

    def _keep(self, verdict: Verdict, offset: int) -> None:
        """Keep a verdict in memory, and not too many."""
        if len(self._read) >= _KEPT:
            self._read.clear()
        self._read[offset] = verdict

    def cut(self, length: int) -> None:
        """Drop what stands behind `length` bytes."""
        os.ftruncate(self._descriptor, length)
        self._end = length
        self._written.clear()
        self._read.clear()
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
