"""Everything that the demo scans beside files, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.demo import aws, azure, gcp, live


@contextmanager
def start() -> Iterator[dict[str, str]]:
    """Run all emulators, and give the environment that leads a scan to them."""
    with aws.start() as to_aws, azure.start() as to_azure, gcp.start() as to_gcp, live.start() as to_cluster:
        yield to_aws | to_azure | to_gcp | to_cluster
