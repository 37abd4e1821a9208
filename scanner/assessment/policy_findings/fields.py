"""Fields that kube-apiserver ignores, fields that stand twice, and what newer features cost."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from scanner.assessment.policy_findings.words import finding, requests_words
from scanner.audit_policy.decoding import POLICY, Array, Struct
from scanner.audit_policy.types import DuplicateKey, Policy, PolicyRule
from scanner.model import PolicyFinding, PolicySeverity

_ANY_GROUP_SINCE: Final = "1.36"
_UNKNOWN: Final = re.compile(r'unknown field "(.*)"', re.DOTALL)
_DUPLICATE: Final = re.compile(r'duplicate field "(.*)"', re.DOTALL)
_RULE: Final = re.compile(r"rules\[(\d+)\]")
_ENTRY: Final = re.compile(r"rules\[\d+\]\.resources\[(\d+)\]\.")
_LEVELS: Final = ("rule's resources entry", "rule", "policy")


def _struct(*steps: str) -> Mapping[str, object]:
    """Give the fields of a part of the policy's type."""
    struct: Struct = POLICY
    for step in steps:
        kind = struct.fields[step]
        inner = kind.of if isinstance(kind, Array) else kind
        assert isinstance(inner, Struct)  # noqa: S101 - steps lead to structs only
        struct = inner
    return struct.fields


_FIELDS: Final = {
    "rule's resources entry": _struct("rules", "resources"),
    "rule": _struct("rules"),
    "policy": _struct(),
}
_MEANT: Final = {
    ("rule's resources entry", "apiGroup"): "group",
    ("rule's resources entry", "apiGroups"): "group",
    ("rule's resources entry", "names"): "resourceNames",
    ("rule", "groups"): "userGroups",
    ("rule", "group"): "userGroups",
    ("rule", "stages"): "omitStages",
    ("rule", "objectRef"): "resources",
    ("rule", "paths"): "nonResourceURLs",
    ("rule", "urls"): "nonResourceURLs",
    ("policy", "stages"): "omitStages",
}
"""What people mean by names that are written unlike the real one."""


def field_findings(policy: Policy, kubernetes_version: str | None) -> Iterator[PolicyFinding]:
    """Name the fields that kube-apiserver ignores, and say what the rule that is left now matches."""
    for warning in policy.warnings:
        if match := _UNKNOWN.fullmatch(warning):
            yield _unknown(policy, match[1])
        elif match := _DUPLICATE.fullmatch(warning):
            yield _duplicate(match[1])
    yield from map(_duplicate_key, policy.duplicates)
    if kubernetes_version is None:
        yield from _any_group(policy)


def _unknown(policy: Policy, path: str) -> PolicyFinding:
    """Name a field that does not exist, the one that is meant, and what the rule does without it."""
    parent, _, name = path.rpartition(".")
    rule = _RULE.match(path)
    if path.startswith("metadata."):
        message = f"{path} is no field of an object's metadata; kube-apiserver ignores it"
        return finding("unknown-field", message, f"Remove {path}", path, PolicySeverity.INFO)
    owner = "policy" if rule is None else "rule" if parent == rule[0] else "rule's resources entry"
    message = f"{path} is no field of a {owner}; kube-apiserver ignores it"
    if rule is not None and int(rule[1]) < len(policy.rules):
        index = int(rule[1])
        decided = _with_the_entry(policy.rules[index], path)
        message += f", so that {rule[0]} matches {requests_words(decided)}, at level {decided.level.label}"
    return finding("unknown-field", message, _advice(owner, name, path, rule[0] if rule else ""), path)


def _with_the_entry(rule: PolicyRule, path: str) -> PolicyRule:
    """Give a rule with the one entry of its resources that a path leads to, or as it is."""
    match = _ENTRY.match(path)
    return replace(rule, resources=(rule.resources[int(match[1])],)) if match else rule


def _advice(owner: str, name: str, path: str, rule: str) -> str:
    """Say which field is meant, and where it belongs."""
    elsewhere = [other for other in _LEVELS if other != owner]
    exact = [other for other in elsewhere if name in _FIELDS[other]]
    if not exact and (near := _nearest(owner, name)):
        return f"Write {near} instead of {name}"
    for other in exact or elsewhere:
        if meant := _nearest(other, name):
            place = {"rule": rule or "a rule", "policy": "the policy itself"}.get(other, f"{rule}.resources[…]")
            return f"Move it: {meant} is a field of {place}"
    if owner == "policy":
        return f"Remove {path}"
    return f"Remove {path}, or say what it means by verbs, users, namespaces and resources"


def _nearest(owner: str, name: str) -> str:
    """Give the field that is meant by a name; empty where none is like it."""
    fields = _FIELDS[owner]
    if meant := _MEANT.get((owner, name)):
        return meant
    folded = {field.lower(): field for field in fields}
    if name in fields:
        return name
    found = difflib.get_close_matches(name.lower(), list(folded), 1, 0.75)
    return folded[found[0]] if found else ""


def _duplicate(path: str) -> PolicyFinding:
    """Name a field that a JSON policy gives twice."""
    message = f"{path} stands twice; the last one counts, and lists and objects are mixed"
    return finding("duplicate-field", message, "Leave one of them", path)


def _duplicate_key(one: DuplicateKey) -> PolicyFinding:
    """Name a field that a YAML policy gives twice."""
    name, line = one.name.strip('"'), one.position.line
    message, advice = f"{name} stands twice (line {line}); the last one counts", "Leave one of them"
    if one.is_merged:
        message = f"{name} stands twice (line {line}), once in a mapping that << merges; the last one counts"
        advice = "Leave one of them: kube-apiserver warns of a field that << brings and that is written out as well"
    return replace(finding("duplicate-field", message, advice), position=one.position)


def _any_group(policy: Policy) -> Iterator[PolicyFinding]:
    """Name what older versions refuse."""
    for index, rule in enumerate(policy.rules):
        for number, entry in enumerate(rule.resources):
            if entry.group == "*":
                path = f"rules[{index}].resources[{number}].group"
                message = f'{path} is "*", which kube-apiserver before {_ANY_GROUP_SINCE} refuses'
                yield finding("needs-newer-kubernetes", message, "Name the groups one by one for older clusters", path)
                break
