"""Turns what Azure Resource Manager answers into facts; pure. What has an unexpected shape is a TypeError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, Final

from providers.aks.facts import (
    Cluster,
    Destination,
    DestinationKind,
    DiagnosticSetting,
    Existing,
    Groups,
    LifecycleRule,
    LogSetting,
    StorageAccount,
    Subscription,
    Table,
    Workspace,
    part_of,
)
from providers.aks.shapes import body_of, mapping, name_of, number, objects, switch, text, texts

CLUSTER_FIELDS: Final = (
    "provisioningState",
    "powerState",
    "kubernetesVersion",
    "currentKubernetesVersion",
    "enableRBAC",
    "disableLocalAccounts",
    "aadProfile",
    "apiServerAccessProfile",
    "fqdn",
    "privateFQDN",
    "nodeResourceGroup",
    "azurePortalFQDN",
    "distribution",
    "infrastructure",
    "connectivityStatus",
    "agentVersion",
    "lastConnectivityTime",
)
"""The properties that are looked at, of either kind of cluster; Resource Graph is asked for no others."""

_CONNECTED: Final = "/microsoft.kubernetes/connectedclusters/"
_SHOWN: Final = (
    "fqdn",
    "privateFQDN",
    "nodeResourceGroup",
    "distribution",
    "infrastructure",
    "connectivityStatus",
    "agentVersion",
)
_WORKSPACE_DEFAULT: Final = -1
_NAMESPACE: Final = "/authorizationrules/"
_TABLE_STREAM: Final = "microsoft-table-"


def subscription_of(node: Mapping[str, Any]) -> Subscription:
    """Read a subscription, in the form of either API."""
    name = text(node, "displayName") or text(node, "name")
    state, tenant = (intern(text(node, key)) for key in ("state", "tenantId"))  # thousands have the same
    return Subscription(name_of(node, "subscriptionId").lower(), name, state, tenant)


def descendant_of(node: Mapping[str, Any]) -> Subscription | None:
    """Read what is below a management group; None where that is a management group as well."""
    if text(node, "type").lower() != "/subscriptions":
        return None
    return Subscription(name_of(node, "name").lower(), text(mapping(node, "properties"), "displayName"))


def cluster_of(node: Mapping[str, Any], subscription: Subscription, source: str) -> Cluster:
    """Read a cluster, as a list or Resource Graph gives it: there absent fields are null."""
    properties = body_of(node, "properties")
    resource_id = name_of(node, "id")
    entra = mapping(properties, "aadProfile")
    off = switch(properties, "disableLocalAccounts")
    return Cluster(
        subscription=subscription,
        id=resource_id,
        name=name_of(node, "name"),
        location=text(node, "location"),
        is_arc=_CONNECTED in resource_id.lower(),
        kind=text(node, "kind"),
        version=text(properties, "currentKubernetesVersion") or text(properties, "kubernetesVersion"),
        provisioning_state=text(properties, "provisioningState"),
        power_state=text(mapping(properties, "powerState"), "code"),
        rbac=switch(properties, "enableRBAC"),
        # Clusters with Azure RBAC off and no administrators' group have the profile all the same: it is what counts.
        entra=properties.get("aadProfile") is not None,
        azure_rbac=switch(entra, "enableAzureRBAC"),
        local_accounts=None if off is None else not off,
        private=switch(mapping(properties, "apiServerAccessProfile"), "enablePrivateCluster"),
        more={name: value for name in _SHOWN if (value := text(properties, name))},
        source=source,
    )


def setting_of(node: Mapping[str, Any]) -> DiagnosticSetting:
    """Read a diagnostic setting; destinations that are not used are null, empty or absent, all of which is real.

    A setting of metrics alone may have no logs; any other one without says only a half.
    """
    properties = body_of(node, "properties")
    if properties.get("logs") is None and not objects(properties, "metrics"):
        raise TypeError("logs is missing")
    return DiagnosticSetting(
        name=text(node, "name") or "unnamed",
        logs=tuple(_log_setting(entry) for entry in objects(properties, "logs")),
        destinations=tuple(_destinations(properties)),
        destination_type=text(properties, "logAnalyticsDestinationType"),
    )


def groups_of(nodes: tuple[Mapping[str, Any], ...]) -> Groups:
    """Read which log categories each category group holds; a category of no group has null, [] or no such field."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        properties = mapping(node, "properties")
        if text(properties, "categoryType").lower() == "metrics":
            continue
        for group in texts(properties, "categoryGroups"):
            found.setdefault(group.lower(), set()).add(name_of(node, "name").lower())
    return {group: frozenset(names) for group, names in found.items()}


