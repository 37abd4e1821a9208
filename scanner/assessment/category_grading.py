"""What an audit policy alone does for one category: its grade, and in words what the next grade lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from scanner.assessment.grading_words import join, phrases
from scanner.assessment.policy_judge import RULE_STAGES, Answer, Needed, PolicyJudge
from scanner.audit_policy.analysis import Decision
from scanner.audit_policy.types import Level, Stage
from scanner.knowledge.request_classes import CategoryData, GradedClass
from scanner.model import CategoryCoverage, Grade, RequestCategory

_ANONYMOUS: Final = "anonymous"


@dataclass(frozen=True, slots=True)
class JudgedCategory:
    """One category under one policy.

    Attributes:
        rules_below: For each grade above the one that is reached, the rules that keep it from that grade, None in it
            for "no rule matches".
        stages_below: For each of these grades, the omitted stages that keep it from that grade.
        causes: For each of these grades, why, in words; it begins with the stages where nothing else is the cause.
    """

    coverage: CategoryCoverage
    rules_below: Mapping[Grade, tuple[int | None, ...]]
    stages_below: Mapping[Grade, tuple[Stage, ...]]
    causes: Mapping[Grade, str]


def judge_category(
    judge: PolicyJudge,
    category: RequestCategory,
    stages: Literal["outcome", "all"],
    anonymous: bool | None = True,  # noqa: FBT001, FBT002 - as in grade_policy
) -> JudgedCategory:
    """Judge one category on all classes of all its principals; the arguments are those of `grade_policy`."""
    data = judge.knowledge.categories[category]
    needed = Needed.of(frozenset(RULE_STAGES)) if stages == "all" else Needed.of(data.stages, data.long_running)
    principals = [name for name in data.principals if name != _ANONYMOUS or anonymous is not False]
    judged = [
        _Judged(name, known, judge.ask(judge.knowledge.principals[name].principal(), known.requests(), needed))
        for name in principals
        for known in judge.knowledge.classes
    ]
    grade = _grade(judged)
    kept = {decision for one in judged for decision in one.answer.kept}
    kept_stages, omitted = _stages(judged)
    rules_below = {above: _rules(_missing(judged, above)) for above in Grade if above > grade}
    coverage = CategoryCoverage(
        grade=grade,
        level=min((decision.level for decision in kept), default=None),
        stages_kept=kept_stages,
        stages_omitted=omitted,
        lacks={above: _lacks(judge, data, judged, above, needed) for above in rules_below},
        rules=rules_below[Grade(grade + 1)] if rules_below else (),
    )
    missing = {above: _missing(judged, above) for above in rules_below}
    return JudgedCategory(
        coverage,
        rules_below,
        stages_below={above: _omitted(found, needed) for above, found in missing.items()},
        causes={above: _cause(found, needed) for above, found in missing.items()},
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """The answer for one class of one principal."""

    principal: str
    known: GradedClass
    answer: Answer


def _grade(judged: list[_Judged]) -> Grade:
    """Give the highest grade of which nothing is missing."""
    for grade in (Grade.COMPLETE, Grade.MINIMUM):
        if not _missing(judged, grade):
            return grade
    return Grade.PARTIAL if any(one.answer.kept for one in judged) else Grade.NONE


def _missing(judged: list[_Judged], grade: Grade) -> frozenset[Decision]:
    """Give the decisions that keep a grade from being reached."""
    asked = [one for one in judged if grade is Grade.PARTIAL or one.known.grade <= grade]
    return frozenset(decision for one in asked for decision in one.answer.missing)


def _stages(judged: list[_Judged]) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """Give the stages that all decisions with a level keep, and those that some of them omit."""
    decisions = {
        decision
        for one in judged
        for decision in one.answer.kept | one.answer.missing
        if decision.level is not Level.NONE
    }
    omitted = tuple(stage for stage in RULE_STAGES if any(stage in decision.omit_stages for decision in decisions))
    kept = tuple(stage for stage in RULE_STAGES if decisions and stage not in omitted)
    return kept, omitted


def _rules(decisions: Iterable[Decision]) -> tuple[int | None, ...]:
    """Give the rules behind some decisions in order, "no rule matches" last."""
    found = {decision.rule for decision in decisions}
    numbers = sorted(rule for rule in found if rule is not None)
    return (*numbers, None) if None in found else tuple(numbers)


def _lacks(judge: PolicyJudge, data: CategoryData, judged: list[_Judged], grade: Grade, needed: Needed) -> str:
    """Say what a grade lacks, and why where there is one cause."""
    if not any(one.answer.kept for one in judged):
        cause = _cause(_missing(judged, Grade.COMPLETE), needed)
        return f"{data.every}: {cause}"
    asked = [one for one in judged if one.known.grade <= grade and one.answer.missing]
    named = {one.known.id for one in asked}
    by_text: dict[str, list[str]] = {}
    principals = list(dict.fromkeys(one.principal for one in judged))
    for name in principals:
        mine = [one for one in asked if one.principal == name and one.known.within not in named]
        texts = [text for one in mine for text in _texts(judge, one, needed)]
        if texts:
            by_text.setdefault("; ".join(texts), []).append(name)
    titles = {name: judge.knowledge.principals[name].title for name in principals}
    parts = [
        text if len(names) == len(principals) else f"for {join([titles[name] for name in names])}: {text}"
        for text, names in by_text.items()
    ]
    cause = _cause(_missing(judged, grade), needed)
    return "; ".join(parts) + (f": {cause}" if cause.startswith("stage") else "")


def _texts(judge: PolicyJudge, one: _Judged, needed: Needed) -> list[str]:
    """Put what is missing of one class into words."""
    if not one.answer.kept and one.known.whole:
        return [one.known.whole]
    principal = judge.knowledge.principals[one.principal].principal()
    return phrases(judge, judge.region(principal, one.known.requests(), needed), one.known.all)


def _cause(decisions: frozenset[Decision], needed: Needed) -> str:
    """Say why requests are not recorded."""
    dropping = _rules(decision for decision in decisions if decision.level is Level.NONE)
    numbers = [f"rules[{rule}]" for rule in dropping if rule is not None]
    omitted = [stage.value for stage in _omitted(decisions, needed)]
    causes = (
        [f"stage{'s' if len(omitted) > 1 else ''} {join(omitted)} {'are' if len(omitted) > 1 else 'is'} omitted"]
        if omitted
        else []
    )
    if numbers:
        causes.insert(0, f"level None in {join(numbers)}")
    if None in dropping:
        causes.append("no rule matches")
    return ", or ".join(causes)


def _omitted(decisions: frozenset[Decision], needed: Needed) -> tuple[Stage, ...]:
    """Give the needed stages that decisions with a level omit."""
    return tuple(
        stage
        for stage in RULE_STAGES
        if stage in needed.long_running
        and any(decision.level is not Level.NONE and stage in decision.omit_stages for decision in decisions)
    )
