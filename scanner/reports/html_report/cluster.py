"""What the page shows of one cluster: what is said more than once is said once, with all it holds for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scanner.model import (
    BlindSpot,
    CapabilityCoverage,
    ClusterRef,
    ClusterResult,
    Evidence,
    Fact,
    Finding,
    Link,
    LinkCheck,
    LinkState,
    Note,
    Remediation,
    Status,
)
from scanner.reports.html_report.labels import CAPABILITIES, CATEGORIES, LINKS, STATE_CLASSES


@dataclass(frozen=True, slots=True)
class Bead:
    """One link of a drawn chain: its state as a word and as the class that draws it."""

    state: str
    shape: str


@dataclass(frozen=True, slots=True)
class Chain:
    """One category's chain; `short` is the one line that a list has room for."""

    title: str
    short: str
    status: Status
    grade: str
    level: str
    kept: str
    omitted: str
    lacks: str
    message: str
    beads: tuple[Bead, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of one link, and of which categories it holds."""

    link: str
    bead: Bead
    categories: str
    reason: str
    permission: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """What an attacker does early that is recorded alike."""

    titles: str
    recorded: str
    level: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do; where many clusters share it, `shared` is the anchor of the one place where it stands."""

    remediation: Remediation
    shared: str


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One cluster of the list; `account` is its account's index."""

    anchor: str
    account: int
    ref: ClusterRef
    status: Status
    message: str
    chains: tuple[Chain, ...]
    statements: tuple[Statement, ...]
    recordings: tuple[Recording, ...]
    blind_spots: tuple[BlindSpot, ...]
    notes: tuple[Note, ...]
    facts: tuple[Fact, ...]
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class ClusterLine:
    """One cluster of a page that is too long to lay each of them out; `account` is its account's index."""

    anchor: str
    account: int
    ref: ClusterRef
    status: Status
    message: str


def cluster_view(cluster: ClusterResult, anchor: str, account: int, shared: Mapping[Remediation, str]) -> ClusterView:
    """Lay one cluster out."""
    return ClusterView(
        anchor=anchor,
        account=account,
        ref=cluster.ref,
        status=cluster.status,
        message=cluster.message,
        chains=tuple(_chain(finding) for finding in cluster.findings),
        statements=_statements(cluster.findings),
        recordings=_recordings(cluster.capabilities),
        blind_spots=tuple(sorted(cluster.blind_spots, key=lambda spot: not spot.grave)),
        notes=cluster.notes,
        facts=cluster.facts,
        remedies=tuple(Remedy(remedy, shared.get(remedy, "")) for remedy in cluster.remediations),
    )


def _chain(finding: Finding) -> Chain:
    grade = _grade(finding)
    return Chain(
        title=CATEGORIES[finding.category],
        short="; ".join([grade, *_troubles(finding)]),
        status=finding.status,
        grade=grade,
        level="" if finding.level is None else finding.level.label,
        kept=", ".join(finding.stages_kept),
        omitted=", ".join(finding.stages_omitted),
        lacks=finding.lacks,
        message=finding.message,
        beads=tuple(_bead(finding.links[link].state) for link in Link),
    )


def _grade(finding: Finding) -> str:
    if finding.grade is None:
        return f"{finding.at_least.label} to {finding.at_most.label}"
    return finding.grade.label


def _troubles(finding: Finding) -> Iterable[str]:
    """Name the links that are broken, then those that could not be read."""
    for state, words in ((LinkState.GAP, "gap"), (LinkState.UNKNOWN, "unknown")):
        links = [link.value for link in Link if finding.links[link].state is state]
        if links:
            yield f"{words}: {', '.join(links)}"


def _bead(state: LinkState) -> Bead:
    return Bead(state.value, STATE_CLASSES[state])


def _statements(findings: tuple[Finding, ...]) -> tuple[Statement, ...]:
    """Say each thing about a link once, in the order of the chain, with the categories it holds for."""
    said: dict[tuple[Link, LinkCheck], list[str]] = {}
    for link in Link:
        for finding in findings:
            said.setdefault((link, finding.links[link]), []).append(CATEGORIES[finding.category])
    return tuple(
        Statement(
            link=LINKS[link],
            bead=_bead(check.state),
            categories="" if len(titles) == len(findings) else ", ".join(titles),
            reason=check.reason,
            permission=check.permission,
            evidence=check.evidence,
        )
        for (link, check), titles in said.items()
    )


def _recordings(capabilities: tuple[CapabilityCoverage, ...]) -> tuple[Recording, ...]:
    """Group what is recorded alike."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for coverage in capabilities:
        level = "" if coverage.level is None else coverage.level.label
        alike.setdefault((coverage.recorded.value, level, coverage.reason), []).append(
            CAPABILITIES[coverage.capability]
        )
    return tuple(
        Recording(_listed(titles), recorded, level, reason) for (recorded, level, reason), titles in alike.items()
    )


def _listed(titles: list[str]) -> str:
    """Join titles into one phrase; only the first keeps its capital, but for abbreviations."""
    rest = [title if title.split()[0].isupper() else title[0].lower() + title[1:] for title in titles[1:]]
    return ", ".join([titles[0], *rest])
