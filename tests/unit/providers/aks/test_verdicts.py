"""What the rule says of a cluster, from what was read to the verdict; without any call."""

from __future__ import annotations

from typing import Any

import pytest

from providers.aks.facts import Existing, Groups, LifecycleRule, Read, StorageAccount, Store, Table, Workspace
from providers.aks.failures import NotRegisteredError
from scanner.assessment import assess
from scanner.errors import CollectionError, NotFound
from scanner.knowledge import provider_knowledge
from scanner.model import (
    Capability,
    ClusterResult,
    Grade,
    Link,
    LinkState,
    Recorded,
    RequestCategory,
    RuleSettings,
    Status,
)
from tests.unit.providers.aks.builders import (
    ARC_ID,
    NAMESPACE_ID,
    PARTNER_ID,
    RULE_ID,
    STORAGE_ID,
    TRANSFORMATION_ID,
    WORKSPACE_ID,
    channel,
    connected,
    denied,
    facts,
    gone,
    group,
    managed,
    observe,
    off,
    setting,
)

KEY = WORKSPACE_ID.lower()
WORKSPACE = Workspace(WORKSPACE_ID, "c0ffee", 90, None, "RespectQuota")
TABLES = {
    (KEY, name): Table("Analytics", None, None)
    for name in ("AKSAudit", "AKSAuditAdmin", "AKSControlPlane", "AzureDiagnostics", "ArcK8sAudit")
}
READABLE: dict[str, Any] = {"stores": {KEY: WORKSPACE}, "tables": TABLES}
WITHOUT_ENTRA = managed(aadProfile=...)
AUTHENTICATION, API_CALLS, DENIALS = RequestCategory


def judge(
    resource: dict[str, Any] | None = None,
    *settings: dict[str, Any],
    rule: dict[str, Any] | None = None,
    **more: Any,  # noqa: ANN401 - the fields of ClusterFacts
) -> ClusterResult:
    """Judge a cluster whose workspace can be read, unless it is said otherwise."""
    found = facts(resource, *settings, **{**READABLE, **more})
    return assess(observe(found, **(rule or {})), RuleSettings(**(rule or {})))


def grades(result: ClusterResult) -> tuple[Grade, ...]:
    """Give the proven grade of each category, in the order of the rule."""
    return tuple(finding.at_least for finding in result.findings)


def link(result: ClusterResult, category: RequestCategory, which: Link) -> tuple[LinkState, str]:
    """Give the state of a link and its reason."""
    [finding] = [one for one in result.findings if one.category is category]
    return finding.links[which].state, finding.links[which].reason


@pytest.mark.parametrize(
    ("resource", "logs", "expected", "status"),
    [
        (None, ["kube-audit", "guard"], (Grade.COMPLETE, Grade.COMPLETE, Grade.COMPLETE), Status.PASS),
        (None, ["kube-audit"], (Grade.PARTIAL, Grade.COMPLETE, Grade.COMPLETE), Status.FAIL),
        (None, ["kube-audit-admin"], (Grade.PARTIAL, Grade.PARTIAL, Grade.PARTIAL), Status.FAIL),
        (None, ["kube-audit-admin", "guard"], (Grade.MINIMUM, Grade.PARTIAL, Grade.PARTIAL), Status.FAIL),
        (None, ["guard"], (Grade.MINIMUM, Grade.NONE, Grade.NONE), Status.FAIL),
        (None, ["kube-apiserver"], (Grade.NONE, Grade.NONE, Grade.NONE), Status.FAIL),
        (None, [group("allLogs")], (Grade.COMPLETE, Grade.COMPLETE, Grade.COMPLETE), Status.PASS),
        (WITHOUT_ENTRA, ["kube-audit"], (Grade.COMPLETE, Grade.COMPLETE, Grade.COMPLETE), Status.PASS),
        (WITHOUT_ENTRA, ["guard"], (Grade.NONE, Grade.NONE, Grade.NONE), Status.FAIL),
        (WITHOUT_ENTRA, ["kube-audit-admin"], (Grade.PARTIAL, Grade.PARTIAL, Grade.PARTIAL), Status.FAIL),
    ],
)
def test_each_category_is_graded_by_the_logs_that_carry_it(
    resource: dict[str, Any] | None, logs: list[Any], expected: tuple[Grade, ...], status: Status
) -> None:
    result = judge(resource, setting(*logs))
    assert (grades(result), result.status) == (expected, status)


