"""What ``policy check`` is asked to look at: files, those in folders, standard input, and published policies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanner.audit_policy.extraction import MAX_FILE_BYTES
from scanner.errors import UsageError
from scanner.knowledge.policies import find
from scanner.knowledge.policies import names as names_of_published

STDIN: Final = "-"
STDIN_NAME: Final = "standard input"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Input:
    """One file, a folder that could not be listed, or a published policy.

    Attributes:
        path: As it was named, or the folder's name with the rest behind it; ``published policy eks``.
        data: Its bytes, at most one more than are searched; None where it could not be read.
        why: Why it could not be read; empty where it could.
        is_named: Whether the command line names it itself.
        kubernetes_version: The version that a published policy was written for; None where any will do.
    """

    path: str
    data: bytes | None
    why: str
    is_named: bool
    kubernetes_version: str | None = None


def inputs(names: Sequence[str]) -> Iterator[Input]:
    """Read the files that the command line names; each once, those of a folder in order of their names.

    A path that exists wins over the name of a published policy.

    Raises:
        UsageError: A name is that of nothing; raised before anything is read.
    """
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(_real(name), name)
    unique = list(first.values())
    for name in unique:
        if name != STDIN and not os.path.lexists(name) and find(name) is None:
            hint = f"give a file, a folder, -, or a published policy: {', '.join(names_of_published())}"
            raise UsageError("no such file or directory, and no published policy of that name", where=name, hint=hint)
    return _read(unique)


def _read(names: Sequence[str]) -> Iterator[Input]:
    """Read one after the other."""
    seen = {_real(name) for name in names if not Path(name).is_dir()}
    for name in names:
        if name == STDIN:
            yield Input(STDIN_NAME, sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "", is_named=True)
        elif not os.path.lexists(name) and (published := find(name)) is not None:
            path = f"published policy {published.name}"
            version = published.kubernetes_version
            yield Input(path, published.text.encode(), "", is_named=True, kubernetes_version=version)
        elif not Path(name).is_dir():
            yield _file(name, is_named=True)
        else:
            for one in _folder(name):
                if (real := _real(one.path)) not in seen:
                    seen.add(real)
                    yield one


def _real(name: str) -> str:
    """Give the one name of what may be called by several, such as ``a.yaml`` and ``./a.yaml``."""
    return os.path.realpath(name) if os.path.lexists(name) and name != STDIN else name


def _folder(name: str) -> Iterator[Input]:
    """Read the YAML and JSON files of a folder and those below it; hidden folders are left out."""
    failed: list[OSError] = []
    visited: set[tuple[int, int]] = set()
    _is_new(Path(name), visited)
    for folder, below, files in os.walk(name, onerror=failed.append, followlinks=True):
        below[:] = sorted(one for one in below if not one.startswith(".") and _is_new(Path(folder, one), visited))
        for file in sorted(files):
            path = Path(folder, file)
            if path.suffix.lower() in _SUFFIXES and (path.is_file() or not path.exists()):
                yield _file(str(path), is_named=False)
    for error in failed:
        yield Input(str(error.filename), None, f"cannot be listed: {error.strerror}", is_named=False)


def _is_new(folder: Path, visited: set[tuple[int, int]]) -> bool:
    """Tell whether a folder is met for the first time: links may lead in circles."""
    try:
        found = folder.stat()
    except OSError:
        # The walk itself will say that it cannot be listed.
        return True
    key = (found.st_dev, found.st_ino)
    is_new = key not in visited
    visited.add(key)
    return is_new


def _file(name: str, *, is_named: bool) -> Input:
    """Read a file, but not more of it than is searched."""
    try:
        with Path(name).open("rb") as file:
            return Input(name, file.read(MAX_FILE_BYTES + 1), "", is_named)
    except OSError as error:
        return Input(name, None, f"cannot be read: {error.strerror}", is_named)
