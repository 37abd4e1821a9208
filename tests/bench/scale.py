"""What an organisation of 100, 1,000 and 10,000 accounts costs the engine, the journal and the reports."""

from __future__ import annotations

from typing import Final

from tests.bench.engine_run import ACCOUNTS, CALLS_AT_ONCE
from tests.bench.measure import Figures, run
from tests.bench.organization import LATENCY

SIZES: Final = (100, 1_000, 10_000)
MOST_MEMORY: Final = 1.2
"""Peak memory of the largest organisation, in those of the one before."""

MOST_WALL: Final = 1.5
"""Time of the scan, in those that latency x calls / concurrency would take."""


def main() -> bool:
    """Run each, print the figures, and say whether the targets are met."""
    figures = {size: run("tests.bench.engine_run", {ACCOUNTS: str(size)}) for size in SIZES}
    for size, one in figures.items():
        print(
            f"scale: {size:6,} accounts: {one.clusters:5,} clusters, {one.calls:7,} calls, {one.wall:6.1f} s "
            f"(scan {one.scanned:5.1f} s, {_wall(one):.2f} x latency x calls / concurrency), CPU {one.cpu:5.1f} s, "
            f"peak {one.peak:5.1f} MiB"
        )
    memory = figures[SIZES[-1]].peak / figures[SIZES[-2]].peak
    print(f"scale: memory from {SIZES[-2]:,} to {SIZES[-1]:,} accounts: {memory:.2f} x (at most {MOST_MEMORY})")
    return memory <= MOST_MEMORY and all(_wall(figures[size]) <= MOST_WALL for size in SIZES[1:])


def _wall(figures: Figures) -> float:
    """Compare the time of the scan with what the answers alone would take."""
    return figures.scanned / (LATENCY * figures.calls / CALLS_AT_ONCE)
