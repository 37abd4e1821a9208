"""Do some boxes cover a region, or is a point of it free? Exact, and without dividing the region.

A set of boxes is a mask, one bit a box. In each dimension a region has values to choose from, and a value is known by
the boxes that hold it. A choice of one value in each dimension is a point; it is free where no box holds all its
values. So a value that is held by no box but those that hold another one, too, is never a worse choice, and the other
one need not be tried: where rules name single values, "any other value" is that choice, and nothing is left to search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_, or_
from typing import Final

from scanner.audit_policy.boxes import Box

_MOST_COMPARED: Final = 16

Choices = tuple[int, ...]
"""The values of a region in one dimension, each as the boxes that hold it."""


class Shelf:
    """Boxes, sorted by the values that they hold.

    Args:
        boxes: The boxes.
        sizes: The mask of all values in each dimension.
    """

    def __init__(self, boxes: Sequence[Box], sizes: Box) -> None:
        """Find, in each dimension, the values that the same boxes hold."""
        self.boxes = boxes
        self.sizes = sizes
        self.everything = (1 << len(boxes)) - 1
        self.whole = [_whole(boxes, dimension, size) for dimension, size in enumerate(sizes)]
        self.kinds = [
            _kinds(boxes, dimension, size, whole)
            for dimension, (size, whole) in enumerate(zip(sizes, self.whole, strict=True))
        ]
        self._choices: list[dict[int, tuple[Choices, int, int]]] = [{} for _ in sizes]

    def choices(self, region: Box) -> tuple[tuple[Choices, int, int], ...]:
        """Give a region's choices in each dimension, the boxes that hold some of them, and those that hold all."""
        return tuple(self._chosen(dimension, mask) for dimension, mask in enumerate(region))

    def meeting(self, region: Box) -> int:
        """Give the boxes that have a point of a region."""
        return reduce(and_, (some for _, some, _ in self.choices(region)), self.everything)

    def holding(self, region: Box) -> int:
        """Give the boxes that have all of a region."""
        return reduce(and_, (every for _, _, every in self.choices(region)), self.everything)

    def has_free_point(self, region: Box, by: int) -> bool:
        """Tell whether a region has a point in none of the boxes `by`."""
        if 0 in region:
            return False
        chosen = self.choices(region)
        for _, some, _ in chosen:
            by &= some
        if not by:
            return True
        return has_free_choice(by, [values for values, _, _ in chosen])

    def _chosen(self, dimension: int, mask: int) -> tuple[Choices, int, int]:
        """Work out the choices of one mask, once."""
        known = self._choices[dimension].get(mask)
        if known is None:
            found = {holders for values, holders in self.kinds[dimension] if values & mask}
            known = best(found), reduce(or_, found, 0), reduce(and_, found, self.everything)
            self._choices[dimension][mask] = known
        return known


def has_free_choice(boxes: int, dimensions: Iterable[Choices]) -> bool:
    """Tell whether a choice in each dimension leaves no box that holds all of them."""
    return _Search().run(boxes, list(dimensions))


def best(found: Iterable[int]) -> Choices:
    """Leave out the choices that are never better than another one, and put those that few boxes hold first."""
    distinct = set(found)
    if 0 in distinct:
        return (0,)
    ordered = sorted(distinct, key=_size)
    if not ordered:
        return ()
    first = ordered[0]
    if all(first & ~other == 0 for other in ordered):
        return (first,)
    if len(ordered) > _MOST_COMPARED:
        return tuple(ordered)
    kept: list[int] = []
    for one in ordered:
        if not any(other & ~one == 0 for other in kept):
            kept.append(one)
    return tuple(kept)


class _Search:
    """One search; remembers where nothing was found."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._failed: set[tuple[int, tuple[Choices, ...]]] = set()

    def run(self, boxes: int, dimensions: list[Choices]) -> bool:
        """Narrow down until one dimension must be tried value by value: the one with the fewest."""
        narrowed = _narrow(boxes, dimensions)
        if isinstance(narrowed, bool):
            return narrowed
        boxes, dimensions = narrowed
        key = boxes, tuple(dimensions)
        if key in self._failed:
            return False
        dimensions.sort(key=len)
        tried, *rest = dimensions
        if any(self.run(boxes & one, rest) for one in tried):
            return True
        self._failed.add(key)
        return False


def _narrow(boxes: int, dimensions: list[Choices]) -> bool | tuple[int, list[Choices]]:
    """Take the choices that are left where there is one; answer at once where that decides."""
    while True:
        left: list[Choices] = []
        every = before = boxes
        for values in dimensions:
            chosen = best([one & boxes for one in values])
            if not chosen or not chosen[0]:
                return bool(chosen)
            if len(chosen) == 1:
                boxes &= chosen[0]
            else:
                left.append(chosen)
                boxes &= reduce(or_, chosen)
            every &= reduce(and_, chosen)
        if not boxes:
            return True
        if every & boxes or not left:
            return False
        dimensions = left
        if boxes == before:
            return boxes, left


def _size(boxes: int) -> tuple[int, int]:
    """Order choices by how many boxes hold them."""
    return boxes.bit_count(), boxes


def _whole(boxes: Sequence[Box], dimension: int, size: int) -> int:
    """Give the boxes that do not restrict a dimension."""
    return sum(1 << index for index, box in enumerate(boxes) if box[dimension] == size)


def _kinds(boxes: Sequence[Box], dimension: int, size: int, whole: int) -> tuple[tuple[int, int], ...]:
    """Give the masks of the values that the same boxes hold, with these boxes."""
    holders: dict[int, int] = {}
    for index, box in enumerate(boxes):
        mask = 0 if whole >> index & 1 else box[dimension]
        while mask:
            value = mask & -mask
            mask ^= value
            holders[value] = holders.get(value, whole) | 1 << index
    by_holders: dict[int, int] = {}
    for value, held in holders.items():
        by_holders[held] = by_holders.get(held, 0) | value
    others = size & ~sum(holders)
    if others:
        by_holders[whole] = by_holders.get(whole, 0) | others
    return tuple((values, held) for held, values in by_holders.items())
