"""Whatever goes wrong is told: what failed, where, what to do; and it costs no more than what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from providers.aks import failures
from scanner.assessment import assess
from scanner.errors import Malformed
from scanner.model import FailureKind, Link, LinkState, RuleSettings, Status
from tests.emulators.azure import AzureEmulator, Fault
from tests.unit.providers.aks.builders import NOW, channel
from tests.unit.providers.aks.conftest import Collect

LISTS = "managedClusters"


def patience(fault: Fault) -> float:
    """Give the seconds to wait for an answer: few only where it does not come, since the machine may be busy."""
    return 0.5 if fault.kind in {"hang", "trickle"} else 30.0


@pytest.fixture
def place(emulator: AzureEmulator) -> str:
    """Give a subscription with one cluster that passes."""
    azure = emulator.azure
    found = azure.subscription()
    workspace = azure.workspace(found)
    cluster = azure.cluster(found, "prod")
    azure.setting(cluster, "kube-audit", "guard", workspaceId=workspace, logAnalyticsDestinationType="Dedicated")
    return found


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("status", LISTS, status=500), "unreachable", "still answered HTTP 500 after 1 attempt"),
        (Fault("status", LISTS, status=503), "unreachable", "still answered HTTP 503 after 1 attempt"),
        (Fault("status", LISTS, status=408), "unreachable", "still answered HTTP 408"),
        (Fault("status", LISTS, status=429), "throttled", "was still throttled after 1 attempt"),
        (Fault("status", LISTS, status=409, code="Conflict"), "malformed", "was refused: Conflict: It went wrong"),
        (Fault("status", LISTS, status=400, code="BadRequest"), "malformed", "was refused: BadRequest"),
        (Fault("status", LISTS, status=401, code="ExpiredAuthenticationToken"), "credentials", "does not accept"),
        (Fault("status", LISTS, status=404, code="SubscriptionNotFound"), "not_found", "finds nothing: Subscr"),
        (Fault("status", LISTS, status=302), "malformed", "it is a redirect (HTTP 302)"),
        (Fault("body", LISTS, status=200, body="<html>"), "malformed", "its body is no JSON"),
        (Fault("body", LISTS, status=200, body="[]"), "malformed", "its body is no JSON object"),
        (Fault("body", LISTS, status=200, body="{}"), "malformed", "value is no list"),
        (Fault("body", LISTS, status=200, body='{"value": [7]}'), "malformed", "value is no list of objects"),
        (Fault("body", LISTS, status=502, body="Bad gateway"), "unreachable", "HTTP 502"),
        (Fault("body", LISTS, status=403, body="no"), "permission", "managedClusters/read is denied"),
        (Fault("body", LISTS, status=400, body='{"error": "odd"}'), "malformed", "was refused: odd"),
        (Fault("body", LISTS, status=400, body='{"Message": "old"}'), "malformed", "was refused: old"),
        (Fault("body", LISTS, status=400, body=""), "malformed", "was refused: HTTP 400"),
        (Fault("body", LISTS, status=400, body="[]"), "malformed", "was refused: HTTP 400"),
        (Fault("drop", LISTS), "unreachable", "could not be reached"),
        (Fault("truncate", LISTS), "unreachable", "could not be reached"),
        (Fault("hang", LISTS, seconds=3), "timeout", "gave no answer in time"),
        (Fault("trickle", LISTS, seconds=3), "timeout", "gave no answer in time"),
    ],
)  # fmt: skip
async def test_a_list_that_fails_fails_the_account_and_says_why(
    emulator: AzureEmulator, collect: Collect, place: str, fault: Fault, kind: str, words: str
) -> None:
    emulator.azure.faults.append(fault)
    found = await collect(subscription=place, arc=False, scan={"call_timeout": patience(fault)})
    [failure] = found.failures
    assert found.clusters == {}
    assert (failure.kind, failure.whole_account) == (kind, True)
    assert words in failure.reason
    assert failure.scope == f"AKS clusters of subscription {place}"
    assert failure.operation == "Microsoft.ContainerService/managedClusters/read"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", LISTS, times=2, status=503),
        Fault("status", LISTS, times=2, status=429, headers={"Retry-After": "0"}),
        Fault("status", LISTS, times=1, status=429, headers={"Retry-After": "1"}),
        Fault("drop", LISTS, times=2),
        Fault("truncate", LISTS, times=1),
        Fault("trickle", LISTS, times=1, seconds=2),
        Fault("status", "ResourceGraph", times=2, status=503),
        Fault("drop", "ResourceGraph", times=1),
    ],
)
async def test_what_passes_is_tried_again(emulator: AzureEmulator, collect: Collect, place: str, fault: Fault) -> None:
    emulator.azure.faults.append(fault)
    scope: dict[str, Any] = {"tenant": True} if fault.path == "ResourceGraph" else {"subscription": place}
    found = await collect(**scope, scan={"retries": 3, "call_timeout": patience(fault)})
    assert found.failures == []
    assert list(found.clusters) == ["prod"]


async def test_a_list_of_arc_that_fails_leaves_the_aks_clusters(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    emulator.azure.deny("Microsoft.Kubernetes/connectedClusters/read")
    found = await collect(subscription=place)
    assert list(found.clusters) == ["prod"]
    [failure] = found.failures
    assert (failure.permission, failure.whole_account) == ("Microsoft.Kubernetes/connectedClusters/read", False)


PERMISSIONS = [
    ("Microsoft.Insights/diagnosticSettings/read", Link.EXPORTED),
    ("Microsoft.OperationalInsights/workspaces/read", Link.DELIVERED),
    ("Microsoft.OperationalInsights/workspaces/tables/read", Link.RETAINED),
]


@pytest.mark.parametrize(("action", "link"), PERMISSIONS)
async def test_a_missing_permission_costs_its_own_link_and_is_named(
    emulator: AzureEmulator, collect: Collect, place: str, action: str, link: Link
) -> None:
    emulator.azure.deny(action)
    cluster = (await collect(subscription=place)).clusters["prod"]
    result = assess(cluster, RuleSettings(links=tuple(Link)[:4]))
    assert result.status is Status.UNKNOWN
    assert result.permissions_missing == (action,)
    before = tuple(Link)[: tuple(Link).index(link)]
    for finding in result.findings:
        assert finding.links[link].state is LinkState.UNKNOWN
        assert finding.links[link].permission == action
        assert {finding.links[one].state for one in before} == {LinkState.OK}
    assert any(action in one.text for one in result.remediations)


@pytest.mark.parametrize(
    ("action", "logs", "where"),
    [
        ("Microsoft.Insights/diagnosticSettingsCategories/read", "@audit", "workspaceId"),
        ("Microsoft.Insights/dataCollectionRules/read", "kube-audit", "workspaceId"),
        ("Microsoft.Storage/storageAccounts/read", "kube-audit", "storageAccountId"),
        ("Microsoft.Storage/storageAccounts/managementPolicies/read", "kube-audit", "storageAccountId"),
        ("Microsoft.EventHub/namespaces/read", "kube-audit", "eventHubAuthorizationRuleId"),
        ("Microsoft.Datadog/monitors/read", "kube-audit", "marketplacePartnerId"),
    ],
)
async def test_every_other_permission_is_named_as_well(
    emulator: AzureEmulator, collect: Collect, action: str, logs: str, where: str
) -> None:
    azure = emulator.azure
    subscription = azure.subscription()
    rule = azure.resource(subscription, "Microsoft.Insights/dataCollectionRules", "trim", properties={})
    ids = {
        "workspaceId": azure.workspace(subscription, defaultDataCollectionRuleResourceId=rule),
        "storageAccountId": azure.resource(subscription, "Microsoft.Storage/storageAccounts", "a", properties={}),
        "eventHubAuthorizationRuleId": azure.resource(
            subscription, "Microsoft.EventHub/namespaces", "e", properties={}
        ),
        "marketplacePartnerId": azure.resource(subscription, "Microsoft.Datadog/monitors", "d", properties={}),
    }
    azure.setting(azure.cluster(subscription, "prod"), logs, **{where: ids[where]})
    azure.deny(action)
    cluster = (await collect(subscription=subscription)).clusters["prod"]
    result = assess(cluster, RuleSettings(links=tuple(Link)[:4]))
    assert action in result.permissions_missing


async def test_a_query_that_is_not_allowed_is_told(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    emulator.azure.deny("Microsoft.OperationalInsights/workspaces/query/read")
    cluster = (await collect(subscription=place, rule={"observe": True})).clusters["prod"]
    check = channel(cluster, "kube-audit").observed
    assert check is not None
    assert (check.state, check.permission) == (
        LinkState.UNKNOWN,
        "Microsoft.OperationalInsights/workspaces/query/read",
    )


COLUMNS = '{"columns": [{"name": "id"}, {"name": "log"}, {"name": "newest"}]'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"tables": []}', "tables holds no table"),
        ('{"tables": [{"columns": [], "rows": [["x"]]}]}', "columns holds nothing in place of id, log and newest"),
        (f'{{"tables": [{COLUMNS}}}]}}', "rows is no list of rows"),
        (f'{{"tables": [{COLUMNS}, "rows": [["x"]]}}]}}', "rows is no list of rows with one value a column"),
        ('{"error": {"message": "only a part"}}', "it answers only in part: only a part"),
    ],
)
async def test_a_query_that_is_not_answered_in_full_is_unknown(
    emulator: AzureEmulator, collect: Collect, place: str, body: str, words: str
) -> None:
    emulator.azure.faults.append(Fault("body", "/v1/workspaces", status=200, body=body))
    cluster = (await collect(subscription=place, rule={"observe": True})).clusters["prod"]
    check = channel(cluster, "kube-audit").observed
    assert check is not None
    assert check.state is LinkState.UNKNOWN
    assert words in check.reason


async def test_the_name_of_a_subscription_is_not_needed(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    emulator.azure.deny("Microsoft.Resources/subscriptions/read")
    found = await collect(subscription=place)
    assert list(found.clusters) == ["prod"]
    assert found.failures == []
    assert found.notes[0].startswith(f"name and state of subscription {place} could not be read")


async def test_a_subscription_that_is_not_there_fails_the_account(collect: Collect) -> None:
    found = await collect(subscription="99999999-3333-4444-5555-666677778888")
    [failure] = found.failures
    assert (failure.kind, failure.whole_account) == (FailureKind.NOT_FOUND, True)
    assert "SubscriptionNotFound" in failure.reason
    assert failure.hint == "correct its id: those of another tenant are not found either"


async def test_subscriptions_that_resource_graph_does_not_show_are_told(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    """It leaves them out without a word, which is not the same as having no clusters."""
    hidden = emulator.azure.subscription(7)
    emulator.azure.deny("Microsoft.Resources/subscriptions/read", f"/subscriptions/{hidden}")
    emulator.azure.roles[:] = [type(emulator.azure.roles[0])(f"/subscriptions/{place}", ("*/read",))]
    absent = "99999999-3333-4444-5555-666677778888"
    found = await collect(subscriptions=[place, hidden, absent])
    assert list(found.clusters) == ["prod"]
    assert [one.scope for one in found.failures] == [f"subscription {hidden}", f"subscription {absent}"]
    assert {one.permission for one in found.failures} == {"Microsoft.Resources/subscriptions/read"}
    assert not any(one.whole_account for one in found.failures)


@pytest.mark.parametrize("scope", [{"management_group": "root"}, {"tenant": True}, {"management_group": "nowhere"}])
async def test_a_scope_without_a_subscription_to_be_seen_fails(
    emulator: AzureEmulator, collect: Collect, place: str, scope: dict[str, Any]
) -> None:
    emulator.azure.deny("Microsoft.Resources/subscriptions/read")
    [failure] = (await collect(**scope)).failures
    assert failure.whole_account
    assert failure.permission == "Microsoft.Resources/subscriptions/read"
    assert place


async def test_clusters_that_resource_graph_may_hide_are_told(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    emulator.azure.deny("Microsoft.ContainerService/managedClusters/read")
    found = await collect(subscriptions=[place])
    assert found.clusters == {}
    [failure] = found.failures
    assert failure.scope == f"AKS clusters of subscription {place}"
    assert failure.permission == "Microsoft.ContainerService/managedClusters/read"
    assert "Resource Graph leaves out what the identity may not read" in failure.reason


async def test_permissions_that_cannot_be_read_leave_it_open_what_is_hidden(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    emulator.azure.deny("Microsoft.Authorization/permissions/read")
    found = await collect(subscriptions=[place], arc=False)
    assert list(found.clusters) == ["prod"]
    [failure] = found.failures
    assert failure.permission == "Microsoft.Authorization/permissions/read"
    assert failure.reason.startswith("whether the identity may read them all could not be read")


async def test_a_broken_query_keeps_what_was_found(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    emulator.azure.cluster(place, "second")
    emulator.azure.cluster(place, "third")
    emulator.azure.page_size = 1
    emulator.azure.is_looping = True
    found = await collect(subscriptions=[place])
    assert sorted(found.clusters) == ["prod", "second"]
    [failure] = found.failures
    assert "its pages go round in a circle" in failure.reason
    listed = await collect(subscription=place, arc=False)
    assert "its pages go round in a circle" in listed.failures[0].reason
    assert not listed.failures[0].whole_account


async def test_rows_that_are_announced_and_do_not_come_are_missed(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    emulator.azure.cluster(place, "second")
    emulator.azure.lost_rows = 1
    found = await collect(tenant=True)
    assert "it announces 2 rows and gives 1" in found.failures[0].reason
    assert list(found.clusters) == ["second"]


@pytest.mark.parametrize("body", ["{}", '{"data": {}, "totalRecords": 0}', '{"data": [], "totalRecords": "many"}'])
async def test_an_answer_of_resource_graph_that_is_none(
    emulator: AzureEmulator, collect: Collect, place: str, body: str
) -> None:
    emulator.azure.faults.append(Fault("body", "ResourceGraph", status=200, body=body))
    [failure] = (await collect(subscriptions=[place])).failures
    assert (failure.kind, failure.whole_account) == (FailureKind.MALFORMED, True)


async def test_a_used_up_quota_of_resource_graph_is_waited_for(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    emulator.azure.quota = 1
    found = await collect(subscriptions=[place])
    assert found.failures == []
    assert list(found.clusters) == ["prod"]
    assert f"subscription {place}: the quota of Microsoft.ResourceGraph/resources/read to be reset" in found.waits


def test_a_quota_without_a_time_is_waited_for_as_documented() -> None:
    from providers.aks.graph import _until_reset  # noqa: PLC0415

    assert _until_reset({}) == 0
    assert _until_reset({"x-ms-user-quota-remaining": "0"}) == 5
    assert _until_reset({"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:01:02"}) == 62


async def test_a_deny_assignment_is_no_missing_role(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    fault = Fault("status", LISTS, status=403, code="DenyAssignmentAuthorizationFailed")
    emulator.azure.faults.append(fault)
    [failure] = (await collect(subscription=place, arc=False)).failures
    assert failure.hint.startswith("a deny assignment takes Microsoft.ContainerService/managedClusters/read away")


@pytest.mark.parametrize("kind", ["default", "environment"])
async def test_a_certificate_that_is_not_trusted_names_the_variable(
    collect: Collect, place: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    [failure] = (await collect(subscription=place, credential=kind)).failures
    assert (failure.kind, failure.operation, failure.whole_account) == ("unreachable", "azure.identity", True)
    assert failure.hint.startswith("let SSL_CERT_FILE name the certificates")


def test_an_error_that_is_translated_stays_as_it_is() -> None:
    error = Malformed("x")
    assert failures.translate(error, "op", "it") is error


def test_no_password_of_a_proxy_is_told() -> None:
    text = failures.one_line("cannot connect to https://user:secret@proxy.example.com:8080/path?token=1")
    assert text == "cannot connect to https://proxy.example.com:8080"
    assert failures.one_line(ValueError()) == "ValueError"


async def test_a_link_to_another_host_gets_no_token(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    """The emulator's links lead to management.azure.com, the real one: only their path is followed."""
    emulator.azure.cluster(place, "second")
    emulator.azure.page_size = 1
    found = await collect(subscription=place, arc=False)
    assert sorted(found.clusters) == ["prod", "second"]


