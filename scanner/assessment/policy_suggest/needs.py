"""What keeps a policy from a grade: which rules drop requests that the grade asks for, and which omit their stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from scanner.assessment.policy_judge import RULE_STAGES, Needed, PolicyJudge
from scanner.audit_policy.types import Level, Policy, Stage
from scanner.knowledge.request_classes import CategoryData, request_knowledge
from scanner.model import Grade

GradeName = Literal["minimum", "complete"]
StagesName = Literal["outcome", "all"]

GRADES: Final = {"minimum": Grade.MINIMUM, "complete": Grade.COMPLETE}


@dataclass(slots=True)
class Drop:
    """Requests that one rule drops: the ids of their classes and of the principals that send them."""

    classes: set[str] = field(default_factory=set)
    principals: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Needs:
    """What is to be mended.

    Attributes:
        drops: What is dropped, by the rule with level None that does it; None for what no rule matches.
        stages: The omitted stages that are needed, by rule.
    """

    drops: dict[int | None, Drop] = field(default_factory=dict)
    stages: dict[int, set[Stage]] = field(default_factory=dict)


def find_needs(policy: Policy, grade: GradeName, stages: StagesName) -> Needs:
    """Ask for every class of every category which decisions don't record it, stage by stage."""
    judge = PolicyJudge(policy)
    needs = Needs()
    for category in judge.knowledge.categories.values():
        for name in category.principals:
            principal = judge.knowledge.principals[name].principal()
            for known in judge.knowledge.classes:
                if known.grade > GRADES[grade]:
                    continue
                for stage, needed in _stage_by_stage(needed_of(category, stages)):
                    for decision in judge.ask(principal, known.requests(), needed).missing:
                        if decision.level is Level.NONE:
                            drop = needs.drops.setdefault(decision.rule, Drop())
                            drop.classes.add(known.id)
                            drop.principals.add(name)
                        elif decision.rule is not None:
                            needs.stages.setdefault(decision.rule, set()).add(stage)
    return needs


def needed_of(category: CategoryData, stages: StagesName) -> Needed:
    """Give the stages at which a category's requests must leave an event."""
    return Needed.of(frozenset(RULE_STAGES)) if stages == "all" else Needed.of(category.stages, category.long_running)


def needed_stages(stages: StagesName) -> frozenset[Stage]:
    """Give the stages that no policy may omit as a whole, whatever its rules are."""
    found: frozenset[Stage] = frozenset()
    for category in request_knowledge().categories.values():
        found |= needed_of(category, stages).long_running
    return found


def _stage_by_stage(needed: Needed) -> Iterator[tuple[Stage, Needed]]:
    """Divide what is needed into its stages."""
    for stage in RULE_STAGES:
        if stage in needed.long_running:
            only = frozenset({stage})
            yield stage, Needed(only & needed.stages, only & needed.long_running)
