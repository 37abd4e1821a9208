"""The values that fill the advice of ``scanner/knowledge`` for one cluster, and which piece of advice fits it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from providers.aks.exports import exporters
from providers.aks.facts import (
    Category,
    ClusterFacts,
    Destination,
    DestinationKind,
    DiagnosticSetting,
    Workspace,
    part_of,
)
from providers.aks.stores import DELETING, REFUSING, Kept
from scanner.errors import CollectionError
from scanner.model import LinkState, RuleSettings

_NEW_SETTING: Final = "k8s-audit-coverage"
_NO_WORKSPACE: Final = "WORKSPACE_RESOURCE_ID"
_MOST_SETTINGS: Final = 5
"""How many diagnostic settings a resource takes (Azure documentation, "Diagnostic settings", limitations)."""


def parameters_of(
    facts: ClusterFacts, stores: Mapping[Category, tuple[Kept, ...]], rule: RuleSettings
) -> dict[str, str]:
    """Give the parameters; a key that ends in ``_advice`` names the piece of advice for that link."""
    cluster = facts.cluster
    return {
        "identity": facts.identity,
        "cluster_id": cluster.id,
        "resource_group": cluster.resource_group,
        **_exported(facts, stores),
        **_delivered(facts, stores),
        **_retained(stores, rule),
    }


def _exported(facts: ClusterFacts, stores: Mapping[Category, tuple[Kept, ...]]) -> dict[str, str]:
    """Add the missing categories to a setting that sends single categories to a workspace, else make a new setting.

    A setting holds either single categories or category groups, and the same category to the same workspace only once.
    """
    settings = () if isinstance(facts.settings, CollectionError) else facts.settings
    wanted = [Category.AUDIT, *([Category.GUARD] if facts.cluster.entra else [])]
    missing = [str(one) for one in wanted if not stores[one]]
    for setting in settings:
        workspace = _workspace_of(facts, setting)
        on = [entry.category for entry in setting.logs if entry.enabled]
        if workspace and on and all(on):
            return _update(setting, on, missing, workspace.id)
    found = next((one for setting in settings if (one := _workspace_of(facts, setting))), None)
    if len(settings) >= _MOST_SETTINGS:
        return _full(settings, missing, found.id if found else _NO_WORKSPACE)
    advice = {"exported_advice": "exported_arc"} if facts.cluster.is_arc else {}
    names = {setting.name.lower() for setting in settings}
    name = _NEW_SETTING if _NEW_SETTING not in names else f"{_NEW_SETTING}-2"
    return {**advice, "setting": name, "logs": _logs(missing), "workspace": found.id if found else _NO_WORKSPACE}


def _update(setting: DiagnosticSetting, on: list[str], missing: list[str], workspace: str) -> dict[str, str]:
    """Add categories to a setting; all that kube-audit-admin would bring comes with kube-audit already."""
    kept = [one for one in on if str(Category.AUDIT) not in missing or one.lower() != Category.AUDIT_ADMIN]
    return {
        "exported_advice": "exported_update",
        "setting": setting.name,
        "logs": _logs([*kept, *missing]),
        "workspace": workspace,
    }


def _full(settings: tuple[DiagnosticSetting, ...], missing: list[str], workspace: str) -> dict[str, str]:
    """Say which setting makes room where there are as many as a resource takes: one without audit logs, if any."""
    audit = {str(one) for one in Category}
    plain = [one for one in settings if one.destinations and one.logs and all(entry.category for entry in one.logs)]
    if plain:
        on = [entry.category for entry in plain[0].logs if entry.enabled]
        return _update(plain[0], on, missing, workspace)
    idle = [one for one in settings if not any(entry.enabled for entry in one.logs)]
    other = [one for one in settings if not audit & {entry.category.lower() for entry in one.logs}]
    replaced = (idle or other or list(settings))[0]
    return {
        "exported_advice": "exported_full",
        "setting": replaced.name,
        "logs": _logs(missing),
        "workspace": workspace,
    }


def _delivered(facts: ClusterFacts, stores: Mapping[Category, tuple[Kept, ...]]) -> dict[str, str]:
    """Say what mends the first destination that is broken and name all others, where none of a category works."""
    every = [one for kept in stores.values() if all(one.state is LinkState.GAP for one in kept) for one in kept]
    if not every:
        return {}
    broken = every[0]
    return {
        "delivered_advice": f"delivered_{broken.remedy}" if broken.remedy else "delivered",
        "broken_setting": broken.setting,
        "broken_workspace": _other_workspace(facts, broken.setting),
        "broken_more": _more(broken.reason, (one.reason for one in every)),
        **_place("broken", broken.destination),
    }


def _other_workspace(facts: ClusterFacts, name: str) -> str:
    """Find a workspace that works for a setting: one that gets none of its logs yet, since Azure refuses them twice."""
    settings = () if isinstance(facts.settings, CollectionError) else facts.settings
    mine = {one for setting in settings if setting.name == name for one in _carried(facts, setting)}
    for setting in settings:
        workspace = _workspace_of(facts, setting)
        if workspace is None:
            continue
        there = [one for one in settings if any(place.key == workspace.key for place in one.destinations)]
        if not any(mine & _carried(facts, one) for one in there if one.name != name):
            return workspace.id
    return _NO_WORKSPACE


def _carried(facts: ClusterFacts, setting: DiagnosticSetting) -> set[str]:
    """Give the names of all that a setting exports: its entries, and the audit logs that its groups hold."""
    entries = {entry.text.lower() for entry in setting.logs if entry.enabled}
    return entries | {str(one) for one in Category for found in exporters(facts, one) if found.setting is setting}


def _more(first: str, reasons: Iterable[str]) -> str:
    """Name what else is to be mended, as further sentences; empty where there is nothing else."""
    others = [one for one in dict.fromkeys(reasons) if one != first]
    return "".join(f" Mend as well: {one}." for one in others)


def _retained(stores: Mapping[Category, tuple[Kept, ...]], rule: RuleSettings) -> dict[str, str]:
    """Say what keeps records for longer: the table's number of days, or the storage account's lifecycle policy."""
    short: list[tuple[Kept, str]] = []
    for kept in stores.values():
        working = [one for one in kept if one.state is not LinkState.GAP]
        if not working or any(one.retention.at_least >= rule.min_retention_days for one in working):
            continue
        table = next((one for one in working if one.table), None)
        storage = next(
            (one for one in working if one.destination and one.destination.kind is DestinationKind.STORAGE), None
        )
        chosen = table or storage
        if chosen is not None:
            short.append((chosen, "" if table else "retained_storage"))
    if not short:
        return {}
    chosen, advice = short[0]
    return {
        **({"retained_advice": advice} if advice else {}),
        "table": chosen.table,
        "store_setting": chosen.setting,
        "store_more": _more(chosen.retention.reason, (one.retention.reason for one, _ in short)),
        **_place("store", chosen.destination),
    }


def _place(prefix: str, destination: Destination | None) -> dict[str, str]:
    """Give the parts of a destination's id that commands ask for."""
    if destination is None:
        return {}
    return {
        f"{prefix}_id": destination.id,
        f"{prefix}_name": destination.id.rpartition("/")[2],
        f"{prefix}_subscription": part_of(destination.id, "subscriptions"),
        f"{prefix}_resource_group": part_of(destination.id, "resourcegroups"),
    }


def _workspace_of(facts: ClusterFacts, setting: DiagnosticSetting) -> Destination | None:
    """Give the workspace that a setting sends to, if it was read and takes records."""
    for one in setting.destinations:
        store = facts.stores.get(one.key)
        is_taking = isinstance(store, Workspace) and store.ingestion not in REFUSING
        if isinstance(store, Workspace) and is_taking and store.provisioning_state != DELETING:
            return one
    return None


def _logs(categories: list[str]) -> str:
    """Give the list of log settings as the command takes it."""
    names = dict.fromkeys(categories)
    return json.dumps([{"category": name, "enabled": True} for name in names], separators=(",", ":"))
