"""The order of the page, "worst first" over all accounts, found without holding the clusters themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from scanner.model import AccountResult, ClusterResult, Remediation, Status

T = TypeVar("T")


class Repeated(Generic[T]):
    """What an iterator gives, made anew each time it is gone through."""

    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        """Go through what `make` gives."""
        self._make = make

    def __iter__(self) -> Iterator[T]:
        """Begin anew."""
        return self._make()


class Place(NamedTuple):
    """Where a cluster stands: its account's index, its position within it, and what is needed of it before it is shown.

    `remedies` holds a hash, by which equal texts are found, and the title of each.
    """

    status: Status
    account: int
    position: int
    name: str
    remedies: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class WorstFirst:
    """All clusters in the order of the page."""

    accounts: Sequence[AccountResult]
    places: tuple[Place, ...]

    def cluster(self, place: Place) -> ClusterResult:
        """Get the cluster that stands at a place."""
        return self.accounts[place.account].clusters[place.position]

    def shared_remedies(self) -> dict[Remediation, str]:
        """Name the texts that more than one cluster has, so that each is in the page once; the most shared first."""
        uses: Counter[int] = Counter()
        first: dict[int, Place] = {}
        for place in self.places:
            for key, _ in place.remedies:
                uses[key] += 1
                first.setdefault(key, place)
        often = [key for key, count in uses.most_common() if count > 1]
        return {self._remedy(first[key], key): f"r{number}" for number, key in enumerate(often, start=1)}

    def _remedy(self, place: Place, key: int) -> Remediation:
        """Get the text of a hash from a cluster that has it."""
        return next(remedy for remedy in self.cluster(place).remediations if hash(remedy) == key)


def worst_first(accounts: Sequence[AccountResult]) -> WorstFirst:
    """Order all clusters: the worst first, then by account, location, name and id."""
    titles: dict[str, str] = {}
    found = []
    for number, account in enumerate(accounts):
        for position, cluster in enumerate(account.clusters):
            remedies = tuple((hash(one), titles.setdefault(one.title, one.title)) for one in cluster.remediations)
            place = Place(cluster.status, number, position, cluster.ref.name, remedies)
            found.append(((-cluster.status.severity, number, *_within(cluster)), place))
    found.sort(key=lambda pair: pair[0])
    return WorstFirst(accounts, tuple(place for _, place in found))


def _within(cluster: ClusterResult) -> tuple[str, str, str]:
    """Give what orders the clusters of one account."""
    return cluster.ref.location, cluster.ref.name, cluster.ref.id
