"""What a policy decides for whole classes of requests: exact, and without sampling.

For one principal the rules become boxes over independent dimensions. In each dimension the values that some rule or
class names, and one more that stands for all others, are all that a policy can tell apart. Which decisions some request
of a class meets is then a question of which boxes leave a point free (``scanner.audit_policy.cover``). Where the parts
of a class are asked for, a decision diagram asks the dimensions one by one and carries along the boxes that still
match; the lowest of them is the first match. Equal subdiagrams are built once and shared, and none is built below a
point from which on nothing makes a difference, so that the work grows with the number of different situations, not of
requests.

Paths are taken to begin with ``/``, and resources to hold none, as in every request that an API server reads.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from scanner.audit_policy.boxes import Axes, Box, classes_of_rule
from scanner.audit_policy.classes import OTHER, Principal, RequestClass
from scanner.audit_policy.cover import Shelf
from scanner.audit_policy.diagram import Diagram, Unique, walk
from scanner.audit_policy.types import Level, Policy, PolicyRule, Stage
from scanner.errors import PolicyLimitError

Key = TypeVar("Key", bound=Hashable)

# The time that an analysis takes grows with the square of the number of rules.
MAX_RULES: Final = 1000
_MOST_REMEMBERED: Final = 1024


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


def demand_analysable(policy: Policy) -> None:
    """Refuse a policy with more rules than are analysed.

    Raises:
        PolicyLimitError: It is one; kube-apiserver may well take it.
    """
    if len(policy.rules) > MAX_RULES:
        line = policy.rules[MAX_RULES].line
        what = f"holds more than {MAX_RULES} rules, which is as many as are analysed"
        raise PolicyLimitError(what, where=f"line {line}" if line else "", line=line)


class PolicySpace:
    """A policy made ready for questions about any principal.

    Args:
        policy: The policy.
        classes: The classes that will be asked about; values that they name are told apart.
        ignored: Classes that are left out of every answer.

    Raises:
        PolicyLimitError: The policy has more rules than are analysed.
    """

    def __init__(
        self, policy: Policy, classes: Iterable[RequestClass] = (), ignored: Iterable[RequestClass] = ()
    ) -> None:
        """Lay out the dimensions and turn the rules into boxes."""
        demand_analysable(policy)
        ignored = tuple(ignored)
        self.policy = policy
        self.axes = Axes.of(policy, (*classes, *ignored))
        self._who = _Who(policy.rules)
        self._sides = {side: _Side(policy, self.axes, ignored, is_resource=side) for side in (True, False)}
        self._builders: dict[tuple[bool, Callable[[Decision], Hashable]], _Builder[Any]] = {}

    def view(self, principal: Principal, key: Callable[[Decision], Key]) -> View[Key]:
        """Look at the policy with one principal's eyes; decisions with equal keys are taken together."""
        return View(self, principal, key)

    def parts(self, principal: Principal, requests: RequestClass) -> tuple[Part, ...]:
        """Divide a class into disjoint parts, in each of which one rule (or none) decides."""
        divided = self.view(principal, _same).divide(requests)
        return tuple(Part(part, found.level, found.omit_stages, found.rule) for part, found in divided)

    def decisions(self, principal: Principal, box: Box, *, is_resource: bool) -> frozenset[Decision]:
        """Give all decisions that some request in a box meets."""
        return self._sides[is_resource].decisions(self._who.rules_for(principal), box)

    def situation(self, principal: Principal, box: Box, *, is_resource: bool) -> int:
        """Give a number that two principals share if the same rules can decide on their requests in a box."""
        side = self._sides[is_resource]
        return side.alive(self._who.rules_for(principal)) & side.shelf.meeting(box)

    def deciders(self, principal: Principal, rule: int) -> frozenset[int] | None:
        """Give the earlier rules that take all requests of a rule from a principal; None where it keeps some.

        The principal must match the rule's users and groups.
        """
        found: set[int] = set()
        earlier = self._who.rules_for(principal) & ((1 << rule) - 1)
        for side in self._sides.values():
            deciders = side.deciders(earlier, rule)
            if deciders is None:
                return None
            found |= deciders
        return frozenset(found)

    def diagram(
        self, principal: Principal, key: Callable[[Decision], Key], *, is_resource: bool
    ) -> Diagram[Key | None]:
        """Build a principal's decision diagram; its leaves are keys, None for requests that are ignored."""
        side = self._sides[is_resource]
        builder = self._builders.get((is_resource, key))
        if builder is None:
            builder = self._builders[is_resource, key] = _Builder(side, key)
        return cast("Diagram[Key | None]", builder.build(side.alive(self._who.rules_for(principal))))


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
        if is_resource not in self._diagrams:
            self._diagrams[is_resource] = self._space.diagram(self._principal, self._key, is_resource=is_resource)
        for part, key in walk(self._diagrams[is_resource], box):
            if key is not None:
                yield part, key


def _same(decision: Decision) -> Decision:
    """Tell all decisions apart."""
    return decision


class _Who:
    """The rules by the users and groups that they name, one bit a rule."""

    def __init__(self, rules: tuple[PolicyRule, ...]) -> None:
        """Find the rules that name each user and group, and those that name none."""
        self._users: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._any_user = self._any_group = 0
        for index, rule in enumerate(rules):
            bit = 1 << index
            for user in rule.users:
                self._users[user] = self._users.get(user, 0) | bit
            for group in rule.user_groups:
                self._groups[group] = self._groups.get(group, 0) | bit
            self._any_user |= 0 if rule.users else bit
            self._any_group |= 0 if rule.user_groups else bit

    def rules_for(self, principal: Principal) -> int:
        """Give the rules whose users and groups match a principal."""
        if principal.user is None:
            return self._any_user & self._any_group
        users, groups = self._any_user, self._any_group
        if principal.user is not OTHER:
            users |= self._users.get(str(principal.user), 0)
        for group in principal.groups:
            groups |= self._groups.get(group, 0)
        return users & groups


