"""Files that are seen whole or not at all: written beside their place, and moved there in one step."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from scanner.errors import ReportError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open what takes the place of a file once it was written; what a killed process left beside it goes.

    Raises:
        ReportError: It cannot be written; what was there before stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _clear(path)
        with _own(temporary) as file:
            try:
                yield file
                file.flush()
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ReportError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _own(path: Path) -> IO[bytes]:
    """Open an empty file for writing, under a lock that ends with this process whatever ends it."""
    while True:
        file = path.open("ab")
        try:
            _lock(file)
            if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # another process took it for left over between the two calls


def _clear(path: Path) -> None:
    """Remove what processes left beside a file that were killed while they wrote it: no lock is held on that."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.\d+\.tmp")
    beside: list[Path] = []
    with contextlib.suppress(OSError):  # a directory may be one to write in and not to list
        beside += path.parent.iterdir()
    for left in (one for one in beside if pattern.fullmatch(one.name)):
        with contextlib.suppress(OSError), left.open("ab") as file:  # in use, gone meanwhile, or somebody else's
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _lock(file: IO[bytes]) -> None:
    """Take a file's lock; where the file system has none, nobody can take the file for left over either."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise  # a process with this number in another container writes the same file
    except OSError:
        return
