"""What the page shows, in its order: the scan result, grouped and worded for a reader; no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scanner.model import (
    AccountResult,
    AccountStatus,
    ClusterResult,
    CollectionFailure,
    Link,
    Remediation,
    RuleSettings,
    ScanResult,
    Status,
)
from scanner.model.check import CHECK, Check
from scanner.model.summary import Summary, caveats, headline, ordered_accounts, ordered_failures, summarise
from scanner.reports.html_report.cluster import ClusterView, cluster_view
from scanner.reports.html_report.labels import COMPLETENESS, LINKS, QUESTIONS, STATUSES

_LINKS_SHOWN: Final = 6
_BAR_ORDER: Final = (Status.FAIL, Status.UNKNOWN, Status.PASS)


@dataclass(frozen=True, slots=True)
class Share:
    """One status in the bar: how many clusters, and where its piece lies from 0 to 1000."""

    status: Status
    word: str
    count: int
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of an account that could not be read."""

    account: str
    completeness: AccountStatus
    failure: CollectionFailure


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and for which clusters.

    Attributes:
        links: The first few of them, as anchor and name.
        more: How many there are beside those.
        shared: The anchor of the text they share; empty where each cluster has its own.
    """

    title: str
    status: Status
    clusters: int
    accounts: int
    links: tuple[tuple[str, str], ...]
    more: int
    shared: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """One row of the table of accounts; `index` is what the clusters name it by."""

    index: int
    account: AccountResult
    completeness: str
    counts: Mapping[Status, int]


@dataclass(frozen=True, slots=True)
class View:
    """The whole page."""

    check: Check
    summary: Summary
    headline: str
    caveats: tuple[str, ...]
    status: Status
    interrupted: str
    bar: tuple[Share, ...]
    unread: tuple[Unread, ...]
    actions: tuple[Action, ...]
    accounts: tuple[AccountView, ...]
    providers: tuple[str, ...]
    clusters: tuple[ClusterView, ...]
    shared: tuple[tuple[str, Remediation], ...]
    links: tuple[tuple[str, str, bool], ...]
    rule: RuleSettings
    run: Mapping[str, str]


def build(result: ScanResult) -> View:
    """Lay a scan result out for the page."""
    accounts = ordered_accounts(result)
    in_order = _worst_first(accounts)
    shared = _shared_remedies([cluster for _, cluster in in_order])
    clusters = tuple(
        cluster_view(cluster, f"c{number}", index, shared) for number, (index, cluster) in enumerate(in_order, start=1)
    )
    summary = summarise(result)
    return View(
        check=CHECK,
        summary=summary,
        headline=headline(summary),
        caveats=caveats(summary, result.interrupted),
        status=result.status,
        interrupted=result.interrupted,
        bar=_bar(summary),
        unread=_unread(accounts),
        actions=_actions(in_order, shared),
        accounts=tuple(_account_view(index, account) for index, account in enumerate(accounts)),
        providers=tuple(sorted({account.provider for account in accounts})),
        clusters=clusters,
        shared=tuple((anchor, remedy) for remedy, anchor in shared.items()),
        links=tuple((LINKS[link], QUESTIONS[link], link in result.rule.links) for link in Link),
        rule=result.rule,
        run=_run(result),
    )


def _worst_first(accounts: list[AccountResult]) -> list[tuple[int, ClusterResult]]:
    """Give all clusters with their account's index: the worst first, then by account, location, name and id."""
    pairs = [(index, cluster) for index, account in enumerate(accounts) for cluster in account.clusters]
    return sorted(
        pairs,
        key=lambda pair: (
            -pair[1].status.severity,
            pair[0],
            pair[1].ref.location,
            pair[1].ref.name,
            pair[1].ref.id,
        ),
    )


def _shared_remedies(clusters: list[ClusterResult]) -> dict[Remediation, str]:
    """Name the texts that more than one cluster has, so that each stands in the page once; the most shared first."""
    uses = Counter(remedy for cluster in clusters for remedy in cluster.remediations)
    often = [remedy for remedy, count in uses.most_common() if count > 1]
    return {remedy: f"r{number}" for number, remedy in enumerate(often, start=1)}


def _bar(summary: Summary) -> tuple[Share, ...]:
    """Divide the bar; a status that occurs is never too thin to see."""
    counts = {status: summary.clusters[status] for status in _BAR_ORDER}
    total = sum(counts.values())
    shares: list[Share] = []
    start = 0
    for status, count in counts.items():
        width = max(8, round(1000 * count / total)) if count else 0
        shares.append(Share(status, STATUSES[status], count, start, width))
        start += width
    return tuple(shares)


def _unread(accounts: list[AccountResult]) -> tuple[Unread, ...]:
    """List what could not be read, whole accounts first."""
    unread = [
        Unread(account.name, account.completeness, failure)
        for account in accounts
        for failure in ordered_failures(account)
    ]
    return tuple(sorted(unread, key=lambda one: one.completeness is not AccountStatus.FAILED))


def _actions(in_order: list[tuple[int, ClusterResult]], shared: Mapping[Remediation, str]) -> tuple[Action, ...]:
    """Group what is to be done over all clusters: what mends most of the worst comes first."""
    groups: dict[str, list[tuple[str, int, ClusterResult]]] = {}
    anchors: dict[str, set[str]] = {}
    for number, (index, cluster) in enumerate(in_order, start=1):
        for remedy in cluster.remediations:
            groups.setdefault(remedy.title, []).append((f"c{number}", index, cluster))
            anchors.setdefault(remedy.title, set()).add(shared.get(remedy, ""))
    actions = [_action(title, members, anchors[title]) for title, members in groups.items()]
    return tuple(sorted(actions, key=lambda action: (-action.status.severity, -action.clusters, action.title)))


def _action(title: str, members: list[tuple[str, int, ClusterResult]], anchors: set[str]) -> Action:
    return Action(
        title=title,
        status=members[0][2].status,
        clusters=len(members),
        accounts=len({index for _, index, _ in members}),
        links=tuple((anchor, cluster.ref.name) for anchor, _, cluster in members[:_LINKS_SHOWN]),
        more=max(0, len(members) - _LINKS_SHOWN),
        shared=anchors.pop() if len(anchors) == 1 else "",
    )


def _account_view(index: int, account: AccountResult) -> AccountView:
    counts = Counter(cluster.status for cluster in account.clusters)
    return AccountView(
        index, account, COMPLETENESS[account.completeness], {status: counts[status] for status in Status}
    )


def _run(result: ScanResult) -> dict[str, str]:
    return {
        "version": result.tool_version,
        "started": _time(result.started),
        "finished": _time(result.finished),
        "seconds": f"{(result.finished - result.started).total_seconds():,.1f}",
        "digest": result.config_digest,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