def test_a_complete_cluster_says_so_in_the_words_of_the_rule() -> None:
    result = judge(None, setting("kube-audit", "guard"))
    assert result.message == "Audit policy covers 3 event categories at Metadata logging level."
    assert {one.recorded for one in result.capabilities} == {Recorded.YES}
    assert result.remediations == ()


def test_settings_count_together() -> None:
    """One setting may bring kube-audit to a storage account, another one guard to a workspace."""
    archive = {STORAGE_ID.lower(): StorageAccount(STORAGE_ID, is_closed=False, rules=())}
    result = judge(
        None,
        setting("kube-audit", name="archive", storageAccountId=STORAGE_ID, workspaceId=None),
        setting("guard", off("kube-audit")),
        stores={KEY: WORKSPACE, **archive},
    )
    assert result.status is Status.PASS
    assert any("no Log Analytics workspace holds them" in note.text for note in result.notes)


def test_what_is_missing_stands_in_the_reason_and_the_command() -> None:
    result = judge(None, setting("kube-audit-admin", "kube-apiserver"))
    state, reason = link(result, API_CALLS, Link.EXPORTED)
    assert state is LinkState.GAP
    assert reason == (
        "kube-audit is not exported: it is not in the logs of diagnostic setting audit: get and list requests leave no"
        " audit event"
    )
    [advice] = result.remediations
    assert advice.code == (
        "az monitor diagnostic-settings update --name audit \\\n"
        f"  --resource {result.ref.id} \\\n"
        '  --logs \'[{"category":"kube-apiserver","enabled":true},'
        '{"category":"kube-audit","enabled":true},{"category":"guard","enabled":true}]\''
    )
    assert "kube-audit-admin leaves these out" in advice.text


def test_a_cluster_without_settings_gets_a_new_one() -> None:
    result = judge(None)
    assert link(result, DENIALS, Link.EXPORTED) == (
        LinkState.GAP,
        "kube-audit is not exported: the cluster has no diagnostic setting",
    )
    [advice] = result.remediations
    assert advice.code.splitlines()[0].startswith("az monitor diagnostic-settings create --name k8s-audit-coverage")
    assert "--workspace WORKSPACE_RESOURCE_ID --export-to-resource-specific true" in advice.code


@pytest.mark.parametrize(
    "store",
    [
        gone("x"),
        denied("x"),
        None,
        Workspace(WORKSPACE_ID, "c", 90, None, "OverQuota"),
        Workspace(WORKSPACE_ID, "c", 90, None, "", "", "Deleting"),
    ],
)
def test_nothing_is_to_be_sent_to_a_workspace_that_takes_nothing(store: Read[Store] | None) -> None:
    result = judge(None, setting("kube-apiserver"), stores={} if store is None else {KEY: store})
    [advice] = [one for one in result.remediations if one.title == "Export the missing log categories"]
    assert "--workspace WORKSPACE_RESOURCE_ID" in advice.code


def test_a_fifth_setting_is_updated_or_named_as_the_one_to_replace() -> None:
    """A resource takes five."""
    groups = {"audit": frozenset({"guard"})}
    others = [setting(group("audit"), name=f"g{number}") for number in range(4)]
    archive = setting("kube-scheduler", name="archive", storageAccountId=STORAGE_ID)
    [advice] = judge(None, *others, archive, groups=groups).remediations
    assert "diagnostic-settings update --name archive" in advice.code
    idle = setting(group("allLogs", enabled=False), name="idle")
    [advice] = judge(None, *others, idle, groups=groups).remediations
    assert advice.code.startswith("az monitor diagnostic-settings delete --name idle")
    assert f"--workspace {WORKSPACE_ID}" in advice.code


