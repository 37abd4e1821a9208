"""Two policies over the same dimensions: exactly which requests they treat differently."""

from __future__ import annotations

from functools import partial
from typing import Final

from scanner.assessment.policy_diff.diagrams import answers, combine
from scanner.assessment.policy_diff.effects import Change, Changes, Effect, Sort, changes, effect
from scanner.assessment.policy_judge import PolicyJudge
from scanner.audit_policy.analysis import Decision, PolicySpace
from scanner.audit_policy.boxes import Box, dimensions
from scanner.audit_policy.classes import OTHER, Principal, RequestClass, Values
from scanner.audit_policy.diagram import Diagram
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, Stage
from scanner.knowledge.request_classes import request_knowledge

SIDES: Final = (True, False)
"""Requests for resources, and the others."""

_UNSERVED_VERBS: Final = frozenset({"proxy"})
_Raw = tuple[Level, frozenset[Stage], bool]
_RawPair = tuple[_Raw, _Raw] | None


class Comparison:
    """Two policies, ready to be compared for any principal.

    Attributes:
        judge: Puts boxes into words; its policy holds the rules of both.
        bounds: All requests on each side: every verb that a server answers.
    """

    def __init__(self, old: Policy, new: Policy) -> None:
        """Give both policies the same dimensions: every value that one of them, or the knowledge, names."""
        verbs = PolicyRule(Level.NONE, verbs=tuple(sorted(_verbs(resource=True) | _verbs(resource=False))))
        self.judge = PolicyJudge(Policy((*old.rules, *new.rules, verbs)))
        every_value = [self._naming_all(is_resource=side) for side in SIDES]
        self.bounds: dict[bool, Box] = {
            side: self.judge.axes.box(RequestClass(side, verbs=Values.only(*_verbs(resource=side)))) for side in SIDES
        }
        self.noise = tuple(one.requests() for one in self.judge.knowledge.noise)
        self._spaces = tuple((PolicySpace(one, every_value), partial(_raw_decision, one)) for one in (old, new))
        self._long = PolicySpace(self._long_running_policy(), every_value)
        self._noise = PolicySpace(Policy(()), every_value, self.noise)
        self._changes: dict[tuple[object, ...], Diagram[Changes]] = {}
        self._losses: dict[Diagram[Changes], Diagram[bool]] = {}

    def changes(self, principal: Principal, *, is_resource: bool) -> Diagram[Changes]:
        """Give every difference for one principal's requests, noise included; equal ones are the same object."""
        old, new = (space.diagram(principal, raw, is_resource=is_resource) for space, raw in self._spaces)
        is_authenticated = principal.user is not None
        key = (old, new, is_authenticated, is_resource)
        if key not in self._changes:
            pairs = combine(old, new, _pair)
            long_running = self._long.diagram(_NOBODY, _is_recorded, is_resource=is_resource)
            self._changes[key] = combine(pairs, long_running, partial(_changes, is_authenticated=is_authenticated))
        return self._changes[key]

    def is_lost(self, principal: Principal, *, is_resource: bool) -> bool:
        """Tell whether an event that carries the outcome of a request other than noise is no longer written."""
        lost = self.lost(principal, is_resource=is_resource)
        return True in answers(lost, self.bounds[is_resource])

    def lost(self, principal: Principal, *, is_resource: bool) -> Diagram[bool]:
        """Give the requests other than noise of which an event with the outcome is no longer written."""
        several = self.changes(principal, is_resource=is_resource)
        if several not in self._losses:
            noise = self._noise.diagram(_NOBODY, _is_recorded, is_resource=is_resource)
            self._losses[several] = combine(several, noise, _is_loss)
        return self._losses[several]

    def found(self, diagram: Diagram[Changes], *, is_resource: bool) -> frozenset[Change]:
        """Give every change that some request meets."""
        return frozenset(change for several in answers(diagram, self.bounds[is_resource]) for change in several)

    def within(self, diagram: Diagram[Changes], box: Box, *, is_resource: bool) -> dict[Change, bool]:
        """Give every change that some request of a box meets, and whether all of them do."""
        met = answers(diagram, tuple(one & two for one, two in zip(self.bounds[is_resource], box, strict=True)))
        return {change: all(change in several for several in met) for several in met for change in several}

    def _naming_all(self, *, is_resource: bool) -> RequestClass:
        """Give a class that names every value of the dimensions."""
        by_name = self.judge.axes.by_name
        return RequestClass(
            is_resource, **{name: Values.only(*by_name[name].names) for name in dimensions(is_resource)}
        )

    def _long_running_policy(self) -> Policy:
        """Give a policy that records long-running requests only."""
        known = self.judge.knowledge.long_running
        subresources = tuple(f"*/{name}" for name in known.subresources)
        return Policy(
            (
                PolicyRule(Level.METADATA, verbs=known.verbs),
                PolicyRule(Level.METADATA, resources=(GroupResources("*", subresources),)),
                PolicyRule(Level.METADATA, non_resource_urls=known.paths),
            )
        )


_NOBODY: Final = Principal(OTHER)


def _verbs(*, resource: bool) -> frozenset[str]:
    """Give the verbs of requests that a server answers."""
    known = request_knowledge().request_verbs
    return (known.resource if resource else known.path) - _UNSERVED_VERBS


def _raw_decision(policy: Policy, decision: Decision) -> _Raw:
    """Give what a decision does; the rule decides on managed fields."""
    if decision.level is Level.NONE:
        return (Level.NONE, frozenset(), False)
    rule = None if decision.rule is None else policy.rules[decision.rule].omit_managed_fields
    return (decision.level, decision.omit_stages, policy.omit_managed_fields if rule is None else rule)


def _pair(old: _Raw | None, new: _Raw | None) -> _RawPair:
    """Take two decisions together; None where they are the same. No request is ignored, so both are there."""
    return None if old is None or new is None or old == new else (old, new)


def _changes(pair: _RawPair, is_long_running: bool | None, *, is_authenticated: bool) -> Changes:  # noqa: FBT001 - a leaf's answer
    """Give the differences that two decisions make to a request."""
    if pair is None:
        return ()
    sort = Sort(is_authenticated, bool(is_long_running))
    before, after = (_effect(raw, sort) for raw in pair)
    return changes(before, after, sort)


def _effect(raw: _Raw, sort: Sort) -> Effect:
    """Give the events that a decision leaves."""
    level, omitted, omit_managed_fields = raw
    return effect(level, omitted, omit_managed_fields=omit_managed_fields, sort=sort)


def _is_recorded(decision: Decision) -> bool:
    """Tell whether a decision records."""
    return decision.level is not Level.NONE


def _is_loss(several: Changes, noise: bool | None) -> bool:  # noqa: FBT001 - a leaf's answer
    """Tell whether an outcome is lost that is no noise, which is None here because it is ignored."""
    return noise is not None and any(change.is_loss for change in several)
