"""Finding a cluster's files: globs that report what they were not allowed to see, roots and node names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from providers.self_managed.files import HostFiles, list_directory, unreadable
from scanner.errors import CollectionError, NotFound

_SUFFIXES = (".yaml", ".yml", ".json", ".service")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that belongs to a cluster, or a directory in which one could not be looked for.

    Attributes:
        path: The file, absolute.
        shown: The file as the configuration writes it.
        varied: What stands for the first wildcard of the glob; empty where there is none.
        error: Why it is not known what is there; None for a file.
        searched: True for a file that was come upon, in a directory or by a wildcard for its name: it may be anything.
    """

    path: Path
    shown: str
    varied: str = ""
    error: CollectionError | None = None
    searched: bool = False


def expand(pattern: str, base: Path) -> tuple[Found, ...]:
    """Give the files that a path or glob names, in order; a path without wildcards is given whether or not it exists.

    A directory that may not be read is given with its error: what it holds must not be missing from a report.
    """
    written = PurePath(pattern)
    if not any(_is_wild(part) for part in written.parts):
        path = _normal(base / written)
        return tuple(_search(path, written)) if path.is_dir() else (Found(path, pattern),)
    start = PurePath(written.anchor)
    parts = written.parts[1:] if written.anchor else written.parts
    searched = _is_wild(parts[-1])
    found = _walk(base, start, parts, "")
    named = (replace(one, path=_normal(one.path), searched=searched or one.searched) for one in found)
    return tuple({item.path: item for item in named}.values())


def unused_roots(found: Sequence[Found], root: str | None, base: Path) -> tuple[str, ...]:
    """Give the directories that a `root` with wildcards matches and in which no file was found, in order."""
    parts = PurePath(root or "").parts
    fixed = next((index for index, part in enumerate(parts) if _is_wild(part)), None)
    if fixed is None:
        return ()
    used = {host_files(item, root, base).root for item in found}
    shown = PurePath(*parts[:fixed])
    start = base / shown
    directories = (path for path in sorted(start.glob("/".join(parts[fixed:]))) if path.is_dir())
    return tuple(str(shown / path.relative_to(start)) for path in directories if _normal(path) not in used)


def host_files(found: Found, root: str | None, base: Path) -> HostFiles:
    """Find the host filesystem that a file lies in: the parent of it that matches `root`."""
    if root is None:
        return HostFiles(None)
    wanted = _normal(base / root).parts
    path = _normal(found.path)
    for parent in path.parents:
        if len(parent.parts) == len(wanted) and all(map(fnmatchcase, parent.parts, wanted)):
            return HostFiles(parent, _shown_root(found, path, parent))
    return HostFiles(None, why_not=f"root {root} matches no directory above {found.shown}")


def node_name(found: Found, host: HostFiles, root: str | None) -> str:
    """Name a node after what varies: in the glob of its path, else in that of its root; empty where nothing does."""
    if found.varied:
        return found.varied
    if root is not None and host.root is not None:
        for written, actual in zip(reversed(PurePath(root).parts), reversed(host.root.parts), strict=False):
            if _is_wild(written):
                return actual
    return ""


def _search(directory: Path, shown: PurePath) -> Iterator[Found]:
    """Give every file below a directory, in order; hidden directories and symbolic links to others are left out."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        yield Found(directory, str(shown), error=unreadable(error, str(shown)), searched=True)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith("."):
                yield from _search(directory / entry.name, shown / entry.name)
        elif not entry.is_dir():
            yield Found(directory / entry.name, str(shown / entry.name), searched=True)


def _shown_root(found: Found, path: Path, parent: Path) -> str:
    """Cut the path as it is written where the root ends."""
    below = len(path.parts) - len(parent.parts)
    if "://" in found.shown:  # the path would lose a slash of it
        return found.shown.rsplit("/", below)[0]
    parts = PurePath(found.shown).parts
    return str(PurePath(*parts[: len(parts) - below])) if below < len(parts) else str(parent)


def _walk(base: Path, shown: PurePath, parts: Sequence[str], varied: str) -> Iterator[Found]:
    """Follow the parts of a glob from one directory on."""
    directory = base / shown
    if not parts:
        if not directory.is_dir():
            yield Found(directory, str(shown), varied)
        return
    head, rest = parts[0], parts[1:]
    if not _is_wild(head):
        yield from _literal(base, shown / head, rest, varied)
        return
    if head == "**":
        yield from _walk(base, shown, rest, varied)
    try:
        names = list_directory(directory, str(shown))
    except NotFound:
        return
    except CollectionError as error:
        yield Found(directory, str(shown), varied, error)
        return
    yield from _wild(base, shown, names, parts, varied)


def _wild(base: Path, shown: PurePath, names: Sequence[str], parts: Sequence[str], varied: str) -> Iterator[Found]:
    """Follow a part with wildcards through the names of a directory; ``**`` does not follow symbolic links."""
    head, rest = parts[0], parts[1:]
    for name in names:
        child = shown / name
        if head == "**":
            if (base / child).is_dir() and not (base / child).is_symlink():
                yield from _walk(base, child, parts, varied)
        elif fnmatchcase(name, head) and (head.startswith(".") or not name.startswith(".")):
            yield from _walk(base, child, rest, varied or _without_suffix(name))


def _literal(base: Path, shown: PurePath, rest: Sequence[str], varied: str) -> Iterator[Found]:
    """Follow a part without wildcards, if it is there; one that may not be looked at is taken to be there.

    So is a symbolic link that leads nowhere from here: it may lead somewhere within its host's filesystem. A directory
    at the end of the glob is searched.
    """
    try:
        os.stat(base / shown)  # noqa: PTH116 - Path.exists() hides a missing permission
    except OSError as error:
        if isinstance(error, PermissionError) or (base / shown).is_symlink():
            yield Found((base / shown).joinpath(*rest), str(shown.joinpath(*rest)), varied)
        return
    if not rest and (base / shown).is_dir():
        yield from (replace(item, varied=varied) for item in _search(base / shown, shown))
    else:
        yield from _walk(base, shown, rest, varied)


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _is_wild(part: str) -> bool:
    return any(character in part for character in "*?[")


def _without_suffix(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return name.removesuffix(suffix)
    return name
