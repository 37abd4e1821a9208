"""Where an exported category ends up: the destinations of its diagnostic settings, and for how long they keep it.

Sources: Azure documentation, "Diagnostic settings in Azure Monitor" (destinations, firewalls of storage accounts),
"Manage data retention in a Log Analytics workspace", "Set daily cap on Log Analytics workspace" and "Configure a
lifecycle management policy"; the REST references of workspaces, tables and storage accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from providers.aks.exports import Exporter, unresolved
from providers.aks.facts import (
    Category,
    Cluster,
    ClusterFacts,
    Destination,
    DestinationKind,
    DiagnosticSetting,
    Existing,
    StorageAccount,
    Table,
    Workspace,
)
from providers.aks.failures import NotRegisteredError, ResourceGoneError, evidence
from providers.aks.lifecycle import kept_in_storage
from providers.aks.permissions import (
    READ_EVENT_HUBS,
    READ_RESOURCES,
    READ_RULES,
    READ_SETTINGS,
    READ_STORAGE,
    READ_TABLE,
    READ_WORKSPACE,
)
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState, Retention

AZURE_DIAGNOSTICS: Final = "AzureDiagnostics"
_TABLES: Final = {
    False: {Category.AUDIT: "AKSAudit", Category.AUDIT_ADMIN: "AKSAuditAdmin", Category.GUARD: "AKSControlPlane"},
    True: {
        Category.AUDIT: "ArcK8sAudit",
        Category.AUDIT_ADMIN: "ArcK8sAuditAdmin",
        Category.GUARD: "ArcK8sControlPlane",
    },
}
"""Resource-specific tables, by whether the cluster is Arc's (Azure Monitor reference, tables by resource type)."""
REFUSING: Final = {
    "ForceOff": ("a service intervention by Azure stopped its ingestion", "support"),
    "SubscriptionSuspended": ("its subscription is suspended", "support"),
    "OverQuota": ("its daily cap is reached, so that it drops the rest of the day", "cap"),
}
"""The states of ``workspaceCapping.dataIngestionStatus`` in which a workspace drops records, and what mends them."""
DELETING: Final = "Deleting"
_STOPPED: Final = frozenset({"Disabled", "SendDisabled", "Deleting", "Removing", "Removed"})
"""The states of an Event Hubs namespace in which it takes nothing."""
_SHAPES: Final = {DestinationKind.WORKSPACE: Workspace, DestinationKind.STORAGE: StorageAccount}
_OPERATIONS: Final = {
    DestinationKind.WORKSPACE: READ_WORKSPACE,
    DestinationKind.STORAGE: READ_STORAGE,
    DestinationKind.EVENT_HUB: READ_EVENT_HUBS,
    DestinationKind.PARTNER: READ_RESOURCES,
    DestinationKind.SERVICE_BUS: READ_SETTINGS,
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What one destination of one setting does for a category.

    Attributes:
        setting: The setting's name.
        table: The table of a workspace; empty for other destinations.
        remedy: What mends a gap, where that is not another destination: ``firewall``, ``cap`` or ``support``.
    """

    setting: str
    state: LinkState
    reason: str
    evidence: Evidence
    retention: Retention
    permission: str = ""
    destination: Destination | None = None
    table: str = ""
    remedy: str = ""


def table_name(cluster: Cluster, setting: DiagnosticSetting, category: Category) -> str:
    """Give the table of a workspace that a setting sends a category to."""
    return _TABLES[cluster.is_arc][category] if setting.dedicated else AZURE_DIAGNOSTICS


def stores_of(facts: ClusterFacts, category: Category, found: tuple[Exporter, ...]) -> tuple[Kept, ...]:
    """Follow a category to every destination of every setting that exports it."""
    return tuple(kept for exporter in found for kept in _of_setting(facts, category, exporter))


def delivered(stores: tuple[Kept, ...]) -> LinkCheck:
    """Combine the destinations: one that takes the records is enough; a gap needs all of them to be one."""
    for state in (LinkState.OK, LinkState.UNKNOWN):
        some = [store for store in stores if store.state is state]
        if some:
            reason = "; ".join(dict.fromkeys(store.reason for store in some))
            read = tuple(dict.fromkeys(store.evidence for store in some))
            missing = next((store.permission for store in some if store.permission), "")
            return LinkCheck(state, reason, read, "" if state is LinkState.OK else missing)
    reason = "; ".join(dict.fromkeys(store.reason for store in stores))
    return LinkCheck(LinkState.GAP, reason, tuple(dict.fromkeys(store.evidence for store in stores)))


def retained(stores: tuple[Kept, ...]) -> Retention:
    """Take the longest of those that keep the records; those that may keep them raise the upper bound only."""
    sure = [store.retention for store in stores if store.state is LinkState.OK]
    possible = [store.retention for store in stores if store.state is LinkState.UNKNOWN]
    if not (sure or possible):
        return stores[0].retention
    best = max(sure or possible, key=lambda one: (one.at_least, one.at_most))
    at_least = best.at_least if sure else 0
    at_most = max(one.at_most for one in (*sure, *possible))
    wider = next((one for one in (*sure, *possible) if one.at_most == at_most), best)
    reason = best.reason if wider.reason == best.reason else f"{best.reason}; {wider.reason}"
    read = tuple(dict.fromkeys(item for one in (best, wider) for item in one.evidence))
    return Retention(at_least, at_most, reason, read, best.permission or wider.permission)


def _of_setting(facts: ClusterFacts, category: Category, exporter: Exporter) -> Iterator[Kept]:
    """Follow a category through one setting."""
    setting = exporter.setting
    if not setting.destinations:
        read = Evidence(
            READ_SETTINGS, f"value[{setting.name}].properties", "no workspace, storage account, event hub or partner"
        )
        yield _nothing(setting, f"diagnostic setting {setting.name} has no destination", read)
    for destination in setting.destinations:
        kept = _destination(facts, category, setting, destination)
        if not exporter.sure and kept.state is LinkState.OK:
            check = unresolved(facts.groups, (exporter,))
            kept = replace(
                kept,
                state=LinkState.UNKNOWN,
                reason=check.reason,
                evidence=check.evidence[-1],
                permission=check.permission,
            )
        yield replace(kept, destination=destination)


def _destination(facts: ClusterFacts, category: Category, setting: DiagnosticSetting, destination: Destination) -> Kept:
    """Judge one destination."""
    store = facts.stores.get(destination.key)
    if not isinstance(store, CollectionError | _SHAPES.get(destination.kind, Existing)):
        store = None  # two settings name one resource as different kinds: what was read is of the other one
    match store:
        case Workspace():
            return _workspace(facts, category, setting, destination, store)
        case StorageAccount():
            return _storage(category, setting, destination, store)
        case Existing():
            return _passes_on(setting, destination, store)
        case _:
            return _unread(setting, destination, store)


def _unread(setting: DiagnosticSetting, destination: Destination, error: CollectionError | None) -> Kept:
    """Judge a destination that was not read: a gap where it is not there any more."""
    sends = _sends(setting, destination)
    operation = _OPERATIONS[destination.kind]
    if error is None:
        reason = f"{sends}, which was not read"
        read = Evidence(READ_SETTINGS, f"value[{setting.name}].properties", destination.id)
        return Kept(setting.name, LinkState.UNKNOWN, reason, read, Retention.unknown(reason, read))
    if isinstance(error, ResourceGoneError | NotRegisteredError):
        read = Evidence(operation, destination.id, error.said or error.what)
        return _nothing(setting, f"{sends}, which does not exist", read)
    reason = f"{sends}, which could not be read: {error.what}"
    read = evidence(error, operation)
    kept = Retention.unknown(reason, read, permission=error.permission)
    return Kept(setting.name, LinkState.UNKNOWN, reason, read, kept, error.permission)


def _workspace(
    facts: ClusterFacts, category: Category, setting: DiagnosticSetting, destination: Destination, workspace: Workspace
) -> Kept:
    """Judge a workspace: whether it takes records, all of them, and for how long its table keeps them."""
    table = table_name(facts.cluster, setting, category)
    sends = f"{_sends(setting, destination)}, table {table}"
    if workspace.ingestion in REFUSING:
        why, remedy = REFUSING[workspace.ingestion]
        read = Evidence(READ_WORKSPACE, "properties.workspaceCapping.dataIngestionStatus", workspace.ingestion)
        return replace(_nothing(setting, f"{_sends(setting, destination)}, but {why}", read), remedy=remedy)
    if workspace.provisioning_state == DELETING:
        read = Evidence(READ_WORKSPACE, "properties.provisioningState", workspace.provisioning_state)
        return _nothing(setting, f"{_sends(setting, destination)}, which is being deleted", read)
    kept = _table(facts, workspace, destination, table)
    changed = _transformed(facts, workspace, table)
    if changed is not None:
        reason, read, permission = changed
        return Kept(setting.name, LinkState.UNKNOWN, f"{sends}, {reason}", read, kept, permission, destination, table)
    read = Evidence(READ_WORKSPACE, "id", workspace.id)
    return Kept(setting.name, LinkState.OK, sends, read, kept, "", destination, table)


def _transformed(facts: ClusterFacts, workspace: Workspace, table: str) -> tuple[str, Evidence, str] | None:
    """Say how a data collection rule may drop records before they are kept; None where it does not touch them."""
    if not workspace.rule_id:
        return None
    rule = f"data collection rule {workspace.rule_id.rpartition('/')[2]}"
    found = facts.transformations.get(workspace.rule_id.lower(), {})
    if isinstance(found, CollectionError):
        reason = f"whose {rule} may drop records and could not be read: {found.what}"
        return reason, evidence(found, READ_RULES), found.permission
    kql = found.get(table.lower(), "")
    if not kql:
        return None
    locator = f"properties.dataFlows[Microsoft-Table-{table}].transformKql"
    return f"whose {rule} may drop records: {short(kql)}", Evidence(READ_RULES, locator, kql), ""


def _table(facts: ClusterFacts, workspace: Workspace, destination: Destination, name: str) -> Retention:
    """Say for how long a table keeps its records: by its own number, else by the workspace's."""
    table = facts.tables.get((destination.key, name))
    where = f"table {name} of {destination.name}"
    if isinstance(table, ResourceGoneError):
        read = Evidence(READ_TABLE, name, table.said or table.what)
        return Retention.unknown(f"{where} does not exist yet: nothing was ever written to it", read)
    if isinstance(table, CollectionError):
        reason = f"how long {where} keeps records could not be read: {table.what}"
        return Retention.unknown(reason, evidence(table, READ_TABLE), permission=table.permission)
    days, read = _days_of(name, table, workspace)
    if days is None:
        return Retention.unknown(f"how long {where} keeps records is not said", read)
    return Retention.exactly(days, f"{where} keeps records for {days_text(days)}", read)


def _days_of(name: str, table: Table | None, workspace: Workspace) -> tuple[int | None, Evidence]:
    """Give the number of days that counts, and where it stood."""
    if table is not None and table.total_days is not None:
        return table.total_days, Evidence(READ_TABLE, f"{name}.properties.totalRetentionInDays", str(table.total_days))
    if table is not None and table.days is not None:
        return table.days, Evidence(READ_TABLE, f"{name}.properties.retentionInDays", str(table.days))
    days = workspace.retention_days if table is not None else None
    return days, Evidence(READ_WORKSPACE, "properties.retentionInDays", "absent" if days is None else str(days))


def _storage(category: Category, setting: DiagnosticSetting, destination: Destination, account: StorageAccount) -> Kept:
    """Judge a storage account: whether Azure may write to it, and when its lifecycle policy deletes."""
    sends = _sends(setting, destination)
    if account.is_closed:
        read = Evidence(READ_STORAGE, "properties.networkAcls", "defaultAction Deny, bypass without AzureServices")
        closed = _nothing(setting, f"{sends}, whose firewall keeps Azure's own services out", read)
        return replace(closed, remedy="firewall")
    read = Evidence(READ_STORAGE, "id", account.id)
    return Kept(setting.name, LinkState.OK, sends, read, kept_in_storage(account, destination, category))


def _passes_on(setting: DiagnosticSetting, destination: Destination, store: Existing) -> Kept:
    """Judge a destination that hands records on to something that Azure Resource Manager does not know."""
    sends = _sends(setting, destination)
    operation = _OPERATIONS[destination.kind]
    if store.status not in ("", "Active"):
        read = Evidence(operation, "properties.status", store.status)
        reason = f"{sends}, whose namespace is {store.status}"
        if store.status in _STOPPED:
            return _nothing(setting, reason, read)
        return Kept(setting.name, LinkState.UNKNOWN, reason, read, Retention.unknown(reason, read))
    read = Evidence(operation, "id", destination.id)
    kept = Retention.unknown(f"how long what reads {destination.name} keeps records is not known to Azure", read)
    if destination.kind is DestinationKind.EVENT_HUB:
        sends = f"{sends}, whose namespace is there (the hub and its authorization rule were not read)"
    return Kept(setting.name, LinkState.OK, sends, read, kept)


def _nothing(setting: DiagnosticSetting, reason: str, read: Evidence) -> Kept:
    """Judge a destination that keeps nothing."""
    return Kept(setting.name, LinkState.GAP, reason, read, Retention.exactly(0, reason, read))


def _sends(setting: DiagnosticSetting, destination: Destination) -> str:
    """Begin a sentence about a destination."""
    return f"diagnostic setting {setting.name} sends its logs to {destination.name}"


def days_text(days: int) -> str:
    """Word a number of days."""
    return "1 day" if days == 1 else f"{days} days"


def short(text: str) -> str:
    """Shorten a query for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:200]}…"  # noqa: PLR2004 - a line's worth
