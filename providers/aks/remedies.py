"""The values that fill the advice of ``scanner/knowledge`` for one cluster, and which piece of advice fits it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from providers.aks.facts import (
    Category,
    ClusterFacts,
    Destination,
    DestinationKind,
    DiagnosticSetting,
    part_of,
)
from providers.aks.stores import Kept
from scanner.errors import CollectionError
from scanner.model import LinkState, RuleSettings

_NEW_SETTING: Final = "k8s-audit-coverage"
_NO_WORKSPACE: Final = "WORKSPACE_RESOURCE_ID"


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
        **_delivered(stores),
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
            return {
                "exported_advice": "exported_update",
                "setting": setting.name,
                "logs": _logs([*on, *missing]),
                "workspace": workspace.id,
            }
    found = next((one for setting in settings if (one := _workspace_of(facts, setting))), None)
    advice = {"exported_advice": "exported_arc"} if facts.cluster.is_arc else {}
    names = {setting.name.lower() for setting in settings}
    name = _NEW_SETTING if _NEW_SETTING not in names else f"{_NEW_SETTING}-2"
    return {**advice, "setting": name, "logs": _logs(missing), "workspace": found.id if found else _NO_WORKSPACE}


def _delivered(stores: Mapping[Category, tuple[Kept, ...]]) -> dict[str, str]:
    """Say what mends the first destination that is broken, where no other one of its category works."""
    for kept in stores.values():
        if kept and all(one.state is LinkState.GAP for one in kept):
            broken = kept[0]
            destination = broken.destination
            return {
                "delivered_advice": f"delivered_{broken.remedy}" if broken.remedy else "delivered",
                "broken_setting": broken.setting,
                **_place("broken", destination),
            }
    return {}


def _retained(stores: Mapping[Category, tuple[Kept, ...]], rule: RuleSettings) -> dict[str, str]:
    """Say what keeps records for longer: the table's number of days, or the storage account's lifecycle policy."""
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
            advice = {} if table else {"retained_advice": "retained_storage"}
            place = _place("store", chosen.destination)
            return {**advice, "table": chosen.table, "store_setting": chosen.setting, **place}
    return {}


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
    """Give the workspace that a setting sends to, unless it is not there or cannot be read."""
    return next(
        (
            one
            for one in setting.destinations
            if one.kind is DestinationKind.WORKSPACE and not isinstance(facts.stores.get(one.key), CollectionError)
        ),
        None,
    )


def _logs(categories: list[str]) -> str:
    """Give the list of log settings as the command takes it."""
    names = dict.fromkeys(categories)
    return json.dumps([{"category": name, "enabled": True} for name in names], separators=(",", ":"))
