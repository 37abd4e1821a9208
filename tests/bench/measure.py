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
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took: seconds, CPU seconds, mebibytes at the peak, and how many clusters it read.

    Where a run tells of them: how many calls it made, and how many of the seconds went by until all was scanned.
    """

    wall: float
    cpu: float
    peak: float
    clusters: int
    calls: int = 0
    scanned: float = 0.0


def report(began: float, clusters: int, *, calls: int = 0, scanned: float = 0.0) -> None:
    """Print this process's figures for `run` to read; `began` is from ``time.perf_counter``."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": _peak(usage.ru_maxrss),
        "clusters": clusters,
        "calls": calls,
        "scanned": scanned,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _peak(resident: int) -> float:
    """Give the peak of this program alone; the kernel's usual figure begins with that of whoever started it."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return resident / 1024
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


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


def told(
    title: str,
    plain: Figures,
    product: Figures,
    *,
    kind: str,
    number: int,
    most_cpu: float,
    usual_cpu: float,
    most_peak: int,
) -> bool:
    """Print the figures of a plain script and of the product, and say whether the product keeps the targets.

    Milliseconds of CPU time differ twofold between machines, and on one by what else its host does. So the product's
    are also given for the machine that the target is meant for, by what the plain script takes on either, and count.

    Args:
        title: What the plain script is.
        plain: Its figures.
        product: Those of the product.
        kind: What the CPU time is divided by, in words.
        number: How many of them there are.
        most_cpu: The most milliseconds of CPU time that one may take, on the machine that is meant.
        usual_cpu: The milliseconds that the plain script takes for one there.
        most_peak: Mebibytes that the peak must stay below.
    """
    for name, figures in ((title, plain), ("product", product)):
        print(
            f"  {name:28} {figures.wall:6.2f} s wall {figures.cpu:6.2f} s CPU {figures.peak:5.0f} MiB peak"
            f" {figures.cpu / number * 1000:6.2f} ms CPU a {kind}"
        )
    print(
        f"  ratio{'':24}{product.wall / plain.wall:6.2f}        {product.cpu / plain.cpu:6.2f}"
        f"        (at most {most_cpu} ms a {kind}; peak below {most_peak} MiB)"
    )
    scaled = product.cpu / plain.cpu * usual_cpu
    print(
        f"  {scaled:.2f} ms a {kind} where the plain script takes {usual_cpu} ms, which the target is meant for;"
        f" this machine takes {plain.cpu / number * 1000 / usual_cpu:.2f} times as long"
    )
    return scaled <= most_cpu and product.peak < most_peak
