"""One emulator for each test, and the provider led to it by its environment alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.eks import EksProvider
from providers.eks.options import EksOptions
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
from tests.emulators.aws import AwsEmulator, role_arn, running

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
REGION = "eu-west-1"


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


SHARED = EksProvider()
"""Its boto3 session serves most tests, as it serves most accounts; those about credentials take one of their own."""

Collect = Callable[..., Awaitable[Collection]]


def channel(cluster: ClusterObservation, log: str) -> LogChannel:
    """Give one log of a cluster."""
    [found] = [one for one in cluster.servers[0].channels if one.log == log]
    return found


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsEmulator]:
    with running() as emulator:
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        emulator.add_regions(ACCOUNT, REGION)
        yield emulator


@pytest.fixture
def collect() -> Collect:
    async def run(
        provider: EksProvider = SHARED,
        *,
        scan: dict[str, Any] | None = None,
        rule: dict[str, Any] | None = None,
        **options: object,
    ) -> Collection:
        waits: list[str] = []

        def note_wait(what: str) -> None:
            waits.append(what)

        context = CollectContext(
            account="production",
            scan=ScanSettings(**{"retries": 0, "call_timeout": 5.0, **(scan or {})}),
            rule=RuleSettings(**(rule or {})),
            started=NOW,
            waits=note_wait,
        )
        merged = EksOptions.model_validate({"role_arn": role_arn(ACCOUNT), **options})
        return Collection([item async for item in provider.collect(merged, context)], waits)

    return run
