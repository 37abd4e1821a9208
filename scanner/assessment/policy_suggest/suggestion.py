"""Chooses the smallest plan whose text, read again, is the policy that it should be and reaches the grade."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.assessment.grading import grade_policy
from scanner.assessment.policy_suggest import words
from scanner.assessment.policy_suggest.edits import PolicyEdit, RenameField, apply, is_as_expected
from scanner.assessment.policy_suggest.embedded import EmbeddedPolicy, embedded_policy
from scanner.assessment.policy_suggest.needs import GRADES, GradeName, StagesName, find_needs
from scanner.assessment.policy_suggest.planning import plans
from scanner.assessment.policy_suggest.writing import CannotEditError, PolicyText
from scanner.audit_policy.decoding import POLICY, Array, Struct
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Policy
from scanner.errors import PolicyError, UsageError
from scanner.model import PolicyCoverage

_MOST_PLANS: Final = 6
"""Plans with as few edits as the best one whose texts are compared."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A policy file that reaches a grade.

    Attributes:
        data: The file.
        changes: What was changed, a sentence each; empty where the policy reaches the grade as it is.
        volume: What the changes may add to the log.
        before: What the policy did before.
        after: What it does now.
    """

    data: bytes
    changes: tuple[str, ...]
    volume: tuple[str, ...]
    before: PolicyCoverage
    after: PolicyCoverage


def suggest(
    data: bytes,
    *,
    grade: GradeName = "minimum",
    stages: StagesName = "outcome",
    kubernetes_version: str | None = None,
    source: str = "",
) -> Suggestion:
    """Change a policy file as little as possible so that all three categories reach a grade.

    The fewest edits win, then those that widen the least, then the fewest lines. No request loses an event or is
    recorded at a lower level, whoever sends it, and every line that no edit touches stays as it is.

    Raises:
        PolicyError: kube-apiserver would refuse the policy.
        UsageError: The text cannot be edited; the message says what to do.
    """
    outer = _embedded(data, kubernetes_version, source)
    if outer is not None:
        found = suggest(outer.policy, grade=grade, stages=stages, kubernetes_version=kubernetes_version, source=source)
        return replace(found, data=outer.replaced(found.data) if found.changes else data)
    policy = load(data, kubernetes_version, source=source)
    before = grade_policy(policy, stages=stages)
    if reaches(before, grade):
        return Suggestion(data, (), (), before, before)
    work = _Work(grade, stages, kubernetes_version)
    try:
        best = _with_names_corrected(work, data, policy, work.best(data, policy))
    except CannotEditError as error:
        raise _cannot(str(error), source) from error
    if best is None:
        raise _cannot("no edit of its text has the intended effect", source)
    after = grade_policy(load(best.data, kubernetes_version), stages=stages)
    return Suggestion(
        best.data,
        tuple(words.sentence(edit) for edit in best.edits),
        tuple(words.volume(best.edits)),
        before,
        after,
    )


def _embedded(data: bytes, kubernetes_version: str | None, source: str) -> EmbeddedPolicy | None:
    """Find the policy in a file that is none itself."""
    try:
        load(data, kubernetes_version)
    except PolicyError:
        try:
            return embedded_policy(data)
        except UsageError as error:
            raise UsageError(error.what, where=source, hint=error.hint) from None
    return None


def reaches(coverage: PolicyCoverage, grade: GradeName) -> bool:
    """Tell whether all categories reach a grade."""
    return all(found.grade >= GRADES[grade] for found in coverage.categories.values())


@dataclass(frozen=True, slots=True)
class _Edited:
    """A text that was read again and is right."""

    data: bytes
    edits: tuple[PolicyEdit | RenameField, ...]
    breadth: int
    lines: int

    def cost(self) -> tuple[int, int, int, int]:
        """Rank it: what is corrected in one rule counts as one edit, and goes before other edits of its kind."""
        corrected = {edit.rule for edit in self.edits if isinstance(edit, RenameField)}
        others = sum(not isinstance(edit, RenameField) for edit in self.edits)
        return len(corrected) + others, self.breadth, -len(corrected), self.lines


@dataclass(frozen=True, slots=True)
class _Work:
    """What is asked for."""

    grade: GradeName
    stages: StagesName
    version: str | None

    def best(self, data: bytes, policy: Policy) -> _Edited | None:
        """Give the cheapest plan that can be written into the text; first those that may change levels in place."""
        text = PolicyText(data)
        for may_raise in (True, False):
            found = plans(policy, self.grade, self.stages, may_raise=may_raise)
            least = len(found[0].edits) if found else 0
            cheap = [plan for plan in found if len(plan.edits) == least][:_MOST_PLANS]
            for chosen in (cheap, [plan for plan in found if plan not in cheap][:_MOST_PLANS]):
                right = [
                    _Edited(new, plan.edits, plan.breadth, changed_lines(data, new))
                    for plan in chosen
                    for new in self._written(text, plan.edits, apply(policy, plan.edits))
                ]
                if right:
                    return min(right, key=_Edited.cost)
        return None

    def _written(self, text: PolicyText, edits: tuple[PolicyEdit, ...], expected: Policy) -> Iterator[bytes]:
        """Give the text of a plan, where it is right: with comments, or else without."""
        for comments in (True, False):
            try:
                new = text.edited(edits, comments=comments)
                found = load(new, self.version)
            except (CannotEditError, PolicyError):
                continue
            is_right = is_as_expected(found, expected) and len(found.warnings) <= len(expected.warnings)
            if is_right and reaches(grade_policy(found, stages=self.stages), self.grade):
                yield new
                return


def _with_names_corrected(work: _Work, data: bytes, policy: Policy, best: _Edited | None) -> _Edited | None:
    """Try whether correcting an unknown field of a rule that drops requests makes the change smaller."""
    renamed: tuple[RenameField, ...] = ()
    for rule in sorted(index for index in find_needs(policy, work.grade, work.stages).drops if index is not None):
        for fields in _corrections(data, rule):
            edits = (*renamed, *fields)
            found = _renamed(work, data, edits)
            if found is not None and (best is None or found.cost() < best.cost()):
                best, renamed = found, edits
    return best


def _renamed(work: _Work, data: bytes, edits: tuple[RenameField, ...]) -> _Edited | None:
    """Correct fields and plan the rest from there."""
    try:
        new = PolicyText(data).edited(edits)
        policy = load(new, work.version)
    except (CannotEditError, PolicyError):
        return None
    if reaches(grade_policy(policy, stages=work.stages), work.grade):
        return _Edited(new, edits, 0, changed_lines(data, new))
    rest = work.best(new, policy)
    if rest is None:
        return None
    return _Edited(rest.data, (*edits, *rest.edits), rest.breadth, changed_lines(data, rest.data))


def _corrections(data: bytes, rule: int) -> Iterator[tuple[RenameField, ...]]:
    """Give the corrections of a rule's unknown fields to the nearest known ones, all at once."""
    rules = POLICY.fields["rules"]
    known = rules.of if isinstance(rules, Array) else rules
    found: list[RenameField] = []
    for entry, names in PolicyText(data).field_names(rule):
        struct = known
        if entry is not None and isinstance(known, Struct):
            resources = known.fields["resources"]
            struct = resources.of if isinstance(resources, Array) else resources
        fields = list(struct.fields) if isinstance(struct, Struct) else []
        for name in names:
            near = [] if name in fields else difflib.get_close_matches(name, fields, 1)
            if near and near[0] not in names:
                found.append(RenameField(rule, entry, name, near[0]))
    if found:
        yield tuple(found)


def changed_lines(old: bytes, new: bytes) -> int:
    """Count the lines that a diff removes and adds."""
    matcher = difflib.SequenceMatcher(None, old.split(b"\n"), new.split(b"\n"), autojunk=False)
    return sum(i2 - i1 + j2 - j1 for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")


def _cannot(why: str, source: str) -> UsageError:
    """Say that a text cannot be edited."""
    return UsageError(
        f"the policy cannot be changed in place: {why}",
        where=source,
        hint="write aliases and merge keys out, or begin with `policy suggest` without a file",
    )
