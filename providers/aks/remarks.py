"""What a reader wants to know of a cluster beside the links: facts, and notes about traps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from providers.aks.facts import Category, ClusterFacts, DestinationKind, Table, Workspace
from providers.aks.permissions import READ_SETTINGS, READ_SUBSCRIPTIONS, READ_TABLE, READ_WORKSPACE
from providers.aks.stores import Kept, days_text
from scanner.errors import CollectionError
from scanner.model import Evidence, Fact, LinkState, Note, NoteSeverity

_SETTLED: Final = frozenset({"Succeeded", "Updating", "Upgrading", "Starting", ""})
_FULL_PLAN: Final = "Analytics"


def facts_of(facts: ClusterFacts) -> Iterator[Fact]:
    """Give what was read of the cluster, in a fixed order; what no answer held is left out."""
    cluster = facts.cluster
    values: tuple[tuple[str, str, str | bool | None], ...] = (
        ("subscription", "", cluster.subscription.name or cluster.subscription.id),
        ("resource group", "id", cluster.resource_group),
        ("kind", "kind", cluster.kind),
        ("provisioning state", "properties.provisioningState", cluster.provisioning_state),
        ("power state", "properties.powerState.code", cluster.power_state),
        ("Kubernetes RBAC", "properties.enableRBAC", cluster.rbac),
        ("Microsoft Entra integration", "properties.aadProfile", cluster.entra),
        ("Azure RBAC", "properties.aadProfile.enableAzureRBAC", cluster.azure_rbac),
        ("local accounts", "properties.disableLocalAccounts", cluster.local_accounts),
        ("private API server", "properties.apiServerAccessProfile.enablePrivateCluster", cluster.private),
    )
    for name, locator, value in values:
        if value not in (None, ""):
            source = cluster.source if locator else READ_SUBSCRIPTIONS
            yield Fact(
                name, _word(value), Evidence(source, f"{cluster.name}.{locator}".rstrip("."), _read(name, value))
            )
    for field, value in cluster.more.items():
        yield Fact(field, value, Evidence(cluster.source, f"{cluster.name}.properties.{field}", value))
    if not isinstance(facts.settings, CollectionError):
        yield _settings_fact(facts)


def notes_of(facts: ClusterFacts, stores: Mapping[Category, tuple[Kept, ...]]) -> Iterator[Note]:
    """Give what to beware of: what hides events, what costs, and what keeps them from being looked at."""
    yield from _state_notes(facts)
    yield from _login_notes(facts, stores)
    yield from _category_notes(stores)
    yield from _destination_notes(stores)
    yield from _workspace_notes(facts)
    yield from _table_notes(facts)
    yield from _setting_notes(facts)


def _settings_fact(facts: ClusterFacts) -> Fact:
    """Say which diagnostic settings there are, and where each leads to."""
    settings = () if isinstance(facts.settings, CollectionError) else facts.settings
    words = [
        f"{setting.name} to {', '.join(one.name for one in setting.destinations) or 'no destination'}"
        for setting in settings
    ]
    value = "; ".join(words) or "none"
    return Fact("diagnostic settings", value, Evidence(READ_SETTINGS, "value[].name", value if words else "[]"))


def _state_notes(facts: ClusterFacts) -> Iterator[Note]:
    """Give the notes on a cluster that does not run as usual."""
    cluster = facts.cluster
    if cluster.power_state == "Stopped":
        read = Evidence(cluster.source, f"{cluster.name}.properties.powerState.code", "Stopped")
        text = "the cluster is stopped: it serves no requests, and makes no audit events, until it is started again"
        yield Note(NoteSeverity.INFO, text, (read,))
    if cluster.provisioning_state not in _SETTLED:
        state = cluster.provisioning_state
        read = Evidence(cluster.source, f"{cluster.name}.properties.provisioningState", state)
        severity = NoteSeverity.WARNING if state == "Failed" else NoteSeverity.INFO
        text = f"the cluster's last operation left it {state}: whether it serves requests and exports logs is not sure"
        yield Note(severity, text, (read,))
    if not cluster.subscription.is_active:
        state = cluster.subscription.state
        read = Evidence(READ_SUBSCRIPTIONS, f"{cluster.subscription.id}.state", state)
        text = f"the subscription is {state}: Azure stops its resources, and its logs may have ended"
        yield Note(NoteSeverity.WARNING, text, (read,))


def _login_notes(facts: ClusterFacts, stores: Mapping[Category, tuple[Kept, ...]]) -> Iterator[Note]:
    """Give the notes on logins that a log does not see."""
    cluster = facts.cluster
    if cluster.is_arc:
        return
    if cluster.entra and cluster.local_accounts is not False:
        value = "absent" if cluster.local_accounts is None else "false"
        read = Evidence(cluster.source, f"{cluster.name}.properties.disableLocalAccounts", value)
        text = (
            "local accounts are on: whoever has the cluster's admin certificate is never asked by Microsoft Entra ID,"
            " and leaves no record in guard"
        )
        yield Note(NoteSeverity.WARNING, text, (read,))
    if not cluster.entra and stores[Category.GUARD]:
        read = Evidence(cluster.source, f"{cluster.name}.properties.aadProfile", "absent")
        text = "guard is exported but stays empty: Microsoft Entra integration is off"
        yield Note(NoteSeverity.INFO, text, (read,))


def _category_notes(stores: Mapping[Category, tuple[Kept, ...]]) -> Iterator[Note]:
    """Give the notes on what kube-audit-admin gives up, and on what is paid for twice."""
    full, admin = stores[Category.AUDIT], stores[Category.AUDIT_ADMIN]
    if admin and not full:
        text = (
            "kube-audit-admin costs less because it leaves out get and list: whoever only looks, reads secrets or is"
            " denied a read leaves no trace"
        )
        yield Note(NoteSeverity.WARNING, text, (admin[0].evidence,))
    places = {store.destination.key for store in full if store.destination and store.state is LinkState.OK}
    both = [store for store in admin if store.destination and store.destination.key in places]
    both = [store for store in both if store.state is LinkState.OK]
    if both and both[0].destination:
        text = (
            f"kube-audit and kube-audit-admin both go to {both[0].destination.name}: every record of the second is in"
            " the first, and is paid for twice"
        )
        yield Note(NoteSeverity.INFO, text, (both[0].evidence,))
    kept = [store for store in full or admin if store.state is LinkState.OK]
    if kept and not any(store.table for store in kept):
        names = ", ".join(dict.fromkeys(store.destination.name for store in kept if store.destination))
        text = (
            f"audit records are kept ({names}), but no Log Analytics workspace holds them: nobody can query them there"
        )
        yield Note(NoteSeverity.INFO, text, (kept[0].evidence,))


def _destination_notes(stores: Mapping[Category, tuple[Kept, ...]]) -> Iterator[Note]:
    """Say which further destinations are not known to take records, where another one does and the link is ok."""
    told: set[str] = set()
    for category, found in stores.items():
        takes = any(store.state is LinkState.OK for store in found)
        for store in found:
            if takes and store.state is LinkState.UNKNOWN and store.reason not in told:
                told.add(store.reason)
                text = (
                    f"{category} reaches another destination; whether it reaches this one is not known: {store.reason}"
                )
                yield Note(NoteSeverity.INFO, text, (store.evidence,))


def _workspace_notes(facts: ClusterFacts) -> Iterator[Note]:
    """Give the notes on workspaces that drop records beyond a daily cap."""
    for workspace in facts.stores.values():
        if isinstance(workspace, Workspace) and workspace.daily_cap_gb is not None:
            name = workspace.id.rpartition("/")[2]
            cap = f"{workspace.daily_cap_gb:g}"
            near = " and is close to it today" if workspace.ingestion == "ApproachingQuota" else ""
            text = (
                f"Log Analytics workspace {name} takes at most {cap} GB a day{near}: what comes after that is dropped,"
                " and whoever makes noise enough can bring that about"
            )
            read = Evidence(READ_WORKSPACE, f"{name}.properties.workspaceCapping.dailyQuotaGb", cap)
            yield Note(NoteSeverity.WARNING, text, (read,))


def _table_notes(facts: ClusterFacts) -> Iterator[Note]:
    """Give the notes on tables that are kept but can hardly be queried."""
    for (workspace, name), table in facts.tables.items():
        if not isinstance(table, Table):
            continue
        where = f"table {name} of Log Analytics workspace {workspace.rpartition('/')[2]}"
        if table.plan != _FULL_PLAN:
            text = f"{where} has the plan {table.plan}: queries of it are limited, and each is charged for"
            yield Note(NoteSeverity.INFO, text, (Evidence(READ_TABLE, f"{name}.properties.plan", table.plan),))
        if table.days is not None and table.total_days is not None and table.days < table.total_days:
            text = (
                f"{where} can be queried for {days_text(table.days)}; older records, up to"
                f" {days_text(table.total_days)}, take a search job"
            )
            read = Evidence(READ_TABLE, f"{name}.properties.retentionInDays", str(table.days))
            yield Note(NoteSeverity.INFO, text, (read,))


def _setting_notes(facts: ClusterFacts) -> Iterator[Note]:
    """Give the notes on numbers of days within settings, which have no effect any more."""
    for setting in () if isinstance(facts.settings, CollectionError) else facts.settings:
        days = [entry for entry in setting.logs if entry.enabled and entry.retention_days]
        if days and any(one.kind is DestinationKind.STORAGE for one in setting.destinations):
            text = (
                f"diagnostic setting {setting.name} asks for {days_text(days[0].retention_days)} of retention, which"
                " Azure no longer acts upon: the storage account's lifecycle policy decides"
            )
            locator = f"value[{setting.name}].properties.logs[].retentionPolicy.days"
            read = Evidence(READ_SETTINGS, locator, str(days[0].retention_days))
            yield Note(NoteSeverity.INFO, text, (read,))


def _word(value: str | bool | None) -> str:  # noqa: FBT001 - a value that was read
    """Word a switch."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _read(name: str, value: str | bool | None) -> str:  # noqa: FBT001 - the same
    """Give what stood there: local accounts are switched off, not on, and a profile is there or not."""
    if name == "local accounts":
        value = not value
    if name == "Microsoft Entra integration":
        return "present" if value else "absent"
    return str(value).lower() if isinstance(value, bool) else str(value)
