"""What ``policy check`` finds out, before anything is printed: files, their policies, findings and coverage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from scanner.assessment.grading import grade_policy
from scanner.assessment.policy_findings import never_read, refused, review
from scanner.audit_policy.analysis import demand_analysable
from scanner.audit_policy.extraction import Contents, FoundPolicy, Unreadable, may_hold_policies, policies
from scanner.audit_policy.types import Policy, Position
from scanner.cli.policy.inputs import Input
from scanner.errors import PolicyError, PolicyLimitError
from scanner.model import PolicyCoverage, PolicyFinding, PolicySeverity

_TEMPLATE_NOTICE = "the text holds a template's placeholders; they are taken as they stand"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of the policies; the command line's own words.

    Attributes:
        allow_none: Files that are named may hold no policy, as those in folders: only what may hold one is looked into.
    """

    grade: Literal["minimum", "complete"] = "minimum"
    stages: Literal["outcome", "all"] = "outcome"
    kubernetes_version: str | None = None
    allow_none: bool = False


@dataclass(frozen=True, slots=True)
class CheckedPolicy:
    """One policy.

    Attributes:
        where: In which part of the file it stands; empty where it is the file.
        position: Where it begins.
        notices: What is to be said of its place in the file.
        policy: None where kube-apiserver refuses it or never reads it; then the only finding says why.
        coverage: What it records; None where it is refused or never read.
        is_read: Whether kube-apiserver reads it at all.
    """

    where: str
    position: Position
    notices: tuple[str, ...]
    policy: Policy | None
    findings: tuple[PolicyFinding, ...]
    coverage: PolicyCoverage | None
    is_read: bool = True

    def place(self, finding: PolicyFinding) -> Position:
        """Give the place of a finding; that of the policy where it is about the whole."""
        return finding.position or self.position


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file with a policy, or with something that could not be read."""

    path: str
    policies: tuple[CheckedPolicy, ...]
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Everything that was found.

    Attributes:
        files: The files with a policy or with something unreadable, in the order in which they were named.
        files_read: How many files were looked into.
        without_policy: The files that the command line names and that hold no policy.
    """

    options: Options
    files: tuple[CheckedFile, ...]
    files_read: int
    without_policy: tuple[str, ...]

    @property
    def policies(self) -> int:
        """How many policies there are."""
        return sum(len(file.policies) for file in self.files)

    @property
    def unreadable(self) -> int:
        """How many parts could not be read."""
        return sum(len(file.unreadable) for file in self.files)

    def count(self, severity: PolicySeverity) -> int:
        """Count the findings of a severity."""
        found = (finding for file in self.files for policy in file.policies for finding in policy.findings)
        return sum(finding.severity is severity for finding in found)


def check(inputs: Iterable[Input], options: Options) -> CheckResult:
    """Check every policy of every file."""
    files: list[CheckedFile] = []
    without: list[str] = []
    count = 0
    for one in inputs:
        count += 1
        file = _file(one, options)
        if file.policies or file.unreadable:
            files.append(file)
        elif one.is_named:
            without.append(one.path)
    return CheckResult(options, tuple(files), count, tuple(without))


def _file(one: Input, options: Options) -> CheckedFile:
    """Check the policies of one file."""
    if one.data is None:
        return CheckedFile(one.path, (), (Unreadable("", Position(1, 1), one.why),))
    # Most files of a folder have nothing to do with auditing: what they hold and whether they are YAML is no matter.
    is_meant = one.is_named and not options.allow_none
    contents = policies(one.data) if is_meant or may_hold_policies(one.data) else Contents((), ())
    version = options.kubernetes_version or one.kubernetes_version
    checked: list[CheckedPolicy] = []
    unreadable = list(contents.unreadable)
    for found in contents.policies:
        outcome = _policy(found, replace(options, kubernetes_version=version))
        if isinstance(outcome, CheckedPolicy):
            checked.append(outcome)
        else:
            unreadable.append(outcome)
    return CheckedFile(one.path, tuple(checked), tuple(unreadable))


def _policy(found: FoundPolicy, options: Options) -> CheckedPolicy | Unreadable:
    """Check one policy; a template that does not load is not what kube-apiserver will be given."""
    notices = [found.notice] if found.notice else []
    if not found.is_read:
        return CheckedPolicy(found.where, found.position, (), None, (never_read(),), None, is_read=False)
    try:
        policy = found.load(options.kubernetes_version)
        demand_analysable(policy)
    except PolicyError as error:
        place = Position(error.line, error.column or 1) if error.line else found.position
        if isinstance(error, PolicyLimitError):
            return Unreadable(found.where, place, error.what)
        if found.is_template:
            return Unreadable(found.where, place, f"is a template, no policy until it is filled in: {error.what}")
        return CheckedPolicy(found.where, found.position, tuple(notices), None, (refused(error),), None)
    findings = review(policy, grade=options.grade, stages=options.stages, kubernetes_version=options.kubernetes_version)
    coverage = grade_policy(policy, stages=options.stages)
    notices += [_TEMPLATE_NOTICE] if found.is_template else []
    return CheckedPolicy(found.where, found.position, tuple(notices), policy, findings, coverage)