@pytest.mark.parametrize(
    "target", ["https://evil.example.com/x", "//evil.example.com/x", "/subscriptions/../..", "x?y#z"]
)
async def test_a_destination_that_is_no_resource_id_leads_nowhere_else(
    emulator: AzureEmulator, collect: Collect, place: str, target: str
) -> None:
    """Whoever may write settings chooses these ids; no request and no token leaves for another host."""
    cluster = emulator.azure.cluster(place, "odd")
    emulator.azure.setting(cluster, "kube-audit", workspaceId=target)
    found = await collect(subscription=place, arc=False)
    check = channel(found.clusters["odd"], "kube-audit").delivered
    assert check.state in (LinkState.GAP, LinkState.UNKNOWN)
    assert "could not be reached" not in check.reason


@pytest.mark.parametrize("body", ["{}", '{"value": [{"properties": {"logs": 1}}]}'])
async def test_settings_of_another_shape_are_unknown(
    emulator: AzureEmulator, collect: Collect, place: str, body: str
) -> None:
    emulator.azure.faults.append(Fault("body", "diagnosticSettings", status=200, body=body))
    cluster = (await collect(subscription=place)).clusters["prod"]
    assert assess(cluster, RuleSettings()).status is Status.UNKNOWN
    assert "its body is not what the API describes" in channel(cluster, "kube-audit").exported.reason


