"""The demo's subscriptions are what their clusters' names say, read by the provider that the demo's command uses."""

from __future__ import annotations

import math

import pytest

from scanner.assessment import assess
from scanner.model import LinkState, RuleSettings, Status
from tests.demo.azure import populate, start
from tests.emulators.azure import AzureEmulator
from tests.unit.providers.aks.builders import channel
from tests.unit.providers.aks.conftest import Collect, Collection

PRODUCTION, PLATFORM = "00000001-3333-4444-5555-666677778888", "00000002-3333-4444-5555-666677778888"
FAIL, UNKNOWN = Status.FAIL, Status.UNKNOWN


@pytest.fixture(autouse=True)
def _subscriptions(emulator: AzureEmulator) -> None:
    populate(emulator.azure)


def others(found: Collection) -> dict[str, Status]:
    """Give the clusters that do not pass."""
    states = {name: assess(cluster, RuleSettings()).status for name, cluster in found.clusters.items()}
    return {name: status for name, status in states.items() if status is not Status.PASS}


async def test_production(collect: Collect) -> None:
    found = await collect(subscription=PRODUCTION)
    assert (found.failures, found.notes, len(found.clusters)) == ([], [], 28)
    assert others(found) == {
        "admin-and-guard": FAIL,
        "admin-only": FAIL,
        "component-logs-only": FAIL,
        "daily-cap-reached": FAIL,
        "guard-without-entra": FAIL,
        "kube-audit-only": FAIL,
        "no-destination": FAIL,
        "no-settings": FAIL,
        "records-transformed": UNKNOWN,
        "storage-behind-a-firewall": FAIL,
        "switched-off": FAIL,
        "workspace-deleted": FAIL,
    }
    kept = {name: cluster.servers[0].channels[0].retention for name, cluster in found.clusters.items()}
    assert {name: one.at_least for name, one in kept.items() if one.at_least not in (0, 90)} == {
        "basic-table": 365,
        "seven-days-in-the-table": 7,
        "seven-days-in-the-workspace": 7,
        "storage-account": math.inf,
        "storage-for-ten-days": 10,
        "two-settings": math.inf,
    }
    assert {name for name, one in kept.items() if (one.at_least, one.at_most) == (0, math.inf)} == {
        "event-hub",
        "partner",
    }


async def test_production_is_the_same_when_resource_graph_is_asked(collect: Collect) -> None:
    listed, queried = await collect(subscription=PRODUCTION), await collect(subscriptions=[PRODUCTION])
    assert queried.failures == []
    assert others(listed) == others(queried)
    assert sorted(listed.clusters) == sorted(queried.clusters)


async def test_platform(collect: Collect) -> None:
    found = await collect(management_group="platform", scan={"retries": 3})
    assert others(found) == {
        "azure-local": UNKNOWN,
        "azure-local-without-settings": FAIL,
        "categories-denied": UNKNOWN,
        "data-collection-rule-denied": UNKNOWN,
        "event-hub-denied": UNKNOWN,
        "k3s-at-the-edge": UNKNOWN,
        "partner-denied": UNKNOWN,
        "proxy-in-between": UNKNOWN,
        "rbac-off": FAIL,
        "settings-denied": UNKNOWN,
        "storage-denied": UNKNOWN,
        "workspace-denied": UNKNOWN,
    }
    missing = {name: {one.permission for one in cluster.unread} - {""} for name, cluster in found.clusters.items()}
    assert {name: permissions for name, permissions in missing.items() if permissions} == {
        "categories-denied": {"Microsoft.Insights/diagnosticSettingsCategories/read"},
        "data-collection-rule-denied": {"Microsoft.Insights/dataCollectionRules/read"},
        "event-hub-denied": {"Microsoft.EventHub/namespaces/read"},
        "lifecycle-policy-denied": {"Microsoft.Storage/storageAccounts/managementPolicies/read"},
        "partner-denied": {"Microsoft.Datadog/monitors/read"},
        "settings-denied": {"Microsoft.Insights/diagnosticSettings/read"},
        "storage-denied": {"Microsoft.Storage/storageAccounts/read"},
        "tables-denied": {"Microsoft.OperationalInsights/workspaces/tables/read"},
        "workspace-denied": {"Microsoft.OperationalInsights/workspaces/read"},
    }
    assert [one.permission for one in found.failures] == ["Microsoft.ContainerService/managedClusters/read"]
    assert len(found.notes) == 2
    assert not found.clusters["categories-denied"].notes


async def test_what_is_denied_is_unknown_where_it_counts_alone(collect: Collect) -> None:
    found = await collect(management_group="platform", scan={"retries": 3})
    for name in ("lifecycle-policy-denied", "tables-denied"):
        log = channel(found.clusters[name], "kube-audit")
        assert log.delivered.state is LinkState.OK
        assert (log.retention.at_least, log.retention.at_most) == (0, math.inf)


def test_the_environment_leads_to_loopback_only() -> None:
    with start() as environment:
        assert environment["DEMO_AZURE"].startswith("127.0.0.1:")
        assert environment["AZURE_TOKEN_CREDENTIALS"] == "EnvironmentCredential"
