"""Tar archives, unpacked into a directory of their own: nothing is written outside of it, and no link leads out.

An archive is read once from its beginning, as a stream. Links are made last, when nothing is written any more.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, Self

from providers.self_managed.files import MAX_BYTES
from scanner.errors import Malformed, NotFound

MOST_UNPACKED: Final = 1024 * 1024 * 1024
"""Bytes that an archive may come to, unpacked, with what is left out of it."""
MOST_MEMBERS: Final = 200_000
MOST_KEPT: Final = 256 * 1024 * 1024
_LONGEST_PATH: Final = 4096
_LONGEST_NAME: Final = 255
_LARGEST_HEADER: Final = 1024 * 1024
_LATEST: Final = 2.0**40
_LONG_HEADERS: Final = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


@dataclass
class Unpacked:
    """What came of an archive.

    Attributes:
        root: The directory that it was unpacked into.
        left_out: Members that were not unpacked, such as devices and paths that lead out of the archive.
        size: Bytes that were written.
    """

    root: Path
    shown: str
    files: int = 0
    left_out: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        """Count bytes that are to be written; Malformed where they are too many."""
        self.size += size
        if self.size > MOST_KEPT:
            raise _too_large(f"holds more than {MOST_KEPT // 2**20} MiB that may be settings", self.shown)


def unpack(data: IO[bytes], shown: str, root: Path, host_depth: int = 0) -> Unpacked:
    """Unpack an archive, plain or compressed, into an empty directory; blocking.

    Args:
        data: The archive.
        shown: Its name for messages.
        root: The directory.
        host_depth: At how many directories below the archive's top the filesystem of a host begins: where absolute
            symbolic links start.

    Raises:
        Malformed: It is no archive, broken, or larger than anything should be.
    """
    done = Unpacked(root, shown)
    stream = _Limited(_decompressed(data, shown), shown)
    links: list[tuple[Path, str]] = []
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            for number, member in enumerate(archive):
                if number >= MOST_MEMBERS:
                    raise _too_large(f"holds more than {MOST_MEMBERS} files", shown)
                if not root.is_dir():  # the scan ended meanwhile, and nobody would take away what is written now
                    raise NotFound("was not unpacked to its end: the scan ended", where=shown)
                _take(archive, member, done, links, host_depth)
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise Malformed(f"cannot be unpacked: {os.strerror(error.errno)}", where=shown) from error
        hint = "give a tar archive, plain or compressed with gzip, bzip2, xz or zstd"
        raise Malformed("is no tar archive, or is cut off", where=shown, hint=hint) from error
    _make_links(done, links)
    return done


def is_archive(head: bytes) -> bool:
    """Say whether a file that begins with these bytes (512 or more) is a tar archive or a compressed one."""
    return any(head.startswith(magic) for magic, _ in _COMPRESSIONS) or head[257:262] == b"ustar"


def _take(
    archive: tarfile.TarFile, member: tarfile.TarInfo, done: Unpacked, links: list[tuple[Path, str]], host_depth: int
) -> None:
    """Unpack one member, where it is a file, a directory or a link that stays within."""
    parts = _parts(member.name)
    if parts is None or not parts:
        done.left_out += bool(parts is None)
        return
    target = done.root.joinpath(*parts)
    if member.isdir():
        _directory(target)
    elif member.isfile():
        _write(archive, member, target, done)
    elif member.issym():
        links.append((target, _link(member.linkname, parts, host_depth)))
    elif member.islnk():
        _copy(member, target, done)
    else:
        done.left_out += 1


def _parts(name: str) -> tuple[str, ...] | None:
    """Give the names of a member's path; None where it leads out of the archive or cannot be written."""
    if len(name) > _LONGEST_PATH or "\0" in name:
        return None
    try:
        parts = tuple(part for part in PurePosixPath(name).parts if part not in {"/", "//", "."})
        too_long = any(len(part.encode()) > _LONGEST_NAME for part in parts)
    except UnicodeEncodeError:  # a report could not name it
        return None
    return None if ".." in parts or too_long else parts


