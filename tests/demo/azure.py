"""The demo's Azure: two subscriptions with clusters in every state that matters, three without, and an organisation.

Each cluster is named after what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.emulators.azure import Azure, AzureEmulator, Fault, running

_IN_AUDIT: Final = ("kube-audit", "kube-audit-admin", "guard")
_BOTH: Final = ("kube-audit", "guard")
_NO_ENTRA: Final = {"aadProfile": ..., "disableLocalAccounts": ...}
_STORAGE: Final = "Microsoft.Storage/storageAccounts"
_EVENT_HUBS: Final = "Microsoft.EventHub/namespaces"
_DATADOG: Final = "Microsoft.Datadog/monitors"
_RULES: Final = "Microsoft.Insights/dataCollectionRules"
_WORKSPACES: Final = "Microsoft.OperationalInsights/workspaces"


@contextmanager
def start() -> Iterator[dict[str, str]]:
    """Run the emulated subscriptions, and give the environment that leads a scan of the demo's file to them."""
    with running() as azure:
        populate(azure.azure)
        yield environment(azure)


def environment(azure: AzureEmulator) -> dict[str, str]:
    """Give what leads a scan to the emulator; credentials are looked for in this environment only."""
    return azure.environment | {"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential", "DEMO_AZURE": azure.endpoint}


def populate(azure: Azure) -> None:
    """Make the subscriptions: one that is listed by itself, two management groups, and one that is out of reach."""
    azure.page_size = 10  # so that lists and queries have several pages
    azure.groups = {name: ["audit", "allLogs"] for name in _IN_AUDIT} | {"kube-scheduler": None, "kube-apiserver": ...}
    production = _Subscription(azure, azure.subscription(1, "production", group="production"))
    _exported(production)
    _into_workspaces(production)
    _into_other_destinations(production)
    platform = _Subscription(azure, azure.subscription(2, "platform", group="platform"))
    _states(platform)
    _denied(platform)
    _hard_to_read(platform)
    _connected_by_arc(platform)
    hidden = azure.subscription(3, "hidden", group="platform")
    azure.cluster(hidden, "never-listed")
    azure.deny("Microsoft.ContainerService/managedClusters/read", f"/subscriptions/{hidden}")
    azure.subscription(4, "closed", state="Disabled", group="platform")
    azure.deny("*", f"/subscriptions/{azure.subscription(5, 'forbidden', group='forbidden')}")
    _organisation(azure)


def _organisation(azure: Azure) -> None:
    """Make a management group whose subscriptions become accounts: two with clusters, which share a workspace."""
    logs, shop, bank = (
        azure.subscription(number, name, group="corp") for number, name in ((11, "logs"), (12, "shop"), (13, "bank"))
    )
    azure.subscription(14, "closed-last-year", state="Disabled", group="corp")
    azure.subscription(15, "sandbox-1", group="corp")
    shared: dict[str, Any] = {
        "workspaceId": azure.workspace(logs, "central"),
        "logAnalyticsDestinationType": "Dedicated",
    }
    azure.setting(azure.cluster(shop, "storefront"), *_BOTH, **shared)
    azure.setting(azure.cluster(bank, "payments"), "kube-audit", **shared)
    new = azure.cluster(bank, "newer-than-the-graph")
    azure.setting(new, *_BOTH, **shared)
    azure.graph_lacks.add(new.lower())


def _exported(production: _Subscription) -> None:
    """Make the clusters that differ in what is exported."""
    production.add("all-logs", "@allLogs")
    production.add("audit-group", "@audit")
    production.add("kube-audit-and-guard", *_BOTH)
    production.add("kube-audit-only", "kube-audit")
    production.add("kube-audit-without-entra", "kube-audit", cluster=_NO_ENTRA)
    production.add("guard-without-entra", "guard", cluster=_NO_ENTRA)
    production.add("admin-only", "kube-audit-admin")
    production.add("admin-and-guard", "kube-audit-admin", "guard")
    production.add("paid-for-twice", *_BOTH, "kube-audit-admin")
    production.add("component-logs-only", "kube-apiserver", "kube-scheduler", "kube-controller-manager")
    production.add("switched-off", "-kube-audit", "-guard", "-@allLogs")
    production.azure.cluster(production.id, "no-settings")


