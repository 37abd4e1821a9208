"""Resources in the shapes in which Azure Resource Manager gives them, and what is concluded from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from providers.aks.facts import ClusterFacts, Subscription
from providers.aks.failures import ResourceGoneError
from providers.aks.normalise import normalise
from providers.aks.parsing import cluster_of, setting_of
from providers.aks.permissions import LIST_CLUSTERS
from scanner.errors import CollectionError, PermissionDenied
from scanner.model import ClusterObservation, LogChannel, RuleSettings

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SUBSCRIPTION = "11112222-3333-4444-5555-666677778888"
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/platform"
CLUSTER_ID = f"{GROUP_ID}/providers/Microsoft.ContainerService/managedClusters/prod"
ARC_ID = f"{GROUP_ID}/providers/Microsoft.Kubernetes/connectedClusters/edge"
WORKSPACE_ID = f"{GROUP_ID}/providers/Microsoft.OperationalInsights/workspaces/logs"
STORAGE_ID = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/archive"
NAMESPACE_ID = f"{GROUP_ID}/providers/Microsoft.EventHub/namespaces/siem"
RULE_ID = f"{NAMESPACE_ID}/authorizationRules/RootManageSharedAccessKey"
PARTNER_ID = f"{GROUP_ID}/providers/Microsoft.Datadog/monitors/dd"
TRANSFORMATION_ID = f"{GROUP_ID}/providers/Microsoft.Insights/dataCollectionRules/trim"


def managed(**properties: object) -> dict[str, Any]:
    """Give an AKS cluster with Entra integration; a property that is `...` is left out."""
    found: dict[str, object] = {
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
        "kubernetesVersion": "1.34",
        "currentKubernetesVersion": "1.34.1",
        "enableRBAC": True,
        "disableLocalAccounts": True,
        "aadProfile": {"managed": True, "enableAzureRBAC": True},
        "fqdn": "prod-1.hcp.westeurope.azmk8s.io",
        **properties,
    }
    return {
        "id": CLUSTER_ID,
        "name": "prod",
        "type": "Microsoft.ContainerService/ManagedClusters",
        "location": "westeurope",
        "properties": {name: value for name, value in found.items() if value is not ...},
    }


def connected(kind: str | None = None, **properties: object) -> dict[str, Any]:
    """Give a cluster that is connected to Azure Arc."""
    found = {"distribution": "k3s", "infrastructure": "generic", "connectivityStatus": "Connected", **properties}
    return {
        "id": ARC_ID,
        "name": "edge",
        "type": "microsoft.kubernetes/connectedclusters",
        "kind": kind,
        "location": "westeurope",
        "properties": found,
    }


def setting(*logs: str | dict[str, object], name: str = "audit", **properties: object) -> dict[str, Any]:
    """Give a diagnostic setting; a log by its name is an enabled category, and a workspace the usual destination."""
    entries = [
        {"category": log, "categoryGroup": None, "enabled": True} if isinstance(log, str) else log for log in logs
    ]
    where = properties or {"workspaceId": WORKSPACE_ID, "logAnalyticsDestinationType": "Dedicated"}
    return {
        "id": f"{CLUSTER_ID}/providers/microsoft.insights/diagnosticSettings/{name}",
        "type": "Microsoft.Insights/diagnosticSettings",
        "name": name,
        "properties": {"logs": entries, "metrics": [], **where},
    }


def group(name: str, *, enabled: bool = True) -> dict[str, object]:
    """Give an entry of a setting that names a category group."""
    return {"categoryGroup": name, "enabled": enabled}


def off(category: str) -> dict[str, object]:
    """Give an entry of a setting that is switched off."""
    return {"category": category, "enabled": False}


def facts(
    resource: dict[str, Any] | None = None,
    *settings: dict[str, Any],
    unread: CollectionError | None = None,
    **more: Any,  # noqa: ANN401 - the fields of ClusterFacts
) -> ClusterFacts:
    """Give what was read of a cluster with some settings, or why these could not be read."""
    subscription = more.pop("subscription", Subscription(SUBSCRIPTION, "payments", "Enabled"))
    cluster = cluster_of(managed() if resource is None else resource, subscription, LIST_CLUSTERS)
    read = unread or tuple(map(setting_of, settings))
    return ClusterFacts("production", "application 42", cluster, read, **more)


def observe(found: ClusterFacts, **rule: Any) -> ClusterObservation:  # noqa: ANN401 - the fields of RuleSettings
    """Put facts into the common model."""
    return normalise(found, RuleSettings(**rule), NOW)


def channel(cluster: ClusterObservation, log: str) -> LogChannel:
    """Give one log of a cluster."""
    [found] = [one for one in cluster.servers[0].channels if one.log == log]
    return found


def denied(action: str) -> PermissionDenied:
    """Give the failure of a call for want of a permission."""
    return PermissionDenied(
        f"{action} is denied",
        where=f"{action} of it",
        permission=action,
        hint=f"grant {action}",
        said="AuthorizationFailed",
    )


def gone(action: str) -> ResourceGoneError:
    """Give the failure of a call about something that is not there."""
    return ResourceGoneError(f"{action} finds nothing: ResourceNotFound: it is gone", where=f"{action} of it")