async def test_an_account_that_leaves_out_all_its_subscriptions(collect: Collect, place: str) -> None:
    found = await collect(subscriptions=[place], exclude_subscriptions=["?*"])
    assert (found.clusters, found.failures) == ({}, [])
    assert found.notes == ["1 subscription is left out by exclude_subscriptions: subscription-1"]


NO_SUCH: Final = [
    (Fault("status", "", status=404, code="ResourceNotFound"), LinkState.GAP),
    (Fault("status", "", status=404, code="SubscriptionNotFound"), LinkState.UNKNOWN),
    (Fault("status", "", status=404, code=""), LinkState.UNKNOWN),
    (Fault("body", "", status=404, body="<html>nginx</html>"), LinkState.UNKNOWN),
]


@pytest.mark.parametrize(("fault", "state"), NO_SUCH)
async def test_only_azures_own_word_makes_a_destination_one_that_does_not_exist(
    emulator: AzureEmulator, collect: Collect, place: str, fault: Fault, state: LinkState
) -> None:
    """A proxy's page, or a subscription of another tenant, says nothing of the workspace."""
    emulator.azure.faults.append(replace(fault, path="/workspaces/logs"))
    cluster = (await collect(subscription=place)).clusters["prod"]
    assert channel(cluster, "kube-audit").delivered.state is state