def test_no_category_is_sent_to_the_same_workspace_twice() -> None:
    """Azure refuses it: guard is there already, by the other setting."""
    broken = setting("kube-audit", "guard", name="archive", storageAccountId=STORAGE_ID)
    stores = {KEY: WORKSPACE, STORAGE_ID.lower(): gone("x")}
    result = judge(None, broken, setting("guard", name="b"), stores=stores)
    [advice] = [one for one in result.remediations if "destination" in one.title]
    assert "--name archive" in advice.code
    assert "--workspace-id WORKSPACE_RESOURCE_ID" in advice.code
    result = judge(None, broken, setting("kube-scheduler", name="b"), stores=stores)
    [advice] = [one for one in result.remediations if "destination" in one.title]
    assert f"--workspace-id {WORKSPACE_ID}" in advice.code


def test_every_destination_that_is_broken_or_short_is_named() -> None:
    stores = {KEY: gone("x"), STORAGE_ID.lower(): StorageAccount(STORAGE_ID, is_closed=True, rules=())}
    archive = setting("guard", name="archive", storageAccountId=STORAGE_ID)
    result = judge(None, setting("kube-audit"), archive, stores=stores)
    [advice] = [one for one in result.remediations if "destination" in one.title]
    assert advice.text.endswith(
        " Mend as well: diagnostic setting archive sends its logs to storage account archive, whose firewall keeps"
        " Azure's own services out."
    )
    short = {(KEY, name): Table("Analytics", 7, None) for name in ("AKSAudit", "AKSControlPlane")}
    [advice] = judge(None, setting("kube-audit", "guard"), tables=short).remediations
    assert advice.text.endswith(
        " Mend as well: table AKSControlPlane of Log Analytics workspace logs keeps records for 7 days."
    )


def test_a_setting_with_groups_is_not_mixed_with_categories() -> None:
    """Azure refuses a setting that holds both; the workspace is known from it all the same."""
    groups = {"audit": frozenset({"kube-audit-admin", "guard"})}
    result = judge(None, setting(group("audit"), name="k8s-audit-coverage"), groups=groups)
    [advice] = result.remediations
    assert "create --name k8s-audit-coverage-2" in advice.code
    assert f"--workspace {WORKSPACE_ID}" in advice.code
    assert '[{"category":"kube-audit","enabled":true}]' in advice.code


@pytest.mark.parametrize(
    ("groups", "state"),
    [
        ({"audit": frozenset({"kube-audit", "guard"})}, LinkState.OK),
        ({"audit": frozenset({"kube-audit-admin", "guard"})}, LinkState.GAP),
        ({"alllogs": frozenset({"kube-audit"})}, LinkState.UNKNOWN),
        ({}, LinkState.UNKNOWN),
        (denied("Microsoft.Insights/diagnosticSettingsCategories/read"), LinkState.UNKNOWN),
        (None, LinkState.UNKNOWN),
    ],
)
def test_a_category_group_holds_what_azure_says_and_nothing_is_assumed(
    groups: Read[Groups] | None, state: LinkState
) -> None:
    result = judge(None, setting(group("audit")), groups=groups)
    found, reason = link(result, API_CALLS, Link.EXPORTED)
    assert found is state
    if isinstance(groups, CollectionError):
        assert "what category group audit of diagnostic setting audit holds could not be read" in reason
        assert "Microsoft.Insights/diagnosticSettingsCategories/read" in result.permissions_missing
        assert result.status is Status.UNKNOWN
    elif state is LinkState.UNKNOWN and groups is not None:
        assert "holds is not known: Azure names no category of the group" in reason


def test_a_group_that_cannot_be_resolved_does_not_matter_beside_the_category_itself() -> None:
    result = judge(None, setting(group("audit"), name="groups"), setting("kube-audit", "guard"), groups=denied("x"))
    assert result.status is Status.PASS


