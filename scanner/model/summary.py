"""What a scan comes to: counts, the order of things, one sentence; shared by reports and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanner.model.observation import CollectionFailure, FailureKind, LinkState
from scanner.model.result import AccountStatus, ClusterResult, Status
from scanner.model.spooled import Spooled

if TYPE_CHECKING:
    from scanner.model.scan import AccountResult, ScanResult


@dataclass(frozen=True, slots=True)
class MissingPermission:
    """A permission that was missing somewhere in the run.

    Attributes:
        accounts: Names of the accounts in which it was missing, in order.
        clusters: Of how many clusters something could not be read for want of it.
    """

    permission: str
    provider: str
    accounts: tuple[str, ...]
    clusters: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of one scan; each mapping holds every key, in the order of its enum.

    `left_out` counts the clusters that the configuration leaves out, `bugs` the failures that are mistakes of ours.
    """

    clusters: Mapping[Status, int]
    accounts: Mapping[Status, int]
    completeness: Mapping[AccountStatus, int]
    gap_links: int
    unknown_links: int
    failures: int
    permissions_missing: tuple[MissingPermission, ...]
    left_out: int = 0
    bugs: int = 0

    @property
    def total_clusters(self) -> int:
        """How many clusters the report holds."""
        return sum(self.clusters.values())

    @property
    def total_accounts(self) -> int:
        """How many accounts the report holds."""
        return sum(self.accounts.values())


def summarise(accounts: Iterable[AccountResult]) -> Summary:
    """Count what a scan found, going through its accounts once."""
    tally = _Tally()
    for account in accounts:
        tally.add(account)
    return tally.summary()


@dataclass(slots=True)
class _Tally:
    """The counts so far."""

    clusters: Counter[Status] = field(default_factory=Counter)
    accounts: Counter[Status] = field(default_factory=Counter)
    completeness: Counter[AccountStatus] = field(default_factory=Counter)
    links: Counter[LinkState] = field(default_factory=Counter)
    failures: Counter[FailureKind] = field(default_factory=Counter)
    left_out: int = 0
    missing_in: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    missing_for: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, account: AccountResult) -> None:
        """Count one account, reading each of its clusters once."""
        self.accounts[account.status] += 1
        self.completeness[account.completeness] += 1
        self.failures.update(failure.kind for failure in account.failures)
        self.left_out += sum(note.left_out for note in account.notes)
        needed = {failure.permission for failure in account.failures if failure.permission}
        for cluster in account.clusters:
            self.clusters[cluster.status] += 1
            self.links.update(check.state for finding in cluster.findings for check in finding.links.values())
            of_cluster = cluster_permissions(cluster)
            self.missing_for.update((account.provider, permission) for permission in of_cluster)
            needed |= of_cluster
        for permission in needed:
            self.missing_in.setdefault((account.provider, permission), set()).add(account.name)

    def summary(self) -> Summary:
        """Give the counts."""
        return Summary(
            clusters={status: self.clusters[status] for status in Status},
            accounts={status: self.accounts[status] for status in Status},
            completeness={status: self.completeness[status] for status in AccountStatus},
            gap_links=self.links[LinkState.GAP],
            unknown_links=self.links[LinkState.UNKNOWN],
            failures=self.failures.total(),
            permissions_missing=self._permissions_missing(),
            left_out=self.left_out,
            bugs=self.failures[FailureKind.BUG],
        )

    def _permissions_missing(self) -> tuple[MissingPermission, ...]:
        """Gather the permissions that were missing over the whole run, by provider and name."""
        return tuple(
            MissingPermission(permission, provider, tuple(sorted(names)), self.missing_for[provider, permission])
            for (provider, permission), names in sorted(self.missing_in.items())
        )


def verdict(summary: Summary, interrupted: str = "") -> str:
    """Say in a few sentences what the scan comes to; never better than what was read."""
    return " ".join([headline(summary), *caveats(summary, interrupted)])


def headline(summary: Summary) -> str:
    """Say in how many clusters the audit log would show a break-in."""
    total, failed = summary.total_clusters, summary.clusters[Status.FAIL]
    unknown = summary.clusters[Status.UNKNOWN]
    if not total and summary.left_out and not summary.failures:
        return f"No cluster was scanned: the configuration leaves out {_count(summary.left_out, 'cluster')}."
    if not total:
        return "No cluster was read." if summary.failures else "No Kubernetes cluster was found."
    if failed:
        return f"In {_of(failed, total)} the audit log would not show a break-in."
    if unknown:
        open_question = "it could not be told whether the audit log would show a break-in"
        return f"No gap was seen, but for {_of(unknown, total)} {open_question}."
    return f"In {_of(total, total)} the audit log would show a break-in."


def caveats(summary: Summary, interrupted: str = "") -> tuple[str, ...]:
    """Say what the headline leaves open: clusters, accounts, an early end."""
    unknown = summary.clusters[Status.UNKNOWN] if summary.clusters[Status.FAIL] else 0
    failed = summary.completeness[AccountStatus.FAILED]
    partial = summary.completeness[AccountStatus.PARTIAL]
    sentences = (
        f"For {unknown:,} more it could not be told." if unknown else "",
        f"{_count(failed, 'account')} could not be read." if failed else "",
        f"{_count(partial, 'account')} could be read only in part." if partial else "",
        "The scan ended early." if interrupted else "",
    )
    return tuple(sentence for sentence in sentences if sentence)


def cluster_permissions(cluster: ClusterResult) -> frozenset[str]:
    """Give the permissions for want of which something about a cluster could not be read."""
    of_links = {check.permission for finding in cluster.findings for check in finding.links.values()}
    return frozenset({*of_links, *cluster.permissions_missing} - {""})


def ordered_accounts(result: ScanResult) -> Sequence[AccountResult]:
    """Give the accounts by name, then provider."""
    accounts = result.accounts
    return accounts if isinstance(accounts, Spooled) else sorted(accounts, key=lambda one: (one.name, one.provider))


def ordered_clusters(account: AccountResult) -> Sequence[ClusterResult]:
    """Give an account's clusters by location, name and id."""
    clusters = account.clusters
    return clusters if isinstance(clusters, Spooled) else sorted(clusters, key=cluster_order)


def cluster_order(cluster: ClusterResult) -> tuple[str, str, str, str]:
    """Give what an account's clusters are ordered by in reports: project or subscription, location, name and id."""
    return cluster.ref.account_id, cluster.ref.location, cluster.ref.name, cluster.ref.id


def ordered_failures(account: AccountResult) -> list[CollectionFailure]:
    """Give an account's failures by scope, operation and reason; they happen in any order."""
    return sorted(
        account.failures, key=lambda failure: (failure.scope, failure.operation, failure.reason, failure.kind)
    )


def _of(part: int, total: int) -> str:
    """Word a share of the clusters."""
    if total == 1:
        return "the one cluster"
    return f"all {total:,} clusters" if part == total else f"{part:,} of {total:,} clusters"


def _count(number: int, noun: str) -> str:
    """Word a number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
