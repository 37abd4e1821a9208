"""AWS organisations of 100, 1,000 and 10,000 accounts through the EKS provider, with an inventory and without one.

Each account has 17 regions, and 5 % of the account-regions have a cluster; some throttle, some deny, and some accounts
cannot be entered. ``BENCH_SIZES`` names other numbers of accounts, such as ``100,1000`` for a quick look. With the
inventory there are also scans of other shares of clusters (`tests.bench.organization_calls`).
"""

from __future__ import annotations

import json
import os
from typing import Final

from tests.bench import organization_shape as shape
from tests.bench.aws_fake import fake
from tests.bench.fake_http import LATENCY
from tests.bench.measure import run
from tests.bench.organization_calls import DENSER, Scan, grow_with_clusters
from tests.bench.organization_run import ACCOUNTS_AT_ONCE, CALLS_AT_ONCE, OPTIONS

SIZES: Final = (100, 1_000, 10_000)
MOST_MEMORY: Final = 1.2
"""Peak memory of the largest organisation, in those of the one before."""

MOST_WALL: Final = 1.5
"""Time of a scan without an inventory, in those that latency x calls / concurrency would take; from 1,000 accounts on:
before that the time until the first account is known counts."""

_INVENTORY: Final = {"config_aggregator": shape.AGGREGATOR}


def main() -> bool:
    """Run each, print the figures, and say whether the targets are met."""
    sizes = [int(one) for one in os.environ.get("BENCH_SIZES", "").split(",") if one] or list(SIZES)
    print(
        f"organizations: {LATENCY * 1000:.0f} ms a call, {CALLS_AT_ONCE} calls and {ACCOUNTS_AT_ONCE} accounts at once"
    )
    without = [_run(size, {}) for size in sizes]
    inventory = [_run(size, _INVENTORY) for size in sizes]
    for title, runs in (("every region listed", without), ("an AWS Config aggregator", inventory)):
        print(f"  {title}")
        for one in runs:
            print(_line(one))
    good = all(_wall(one) <= MOST_WALL for one in without if one.accounts >= SIZES[1])
    print(f"  from {SIZES[1]:,} accounts on at most {MOST_WALL} x that where every region is listed")
    if len(sizes) > 1:
        for title, runs in (("without", without), ("with", inventory)):
            memory = runs[-1].figures.peak / runs[-2].figures.peak
            good &= memory <= MOST_MEMORY
            print(
                f"  memory from {sizes[-2]:,} to {sizes[-1]:,} accounts {title}: {memory:.3f} x (at most {MOST_MEMORY})"
            )
        good &= _calls_grow_with_clusters(*inventory[-2:])
    return good


def _calls_grow_with_clusters(few: Scan, many: Scan) -> bool:
    """Scan organisations of other shares of clusters as well, and say whether calls grow with the clusters."""
    print("  what the calls are for with an AWS Config aggregator")
    sparse = _run(many.accounts, _INVENTORY, shape.CLUSTER_IN * many.accounts // few.accounts)
    dense = _run(few.accounts, _INVENTORY, shape.CLUSTER_IN // DENSER)
    return grow_with_clusters(few, many, sparse, dense)


def _run(accounts: int, options: dict[str, str], cluster_in: int = shape.CLUSTER_IN) -> Scan:
    """Scan one organisation."""
    shaped = {"accounts": str(accounts), "cluster_in": str(cluster_in)}
    with fake("tests.bench.fake_organization", **shaped) as (environment, finish):
        figures = run("tests.bench.organization_run", {**environment, OPTIONS: json.dumps(options)})
        return Scan(accounts, figures, dict(finish().calls))


def _wall(one: Scan) -> float:
    """Give the time of a scan, in those that the answers alone would take."""
    return one.figures.scanned / (LATENCY * one.total / CALLS_AT_ONCE)


def _line(one: Scan) -> str:
    """Show one run."""
    figures, calls = one.figures, one.total
    return (
        f"    {one.accounts:6,} accounts: {figures.clusters:5,} clusters, {calls:7,} calls"
        f" ({calls / figures.clusters:4.1f} a cluster), {figures.wall:6.1f} s (scan {figures.scanned:6.1f} s,"
        f" {_wall(one):.2f} x latency x calls / concurrency), CPU {figures.cpu:5.1f} s, peak {figures.peak:5.1f} MiB"
    )
