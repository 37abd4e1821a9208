"""Points to the rules of a policy."""

from __future__ import annotations

from typing import Final

from scanner.audit_policy.types import GroupResources, Policy, PolicyRule
from scanner.model import Evidence

_LONGEST_LIST: Final = 8


def rule_evidence(policy: Policy, index: int, source: str) -> Evidence:
    """Give a rule as evidence: its line where that is known, its index, and the rule compactly."""
    rule = policy.rules[index]
    line = f"line {rule.line}, " if rule.line is not None else ""
    return Evidence(source or "audit policy", f"{line}rules[{index}]", rule_text(rule))


def rule_text(rule: PolicyRule) -> str:
    """Give a rule compactly, such as ``level: None, users: [alice]``."""
    lists = {
        "users": rule.users,
        "userGroups": rule.user_groups,
        "verbs": rule.verbs,
        "namespaces": rule.namespaces,
        "resources": tuple(_entry_text(entry) for entry in rule.resources),
        "nonResourceURLs": rule.non_resource_urls,
        "omitStages": tuple(sorted(rule.omit_stages)),
    }
    named = [f"{name}: {_list_text(values)}" for name, values in lists.items() if values]
    return ", ".join([f"level: {rule.level.label}", *named])


def _entry_text(entry: GroupResources) -> str:
    """Give one entry of a rule's resources."""
    parts = [f"group: {_quoted(entry.group)}"]
    if entry.resources:
        parts.append(f"resources: {_list_text(entry.resources)}")
    if entry.resource_names:
        parts.append(f"resourceNames: {_list_text(entry.resource_names)}")
    return f"{{{', '.join(parts)}}}"


def _list_text(values: tuple[str, ...]) -> str:
    """Give a list as YAML writes it in one line, the end of a long one as a number."""
    shown = [_quoted(value) for value in values[:_LONGEST_LIST]]
    if len(values) > _LONGEST_LIST:
        shown.append(f"and {len(values) - _LONGEST_LIST} more")
    return f"[{', '.join(shown)}]"


def _quoted(value: str) -> str:
    """Show an empty value as two quotes."""
    return value or '""'
