"""Whether a policy records what an attacker does first."""

from __future__ import annotations

from typing import Final

from scanner.assessment.grading_words import join, phrases
from scanner.assessment.policy_judge import Answer, Needed, PolicyJudge
from scanner.audit_policy.types import Stage
from scanner.knowledge.request_classes import NamedRequests, PrincipalData
from scanner.model import Capability, CapabilityCoverage, Recorded, RequestCategory

_COMPLETE: Final = Needed.of(frozenset({Stage.RESPONSE_COMPLETE}))


def capabilities(judge: PolicyJudge) -> tuple[CapabilityCoverage, ...]:
    """Judge every capability on the ordinary principals, by an event at ResponseComplete."""
    return tuple(_capability(judge, one) for one in Capability)


def _capability(judge: PolicyJudge, capability: Capability) -> CapabilityCoverage:
    """Judge one capability: recorded, partly, or not at all."""
    data = judge.knowledge.capabilities[capability]
    names = judge.knowledge.categories[RequestCategory.API_CALLS].principals
    whose = {name: judge.knowledge.principals[name] for name in names}
    answers = {
        (name, part.what): judge.ask(who.principal(), part.requests(), _COMPLETE)
        for name, who in whose.items()
        for part in data.parts
    }
    kept = {decision for answer in answers.values() for decision in answer.kept}
    level = min((decision.level for decision in kept), default=None)
    if not any(answer.missing for answer in answers.values()):
        return CapabilityCoverage(capability, Recorded.YES, level, f"every {data.all} is recorded")
    if not kept:
        return CapabilityCoverage(capability, Recorded.NO, None, f"no {data.all} is recorded")
    found: dict[str, list[str]] = {}
    for (name, what), answer in answers.items():
        if answer.missing:
            part = next(one for one in data.parts if one.what == what)
            found.setdefault(_words(judge, whose[name], part, answer), []).append(whose[name].title)
    return CapabilityCoverage(capability, Recorded.PARTLY, level, _missing(found, len(names)))


def _missing(found: dict[str, list[str]], everybody: int) -> str:
    """Name the parts that are not recorded, and for whom where that is not everybody."""
    texts = [what if len(titles) == everybody else f"{what} by {join(titles)}" for what, titles in found.items()]
    is_plural = len(texts) > 1 or "paths" in texts[0]
    return f"{join(texts)} {'are' if is_plural else 'is'} not recorded"


def _words(judge: PolicyJudge, who: PrincipalData, part: NamedRequests, answer: Answer) -> str:
    """Describe what is missing of one part."""
    if not answer.kept:
        return part.what
    region = judge.region(who.principal(), part.requests(), _COMPLETE)
    return join(phrases(judge, region, part.what.rpartition(" of ")[2]))
