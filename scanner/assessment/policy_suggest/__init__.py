"""The smallest change to an audit policy that makes it reach a grade, as text; and a good policy from scratch."""

from __future__ import annotations

from scanner.assessment.policy_suggest.needs import GradeName, StagesName
from scanner.assessment.policy_suggest.scratch import from_scratch
from scanner.assessment.policy_suggest.suggestion import Suggestion, suggest

__all__ = ["GradeName", "StagesName", "Suggestion", "from_scratch", "suggest"]
