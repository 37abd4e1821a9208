"""Gathers all findings on a policy, in the order of the file."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, Literal

from scanner.assessment.policy_findings.coverage import coverage_findings
from scanner.assessment.policy_findings.rules import rule_findings
from scanner.assessment.policy_findings.words import finding
from scanner.assessment.policy_judge import PolicyJudge
from scanner.audit_policy.types import Policy, Position
from scanner.errors import PolicyError
from scanner.model import Grade, PolicyFinding, PolicySeverity

_SEVERITIES: Final = tuple(PolicySeverity)
_TOP_LEVEL: Final = ("apiVersion", "kind", "metadata", "omitManagedFields", "omitStages")
_PATH_IN_ERROR: Final = re.compile(r"(?:^|[ ,])((?:rules|omitStages|apiVersion|kind|metadata)\b\S*)$")
_STEPS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_ADVICE: Final = {
    "level": "Write one of None, Metadata, Request and RequestResponse",
    "omitStages": "Write RequestReceived, ResponseStarted, ResponseComplete or Panic, in these very letters",
    "nonResourceURLs": "Let each path begin with / and have no * but at its end, in a rule without resources",
    "resources.group": 'Write the group without its version, such as apps; "*" needs Kubernetes 1.36',
    "resources.resourceNames": "Name the resources beside resourceNames",
}


def review(
    policy: Policy,
    *,
    grade: Literal["minimum", "complete"] = "minimum",
    stages: Literal["outcome", "all"] = "outcome",
    kubernetes_version: str | None = None,
) -> tuple[PolicyFinding, ...]:
    """Find everything that is wrong with a policy, or worth knowing about it.

    Args:
        policy: The policy as kube-apiserver holds it.
        grade: What each category must reach.
        stages: The stages that must be kept: those that carry the outcome, or all three.
        kubernetes_version: Whose resources are taken for existing, such as ``1.34``; None means the newest, and
            findings tell what older versions would refuse.

    Returns:
        The findings, in the order of the file; those on the policy as a whole come first.
    """
    judge = PolicyJudge(policy)
    found = (
        *coverage_findings(judge, Grade.from_label(grade), stages),
        *rule_findings(judge, kubernetes_version),
    )
    placed = [replace(one, position=_position(policy, one)) for one in dict.fromkeys(found)]
    return tuple(sorted(placed, key=_order))


def refused(error: PolicyError) -> PolicyFinding:
    """Turn the error with which kube-apiserver refuses a policy into a finding."""
    match = _PATH_IN_ERROR.search(error.where)
    path = match[1] if match else ""
    field = re.sub(r"\[\d+\]", "", path).removeprefix("rules.")
    advice = error.hint or _ADVICE.get(field, "Mend the file; kube-apiserver does not start with it")
    line, column = getattr(error, "line", None), getattr(error, "column", None)
    position = Position(line, column or 1) if line else None
    message = f"kube-apiserver refuses the policy: {error.what}"
    return replace(finding("policy-refused", message, advice, path), position=position)


def never_read() -> PolicyFinding:
    """Say that kube-apiserver never reads a policy that stands behind another one in a policy file."""
    message = "kube-apiserver reads only the first document of a policy file, and this policy stands behind another one"
    return finding("policy-never-read", message, "Remove the one that is not meant, or move it to a file of its own")


def _position(policy: Policy, one: PolicyFinding) -> Position | None:
    """Find where a field stands, or what it stands in; None for the policy as a whole."""
    path = one.path
    while path and path not in policy.positions:
        path = re.sub(r"(\[\d+\]|\.?[^.\[\]]*)$", "", path)
    return policy.positions.get(path) if path else one.position


_Order = tuple[int, int, int, tuple[tuple[int, str], ...], int]


def _order(one: PolicyFinding) -> _Order:
    """Sort by the place in the file, by the path where that is not known; graver findings first."""
    line, column = (one.position.line, one.position.column) if one.position else (0, 0)
    steps = tuple((int(index), "") if index else (-1, name) for index, name in _STEPS.findall(one.path))
    top = _TOP_LEVEL.index(steps[0][1]) if steps and steps[0][1] in _TOP_LEVEL else len(_TOP_LEVEL)
    return line, column, (top if steps else -1), steps, _SEVERITIES.index(one.severity)
