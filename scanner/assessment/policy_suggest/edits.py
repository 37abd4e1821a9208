"""The changes that a suggestion is made of, and what they make of a policy.

None of them ever takes coverage away: a rule is only put in front of one with level None whose requests it takes, or at
the end; a level is only raised; a stage is only kept that was omitted; a field is only corrected in a rule with level
None, which it makes narrower.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scanner.audit_policy.types import Level, Policy, PolicyRule, Stage


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule to put in; `why` is the comment that stands above it, `classes` are the ids of what it records."""

    rule: PolicyRule
    why: str
    classes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class InsertRules:
    """Put rules in before the rule with this index, or at the end where it is the number of rules."""

    before: int
    rules: tuple[NewRule, ...]
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class RaiseLevel:
    """Raise a rule from None to Metadata; `classes` are the ids of what it then records."""

    rule: int
    why: str
    classes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeepStages:
    """Take stages out of omitStages: of a rule, or of the policy where `rule` is None."""

    rule: int | None
    stages: frozenset[Stage]
    why: str


@dataclass(frozen=True, slots=True)
class RenameField:
    """Correct the name of a field that Kubernetes does not know; `entry` is the member of ``resources``, if any."""

    rule: int
    entry: int | None
    old: str
    new: str


PolicyEdit = InsertRules | RaiseLevel | KeepStages
"""A change whose result can be told from the policy alone; that of a RenameField only from its text."""


def apply(policy: Policy, edits: Iterable[PolicyEdit]) -> Policy:
    """Give the policy with these changes; every index is that of the rule before any of them."""
    rules = list(policy.rules)
    omitted = policy.omit_stages
    inserted: dict[int, list[PolicyRule]] = {}
    for edit in edits:
        match edit:
            case InsertRules():
                inserted.setdefault(edit.before, []).extend(new.rule for new in edit.rules)
            case RaiseLevel():
                rules[edit.rule] = replace(rules[edit.rule], level=Level.METADATA)
            case KeepStages(rule=None):
                omitted -= edit.stages
            case KeepStages(rule=int(index)):
                rules[index] = replace(rules[index], omit_stages=rules[index].omit_stages - edit.stages)
    result: list[PolicyRule] = []
    for index in range(len(rules) + 1):
        result += inserted.get(index, [])
        result += rules[index : index + 1]
    return replace(policy, rules=tuple(result), omit_stages=omitted, positions={})


def is_as_expected(found: Policy, expected: Policy) -> bool:
    """Tell whether an edited text holds the expected policy; more stages may be kept, where rules share an alias."""
    return (
        len(found.rules) == len(expected.rules)
        and found.omit_stages <= expected.omit_stages
        and found.omit_managed_fields == expected.omit_managed_fields
        and all(
            one.omit_stages <= other.omit_stages and _plain(one) == _plain(other)
            for one, other in zip(found.rules, expected.rules, strict=True)
        )
    )


def _plain(rule: PolicyRule) -> PolicyRule:
    """Leave out what may differ."""
    return replace(rule, line=None, omit_stages=frozenset())
