"""Hosts built in a directory, and a scan of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from providers.self_managed import PROVIDER
from providers.self_managed.formats import formats
from scanner.model import ApiServer, ClusterObservation, RuleSettings, ScanSettings
from scanner.ports import CollectContext
from tests.unit.providers.self_managed.hosts import (
    MANIFEST,
    NOBODY,
    STARTED,
    Host,
    Options,
    Scan,
    ScanHost,
    Unprivileged,
)


@pytest.fixture
def world() -> Iterator[Path]:
    """A directory that every user may enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="audit-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def host(world: Path) -> Host:
    return Host(world / "hosts" / "cp-1")


@pytest.fixture
def unprivileged() -> Unprivileged:
    """Root may read anything, so the tests about permissions become somebody else for a moment."""

    @contextmanager
    def become_nobody() -> Iterator[None]:
        formats()  # what is imported later could not be read either
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return become_nobody


@pytest.fixture
def scan(world: Path) -> Scan:
    """Scan clusters below `world`, as the engine would."""

    async def run(*clusters: Options, observe: bool = False, base: Path | None = None) -> list[ClusterObservation]:
        options = PROVIDER.options.model_validate({"cluster": list(clusters)}, context={"base": base or world})
        rule = RuleSettings(observe=observe)
        context = CollectContext("datacenter", ScanSettings(), rule, STARTED, lambda _what: None)
        found = [item async for item in PROVIDER.collect(options, context)]
        observations = [item for item in found if isinstance(item, ClusterObservation)]
        assert len(observations) == len(found)
        return observations

    return run


@pytest.fixture
def scan_host(scan: Scan) -> ScanHost:
    """Scan the one host, and give its API server."""

    async def run(
        path: str = MANIFEST, *, observe: bool = False, **options: str | None
    ) -> tuple[ApiServer, ClusterObservation]:
        cluster = {"name": "prod", "paths": [f"hosts/*/{path}"], "root": "hosts/*", **options}
        given = {key: value for key, value in cluster.items() if value is not None}
        (observation,) = await scan(given, observe=observe)
        (server,) = observation.servers
        return server, observation

    return run
