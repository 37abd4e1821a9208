"""Decision diagrams: nodes that ask one dimension, leaves that hold the answer; equal ones are the same object."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar, Union

Answer = TypeVar("Answer", bound=Hashable)
Other = TypeVar("Other", bound=Hashable)


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
        return self._leaves.setdefault(answer, Leaf(answer))

    def node(self, dimension: int, by_child: dict[Diagram[Answer], int]) -> Diagram[Answer]:
        """Give the node with these edges; a question whose answer makes no difference is not asked."""
        if len(by_child) == 1:
            return next(iter(by_child))
        edges = tuple(sorted(((mask, child) for child, mask in by_child.items()), key=lambda edge: edge[0]))
        key = (dimension, edges)
        return self._nodes.setdefault(key, Node(dimension, edges))


def map_leaves(diagram: Diagram[Answer], change: Callable[[Answer], Other]) -> Diagram[Other]:
    """Change every answer; what then makes no difference is not asked any more."""
    unique: Unique[Other] = Unique()
    done: dict[Diagram[Answer], Diagram[Other]] = {}

    def changed(one: Diagram[Answer]) -> Diagram[Other]:
        if one not in done:
            if isinstance(one, Leaf):
                done[one] = unique.leaf(change(one.answer))
            else:
                by_child: dict[Diagram[Other], int] = {}
                for mask, child in one.edges:
                    new = changed(child)
                    by_child[new] = by_child.get(new, 0) | mask
                done[one] = unique.node(one.dimension, by_child)
        return done[one]

    return changed(diagram)


def answers(diagram: Diagram[Answer], box: tuple[int, ...]) -> set[Answer]:
    """Give all answers that some request of a box meets; each node is visited once."""
    found: set[Answer] = set()
    seen: set[Diagram[Answer]] = set()
    waiting = [] if 0 in box else [diagram]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one, Leaf):
            found.add(one.answer)
        else:
            waiting += [child for mask, child in one.edges if mask & box[one.dimension]]
    return found


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
