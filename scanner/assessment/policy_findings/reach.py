"""Rules that are never the first match."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.assessment.policy_findings.words import finding, listed, rules_words
from scanner.audit_policy.reachability import Unreachable, unreachable
from scanner.audit_policy.types import Level, Policy, PolicyRule
from scanner.model import PolicyFinding, PolicySeverity


def reach_findings(policy: Policy) -> Iterator[PolicyFinding]:
    """Name the rules that no request reaches, and those that no user as Kubernetes makes them reaches."""
    never = unreachable(policy)
    for one in never:
        # One that nothing hides matches nothing by itself: the findings on its values say why.
        if one.by:
            yield _hidden(policy, one)
    known = {one.rule for one in never}
    for one in unreachable(policy, real_users=True):
        if one.rule not in known:
            yield _without_real_users(policy, one)


def _hidden(policy: Policy, one: Unreachable) -> PolicyFinding:
    """Name a rule that earlier ones hide, and what that changes."""
    rule = policy.rules[one.rule]
    others = [policy.rules[index] for index in one.by]
    message = f"rules[{one.rule}] is never reached: {rules_words(one.by)} {_matches(one.by)} all its requests first"
    if _is_same(rule, others):
        advice = f"Remove rules[{one.rule}]; its requests are recorded the same way without it"
        return finding("unreachable-rule", message, advice, f"rules[{one.rule}]", PolicySeverity.INFO)
    levels = listed([policy.rules[index].level.label for index in one.by])
    if any(other.level != rule.level for other in others):
        message += f", at level {levels} instead of {rule.level.label}"
    else:
        message += ", with other omitStages"
    advice = f"Put rules[{one.rule}] in front of rules[{one.by[0]}], or remove it"
    return finding("unreachable-rule", message, advice, f"rules[{one.rule}]")


def _is_same(rule: PolicyRule, others: list[PolicyRule]) -> bool:
    """Tell whether earlier rules record what a rule would."""
    return all(
        other.level is rule.level and (rule.level is Level.NONE or other.omit_stages == rule.omit_stages)
        for other in others
    )


def _matches(rules: tuple[int, ...]) -> str:
    """Put the verb into the number of the rules."""
    return "match" if len(rules) > 1 else "matches"


def _without_real_users(policy: Policy, one: Unreachable) -> PolicyFinding:
    """Name a rule that only users would reach whom Kubernetes does not make."""
    rule = policy.rules[one.rule]
    message = f"rules[{one.rule}] is reached by no real user"
    if one.by:
        message += f": {rules_words(one.by)} {_matches(one.by)} all their requests first"
        advice = f"Put rules[{one.rule}] in front of rules[{one.by[0]}], or remove it"
    else:
        message += f": nobody is user {listed(rule.users)} and in group {listed(rule.user_groups)}"
        advice = f"Take users or userGroups out of rules[{one.rule}], or make two rules of it"
    return finding("unreachable-for-real-users", message, advice, f"rules[{one.rule}]")
