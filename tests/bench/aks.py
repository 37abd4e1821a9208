"""2000 AKS clusters in 20 subscriptions: the product against a plain script with the same SDK, in the same run.

Both find all clusters, read the diagnostic settings of each, and the workspaces, tables and storage accounts that they
name, over TLS. The script lists each subscription with the SDK's typed models; the product asks Resource Graph.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trustme

from tests.bench.fake_azure import CLUSTERS, LATENCY, SUBSCRIPTIONS
from tests.bench.measure import median, run, told

ROUNDS: Final = 3
MOST_CPU_MS: Final = 2.0
USUAL_CPU_MS: Final = 1.04
"""Of the plain script, on two otherwise idle cores of an AMD EPYC (November 2026, constraints.txt)."""
MOST_MEMORY: Final = 200


def main() -> bool:
    """Run both in turn, print their figures, and say whether the targets are met."""
    with _fake() as environment:
        pairs = [
            (run("tests.bench.plain_azure", environment), run("tests.bench.product_aks", environment))
            for _ in range(ROUNDS)
        ]
    head = f"aks: {CLUSTERS} clusters in {SUBSCRIPTIONS} subscriptions, {LATENCY * 1000:.0f} ms a call"
    print(f"{head}, median of {ROUNDS} runs")
    plain, product = (median([pair[side] for pair in pairs]) for side in (0, 1))
    is_kept = told(
        "plain script, same SDK",
        plain,
        product,
        kind="cluster",
        number=CLUSTERS,
        most_cpu=MOST_CPU_MS,
        usual_cpu=USUAL_CPU_MS,
        most_peak=MOST_MEMORY,
    )
    return is_kept and plain.clusters == product.clusters == CLUSTERS


@contextmanager
def _fake() -> Iterator[dict[str, str]]:
    """Run the fake in a process of its own, and give the environment that leads Azure's clients to it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        arguments = [sys.executable, "-m", "tests.bench.fake_azure", name]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own module
            if server.stdin is None or server.stdout is None:
                raise SystemExit("the fake has no pipes")
            yield {
                "BENCH_HOST": f"127.0.0.1:{server.stdout.readline().strip()}",
                "SSL_CERT_FILE": str(folder / "ca.pem"),
                "AZURE_TENANT_ID": "bench",
                "AZURE_CLIENT_ID": "bench",
                "AZURE_CLIENT_SECRET": "bench",
                "AZURE_TOKEN_CREDENTIALS": "prod",
            }
            server.stdin.close()
