"""The custom role is enough, and each of its actions is needed."""

from __future__ import annotations

import json

import pytest

from providers.aks import PROVIDER
from tests.emulators.azure import AzureEmulator, Role
from tests.unit.providers.aks.conftest import Collect, Collection

PLAIN: list[str] = json.loads(PROVIDER.permissions())["Actions"]
WITH_QUERIES: list[str] = json.loads(PROVIDER.permissions("observe"))["Actions"]
TABLES = "Microsoft.OperationalInsights/workspaces/query/"


@pytest.fixture
def place(emulator: AzureEmulator) -> str:
    """Give a subscription with everything in it that takes a permission to read, but for a partner's resource."""
    azure = emulator.azure
    found = azure.subscription()
    rule = azure.resource(found, "Microsoft.Insights/dataCollectionRules", "trim", properties={})
    workspace = azure.workspace(found, defaultDataCollectionRuleResourceId=rule)
    storage = azure.resource(found, "Microsoft.Storage/storageAccounts", "archive", properties={})
    hubs = azure.resource(found, "Microsoft.EventHub/namespaces", "siem", properties={})
    cluster = azure.cluster(found, "prod")
    azure.setting(cluster, "@audit", "kube-audit", workspaceId=workspace, storageAccountId=storage)
    azure.setting(cluster, "guard", name="siem", eventHubAuthorizationRuleId=f"{hubs}/authorizationRules/root")
    azure.connected(found, "edge")
    return found


def missed(found: Collection) -> set[str]:
    """Give the permissions that something was not read for want of, or the notes that tell of it."""
    of_clusters = {one.permission for cluster in found.clusters.values() for one in cluster.unread}
    return of_clusters | {one.permission for one in found.failures} | {note.split(":")[0] for note in found.notes}


async def test_the_role_is_enough(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    emulator.azure.roles[:] = [Role("/", tuple(WITH_QUERIES))]
    for scope in ({"subscription": place}, {"subscriptions": [place]}, {"management_group": "root"}, {"tenant": True}):
        found = await collect(**scope, rule={"observe": True})
        assert sorted(found.clusters) == ["edge", "prod"]
        assert missed(found) == set()
    emulator.azure.roles[:] = [Role("/", tuple(PLAIN))]
    assert missed(await collect(subscription=place)) == set()


@pytest.mark.parametrize(
    "action", [one for one in WITH_QUERIES if not one.startswith(TABLES) or one.endswith("query/read")]
)
async def test_each_action_is_needed(emulator: AzureEmulator, collect: Collect, place: str, action: str) -> None:
    """Those that only one way of reading takes are missed that way."""
    azure = emulator.azure
    azure.roles[:] = [Role("/", tuple(one for one in WITH_QUERIES if one != action))]
    one_by_one = missed(await collect(subscription=place, rule={"observe": True}))
    together = missed(await collect(subscriptions=[place], rule={"observe": True}))
    assert one_by_one | together