def workspace_of(node: Mapping[str, Any]) -> Workspace:
    """Read a Log Analytics workspace; a cap of -1 is none."""
    properties = body_of(node, "properties")
    capping = mapping(properties, "workspaceCapping")
    cap = number(capping, "dailyQuotaGb")
    return Workspace(
        id=name_of(node, "id"),
        customer_id=text(properties, "customerId"),
        retention_days=_days(properties, "retentionInDays"),
        daily_cap_gb=None if cap is None or cap < 0 else cap,
        ingestion=text(capping, "dataIngestionStatus"),
        rule_id=text(properties, "defaultDataCollectionRuleResourceId"),
        provisioning_state=text(properties, "provisioningState"),
    )


def table_of(node: Mapping[str, Any]) -> Table:
    """Read a table of a workspace."""
    properties = body_of(node, "properties")
    return Table(
        text(properties, "plan") or "Analytics",
        _days(properties, "retentionInDays"),
        _days(properties, "totalRetentionInDays"),
    )


def transformations_of(node: Mapping[str, Any]) -> Mapping[str, str]:
    """Read what a workspace's data collection rule does to the records of each table, whose name is in lower case.

    ``source`` leaves them as they are.
    """
    return {
        stream.lower().removeprefix(_TABLE_STREAM): kql
        for flow in objects(body_of(node, "properties"), "dataFlows")
        if (kql := text(flow, "transformKql").strip()) not in ("", "source")
        for stream in texts(flow, "streams")
    }


def storage_of(node: Mapping[str, Any]) -> StorageAccount:
    """Read a storage account, without its lifecycle policy."""
    rules = mapping(body_of(node, "properties"), "networkAcls")
    bypass = {word.strip().lower() for word in text(rules, "bypass").split(",")}
    is_closed = text(rules, "defaultAction").lower() == "deny" and "azureservices" not in bypass
    return StorageAccount(name_of(node, "id"), is_closed, ())


def namespace_state_of(node: Mapping[str, Any]) -> Existing:
    """Read an Event Hubs namespace."""
    return Existing(name_of(node, "id"), text(body_of(node, "properties"), "status"))


def lifecycle_of(node: Mapping[str, Any]) -> tuple[LifecycleRule, ...]:
    """Read the rules that delete append blobs, which is what logs are kept as."""
    policy = body_of(body_of(node, "properties"), "policy")
    return tuple(rule for entry in objects(policy, "rules") if (rule := _lifecycle_rule(entry)) is not None)


def _log_setting(node: Mapping[str, Any]) -> LogSetting:
    """Read one entry of a diagnostic setting."""
    policy = mapping(node, "retentionPolicy")
    days = _days(policy, "days") or 0 if switch(policy, "enabled") else 0
    enabled = switch(node, "enabled")
    if enabled is None:
        raise TypeError("enabled is missing from an entry of logs")
    return LogSetting(text(node, "category"), text(node, "categoryGroup"), enabled, days)


def _destinations(properties: Mapping[str, Any]) -> Iterator[Destination]:
    """Give the places that a setting names; an empty text names none."""
    if workspace := text(properties, "workspaceId"):
        yield Destination(DestinationKind.WORKSPACE, workspace)
    if storage := text(properties, "storageAccountId"):
        yield Destination(DestinationKind.STORAGE, storage)
    if rule := text(properties, "eventHubAuthorizationRuleId"):
        at = rule.lower().find(_NAMESPACE)
        namespace = rule[:at] if at >= 0 else rule
        yield Destination(DestinationKind.EVENT_HUB, namespace, text(properties, "eventHubName"))
    if partner := text(properties, "marketplacePartnerId"):
        yield Destination(DestinationKind.PARTNER, partner)
    if bus := text(properties, "serviceBusRuleId"):
        yield Destination(DestinationKind.SERVICE_BUS, bus)


def _lifecycle_rule(node: Mapping[str, Any]) -> LifecycleRule | None:
    """Read one rule; None where it deletes no append blob."""
    definition = mapping(node, "definition")
    filters = mapping(definition, "filters")
    kinds = {kind.lower() for kind in texts(filters, "blobTypes")}
    delete = mapping(mapping(mapping(definition, "actions"), "baseBlob"), "delete")
    if switch(node, "enabled") is False or not delete or (kinds and "appendblob" not in kinds):
        return None
    ages = {key: _days(delete, key) for key in delete}
    written = [
        days
        for key in ("daysAfterModificationGreaterThan", "daysAfterCreationGreaterThan")
        if (days := ages.get(key)) is not None
    ]
    is_conditional = bool(objects(filters, "blobIndexMatch")) or not written
    days = min(written) if written else min((days for days in ages.values() if days is not None), default=0)
    return LifecycleRule(text(node, "name"), days, texts(filters, "prefixMatch"), is_conditional)


def _days(node: Mapping[str, Any], key: str) -> int | None:
    """Give a number of days; None where it is absent or says that another setting holds."""
    value = number(node, key)
    return None if value is None or value == _WORKSPACE_DEFAULT else int(value)


def namespace_of(resource_id: str) -> str:
    """Give the resource type within a resource id, such as ``Microsoft.Datadog/monitors``."""
    provider = part_of(resource_id, "providers")
    return f"{provider}/{part_of(resource_id, provider.lower())}" if provider else ""
