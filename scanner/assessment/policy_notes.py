"""Remarks on a policy beside its grades: the findings of a review that nothing else in a report tells."""

from __future__ import annotations

import re

from scanner.assessment.policy_evidence import rule_evidence
from scanner.assessment.policy_findings.rules import rule_findings
from scanner.assessment.policy_judge import PolicyJudge
from scanner.audit_policy.types import Policy
from scanner.model import Evidence, Note, NoteSeverity, PolicyFinding, PolicySeverity


def notes(judge: PolicyJudge, source: str) -> tuple[Note, ...]:
    """Give all remarks on a policy: fields, rules without effect, what rules miss, secrets in the log.

    What categories, capabilities and blind spots lack stands in the report already.
    """
    found = dict.fromkeys(
        Note(_severity(one), one.message, (_evidence(judge.policy, one, source),))
        for one in rule_findings(judge, None)
        if one.id != "needs-newer-kubernetes"
    )
    return tuple(found)


def _severity(one: PolicyFinding) -> NoteSeverity:
    """Give a finding's severity among notes, which know no errors."""
    return NoteSeverity.INFO if one.severity is PolicySeverity.INFO else NoteSeverity.WARNING


def _evidence(policy: Policy, one: PolicyFinding, source: str) -> Evidence:
    """Point to the rule that a finding is about, or to the file."""
    match = re.match(r"rules\[(\d+)\]", one.path)
    if match and int(match[1]) < len(policy.rules):
        return rule_evidence(policy, int(match[1]), source)
    return Evidence(source or "audit policy", "strict decoding", one.message)
