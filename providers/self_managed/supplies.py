"""Finding the file that a flag names among the other files of the cluster."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from providers.self_managed.source import ClusterObject, GivenFile, Place, Supply
from scanner.errors import Malformed


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that an API server reads.

    Attributes:
        path: Its path outside of the container, where it is known there.
        reader: The API server's own file, as a person names it.
        root: The mounted host of the API server; None where it is not mounted.
    """

    path: str
    place: Place
    reader: str
    root: Path | None


def supplied(supplies: Sequence[Supply], wanted: Wanted) -> tuple[Supply, GivenFile] | None:
    """Give the file that an API server most likely means; None where there is none.

    A plain file is found by its name and by the directories above it: of several, the one with the longest path in
    common. Of files that are equally near the one nearest to the API server's own file counts. A file of another
    mounted host is never meant, and one that shares nothing but the name only where somebody put the two together.

    Raises:
        Malformed: Several files are equally near, and do not hold the same.
    """
    if wanted.place.object is not None:
        return _nearest(_objects(supplies, wanted.place.object), _key(wanted.place), wanted.reader)
    tails = [(length, one) for one in supplies if (length := _tail(one, wanted)) and _may_be(one, wanted, length)]
    longest = max((length for length, _ in tails), default=0)
    return _nearest([one for length, one in tails if length == longest], "", wanted.reader)


def namesakes(supplies: Sequence[Supply], wanted: Wanted) -> tuple[str, ...]:
    """Name the files that have the same name as one that was not found: a person may know that it is one of them."""
    return tuple(one.file for one in supplies if _tail(one, wanted))


def _objects(supplies: Sequence[Supply], wanted: ClusterObject) -> list[Supply]:
    """Give the objects of a kind and name: those of the namespace, else those that may be of it."""
    named = [
        (one, one.object.namespace)
        for one in supplies
        if one.object is not None and (one.object.kind, one.object.name) == (wanted.kind, wanted.name)
    ]
    own = [one for one, namespace in named if namespace == wanted.namespace]
    return own or [one for one, namespace in named if not (namespace and wanted.namespace)]


def _tail(supply: Supply, wanted: Wanted) -> int:
    """Count the names at the end that the paths of two files have in common."""
    return _common(PurePosixPath(wanted.path).parts, PurePosixPath(supply.path).parts) if supply.path else 0


def _may_be(supply: Supply, wanted: Wanted, common: int) -> bool:
    """Say whether a file can be the one that is wanted, with so many names at the end in common."""
    if supply.root is not None:
        return supply.root == wanted.root and supply.path == str(supply.root / wanted.path.lstrip("/"))
    if common == 1:
        together = not supply.searched or _directory(supply.file) == _directory(wanted.reader)
        return wanted.root is None and together
    return not _is_another_hosts(supply, wanted, common)


def _is_another_hosts(supply: Supply, wanted: Wanted, common: int) -> bool:
    """Say whether both files lie as on a host, each below a directory of its own: ``a/etc/…`` and ``b/etc/…``."""
    names = [name for name in PurePosixPath(wanted.path).parts if name != "/"]
    own, reader = PurePosixPath(supply.file).parts, PurePosixPath(wanted.reader).parts
    return common == len(names) and names[0] in reader and reader[: reader.index(names[0])] != own[:-common]


def _key(place: Place) -> str:
    """Name the key of an object that a path within its mount stands for."""
    path = place.host_path.strip("/")
    return place.object.keys.get(path, path) if place.object is not None else path


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the names at the end that two paths have in common."""
    count = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other or one == "/":
            break
        count += 1
    return count


def _nearest(supplies: Sequence[Supply], key: str, reader: str) -> tuple[Supply, GivenFile] | None:
    """Of several files give the nearest; they may be many only where they all hold the same."""
    holding = [one for one in supplies if key in one.files]
    if not holding:
        return None
    above = [len(os.path.commonpath([_directory(one.file), _directory(reader)])) for one in holding]
    near = [one for one, length in zip(holding, above, strict=True) if length == max(above)]
    if len({one.files[key].data for one in near}) > 1:
        names = ", ".join(one.file for one in near)
        raise Malformed(f"may be any of {names}", where=key or PurePosixPath(near[0].path).name)
    return near[0], near[0].files[key]


def _directory(file: str) -> str:
    return f"/{os.path.dirname(file).strip('/')}"  # noqa: PTH120 - a name as a person wrote it, which may be a URL
