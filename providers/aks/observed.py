"""Whether records of a category really arrived, by a query of the workspaces that they are sent to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from providers.aks.facts import Category, ClusterFacts, DestinationKind, Read, Table, Workspace
from providers.aks.failures import SDK_ERRORS, evidence, translate
from providers.aks.permissions import QUERY_LOGS, READ_TABLE
from providers.aks.session import Call, Connection
from providers.aks.shapes import mapping, name_of, objects
from providers.aks.stores import Kept
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState, RuleSettings
from scanner.ports import Waits

Newest = Mapping[str, Mapping[str, datetime]]
"""The newest record of each category, by the resource id of the cluster in lower case."""

_QUERIED: Final = frozenset({"Analytics"})
"""The plans whose tables the query API reads; others take searches that cost by the gigabyte.

Source: Azure documentation, "Query data in a Basic and Auxiliary table in Azure Monitor Logs".
"""
_QUERY: Final = """\
union isfuzzy=true
  (AKSAudit | project TimeGenerated, _ResourceId, log='kube-audit'),
  (AKSAuditAdmin | project TimeGenerated, _ResourceId, log='kube-audit-admin'),
  (AKSControlPlane | where Category == 'guard' | project TimeGenerated, _ResourceId, log='guard'),
  (ArcK8sAudit | project TimeGenerated, _ResourceId, log='kube-audit'),
  (ArcK8sAuditAdmin | project TimeGenerated, _ResourceId, log='kube-audit-admin'),
  (ArcK8sControlPlane | where Category == 'guard' | project TimeGenerated, _ResourceId, log='guard'),
  (AzureDiagnostics | where Category in ('kube-audit', 'kube-audit-admin', 'guard')
    | project TimeGenerated, _ResourceId, log=Category)
| summarize newest=max(TimeGenerated) by id=tolower(_ResourceId), log"""
"""One question for all clusters of a workspace; tables that it does not have are left out (isfuzzy)."""


async def newest_records(connection: Connection, waits: Waits, workspace: Workspace, name: str, hours: int) -> Newest:
    """Ask a workspace for the newest records of the last `hours` hours.

    Raises:
        CollectionError: It may not be asked, or does not answer.
    """
    body = {"query": _QUERY, "timespan": f"PT{hours}H"}
    call = Call(f"/v1/workspaces/{quote(workspace.customer_id)}/query", QUERY_LOGS, name, QUERY_LOGS, body)
    answer = await connection.query_logs(call, waits)
    try:
        found: dict[str, dict[str, datetime]] = {}
        for row in _rows(answer.body):
            found.setdefault(row["id"].lower(), {})[row["log"]] = _time(row["newest"])
    except SDK_ERRORS as error:
        raise translate(error, QUERY_LOGS, name) from error
    return found


def observed(
    facts: ClusterFacts, category: Category, stores: tuple[Kept, ...], rule: RuleSettings, started: datetime
) -> LinkCheck:
    """Say whether a record of a category arrived within the look-back window.

    That there is none is no gap, here as for every provider: a cluster into which nobody logged in has none in guard.
    """
    asked = [store for store in stores if store.destination and store.destination.kind is DestinationKind.WORKSPACE]
    if not asked:
        where = "is sent to no workspace" if stores else "is not exported"
        read = (Evidence(QUERY_LOGS, category, "no workspace to query"),)
        return LinkCheck(LinkState.UNKNOWN, f"{category} {where}, so that there is nothing to query", read)
    checks = [_in_workspace(facts, category, store, rule, started) for store in asked]
    return next((check for check in checks if check.state is LinkState.OK), checks[0])


def _in_workspace(
    facts: ClusterFacts, category: Category, store: Kept, rule: RuleSettings, started: datetime
) -> LinkCheck:
    """Look at what one workspace answered."""
    assert store.destination is not None  # noqa: S101 - the caller chose those with a workspace
    name = store.destination.name
    found: Read[Mapping[str, datetime]] | None = (facts.newest or {}).get(store.destination.key)
    if isinstance(found, CollectionError):
        reason = f"{name} could not be queried: {found.what}"
        return LinkCheck(LinkState.UNKNOWN, reason, (evidence(found, QUERY_LOGS),), found.permission)
    if found is None:
        return LinkCheck(LinkState.UNKNOWN, f"{name} was not queried: {store.reason}", (store.evidence,))
    newest = found.get(category)
    table = facts.tables.get((store.destination.key, store.table))
    if newest is None and isinstance(table, Table) and table.plan not in _QUERIED:
        reason = f"table {store.table} of {name} has the plan {table.plan}, which cannot be queried this way"
        plan = Evidence(READ_TABLE, f"{store.table}.properties.plan", table.plan)
        return LinkCheck(LinkState.UNKNOWN, reason, (plan,))
    window = f"the last {rule.lookback_hours} hours"
    read = Evidence(QUERY_LOGS, f"newest {category} record", "none" if newest is None else timestamp(newest))
    if newest is not None and newest >= started - timedelta(hours=rule.lookback_hours):
        reason = f"the newest {category} record in {name} is of {timestamp(newest)}, within {window}"
        return LinkCheck(LinkState.OK, reason, (read,))
    reason = f"no {category} record arrived in {name} in {window}"
    if category is Category.GUARD or not facts.cluster.is_running:
        why = "nobody may have logged in" if category is Category.GUARD else "the cluster does not run"
        return LinkCheck(LinkState.UNKNOWN, f"{reason}; not proof of a gap: {why}", (read,))
    why = "although a running API server writes some every minute: delivery may have stopped"
    return LinkCheck(LinkState.UNKNOWN, f"{reason}, {why}", (read,))


def timestamp(when: datetime) -> str:
    """Give a time as reports write it: UTC, to the second."""
    return f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _rows(body: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Give the rows of the first table, each value by the name of its column; a part of them would be misleading."""
    if body.get("error"):
        raise ValueError(f"it answers only in part: {mapping(body, 'error').get('message')}")
    tables = objects(body, "tables")
    if not tables:
        raise TypeError("tables holds no table")
    names = [name_of(column, "name") for column in objects(tables[0], "columns")]
    if not set(names) >= {"id", "log", "newest"}:
        raise TypeError(f"columns holds {', '.join(names) or 'nothing'} in place of id, log and newest")
    rows = tables[0].get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise TypeError("rows is no list of rows with one value a column")
    for row in rows:
        yield dict(zip(names, row, strict=True))


def _time(text: str) -> datetime:
    """Read a time as Kusto writes it."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
