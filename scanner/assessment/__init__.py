"""The three-category rule: what was observed of a cluster becomes findings with a verdict. Pure."""

from __future__ import annotations

from functools import lru_cache

from scanner.assessment.advice import missing_permissions, remediations
from scanner.assessment.capabilities import capabilities
from scanner.assessment.chain import Chain, follow
from scanner.assessment.findings import merge
from scanner.assessment.grading import grade_policy
from scanner.assessment.messages import Circumstances, cluster_message
from scanner.knowledge import ProviderKnowledge, provider_knowledge
from scanner.knowledge.policies import published
from scanner.model import (
    ApiServer,
    BlindSpot,
    ClusterObservation,
    ClusterResult,
    Grade,
    InlinePolicy,
    ManagedPolicy,
    NoPolicy,
    Note,
    PolicyCoverage,
    RequestCategory,
    RuleSettings,
    worst,
)

__all__ = ["assess"]


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
        capabilities=capabilities(findings, observation.servers, coverages, knowledge),
        blind_spots=_unique_spots(known, observation.blind_spots),
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
        return _published_coverage(source.name, rule.stages == "all", anonymous)
    if isinstance(source, InlinePolicy):
        return grade_policy(source.policy, stages=rule.stages, anonymous=anonymous, source=source.source)
    return None


@lru_cache(maxsize=64)
def _published_coverage(name: str, all_stages: bool, anonymous: bool | None) -> PolicyCoverage:  # noqa: FBT001 - a cache key
    """Grade a published policy once, however many clusters run it."""
    known = published(name)
    return grade_policy(
        known.policy, stages="all" if all_stages else "outcome", anonymous=anonymous, source=known.source
    )


def _unique_spots(coverages: list[PolicyCoverage], exempted: tuple[BlindSpot, ...]) -> tuple[BlindSpot, ...]:
    """Gather the blind spots of all API servers and of the cloud's own exemptions, graver ones first."""
    spots = dict.fromkeys([*exempted, *(spot for coverage in coverages for spot in coverage.blind_spots)])
    return tuple(sorted(spots, key=lambda spot: (not spot.grave, spot.identity)))


def _notes(observation: ClusterObservation, coverages: list[PolicyCoverage | None]) -> tuple[Note, ...]:
    """Put the provider's remarks first, then those on the clusters' own policies, each once.

    Remarks on a policy that the cloud runs are left out: they are the same everywhere, and nobody can act on them.
    """
    pairs = zip(observation.servers, coverages, strict=True)
    own = [coverage for server, coverage in pairs if coverage and isinstance(server.policy, InlinePolicy)]
    return tuple(dict.fromkeys([*observation.notes, *(note for coverage in own for note in coverage.notes)]))
