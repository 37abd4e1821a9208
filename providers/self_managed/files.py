"""Reading files of this machine and of a mounted host filesystem, never out of it."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from scanner.errors import CollectionError, Malformed, NotFound, PermissionDenied

MAX_BYTES: Final = 8 * 1024 * 1024
_MAX_SYMLINKS: Final = 40  # as Linux
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not hold the scan up


@dataclass(frozen=True, slots=True)
class HostFiles:
    """The filesystem of one host, mounted at `root`; without a root nothing of it can be read.

    Attributes:
        root: The directory at which it is mounted.
        shown: The same as a person wrote it, for messages.
        why_not: Where there is no root: what to do to have one.
    """

    root: Path | None
    shown: str = ""
    why_not: str = "set root to the mounted host filesystem"

    def show(self, host_path: str) -> str:
        """Name a path of the host the way a person reaches it."""
        return f"{self.shown.rstrip('/')}/{host_path.lstrip('/')}" if self.root else host_path

    def read(self, host_path: str) -> bytes:
        """Read a file of the host; CollectionError says why it could not be read."""
        return read_file(self._resolve(host_path), self.show(host_path), follow=False)

    def read_end(self, host_path: str, limit: int) -> tuple[bytes, float]:
        """Read the last bytes of a file of the host, and when it was last written, in seconds since the epoch."""
        return _read_end(self._resolve(host_path), self.show(host_path), limit)

    def list(self, host_path: str) -> tuple[str, ...]:
        """List a directory of the host, in order; CollectionError says why it could not be listed."""
        return list_directory(self._resolve(host_path), self.show(host_path))

    def is_directory(self, host_path: str) -> bool:
        """Say whether a path is known to be a directory; False also where that cannot be seen."""
        try:
            return self._resolve(host_path).is_dir()
        except (CollectionError, OSError):
            return False

    def _resolve(self, host_path: str) -> Path:
        """Follow symbolic links as the host would: an absolute target starts at root, and ``..`` stops there."""
        shown = self.show(host_path)
        if self.root is None:
            raise NotFound("there is no host filesystem to read it from", where=host_path, hint=self.why_not)
        waiting = [part for part in reversed(PurePosixPath(host_path).parts) if part != "/"]
        current: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                current = current[:-1]
                continue
            target = _link_target(self.root.joinpath(*current, part), shown)
            if target is None:
                current.append(part)
                continue
            links += 1
            if links > _MAX_SYMLINKS:
                raise Malformed("has too many symbolic links", where=shown)
            if target.is_absolute():
                current = []
            waiting.extend(piece for piece in reversed(target.parts) if piece != "/")
        return self.root.joinpath(*current)


def read_file(path: Path, shown: str, *, follow: bool = True) -> bytes:
    """Read a regular file of at most 8 MiB; CollectionError says why it could not be read."""
    with _open(path, shown, _READ if follow else _READ | os.O_NOFOLLOW) as stream:
        try:
            data = stream.read(MAX_BYTES + 1)
        except OSError as error:  # a network filesystem that went away
            raise unreadable(error, shown) from error
    if len(data) > MAX_BYTES:
        raise Malformed("is larger than 8 MiB", where=shown, hint="is it the right file?")
    return data


def may_be_text(path: Path) -> bool:
    """Tell whether a file is a regular one of at most 8 MiB; True also where that cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return True
    return stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES


def open_file(path: Path, shown: str) -> BinaryIO:
    """Open a regular file of any size; CollectionError says why it could not be opened."""
    return _open(path, shown, _READ)


def list_directory(path: Path, shown: str) -> tuple[str, ...]:
    """List a directory, in order; CollectionError says why it could not be listed."""
    try:
        return tuple(sorted(entry.name for entry in path.iterdir()))
    except OSError as error:
        raise unreadable(error, shown) from error


def unreadable(error: OSError, shown: str) -> CollectionError:
    """Turn the system's error into ours."""
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound("there is no such file", where=shown)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return PermissionDenied(
            "may not be read",
            where=shown,
            hint="give the user that scans read access",
            permission=f"read access to {shown}",
        )
    return Malformed(f"cannot be read: {os.strerror(error.errno or 0)}", where=shown)


def _read_end(path: Path, shown: str, limit: int) -> tuple[bytes, float]:
    with _open(path, shown, _READ | os.O_NOFOLLOW) as stream:
        status = os.fstat(stream.fileno())
        try:
            stream.seek(max(0, status.st_size - limit))
            return stream.read(limit), status.st_mtime
        except OSError as error:
            raise unreadable(error, shown) from error


def _open(path: Path, shown: str, flags: int) -> BinaryIO:
    """Open a regular file, and no other."""
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise unreadable(error, shown) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Malformed("is not a regular file", where=shown)
    return os.fdopen(descriptor, "rb")


def _link_target(path: Path, shown: str) -> PurePosixPath | None:
    """Give where a symbolic link points; None for what is no link or not there."""
    try:
        return PurePosixPath(path.readlink())
    except PermissionError as error:
        raise unreadable(error, shown) from error
    except OSError:
        return None
