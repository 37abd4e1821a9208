"""Decision diagrams over the same dimensions: changed, taken together, asked for all their answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from scanner.audit_policy.boxes import Box
from scanner.audit_policy.diagram import Diagram, Leaf, Unique

First = TypeVar("First", bound=Hashable)
Second = TypeVar("Second", bound=Hashable)
Result = TypeVar("Result", bound=Hashable)

_EVERY_VALUE = -1


def combine(first: Diagram[First], second: Diagram[Second], join: Callable[[First, Second], Result]) -> Diagram[Result]:
    """Give the diagram of what `join` makes of both answers; each pair of nodes is visited once."""
    unique: Unique[Result] = Unique()
    done: dict[tuple[Diagram[First], Diagram[Second]], Diagram[Result]] = {}

    def both(one: Diagram[First], two: Diagram[Second]) -> Diagram[Result]:
        found = done.get((one, two))
        if found is None:
            if isinstance(one, Leaf) and isinstance(two, Leaf):
                found = unique.leaf(join(one.answer, two.answer))
            else:
                found = split(one, two)
            done[one, two] = found
        return found

    def split(one: Diagram[First], two: Diagram[Second]) -> Diagram[Result]:
        at = min(node.dimension for node in (one, two) if not isinstance(node, Leaf))
        by_child: dict[Diagram[Result], int] = {}
        for mask, child in _edges(one, at):
            for other_mask, other_child in _edges(two, at):
                common = mask & other_mask
                if common:
                    new = both(child, other_child)
                    by_child[new] = by_child.get(new, 0) | common
        return unique.node(at, by_child)

    return both(first, second)


def map_leaves(diagram: Diagram[First], change: Callable[[First], Result]) -> Diagram[Result]:
    """Change every answer; what then makes no difference is not asked any more."""
    return combine(diagram, Leaf(None), lambda answer, _: change(answer))


def answers(diagram: Diagram[First], box: Box) -> set[First]:
    """Give all answers that some request of a box meets; each node is visited once."""
    found: set[First] = set()
    seen: set[Diagram[First]] = set()
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


def _edges(diagram: Diagram[First], at: int) -> tuple[tuple[int, Diagram[First]], ...]:
    """Give the edges of a diagram in one dimension; one that does not ask it leads on with every value."""
    if isinstance(diagram, Leaf) or diagram.dimension != at:
        return ((_EVERY_VALUE, diagram),)
    return diagram.edges
