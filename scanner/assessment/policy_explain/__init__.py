"""What an audit policy does with one request, and why: the deciding rule, the rules passed over, the events written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scanner.assessment.policy_evidence import rule_text
from scanner.assessment.policy_explain.bodies import Recorded, request_object, response_object
from scanner.assessment.policy_explain.mismatch import Mismatch, mismatch, traps
from scanner.audit_policy.evaluator import evaluate, rule_matches
from scanner.audit_policy.events import Outcome, expected, is_long_running
from scanner.audit_policy.types import Level, Policy, PolicyRule, RequestAttributes, Stage

__all__ = ["Explanation", "Mismatch", "Recorded", "RuleReference", "SkippedRule", "WrittenEvent", "explain"]

_EVERYTHING: Final = Policy((PolicyRule(Level.METADATA),))


@dataclass(frozen=True, slots=True)
class RuleReference:
    """A rule: its index, the line at which it begins where that is known, and itself in one line."""

    index: int
    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class SkippedRule:
    """A rule before the deciding one, and the first of its selectors that does not match."""

    rule: RuleReference
    mismatch: Mismatch


@dataclass(frozen=True, slots=True)
class WrittenEvent:
    """One event that the request leaves, and whether the bodies of request and response stand in it.

    Attributes:
        code: The HTTP status; None at RequestReceived, when there is no answer yet.
    """

    stage: Stage
    level: Level
    code: int | None
    request_object: Recorded
    response_object: Recorded


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that a policy does with one request.

    Attributes:
        rule: The deciding rule; None where no rule matches.
        traps: What is easily overlooked about the deciding rule, sentences without a full stop.
        skipped: The rules before the deciding one; all rules where none matches.
        later: The first rule after the deciding one that would match as well.
        omitted_by_policy: The stages that the policy omits for every request.
        omitted_by_rule: The stages that the deciding rule omits.
        stages: The stages that a request with this outcome goes through.
        events: The events that are written.
    """

    request: RequestAttributes
    outcome: Outcome
    long_running: bool
    rule: RuleReference | None
    traps: tuple[str, ...]
    skipped: tuple[SkippedRule, ...]
    later: RuleReference | None
    level: Level
    omitted_by_policy: frozenset[Stage]
    omitted_by_rule: frozenset[Stage]
    omit_managed_fields: bool
    stages: tuple[Stage, ...]
    events: tuple[WrittenEvent, ...]


def explain(policy: Policy, request: RequestAttributes, outcome: Outcome) -> Explanation:
    """Explain what a policy does with one request that ends with an outcome."""
    config = evaluate(policy, request)
    index = config.rule
    end = len(policy.rules) if index is None else index
    deciding = None if index is None else policy.rules[index]
    long_running = is_long_running(request) if outcome.long_running is None else outcome.long_running
    return Explanation(
        request=request,
        outcome=outcome,
        long_running=long_running,
        rule=None if index is None else _reference(policy, index),
        traps=traps(deciding, request) if deciding else (),
        skipped=tuple(_skipped(policy, one, request) for one in range(end)),
        later=_later(policy, end, request),
        level=config.level,
        omitted_by_policy=policy.omit_stages,
        omitted_by_rule=deciding.omit_stages if deciding else frozenset(),
        omit_managed_fields=config.omit_managed_fields,
        stages=_stages(request, outcome),
        events=_events(policy, request, outcome, is_long=long_running),
    )


def _reference(policy: Policy, index: int) -> RuleReference:
    """Point to a rule."""
    rule = policy.rules[index]
    return RuleReference(index, rule.line, rule_text(rule))


def _skipped(policy: Policy, index: int, request: RequestAttributes) -> SkippedRule:
    """Say why a rule does not match."""
    found = mismatch(policy.rules[index], request)
    if found is None:
        message = f"rules[{index}] matches for the evaluator only"
        raise AssertionError(message)
    return SkippedRule(_reference(policy, index), found)


def _later(policy: Policy, decided: int, request: RequestAttributes) -> RuleReference | None:
    """Find the first rule after the deciding one that would match as well."""
    following = range(decided + 1, len(policy.rules))
    return next((_reference(policy, one) for one in following if rule_matches(policy.rules[one], request)), None)


def _stages(request: RequestAttributes, outcome: Outcome) -> tuple[Stage, ...]:
    """Give the stages of a request: those at which a policy that omits nothing records it."""
    return tuple(event.stage for event in expected(_EVERYTHING, request, outcome))


def _events(policy: Policy, request: RequestAttributes, outcome: Outcome, *, is_long: bool) -> tuple[WrittenEvent, ...]:
    """Give the events with what they hold."""
    return tuple(
        WrittenEvent(
            event.stage,
            event.level,
            event.code,
            request_object(event, request),
            response_object(event, request, is_long=is_long),
        )
        for event in expected(policy, request, outcome)
    )
