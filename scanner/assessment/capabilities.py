"""Whether what an attacker does first is recorded: by the policy, and by the logs that carry its requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scanner.assessment.grading_words import join
from scanner.knowledge import ProviderKnowledge, provider_knowledge
from scanner.knowledge.request_classes import NamedRequests, request_knowledge
from scanner.model import (
    ApiServer,
    Capability,
    CapabilityCoverage,
    Finding,
    Link,
    LinkState,
    LogChannel,
    NoPolicy,
    PolicyCoverage,
    Recorded,
    RequestCategory,
    UnreadablePolicy,
)

_WORST_LAST: Final = {Recorded.YES: 0, Recorded.PARTLY: 1, Recorded.UNKNOWN: 2, Recorded.NO: 3}


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the logs of a cluster keep of one capability; `missing` names parts where it is not all or nothing."""

    recorded: Recorded
    missing: str = ""


@dataclass(frozen=True, slots=True)
class _Passing:
    """The logs of an API server whose records get past both links: for sure, and possibly."""

    sure: frozenset[str]
    possible: frozenset[str]
    is_any_known: bool
    carries_all: bool


def capabilities(
    findings: tuple[Finding, ...],
    servers: tuple[ApiServer, ...],
    coverages: tuple[PolicyCoverage | None, ...],
    knowledge: ProviderKnowledge,
) -> tuple[CapabilityCoverage, ...]:
    """Say of every capability whether it is recorded, by the worst of the API servers."""
    calls = next(finding for finding in findings if finding.category is RequestCategory.API_CALLS)
    pairs = [(*pair, _passing(pair[0], knowledge)) for pair in zip(servers, coverages, strict=True)]
    return tuple(_capability(one, calls, pairs, knowledge) for one in Capability)


def _capability(
    capability: Capability,
    calls: Finding,
    pairs: list[tuple[ApiServer, PolicyCoverage | None, _Passing]],
    knowledge: ProviderKnowledge,
) -> CapabilityCoverage:
    """Judge one capability by the logs, then by the policy; the worse of the two counts."""
    kept = max(
        (_kept(capability, passing, knowledge) for _, _, passing in pairs), key=lambda one: _WORST_LAST[one.recorded]
    )
    if kept.recorded is Recorded.NO:
        return CapabilityCoverage(capability, Recorded.NO, None, _why(calls, LinkState.GAP))
    found = max(
        (_of(capability, server, coverage) for server, coverage, _ in pairs), key=lambda one: _WORST_LAST[one.recorded]
    )
    if kept.recorded is Recorded.UNKNOWN and found.recorded is not Recorded.NO:
        return CapabilityCoverage(capability, Recorded.UNKNOWN, None, _why(calls, LinkState.UNKNOWN))
    if kept.recorded is Recorded.PARTLY and found.recorded in (Recorded.YES, Recorded.PARTLY):
        reasons = [f"{kept.missing}: {_why(calls, LinkState.GAP)}"]
        reasons += [found.reason] if found.recorded is Recorded.PARTLY else []
        return CapabilityCoverage(capability, Recorded.PARTLY, found.level, "; ".join(reasons))
    return found


def _why(calls: Finding, state: LinkState) -> str:
    """Give the reason of the first link behind the policy that is in a state, or else of one that is not ok."""
    checks = [calls.links[link] for link in (Link.EXPORTED, Link.DELIVERED)]
    broken = [check for check in checks if check.state in (LinkState.GAP, LinkState.UNKNOWN)]
    return next((check.reason for check in broken if check.state is state), broken[0].reason if broken else "")


def _passing(server: ApiServer, knowledge: ProviderKnowledge) -> _Passing:
    """Find the logs that pass both links, of those that can carry API calls."""
    relevant = knowledge.relevant(RequestCategory.API_CALLS)
    states = {channel.log: _state(channel) for channel in server.channels if channel.log in relevant}
    sure = frozenset(log for log, state in states.items() if state is LinkState.OK)
    possible = frozenset(log for log, state in states.items() if state is not LinkState.GAP)
    return _Passing(sure, possible, is_any_known=bool(states), carries_all=knowledge.carries_all(sure))


def _kept(capability: Capability, passing: _Passing, knowledge: ProviderKnowledge) -> _Kept:
    """Ask what the logs that pass both links keep of a capability's requests."""
    if not passing.is_any_known:
        return _Kept(Recorded.UNKNOWN)
    if passing.carries_all:
        return _Kept(Recorded.YES)
    return _kept_by(capability, passing.sure, passing.possible, knowledge.provider)


@lru_cache(maxsize=1024)
def _kept_by(capability: Capability, sure: frozenset[str], possible: frozenset[str], provider: str) -> _Kept:
    """Ask what some logs keep of a capability's requests, whichever cluster they are of."""
    knowledge = provider_knowledge(provider)
    parts = request_knowledge().capabilities[capability].parts
    answers = [(part, verb, _of_verb(knowledge, sure, possible, verb)) for part in parts for verb in _verbs(part)]
    recorded = {answer for _, _, answer in answers}
    if len(recorded) == 1:
        return _Kept(recorded.pop())
    if Recorded.YES not in recorded or Recorded.NO not in recorded:
        return _Kept(Recorded.UNKNOWN)
    missing = list(_missing(parts, [(part, verb) for part, verb, answer in answers if answer is Recorded.NO]))
    return _Kept(Recorded.PARTLY, f"{join(missing)} {'are' if len(missing) > 1 else 'is'} not recorded")


def _state(channel: LogChannel) -> LinkState:
    """Give the worse of the two links of a log."""
    states = (channel.exported.state, channel.delivered.state)
    if LinkState.GAP in states:
        return LinkState.GAP
    return LinkState.UNKNOWN if LinkState.UNKNOWN in states else LinkState.OK


def _verbs(part: NamedRequests) -> list[str]:
    """Give the verbs of a part, in a fixed order."""
    return sorted(part.verbs.names)


def _of_verb(knowledge: ProviderKnowledge, sure: frozenset[str], possible: frozenset[str], verb: str) -> Recorded:
    """Say whether some logs carry the requests of a verb."""
    if knowledge.carries(sure, verb):
        return Recorded.YES
    return Recorded.UNKNOWN if knowledge.may_carry(possible, verb) else Recorded.NO


def _missing(parts: tuple[NamedRequests, ...], lost: list[tuple[NamedRequests, str]]) -> Iterator[str]:
    """Name what is not carried: whole parts, or single verbs of one."""
    for part in parts:
        verbs = [verb for one, verb in lost if one is part]
        if len(verbs) == len(_verbs(part)):
            yield part.what
        elif verbs:
            yield f"{join(verbs)} of {part.what.partition(' of ')[2] or part.what}"


def _of(capability: Capability, server: ApiServer, coverage: PolicyCoverage | None) -> CapabilityCoverage:
    """Give what one API server's policy does for a capability."""
    if coverage is not None:
        return next(one for one in coverage.capabilities if one.capability is capability)
    if isinstance(server.policy, NoPolicy):
        return CapabilityCoverage(capability, Recorded.NO, None, server.policy.reason)
    reason = server.policy.reason if isinstance(server.policy, UnreadablePolicy) else "the audit policy was not graded"
    return CapabilityCoverage(capability, Recorded.UNKNOWN, None, reason)
