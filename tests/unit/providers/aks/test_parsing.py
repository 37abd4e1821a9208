"""What Azure writes is read in every form in which it writes it, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

import pytest

from providers.aks.discovery import may
from providers.aks.facts import DestinationKind, LifecycleRule, Subscription, part_of
from providers.aks.parsing import (
    cluster_of,
    groups_of,
    lifecycle_of,
    namespace_of,
    namespace_state_of,
    setting_of,
    storage_of,
    subscription_of,
    table_of,
    transformations_of,
    workspace_of,
)
from providers.aks.permissions import LIST_CLUSTERS
from providers.aks.shapes import mapping, name_of, number, objects, switch, text, texts
from tests.unit.providers.aks.builders import (
    NAMESPACE_ID,
    PARTNER_ID,
    RULE_ID,
    STORAGE_ID,
    SUBSCRIPTION,
    WORKSPACE_ID,
    connected,
    managed,
    setting,
)

OWNER = Subscription(SUBSCRIPTION)


def test_a_list_and_resource_graph_give_the_same_cluster() -> None:
    """Resource Graph writes the type in lower case and null for what is absent."""
    listed = managed(apiServerAccessProfile={"enablePrivateCluster": True})
    row = {
        **listed,
        "type": "microsoft.containerservice/managedclusters",
        "kind": "",
        "subscriptionId": SUBSCRIPTION,
        "properties": {**listed["properties"], "privateFQDN": None, "connectivityStatus": None},
    }
    assert cluster_of(listed, OWNER, LIST_CLUSTERS) == cluster_of(row, OWNER, LIST_CLUSTERS)


def test_a_cluster_is_read_in_full() -> None:
    found = cluster_of(managed(disableLocalAccounts=False), OWNER, LIST_CLUSTERS)
    assert (found.version, found.provisioning_state, found.power_state) == ("1.34.1", "Succeeded", "Running")
    assert (found.rbac, found.entra, found.azure_rbac, found.local_accounts) == (True, True, True, True)
    assert found.more == {"fqdn": "prod-1.hcp.westeurope.azmk8s.io"}
    assert found.resource_group == "platform"
    assert not found.is_arc


def test_a_cluster_of_long_ago_says_less() -> None:
    fields: dict[str, object] = dict.fromkeys(
        ("powerState", "currentKubernetesVersion", "disableLocalAccounts", "aadProfile", "enableRBAC"), ...
    )
    found = cluster_of(managed(**fields), OWNER, LIST_CLUSTERS)
    assert (found.version, found.power_state, found.rbac, found.local_accounts) == ("1.34", "", None, None)
    assert not found.entra


@pytest.mark.parametrize(("kind", "provisioned"), [(None, False), ("ProvisionedCluster", True), ("AWS", False)])
def test_a_connected_cluster_has_a_kind(kind: str | None, provisioned: bool) -> None:  # noqa: FBT001 - parametrised
    found = cluster_of(connected(kind), OWNER, LIST_CLUSTERS)
    assert (found.is_arc, found.is_elsewhere) == (True, not provisioned)


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {**managed(), "id": None},
        {**managed(), "name": 7},
        {**managed(), "properties": []},
        {**managed(), "properties": None},
        managed(enableRBAC="true"),
        managed(aadProfile="on"),
        managed(powerState="Running"),
        managed(currentKubernetesVersion=1.34),
    ],
)
def test_a_cluster_of_another_shape_is_an_error(resource: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        cluster_of(resource, OWNER, LIST_CLUSTERS)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"category": "kube-audit", "enabled": True}, ("kube-audit", "", True, 0)),
        ({"category": "kube-audit", "categoryGroup": None, "enabled": True}, ("kube-audit", "", True, 0)),
        ({"category": None, "categoryGroup": "allLogs", "enabled": True}, ("", "allLogs", True, 0)),
        ({"categoryGroup": "audit", "enabled": False}, ("", "audit", False, 0)),
        (
            {"category": "guard", "enabled": True, "retentionPolicy": {"enabled": True, "days": 90}},
            ("guard", "", True, 90),
        ),
        (
            {"category": "guard", "enabled": True, "retentionPolicy": {"enabled": False, "days": 90}},
            ("guard", "", True, 0),
        ),
    ],
)
def test_an_entry_of_a_setting_names_a_category_or_a_group(entry: dict[str, Any], expected: tuple[object, ...]) -> None:
    [found] = setting_of(setting(entry)).logs
    assert (found.category, found.group, found.enabled, found.retention_days) == expected


def test_a_setting_may_have_every_kind_of_destination() -> None:
    found = setting_of(
        setting(
            "kube-audit",
            workspaceId=WORKSPACE_ID,
            logAnalyticsDestinationType="dedicated",
            storageAccountId=STORAGE_ID,
            eventHubAuthorizationRuleId=RULE_ID,
            eventHubName="audit",
            marketplacePartnerId=PARTNER_ID,
            serviceBusRuleId="/subscriptions/x/rule",
        )
    )
    assert [(one.kind, one.id, one.hub) for one in found.destinations] == [
        (DestinationKind.WORKSPACE, WORKSPACE_ID, ""),
        (DestinationKind.STORAGE, STORAGE_ID, ""),
        (DestinationKind.EVENT_HUB, NAMESPACE_ID, "audit"),
        (DestinationKind.PARTNER, PARTNER_ID, ""),
        (DestinationKind.SERVICE_BUS, "/subscriptions/x/rule", ""),
    ]
    assert found.dedicated


@pytest.mark.parametrize("empty", [{"workspaceId": None}, {"workspaceId": ""}, {"storageAccountId": ""}])
def test_a_setting_may_have_no_destination(empty: dict[str, Any]) -> None:
    assert setting_of({"name": "x", "properties": {"logs": [], **empty}}).destinations == ()


@pytest.mark.parametrize("logs", [{}, {"logs": None}, {"logs": []}])
def test_a_setting_of_metrics_alone_needs_no_logs(logs: dict[str, Any]) -> None:
    metrics = [{"category": "AllMetrics", "enabled": True}]
    assert setting_of({"name": "x", "properties": {"metrics": metrics, **logs}}).logs == ()


@pytest.mark.parametrize(
    ("parse", "node", "words"),
    [
        (setting_of, {"name": "x"}, "properties is missing"),
        (setting_of, {"name": "x", "properties": None}, "properties is missing"),
        (setting_of, {"name": "x", "properties": {"workspaceId": WORKSPACE_ID}}, "logs is missing"),
        (setting_of, {"name": "x", "properties": {"logs": None, "metrics": []}}, "logs is missing"),
        (setting_of, setting({"category": "guard"}), "enabled is missing"),
        (setting_of, setting({"category": "guard", "enabled": None}), "enabled is missing"),
        (workspace_of, {"id": WORKSPACE_ID}, "properties is missing"),
        (storage_of, {"id": STORAGE_ID}, "properties is missing"),
        (namespace_state_of, {"id": NAMESPACE_ID}, "properties is missing"),
        (table_of, {"name": "AKSAudit"}, "properties is missing"),
        (lifecycle_of, {}, "properties is missing"),
        (lifecycle_of, {"properties": {}}, "policy is missing"),
        (transformations_of, {}, "properties is missing"),
    ],
)
def test_half_an_answer_is_an_error(parse: Any, node: dict[str, Any], words: str) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match=words):
        parse(node)


def test_category_groups_are_null_absent_or_several() -> None:
    def category(name: str, **properties: object) -> dict[str, Any]:
        return {"name": name, "properties": {"categoryType": "Logs", **properties}}

    assert groups_of(
        (
            category("kube-audit", categoryGroups=["audit", "allLogs"]),
            category("Guard", categoryGroups=["allLogs"]),
            category("kube-scheduler", categoryGroups=None),
            category("cluster-autoscaler", categoryGroups=[]),
            category("csi-snapshot-controller"),
            {"name": "AllMetrics", "properties": {"categoryType": "Metrics", "categoryGroups": ["allLogs"]}},
        )
    ) == {"audit": {"kube-audit"}, "alllogs": {"kube-audit", "guard"}}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"retentionInDays": 30}, (30, None, "")),
        ({"retentionInDays": 30, "workspaceCapping": {"dailyQuotaGb": -1.0}}, (30, None, "")),
        (
            {"workspaceCapping": {"dailyQuotaGb": 0.5, "dataIngestionStatus": "OverQuota"}},
            (None, 0.5, "OverQuota"),
        ),
    ],
)
def test_a_workspace_has_a_retention_and_perhaps_a_cap(
    properties: dict[str, Any], expected: tuple[object, ...]
) -> None:
    found = workspace_of({"id": WORKSPACE_ID, "properties": properties})
    assert (found.retention_days, found.daily_cap_gb, found.ingestion) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"plan": "Basic", "retentionInDays": 30, "totalRetentionInDays": 365}, ("Basic", 30, 365)),
        ({"retentionInDays": -1, "totalRetentionInDays": -1}, ("Analytics", None, None)),
        ({"plan": "Auxiliary", "totalRetentionInDays": 30}, ("Auxiliary", None, 30)),
        ({}, ("Analytics", None, None)),
    ],
)
def test_a_table_has_its_own_retention_or_the_workspaces(
    properties: dict[str, Any], expected: tuple[object, ...]
) -> None:
    found = table_of({"properties": properties})
    assert (found.plan, found.days, found.total_days) == expected


def test_a_rule_that_passes_records_on_unchanged_is_no_transformation() -> None:
    flows = [
        {"streams": ["Microsoft-Table-AKSAudit"], "transformKql": "source"},
        {
            "streams": ["Microsoft-table-aksauditadmin", "Microsoft-Table-AzureDiagnostics"],
            "transformKql": "source | take 0",
        },
        {"streams": ["Microsoft-Table-AKSControlPlane"]},
    ]
    assert transformations_of({"properties": {"dataFlows": flows}}) == {
        "aksauditadmin": "source | take 0",
        "azurediagnostics": "source | take 0",
    }


@pytest.mark.parametrize(
    ("acls", "closed"),
    [
        (None, False),
        ({"defaultAction": "Allow", "bypass": "None"}, False),
        ({"defaultAction": "Deny", "bypass": "AzureServices"}, False),
        ({"defaultAction": "Deny", "bypass": "Logging, Metrics, AzureServices"}, False),
        ({"defaultAction": "Deny", "bypass": "Logging, Metrics"}, True),
        ({"defaultAction": "Deny"}, True),
    ],
)
def test_a_firewall_may_keep_azures_own_services_out(acls: object, closed: bool) -> None:  # noqa: FBT001 - parametrised
    assert storage_of({"id": STORAGE_ID, "properties": {"networkAcls": acls}}).is_closed is closed


def rule(*, enabled: object = True, filters: object = None, **delete: object) -> dict[str, Any]:
    actions = {"baseBlob": {"delete": delete} if delete else {"tierToCool": {"daysAfterModificationGreaterThan": 1}}}
    return {
        "name": "r",
        "enabled": enabled,
        "type": "Lifecycle",
        "definition": {"actions": actions, "filters": filters},
    }


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (rule(daysAfterModificationGreaterThan=30), LifecycleRule("r", 30, ())),
        (rule(enabled=None, daysAfterModificationGreaterThan=30.0), LifecycleRule("r", 30, ())),
        (
            rule(daysAfterModificationGreaterThan=30, daysAfterCreationGreaterThan=20),
            LifecycleRule("r", 20, ()),
        ),
        (rule(daysAfterLastAccessTimeGreaterThan=9), LifecycleRule("r", 9, (), is_conditional=True)),
        (
            rule(filters={"blobTypes": ["appendBlob"], "prefixMatch": ["logs"]}, daysAfterCreationGreaterThan=5),
            LifecycleRule("r", 5, ("logs",)),
        ),
        (
            rule(filters={"blobIndexMatch": [{"name": "a", "op": "==", "value": "b"}]}, daysAfterCreationGreaterThan=5),
            LifecycleRule("r", 5, (), is_conditional=True),
        ),
        (rule(filters={"blobTypes": ["blockBlob"]}, daysAfterCreationGreaterThan=5), None),
        (rule(enabled=False, daysAfterCreationGreaterThan=5), None),
        (rule(), None),
    ],
)
def test_only_rules_that_delete_append_blobs_count(node: dict[str, Any], expected: LifecycleRule | None) -> None:
    found = lifecycle_of({"properties": {"policy": {"rules": [node]}}})
    assert found == (() if expected is None else (expected,))


def test_subscriptions_of_either_api() -> None:
    listed = {"subscriptionId": SUBSCRIPTION.upper(), "displayName": "payments", "state": "Warned"}
    row = {"subscriptionId": SUBSCRIPTION, "name": "payments", "state": "Warned"}
    assert subscription_of(listed) == subscription_of(row) == Subscription(SUBSCRIPTION, "payments", "Warned")
    assert subscription_of(row).is_active
    assert not Subscription("x", "", "Disabled").is_active


def test_parts_of_a_resource_id() -> None:
    assert part_of(PARTNER_ID, "subscriptions") == SUBSCRIPTION
    assert part_of(PARTNER_ID.upper(), "resourcegroups") == "PLATFORM"
    assert part_of("/subscriptions", "subscriptions") == part_of("x", "y") == ""
    assert namespace_of(PARTNER_ID) == "Microsoft.Datadog/monitors"
    assert namespace_of("/subscriptions/x") == ""


@pytest.mark.parametrize(
    ("allowed", "answer"),
    [
        ([], False),
        ([{"actions": ["*"], "notActions": []}], True),
        ([{"actions": ["*/read"], "notActions": []}], True),
        ([{"actions": ["microsoft.containerservice/*"], "notActions": []}], True),
        ([{"actions": ["Microsoft.ContainerService/managedClusters/write"], "notActions": []}], False),
        ([{"actions": ["*"], "notActions": ["Microsoft.ContainerService/*/read"]}], False),
        (
            [
                {"actions": ["*"], "notActions": ["Microsoft.ContainerService/*/read"]},
                {"actions": [LIST_CLUSTERS], "notActions": []},
            ],
            True,
        ),
    ],
)
def test_roles_add_up_and_each_leaves_out_what_it_leaves_out(allowed: Any, answer: bool) -> None:  # noqa: ANN401, FBT001
    assert may(allowed, LIST_CLUSTERS) is answer


@pytest.mark.parametrize(
    ("take", "wrong"),
    [
        (mapping, []),
        (objects, {}),
        (objects, ["x"]),
        (texts, "x"),
        (texts, [1]),
        (text, 1),
        (name_of, ""),
        (name_of, None),
        (switch, "true"),
        (switch, 1),
        (number, "1"),
        (number, True),
    ],
)
def test_another_type_than_the_documented_one_is_an_error(take: Any, wrong: object) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match=r"^field is "):
        take({"field": wrong}, "field")


@pytest.mark.parametrize(
    ("take", "nothing"), [(mapping, {}), (objects, ()), (texts, ()), (text, ""), (switch, None), (number, None)]
)
def test_null_and_absent_are_the_same(take: Any, nothing: object) -> None:  # noqa: ANN401
    assert take({"field": None}, "field") == take({}, "field") == nothing
