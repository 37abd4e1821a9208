"""Judges what the calls of scans with an inventory are made for: they grow with clusters, not with accounts x regions.

A share of places with a cluster that is always the same would prove nothing, for then clusters are a share of the
places. So one of four scans has as many clusters as another in ten times the accounts, and one has four times the
clusters in as many accounts; and the fake tells of each call what it was made for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.bench import organization_shape as shape
from tests.bench.measure import Figures
from tests.bench.organization_shape import Cause

DENSER: Final = 4
"""So many times the clusters the denser organisation has."""

_ENTERING: Final = 2
"""Calls to enter an account: its role is assumed, and asked whose it is."""

MOST_A_CLUSTER: Final = 4 + _ENTERING + 1 / shape.ROWS_ON_A_PAGE
"""It is described, its log group, the group's streams and its subscriptions are; and its row is on a page."""

MOST_A_GAP: Final = 1 + _ENTERING
"""A region that the inventory does not see is listed."""

_NOT_FULL: Final = 0.02

MOST_AN_ACCOUNT: Final = 1 + 1 / shape.ACCOUNTS_ON_A_PAGE + len(shape.REGIONS) / shape.ROWS_ON_A_PAGE + _NOT_FULL
"""It is asked which regions are on, and stands on a page, as the recorder of each of its regions does; a few pages are
not full."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the scan of one organisation took, and how many calls the fake answered, by `Cause`."""

    accounts: int
    figures: Figures
    calls: dict[str, int]

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())

    @property
    def a_gap(self) -> float:
        """Calls for each region that the inventory does not see."""
        gaps = sum(not shape.is_recorded(place) for place in range(self.accounts * len(shape.REGIONS)))
        return self.calls.get(Cause.GAPS, 0) / max(gaps, 1)


def grow_with_clusters(few: Scan, many: Scan, sparse: Scan, dense: Scan) -> bool:
    """Print what the calls are made for, and say whether they grow as they may.

    Args:
        few: A small organisation.
        many: A large one, of as many clusters an account.
        sparse: A large one, of as many clusters as the small one has.
        dense: A small one of `DENSER` times the clusters.
    """
    scans = (few, many, sparse, dense)
    for scan in scans:
        causes = ", ".join(f"{cause} {scan.calls.get(cause, 0):,}" for cause in Cause)
        print(f"    {scan.accounts:6,} accounts, {scan.figures.clusters:5,} clusters: {scan.total:6,} calls: {causes}")
    aside = (Cause.GAPS, Cause.THROTTLED)
    beside = [one.total - sum(one.calls.get(cause, 0) for cause in aside) for one in (few, sparse)]
    account = (beside[1] - beside[0]) / (sparse.accounts - few.accounts)
    cluster = (dense.total - few.total) / (dense.figures.clusters - few.figures.clusters)
    nothing = sum(scan.calls.get(Cause.NOTHING, 0) for scan in scans)
    judged = (
        (f"an account more of {len(shape.REGIONS)} regions, without a cluster or a gap", account, MOST_AN_ACCOUNT),
        ("a cluster more, in as many accounts", cluster, MOST_A_CLUSTER),
        ("a region that the inventory does not see", max(scan.a_gap for scan in scans), MOST_A_GAP),
        ("regions and accounts without a cluster or a gap", nothing, 0),
    )
    for what, found, most in judged:
        print(f"  calls for {what}: {found:.2f} (at most {most:.2f})")
    return all(found <= most for _, found, most in judged)
