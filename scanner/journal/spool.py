"""Reading results back from journals, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import overload

from scanner.journal.index import NO_RECORD, Entry
from scanner.journal.lines import Lines
from scanner.journal.records import AccountRecord, ClusterRecord
from scanner.model import AccountResult, ClusterResult, CollectionFailure, FailureKind, Spooled, SpooledClusters, Status


class KeptClusters(SpooledClusters):
    """The clusters of one account, in a journal."""

    def __init__(self, lines: Lines, entry: Entry) -> None:
        """Read them where the entry says."""
        self._lines = lines
        self._entry = entry

    @property
    def statuses(self) -> Mapping[Status, int]:
        """How many there are of each status."""
        return self._entry.statuses

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entry.clusters)

    @overload
    def __getitem__(self, index: int) -> ClusterResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ClusterResult]: ...
    def __getitem__(self, index: int | slice) -> ClusterResult | Sequence[ClusterResult]:
        """Read one, or several."""
        if isinstance(index, slice):
            return tuple(self[one] for one in range(*index.indices(len(self))))
        return self._lines.at(self._entry.numbers[self._entry.clusters[index]], ClusterRecord).cluster


class KeptAccounts(Spooled[AccountResult]):
    """Accounts by name, each made when it is asked for."""

    def __init__(self, names: Sequence[str], make: Callable[[str], AccountResult]) -> None:
        """Give the accounts of these names, in this order, as `make` reads them."""
        self._names = names
        self._make = make

    def __len__(self) -> int:
        """How many there are."""
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> AccountResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[AccountResult]: ...
    def __getitem__(self, index: int | slice) -> AccountResult | Sequence[AccountResult]:
        """Read one, or several."""
        if isinstance(index, slice):
            return tuple(map(self._make, self._names[index]))
        return self._make(self._names[index])


def kept_account(lines: Lines, name: str, entry: Entry) -> AccountResult:
    """Read an account, its clusters left where they are."""
    if entry.offset == NO_RECORD:
        return AccountResult(name, entry.provider, "", KeptClusters(lines, entry), (_killed(entry),), (), 0.0)
    record = lines.at(entry.offset, AccountRecord)
    return AccountResult(
        name=name,
        provider=record.provider,
        account_id=record.account_id,
        clusters=KeptClusters(lines, entry),
        failures=record.failures,
        notes=record.notes,
        seconds=record.seconds,
    )


def _killed(entry: Entry) -> CollectionFailure:
    """Say that the process was killed while it read the account."""
    return CollectionFailure(
        kind=FailureKind.INTERRUPTED,
        scope="the rest of the account" if entry.clusters else "account",
        operation="scan",
        reason="not finished: the process was killed",
        hint="go on with --resume",
        whole_account=not entry.clusters,
    )
