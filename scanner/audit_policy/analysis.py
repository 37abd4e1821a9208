"""What a policy decides for whole classes of requests: exact, and without sampling.

For one principal the rules become boxes over independent dimensions. In each dimension the values that some rule or
class names, and one more that stands for all others, are all that a policy can tell apart. A decision diagram asks the
dimensions one by one and carries along the set of boxes that still match; the lowest of them is the first match. Equal
subdiagrams are built once and shared, so that the work grows with the number of different situations, not of requests.

Paths are taken to begin with ``/``, and resources to hold none, as in every request that an API server reads.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from scanner.audit_policy.boxes import Axes, Box, classes_of_rule, dimensions
from scanner.audit_policy.classes import Principal, RequestClass
from scanner.audit_policy.diagram import Diagram, Unique, answers, map_leaves, walk
from scanner.audit_policy.types import Level, Policy, PolicyRule, Stage

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy decides for a class; `rule` is None where no rule matches."""

    level: Level
    omit_stages: frozenset[Stage]
    rule: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a class for which the policy decides alike."""

    requests: RequestClass
    level: Level
    omit_stages: frozenset[Stage]
    rule: int | None


def parts(policy: Policy, principal: Principal, requests: RequestClass) -> tuple[Part, ...]:
    """Divide one class for one principal into disjoint parts, in each of which one rule (or none) decides."""
    return PolicySpace(policy, (requests,)).parts(principal, requests)


class PolicySpace:
    """A policy made ready for questions about any principal.

    Args:
        policy: The policy.
        classes: The classes that will be asked about; values that they name are told apart.
        ignored: Classes that are left out of every answer.
    """

    def __init__(
        self, policy: Policy, classes: Iterable[RequestClass] = (), ignored: Iterable[RequestClass] = ()
    ) -> None:
        """Lay out the dimensions and turn the rules into boxes."""
        ignored = tuple(ignored)
        self.policy = policy
        self.axes = Axes.of(policy, (*classes, *ignored))
        self._sides = {side: _Side(policy, self.axes, ignored, is_resource=side) for side in (True, False)}

    def view(self, principal: Principal, key: Callable[[Decision], Key]) -> View[Key]:
        """Look at the policy with one principal's eyes; decisions with equal keys are taken together."""
        return View(self, principal, key)

    def parts(self, principal: Principal, requests: RequestClass) -> tuple[Part, ...]:
        """Divide a class into disjoint parts, in each of which one rule (or none) decides."""
        divided = self.view(principal, _same).divide(requests)
        return tuple(Part(part, found.level, found.omit_stages, found.rule) for part, found in divided)

    def decisions(self, principal: Principal, box: Box, *, is_resource: bool) -> frozenset[Decision]:
        """Give all decisions that some request in a box meets."""
        found = answers(self.diagram(principal, is_resource=is_resource), box)
        return frozenset(decision for decision in found if decision is not None)

    def diagram(self, principal: Principal, *, is_resource: bool) -> Diagram[Decision | None]:
        """Build a principal's decision diagram; its leaves are None for requests that are ignored."""
        return self._sides[is_resource].diagram(principal)


class View(Generic[Key]):
    """A policy as one principal meets it, its decisions told apart by a key only."""

    def __init__(self, space: PolicySpace, principal: Principal, key: Callable[[Decision], Key]) -> None:
        """Build nothing before it is asked for."""
        self._space = space
        self._principal = principal
        self._key = key
        self._diagrams: dict[bool, Diagram[Key | None]] = {}

    def divide(self, requests: RequestClass) -> tuple[tuple[RequestClass, Key], ...]:
        """Divide a class into disjoint parts with their keys; the parts with one key may be several."""
        axes, is_resource = self._space.axes, requests.is_resource
        divided = self.boxes(axes.box(requests), is_resource=is_resource)
        return tuple((axes.to_class(box, is_resource=is_resource), key) for box, key in divided)

    def boxes(self, box: Box, *, is_resource: bool) -> Iterator[tuple[Box, Key]]:
        """Divide a box of the space's axes into disjoint boxes with their keys."""
        for part, key in walk(self._diagram(is_resource=is_resource), box):
            if key is not None:
                yield part, key

    def _diagram(self, *, is_resource: bool) -> Diagram[Key | None]:
        """Give the diagram whose leaves are keys."""
        if is_resource not in self._diagrams:
            decisions = self._space.diagram(self._principal, is_resource=is_resource)
            self._diagrams[is_resource] = map_leaves(decisions, self._leaf_key)
        return self._diagrams[is_resource]

    def _leaf_key(self, decision: Decision | None) -> Key | None:
        """Give the key of a decision; None where the request is ignored."""
        return None if decision is None else self._key(decision)


