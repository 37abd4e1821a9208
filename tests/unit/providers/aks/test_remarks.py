"""What a report says of a cluster beside the links."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from providers.aks.facts import Category, Read, StorageAccount, Subscription, Table, Workspace
from providers.aks.permissions import QUERY_LOGS
from scanner.model import ClusterObservation, LinkState
from tests.unit.providers.aks.builders import (
    CLUSTER_ID,
    NOW,
    STORAGE_ID,
    SUBSCRIPTION,
    WORKSPACE_ID,
    channel,
    connected,
    denied,
    facts,
    gone,
    managed,
    observe,
    setting,
)

KEY = WORKSPACE_ID.lower()
STORES = {KEY: Workspace(WORKSPACE_ID, "c0ffee", 90, None, "")}
BOTH = setting("kube-audit", "guard")


def notes(cluster: ClusterObservation) -> list[str]:
    return [note.text for note in cluster.notes]


def test_a_usual_cluster_needs_no_remark() -> None:
    found = observe(facts(managed(), BOTH, stores=STORES, tables={(KEY, "AKSAudit"): Table("Analytics", 90, 90)}))
    assert notes(found) == []
    assert [(fact.name, fact.value) for fact in found.facts] == [
        ("subscription", "payments"),
        ("resource group", "platform"),
        ("provisioning state", "Succeeded"),
        ("power state", "Running"),
        ("Kubernetes RBAC", "on"),
        ("Microsoft Entra integration", "on"),
        ("Azure RBAC", "on"),
        ("local accounts", "off"),
        ("fqdn", "prod-1.hcp.westeurope.azmk8s.io"),
        ("diagnostic settings", "audit to Log Analytics workspace logs"),
    ]
    read = {fact.name: fact.evidence.value for fact in found.facts}
    assert (read["local accounts"], read["Microsoft Entra integration"]) == ("true", "present")
    assert found.ref.id == CLUSTER_ID
    assert found.ref.account_id == SUBSCRIPTION
    assert found.parameters["identity"] == "application 42"


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (managed(powerState={"code": "Stopped"}), "the cluster is stopped: it serves no requests"),
        (managed(provisioningState="Failed"), "the cluster's last operation left it Failed"),
        (managed(provisioningState="Creating"), "the cluster's last operation left it Creating"),
        (managed(disableLocalAccounts=False), "local accounts are on: whoever has the cluster's admin certificate"),
        (managed(disableLocalAccounts=...), "local accounts are on"),
        (managed(aadProfile=None), "guard is exported but stays empty: Microsoft Entra integration is off"),
    ],
)
def test_what_a_cluster_is_like_is_remarked_upon(resource: dict[str, Any], words: str) -> None:
    [note] = notes(observe(facts(resource, BOTH, stores=STORES)))
    assert note.startswith(words)


def test_a_cluster_of_arc_has_no_remark_on_logins() -> None:
    assert notes(observe(facts(connected()))) == []


def test_a_disabled_subscription_is_remarked_upon() -> None:
    found = observe(facts(managed(), BOTH, stores=STORES, subscription=Subscription(SUBSCRIPTION, "", "Disabled")))
    assert notes(found) == ["the subscription is Disabled: Azure stops its resources, and its logs may have ended"]
    assert found.facts[0].value == SUBSCRIPTION


def test_what_kube_audit_admin_gives_up_is_said() -> None:
    [note] = notes(observe(facts(managed(), setting("kube-audit-admin", "guard"), stores=STORES)))
    assert note.startswith("kube-audit-admin costs less because it leaves out get and list: whoever only looks")


def test_records_that_are_paid_for_twice() -> None:
    [note] = notes(observe(facts(managed(), setting("kube-audit", "kube-audit-admin"), stores=STORES)))
    assert note.startswith("kube-audit and kube-audit-admin both go to Log Analytics workspace logs")


def test_records_that_nobody_can_query() -> None:
    stores = {STORAGE_ID.lower(): StorageAccount(STORAGE_ID, is_closed=False, rules=())}
    entry = {"category": "kube-audit", "enabled": True, "retentionPolicy": {"enabled": True, "days": 365}}
    found = notes(observe(facts(managed(), setting(entry, storageAccountId=STORAGE_ID), stores=stores)))
    assert found[0].startswith("audit records are kept (storage account archive), but no Log Analytics workspace")
    assert found[1] == (
        "diagnostic setting audit asks for 365 days of retention, which Azure no longer acts upon: the storage"
        " account's lifecycle policy decides"
    )


@pytest.mark.parametrize(("ingestion", "near"), [("RespectQuota", False), ("ApproachingQuota", True)])
def test_a_daily_cap_can_be_used_up_by_whoever_makes_noise(ingestion: str, near: bool) -> None:  # noqa: FBT001
    stores = {KEY: Workspace(WORKSPACE_ID, "c", 90, 2.5, ingestion)}
    [note] = notes(observe(facts(managed(), BOTH, stores=stores)))
    assert note.startswith("Log Analytics workspace logs takes at most 2.5 GB a day")
    assert ("and is close to it today" in note) is near


def test_tables_that_can_hardly_be_queried() -> None:
    tables: dict[tuple[str, str], Read[Table]] = {
        (KEY, "AKSAudit"): Table("Basic", 30, 365),
        (KEY, "AKSControlPlane"): denied("x"),
    }
    plan, days = notes(observe(facts(managed(), BOTH, stores=STORES, tables=tables)))
    assert plan.startswith("table AKSAudit of Log Analytics workspace logs has the plan Basic")
    assert days.endswith("can be queried for 30 days; older records, up to 365 days, take a search job")


def test_everything_that_could_not_be_read_is_listed_with_its_permission() -> None:
    found = facts(
        managed(),
        BOTH,
        groups=denied("groups"),
        stores={
            KEY: denied("workspace"),
            STORAGE_ID: StorageAccount(STORAGE_ID, is_closed=False, rules=denied("rules")),
        },
        tables={(KEY, "AKSAudit"): denied("table")},
        transformations={"x": denied("transformation")},
        newest={KEY: denied("query")},
    )
    assert [one.permission for one in observe(found).unread] == [
        "groups", "workspace", "rules", "table", "transformation", "query",
    ]  # fmt: skip
    assert [one.permission for one in observe(facts(managed(), unread=denied("settings"))).unread] == ["settings"]


def newest(**records: datetime) -> dict[str, dict[str, datetime]]:
    return {KEY: {name.replace("_", "-"): when for name, when in records.items()}}


@pytest.mark.parametrize(
    ("found", "resource", "log", "state", "words"),
    [
        (
            newest(kube_audit=NOW - timedelta(hours=1)),
            managed(),
            "kube-audit",
            "ok",
            "is of 2026-03-01T11:00:00Z, within",
        ),
        (
            newest(kube_audit=NOW - timedelta(days=2)),
            managed(),
            "kube-audit",
            "unknown",
            "a running API server writes some",
        ),
        (
            newest(),
            managed(),
            "kube-audit",
            "unknown",
            "no kube-audit record arrived in Log Analytics workspace logs",
        ),
        (newest(), managed(powerState={"code": "Stopped"}), "kube-audit", "unknown", "the cluster does not run"),
        (newest(), managed(), "guard", "unknown", "nobody may have logged in"),
        ({KEY: denied(QUERY_LOGS)}, managed(), "kube-audit", "unknown", "could not be queried"),
        ({}, managed(), "kube-audit", "unknown", "was not queried"),
    ],
)
def test_a_record_that_arrived_is_observed(
    found: dict[str, Any], resource: dict[str, Any], log: str, state: str, words: str
) -> None:
    seen = observe(facts(resource, BOTH, stores=STORES, newest=found), observe=True)
    check = channel(seen, log).observed
    assert check is not None
    assert check.state == state
    assert words in check.reason


def test_without_a_workspace_there_is_nothing_to_query() -> None:
    stores = {STORAGE_ID.lower(): StorageAccount(STORAGE_ID, is_closed=False, rules=())}
    seen = observe(facts(managed(), setting("kube-audit", storageAccountId=STORAGE_ID), stores=stores), observe=True)
    sent, not_sent = (channel(seen, log).observed for log in ("kube-audit", "guard"))
    assert sent and not_sent  # noqa: PT018 - for mypy
    assert sent.state is not_sent.state is LinkState.UNKNOWN
    assert sent.reason.startswith("kube-audit is sent to no workspace")
    assert not_sent.reason.startswith("guard is not exported")


def test_the_best_of_several_workspaces_is_what_counts() -> None:
    second = f"{WORKSPACE_ID}2"
    settings = (setting("kube-audit", name="a"), setting("kube-audit", name="b", workspaceId=second))
    stores = {KEY: STORES[KEY], second.lower(): gone("x")}
    seen = observe(facts(managed(), *settings, stores=stores, newest=newest(kube_audit=NOW)), observe=True)
    check = channel(seen, "kube-audit").observed
    assert check is not None
    assert check.state is LinkState.OK


def test_it_is_not_looked_for_unless_it_is_asked_for() -> None:
    assert channel(observe(facts(managed(), BOTH, stores=STORES)), Category.AUDIT).observed is None


def test_a_further_destination_that_could_not_be_read_is_told_beside_the_one_that_takes_the_records() -> None:
    archive = setting("kube-audit", "guard", name="archive", storageAccountId=STORAGE_ID)
    stores = {**STORES, STORAGE_ID.lower(): denied("Microsoft.Storage/storageAccounts/read")}
    found = observe(facts(managed(), BOTH, archive, stores=stores))
    assert channel(found, "kube-audit").delivered.state is LinkState.OK
    [told] = notes(found)
    assert told.startswith("kube-audit reaches another destination; whether it reaches this one is not known: ")
    assert told.endswith("Microsoft.Storage/storageAccounts/read is denied")