def _directory(target: Path) -> None:
    """Make a directory in which this user may write, whatever its mode was."""
    if target.is_file():
        target.unlink()
    target.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, done: Unpacked) -> None:
    """Write a file; one that is too large to be read anyway becomes a hole that is just too large."""
    _directory(target.parent)
    _clear(target)
    with target.open("xb") as out:
        content = archive.extractfile(member)
        if content is None or member.size > MAX_BYTES:
            out.truncate(MAX_BYTES + 1)
        else:
            done.add(member.size)
            shutil.copyfileobj(content, out)
    when = min(max(0.0, float(member.mtime)), _LATEST)
    os.utime(target, (when, when))
    done.files += 1


def _clear(target: Path) -> None:
    """Take away what an earlier member of the same name left; the last one counts."""
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _link(target: str, parts: tuple[str, ...], host_depth: int) -> str:
    """Give a symbolic link's target, an absolute one as relative to where its host's filesystem begins."""
    if not target.startswith("/"):
        return target
    up = len(parts) - 1 - min(host_depth, len(parts) - 1)
    return str(PurePosixPath(*[".."] * up, target.lstrip("/")))


def _copy(member: tarfile.TarInfo, target: Path, done: Unpacked) -> None:
    """Make a hard link to a member that came before."""
    parts = _parts(member.linkname)
    original = done.root.joinpath(*parts) if parts else None
    if original is None or original == target or not original.is_file():
        done.left_out += 1
        return
    _directory(target.parent)
    _clear(target)
    target.hardlink_to(original)
    done.files += 1


def _make_links(done: Unpacked, links: list[tuple[Path, str]]) -> None:
    """Make the symbolic links, then take away those that lead out, by whichever other links."""
    made: list[Path] = []
    for target, leads_to in links:
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.symlink_to(leads_to)
        except (OSError, ValueError):  # something else has that name, or no file can have that target
            done.left_out += 1
        else:
            made.append(target)
    root = os.path.realpath(done.root)
    for link in made:
        if not Path(os.path.realpath(link)).is_relative_to(root):
            link.unlink()
            done.left_out += 1


def _too_large(what: str, shown: str) -> Malformed:
    return Malformed(what, where=shown, hint="pack what belongs to the control plane only, such as /etc")


class _Header(tarfile.TarInfo):
    """A member's header; a broken one is an error, which `tarfile` would take for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header as `tarfile` does; ValueError where it is broken, or would fill the memory."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if isinstance(error, _END):
                raise
            message = "a broken header"
            raise ValueError(message) from error
        if member.type in _LONG_HEADERS and member.size > _LARGEST_HEADER:
            message = "a header of more than 1 MiB"
            raise ValueError(message)
        return member


_END: Final[Any] = tarfile.EOFHeaderError  # type: ignore[attr-defined]


class _Limited(io.RawIOBase):
    """A stream that ends with an error where it goes on for too long: a small archive can hold any number of zeros."""

    def __init__(self, stream: IO[bytes], shown: str) -> None:
        super().__init__()
        self._stream = stream
        self._shown = shown
        self._left = MOST_UNPACKED

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._stream.read(-1 if size is None else size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(f"comes to more than {MOST_UNPACKED // 2**20} MiB", self._shown)
        return data


def _zstandard(stream: IO[bytes]) -> IO[bytes]:
    """Open zstd, which Python reads by itself from 3.14 on."""
    try:
        module = importlib.import_module("compression.zstd")
    except ImportError:
        hint = "unpack it (zstd -d), or run with Python 3.14 or newer"
        raise NotFound("is compressed with zstd, which this Python cannot read", hint=hint) from None
    opened: IO[bytes] = module.ZstdFile(stream)
    return opened


_COMPRESSIONS: Final[tuple[tuple[bytes, Callable[[Any], Any]], ...]] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"\x28\xb5\x2f\xfd", _zstandard),
)


def _decompressed(data: IO[bytes], shown: str) -> IO[bytes]:
    """Open what an archive is compressed with, which its first bytes tell."""
    head = data.read(6)
    data.seek(0)
    for magic, opened in _COMPRESSIONS:
        if head.startswith(magic):
            try:
                stream: IO[bytes] = opened(data)
            except NotFound as error:
                raise NotFound(error.what, where=shown, hint=error.hint) from None
            return stream
    return data