def _same(decision: Decision) -> Decision:
    """Tell all decisions apart."""
    return decision


@dataclass(frozen=True, slots=True)
class _RuleBox:
    """A box of requests, the rule that it belongs to, and its decision; no rule stands for requests to ignore."""

    box: Box
    rule: PolicyRule | None
    decision: Decision | None


class _Side:
    """The boxes of all rules on one side, resource requests or the others, and the diagrams made of them."""

    def __init__(self, policy: Policy, axes: Axes, ignored: tuple[RequestClass, ...], *, is_resource: bool) -> None:
        """Lay out, for each value of each dimension, which boxes hold it."""
        self._all = axes.sizes(is_resource)
        self._boxes = [_RuleBox(axes.box(one), None, None) for one in ignored if one.is_resource is is_resource]
        for index, rule in enumerate(policy.rules):
            decision = Decision(rule.level, policy.omit_stages | rule.omit_stages, index)
            for one in classes_of_rule(rule):
                if one.is_resource is is_resource:
                    self._boxes.append(_RuleBox(axes.box(one), rule, decision))
        self._default = Decision(Level.NONE, policy.omit_stages, None)
        self._depth = len(dimensions(is_resource))
        self._whole = [self._boxes_with_all_of(dimension) for dimension in range(self._depth)]
        self._whole_from = self._whole_from_each()
        self._unique: Unique[Decision | None] = Unique()
        self._memo: dict[tuple[int, int], Diagram[Decision | None]] = {}

    def diagram(self, principal: Principal) -> Diagram[Decision | None]:
        """Build the diagram of a principal from the boxes of the rules that can match its requests."""
        matches: dict[int, bool] = {}
        alive = 0
        for index, one in enumerate(self._boxes):
            if one.rule is None or matches.setdefault(id(one.rule), _matches_user(one.rule, principal)):
                alive |= 1 << index
        return self._build(0, alive)

    def _boxes_with_all_of(self, dimension: int) -> int:
        """Give the boxes that do not restrict a dimension."""
        return sum(1 << index for index, one in enumerate(self._boxes) if one.box[dimension] == self._all[dimension])

    def _whole_from_each(self) -> list[int]:
        """Give, for each dimension, the boxes that restrict neither it nor any after it."""
        found = [(1 << len(self._boxes)) - 1]
        for whole in reversed(self._whole):
            found.insert(0, found[0] & whole)
        return found

    def _build(self, dimension: int, alive: int) -> Diagram[Decision | None]:
        """Build the diagram from a dimension on, for the boxes that match so far."""
        sure = alive & self._whole_from[dimension]
        if sure:
            alive &= ((sure & -sure) << 1) - 1
        if alive == sure & -sure:
            return self._unique.leaf(self._boxes[alive.bit_length() - 1].decision if alive else self._default)
        known = self._memo.get((dimension, alive))
        if known is None:
            known = self._split(dimension, alive)
            self._memo[dimension, alive] = known
        return known

    def _split(self, dimension: int, alive: int) -> Diagram[Decision | None]:
        """Ask one dimension: values that the same boxes hold go together."""
        everywhere = alive & self._whole[dimension]
        holders: dict[int, int] = {}
        rest = alive & ~everywhere
        while rest:
            lowest = rest & -rest
            rest ^= lowest
            mask = self._boxes[lowest.bit_length() - 1].box[dimension]
            while mask:
                value = mask & -mask
                mask ^= value
                holders[value] = holders.get(value, everywhere) | lowest
        by_alive: dict[int, int] = {everywhere: self._all[dimension] & ~sum(holders)}
        for value, boxes in holders.items():
            by_alive[boxes] = by_alive.get(boxes, 0) | value
        by_child: dict[Diagram[Decision | None], int] = {}
        for boxes, mask in by_alive.items():
            if mask:
                child = self._build(dimension + 1, boxes)
                by_child[child] = by_child.get(child, 0) | mask
        return self._unique.node(dimension, by_child)


def _matches_user(rule: PolicyRule, principal: Principal) -> bool:
    """Tell whether a rule's users and groups match a principal."""
    if rule.users and not (isinstance(principal.user, str) and principal.user in rule.users):
        return False
    return not rule.user_groups or (principal.user is not None and not principal.groups.isdisjoint(rule.user_groups))
