"""What the page shows, in its order: the scan result, grouped and worded for a reader; no markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import Final

from scanner.model import (
    AccountResult,
    AccountStatus,
    CollectionFailure,
    Link,
    Remediation,
    RuleSettings,
    ScanResult,
    Status,
)
from scanner.model.check import CHECK, Check
from scanner.model.summary import Summary, caveats, headline, ordered_accounts, ordered_failures
from scanner.reports.html_report.cluster import ClusterLine, ClusterView, cluster_view
from scanner.reports.html_report.labels import COMPLETENESS, LINKS, QUESTIONS, STATUSES
from scanner.reports.html_report.order import Place, Repeated, WorstFirst, worst_first

LAID_OUT: Final = 2_000
"""Clusters that are laid out in full, the worst first; a browser takes seconds for more. The others get a line."""

_UNREAD_SHOWN: Final = 500
_NAMES_SHOWN: Final = 200
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
    """The whole page. What there is one of for each account or cluster is made anew each time it is gone through."""

    check: Check
    summary: Summary
    headline: str
    caveats: tuple[str, ...]
    status: Status
    interrupted: str
    bar: tuple[Share, ...]
    unread: Iterable[Unread]
    more_unread: int
    actions: tuple[Action, ...]
    accounts: Iterable[AccountView]
    providers: tuple[str, ...]
    clusters: Iterable[ClusterView]
    lines: Iterable[ClusterLine]
    more_clusters: int
    shared: tuple[tuple[str, Remediation], ...]
    links: tuple[tuple[str, str, bool], ...]
    names_shown: int
    rule: RuleSettings
    run: Mapping[str, str]


def build(result: ScanResult) -> View:
    """Lay a scan result out for the page."""
    accounts = ordered_accounts(result)
    order = worst_first(accounts)
    shared = order.shared_remedies()
    summary = result.summary
    return View(
        check=CHECK,
        summary=summary,
        headline=headline(summary),
        caveats=caveats(summary, result.interrupted),
        status=result.status,
        interrupted=result.interrupted,
        bar=_bar(summary),
        unread=Repeated(partial(_unread, accounts)),
        more_unread=max(0, summary.failures - _UNREAD_SHOWN),
        actions=_actions(order, shared),
        accounts=Repeated(partial(_account_views, accounts)),
        providers=tuple(sorted({account.provider for account in accounts})),
        clusters=Repeated(partial(_clusters, order, shared)),
        lines=Repeated(partial(_lines, order)),
        more_clusters=max(0, summary.total_clusters - LAID_OUT),
        shared=tuple((anchor, remedy) for remedy, anchor in shared.items()),
        links=tuple((LINKS[link], QUESTIONS[link], link in result.rule.links) for link in Link),
        names_shown=_NAMES_SHOWN,
        rule=result.rule,
        run=_run(result),
    )


def _clusters(order: WorstFirst, shared: Mapping[Remediation, str]) -> Iterator[ClusterView]:
    """Lay out the clusters that the page has room for."""
    for number, place in enumerate(order.places[:LAID_OUT], start=1):
        yield cluster_view(order.cluster(place), f"c{number}", place.account, shared)


def _lines(order: WorstFirst) -> Iterator[ClusterLine]:
    """Give a line for each of the others."""
    for number, place in enumerate(order.places[LAID_OUT:], start=LAID_OUT + 1):
        cluster = order.cluster(place)
        yield ClusterLine(f"c{number}", place.account, cluster.ref, cluster.status, cluster.message)


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


def _unread(accounts: Sequence[AccountResult]) -> Iterator[Unread]:
    """List what could not be read, whole accounts first, as far as the page has room for it."""
    return islice(chain(_unread_of(accounts, failed=True), _unread_of(accounts, failed=False)), _UNREAD_SHOWN)


def _unread_of(accounts: Sequence[AccountResult], *, failed: bool) -> Iterator[Unread]:
    """List what could not be read of the accounts that failed, or of the others."""
    for account in accounts:
        if (account.completeness is AccountStatus.FAILED) is failed:
            for failure in ordered_failures(account):
                yield Unread(account.name, account.completeness, failure)


def _actions(order: WorstFirst, shared: Mapping[Remediation, str]) -> tuple[Action, ...]:
    """Group what is to be done over all clusters: what mends most of the worst comes first."""
    anchors = {hash(remedy): anchor for remedy, anchor in shared.items()}
    groups: dict[str, _Group] = {}
    for number, place in enumerate(order.places, start=1):
        for key, title in place.remedies:
            groups.setdefault(title, _Group(place.status)).add(f"c{number}", place, anchors.get(key, ""))
    actions = [group.action(title) for title, group in groups.items()]
    return tuple(sorted(actions, key=lambda action: (-action.status.severity, -action.clusters, action.title)))


@dataclass(slots=True)
class _Group:
    """The clusters for which one thing is to be done; `status` is the worst of theirs."""

    status: Status
    clusters: int = 0
    accounts: set[int] = field(default_factory=set)
    links: list[tuple[str, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def add(self, link: str, place: Place, anchor: str) -> None:
        """Take a cluster in; the first few are named."""
        self.clusters += 1
        self.accounts.add(place.account)
        self.anchors.add(anchor)
        if len(self.links) < _LINKS_SHOWN:
            self.links.append((link, place.name))

    def action(self, title: str) -> Action:
        """Give what the page says of them."""
        return Action(
            title=title,
            status=self.status,
            clusters=self.clusters,
            accounts=len(self.accounts),
            links=tuple(self.links),
            more=self.clusters - len(self.links),
            shared=next(iter(self.anchors)) if len(self.anchors) == 1 else "",
        )


def _account_views(accounts: Sequence[AccountResult]) -> Iterator[AccountView]:
    """Give a row for each account."""
    return (_account_view(index, account) for index, account in enumerate(accounts))


def _account_view(index: int, account: AccountResult) -> AccountView:
    counts = account.statuses
    return AccountView(
        index, account, COMPLETENESS[account.completeness], {status: counts.get(status, 0) for status in Status}
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
