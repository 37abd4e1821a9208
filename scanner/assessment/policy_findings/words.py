"""Findings and rules in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from scanner.assessment.grading_words import join
from scanner.audit_policy.types import GroupResources, PolicyRule
from scanner.knowledge.policy_findings import catalogue
from scanner.model import PolicyFinding, PolicySeverity

_LONGEST_LIST: Final = 6


def finding(
    kind: str, message: str, advice: str, path: str = "", severity: PolicySeverity | None = None
) -> PolicyFinding:
    """Build a finding of the catalogue; its position is filled in later."""
    return PolicyFinding(kind, severity or catalogue()[kind].severity, message, advice, path)


def listed(values: Sequence[str]) -> str:
    """List values, the end of a long list as a number; an empty value is shown as two quotes."""
    shown = [value or '""' for value in dict.fromkeys(values)]
    if len(shown) <= _LONGEST_LIST + 1:
        return join(shown)
    return f"{', '.join(shown[:_LONGEST_LIST])} and {len(shown) - _LONGEST_LIST} more"


def group_words(group: str) -> str:
    """Name an API group."""
    if group == "*":
        return "all API groups"
    return f"the API group {group}" if group else "the core API group"


def rules_words(rules: Sequence[int]) -> str:
    """Name rules by their indices."""
    return listed([f"rules[{index}]" for index in rules])


def requests_words(rule: PolicyRule) -> str:
    """Say which requests a rule matches, such as ``every list request for secrets by user alice``."""
    verbs = f"{listed(rule.verbs)} " if rule.verbs else ""
    text = f"every {verbs}request"
    if rule.resources:
        text += f" for {listed([_entry_words(entry) for entry in rule.resources])}"
    if rule.namespaces:
        text += f" in namespace{'s' if len(rule.namespaces) > 1 else ''} {listed(rule.namespaces)}"
    if rule.non_resource_urls:
        text += f" to {listed(rule.non_resource_urls)}"
    if rule.users:
        text += f" by user {listed(rule.users)}"
    if rule.user_groups:
        text += f" {'in' if rule.users else 'by'} group {listed(rule.user_groups)}"
    return text


def _entry_words(entry: GroupResources) -> str:
    """Say which resources an entry matches."""
    if not entry.resources or "*" in entry.resources:
        return f"anything in {group_words(entry.group)}"
    text = listed(entry.resources)
    if entry.group:
        text += f" of {group_words(entry.group)}"
    return text + (f" named {listed(entry.resource_names)}" if entry.resource_names else "")
