"""Finding the file that a flag names among the other files of the cluster."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import PurePosixPath

from providers.self_managed.source import ClusterObject, GivenFile, Place, Supply
from scanner.errors import Malformed


def supplied(supplies: Sequence[Supply], path: str, place: Place, reader: str) -> tuple[Supply, GivenFile] | None:
    """Give the file that an API server most likely means; None where there is none.

    A plain file is found by its name and by the directories above it: of several, the one with the longest path in
    common. Of files that are equally near the one nearest to `reader`, the API server's own file, counts.

    Raises:
        Malformed: Several files are equally near, and do not hold the same.
    """
    if place.object is not None:
        return _nearest([one for one in supplies if _is(one, place.object)], _key(place), reader)
    wanted = PurePosixPath(path).parts
    tails = [(_common(wanted, PurePosixPath(one.path).parts), one) for one in supplies if one.path]
    longest = max((length for length, _ in tails), default=0)
    return _nearest([one for length, one in tails if length == longest], "", reader) if longest else None


def _is(supply: Supply, wanted: ClusterObject) -> bool:
    own = supply.object
    return own is not None and (own.kind, own.name) == (wanted.kind, wanted.name)


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
