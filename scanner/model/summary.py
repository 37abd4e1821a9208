"""What a scan comes to: counts, the order of things, one sentence; shared by reports and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from scanner.model.observation import CollectionFailure, LinkState
from scanner.model.result import AccountResult, AccountStatus, ClusterResult, ScanResult, Status


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

    `left_out` counts the clusters that the configuration leaves out.
    """

    clusters: Mapping[Status, int]
    accounts: Mapping[Status, int]
    completeness: Mapping[AccountStatus, int]
    gap_links: int
    unknown_links: int
    failures: int
    permissions_missing: tuple[MissingPermission, ...]
    left_out: int = 0

    @property
    def total_clusters(self) -> int:
        """How many clusters the report holds."""
        return sum(self.clusters.values())

    @property
    def total_accounts(self) -> int:
        """How many accounts the report holds."""
        return sum(self.accounts.values())


def summarise(result: ScanResult) -> Summary:
    """Count what a scan found."""
    clusters = Counter(cluster.status for account in result.accounts for cluster in account.clusters)
    accounts = Counter(account.status for account in result.accounts)
    completeness = Counter(account.completeness for account in result.accounts)
    links = Counter(
        check.state
        for account in result.accounts
        for cluster in account.clusters
        for finding in cluster.findings
        for check in finding.links.values()
    )
    return Summary(
        clusters={status: clusters[status] for status in Status},
        accounts={status: accounts[status] for status in Status},
        completeness={status: completeness[status] for status in AccountStatus},
        gap_links=links[LinkState.GAP],
        unknown_links=links[LinkState.UNKNOWN],
        failures=sum(len(account.failures) for account in result.accounts),
        permissions_missing=permissions_missing(result),
        left_out=sum(note.left_out for account in result.accounts for note in account.notes),
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


def permissions_missing(result: ScanResult) -> tuple[MissingPermission, ...]:
    """Gather the permissions that were missing over the whole run, by provider and name."""
    accounts: dict[tuple[str, str], set[str]] = {}
    clusters: Counter[tuple[str, str]] = Counter()
    for account in result.accounts:
        needed = {(account.provider, failure.permission) for failure in account.failures if failure.permission}
        for cluster in account.clusters:
            of_cluster = {(account.provider, permission) for permission in cluster_permissions(cluster)}
            clusters.update(of_cluster)
            needed |= of_cluster
        for key in needed:
            accounts.setdefault(key, set()).add(account.name)
    return tuple(
        MissingPermission(
            permission, provider, tuple(sorted(accounts[provider, permission])), clusters[provider, permission]
        )
        for provider, permission in sorted(accounts)
    )


def cluster_permissions(cluster: ClusterResult) -> frozenset[str]:
    """Give the permissions for want of which something about a cluster could not be read."""
    of_links = {check.permission for finding in cluster.findings for check in finding.links.values()}
    return frozenset({*of_links, *cluster.permissions_missing} - {""})


def ordered_accounts(result: ScanResult) -> list[AccountResult]:
    """Give the accounts by name, then provider."""
    return sorted(result.accounts, key=lambda account: (account.name, account.provider))


def ordered_clusters(account: AccountResult) -> list[ClusterResult]:
    """Give an account's clusters by location, name and id."""
    return sorted(account.clusters, key=lambda cluster: (cluster.ref.location, cluster.ref.name, cluster.ref.id))


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