@pytest.mark.parametrize(
    ("fault", "is_for_ever"),
    [
        (Fault("status", "", status=404, code="ManagementPolicyNotFound"), True),
        (Fault("status", "", status=404, code="ResourceNotFound"), True),
        (Fault("status", "", status=404, code="ResourceGroupNotFound"), False),
        (Fault("body", "", status=404, body="<html>nginx</html>"), False),
    ],
)
async def test_only_azures_own_word_makes_a_storage_account_one_without_a_policy(
    emulator: AzureEmulator, collect: Collect, fault: Fault, *, is_for_ever: bool
) -> None:
    azure = emulator.azure
    subscription = azure.subscription()
    account = azure.resource(subscription, "Microsoft.Storage/storageAccounts", "a", properties={})
    azure.setting(azure.cluster(subscription, "prod"), "kube-audit", storageAccountId=account)
    azure.faults.append(replace(fault, path="managementPolicies"))
    cluster = (await collect(subscription=subscription)).clusters["prod"]
    assert (channel(cluster, "kube-audit").retention.at_least > 0) is is_for_ever


async def test_categories_that_one_cluster_cannot_tell_are_asked_of_the_next(
    emulator: AzureEmulator, collect: Collect
) -> None:
    """The answer is the same for all clusters of a place, but what fails may be the one's own matter."""
    azure = emulator.azure
    subscription = azure.subscription()
    azure.groups["kube-audit"] = ["audit", "allLogs"]
    workspace = azure.workspace(subscription)
    for name in ("a", "b", "c"):
        azure.setting(azure.cluster(subscription, name), "@audit", workspaceId=workspace)
    azure.faults.append(Fault("status", "/a/providers/Microsoft.Insights/diagnosticSettingsCategories", status=403))
    found = (await collect(subscription=subscription, arc=False, scan={"max_calls": 1})).clusters
    states = {name: channel(one, "kube-audit").exported.state for name, one in found.items()}
    assert states == {"a": LinkState.UNKNOWN, "b": LinkState.OK, "c": LinkState.OK}
    asked = sum(count for (_, path), count in azure.calls.items() if "categories" in path.lower())
    assert asked in (2, 3)


