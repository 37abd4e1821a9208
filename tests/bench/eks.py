"""800 clusters in 4 regions at 40 ms a call: the product against a plain 32-thread boto3 script, in the same run."""

from __future__ import annotations

import time
from typing import Final

from tests.bench.aws_fake import fake
from tests.bench.fake_eks import CLUSTERS, REGIONS
from tests.bench.fake_http import LATENCY
from tests.bench.measure import median, run

ROUNDS: Final = 3
MOST: Final = 1.5
MOST_MEMORY: Final = 150


def main() -> bool:
    """Run both in turn, print their figures, and say whether the targets are met."""
    began = time.perf_counter()
    with fake() as (environment, finish):
        pairs = [
            (run("tests.bench.plain_boto3", environment), run("tests.bench.product", environment))
            for _ in range(ROUNDS)
        ]
        server_cpu = finish().cpu
    elapsed = time.perf_counter() - began
    print(
        f"eks: {CLUSTERS} clusters in {len(REGIONS)} regions, {LATENCY * 1000:.0f} ms a call, median of {ROUNDS} runs"
    )
    plain, product = (median([pair[side] for pair in pairs]) for side in (0, 1))
    for name, figures in (("plain boto3, 32 threads", plain), ("product", product)):
        print(f"  {name:24} {figures.wall:6.2f} s wall {figures.cpu:6.2f} s CPU {figures.peak:5.0f} MiB peak")
    wall, cpu = product.wall / plain.wall, product.cpu / plain.cpu
    print(f"  ratio{'':20}{wall:6.2f}        {cpu:6.2f}        (at most {MOST}; peak below {MOST_MEMORY} MiB)")
    print(f"  the fake used {server_cpu / elapsed:.0%} of one core while they ran: it is no bottleneck below 50%")
    complete = plain.clusters == product.clusters == CLUSTERS
    return complete and wall <= MOST and cpu <= MOST and product.peak < MOST_MEMORY
