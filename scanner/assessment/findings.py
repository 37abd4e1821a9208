"""From the chains of all API servers of a cluster to one finding a category: the worst server decides."""

from __future__ import annotations

from dataclasses import replace

from scanner.assessment.chain import Chain
from scanner.assessment.messages import finding_message
from scanner.audit_policy.types import Level, Stage
from scanner.knowledge import ProviderKnowledge
from scanner.model import (
    CategoryCoverage,
    Finding,
    Grade,
    Link,
    LinkCheck,
    LinkState,
    PolicyCoverage,
    RequestCategory,
    RuleSettings,
    Status,
)

_LINKS = tuple(Link)
_STAGES = tuple(Stage)
_WORST_LAST = {LinkState.NOT_APPLICABLE: 0, LinkState.OK: 1, LinkState.UNKNOWN: 2, LinkState.GAP: 3}


def merge(
    category: RequestCategory,
    chains: list[Chain],
    coverages: tuple[PolicyCoverage | None, ...],
    knowledge: ProviderKnowledge,
    rule: RuleSettings,
) -> Finding:
    """Judge a category by the worst of its chains; where servers differ, the reason names the one that is meant."""
    links = {link: _worst_link([(chain.server, chain.links[link]) for chain in chains]) for link in _LINKS}
    at_least = min(chain.bounds.at_least for chain in chains)
    at_most = min(chain.bounds.at_most for chain in chains)
    status = _status(links, rule)
    known = [coverage.categories[category] for coverage in coverages if coverage]
    level = _level(category, links, known, knowledge)
    return Finding(
        category=category,
        status=status,
        at_least=at_least,
        at_most=at_most,
        level=level,
        stages_kept=_kept(known),
        stages_omitted=_omitted(known),
        links=links,
        lacks=_lacks(at_least, links, known, rule),
        message=finding_message(category, status, at_least, at_most, level, links, rule),
    )


def _worst_link(checks: list[tuple[str, LinkCheck]]) -> LinkCheck:
    """Give the worst state of a link, with the words and evidence of every server that is in that state."""
    if len(checks) == 1:
        [(_, check)] = checks
        evidence = tuple(dict.fromkeys(check.evidence))
        return check if evidence == check.evidence else replace(check, evidence=evidence)
    state = max((check.state for _, check in checks), key=lambda one: _WORST_LAST[one])
    meant = [(server, check) for server, check in checks if check.state is state]
    evidence = tuple(dict.fromkeys(item for _, check in meant for item in check.evidence))
    permission = next((check.permission for _, check in meant if check.permission), "")
    reasons: dict[str, list[str]] = {}
    for server, check in meant:
        reasons.setdefault(check.reason, []).append(server)
    named = len(reasons) > 1 or len(meant) < len(checks)
    parts = [f"on {', '.join(servers)}: {reason}" if named else reason for reason, servers in reasons.items()]
    return LinkCheck(state, "; ".join(parts), evidence, permission)


def _status(links: dict[Link, LinkCheck], rule: RuleSettings) -> Status:
    """Let the deciding links decide: a gap fails, an unknown leaves it open."""
    states = {links[link].state for link in rule.links}
    if LinkState.GAP in states:
        return Status.FAIL
    return Status.UNKNOWN if LinkState.UNKNOWN in states else Status.PASS


def _level(
    category: RequestCategory,
    links: dict[Link, LinkCheck],
    known: list[CategoryCoverage],
    knowledge: ProviderKnowledge,
) -> Level | None:
    """Give the lowest level of the category's events; None where no event is known to be kept."""
    broken = any(links[link].state is LinkState.GAP for link in (Link.EXPORTED, Link.DELIVERED))
    from_policy = any(knowledge.logs[log].from_policy for log in knowledge.relevant(category))
    levels = [coverage.level for coverage in known if coverage.level is not None]
    return min(levels, default=None) if from_policy and not broken else None


def _kept(known: list[CategoryCoverage]) -> tuple[Stage, ...]:
    """Give the stages that every API server keeps."""
    return tuple(stage for stage in _STAGES if known and all(stage in coverage.stages_kept for coverage in known))


def _omitted(known: list[CategoryCoverage]) -> tuple[Stage, ...]:
    """Give the stages that some API server omits."""
    return tuple(stage for stage in _STAGES if any(stage in coverage.stages_omitted for coverage in known))


def _lacks(at_least: Grade, links: dict[Link, LinkCheck], known: list[CategoryCoverage], rule: RuleSettings) -> str:
    """Say what the next grade lacks: the policy's own words first, else the first deciding link that is not ok."""
    if at_least is Grade.COMPLETE:
        return ""
    following = Grade(at_least + 1)
    lowest = min(known, key=lambda coverage: coverage.grade, default=None)
    if lowest is not None and lowest.grade <= at_least and lowest.lacks.get(following):
        return lowest.lacks[following]
    return next((links[link].reason for link in rule.links if links[link].state is not LinkState.OK), "")
