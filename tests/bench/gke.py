"""1000 Google Cloud projects with 5 clusters each: the product against a plain script with the same clients.

Both walk the folders of an organisation, list the clusters of each project, and read the IAM policies, sinks and log
buckets that their audit logs depend on, over TLS. Both read the policy of a folder once, however many projects are
below it; the script judges nothing, and does not ask for the sinks of folders.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.bench.gcp_shape import CLUSTERS, LATENCY, PROJECTS
from tests.bench.measure import median, run, told

ROUNDS: Final = 3
MOST_CPU_MS: Final = 2.5
USUAL_CPU_MS: Final = 2.0
"""Of the plain script, on two otherwise idle cores of an AMD EPYC: 1.92 to 2.13 (November 2026, constraints.txt)."""
MOST_MEMORY: Final = 200


def main() -> bool:
    """Run both in turn, print their figures, and say whether the targets are met."""
    with _fake() as environment:
        pairs = [
            (run("tests.bench.plain_gke", environment), run("tests.bench.product_gke", environment))
            for _ in range(ROUNDS)
        ]
    print(f"gke: {PROJECTS} projects of {CLUSTERS} clusters, {LATENCY * 1000:.0f} ms a call, median of {ROUNDS} runs")
    plain, product = (median([pair[side] for pair in pairs]) for side in (0, 1))
    is_kept = told(
        "plain script, same clients",
        plain,
        product,
        kind="project",
        number=PROJECTS,
        most_cpu=MOST_CPU_MS,
        usual_cpu=USUAL_CPU_MS,
        most_peak=MOST_MEMORY,
    )
    return is_kept and plain.clusters == product.clusters == PROJECTS * CLUSTERS


@contextmanager
def _fake() -> Iterator[dict[str, str]]:
    """Run the fake in a process of its own, and give the environment that leads Google's clients to it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(folder / "server.key")
        (folder / "server.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        (folder / "credentials.json").write_text(_service_account())
        arguments = [sys.executable, "-m", "tests.bench.fake_gcp", name]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own module
            if server.stdin is None or server.stdout is None:
                raise SystemExit("the fake has no pipes")
            port, rest = server.stdout.readline().split()
            yield {
                "BENCH_GRPC": f"127.0.0.1:{port}",
                "BENCH_REST": f"127.0.0.1:{rest}",
                "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "credentials.json"),
                "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(folder / "ca.pem"),
                "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
                "NO_GCE_CHECK": "true",
                # Google's library asks its own host beside, whatever the endpoints, where credentials may be used.
                "HTTPS_PROXY": "http://127.0.0.1:9",
                "NO_PROXY": "127.0.0.1",
            }
            server.stdin.close()


def _service_account() -> str:
    """Make a service account's file, whose key signs the tokens that a client sends."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "type": "service_account",
        "project_id": "bench",
        "private_key_id": "1",
        "private_key": private,
        "client_email": "reader@bench.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://127.0.0.1:1/token",
    }
    return json.dumps(account)
