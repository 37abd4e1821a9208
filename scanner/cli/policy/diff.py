"""``policy diff``: what a new policy records that an old one did not, and what no longer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from scanner.assessment.grading_words import join
from scanner.assessment.policy_diff import ChangeKind, Difference, Graded, PolicyDiff, compare
from scanner.audit_policy.types import Level, Stage
from scanner.cli.exit_codes import ExitCode
from scanner.cli.policy.plain import plain
from scanner.cli.policy.source import STDIN, load_policy
from scanner.errors import UsageError
from scanner.model import CapabilityCoverage, CategoryCoverage

SCHEMA_VERSION: Final = 1
_HEADINGS: Final = {
    ChangeKind.LOST: "no longer recorded",
    ChangeKind.GAINED: "recorded now",
    ChangeKind.LEVEL: "recorded at another level",
    ChangeKind.STAGES: "recorded at other stages",
    ChangeKind.MANAGED_FIELDS: "managed fields",
}
_MOST_NAMES: Final = 6


def run(arguments: argparse.Namespace) -> int:
    """Compare, as text or JSON; 1 where coverage is lost, 3 where too many identities are named to be sure."""
    if arguments.old == arguments.new == STDIN:
        raise UsageError("only one policy can come from standard input", where="policy diff", hint="name a file")
    old, new = (load_policy(name, arguments.kubernetes_version) for name in (arguments.old, arguments.new))
    found = compare(old.policy, new.policy)
    if arguments.format == "json":
        print(json.dumps(_structure(old.name, new.name, found), indent=2))
    else:
        print("\n".join(plain(line) for line in _lines(old.name, new.name, found)))
    if found.is_lost:
        return ExitCode.FAIL
    return ExitCode.OK if found.is_complete else ExitCode.UNKNOWN


def _lines(old: str, new: str, found: PolicyDiff) -> Iterator[str]:
    """Write the differences for a person."""
    yield f"old  {old}"
    yield f"new  {new}"
    yield ""
    yield _verdict(found)
    if not found.is_complete:
        text = "the policies name too many users and groups to compare everybody who is several of them at once"
        yield f"not sure: {text}"
    for kind, heading in _HEADINGS.items():
        yield from _section(heading, [one for one in found.differences if one.change.kind is kind])
    noise = {kind: [one for one in found.noise if one.change.kind is kind] for kind in ChangeKind}
    yield from _section("known noise no longer recorded (counts for nothing)", noise[ChangeKind.LOST])
    yield from _section("known noise recorded now", noise[ChangeKind.GAINED])
    if found.is_same:
        return
    yield ""
    yield "grades"
    for one in found.categories:
        yield f"  {one.category.value.replace('_', ' '):15} {_grades(one)}"
    if found.capabilities:
        yield ""
        yield "capabilities"
        for was, now in found.capabilities:
            yield f"  {was.capability.value.replace('_', ' '):15} {_recorded(was)} -> {_recorded(now)}"


def _verdict(found: PolicyDiff) -> str:
    """Sum up in a sentence."""
    if found.is_same:
        return "the two policies record the same requests"
    return "coverage is lost" if found.is_lost else "no coverage is lost"


def _section(heading: str, differences: Sequence[Difference]) -> Iterator[str]:
    """Write the differences of one kind, principals and what changed for them."""
    if not differences:
        return
    yield ""
    yield heading
    for one in differences:
        suffix = _suffix(one)
        yield f"  {_who(one.who)}{f' ({suffix})' if suffix else ''}:"
        yield from (f"    {text}" for text in one.requests)


def _who(titles: Sequence[str]) -> str:
    """Name the principals, the end of a long list as a number."""
    if len(titles) > _MOST_NAMES + 1:
        return f"{', '.join(titles[:_MOST_NAMES])} and {len(titles) - _MOST_NAMES} more"
    return join(list(titles))


def _suffix(one: Difference) -> str:
    """Say what changed, as far as the heading does not."""
    change = one.change
    if change.kind is ChangeKind.LEVEL:
        return f"{change.before.label} -> {change.after.label}"
    if change.kind is ChangeKind.STAGES:
        lost, gained = (_stages(stages) for stages in (change.stages_lost, change.stages_gained))
        words = [f"no longer at {join(lost)}"] if lost else []
        return ", ".join([*words, *([f"now at {join(gained)}"] if gained else [])])
    if change.kind is ChangeKind.MANAGED_FIELDS:
        return f"{'now' if change.managed_fields else 'no longer'} in the bodies"
    if one.before:
        return f"was {_levels(one.before)}"
    return _levels(one.after)


def _levels(levels: Iterable[Level]) -> str:
    """List levels, the last one with "or"."""
    labels = [level.label for level in levels]
    return " or ".join([*([", ".join(labels[:-1])] if labels[1:] else []), *labels[-1:]])


def _stages(stages: frozenset[Stage]) -> list[str]:
    """List stages in the order of a request."""
    return [stage.value for stage in Stage if stage in stages]


def _grades(one: Graded) -> str:
    """Write a category's grade and level under both policies."""
    before, after = (_grade(coverage) for coverage in (one.before, one.after))
    return f"{before} -> {after}" if before != after else f"{before} (as before)"


def _grade(coverage: CategoryCoverage) -> str:
    """Write a grade with its level."""
    return coverage.grade.label + (f" at {coverage.level.label}" if coverage.level is not None else "")


def _recorded(coverage: CapabilityCoverage) -> str:
    """Write how far a capability is recorded."""
    words = {"yes": "recorded", "partly": "partly recorded", "no": "not recorded", "unknown": "unknown"}
    text = words[coverage.recorded.value]
    return text + (f" at {coverage.level.label}" if coverage.level is not None else "")


def _structure(old: str, new: str, found: PolicyDiff) -> dict[str, Any]:
    """Give the differences in the shape that is promised to programs."""
    return {
        "schema_version": SCHEMA_VERSION,
        "old": old,
        "new": new,
        "same": found.is_same,
        "coverage_lost": found.is_lost,
        "complete": found.is_complete,
        "differences": [_difference(one) for one in found.differences],
        "noise": [_difference(one) for one in found.noise],
        "categories": [
            {"category": one.category.value, "before": _category(one.before), "after": _category(one.after)}
            for one in found.categories
        ],
        "capabilities": [
            {"capability": was.capability.value, "before": _capability(was), "after": _capability(now)}
            for was, now in found.capabilities
        ],
    }


def _difference(one: Difference) -> dict[str, Any]:
    """Give one difference for programs."""
    return {
        "kind": one.change.kind.value,
        "coverage_lost": one.change.is_loss,
        "who": list(one.who),
        "requests": list(one.requests),
        "levels_before": [level.label for level in one.before],
        "levels_after": [level.label for level in one.after],
        "stages_lost": _stages(one.change.stages_lost),
        "stages_gained": _stages(one.change.stages_gained),
        "managed_fields": one.change.managed_fields,
    }


def _category(coverage: CategoryCoverage) -> dict[str, Any]:
    """Give one category under one policy for programs."""
    return {"grade": coverage.grade.label, "level": coverage.level.label if coverage.level is not None else None}


def _capability(coverage: CapabilityCoverage) -> dict[str, Any]:
    """Give one capability under one policy for programs."""
    return {
        "recorded": coverage.recorded.value,
        "level": coverage.level.label if coverage.level is not None else None,
        "reason": coverage.reason,
    }