@pytest.mark.parametrize(
    ("target", "answer", "words"),
    [
        (
            "workspaceId",
            '{"id": "/subscriptions/other", "properties": {}}',
            "id is /subscriptions/other, which was not",
        ),
        ("workspaceId", "{}", "id is missing"),
        ("eventHubAuthorizationRuleId", "", "is no id of an event hub's authorization rule"),
    ],
)
async def test_a_destination_that_answers_as_another_is_unknown(
    emulator: AzureEmulator, collect: Collect, place: str, target: str, answer: str, words: str
) -> None:
    workspace = next(key for key in emulator.azure.resources if key.endswith("/workspaces/logs"))
    emulator.azure.faults.append(Fault("body", "/workspaces/logs", status=200, body=answer))
    emulator.azure.setting(emulator.azure.cluster(place, "odd"), "kube-audit", **{target: workspace})
    check = channel((await collect(subscription=place, arc=False)).clusters["odd"], "kube-audit").delivered
    assert check.state is LinkState.UNKNOWN
    assert words in check.reason


@pytest.mark.parametrize("by_graph", [False, True])
async def test_a_cluster_that_cannot_be_understood_costs_no_other_one(
    emulator: AzureEmulator, collect: Collect, place: str, *, by_graph: bool
) -> None:
    emulator.azure.cluster(place, "odd", enableRBAC="yes")
    scope: dict[str, Any] = {"subscriptions": [place]} if by_graph else {"subscription": place}
    found = await collect(**scope)
    assert list(found.clusters) == ["prod"]
    [failure] = found.failures
    assert (failure.kind, failure.scope) == (FailureKind.MALFORMED, f"cluster odd in subscription {place}")
    assert "enableRBAC is no Boolean but str" in failure.reason
    assert not failure.whole_account


