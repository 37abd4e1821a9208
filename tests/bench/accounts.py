"""20 AWS accounts of 40 clusters over HTTPS, 40 ms a call: the product against a boto3 script with 32 threads.

Both assume a role in each account and make the same calls. The script makes a Session for each account, which is how
boto3's documentation has it for threads.
"""

from __future__ import annotations

from typing import Final

from tests.bench.aws_fake import certificates, fake
from tests.bench.fake_http import LATENCY
from tests.bench.measure import median, run

ACCOUNTS: Final = 20
CLUSTERS: Final = 40
ROUNDS: Final = 3
MOST_CPU: Final = 0.2
MOST_WALL: Final = 0.34


def main() -> bool:
    """Run both in turn, print their figures, and say whether the targets are met."""
    with certificates() as folder, fake(tls=folder, clusters=str(CLUSTERS)) as (environment, _):
        pairs = [
            (run("tests.bench.plain_accounts", environment), run("tests.bench.product_accounts", environment))
            for _ in range(ROUNDS)
        ]
    print(
        f"accounts: {ACCOUNTS} AWS accounts of {CLUSTERS} clusters over HTTPS, {LATENCY * 1000:.0f} ms a call, "
        f"median of {ROUNDS} runs"
    )
    plain, product = (median([pair[side] for pair in pairs]) for side in (0, 1))
    for name, figures in (("plain boto3, 32 threads", plain), ("product", product)):
        print(f"  {name:24} {figures.wall:6.2f} s wall {figures.cpu:6.2f} s CPU {figures.peak:5.0f} MiB peak")
    wall, cpu = product.wall / plain.wall, product.cpu / plain.cpu
    print(f"  ratio{'':20}{wall:6.2f}        {cpu:6.2f}        (at most {MOST_WALL} and {MOST_CPU})")
    complete = plain.clusters == product.clusters == ACCOUNTS * CLUSTERS
    return complete and wall <= MOST_WALL and cpu <= MOST_CPU
