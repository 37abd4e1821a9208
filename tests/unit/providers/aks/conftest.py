"""One emulator for each test, and the provider led to it by its environment and configuration alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from providers.aks import AksProvider
from providers.aks.options import AksOptions
from scanner.model import (
    AccountIdentity,
    AccountNote,
    ClusterObservation,
    Collected,
    CollectionFailure,
    RuleSettings,
    ScanSettings,
)
from scanner.ports import CollectContext
from tests.emulators.azure import AzureEmulator, running
from tests.unit.providers.aks.builders import NOW


class Collection:
    """What a provider yielded, sorted by kind."""

    def __init__(self, items: list[Collected], waits: list[str]) -> None:
        self.items = items
        self.waits = waits
        self.clusters = {item.ref.name: item for item in items if isinstance(item, ClusterObservation)}
        self.failures = sorted(
            (item for item in items if isinstance(item, CollectionFailure)), key=lambda item: item.scope
        )
        self.notes = sorted(item.note.text for item in items if isinstance(item, AccountNote))
        self.account_ids = [item.account_id for item in items if isinstance(item, AccountIdentity)]


Collect = Callable[..., Awaitable[Collection]]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureEmulator]:
    with running() as found:
        for name in ("AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "prod")
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def collect(emulator: AzureEmulator) -> Collect:
    async def run(
        *,
        provider: AksProvider | None = None,
        scan: dict[str, Any] | None = None,
        rule: dict[str, Any] | None = None,
        **options: object,
    ) -> Collection:
        waits: list[str] = []

        def note_wait(what: str) -> None:
            waits.append(what)

        context = CollectContext(
            account="production",
            scan=ScanSettings(**{"retries": 0, "call_timeout": 30.0, **(scan or {})}),
            rule=RuleSettings(**(rule or {})),
            started=NOW,
            waits=note_wait,
        )
        merged = AksOptions.model_validate({"endpoints": emulator.endpoints, **options})
        found = (provider or AksProvider()).collect(merged, context)
        return Collection([item async for item in found], waits)

    return run