class _Side:
    """The boxes of all rules on one side, resource requests or the others, in the order of the rules.

    Classes to ignore come first, as boxes without a rule.
    """

    def __init__(self, policy: Policy, axes: Axes, ignored: tuple[RequestClass, ...], *, is_resource: bool) -> None:
        """Turn the rules into boxes."""
        boxes = [axes.box(one) for one in ignored if one.is_resource is is_resource]
        self._ignored = (1 << len(boxes)) - 1
        self.decisions_of: list[Decision | None] = [None] * len(boxes)
        self._of_rule: list[int] = []
        for index, rule in enumerate(policy.rules):
            decision = Decision(rule.level, policy.omit_stages | rule.omit_stages, index)
            begin = len(boxes)
            boxes += [axes.box(one) for one in classes_of_rule(rule) if one.is_resource is is_resource]
            self.decisions_of += [decision] * (len(boxes) - begin)
            self._of_rule.append((1 << len(boxes)) - (1 << begin))
        self.default = Decision(Level.NONE, policy.omit_stages, None)
        self.shelf = Shelf(boxes, axes.sizes(is_resource))
        self._alive: dict[int, int] = {}

    def alive(self, rules: int) -> int:
        """Give the boxes of some rules, and those to ignore."""
        known = self._alive.get(rules)
        if known is None:
            known = self._ignored
            for index, boxes in enumerate(self._of_rule):
                if rules >> index & 1:
                    known |= boxes
            if len(self._alive) >= _MOST_REMEMBERED:
                self._alive.clear()
            self._alive[rules] = known
        return known

    def deciders(self, rules: int, rule: int) -> frozenset[int] | None:
        """Give those of some rules that decide on the requests of a rule; None where they leave one of them."""
        alive = self.alive(rules)
        boxes = [box for index, box in enumerate(self.shelf.boxes) if self._of_rule[rule] >> index & 1]
        if any(self.shelf.has_free_point(box, alive) for box in boxes):
            return None
        decisions = frozenset[Decision]().union(*(self.decisions(rules, box) for box in boxes))
        return frozenset(one.rule for one in decisions if one.rule is not None)

    def decisions(self, rules: int, region: Box) -> frozenset[Decision]:
        """Give the decisions of the boxes that leave a point of a region to decide on."""
        if 0 in region:
            return frozenset()
        alive = self.alive(rules) & self.shelf.meeting(region)
        sure = alive & self.shelf.holding(region)
        found: set[Decision] = set()
        if sure:
            alive &= ((sure & -sure) << 1) - 1
        elif self.shelf.has_free_point(region, alive):
            found.add(self.default)
        rest = alive & ~self._ignored
        while rest:
            bit = rest & -rest
            rest ^= bit
            index = bit.bit_length() - 1
            decision = self.decisions_of[index]
            if decision is None or decision.rule is None or decision in found:
                continue
            mine = self._of_rule[decision.rule]
            part = tuple(one & two for one, two in zip(region, self.shelf.boxes[index], strict=True))
            if self.shelf.has_free_point(part, alive & ((mine & -mine) - 1)):
                found.add(decision)
        return frozenset(found)


class _Builder(Generic[Key]):
    """Builds the diagrams of one side for one way to tell decisions apart."""

    def __init__(self, side: _Side, key: Callable[[Decision], Key]) -> None:
        """Find the key of every box."""
        self._shelf = side.shelf
        known: dict[Decision, Key] = {}
        self._keys: list[Key | None] = [
            None if one is None else known.setdefault(one, key(one)) for one in side.decisions_of
        ]
        self._default = key(side.default)
        self._with_key: dict[Key | None, int] = {self._default: 0}
        for index, one in enumerate(self._keys):
            self._with_key[one] = self._with_key.get(one, 0) | 1 << index
        self._depth = len(self._shelf.sizes)
        self._whole_from = [self._shelf.everything]
        for whole in reversed(self._shelf.whole):
            self._whole_from.insert(0, self._whole_from[0] & whole)
        self._unique: Unique[Key | None] = Unique()
        self._memo: list[dict[int, Diagram[Key | None]]] = [{} for _ in range(self._depth)]

    def build(self, alive: int, dimension: int = 0) -> Diagram[Key | None]:
        """Build the diagram from a dimension on, for the boxes that match so far.

        A box that holds all that is left decides on what the boxes before it leave, and so does the default. Those that
        come last before it and decide alike make no difference.
        """
        sure = alive & self._whole_from[dimension]
        last: Key | None = self._default
        if sure:
            first = sure & -sure
            alive &= first - 1
            last = self._keys[first.bit_length() - 1]
        others = alive & ~self._with_key[last]
        if not others:
            return self._unique.leaf(last)
        alive &= (1 << others.bit_length()) - 1
        state = alive | sure & -sure
        known = self._memo[dimension].get(state)
        if known is None:
            known = self._split(dimension, state)
            self._memo[dimension][state] = known
        return known

    def _split(self, dimension: int, alive: int) -> Diagram[Key | None]:
        """Ask one dimension: values that the same boxes hold go together."""
        by_alive: dict[int, int] = {}
        for values, holders in self._shelf.kinds[dimension]:
            boxes = alive & holders
            by_alive[boxes] = by_alive.get(boxes, 0) | values
        by_child: dict[Diagram[Key | None], int] = {}
        for boxes, mask in by_alive.items():
            child = self.build(boxes, dimension + 1)
            by_child[child] = by_child.get(child, 0) | mask
        return self._unique.node(dimension, by_child)