def _into_workspaces(production: _Subscription) -> None:
    """Make the clusters whose workspaces differ."""
    azure = production.azure
    production.add("shared-table", *_BOTH, logAnalyticsDestinationType=None)
    azure.table(production.add_with_workspace("basic-table"), "AKSAudit", "Basic", 30, 365)
    azure.table(production.add_with_workspace("seven-days-in-the-table"), "AKSAudit", "Analytics", 7, 7)
    production.add_with_workspace("seven-days-in-the-workspace", days=7)
    azure.delete(production.add_with_workspace("workspace-deleted"))
    azure.delete(production.add_with_workspace("one-of-two-deleted"))
    production.set("one-of-two-deleted", *_BOTH, name="again")
    production.add_with_workspace("daily-cap", workspaceCapping=_capping("RespectQuota"))
    production.add_with_workspace("daily-cap-reached", workspaceCapping=_capping("OverQuota"))
    flow = {"streams": ["Microsoft-Table-AKSAudit"], "transformKql": "source | where User !startswith 'system:'"}
    rule = azure.resource(production.id, _RULES, "trim", properties={"dataFlows": [flow]})
    production.add_with_workspace("records-transformed", defaultDataCollectionRuleResourceId=rule)


def _into_other_destinations(production: _Subscription) -> None:
    """Make the clusters whose logs go elsewhere, too, or nowhere."""
    azure = production.azure
    archive = azure.resource(production.id, _STORAGE, "archive", properties={})
    ten = azure.resource(production.id, _STORAGE, "tendays", properties={})
    delete = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 10}}}
    definition = {"actions": delete, "filters": {"blobTypes": ["appendBlob"], "prefixMatch": ["insights-logs-"]}}
    azure.lifecycle[ten.lower()] = {"rules": [{"name": "old", "enabled": True, "definition": definition}]}
    closed = {"networkAcls": {"defaultAction": "Deny", "bypass": "None"}}
    shut = azure.resource(production.id, _STORAGE, "shut", properties=closed)
    siem = azure.resource(production.id, _EVENT_HUBS, "siem", properties={})
    partner = azure.resource(production.id, _DATADOG, "datadog", properties={})
    production.add("no-destination", *_BOTH, workspaceId=None)
    production.add("storage-account", *_BOTH, workspaceId=None, storageAccountId=archive)
    production.add("storage-for-ten-days", *_BOTH, workspaceId=None, storageAccountId=ten)
    production.add("storage-behind-a-firewall", *_BOTH, workspaceId=None, storageAccountId=shut)
    hub: dict[str, Any] = {"eventHubAuthorizationRuleId": f"{siem}/authorizationRules/send", "eventHubName": "audit"}
    production.add("event-hub", *_BOTH, workspaceId=None, **hub)
    production.add("partner", *_BOTH, workspaceId=None, marketplacePartnerId=partner)
    production.add("two-settings", "guard")
    production.set("two-settings", "kube-audit", name="archive", workspaceId=None, storageAccountId=archive)


def _states(platform: _Subscription) -> None:
    """Make the clusters that differ in themselves."""
    platform.add("stopped", *_BOTH, cluster={"powerState": {"code": "Stopped"}})
    platform.add("failed", *_BOTH, cluster={"provisioningState": "Failed"})
    platform.add("upgrading", *_BOTH, cluster={"provisioningState": "Upgrading"})
    platform.add("rbac-off", *_BOTH, cluster={**_NO_ENTRA, "enableRBAC": False})
    platform.add("local-accounts", *_BOTH, cluster={"disableLocalAccounts": False})
    platform.add("private", *_BOTH, cluster={"apiServerAccessProfile": {"enablePrivateCluster": True}})


