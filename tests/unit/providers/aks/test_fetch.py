"""The adapter, untouched, against an emulated Azure over TLS: what it reads, in which order, and how often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from providers.aks import AksProvider
from scanner.assessment import assess
from scanner.model import ClusterObservation, LinkState, RuleSettings, ScanSettings, Status
from scanner.ports import AccountOptions, CollectContext
from tests.emulators.azure import AzureEmulator, Fault
from tests.emulators.azure.state import CONNECTED, MANAGED
from tests.unit.providers.aks.builders import NOW, channel
from tests.unit.providers.aks.conftest import Collect

SETTINGS = "Microsoft.Insights/diagnosticSettings"


def fill(emulator: AzureEmulator, subscriptions: int = 1, clusters: int = 3) -> list[str]:
    """Make subscriptions with clusters that pass, and one that Arc connects; gives the subscriptions."""
    azure = emulator.azure
    ids = [azure.subscription(number) for number in range(1, subscriptions + 1)]
    workspace = azure.workspace(ids[0])
    for place in ids:
        for number in range(clusters):
            found = azure.cluster(place, f"c{number}")
            azure.setting(found, "kube-audit", "guard", workspaceId=workspace, logAnalyticsDestinationType="Dedicated")
        azure.connected(place, "edge")
    return ids


def status(cluster: ClusterObservation) -> Status:
    return assess(cluster, RuleSettings()).status


async def test_one_subscription_is_listed(emulator: AzureEmulator, collect: Collect) -> None:
    [place] = fill(emulator)
    found = await collect(subscription=place)
    assert (found.failures, found.notes, found.account_ids) == ([], [], [place])
    assert sorted(found.clusters) == ["c0", "c1", "c2", "edge"]
    assert status(found.clusters["c0"]) is Status.PASS
    assert status(found.clusters["edge"]) is Status.UNKNOWN
    assert found.clusters["c0"].ref.account_id == place
    assert found.clusters["c0"].parameters["identity"].startswith("application aaaabbbb-0000-cccc-1111-dddd2222eeee")
    assert found.waits[0] == f"{place}: azure.identity"
    assert f"subscription {place}: Microsoft.ContainerService/managedClusters/read" in found.waits


@pytest.mark.parametrize("page_size", [1, 2, 100])
async def test_lists_and_resource_graph_agree(emulator: AzureEmulator, collect: Collect, page_size: int) -> None:
    [place] = fill(emulator, clusters=5)
    emulator.azure.cluster(place, "old", powerState=..., aadProfile=..., disableLocalAccounts=..., enableRBAC=...)
    emulator.azure.connected(place, "local", "ProvisionedCluster")
    emulator.azure.page_size = page_size
    listed = await collect(subscription=place)
    queried = await collect(subscriptions=[place])

    def plain(clusters: dict[str, ClusterObservation]) -> dict[str, Any]:
        """Give all that was concluded, without the name of the call that it was read with."""
        kinds = ("Microsoft.ContainerService/managedClusters/read", "Microsoft.Kubernetes/connectedClusters/read")
        text = {name: repr(one) for name, one in sorted(clusters.items())}
        for kind in kinds:
            text = {name: one.replace(kind, "Microsoft.ResourceGraph/resources/read") for name, one in text.items()}
        return text

    assert listed.failures == queried.failures == []
    assert len(listed.clusters) == 8
    assert plain(listed.clusters) == plain(queried.clusters)


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        ({"management_group": "root"}, "management group root"),
        ({"tenant": True}, "tenant 72f988bf-0000-41af-91ab-2d7cd011db47"),
    ],
)
async def test_many_subscriptions_are_found(
    emulator: AzureEmulator, collect: Collect, options: dict[str, Any], scope: str
) -> None:
    places = fill(emulator, subscriptions=3, clusters=1)
    emulator.azure.subscription(9, "closed", state="Disabled")
    emulator.azure.page_size = 2
    found = await collect(**options, exclude_subscriptions=["subscription-3"])
    assert found.account_ids == [scope]
    read = {item.ref.account_id for item in found.items if isinstance(item, ClusterObservation)}
    assert read == set(places[:2])
    assert found.failures == []
    assert found.notes == [
        "1 subscription is left out by exclude_subscriptions: subscription-3",
        "1 subscription is not active, and left out: closed (Disabled)",
    ]


async def test_a_subscription_that_is_asked_for_is_read_although_it_is_disabled(
    emulator: AzureEmulator, collect: Collect
) -> None:
    place = emulator.azure.subscription(9, "closed", state="Disabled")
    emulator.azure.cluster(place, "old")
    for options in ({"subscription": place}, {"subscriptions": [place]}):
        found = await collect(**options)
        assert found.notes == ["1 subscription is not active, and read all the same: closed (Disabled)"]
        assert any("the subscription is Disabled" in note.text for note in found.clusters["old"].notes)


async def test_clusters_can_be_chosen(emulator: AzureEmulator, collect: Collect) -> None:
    [place] = fill(emulator)
    found = await collect(subscription=place, clusters=["C*", "edge"], exclude_clusters=["c2"], arc=False)
    assert sorted(found.clusters) == ["c0", "c1"]
    assert found.notes == [f"1 of 3 clusters in subscription {place} are left out by clusters and exclude_clusters: c2"]
    [failure] = found.failures
    assert (failure.scope, failure.kind) == ("cluster edge", "not_found")
    assert f"/subscriptions/{place}/providers/{CONNECTED}" not in {path for _, path in emulator.azure.calls}


async def test_what_clusters_share_is_read_once(emulator: AzureEmulator, collect: Collect) -> None:
    places = fill(emulator, subscriptions=2, clusters=20)
    await collect(subscriptions=places)
    calls = emulator.azure.calls
    settings = {path: count for (_, path), count in calls.items() if path.endswith(SETTINGS)}
    assert len(settings) == 42
    assert set(calls.values()) == {1, 2}
    assert calls["POST", "/providers/Microsoft.ResourceGraph/resources"] == 2
    assert sum(count for (_, path), count in calls.items() if "/tables/" in path) == 2
    assert sum(calls.values()) == 42 + 2 + 2 + 3


async def test_all_accounts_share_one_pool_of_connections(emulator: AzureEmulator, collect: Collect) -> None:
    """Three accounts, two of them as another identity: no more connections than calls may be in flight."""
    places = fill(emulator, clusters=30)
    provider = AksProvider()
    secret = emulator.file("secret", "correct-horse\n")
    other: dict[str, Any] = {"credential": "client_secret", "client_secret_file": secret}
    scan = {"max_calls": 4}
    found = await asyncio.gather(
        collect(provider=provider, scan=scan, subscription=places[0]),
        collect(provider=provider, scan=scan, subscription=places[0], **other),
        collect(provider=provider, scan=scan, subscriptions=places, **other),
    )
    assert [len(one.clusters) for one in found] == [31, 31, 31]
    assert emulator.handshakes <= 4
    assert emulator.issuer.flows == ["client secret", "client secret"]


async def test_a_cluster_that_is_deleted_meanwhile_is_a_note(emulator: AzureEmulator, collect: Collect) -> None:
    [place] = fill(emulator, clusters=1)
    gone = emulator.azure.cluster(place, "gone")
    resource = emulator.azure.resources.pop(gone.lower())

    def listed(subscription: str, kind: str) -> list[dict[str, Any]]:
        return [*original(subscription, kind), *([resource] if kind == MANAGED else [])]

    original = emulator.azure.below
    emulator.azure.below = listed  # type: ignore[method-assign]
    found = await collect(subscription=place)
    assert sorted(found.clusters) == ["c0", "edge"]
    assert found.notes == [f"cluster gone in subscription {place} was deleted while the account was read"]


async def test_an_account_without_clusters_is_complete(emulator: AzureEmulator, collect: Collect) -> None:
    place = emulator.azure.subscription()
    for options in ({"subscription": place}, {"subscriptions": [place]}):
        found = await collect(**options)
        assert (found.clusters, found.failures, found.notes) == ({}, [], [])


async def test_a_subscription_that_does_not_use_aks_has_no_clusters(emulator: AzureEmulator, collect: Collect) -> None:
    place = emulator.azure.subscription()
    emulator.azure.unregistered = {(place, "Microsoft.ContainerService"), (place, "Microsoft.Kubernetes")}
    found = await collect(subscription=place)
    assert (found.clusters, found.failures) == ({}, [])
    assert found.notes == [
        f"subscription {place} has no AKS clusters: it does not use Microsoft.ContainerService",
        f"subscription {place} has no Arc-connected clusters: it does not use Microsoft.Kubernetes",
    ]


async def test_every_kind_of_destination_is_followed(emulator: AzureEmulator, collect: Collect) -> None:
    azure = emulator.azure
    place = azure.subscription()
    cluster = azure.cluster(place, "prod")
    rule = azure.resource(
        place,
        "Microsoft.Insights/dataCollectionRules",
        "trim",
        properties={"dataFlows": [{"streams": ["Microsoft-Table-AKSAudit"], "transformKql": "source | where 1 == 0"}]},
    )
    workspace = azure.workspace(place, defaultDataCollectionRuleResourceId=rule)
    storage = azure.resource(place, "Microsoft.Storage/storageAccounts", "archive", properties={})
    hubs = azure.resource(place, "Microsoft.EventHub/namespaces", "siem", properties={})
    partner = azure.resource(place, "Microsoft.Datadog/monitors", "dd", properties={})
    delete = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 20}}}
    azure.lifecycle[storage.lower()] = {"rules": [{"name": "old", "definition": {"actions": delete, "filters": {}}}]}
    azure.setting(cluster, "kube-audit", name="a", workspaceId=workspace, logAnalyticsDestinationType="Dedicated")
    azure.setting(cluster, "kube-audit", name="b", storageAccountId=storage)
    azure.setting(cluster, "kube-audit", name="c", eventHubAuthorizationRuleId=f"{hubs}/authorizationRules/root")
    azure.setting(cluster, "kube-audit", name="d", marketplacePartnerId=partner)
    azure.setting(cluster, "kube-audit", name="e", serviceBusRuleId="/subscriptions/x/rule")
    found = channel((await collect(subscription=place)).clusters["prod"], "kube-audit")
    assert found.delivered.state is LinkState.OK
    assert found.delivered.reason == (
        "diagnostic setting b sends its logs to storage account archive;"
        " diagnostic setting c sends its logs to event hub siem, whose namespace is there (the hub and its"
        " authorization rule were not read);"
        " diagnostic setting d sends its logs to partner solution dd"
    )
    assert (found.retention.at_least, found.retention.at_most) == (20, float("inf"))


async def test_a_storage_account_without_a_lifecycle_policy_keeps_blobs(
    emulator: AzureEmulator, collect: Collect
) -> None:
    azure = emulator.azure
    place = azure.subscription()
    storage = azure.resource(place, "Microsoft.Storage/storageAccounts", "archive", properties={})
    azure.setting(azure.cluster(place, "prod"), "kube-audit", storageAccountId=storage)
    found = channel((await collect(subscription=place)).clusters["prod"], "kube-audit")
    assert found.retention.at_least == float("inf")


async def test_category_groups_are_resolved_where_they_are_used(emulator: AzureEmulator, collect: Collect) -> None:
    azure = emulator.azure
    place = azure.subscription()
    workspace = azure.workspace(place)
    azure.groups = {"kube-audit": ["audit", "allLogs"], "guard": None, "kube-audit-admin": ...}
    for number in range(3):
        azure.setting(azure.cluster(place, f"c{number}"), "@audit", workspaceId=workspace)
    found = await collect(subscription=place)
    states = {one.log: one.exported.state for one in found.clusters["c1"].servers[0].channels}
    assert states == {"kube-audit": LinkState.OK, "guard": LinkState.GAP}
    assert sum(count for (_, path), count in azure.calls.items() if path.endswith("Categories")) == 1


async def test_a_deleted_workspace_and_an_empty_one(emulator: AzureEmulator, collect: Collect) -> None:
    azure = emulator.azure
    place = azure.subscription()
    for name in ("gone", "empty"):
        workspace = azure.workspace(place, name)
        cluster = azure.cluster(place, name)
        azure.setting(cluster, "kube-audit", workspaceId=workspace, logAnalyticsDestinationType="Dedicated")
    azure.delete(
        f"/subscriptions/{place}/resourceGroups/platform/providers/Microsoft.OperationalInsights/workspaces/gone"
    )
    azure.tables.clear()
    found = await collect(subscription=place)
    gone, empty = (channel(found.clusters[name], "kube-audit") for name in ("gone", "empty"))
    assert gone.delivered.state is LinkState.GAP
    assert gone.delivered.evidence[0].value.startswith(
        "Microsoft.OperationalInsights/workspaces/read finds nothing: Resour"
    )
    assert empty.delivered.state is LinkState.OK
    assert empty.retention.reason.endswith("does not exist yet: nothing was ever written to it")


async def test_records_are_looked_for_when_asked_once_for_each_workspace(
    emulator: AzureEmulator, collect: Collect
) -> None:
    [place] = fill(emulator)
    cluster = f"/subscriptions/{place}/resourcegroups/platform/providers/microsoft.containerservice/managedclusters/c0"
    emulator.azure.records["customer-logs"] = [(cluster, "kube-audit", "2026-03-01T11:30:00.1234567Z")]
    found = await collect(subscription=place, rule={"observe": True})
    seen, missing = (channel(found.clusters[name], "kube-audit").observed for name in ("c0", "c1"))
    assert seen and missing  # noqa: PT018 - for mypy
    assert (seen.state, missing.state) == (LinkState.OK, LinkState.UNKNOWN)
    assert emulator.azure.calls["POST", "/v1/workspaces/customer-logs/query"] == 1
    again = await collect(subscription=place)
    assert channel(again.clusters["c0"], "kube-audit").observed is None


async def test_collecting_stops_when_nobody_wants_more(emulator: AzureEmulator, collect: Collect) -> None:
    [place] = fill(emulator, clusters=10)
    provider = AksProvider()
    await collect(provider=provider, subscription=place)
    assert emulator.handshakes
    context = CollectContext("a", ScanSettings(), RuleSettings(), NOW, lambda _: None)
    options = provider.options.model_validate({"subscription": place, "endpoints": emulator.endpoints})
    items = provider.collect(options, context)
    await anext(items)
    await items.aclose()  # type: ignore[attr-defined]
    assert (await collect(provider=provider, subscription=place)).failures == []


async def test_options_of_another_provider_are_a_bug() -> None:
    context = CollectContext("a", ScanSettings(), RuleSettings(), NOW, lambda _: None)
    with pytest.raises(TypeError, match="expected AksOptions, not AccountOptions"):
        await anext(AksProvider().collect(AccountOptions(), context))


async def test_a_cluster_on_two_pages_is_one_cluster(emulator: AzureEmulator, collect: Collect) -> None:
    [subscription] = fill(emulator)
    emulator.azure.faults.append(Fault("again", "managedClusters"))
    found = await collect(subscription=subscription)
    names = [item.ref.name for item in found.items if isinstance(item, ClusterObservation)]
    assert len(names) == len(set(names)) == 4
    assert "its pages go round in a circle" in found.failures[0].reason
