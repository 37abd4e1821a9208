"""The three-category rule: what was observed of a cluster becomes findings with a verdict. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scanner.assessment.advice import missing_permissions, remediations
from scanner.assessment.capabilities import capabilities
from scanner.assessment.chain import follow
from scanner.assessment.findings import merge
from scanner.assessment.grading import grade_policy
from scanner.assessment.messages import Circumstances, cluster_message
from scanner.knowledge import provider_knowledge
from scanner.knowledge.policies import composed, published
from scanner.model import (
    ApiServer,
    BlindSpot,
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
    RequestCategory,
    RuleSettings,
    Status,
    worst,
)

__all__ = ["assess"]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What follows from a cluster's API servers alone, whatever the cluster is called.

    Attributes:
        unsettled: The links that are a gap or unknown for some category.
        permissions: Those for want of which a link is unknown.
    """

    status: Status
    findings: tuple[Finding, ...]
    message: str
    capabilities: tuple[CapabilityCoverage, ...]
    coverages: tuple[PolicyCoverage | None, ...]
    unsettled: frozenset[Link]
    permissions: tuple[str, ...]


def assess(observation: ClusterObservation, rule: RuleSettings) -> ClusterResult:
    """Judge one cluster: each category on each of its API servers, the worst of them deciding."""
    verdict = _verdict_once(observation.ref.provider, observation.servers, rule)
    missing = missing_permissions(observation, verdict.permissions)
    return ClusterResult(
        ref=observation.ref,
        status=verdict.status,
        message=verdict.message,
        findings=verdict.findings,
        capabilities=verdict.capabilities,
        blind_spots=_unique_spots(verdict.coverages, observation.blind_spots),
        facts=observation.facts,
        notes=_notes(observation, verdict.coverages),
        remediations=remediations(observation, verdict.findings, verdict.unsettled, missing, rule),
        permissions_missing=missing,
    )


def _verdict(provider: str, servers: tuple[ApiServer, ...], rule: RuleSettings) -> _Verdict:
    """Follow each category through every API server."""
    knowledge = provider_knowledge(provider)
    coverages = tuple(_coverage(server, rule) for server in servers)
    pairs = zip(servers, coverages, strict=True)
    followed = [follow(server, coverage, knowledge, rule) for server, coverage in pairs]
    findings = tuple(
        merge(category, [chains[category] for chains in followed], coverages, knowledge, rule)
        for category in RequestCategory
    )
    everywhere = all(chain.bounds.at_most is Grade.NONE for chains in followed for chain in chains.values())
    has_policy = not any(isinstance(server.policy, NoPolicy) for server in servers)
    checks = [(link, check) for finding in findings for link, check in finding.links.items()]
    return _Verdict(
        status=worst([finding.status for finding in findings]),
        findings=findings,
        message=cluster_message(findings, rule, Circumstances(has_policy, everywhere)),
        capabilities=capabilities(findings, servers, coverages, knowledge),
        coverages=coverages,
        unsettled=frozenset(link for link, check in checks if check.state in (LinkState.GAP, LinkState.UNKNOWN)),
        permissions=tuple(dict.fromkeys(check.permission for _, check in checks if check.permission)),
    )


_KEPT: Final = 64
_judged: Final[dict[int, tuple[tuple[ApiServer, ...], RuleSettings, _Verdict]]] = {}
"""The verdicts given last, by the identity of the API servers: to compare these takes a tenth of a judgement."""


def _verdict_once(provider: str, servers: tuple[ApiServer, ...], rule: RuleSettings) -> _Verdict:
    """Judge API servers, once where a provider gives several of its clusters the very same ones."""
    known = _judged.get(id(servers))
    if known and known[0] is servers and known[1] is rule:
        return known[2]
    verdict = _verdict(provider, servers, rule)
    if len(_judged) >= _KEPT:
        _judged.clear()
    _judged[id(servers)] = servers, rule, verdict
    return verdict


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


def _unique_spots(
    coverages: tuple[PolicyCoverage | None, ...], exempted: tuple[BlindSpot, ...]
) -> tuple[BlindSpot, ...]:
    """Gather the blind spots of all API servers and of the cloud's own exemptions, graver ones first."""
    spots = dict.fromkeys([*exempted, *(spot for coverage in coverages if coverage for spot in coverage.blind_spots)])
    return tuple(sorted(spots, key=lambda spot: (not spot.grave, spot.identity)))


def _notes(observation: ClusterObservation, coverages: tuple[PolicyCoverage | None, ...]) -> tuple[Note, ...]:
    """Put the provider's remarks first, then those on the clusters' own policies, each once.

    Remarks on a policy that the cloud runs are left out: they are the same everywhere, and nobody can act on them.
    """
    pairs = zip(observation.servers, coverages, strict=True)
    own = [coverage for server, coverage in pairs if coverage and isinstance(server.policy, InlinePolicy)]
    return tuple(dict.fromkeys([*observation.notes, *(note for coverage in own for note in coverage.notes)]))
