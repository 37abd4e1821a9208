"""The three-category rule: what was observed of a cluster becomes findings with a verdict. Pure."""

from __future__ import annotations

from functools import lru_cache

from scanner.assessment.advice import missing_permissions, remediations
from scanner.assessment.chain import Chain, follow
from scanner.assessment.findings import merge
from scanner.assessment.grading import grade_policy
from scanner.assessment.messages import Circumstances, cluster_message
from scanner.knowledge import ProviderKnowledge, provider_knowledge
from scanner.knowledge.policies import composed, published
from scanner.model import (
    ApiServer,
    BlindSpot,
    Capability,
    CapabilityCoverage,
    ClusterObservation,
    ClusterResult,
    Finding,
    Grade,
    InlinePolicy,
    Link,
    LinkState,
    ManagedPolicy,
    NoPolicy,
    Note,
    PolicyCoverage,
    Recorded,
    RequestCategory,
    RuleSettings,
    UnreadablePolicy,
    worst,
)

__all__ = ["assess"]

_RECORDED = {Recorded.YES: 0, Recorded.PARTLY: 1, Recorded.UNKNOWN: 2, Recorded.NO: 3}


def assess(observation: ClusterObservation, rule: RuleSettings) -> ClusterResult:
    """Judge one cluster: each category on each of its API servers, the worst of them deciding."""
    knowledge = provider_knowledge(observation.ref.provider)
    coverages = [_coverage(server, rule) for server in observation.servers]
    chains = {category: _chains(observation, category, coverages, knowledge, rule) for category in RequestCategory}
    findings = tuple(merge(category, chains[category], coverages, knowledge, rule) for category in RequestCategory)
    known = [coverage for coverage in coverages if coverage]
    everywhere = all(chain.bounds.at_most is Grade.NONE for one in chains.values() for chain in one)
    has_policy = not any(isinstance(server.policy, NoPolicy) for server in observation.servers)
    return ClusterResult(
        ref=observation.ref,
        status=worst([finding.status for finding in findings]),
        message=cluster_message(findings, rule, Circumstances(has_policy, everywhere)),
        findings=findings,
        capabilities=_capabilities(findings, observation.servers, coverages),
        blind_spots=_unique_spots(known),
        facts=observation.facts,
        notes=_notes(observation, coverages),
        remediations=remediations(observation, findings, knowledge, rule),
        permissions_missing=missing_permissions(observation, findings),
    )


def _chains(
    observation: ClusterObservation,
    category: RequestCategory,
    coverages: list[PolicyCoverage | None],
    knowledge: ProviderKnowledge,
    rule: RuleSettings,
) -> list[Chain]:
    """Follow one category through every API server of the cluster."""
    pairs = zip(observation.servers, coverages, strict=True)
    return [follow(server, category, coverage, knowledge, rule) for server, coverage in pairs]


def _coverage(server: ApiServer, rule: RuleSettings) -> PolicyCoverage | None:
    """Grade an API server's policy; None where there is none to grade."""
    source, anonymous = server.policy, server.authorizer.anonymous
    if isinstance(source, ManagedPolicy):
        return _published_coverage(source.name, source.group_policies, rule.stages == "all", anonymous)
    if isinstance(source, InlinePolicy):
        return grade_policy(source.policy, stages=rule.stages, anonymous=anonymous, source=source.source)
    return None


@lru_cache(maxsize=64)
def _published_coverage(
    name: str,
    group_policies: tuple[tuple[str, str], ...],
    all_stages: bool,  # noqa: FBT001 - a cache key
    anonymous: bool | None,  # noqa: FBT001 - a cache key
) -> PolicyCoverage:
    """Grade a published policy once, however many clusters run it."""
    policy = composed(name, group_policies)
    return grade_policy(
        policy, stages="all" if all_stages else "outcome", anonymous=anonymous, source=published(name).source
    )


def _capabilities(
    findings: tuple[Finding, ...], servers: tuple[ApiServer, ...], coverages: list[PolicyCoverage | None]
) -> tuple[CapabilityCoverage, ...]:
    """Say whether what an attacker does first is recorded: by the policy, and by the logs that carry API calls."""
    calls = next(finding for finding in findings if finding.category is RequestCategory.API_CALLS)
    return tuple(_capability(one, calls, servers, coverages) for one in Capability)


def _capability(
    capability: Capability,
    calls: Finding,
    servers: tuple[ApiServer, ...],
    coverages: list[PolicyCoverage | None],
) -> CapabilityCoverage:
    """Judge one capability by its worst API server, then by the links behind the policy."""
    for link in (Link.EXPORTED, Link.DELIVERED):
        check = calls.links[link]
        if check.state is LinkState.GAP:
            return CapabilityCoverage(capability, Recorded.NO, None, check.reason)
    graded = [_of(capability, server, coverage) for server, coverage in zip(servers, coverages, strict=True)]
    found = max(graded, key=lambda one: _RECORDED[one.recorded])
    for link in (Link.EXPORTED, Link.DELIVERED):
        check = calls.links[link]
        if check.state is LinkState.UNKNOWN and found.recorded is not Recorded.NO:
            return CapabilityCoverage(capability, Recorded.UNKNOWN, None, check.reason)
    return found


def _of(capability: Capability, server: ApiServer, coverage: PolicyCoverage | None) -> CapabilityCoverage:
    """Give what one API server's policy does for a capability."""
    if coverage is not None:
        return next(one for one in coverage.capabilities if one.capability is capability)
    if isinstance(server.policy, NoPolicy):
        return CapabilityCoverage(capability, Recorded.NO, None, server.policy.reason)
    reason = server.policy.reason if isinstance(server.policy, UnreadablePolicy) else "the audit policy was not graded"
    return CapabilityCoverage(capability, Recorded.UNKNOWN, None, reason)


def _unique_spots(coverages: list[PolicyCoverage]) -> tuple[BlindSpot, ...]:
    """Gather the blind spots of all API servers, graver ones first."""
    spots = dict.fromkeys(spot for coverage in coverages for spot in coverage.blind_spots)
    return tuple(sorted(spots, key=lambda spot: (not spot.grave, spot.identity)))


def _notes(observation: ClusterObservation, coverages: list[PolicyCoverage | None]) -> tuple[Note, ...]:
    """Put the provider's remarks first, then those on the clusters' own policies, each once.

    Remarks on a policy that the cloud runs are left out: they are the same everywhere, and nobody can act on them.
    """
    pairs = zip(observation.servers, coverages, strict=True)
    own = [coverage for server, coverage in pairs if coverage and isinstance(server.policy, InlinePolicy)]
    return tuple(dict.fromkeys([*observation.notes, *(note for coverage in own for note in coverage.notes)]))
