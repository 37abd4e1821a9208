"""Measures one run in a process of its own, so that no run warms up another."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took: seconds, CPU seconds, mebibytes at the peak, and how many clusters it read."""

    wall: float
    cpu: float
    peak: float
    clusters: int


def report(began: float, clusters: int) -> None:
    """Print this process's figures for `run` to read; `began` is from ``time.perf_counter``."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 1024,
        "clusters": clusters,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def run(module: str, environment: dict[str, str]) -> Figures:
    """Run a module that ends with `report`, and give its figures."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", module],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Figures(**json.loads(done.stdout))


def median(runs: list[Figures]) -> Figures:
    """Give the median of each figure, and the highest peak; the clusters must be the same in all runs."""
    [clusters] = {figures.clusters for figures in runs}
    return Figures(
        statistics.median(figures.wall for figures in runs),
        statistics.median(figures.cpu for figures in runs),
        max(figures.peak for figures in runs),
        clusters,
    )