async def test_a_query_that_covers_only_some_subscriptions_is_told(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    second = emulator.azure.subscription(2)
    emulator.azure.cluster(second, "hidden")
    assert (await collect(subscriptions=[place, second])).failures == []
    emulator.azure.subscription_limit = 1
    found = await collect(management_group="root")
    [failure] = found.failures
    assert list(found.clusters) == ["prod"]
    assert "Resource Graph looked at some of the subscriptions only" in failure.reason
    [failure] = (await collect(management_group="root", exclude_subscriptions=["?*"])).failures
    assert failure.scope == "clusters of management group root"


async def test_a_scope_whose_subscriptions_are_all_switched_off_is_not_one_without_clusters(
    emulator: AzureEmulator, collect: Collect
) -> None:
    subscription = emulator.azure.subscription(3, state="Disabled", group="closed")
    emulator.azure.cluster(subscription, "prod")
    found = await collect(management_group="closed")
    [failure] = found.failures
    assert (failure.whole_account, failure.scope) == (True, "management group closed")
    assert failure.reason.startswith("none of its subscriptions is active")
    assert list((await collect(subscriptions=[subscription])).clusters) == ["prod"]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "subscription 99999999-3333-4444-5555-000000000000 is not to be seen"),
        (2, "none of the subscriptions 99999999-3333-4444-5555-000000000000, 99999999-3333-4444-5555-000000000001 is"),
        (12, "-000000000009 and 2 more is to be seen"),
    ],
)
async def test_subscriptions_of_which_none_is_to_be_seen_are_named(
    emulator: AzureEmulator, collect: Collect, count: int, words: str
) -> None:
    emulator.azure.subscription()
    [failure] = (await collect(subscriptions=[f"99999999-3333-4444-5555-{n:012d}" for n in range(count)])).failures
    assert words in failure.reason


