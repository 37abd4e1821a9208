"""Secrets that a policy writes into the audit log."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.assessment.grading_words import join
from scanner.assessment.policy_findings.words import finding
from scanner.assessment.policy_judge import PolicyJudge
from scanner.audit_policy.analysis import Part
from scanner.audit_policy.types import Level, Stage
from scanner.knowledge.request_classes import Leak
from scanner.model import PolicyFinding, PolicySeverity, RequestCategory


def body_findings(judge: PolicyJudge) -> Iterator[PolicyFinding]:
    """Name the rules that write the contents of secrets, configmaps or tokens into the log."""
    found: dict[int, dict[str, bool]] = {}
    for leak in judge.knowledge.leaks:
        lowest = Level.REQUEST_RESPONSE if leak.response else Level.REQUEST
        for name in judge.knowledge.categories[RequestCategory.API_CALLS].principals:
            for part in judge.with_noise.parts(judge.knowledge.principals[name].principal(), leak.requests()):
                if part.level >= lowest and part.rule is not None and _is_written(part):
                    what, is_wide = _leaked(leak, part)
                    found.setdefault(part.rule, {})[what] = is_wide
    for index, leaks in sorted(found.items()):
        level = judge.policy.rules[index].level.label
        message = f"rules[{index}] writes the contents of {join(list(leaks))} into the audit log (level {level})"
        advice = f"Put a rule of level Metadata for them in front of rules[{index}]"
        severity = PolicySeverity.WARNING if any(leaks.values()) else PolicySeverity.INFO
        yield finding("secrets-in-log", message, advice, f"rules[{index}].level", severity)


def _leaked(leak: Leak, part: Part) -> tuple[str, bool]:
    """Say whose contents are written, and whether that is more than a few named objects."""
    names = part.requests.names
    if names.inverted:
        return leak.what, True
    return f"{leak.what} named {join(sorted(names.names))}", False


def _is_written(part: Part) -> bool:
    """Tell whether an event with the bodies is written at all: they stand in that of ResponseComplete."""
    return Stage.RESPONSE_COMPLETE not in part.omit_stages
