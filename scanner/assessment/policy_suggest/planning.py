"""Finds the changes that reach a grade, those with the fewest edits first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from scanner.assessment.policy_suggest import words
from scanner.assessment.policy_suggest.edits import InsertRules, KeepStages, NewRule, PolicyEdit, RaiseLevel, apply
from scanner.assessment.policy_suggest.needs import (
    Drop,
    GradeName,
    Needs,
    StagesName,
    find_needs,
    needed_stages,
)
from scanner.assessment.policy_suggest.rules import (
    EVERYTHING,
    covers,
    cut,
    is_whole,
    overlap,
    rule_of_class,
    spares,
    usual_omitted,
)
from scanner.audit_policy.types import Level, Policy, PolicyRule, Stage
from scanner.knowledge.request_classes import request_knowledge

_MOST_COMBINATIONS: Final = 400
"""More ways than this to place rules are not compared; the first ones put a rule before each one that drops."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Edits that reach the grade together.

    Attributes:
        breadth: How many of the new rules take more than what one rule drops.
    """

    edits: tuple[PolicyEdit, ...]
    breadth: int


@dataclass(frozen=True, slots=True)
class _Want:
    """A rule that would record something needed, and the rules that drop it; None for what no rule matches."""

    rule: PolicyRule
    drops: Mapping[int | None, Drop]


class _Draft:
    """The edits of one way to place the wanted rules."""

    def __init__(self, policy: Policy, needed: frozenset[Stage], *, may_raise: bool) -> None:
        """Begin with none."""
        self._policy = policy
        self._needed = needed
        self._may_raise = may_raise
        self._inserted: dict[int, list[NewRule]] = {}
        self._raised: dict[int, RaiseLevel] = {}
        self.breadth = 0

    def place(self, want: _Want, uncut_from: int | None) -> None:
        """Place one rule: uncut where that is said, and cut before each rule above that drops requests of it."""
        later: set[str] = set()
        for index, drop in want.drops.items():
            if uncut_from is not None and (index is None or index >= uncut_from):
                later |= drop.classes
            elif index is None:
                is_everything = replace(want.rule, omit_stages=frozenset()) == EVERYTHING
                why = words.matched_by_none(drop.classes, is_everything=is_everything)
                self._insert(len(self._policy.rules), want.rule, why, drop.classes)
            else:
                self._mend(index, want, drop)
        if uncut_from is not None:
            self._insert(uncut_from, want.rule, words.dropped_further_below(later), later)
            self.breadth += 1

    def edits(self) -> list[PolicyEdit]:
        """Give the edits in the order of the rules; what is put before a rule that is raised is not needed any more."""
        last = len(self._policy.rules)
        inserted: dict[int, PolicyEdit] = {
            index: InsertRules(index, tuple(rules), is_last=index == last)
            for index, rules in self._inserted.items()
            if index not in self._raised
        }
        both = {**inserted, **self._raised}
        return [both[index] for index in sorted(both)]

    def _mend(self, index: int, want: _Want, drop: Drop) -> None:
        """Raise a rule that drops nothing but what is wanted, or put a cut rule before it."""
        rule = self._policy.rules[index]
        needed = cut(want.rule, rule, drop.principals)
        if self._may_raise and is_whole(needed, rule) and rule.omit_stages.isdisjoint(self._needed):
            self._raised[index] = RaiseLevel(index, words.raised(drop), frozenset(drop.classes))
        else:
            self._insert(index, needed, words.dropped_below(drop), drop.classes)

    def _insert(self, before: int, rule: PolicyRule, why: str, classes: set[str]) -> None:
        """Put a rule in, unless the same one is there already."""
        new = self._inserted.setdefault(before, [])
        if all(one.rule != rule for one in new):
            new.append(NewRule(rule, why, frozenset(classes)))


def plans(policy: Policy, grade: GradeName, stages: StagesName, *, may_raise: bool = True) -> list[Plan]:
    """Give the plans, best first: fewest edits, then the fewest rules that take more than one other rule drops.

    Args:
        policy: A policy that does not reach the grade.
        grade: The grade to reach.
        stages: The stages that must be kept.
        may_raise: Whether a rule's own level may be changed; otherwise a rule is put in front of it.
    """
    always: list[PolicyEdit] = []
    omitted = policy.omit_stages & needed_stages(stages)
    if omitted:
        always.append(KeepStages(None, omitted, words.kept(omitted)))
    base = apply(policy, always)
    needs = find_needs(base, grade, stages)
    always += [KeepStages(rule, frozenset(found), words.kept(found)) for rule, found in sorted(needs.stages.items())]
    found = []
    for placed in _placements(base, _wants(base, needs, grade, stages)):
        draft = _Draft(base, needed_stages(stages), may_raise=may_raise)
        for want, uncut_from in placed:
            draft.place(want, uncut_from)
        found.append(Plan((*always, *draft.edits()), draft.breadth))
    return sorted(found, key=lambda plan: (len(plan.edits), plan.breadth))


def _wants(policy: Policy, needs: Needs, grade: GradeName, stages: StagesName) -> list[_Want]:
    """Give the rules that would record what is dropped: for the minimum one a class, else the catch-all."""
    usual = usual_omitted(policy.rules) if stages == "outcome" else frozenset()
    by_rule: dict[PolicyRule, dict[int | None, Drop]] = {}
    for known in request_knowledge().classes:
        rule = EVERYTHING if grade == "complete" else rule_of_class(known)
        rule = replace(rule, omit_stages=usual)
        for dropping, drop in needs.drops.items():
            if known.id in drop.classes:
                mine = by_rule.setdefault(rule, {}).setdefault(dropping, Drop(set(), drop.principals))
                mine.classes.add(known.id)
    return [_Want(rule, drops) for rule, drops in by_rule.items()]


_Placed = tuple[tuple[_Want, int | None], ...]


def _placements(policy: Policy, wants: list[_Want]) -> Iterator[_Placed]:
    """Give the ways to place the wanted rules: each with the index from which on it stands uncut, or None."""
    last = len(policy.rules)
    places = sorted({last if index is None else index for want in wants for index in want.drops})
    choices = [[None, *_uncut_places(policy, want, places)] for want in wants]
    for number, chosen in enumerate(product(*choices)):
        if number == _MOST_COMBINATIONS:
            return
        yield tuple(zip(wants, chosen, strict=True))


def _uncut_places(policy: Policy, want: _Want, places: list[int]) -> Iterator[int]:
    """Give the places at which a wanted rule may stand uncut: it changes nothing but what the dropping rules drop.

    At the place of its last dropping rule it would save nothing.
    """
    last = len(policy.rules)
    dropping = {last if index is None else index: drop for index, drop in want.drops.items()}
    for place in places:
        if place < max(dropping) and all(
            _goes_before(want.rule, rule, dropping.get(index)) for index, rule in enumerate(policy.rules[place:], place)
        ):
            yield place


def _goes_before(new: PolicyRule, rule: PolicyRule, drop: Drop | None) -> bool:
    """Tell whether a rule can go before another one: it leaves it some requests, and takes only what it should.

    Args:
        new: The new rule.
        rule: The one behind it.
        drop: What that one drops of what the new rule is to record; None where it drops nothing of it.
    """
    if drop is not None:
        return not covers(new, rule) and not spares(rule, drop.principals)
    is_alike = rule.level is Level.METADATA and new.omit_stages <= rule.omit_stages
    return not overlap(new, rule) or (is_alike and not covers(new, rule))
