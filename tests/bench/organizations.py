"""AWS organisations of 100, 1,000 and 10,000 accounts through the EKS provider, with an inventory and without one.

Each account has 17 regions, and 5 % of the account-regions have a cluster; some throttle, some deny, and some accounts
cannot be entered. ``BENCH_SIZES`` names other numbers of accounts, such as ``100,1000`` for a quick look.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Final

from tests.bench import organization_shape as shape
from tests.bench.aws_fake import fake
from tests.bench.fake_http import LATENCY
from tests.bench.measure import Figures, run
from tests.bench.organization_run import ACCOUNTS_AT_ONCE, CALLS_AT_ONCE, OPTIONS

SIZES: Final = (100, 1_000, 10_000)
MOST_MEMORY: Final = 1.2
"""Peak memory of the largest organisation, in those of the one before."""

MOST_WALL: Final = 1.5
"""Time of a scan without an inventory, in those that latency x calls / concurrency would take; from 1,000 accounts on:
before that the time until the first account is known counts."""

MOST_LISTED: Final = 1.1
"""Regions that are listed with an inventory, in those of which it says itself that it does not see all: some throttle,
and are listed twice."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run took, and which calls the fake answered."""

    accounts: int
    figures: Figures
    calls: dict[str, int]

    @property
    def wall(self) -> float:
        """The time of the scan, in those that the answers alone would take."""
        return self.figures.scanned / (LATENCY * sum(self.calls.values()) / CALLS_AT_ONCE)

    @property
    def listed(self) -> float:
        """The regions that were listed, in those of which the inventory does not see all."""
        gaps = sum(not shape.is_recorded(place) for place in range(self.accounts * len(shape.REGIONS)))
        return self.calls.get("ListClusters", 0) / max(gaps, 1)


def main() -> bool:
    """Run each, print the figures, and say whether the targets are met."""
    sizes = [int(one) for one in os.environ.get("BENCH_SIZES", "").split(",") if one] or list(SIZES)
    print(
        f"organizations: {LATENCY * 1000:.0f} ms a call, {CALLS_AT_ONCE} calls and {ACCOUNTS_AT_ONCE} accounts at once"
    )
    without = [_run(size, {}) for size in sizes]
    inventory = [_run(size, {"config_aggregator": shape.AGGREGATOR}) for size in sizes]
    for title, runs in (("every region listed", without), ("an AWS Config aggregator", inventory)):
        print(f"  {title}")
        for one in runs:
            print(_line(one))
    good = all(one.wall <= MOST_WALL for one in without if one.accounts >= SIZES[1])
    good &= all(one.listed <= MOST_LISTED for one in inventory)
    print(f"  from {SIZES[1]:,} accounts on at most {MOST_WALL} x that where every region is listed")
    most = max(one.listed for one in inventory)
    print(f"  lists for each region that the inventory does not see: {most:.2f} (at most {MOST_LISTED})")
    if len(sizes) > 1:
        for title, runs in (("without", without), ("with", inventory)):
            memory = runs[-1].figures.peak / runs[-2].figures.peak
            good &= memory <= MOST_MEMORY
            print(
                f"  memory from {sizes[-2]:,} to {sizes[-1]:,} accounts {title}: {memory:.2f} x (at most {MOST_MEMORY})"
            )
    return good


def _run(accounts: int, options: dict[str, str]) -> _Run:
    """Scan one organisation."""
    with fake("tests.bench.fake_organization", accounts=str(accounts)) as (environment, finish):
        figures = run("tests.bench.organization_run", {**environment, OPTIONS: json.dumps(options)})
        return _Run(accounts, figures, dict(finish().calls))


def _line(one: _Run) -> str:
    """Show one run."""
    figures, calls = one.figures, sum(one.calls.values())
    return (
        f"    {one.accounts:6,} accounts: {figures.clusters:5,} clusters, {calls:7,} calls"
        f" ({calls / figures.clusters:4.1f} a cluster), {figures.wall:6.1f} s (scan {figures.scanned:6.1f} s,"
        f" {one.wall:.2f} x latency x calls / concurrency), CPU {figures.cpu:5.1f} s, peak {figures.peak:5.1f} MiB"
    )