@pytest.mark.parametrize(
    "resolved", [{"alllogs": frozenset({"kube-audit", "guard"})}, {"alllogs": frozenset({"guard"})}, {}, denied("x")]
)
def test_all_logs_are_all_logs_whether_they_can_be_listed_or_not(resolved: Read[Groups]) -> None:
    result = judge(None, setting(group("allLogs")), groups=resolved)
    assert result.status is Status.PASS
    assert "by category group allLogs" in link(result, API_CALLS, Link.EXPORTED)[1]


def test_unread_settings_are_unknown_and_name_the_permission() -> None:
    action = "Microsoft.Insights/diagnosticSettings/read"
    result = judge(None, unread=denied(action))
    assert result.status is Status.UNKNOWN
    assert result.permissions_missing == (action,)
    for finding in result.findings:
        assert finding.links[Link.EXPORTED].state is LinkState.UNKNOWN
        assert finding.links[Link.DELIVERED].state is LinkState.UNKNOWN
        assert finding.links[Link.RETAINED].state is LinkState.UNKNOWN
        assert finding.links[Link.GENERATED].state is LinkState.OK


def test_a_setting_without_destination_is_a_gap() -> None:
    result = judge(None, setting("kube-audit", "guard", workspaceId=None, storageAccountId=""))
    assert link(result, API_CALLS, Link.DELIVERED) == (LinkState.GAP, "diagnostic setting audit has no destination")
    assert result.status is Status.FAIL
    [advice] = [one for one in result.remediations if "destination" in one.title]
    assert "diagnostic-settings update --name audit" in advice.code
    assert "--workspace-id WORKSPACE_RESOURCE_ID" in advice.code


def test_a_deleted_workspace_is_a_gap() -> None:
    result = judge(
        None, setting("kube-audit", "guard"), stores={KEY: gone("Microsoft.OperationalInsights/workspaces/read")}
    )
    state, reason = link(result, API_CALLS, Link.DELIVERED)
    assert state is LinkState.GAP
    assert reason == "diagnostic setting audit sends its logs to Log Analytics workspace logs, which does not exist"
    assert all(one.recorded is Recorded.NO for one in result.capabilities)


def test_one_destination_that_works_is_enough() -> None:
    account = {STORAGE_ID.lower(): StorageAccount(STORAGE_ID, is_closed=False, rules=())}
    result = judge(
        None,
        setting("kube-audit", "guard", workspaceId=WORKSPACE_ID, storageAccountId=STORAGE_ID),
        stores={KEY: gone("x"), **account},
    )
    assert result.status is Status.PASS


@pytest.mark.parametrize(
    ("properties", "key", "store", "state", "words"),
    [
        (
            {"storageAccountId": STORAGE_ID},
            STORAGE_ID,
            StorageAccount(STORAGE_ID, is_closed=False, rules=()),
            "ok",
            "storage account archive",
        ),
        (
            {"storageAccountId": STORAGE_ID},
            STORAGE_ID,
            StorageAccount(STORAGE_ID, is_closed=True, rules=()),
            "gap",
            "whose firewall keeps Azure's own services out",
        ),
        ({"storageAccountId": STORAGE_ID}, STORAGE_ID, gone("x"), "gap", "which does not exist"),
        (
            {"storageAccountId": STORAGE_ID},
            STORAGE_ID,
            denied("Microsoft.Storage/storageAccounts/read"),
            "unknown",
            "which could not be read",
        ),
        ({"storageAccountId": STORAGE_ID}, STORAGE_ID, NotRegisteredError("x"), "gap", "which does not exist"),
        ({"storageAccountId": STORAGE_ID}, STORAGE_ID, NotFound("x"), "unknown", "which could not be read"),
        (
            {"eventHubAuthorizationRuleId": RULE_ID, "eventHubName": "audit"},
            NAMESPACE_ID,
            Existing(NAMESPACE_ID),
            "ok",
            "event hub siem/audit, whose namespace is there (the hub and its authorization rule were not read)",
        ),
        (
            {"eventHubAuthorizationRuleId": RULE_ID},
            NAMESPACE_ID,
            Existing(NAMESPACE_ID, "Disabled"),
            "gap",
            "event hub siem, whose namespace is Disabled",
        ),
        (
            {"eventHubAuthorizationRuleId": RULE_ID},
            NAMESPACE_ID,
            Existing(NAMESPACE_ID, "Restoring"),
            "unknown",
            "event hub siem, whose namespace is Restoring",
        ),
        (
            {"eventHubAuthorizationRuleId": RULE_ID},
            NAMESPACE_ID,
            gone("x"),
            "gap",
            "event hub siem, which does not exist",
        ),
        ({"marketplacePartnerId": PARTNER_ID}, PARTNER_ID, Existing(PARTNER_ID), "ok", "partner solution dd"),
        (
            {"marketplacePartnerId": PARTNER_ID},
            PARTNER_ID,
            CollectionError("not seen", permission="Microsoft.Datadog/monitors/read"),
            "unknown",
            "not seen",
        ),
        ({"serviceBusRuleId": RULE_ID}, RULE_ID, CollectionError("not looked at"), "unknown", "not looked at"),
        ({"storageAccountId": STORAGE_ID}, "nowhere", Existing("x"), "unknown", "which was not read"),
        (
            {"eventHubAuthorizationRuleId": WORKSPACE_ID},
            KEY,
            WORKSPACE,
            "unknown",
            "event hub logs, which was not read",
        ),
    ],
)
def test_each_kind_of_destination_is_judged_by_what_can_be_read(
    properties: dict[str, Any], key: str, store: Read[Store], state: str, words: str
) -> None:
    result = judge(None, setting("kube-audit", **properties), stores={key.lower(): store})
    found, reason = link(result, API_CALLS, Link.DELIVERED)
    assert found == state
    assert words in reason
    if isinstance(store, CollectionError) and store.permission:
        assert store.permission in result.permissions_missing


