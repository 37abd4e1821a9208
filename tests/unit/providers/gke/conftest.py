"""One emulator for each test, and the provider led to it by its environment and its configuration alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.gke import GkeProvider
from providers.gke.options import GkeOptions
from scanner.model import (
    AccountIdentity,
    AccountNote,
    ClusterObservation,
    Collected,
    CollectionFailure,
    LogChannel,
    RuleSettings,
    ScanSettings,
)
from scanner.ports import CollectContext
from tests.emulators.gcp import GcpEmulator, running

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORGANIZATION = "organizations/900"
P = "projects/payments-prod"
READS: dict[str, tuple[str, ...]] = {"ADMIN_READ": (), "DATA_READ": ()}


class Collection:
    """What a provider yielded, sorted by kind."""

    def __init__(self, items: list[Collected], waits: list[str]) -> None:
        self.waits = waits
        self.clusters = {item.ref.name: item for item in items if isinstance(item, ClusterObservation)}
        self.failures = sorted(
            (item for item in items if isinstance(item, CollectionFailure)), key=lambda item: item.scope
        )
        self.notes = sorted(item.note.text for item in items if isinstance(item, AccountNote))
        self.account_ids = [item.account_id for item in items if isinstance(item, AccountIdentity)]


Collect = Callable[..., Awaitable[Collection]]


def channel(cluster: ClusterObservation, log: str) -> LogChannel:
    """Give one log of a cluster."""
    [found] = [one for one in cluster.servers[0].channels if one.log == log]
    return found


async def main_of(collect: Collect, **more: object) -> ClusterObservation:
    """Read the project, and give its cluster."""
    found = await collect(project="payments-prod", **more)
    assert "main" in found.clusters, found.failures
    return found.clusters["main"]


@pytest.fixture(scope="session")
def emulator() -> Iterator[GcpEmulator]:
    """One server for all tests of a process: gRPC keeps the CA that it saw first."""
    with running() as found:
        yield found


@pytest.fixture
def gcp(emulator: GcpEmulator, monkeypatch: pytest.MonkeyPatch) -> GcpEmulator:
    """An empty cloud."""
    emulator.reset()
    for name in ("GOOGLE_CLOUD_PROJECT", "GCE_METADATA_HOST", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return emulator


@pytest.fixture
def project(gcp: GcpEmulator) -> GcpEmulator:
    """A project below a folder of an organisation, with one cluster and full Data Access."""
    gcp.cloud.folder("10", ORGANIZATION)
    gcp.cloud.project("payments-prod", "folders/10")
    gcp.cloud.cluster("payments-prod", "main")
    gcp.cloud.audit(P, "container.googleapis.com", **READS)
    return gcp


@pytest.fixture
def collect(gcp: GcpEmulator) -> Collect:
    async def run(
        *, scan: dict[str, Any] | None = None, rule: RuleSettings | None = None, **options: object
    ) -> Collection:
        waits: list[str] = []

        def note_wait(what: str) -> None:
            waits.append(what)

        settings = ScanSettings.model_validate({"retries": 2, "call_timeout": 5.0} | (scan or {}))
        context = CollectContext("acme", settings, rule or RuleSettings(), NOW, note_wait)
        options = {"endpoints": gcp.endpoints} | options
        items = [item async for item in GkeProvider().collect(GkeOptions.model_validate(options), context)]
        return Collection(items, waits)

    return run
