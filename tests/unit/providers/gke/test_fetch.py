"""Projects as they come over the wire: every state, every missing permission, every fault."""

from __future__ import annotations

import asyncio

import pytest

from providers.gke import GkeProvider
from providers.gke.options import GkeOptions
from scanner.assessment import assess
from scanner.model import ClusterObservation, FailureKind, Grade, LinkState, RuleSettings, ScanSettings, Status
from scanner.ports import CollectContext
from tests.emulators.gcp import GcpEmulator
from tests.unit.providers.gke.conftest import NOW, ORGANIZATION, READS, Collect, Collection, P, channel

PATIENT = {"call_timeout": 2.0, "retries": 6}
"""gRPC tries to connect again after a second: enough attempts to get past that."""


async def main_of(collect: Collect, **more: object) -> Collection:
    found = await collect(project="payments-prod", **more)
    assert "main" in found.clusters, found.failures
    return found


def states(found: Collection, log: str) -> tuple[str, str]:
    one = channel(found.clusters["main"], log)
    return one.exported.state.value, one.delivered.state.value


async def test_a_default_project_records_writes_only(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.project("payments-prod")
    gcp.cloud.cluster("payments-prod", "main")
    found = await main_of(collect)
    assert [states(found, log) for log in ("admin_activity", "admin_read", "data_read", "data_write")] == [
        ("ok", "ok"),
        ("gap", "n/a"),
        ("gap", "n/a"),
        ("gap", "n/a"),
    ]
    result = assess(found.clusters["main"], RuleSettings())
    assert result.status is Status.FAIL
    assert {one.grade for one in result.findings} == {Grade.PARTIAL}
    assert channel(found.clusters["main"], "admin_activity").retention.at_least == 400
    assert found.account_ids == ["projects/payments-prod"]
    assert [one.title for one in result.remediations] == ["Switch on Data Access audit logs for GKE"]
    assert "gcloud projects set-iam-policy payments-prod policy.yaml" in result.remediations[0].code


async def test_an_organisation_without_projects_is_said_to_have_none(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.folder("10", ORGANIZATION)
    gcp.cloud.project("gone", "folders/10", state="DELETE_REQUESTED")
    found = await collect(organization="900")
    assert (found.clusters, found.failures) == ({}, [])
    assert found.notes == ["no active project lies below organizations/900, at any depth"]


@pytest.mark.parametrize("scope", [{"organization": "901"}, {"folder": "901"}])
async def test_a_number_that_is_wrong_is_no_empty_account(
    scope: dict[str, str], gcp: GcpEmulator, collect: Collect
) -> None:
    gcp.cloud.project("payments-prod", ORGANIZATION)
    [failure] = (await collect(**scope)).failures
    assert (failure.whole_account, failure.permission) == (True, "resourcemanager.projects.list")


@pytest.mark.usefixtures("project")
async def test_full_data_access_is_complete(collect: Collect) -> None:
    found = await main_of(collect)
    result = assess(found.clusters["main"], RuleSettings(grade="complete"))
    assert result.status is Status.PASS
    assert channel(found.clusters["main"], "data_read").exported.reason == (
        "Data Access audit logs of type DATA_READ are switched on by projects/payments-prod for "
        "container.googleapis.com"
    )
    assert channel(found.clusters["main"], "data_read").retention.at_most == 30


@pytest.mark.parametrize("place", ["folders/10", ORGANIZATION])
async def test_what_is_switched_on_above_counts(place: str, gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.folder("10", ORGANIZATION)
    gcp.cloud.project("payments-prod", "folders/10")
    gcp.cloud.cluster("payments-prod", "main")
    gcp.cloud.audit(place, "allServices", **READS)
    found = await main_of(collect)
    assert states(found, "admin_read") == ("ok", "ok")
    assert f"switched on by {place} for allServices" in channel(found.clusters["main"], "admin_read").exported.reason


@pytest.mark.parametrize(
    ("permission", "link", "log"),
    [
        ("resourcemanager.projects.getIamPolicy", "exported", "data_read"),
        ("resourcemanager.folders.getIamPolicy", "exported", "data_read"),
        ("resourcemanager.organizations.getIamPolicy", "exported", "data_read"),
        ("resourcemanager.projects.get", "exported", "data_read"),
        ("resourcemanager.folders.get", "exported", "data_read"),
        ("logging.sinks.list", "delivered", "admin_read"),
    ],
)
async def test_a_missing_permission_makes_its_own_link_unknown(
    permission: str, link: str, log: str, gcp: GcpEmulator, collect: Collect
) -> None:
    gcp.cloud.folder("10", ORGANIZATION)
    gcp.cloud.project("payments-prod", "folders/10")
    gcp.cloud.cluster("payments-prod", "main")
    if link == "delivered":
        gcp.cloud.audit(P, "allServices", **READS)
    gcp.cloud.deny(permission)
    found = await main_of(collect)
    check = getattr(channel(found.clusters["main"], log), link)
    assert (check.state, check.permission) == (LinkState.UNKNOWN, permission)
    result = assess(found.clusters["main"], RuleSettings())
    assert result.status is Status.UNKNOWN
    assert permission in result.permissions_missing


async def test_buckets_that_may_not_be_listed_leave_only_the_retention_open(
    project: GcpEmulator, collect: Collect
) -> None:
    project.cloud.deny("logging.buckets.list")
    found = await main_of(collect)
    one = channel(found.clusters["main"], "data_read")
    assert one.delivered.state is LinkState.OK
    assert (one.retention.at_least, one.retention.permission) == (0, "logging.buckets.list")
    assert assess(found.clusters["main"], RuleSettings()).status is Status.PASS


async def test_a_policy_above_that_cannot_be_read_may_exempt_everybody(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.deny("resourcemanager.folders.getIamPolicy")
    found = await main_of(collect)
    assert states(found, "data_read") == ("unknown", "ok")
    check = channel(found.clusters["main"], "data_read").exported
    assert check.permission == "resourcemanager.folders.getIamPolicy"
    assert "are switched on by " in check.reason
    assert check.reason.endswith(
        "but whether folders/10 exempts everybody could not be read: resourcemanager:getIamPolicy is denied"
    )


async def test_a_disabled_default_sink_is_a_gap(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sinks[P]["_Default"]["disabled"] = True
    found = await main_of(collect)
    assert channel(found.clusters["main"], "data_read").delivered.reason == (
        "no sink keeps Data Access entries: sink _Default of projects/payments-prod is disabled"
    )
    result = assess(found.clusters["main"], RuleSettings())
    assert result.status is Status.FAIL
    assert "Let a sink keep the entries" in [one.title for one in result.remediations]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ('resource.type="k8s_cluster"', "gap"),
        ('LOG_ID("cloudaudit.googleapis.com/data_access") AND protoPayload.serviceName="k8s.io"', "gap"),
        ('protoPayload.methodName:"pods.list"', "unknown"),
        ('resource.type="gce_instance"', "ok"),
    ],
)
async def test_exclusions_are_evaluated(text: str, state: str, project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sinks[P]["_Default"]["exclusions"] = [{"name": "cheap", "filter": text}]
    found = await main_of(collect)
    delivered = channel(found.clusters["main"], "data_read").delivered
    assert delivered.state.value == state
    if state != "ok":
        assert f"exclusion cheap of sink _Default of projects/payments-prod: {text}" in delivered.reason
    project.cloud.sinks[P]["_Default"]["exclusions"][0]["disabled"] = True
    assert states(await main_of(collect), "data_read") == ("ok", "ok")


async def test_an_organisation_is_walked_and_deleted_projects_are_left_alone(
    gcp: GcpEmulator, collect: Collect
) -> None:
    gcp.cloud.page_size = 2
    gcp.cloud.folder("10", ORGANIZATION)
    gcp.cloud.folder("11", "folders/10")
    for number in range(7):
        parent = (ORGANIZATION, "folders/10", "folders/11")[number % 3]
        gcp.cloud.project(f"project-{number}", parent)
        gcp.cloud.cluster(f"project-{number}", f"cluster-{number}")
    gcp.cloud.project("project-gone", "folders/11", state="DELETE_REQUESTED")
    gcp.cloud.audit(ORGANIZATION, "allServices", **READS)
    found = await collect(organization="900", exclude_projects=["project-6"])
    assert sorted(found.clusters) == [f"cluster-{number}" for number in range(6)]
    assert found.failures == []
    assert found.notes == ["1 projects are left out by exclude_projects: project-6"]
    assert found.account_ids == ["organizations/900"]
    for operation in ("GetIamPolicy", "ListSinks"):
        assert {gcp.cloud.calls[operation, name] for name in (ORGANIZATION, "folders/10", "folders/11")} == {1}
    assert states_of(found, "cluster-5") == ("ok", "ok")


def states_of(found: Collection, name: str) -> tuple[str, str]:
    one = channel(found.clusters[name], "data_read")
    return one.exported.state.value, one.delivered.state.value


async def test_a_folder_that_may_not_be_listed_is_a_failure_of_its_own(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.folder("10", ORGANIZATION)
    gcp.cloud.project("seen-one", ORGANIZATION)
    gcp.cloud.cluster("seen-one", "main")
    gcp.cloud.deny("resourcemanager.projects.list", "folders/10")
    found = await collect(organization="900")
    assert list(found.clusters) == ["main"]
    [failure] = found.failures
    assert (failure.scope, failure.permission, failure.whole_account) == (
        "folders/10",
        "resourcemanager.projects.list",
        False,
    )
    gcp.cloud.deny("resourcemanager.projects.list", ORGANIZATION)
    [failure] = (await collect(organization="900")).failures
    assert (failure.scope, failure.whole_account, failure.kind) == (ORGANIZATION, True, FailureKind.PERMISSION)


async def test_missing_zones_make_the_account_partial(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.missing["payments-prod"] = ("europe-west1-b", "us-east1-c")
    found = await main_of(collect, clusters=["main", "other"])
    [failure] = found.failures
    assert failure.scope == "project payments-prod, zones europe-west1-b, us-east1-c"
    assert failure.reason == (
        "Google did not list the clusters of europe-west1-b, us-east1-c (missingZones), so that clusters may be missing"
    )


async def test_a_project_without_the_api_has_no_clusters(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.project("payments-prod")
    gcp.cloud.apis_off.add(("payments-prod", "container.googleapis.com"))
    found = await collect(project="payments-prod")
    assert (found.clusters, found.failures) == ({}, [])
    assert found.notes == ["project payments-prod has no GKE clusters: container.googleapis.com is not enabled"]


async def test_the_logging_api_being_off_is_no_denial_by_iam(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.apis_off.add(("payments-prod", "logging.googleapis.com"))
    delivered = channel((await main_of(collect)).clusters["main"], "data_read").delivered
    assert (delivered.state, delivered.permission) == (LinkState.UNKNOWN, "")
    assert "logging.googleapis.com is not enabled" in delivered.reason


@pytest.mark.usefixtures("project")
async def test_a_project_or_cluster_that_is_not_there_is_told(collect: Collect) -> None:
    [failure] = (await collect(project="no-such-project")).failures
    assert (failure.kind, failure.scope, failure.whole_account) == (
        FailureKind.NOT_FOUND,
        "project no-such-project",
        True,
    )
    [failure] = (await main_of(collect, clusters=["main", "other"])).failures
    assert (failure.scope, failure.reason) == ("cluster other", "no project of the account has a cluster other")


async def test_clusters_that_are_left_out_are_named(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.cluster("payments-prod", "sandbox-1")
    found = await main_of(collect, exclude_clusters=["sandbox-*"])
    assert found.notes == [
        "1 of 2 clusters in project payments-prod are left out by clusters and exclude_clusters: sandbox-1"
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("throttle", FailureKind.THROTTLED),
        ("unavailable", FailureKind.UNREACHABLE),
        ("malformed", FailureKind.MALFORMED),
        ("internal", FailureKind.UNREACHABLE),
        ("drop", FailureKind.UNREACHABLE),
        ("unauthenticated", FailureKind.CREDENTIALS),
        ("hang", FailureKind.TIMEOUT),
    ],
)
async def test_faults_that_stay_are_failures_and_those_that_pass_are_waited_out(
    kind: str, expected: FailureKind, project: GcpEmulator, collect: Collect
) -> None:
    scan = {"call_timeout": 0.6, "retries": 1}
    project.cloud.fault(kind, "ListClusters")
    [failure] = (await collect(project="payments-prod", scan=scan)).failures
    assert (failure.kind, failure.whole_account) == (expected, True)
    assert failure.hint
    if kind not in ("unauthenticated", "malformed"):
        assert project.cloud.calls["ListClusters", P] == (4 if kind == "throttle" else 2)
        project.cloud.faults.clear()
        project.cloud.fault(kind, "ListClusters", times=1)
        assert "main" in (await collect(project="payments-prod", scan=PATIENT)).clusters


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "drop", "malformed", "hang"])
async def test_sinks_above_that_cannot_be_read_leave_open_whether_they_intercept(
    kind: str, project: GcpEmulator, collect: Collect
) -> None:
    project.cloud.fault(kind, "ListSinks", ORGANIZATION, seconds=1.0)
    found = await main_of(collect, scan={"call_timeout": 0.5, "retries": 1})
    delivered = channel(found.clusters["main"], "data_read").delivered
    assert delivered.state is LinkState.UNKNOWN
    assert "what the sinks of organizations/900 do with Data Access entries could not be read" in delivered.reason


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "internal", "drop", "malformed", "hang"])
@pytest.mark.parametrize("operation", ["GetIamPolicy", "ListSinks", "ListBuckets", "GetProject", "GetFolder"])
async def test_a_fault_in_one_call_leaves_the_cluster_in_the_report(
    operation: str, kind: str, project: GcpEmulator, collect: Collect
) -> None:
    """Nothing that could not be read passes or fails: what hangs on it is unknown, and all else is as it was."""
    project.cloud.fault(kind, operation, "folders/10" if operation == "GetFolder" else P)
    found = await main_of(collect, scan={"call_timeout": 0.4, "retries": 0})
    result = assess(found.clusters["main"], RuleSettings())
    harmless = (
        {Status.PASS, Status.UNKNOWN} if kind == "drop" else {Status.PASS}
    )  # a dropped connection had other calls
    assert result.status in (harmless if operation == "ListBuckets" else {Status.UNKNOWN})
    assert Status.FAIL not in {one.status for one in result.findings}
    if kind == "malformed":
        return  # what is no message is not asked for again
    project.cloud.faults.clear()
    project.cloud.fault(kind, operation, times=1)
    again = await main_of(collect, scan=PATIENT)
    assert assess(again.clusters["main"], RuleSettings()).status is Status.PASS


async def test_pages_that_lead_round_in_circles_are_no_list(project: GcpEmulator, collect: Collect) -> None:
    """Over gRPC and over REST: a list that has no end is not taken for one that was read."""
    project.cloud.is_looping = True
    project.cloud.sink(ORGANIZATION, "central", "storage.googleapis.com/archive")
    found = await main_of(collect)
    delivered = channel(found.clusters["main"], "data_read").delivered
    assert delivered.state is LinkState.UNKNOWN
    assert "logging:ListSinks cannot be understood: it names the same next page again" in delivered.reason
    [failure] = (await collect(organization="900")).failures[-1:]
    assert failure.kind is FailureKind.MALFORMED


async def test_all_lists_are_read_to_their_last_page(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.page_size = 1
    for number in range(4):
        project.cloud.sink(ORGANIZATION, f"other-{number}", "storage.googleapis.com/x", filter='resource.type="x"')
        project.cloud.bucket("payments-prod", f"other-{number}")
    bucket = project.cloud.bucket("payments-prod", "last-one", days=77)
    project.cloud.sink(P, "last-one", f"logging.googleapis.com/{bucket}")
    project.cloud.sink(ORGANIZATION, "very-last", "storage.googleapis.com/archive", includeChildren=True)
    found = channel((await main_of(collect)).clusters["main"], "data_read")
    assert found.retention.at_least == 77
    assert "sink very-last of organizations/900 exports them" in found.delivered.reason


async def test_one_slow_project_holds_back_no_other(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.project("slow-one", ORGANIZATION)
    gcp.cloud.project("quick-one", ORGANIZATION)
    gcp.cloud.cluster("quick-one", "main")
    gcp.cloud.fault("hang", "ListClusters", "projects/slow-one")
    found = await collect(organization="900", scan={"call_timeout": 0.5, "retries": 0})
    assert list(found.clusters) == ["main"]
    assert [(one.scope, one.kind) for one in found.failures] == [("project slow-one", FailureKind.TIMEOUT)]


def no_waits(what: str) -> None:
    assert what


async def test_many_accounts_share_one_connection(project: GcpEmulator) -> None:
    provider = GkeProvider()
    before = project.connections
    options = GkeOptions.model_validate({"project": "payments-prod", "endpoints": project.endpoints})
    context = CollectContext("acme", ScanSettings(), RuleSettings(), NOW, no_waits)

    async def one() -> int:
        return len([item async for item in provider.collect(options, context) if isinstance(item, ClusterObservation)])

    assert await asyncio.gather(*(one() for _ in range(20))) == [1] * 20
    assert project.connections - before <= 5  # one for each client, not for each account
    assert project.cloud.calls["GetIamPolicy", ORGANIZATION] == 1