@pytest.mark.parametrize(
    ("ingestion", "why", "command"),
    [
        ("OverQuota", "its daily cap is reached", "--workspace-name logs --quota -1"),
        ("ForceOff", "a service intervention by Azure", "az account show"),
        ("SubscriptionSuspended", "its subscription is suspended", "az account show"),
    ],
)
def test_a_workspace_that_drops_records_is_a_gap(ingestion: str, why: str, command: str) -> None:
    stores = {KEY: Workspace(WORKSPACE_ID, "c", 90, 5, ingestion)}
    result = judge(None, setting("kube-audit", "guard"), stores=stores)
    state, reason = link(result, API_CALLS, Link.DELIVERED)
    assert state is LinkState.GAP
    assert why in reason
    assert any(command in advice.code for advice in result.remediations)


def test_a_workspace_that_is_being_deleted_is_a_gap() -> None:
    stores = {KEY: Workspace(WORKSPACE_ID, "c", 90, None, "", "", "Deleting")}
    result = judge(None, setting("kube-audit", "guard"), stores=stores)
    state, reason = link(result, API_CALLS, Link.DELIVERED)
    assert (state, reason.rpartition(", ")[2]) == (LinkState.GAP, "which is being deleted")


def test_a_closed_storage_account_is_opened_for_azure_by_the_advice() -> None:
    stores = {STORAGE_ID.lower(): StorageAccount(STORAGE_ID, is_closed=True, rules=())}
    result = judge(None, setting("kube-audit", "guard", storageAccountId=STORAGE_ID), stores=stores)
    assert any(f"az storage account update --ids {STORAGE_ID} --bypass" in one.code for one in result.remediations)


@pytest.mark.parametrize(
    ("transformations", "state", "words"),
    [
        ({}, LinkState.OK, ""),
        ({TRANSFORMATION_ID.lower(): {"akscontrolplane": "source | where Category == 'guard'"}}, LinkState.OK, ""),
        (
            {TRANSFORMATION_ID.lower(): {"aksaudit": "source | where Verb != 'get'"}},
            LinkState.UNKNOWN,
            "data collection rule trim may drop records: source | where Verb != 'get'",
        ),
        (
            {TRANSFORMATION_ID.lower(): denied("Microsoft.Insights/dataCollectionRules/read")},
            LinkState.UNKNOWN,
            "data collection rule trim may drop records and could not be read",
        ),
    ],
)
def test_a_transformation_that_may_drop_records_leaves_it_open(
    transformations: dict[str, Read[dict[str, str]]], state: LinkState, words: str
) -> None:
    stores = {KEY: Workspace(WORKSPACE_ID, "c", 90, None, "", TRANSFORMATION_ID)}
    result = judge(None, setting("kube-audit", "guard"), stores=stores, transformations=transformations)
    found, reason = link(result, API_CALLS, Link.DELIVERED)
    assert found is state
    assert words in reason


