"""Reviews policies in few words."""

from __future__ import annotations

from scanner.assessment.policy_findings import review
from scanner.audit_policy.reader import load
from scanner.model import PolicyFinding

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def reviewed(text: str, *, head: str = "") -> tuple[PolicyFinding, ...]:
    """Review a policy by its rules."""
    return review(load(f"{HEAD}{head}rules:\n{text}".encode()))


def of(kind: str, found: tuple[PolicyFinding, ...]) -> list[tuple[str, str, str, str]]:
    """Give the findings of one kind without their positions."""
    return [(one.severity.value, one.path, one.message, one.advice) for one in found if one.id == kind]
