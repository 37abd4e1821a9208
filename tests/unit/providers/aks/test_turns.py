"""Calls of an account wait within its limits where Azure throttles, and those that others wait for do not."""

from __future__ import annotations

import asyncio

from providers.aks import AksProvider
from providers.aks.options import AksOptions
from scanner.engine.limits import AccountLimits, Windows
from scanner.engine.places import Place
from scanner.model import RuleSettings, ScanSettings
from scanner.ports import CollectContext
from tests.emulators.azure import AzureEmulator, Fault
from tests.unit.providers.aks.builders import NOW
from tests.unit.providers.aks.conftest import Collection


class Accounts:
    """Reads accounts as the engine does: one provider, limits that they share, so many places."""

    def __init__(self, emulator: AzureEmulator, retries: int = 3, places: int = 1) -> None:
        self.finished: list[str] = []
        self.windows = Windows(ScanSettings(retries=retries, max_calls=8))
        self._emulator = emulator
        self._places = asyncio.Semaphore(places)
        self._provider = AksProvider()

    async def read(self, subscription: str) -> Collection:
        place = Place(self._places)
        await place.take()
        limits = AccountLimits(self.windows, place, lambda _: None)
        context = CollectContext(subscription, self.windows.scan, RuleSettings(), NOW, lambda _: None, limits)
        options = AksOptions.model_validate({"subscription": subscription, "endpoints": self._emulator.endpoints})
        found = Collection([item async for item in self._provider.collect(options, context)], [])
        place.end()
        self.finished.append(subscription)
        return found


def two(emulator: AzureEmulator) -> tuple[str, str]:
    """Make two subscriptions with a cluster each, that send to one workspace."""
    azure = emulator.azure
    one, other = azure.subscription(1), azure.subscription(2)
    workspace = azure.workspace(one)
    for subscription in (one, other):
        azure.setting(azure.cluster(subscription, "main"), "kube-audit", "guard", workspaceId=workspace)
    return one, other


async def test_an_account_whose_calls_are_throttled_lends_its_place(emulator: AzureEmulator) -> None:
    """There is one place, and Azure throttles the first subscription until the second is read."""
    one, other = two(emulator)
    throttled = Fault("status", f"/subscriptions/{one}/providers", status=429, headers={"Retry-After": "1"})
    emulator.azure.faults.append(throttled)
    accounts = Accounts(emulator, retries=20)
    first = asyncio.create_task(accounts.read(one))
    await asyncio.sleep(0)  # it has the place
    assert sorted((await accounts.read(other)).clusters) == ["main"]
    emulator.azure.faults.clear()
    found = await first
    assert accounts.finished == [other, one]
    assert (sorted(found.clusters), found.failures) == (["main"], [])
    assert accounts.windows.get(f"azure:{one}").size < accounts.windows.scan.max_calls
    assert accounts.windows.get(f"azure:{other}").size == accounts.windows.scan.max_calls


async def test_throttling_past_the_last_retry_is_told(emulator: AzureEmulator) -> None:
    one, other = two(emulator)
    emulator.azure.faults.append(
        Fault("status", f"/subscriptions/{one}/providers/Microsoft.ContainerService", status=429)
    )
    accounts = Accounts(emulator, retries=1)
    found = await accounts.read(one)
    assert {failure.kind.name for failure in found.failures} == {"THROTTLED"}
    assert "was still throttled after 2 attempts" in found.failures[0].reason
    assert sorted((await accounts.read(other)).clusters) == ["main"]


async def test_what_accounts_share_is_read_outside_of_their_limits(emulator: AzureEmulator) -> None:
    """Both wait for the workspace, whichever of them asked: a turn of the one would need the place of the other."""
    one, other = two(emulator)
    emulator.azure.faults.append(Fault("status", "/workspaces/logs/", 2, 429, headers={"Retry-After": "0"}))
    accounts = Accounts(emulator, places=2)
    read = await asyncio.gather(accounts.read(one), accounts.read(other))
    assert [cluster.unread for found in read for cluster in found.clusters.values()] == [(), ()]
    assert len(accounts.windows) == 0