@pytest.mark.parametrize(
    ("table", "state", "words"),
    [
        (
            Table("Analytics", 30, 365),
            "ok",
            "table AKSAudit of Log Analytics workspace logs keeps records for 365 days",
        ),
        (Table("Analytics", 180, None), "ok", "keeps records for 180 days"),
        (Table("Analytics", None, None), "ok", "keeps records for 90 days"),
        (Table("Basic", 30, 30), "gap", "keeps records for 30 days; 60 days are required"),
        (Table("Analytics", None, 1), "gap", "keeps records for 1 day;"),
        (gone("Microsoft.OperationalInsights/workspaces/tables/read"), "unknown", "does not exist yet"),
        (denied("Microsoft.OperationalInsights/workspaces/tables/read"), "unknown", "could not be read"),
    ],
)
def test_a_table_keeps_records_as_long_as_it_says_or_else_the_workspace(
    table: Read[Table], state: str, words: str
) -> None:
    result = judge(None, setting("kube-audit"), tables={(KEY, "AKSAudit"): table}, rule={"min_retention_days": 60})
    found, reason = link(result, API_CALLS, Link.RETAINED)
    assert found == state
    assert words in reason
    if state == "gap":
        command = "--workspace-name logs \\\n  --name AKSAudit --total-retention-time 60"
        assert any(command in one.code for one in result.remediations)


def test_without_resource_specific_tables_the_records_are_in_azurediagnostics() -> None:
    tables = {(KEY, "AzureDiagnostics"): Table("Analytics", 7, None)}
    result = judge(None, setting("kube-audit", workspaceId=WORKSPACE_ID), tables=tables)
    assert link(result, API_CALLS, Link.RETAINED) == (
        LinkState.GAP,
        "table AzureDiagnostics of Log Analytics workspace logs keeps records for 7 days; 30 days are required",
    )


def test_a_workspace_that_says_nothing_of_retention_leaves_it_open() -> None:
    stores = {KEY: Workspace(WORKSPACE_ID, "c", None, None, "")}
    result = judge(None, setting("kube-audit"), stores=stores)
    assert link(result, API_CALLS, Link.RETAINED)[0] is LinkState.UNKNOWN


@pytest.mark.parametrize(
    ("rules", "state", "words"),
    [
        ((), "ok", "storage account archive deletes no blobs of kube-audit"),
        ((LifecycleRule("old", 7, ("logs/",)),), "ok", "deletes no blobs"),
        ((LifecycleRule("old", 400, ()),), "ok", "deletes its blobs after 400 days"),
        (
            (LifecycleRule("old", 7, ()),),
            "gap",
            "lifecycle rule old of storage account archive deletes its blobs after 7",
        ),
        ((LifecycleRule("old", 7, ("insights-logs",)),), "gap", "after 7 days"),
        ((LifecycleRule("old", 7, ("insights-logs-kube-audit/",)),), "gap", "after 7 days"),
        ((LifecycleRule("old", 7, ("insights-logs-kube-audit-admin",)),), "ok", "deletes no blobs"),
        ((LifecycleRule("old", 7, ("insights-logs-kube-audit/resourceId=/X",)),), "unknown", "some of its blobs"),
        ((LifecycleRule("old", 7, (), is_conditional=True),), "unknown", "some of its blobs"),
        (denied("Microsoft.Storage/storageAccounts/managementPolicies/read"), "unknown", "could not be read"),
    ],
)
def test_a_storage_account_keeps_blobs_until_its_lifecycle_policy_deletes_them(
    rules: Read[tuple[LifecycleRule, ...]], state: str, words: str
) -> None:
    stores = {STORAGE_ID.lower(): StorageAccount(STORAGE_ID, is_closed=False, rules=rules)}
    result = judge(None, setting("kube-audit", storageAccountId=STORAGE_ID), stores=stores)
    found, reason = link(result, API_CALLS, Link.RETAINED)
    assert found == state
    assert words in reason
    if state == "gap":
        assert any("az storage account management-policy show" in one.code for one in result.remediations)


