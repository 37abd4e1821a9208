"""Where in a journal each result stands, so that none of them needs to be in memory."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.journal.read_twice import cluster_id
from scanner.journal.records import (
    AccountRecord,
    BeginRecord,
    ClusterRecord,
    EndRecord,
    PlanRecord,
    Record,
    RunRecord,
)
from scanner.model import ClusterResult, Status
from scanner.model.summary import cluster_order

NO_RECORD: Final = -1
_STATUSES: Final = tuple(Status)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which provider an account belongs to, and which shard scans it."""

    provider: str
    shard: int


@dataclass(slots=True)
class _Open:
    """The clusters so far of an account that is being scanned."""

    provider: str
    clusters: list[tuple[tuple[str, str, str, str], int, Status, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """An account that is done.

    Attributes:
        statuses: How many of its clusters have each status.
        final: False where it was not finished.
        numbers: `offset`; then where the record of each cluster begins, in the order of reports; then the `cluster_id`
            of each. One array, because of ten thousand accounts each object counts.
    """

    provider: str
    statuses: Mapping[Status, int]
    final: bool
    numbers: array[int]

    @property
    def offset(self) -> int:
        """Where the account's record begins; `NO_RECORD` where the process was killed before it wrote one."""
        return self.numbers[0]

    @property
    def clusters(self) -> range:
        """Where in `numbers` its clusters' records are."""
        return range(1, 1 + len(self.numbers) // 2)

    @property
    def ids(self) -> array[int]:
        """The `cluster_id` of each cluster."""
        return self.numbers[self.clusters.stop :]


class Index:
    """What is known of a journal's content, record by record."""

    def __init__(self) -> None:
        """Begin before the first record."""
        self.runs: list[RunRecord] = []
        self.plans: dict[str, Plan] = {}
        self.entries: dict[str, Entry] = {}
        self.end: EndRecord | None = None
        self._open: dict[str, _Open] = {}
        self._known_plans: dict[Plan, Plan] = {}
        self._known_counts: dict[tuple[int, ...], Mapping[Status, int]] = {}

    def add(self, record: Record, offset: int) -> None:
        """Take in the record that begins at `offset`."""
        if isinstance(record, ClusterRecord):
            self._add_cluster(record.account, record.cluster, offset)
        elif isinstance(record, AccountRecord):
            self._close(record, offset)
        elif isinstance(record, PlanRecord):
            plan = Plan(record.provider, record.shard)
            self.plans[record.account] = self._known_plans.setdefault(plan, plan)
        elif isinstance(record, BeginRecord):
            self.entries.pop(record.account, None)
            self._open[record.account] = _Open(record.provider)
        elif isinstance(record, RunRecord):
            self.runs.append(record)
            self.end = None
        else:
            self.end = record

    def clusters_of(self, account: str) -> int:
        """Say how many clusters an account that is being scanned has so far."""
        return len(self._open[account].clusters) if account in self._open else 0

    def close_what_is_open(self) -> None:
        """Take the accounts as they are that were being scanned when the process was killed."""
        for name, account in self._open.items():
            self.entries[name] = self._entry(account, NO_RECORD, final=False)
        self._open.clear()

    def _add_cluster(self, account: str, cluster: ClusterResult, offset: int) -> None:
        of_account = self._open.setdefault(account, _Open(cluster.ref.provider))
        of_account.clusters.append((cluster_order(cluster), offset, cluster.status, cluster_id(cluster.ref)))

    def _close(self, record: AccountRecord, offset: int) -> None:
        account = self._open.pop(record.account, _Open(record.provider))
        self.entries[record.account] = self._entry(account, offset, final=record.final)

    def _entry(self, account: _Open, offset: int, *, final: bool) -> Entry:
        """Keep of an account only numbers; equal counts are kept once."""
        clusters = sorted(account.clusters, key=lambda one: one[:2])
        counts = Counter(status for _, _, status, _ in clusters)
        key = tuple(counts[status] for status in _STATUSES)
        statuses = self._known_counts.setdefault(key, {status: counts[status] for status in _STATUSES})
        numbers = array("q", [offset, *(one[1] for one in clusters), *(one[3] for one in clusters)])
        return Entry(account.provider, statuses, final, numbers)