def _denied(platform: _Subscription) -> None:
    """Make the clusters of which something may not be read: one for each permission."""
    azure = platform.azure
    azure.deny("Microsoft.Insights/diagnosticSettings/read", platform.add("settings-denied", *_BOTH))
    # Categories are read once for each region, so that this cluster needs one of its own.
    categories = platform.add("categories-denied", "@audit")
    azure.resources[categories.lower()]["location"] = "northeurope"
    azure.deny("Microsoft.Insights/diagnosticSettingsCategories/read", categories)
    azure.deny(f"{_WORKSPACES}/read", platform.add_with_workspace("workspace-denied"))
    azure.deny(f"{_WORKSPACES}/tables/read", platform.add_with_workspace("tables-denied"))
    rule = azure.resource(platform.id, _RULES, "secret", properties={})
    azure.deny(f"{_RULES}/read", rule)
    platform.add_with_workspace("data-collection-rule-denied", defaultDataCollectionRuleResourceId=rule)
    storage, policy = (azure.resource(platform.id, _STORAGE, name, properties={}) for name in ("vault", "ruled"))
    azure.deny(f"{_STORAGE}/read", storage)
    azure.deny(f"{_STORAGE}/managementPolicies/read", policy)
    platform.add("storage-denied", *_BOTH, workspaceId=None, storageAccountId=storage)
    platform.add("lifecycle-policy-denied", *_BOTH, workspaceId=None, storageAccountId=policy)
    hub = azure.resource(platform.id, _EVENT_HUBS, "hubs", properties={})
    azure.deny(f"{_EVENT_HUBS}/read", hub)
    send = f"{hub}/authorizationRules/send"
    platform.add("event-hub-denied", *_BOTH, workspaceId=None, eventHubAuthorizationRuleId=send)
    partner = azure.resource(platform.id, _DATADOG, "datadog", properties={})
    azure.deny(f"{_DATADOG}/read", partner)
    platform.add("partner-denied", *_BOTH, workspaceId=None, marketplacePartnerId=partner)


def _hard_to_read(platform: _Subscription) -> None:
    """Make the clusters that are throttled, deleted while Resource Graph still lists them, or answered for in part."""
    faults = {
        "throttled": Fault("status", "", 2, 429, "TooManyRequests", {"Retry-After": "1"}),
        "deleted-meanwhile": Fault("status", "", status=404, code="ResourceNotFound"),
        "proxy-in-between": Fault("body", "", status=200, body="<html><title>Sign in to the proxy</title></html>"),
    }
    for name, fault in faults.items():
        platform.add(name, *_BOTH)
        fault.path = f"/{name}/providers/Microsoft.Insights/diagnosticSettings"
        platform.azure.faults.append(fault)


def _connected_by_arc(platform: _Subscription) -> None:
    """Make the clusters that run elsewhere."""
    azure = platform.azure
    azure.connected(platform.id, "k3s-at-the-edge")
    azure.connected(platform.id, "azure-local-without-settings", "ProvisionedCluster")
    local = azure.connected(platform.id, "azure-local", "ProvisionedCluster")
    azure.setting(local, *_BOTH, workspaceId=platform.workspace, logAnalyticsDestinationType="Dedicated")


def _capping(status: str) -> dict[str, object]:
    """Give the daily cap of a workspace."""
    return {"dailyQuotaGb": 5.0, "dataIngestionStatus": status}


class _Subscription:
    """One subscription, with a workspace that all its clusters send to unless told otherwise."""

    def __init__(self, azure: Azure, subscription: str) -> None:
        """Make the workspace."""
        self.azure = azure
        self.id = subscription
        self.workspace = azure.workspace(subscription, f"logs-of-{azure.subscriptions[subscription]['displayName']}")
        self._clusters: dict[str, str] = {}

    def add(self, name: str, *logs: str, cluster: dict[str, Any] | None = None, **setting: Any) -> str:  # noqa: ANN401 - JSON
        """Add a cluster with a diagnostic setting; gives the cluster's id."""
        self._clusters[name] = self.azure.cluster(self.id, name, **(cluster or {}))
        self.set(name, *logs, **setting)
        return self._clusters[name]

    def set(self, cluster: str, *logs: str, name: str = "audit", **properties: object) -> None:
        """Add a diagnostic setting to a cluster."""
        shared: dict[str, Any] = {"workspaceId": self.workspace, "logAnalyticsDestinationType": "Dedicated"}
        self.azure.setting(self._clusters[cluster], *logs, name=name, **{**shared, **properties})

    def add_with_workspace(self, name: str, **fields: Any) -> str:  # noqa: ANN401 - the fields of a workspace
        """Add a cluster that sends both logs to a workspace of its own; gives the workspace's id."""
        workspace = self.azure.workspace(self.id, f"logs-of-{name}", **fields)
        self.add(name, *_BOTH, workspaceId=workspace)
        return workspace