async def test_an_exclusion_that_fits_nothing_is_told(collect: Collect, place: str) -> None:
    found = await collect(subscriptions=[place], exclude_subscriptions=["sandbox-*"])
    assert list(found.clusters) == ["prod"]
    assert found.notes == ["sandbox-* in exclude_subscriptions leaves out no subscription: none has that id or name"]


async def test_a_table_that_cannot_be_queried_is_no_table_without_records(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    workspace = next(key for key in emulator.azure.resources if key.endswith("/workspaces/logs"))
    cluster = next(key for key in emulator.azure.resources if key.endswith("/prod"))
    emulator.azure.table(workspace, "AKSAudit", plan="Basic", days=30)
    emulator.azure.records["customer-logs"] = [(cluster, log, NOW.isoformat()) for log in ("kube-audit", "guard")]
    seen = (await collect(subscription=place, rule={"observe": True})).clusters["prod"]
    basic, other = channel(seen, "kube-audit").observed, channel(seen, "guard").observed
    assert basic is not None
    assert other is not None
    assert (basic.state, other.state) == (LinkState.UNKNOWN, LinkState.OK)
    assert basic.reason == (
        "table AKSAudit of Log Analytics workspace logs has the plan Basic, which cannot be queried this way"
    )


async def test_a_resource_of_another_tenant_says_so(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    fault = Fault("status", "/workspaces/logs", status=401, code="InvalidAuthenticationTokenTenant")
    emulator.azure.faults.append(fault)
    seen = (await collect(subscription=place)).clusters["prod"]
    hints = {one.hint for one in seen.unread}
    assert hints == {
        "use credentials of the tenant that Log Analytics workspace logs belongs to: it may be another one than theirs"
    }


def test_what_azure_says_ends_without_a_full_stop() -> None:
    assert failures.one_line("It was not found. Look again. ") == "It was not found. Look again"


async def test_a_row_of_a_subscription_that_was_not_asked_for_is_told(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    """Resource Graph is asked about subscriptions by their ids; a row of another one belongs to no account."""
    row = '{"id": "/x", "name": "stray", "subscriptionId": "other", "properties": {}}'
    scope = f'{{"subscriptionId": "{place}", "name": "one", "state": "Enabled"}}'
    emulator.azure.faults += [
        Fault("body", "ResourceGraph", times=1, status=200, body=f'{{"totalRecords": 1, "data": [{scope}]}}'),
        Fault("body", "ResourceGraph", times=1, status=200, body=f'{{"totalRecords": 1, "data": [{row}]}}'),
    ]
    found = await collect(subscriptions=[place])
    assert found.clusters == {}
    [failure] = found.failures
    assert (failure.kind, failure.scope) == (FailureKind.MALFORMED, "cluster stray")
    assert "it is of subscription other" in failure.reason
