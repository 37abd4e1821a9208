"""Everything that the demo scans beside files, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.demo import aws, live


@contextmanager
def start() -> Iterator[dict[str, str]]:
    """Run all emulators, and give the environment that leads a scan to them."""
    with aws.start() as cloud, live.start() as cluster:
        yield cloud | cluster
