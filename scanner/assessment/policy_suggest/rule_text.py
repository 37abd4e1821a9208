"""A new rule as text: in block style, in flow style, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final

from scanner.audit_policy.types import GroupResources, PolicyRule, Stage

_WIDTH: Final = 110
_ESCAPED: Final = ((0x100, "x", 2), (0x10000, "u", 4), (0x110000, "U", 8))


def block_lines(rule: PolicyRule) -> list[str]:
    """Write a rule as the lines of a block mapping, the first one without its dash."""
    lines = [f"level: {rule.level.label}"]
    lines += [f"{name}: {_list(values, quoted)}" for name, values in _lists(rule)]
    if rule.resources:
        lines += _resource_lines(rule.resources)
    if rule.omit_stages:
        lines.append(f"omitStages: {_list(_in_order(rule), str)}")
    return lines


def flow(rule: PolicyRule, *, as_json: bool) -> str:
    """Write a rule in one line, as a flow mapping or as a JSON object."""
    quote: Callable[[str], str] = json.dumps if as_json else quoted
    key: Callable[[str], str] = json.dumps if as_json else str
    parts = [f"{key('level')}: {key(rule.level.label)}"]
    parts += [f"{key(name)}: {_list(values, quote)}" for name, values in _lists(rule)]
    if rule.resources:
        entries = ", ".join(_entry(entry, key, quote) for entry in rule.resources)
        parts.append(f"{key('resources')}: [{entries}]")
    if rule.omit_stages:
        parts.append(f"{key('omitStages')}: {_list(_in_order(rule), key)}")
    return f"{{{', '.join(parts)}}}"


def quoted(value: str) -> str:
    """Write a string in YAML's double quotes, what cannot be printed as an escape."""
    return '"' + "".join(_character(one) for one in value) + '"'


def _lists(rule: PolicyRule) -> list[tuple[str, tuple[str, ...]]]:
    """Give the lists of plain strings that a rule has."""
    lists = [
        ("users", rule.users),
        ("userGroups", rule.user_groups),
        ("verbs", rule.verbs),
        ("namespaces", rule.namespaces),
        ("nonResourceURLs", rule.non_resource_urls),
    ]
    return [(name, values) for name, values in lists if values]


def _resource_lines(entries: Iterable[GroupResources]) -> list[str]:
    """Write resources, an entry a line, or several where that would be too long to read."""
    lines = ["resources:"]
    for entry in entries:
        line = f"  - {_entry(entry, str, quoted)}"
        if len(line) <= _WIDTH:
            lines.append(line)
            continue
        lines.append(f"  - group: {quoted(entry.group)}")
        for name, values in (("resources", entry.resources), ("resourceNames", entry.resource_names)):
            if values:
                lines += [f"    {name}:", *(f"      - {quoted(value)}" for value in values)]
    return lines


def _entry(entry: GroupResources, key: Callable[[str], str], quote: Callable[[str], str]) -> str:
    """Write one entry of resources in one line."""
    parts = [f"{key('group')}: {quote(entry.group)}"]
    if entry.resources:
        parts.append(f"{key('resources')}: {_list(entry.resources, quote)}")
    if entry.resource_names:
        parts.append(f"{key('resourceNames')}: {_list(entry.resource_names, quote)}")
    return f"{{{', '.join(parts)}}}"


def _in_order(rule: PolicyRule) -> tuple[str, ...]:
    """Give the omitted stages in the order of a request."""
    return tuple(stage.value for stage in Stage if stage in rule.omit_stages)


def _list(values: Iterable[str], quote: Callable[[str], str]) -> str:
    """Write a list in one line."""
    return f"[{', '.join(quote(value) for value in values)}]"


def _character(one: str) -> str:
    """Write one character of a string in double quotes."""
    if one in '"\\':
        return f"\\{one}"
    if one.isprintable():
        return one
    letter, digits = next((letter, digits) for limit, letter, digits in _ESCAPED if ord(one) < limit)
    return f"\\{letter}{ord(one):0{digits}x}"
