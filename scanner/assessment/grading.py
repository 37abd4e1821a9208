"""What an audit policy alone does: the three categories, capabilities, blind spots and remarks."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from scanner.assessment.category_grading import judge_category
from scanner.assessment.policy_blind_spots import blind_spots
from scanner.assessment.policy_capabilities import capabilities
from scanner.assessment.policy_judge import PolicyJudge
from scanner.assessment.policy_notes import notes
from scanner.audit_policy.types import Policy
from scanner.model import PolicyCoverage, RequestCategory


@lru_cache(maxsize=512)
def grade_policy(
    policy: Policy,
    *,
    stages: Literal["outcome", "all"],
    anonymous: bool | None = True,
    source: str = "",
) -> PolicyCoverage:
    """Judge a policy.

    Args:
        policy: The policy.
        stages: ``outcome`` asks of a category the stages that carry the outcome of its requests, ``all`` the three
            stages RequestReceived, ResponseStarted and ResponseComplete.
        anonymous: Whether requests without credentials become ``system:anonymous``; denials are judged on it, too,
            unless this is False.
        source: The policy's file or origin, for evidence.
    """
    judge = PolicyJudge(policy)
    return PolicyCoverage(
        categories={one: judge_category(judge, one, stages, anonymous).coverage for one in RequestCategory},
        capabilities=capabilities(judge),
        blind_spots=blind_spots(judge, source),
        notes=notes(judge, source),
    )
