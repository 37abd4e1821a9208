"""Findings on single rules, whatever is asked of the policy as a whole."""

from __future__ import annotations

from scanner.assessment.policy_findings.bodies import body_findings
from scanner.assessment.policy_findings.fields import field_findings
from scanner.assessment.policy_findings.missed import missed_findings
from scanner.assessment.policy_findings.reach import reach_findings
from scanner.assessment.policy_findings.values import value_findings
from scanner.assessment.policy_judge import PolicyJudge
from scanner.model import PolicyFinding


def rule_findings(judge: PolicyJudge, kubernetes_version: str | None) -> tuple[PolicyFinding, ...]:
    """Give the findings on fields, on rules without effect, on what rules miss and on secrets in the log."""
    return (
        *field_findings(judge.policy, kubernetes_version),
        *reach_findings(judge.policy),
        *value_findings(judge.policy, judge.knowledge.request_verbs, kubernetes_version),
        *missed_findings(judge),
        *body_findings(judge),
    )
