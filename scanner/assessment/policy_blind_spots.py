"""Identities whose requests a policy leaves out although it records the same requests of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.assessment.grading_words import phrases
from scanner.assessment.policy_evidence import rule_evidence
from scanner.assessment.policy_identities import is_group, is_pattern, is_user
from scanner.assessment.policy_judge import PolicyJudge, Region, is_recorded
from scanner.audit_policy.analysis import Decision
from scanner.audit_policy.boxes import RESOURCE_DIMENSIONS, Box
from scanner.audit_policy.classes import (
    AUTHENTICATED,
    OTHER,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
    Principal,
    RequestClass,
    Values,
    implied_groups,
)
from scanner.audit_policy.types import Level, PolicyRule, Stage
from scanner.model import BlindSpot

_OUTCOME: Final = frozenset({Stage.RESPONSE_COMPLETE})
_EVERY_REQUEST: Final = (
    RequestClass(
        is_resource=True,
        verbs=Values.only("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    ),
    RequestClass(is_resource=False, verbs=Values.only("get", "head", "post", "put", "patch", "delete")),
)


@dataclass(frozen=True, slots=True)
class _Identity:
    """A user or group that a rule names.

    Attributes:
        principal: Whose requests are looked at.
        ordinary: Somebody like them whom no rule names, whose requests should fare no better.
    """

    kind: str
    name: str
    principal: Principal
    ordinary: Principal


def blind_spots(judge: PolicyJudge, source: str) -> tuple[BlindSpot, ...]:
    """Give one blind spot for each identity that a dropping rule names, grave ones first."""
    return tuple(spot for _, spot in spots_by_rule(judge, source))


def spots_by_rule(judge: PolicyJudge, source: str) -> tuple[tuple[int, BlindSpot], ...]:
    """Give the blind spots with the indices of the rules that make them."""
    found: dict[tuple[str, str], tuple[int, BlindSpot]] = {}
    for index, rule in enumerate(judge.policy.rules):
        stages = judge.policy.omit_stages | rule.omit_stages
        if rule.level is not Level.NONE and stages.isdisjoint(_OUTCOME):
            continue
        for identity in _identities(rule):
            spot = None if (identity.kind, identity.name) in found else _spot(judge, identity, index, source)
            if spot:
                found[identity.kind, identity.name] = (index, spot)
    return tuple(sorted(found.values(), key=lambda pair: (not pair[1].grave, pair[1].identity)))


def _identities(rule: PolicyRule) -> Iterator[_Identity]:
    """Give the identities that a rule names: its users, or else its groups; names that nobody has are left out."""
    for user in (user for user in rule.users if not (is_pattern(user) or is_group(user))):
        groups = implied_groups(user) | frozenset(rule.user_groups)
        yield _Identity("user", user, Principal(user, groups), Principal(OTHER, implied_groups(user)))
    for group in () if rule.users else (one for one in rule.user_groups if not (is_pattern(one) or is_user(one))):
        base = frozenset({UNAUTHENTICATED if group == UNAUTHENTICATED else AUTHENTICATED})
        groups = frozenset({group}) | base
        if group.startswith(SERVICE_ACCOUNTS):
            groups |= {SERVICE_ACCOUNTS}
        ordinary = Principal(OTHER, frozenset() if group in (AUTHENTICATED, UNAUTHENTICATED) else base)
        yield _Identity("group", group, Principal(OTHER, groups), ordinary)


def _spot(judge: PolicyJudge, identity: _Identity, index: int, source: str) -> BlindSpot | None:
    """Compare an identity with somebody ordinary; no spot where it fares no worse, or sends known traffic only."""
    texts: list[str] = []
    by_rule = False
    whole = True
    for requests in _EVERY_REQUEST:
        lost = _Lost(judge, identity, requests)
        whole = whole and not lost.kept
        by_rule = by_rule or index in lost.rules
        texts += lost.words()
    if not texts or not by_rule:
        return None
    return BlindSpot(
        identity=f"{identity.kind} {identity.name}",
        grave=judge.knowledge.powerful.has(identity.kind, identity.name),
        what="every request" if whole else "; ".join(texts),
        evidence=rule_evidence(judge.policy, index, source),
    )


class _Lost:
    """What is recorded of ordinary people and not of an identity, on one side."""

    def __init__(self, judge: PolicyJudge, identity: _Identity, requests: RequestClass) -> None:
        """Find the boxes."""
        self._judge = judge
        self._bounds = judge.axes.box(requests)
        self.rules: set[int] = set()
        self.kept: list[Box] = []
        self._lost: list[Box] = []
        is_resource = requests.is_resource
        mine = judge.with_noise.view(identity.principal, _rule_or_kept)
        theirs = judge.with_noise.view(identity.ordinary, _is_kept)
        traffic = list(_traffic(judge, identity, is_resource=is_resource))
        for box, rule in mine.boxes(self._bounds, is_resource=is_resource):
            if rule == _KEPT:
                self.kept += judge.without_noise(box)
                continue
            for part, recorded in theirs.boxes(box, is_resource=is_resource):
                rest = judge.without_noise(part) if recorded else []
                if rest and not any(_within(part, known) for known in traffic):
                    self._lost += rest
                    self.rules.add(rule)

    def words(self) -> list[str]:
        """Describe the boxes."""
        if not self._lost:
            return []
        noun = "everything" if len(self._bounds) == len(RESOURCE_DIMENSIONS) else "non-resource paths"
        return phrases(self._judge, Region(self._bounds, tuple(self._lost), tuple(self.kept)), noun)


def _traffic(judge: PolicyJudge, identity: _Identity, *, is_resource: bool) -> Iterator[Box]:
    """Give the boxes of a component's own traffic."""
    for known in judge.knowledge.component_traffic:
        if known.has(identity.kind, identity.name):
            for part in known.requests:
                requests = part.requests()
                if requests.is_resource is is_resource:
                    yield judge.axes.box(requests)


_KEPT: Final = -2
_UNMATCHED: Final = -1


def _rule_or_kept(decision: Decision) -> int:
    """Tell apart what is recorded, and the rules that drop the rest."""
    if _is_kept(decision):
        return _KEPT
    return _UNMATCHED if decision.rule is None else decision.rule


def _is_kept(decision: Decision) -> bool:
    """Tell whether the outcome is recorded."""
    return is_recorded(decision, _OUTCOME)


def _within(box: Box, other: Box) -> bool:
    """Tell whether a box lies in another one."""
    return all(one & ~two == 0 for one, two in zip(box, other, strict=True))
