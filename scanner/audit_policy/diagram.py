"""Decision diagrams: nodes that ask one dimension, leaves that hold the answer; equal ones are the same object."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar, Union

Answer = TypeVar("Answer", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Leaf(Generic[Answer]):
    """The answer for all requests that lead here."""

    answer: Answer


@dataclass(frozen=True, slots=True, eq=False)
class Node(Generic[Answer]):
    """Asks one dimension; the masks of its edges are disjoint and hold all values together."""

    dimension: int
    edges: tuple[tuple[int, Diagram[Answer]], ...]


Diagram = Union[Leaf[Answer], Node[Answer]]  # noqa: UP007 - a generic alias needs Union before Python 3.12


class Unique(Generic[Answer]):
    """Makes leaves and nodes, the same object for equal ones."""

    def __init__(self) -> None:
        """Begin with none."""
        self._leaves: dict[Answer, Leaf[Answer]] = {}
        self._nodes: dict[tuple[int, tuple[tuple[int, Diagram[Answer]], ...]], Node[Answer]] = {}

    def leaf(self, answer: Answer) -> Leaf[Answer]:
        """Give the leaf of an answer."""
        known = self._leaves.get(answer)
        if known is None:
            known = self._leaves[answer] = Leaf(answer)
        return known

    def node(self, dimension: int, by_child: dict[Diagram[Answer], int]) -> Diagram[Answer]:
        """Give the node with these edges; a question whose answer makes no difference is not asked."""
        if len(by_child) == 1:
            return next(iter(by_child))
        edges = tuple(sorted(zip(by_child.values(), by_child, strict=True), key=_mask))
        key = (dimension, edges)
        known = self._nodes.get(key)
        if known is None:
            known = self._nodes[key] = Node(dimension, edges)
        return known


def walk(diagram: Diagram[Answer], box: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Answer]]:
    """Give the disjoint boxes into which a diagram divides a box, with their answers."""
    if 0 in box:
        return
    if isinstance(diagram, Leaf):
        yield box, diagram.answer
        return
    at = diagram.dimension
    for mask, child in diagram.edges:
        if mask & box[at]:
            yield from walk(child, (*box[:at], mask & box[at], *box[at + 1 :]))


def _mask(edge: tuple[int, Diagram[Answer]]) -> int:
    """Give an edge's mask."""
    return edge[0]