def test_the_longest_of_several_stores_counts() -> None:
    """A workspace for a week and an archive for ever: they are kept."""
    archive = StorageAccount(STORAGE_ID, is_closed=False, rules=())
    result = judge(
        None,
        setting("kube-audit", workspaceId=WORKSPACE_ID, storageAccountId=STORAGE_ID),
        stores={KEY: WORKSPACE, STORAGE_ID.lower(): archive},
        tables={(KEY, "AzureDiagnostics"): Table("Analytics", 7, None)},
    )
    assert link(result, API_CALLS, Link.RETAINED)[0] is LinkState.OK


def test_an_event_hub_beside_a_short_table_leaves_retention_open() -> None:
    result = judge(
        None,
        setting("kube-audit", workspaceId=WORKSPACE_ID, eventHubAuthorizationRuleId=RULE_ID),
        stores={KEY: WORKSPACE, NAMESPACE_ID.lower(): Existing(NAMESPACE_ID)},
        tables={(KEY, "AzureDiagnostics"): Table("Analytics", 7, None)},
    )
    state, reason = link(result, API_CALLS, Link.RETAINED)
    assert state is LinkState.UNKNOWN
    assert "for 7 days; how long what reads event hub siem keeps records is not known to Azure" in reason


def test_a_cluster_without_rbac_denies_nothing() -> None:
    result = judge(managed(enableRBAC=False), setting("kube-audit", "guard"))
    state, reason = link(result, DENIALS, Link.GENERATED)
    assert state is LinkState.GAP
    assert reason.startswith("Kubernetes RBAC is off (enableRBAC: false)")
    assert result.status is Status.FAIL
    assert any(one.title == "Move to a cluster with Kubernetes RBAC" for one in result.remediations)


def test_a_cluster_that_does_not_say_whether_rbac_is_on_is_unknown() -> None:
    result = judge(managed(enableRBAC=...), setting("kube-audit", "guard"))
    assert link(result, DENIALS, Link.GENERATED)[0] is LinkState.UNKNOWN
    assert result.status is Status.UNKNOWN


def test_a_cluster_that_arc_only_connects_cannot_be_judged() -> None:
    result = judge(connected())
    assert result.status is Status.UNKNOWN
    assert result.ref.id == ARC_ID
    state, reason = link(result, API_CALLS, Link.GENERATED)
    assert state is LinkState.UNKNOWN
    assert reason.startswith("Azure Arc only connects this cluster (k3s generic); its control plane runs elsewhere")
    assert link(result, API_CALLS, Link.EXPORTED)[0] is LinkState.UNKNOWN


def test_aks_on_azure_local_without_a_setting_is_a_gap() -> None:
    result = judge(connected("ProvisionedCluster"))
    assert result.status is Status.FAIL
    assert link(result, API_CALLS, Link.EXPORTED)[0] is LinkState.GAP


def test_aks_on_azure_local_with_a_setting_is_unknown() -> None:
    result = judge(connected("provisionedCluster"), setting("kube-audit"))
    assert result.status is Status.UNKNOWN
    assert "takes the cluster extension Microsoft.AKSArc.AzureMonitor" in link(result, API_CALLS, Link.EXPORTED)[1]
    seen = observe(facts(connected("ProvisionedCluster"), setting("kube-audit"), **READABLE))
    assert channel(seen, "kube-audit-without-entra").delivered.reason.endswith("workspace logs, table ArcK8sAudit")


def test_aks_on_azure_local_needs_an_extension_first() -> None:
    [advice] = judge(connected("ProvisionedCluster")).remediations
    assert advice.code.startswith("az k8s-extension create --subscription 11112222-3333-4444-5555-666677778888")
    assert '--logs \'[{"category":"kube-audit","enabled":true}]\'' in advice.code


