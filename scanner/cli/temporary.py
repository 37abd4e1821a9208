"""The directory for temporary files, which a container with a read-only root filesystem may not have."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scanner.errors import AuditCoverageError, UsageError

_PREFIX: Final = "k8s-audit-coverage-"
_HINT: Final = "mount a writable directory at /tmp, or name one in TMPDIR"


def settle() -> None:
    """Settle on a directory even where none can be written.

    Else each use ends in an error that names no file; so it is one of writing to this directory, as it would be were
    the directory's disk full, and whoever uses one can tell it.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - to be named in an error


@contextlib.contextmanager
def temporary_folder(refusal: type[AuditCoverageError] = UsageError) -> Iterator[Path]:
    """Make a directory that only this user may enter and that is gone in the end.

    Raises:
        refusal: There is no place for it.
    """
    settle()
    try:
        folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
    except OSError as error:
        what = f"no temporary files can be written: {error.strerror}"
        raise refusal(what, where=tempfile.gettempdir(), hint=_HINT) from None
    with folder as path:
        yield Path(path)


def check() -> None:
    """Find out before the work whether there will be room for temporary files."""
    with temporary_folder():
        pass
