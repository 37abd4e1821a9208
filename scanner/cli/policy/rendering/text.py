"""The form for people: a line for each finding as compilers print it, and a table for each policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scanner.audit_policy.types import Position
from scanner.cli.policy.checking import CheckedFile, CheckedPolicy, CheckResult
from scanner.cli.policy.plain import plain
from scanner.model import (
    CapabilityCoverage,
    CategoryCoverage,
    Grade,
    PolicyCoverage,
    PolicySeverity,
    Recorded,
    RequestCategory,
)

CATEGORY_NAMES: Final = {
    RequestCategory.AUTHENTICATION: "authentication",
    RequestCategory.API_CALLS: "API calls",
    RequestCategory.RBAC_DENIALS: "RBAC denials",
}


def render(result: CheckResult) -> str:
    """Give the findings, the tables and a summary; control characters are shown, not sent."""
    lines = [line for file in result.files for line in _file(file)]
    text = "".join(f"{plain(line)}\n" for line in (*lines, _summary(result)))
    return text.lstrip("\n")


def _file(file: CheckedFile) -> Iterator[str]:
    """Print a file's findings, then what each of its policies records."""
    for policy in file.policies:
        yield from _findings(file, policy)
    for part in file.unreadable:
        where = f"{part.where}: " if part.where else ""
        yield f"{_place(file, part.position)}: unknown: {where}{_one_line(part.why)}"
    for policy in file.policies:
        yield ""
        yield f"{file.path}{f' ({policy.where})' if policy.where else ''}: {_size(policy)}"
        if policy.coverage:
            yield from _table(policy.coverage)
    yield ""


def _findings(file: CheckedFile, policy: CheckedPolicy) -> Iterator[str]:
    """Print what is wrong with a policy, each with the advice below it."""
    for notice in policy.notices:
        yield f"{_place(file, policy.position)}: note: {notice}"
    for one in policy.findings:
        yield f"{_place(file, policy.place(one))}: {one.severity.value}: {_one_line(one.message)} [{one.id}]"
        yield f"    {_one_line(one.advice)}"


def _place(file: CheckedFile, position: Position) -> str:
    """Give a place as compilers do."""
    return f"{file.path}:{position.line}:{position.column}"


def _one_line(text: str) -> str:
    """Put the lines of a message behind each other."""
    return " ".join(text.split("\n"))


def _size(policy: CheckedPolicy) -> str:
    """Say how large a policy is."""
    if not policy.is_read:
        return "kube-apiserver never reads this policy"
    if policy.policy is None:
        return "kube-apiserver refuses this policy and does not start"
    number = len(policy.policy.rules)
    return f"audit policy with {number} rule{'' if number == 1 else 's'}"


def _table(coverage: PolicyCoverage) -> Iterator[str]:
    """Print the grades and capabilities of a policy."""
    for category, name in CATEGORY_NAMES.items():
        yield f"  {name:<18}{_category(coverage.categories[category])}"
    for one in coverage.capabilities:
        yield f"  {one.capability.value.replace('_', ' '):<18}{_capability(one)}"


def _category(one: CategoryCoverage) -> str:
    """Say how much of a category is recorded, and what the next grade lacks."""
    level = f" ({one.level.label})" if one.level is not None else ""
    if one.grade is Grade.COMPLETE:
        return f"{one.grade.label}{level}"
    above = next(grade for grade in Grade if grade > one.grade and grade in one.lacks)
    return f"{one.grade.label}{level}; {above.label} lacks {one.lacks[above]}"


def _capability(one: CapabilityCoverage) -> str:
    """Say whether a capability's requests are recorded."""
    level = f" ({one.level.label})" if one.level is not None else ""
    words = {Recorded.YES: "recorded", Recorded.NO: "not recorded", Recorded.PARTLY: "recorded in part"}
    reason = f"; {one.reason}" if one.recorded is Recorded.PARTLY else ""
    return f"{words.get(one.recorded, 'unknown')}{level}{reason}"


def _summary(result: CheckResult) -> str:
    """Sum up in one line."""
    counts = [
        _number(result.policies, "policy", "policies"),
        f"{_number(result.files_read, 'file', 'files')} searched",
        *(
            _number(result.count(severity), word, f"{word}s")
            for severity, word in (
                (PolicySeverity.ERROR, "error"),
                (PolicySeverity.WARNING, "warning"),
                (PolicySeverity.INFO, "remark"),
            )
        ),
    ]
    if result.unreadable:
        counts.append(f"{result.unreadable} could not be read")
    return ", ".join(counts)


def _number(number: int, one: str, many: str) -> str:
    """Give a number with its noun."""
    return f"{number} {one if number == 1 else many}"