def test_a_cluster_that_arc_only_connects_gets_no_advice_that_does_not_fit() -> None:
    assert judge(connected()).remediations == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([setting(off("kube-audit"))], "it is switched off in diagnostic setting audit"),
        (
            [setting("guard"), setting("kube-scheduler", name="b")],
            "it is not in the logs of diagnostic setting audit, b",
        ),
        (
            [setting("guard"), setting(group("audit"), name="b")],
            "it is not in the logs of diagnostic setting audit or category group audit of diagnostic setting b",
        ),
        ([setting({"categoryGroup": "audit", "enabled": False})], "it is not in any diagnostic setting"),
    ],
)
def test_why_a_category_is_not_exported(settings: list[dict[str, Any]], words: str) -> None:
    result = judge(None, *settings, groups={"audit": frozenset({"guard"})})
    assert link(result, API_CALLS, Link.EXPORTED)[1].startswith(f"kube-audit is not exported: {words}")


def test_no_advice_has_an_empty_place() -> None:
    """Every value that a text names is there in every state that shows the text."""
    refusing = ("OverQuota", "ForceOff")
    closed = StorageAccount(STORAGE_ID, is_closed=True, rules=())
    brief = StorageAccount(STORAGE_ID, is_closed=False, rules=(LifecycleRule("old", 7, ()),))
    short = {(KEY, name): Table("Analytics", 7, None) for name in ("AKSAudit", "AKSControlPlane")}
    shown = [
        judge(None),
        judge(None, setting(group("audit")), groups={"audit": frozenset()}),
        judge(None, setting("kube-audit-admin")),
        judge(None, setting("kube-audit", "guard", workspaceId=None)),
        judge(None, setting("kube-audit", "guard"), stores={KEY: gone("x")}),
        judge(None, setting("kube-audit", "guard"), tables=short),
        judge(None, setting("kube-audit", "guard"), tables=short, rule={"min_retention_days": 5000}),
        *(
            judge(None, setting("kube-audit"), stores={KEY: Workspace(WORKSPACE_ID, "c", 9, 1, one)})
            for one in refusing
        ),
        judge(None, setting("kube-audit", storageAccountId=STORAGE_ID), stores={STORAGE_ID.lower(): closed}),
        judge(None, setting("kube-audit", storageAccountId=STORAGE_ID), stores={STORAGE_ID.lower(): brief}),
        judge(managed(enableRBAC=False), setting("kube-audit")),
        judge(connected("ProvisionedCluster")),
        judge(connected(), setting("kube-audit")),
    ]
    texts = [part for result in shown for one in result.remediations for part in (one.text, one.code)]
    titles = {one.title for result in shown for one in result.remediations}
    assert titles == {one.title for one in provider_knowledge("aks").remediation.values()}
    assert not [text for text in texts if "$" in text]


def test_more_days_than_a_table_can_keep_take_a_storage_account() -> None:
    result = judge(None, setting("kube-audit", "guard"), rule={"min_retention_days": 5000})
    [advice] = [one for one in result.remediations if one.title == "Keep the records longer"]
    assert advice.code.startswith("az monitor diagnostic-settings update --name audit \\\n  --resource /subscriptions/")


def test_a_log_without_get_and_list_records_what_is_made_and_not_what_is_read() -> None:
    recorded = {one.capability: one.recorded for one in judge(None, setting("kube-audit-admin", "guard")).capabilities}
    assert recorded == {
        Capability.SECRET_READS: Recorded.PARTLY,
        Capability.POD_CREATION: Recorded.YES,
        Capability.POD_EXEC: Recorded.PARTLY,
        Capability.RBAC_CHANGES: Recorded.YES,
        Capability.TOKEN_REQUESTS: Recorded.YES,
        Capability.DELETECOLLECTION: Recorded.YES,
        Capability.IMPERSONATION: Recorded.PARTLY,
        Capability.DISCOVERY: Recorded.NO,
    }
