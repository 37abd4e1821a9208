"""What a cluster's paths mean: files of this machine, or of an archive, a URL, standard input, a Git revision.

Whatever is no directory of this machine is put into a temporary one, which only this user may enter and which is gone
when the cluster was read. All formats then read files, wherever they came from.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Final

from providers.self_managed.files import open_file, unreadable
from providers.self_managed.options import STANDARD_INPUT, ClusterOptions
from providers.self_managed.paths import Found, expand
from providers.self_managed.sources.archive import Unpacked, is_archive, unpack
from providers.self_managed.sources.git import archive_of, checked_out
from providers.self_managed.sources.names import is_web, last_part, shown_url
from providers.self_managed.sources.standard_input import SHOWN_INPUT, read_input
from scanner.errors import CollectionError, Malformed, NotFound
from scanner.model import Evidence, Fact, Note, NoteSeverity, ScanSettings

if TYPE_CHECKING:
    from providers.self_managed.sources.download import Downloads

_MOST_ARCHIVE: Final = 64 * 1024 * 1024
"""Bytes of an archive that comes over the network or on standard input: it is held in memory."""
_MOST_FILE: Final = 8 * 1024 * 1024
_HEAD: Final = 512
_PART: Final = 1024 * 1024


@dataclass
class Opened:
    """A cluster's files, ready to be looked for.

    Attributes:
        base: Where relative paths and root start.
        prefix: What the names of files begin with for a person; empty for files of this machine.
        fetched: Files that were fetched, by the path that names them.
        policy: The copy of the audit policy: its file and its name for a person; None where none is given.
        is_packed: Whether the files come from an archive, of which absolute paths start at its top.
    """

    cluster: ClusterOptions
    base: Path
    prefix: str = ""
    is_packed: bool = False
    fetched: dict[str, Found] = field(default_factory=dict)
    policy: tuple[Path, str] | None = None
    facts: list[Fact] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def root(self) -> str | None:
        """The mounted host filesystem, relative to `base` where that is no path of this machine."""
        return None if self.cluster.root is None else self.within(self.cluster.root)

    def within(self, written: str) -> str:
        """Give a path as it counts from `base` on; Malformed where it leads out of an archive."""
        if not self.is_packed:
            return written
        parts = [part for part in PurePath(written).parts if part != "/"]
        if ".." in parts:
            raise Malformed(
                f"{written} leads out of it", where=self.prefix.rstrip("/"), hint="write the path within it"
            )
        return str(PurePath(*parts))

    def find(self) -> tuple[Found, ...]:
        """Expand all paths of the cluster; a file that two of them name is given once. Blocking."""
        found: dict[Path, Found] = {}
        for pattern in self.cluster.paths:
            for item in self.matches(pattern):
                found.setdefault(item.path, item)
        return tuple(found.values())

    def matches(self, pattern: str) -> tuple[Found, ...]:
        """Give the files that one path names."""
        if pattern in self.fetched:
            return (self.fetched[pattern],)
        found = expand(self.within(pattern), self.base)
        named = self.prefix and not PurePath(self.within(pattern)).is_absolute()
        return tuple(self._named(item) for item in found) if named else found

    def _named(self, item: Found) -> Found:
        """Name a file of an archive, or of another directory, as one of it."""
        error = item.error
        if error is not None:
            permission = f"{error.permission.removesuffix(error.where)}{self.prefix}{error.where}"
            told = {"hint": error.hint, "permission": permission if error.permission else ""}
            error = type(error)(error.what, where=f"{self.prefix}{error.where}", **told)
        return replace(item, shown=f"{self.prefix}{item.shown}", error=error)


@asynccontextmanager
async def opened(cluster: ClusterOptions, scan: ScanSettings) -> AsyncIterator[Opened]:
    """Fetch and unpack what must be; CollectionError where nothing of the cluster could be had.

    A single path that cannot be fetched is no reason to stop: its error stands in its place among the files.
    """
    async with AsyncExitStack() as stack:
        fetch = _Fetch(cluster, scan, stack)
        ready = await fetch.source()
        for path in cluster.paths:
            if is_web(path) or path == STANDARD_INPUT:
                ready.fetched[path] = await fetch.file(path)
        if cluster.policy is not None:
            ready.policy = await fetch.policy(ready)
        yield ready


class _Fetch:
    """Fetches what one cluster names."""

    def __init__(self, cluster: ClusterOptions, scan: ScanSettings, stack: AsyncExitStack) -> None:
        self._cluster = cluster
        self._scan = scan
        self._stack = stack
        self._downloads: Downloads | None = None
        self._directory: Path | None = None
        self._count = 0

    async def source(self) -> Opened:
        """Open `source`, which is the base unless it is given."""
        cluster, source = self._cluster, self._cluster.source
        if source is None:
            return Opened(cluster, cluster.base)
        if cluster.revision is not None:
            return await asyncio.to_thread(self._revision, source, cluster.revision, self._room())
        if is_web(source):
            data = await self._download(source, _MOST_ARCHIVE)
            return await self._unpacked(data, shown_url(source))
        if source == STANDARD_INPUT:
            data = await asyncio.to_thread(read_input, _MOST_ARCHIVE, self._scan.call_timeout)
            return await self._unpacked(data, SHOWN_INPUT)
        path = self._path(source)
        if await asyncio.to_thread(path.is_dir):
            return await asyncio.to_thread(_checkout, cluster, path, source)
        return await asyncio.to_thread(self._local_archive, path, source, self._room())

    async def file(self, path: str) -> Found:
        """Fetch a single file, or say in its place why it could not be had."""
        shown = SHOWN_INPUT if path == STANDARD_INPUT else shown_url(path)
        try:
            if path == STANDARD_INPUT:
                data = await asyncio.to_thread(read_input, _MOST_FILE, self._scan.call_timeout)
            else:
                data = await self._download(path, _MOST_FILE)
            if is_archive(data[:_HEAD]):
                hint = "name it under source, and the files within it under paths"
                raise Malformed("is an archive, not a single file", where=shown, hint=hint)
            return Found(await asyncio.to_thread(self._stored, data, last_part(path)), shown)
        except CollectionError as error:
            return Found(Path(path), shown, error=error)

    async def policy(self, ready: Opened) -> tuple[Path, str]:
        """Give the copy of the policy; one that cannot be fetched is a file that is not there."""
        policy = self._cluster.policy or ""
        if not is_web(policy):
            within = ready.within(policy)
            return ready.base / within, within if PurePath(within).is_absolute() else f"{ready.prefix}{within}"
        found = await self.file(policy)
        if found.error is not None:
            text = f"the copy of the audit policy could not be fetched: {found.error}"
            evidence = Evidence(found.shown, "file", found.error.what)
            ready.notes.append(Note(NoteSeverity.WARNING, text, (evidence,)))
        return found.path, found.shown

    async def _download(self, url: str, most: int) -> bytes:
        if self._downloads is None:
            try:
                from providers.self_managed.sources.download import downloads  # noqa: PLC0415 - loads aiohttp
            except ImportError as error:
                raise missing_aiohttp(shown_url(url)) from error
            ca_file = self._cluster.ca_file
            given = None if ca_file is None else (self._path(ca_file), ca_file)
            self._downloads = await self._stack.enter_async_context(downloads(given, self._scan))
        return await self._downloads.get(url, most)

    def _path(self, written: str) -> Path:
        """Give a path of this machine as the configuration means it."""
        return self._cluster.base / Path(written).expanduser()

    def _room(self) -> Path:
        """Make a directory that only this user may enter; it is gone when the cluster was read."""
        if self._directory is None:
            try:
                room = tempfile.TemporaryDirectory(prefix="k8s-audit-coverage-", ignore_cleanup_errors=True)
            except OSError as error:
                hint = "mount a writable directory at /tmp, or name one in TMPDIR"
                what = "there is no directory for temporary files"
                raise NotFound(what, where=tempfile.gettempdir(), hint=hint) from error
            self._stack.callback(room.cleanup)
            self._directory = Path(room.name)
        self._count += 1
        directory = self._directory / str(self._count)
        directory.mkdir()
        return directory

    def _stored(self, data: bytes, name: str) -> Path:
        path = self._room() / name
        path.write_bytes(data)
        return path

    async def _unpacked(self, data: bytes, shown: str) -> Opened:
        room = self._room()
        digest = hashlib.sha256(data).hexdigest()
        return await asyncio.to_thread(self._archive, io.BytesIO(data), shown, room, digest)

    def _local_archive(self, path: Path, shown: str, room: Path) -> Opened:
        """Unpack an archive of this machine; blocking."""
        with open_file(path, shown) as file:
            try:
                digest = hashlib.sha256()
                while part := file.read(_PART):
                    digest.update(part)
                file.seek(0)
            except OSError as error:  # a network filesystem that went away
                raise unreadable(error, shown) from error
            return self._archive(file, shown, room, digest.hexdigest())

    def _revision(self, source: str, revision: str, room: Path) -> Opened:
        """Unpack the files of a Git revision; blocking."""
        with archive_of(self._path(source), source, revision) as (commit, file):
            done = unpack(file, f"{source} ({revision})", room, self._host_depth)
        ready = self._ready(done, f"{source}@{revision}/")
        ready.facts.append(Fact("Git commit", commit, Evidence(source, f"revision {revision}", commit)))
        return ready

    def _archive(self, file: IO[bytes], shown: str, room: Path, digest: str) -> Opened:
        done = unpack(file, shown, room, self._host_depth)
        ready = self._ready(done, f"{shown}/")
        ready.facts.append(Fact("archive", f"{shown}, {done.files} files", Evidence(shown, "SHA-256", digest)))
        return ready

    @property
    def _host_depth(self) -> int:
        """How deep within an archive the filesystems of hosts begin."""
        return len([part for part in PurePath(self._cluster.root or "").parts if part != "/"])

    def _ready(self, done: Unpacked, prefix: str) -> Opened:
        ready = Opened(self._cluster, done.root, prefix, is_packed=True)
        if done.left_out:
            members = f"{done.left_out} member{'' if done.left_out == 1 else 's'}"
            text = f"{members} of {prefix[:-1]} left out: devices, or paths and links that lead out of it"
            evidence = Evidence(prefix[:-1], "members left out", str(done.left_out))
            ready.notes.append(Note(NoteSeverity.INFO, text, (evidence,)))
        return ready


def missing_aiohttp(where: str) -> NotFound:
    """Say that the network cannot be asked without the library for it."""
    hint = "install it: pip install 'k8s-audit-coverage[live]'"
    return NotFound("cannot be read: the package aiohttp is not installed", where=where, hint=hint)


def _checkout(cluster: ClusterOptions, path: Path, source: str) -> Opened:
    """Take a directory as it is, and say which commit is checked out there; blocking."""
    ready = Opened(cluster, path, "" if source in {".", "./"} else f"{source.rstrip('/')}/")
    commit = checked_out(path.resolve())
    if commit is not None:
        name, branch = commit
        text = f"{name} ({branch} checked out; the files may have been changed since)" if branch else name
        ready.facts.append(Fact("Git commit", text, Evidence(source, ".git HEAD", name)))
    return ready
