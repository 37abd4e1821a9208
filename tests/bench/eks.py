"""800 clusters in 4 regions at 40 ms a call: the product against a plain 32-thread boto3 script, in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Final

from tests.bench.fake_eks import CLUSTERS, LATENCY, REGIONS
from tests.bench.measure import Figures, run

ROUNDS: Final = 3
MOST: Final = 1.5
MOST_MEMORY: Final = 150


def main() -> bool:
    """Run both in turn, print their figures, and say whether the targets are met."""
    began = time.perf_counter()
    with _fake() as (environment, finish):
        pairs = [
            (run("tests.bench.plain_boto3", environment), run("tests.bench.product", environment))
            for _ in range(ROUNDS)
        ]
        server_cpu = finish()
    elapsed = time.perf_counter() - began
    print(
        f"eks: {CLUSTERS} clusters in {len(REGIONS)} regions, {LATENCY * 1000:.0f} ms a call, median of {ROUNDS} runs"
    )
    plain, product = (_median([pair[side] for pair in pairs]) for side in (0, 1))
    for name, figures in (("plain boto3, 32 threads", plain), ("product", product)):
        print(f"  {name:24} {figures.wall:6.2f} s wall {figures.cpu:6.2f} s CPU {figures.peak:5.0f} MiB peak")
    wall, cpu = product.wall / plain.wall, product.cpu / plain.cpu
    print(f"  ratio{'':20}{wall:6.2f}        {cpu:6.2f}        (at most {MOST}; peak below {MOST_MEMORY} MiB)")
    print(f"  the fake used {server_cpu / elapsed:.0%} of one core while they ran: it is no bottleneck below 50%")
    complete = plain.clusters == product.clusters == CLUSTERS
    return complete and wall <= MOST and cpu <= MOST and product.peak < MOST_MEMORY


def _median(runs: list[Figures]) -> Figures:
    """Give the median of each figure; the clusters must be the same in all runs."""
    [clusters] = {figures.clusters for figures in runs}
    return Figures(
        statistics.median(figures.wall for figures in runs),
        statistics.median(figures.cpu for figures in runs),
        max(figures.peak for figures in runs),
        clusters,
    )


@contextmanager
def _fake() -> Iterator[tuple[dict[str, str], Callable[[], float]]]:
    """Run the fake in a process of its own; yield the environment that leads boto3 to it, and what ends it.

    Ending it gives the CPU seconds that it took.
    """
    arguments = [sys.executable, "-m", "tests.bench.fake_eks"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own module
        if server.stdin is None or server.stdout is None:
            raise SystemExit("the fake has no pipes")
        port, answers = server.stdout.readline().strip(), server.stdout
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

        def finish(pipe: IO[str] = server.stdin) -> float:
            pipe.close()
            return float(answers.readline())

        yield environment, finish
