"""What a review of one audit policy file says: findings with their place in the file."""

from __future__ import annotations

from dataclasses import dataclass

from scanner.audit_policy.types import Position
from scanner.words import Word


class PolicySeverity(Word):
    """How grave a finding on a policy is."""

    ERROR = "error"
    """Coverage that the rule asks for is lost, or kube-apiserver refuses the file."""
    WARNING = "warning"
    """The policy most likely does something else than its author wanted."""
    INFO = "info"
    """Worth knowing; nothing need be done."""


@dataclass(frozen=True, slots=True)
class PolicyFinding:
    """One finding on an audit policy.

    Attributes:
        id: Its id in the catalogue ``scanner/knowledge/policy_findings.yaml``, such as ``unreachable-rule``; the
            documentation explains each under this name.
        message: What is wrong, with the values that stand there; a sentence without a full stop.
        advice: How to mend it; a sentence without a full stop.
        path: The field concerned, such as ``rules[3].verbs[0]``; empty for the policy as a whole.
        position: Where the field stands in the file; None where that is not known.
    """

    id: str
    severity: PolicySeverity
    message: str
    advice: str
    path: str = ""
    position: Position | None = None
