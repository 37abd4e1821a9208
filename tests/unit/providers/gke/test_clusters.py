"""Clusters of every kind and state: what is shown of them, and what it decides."""

from __future__ import annotations

from typing import Any

import pytest

from providers.gke import PROVIDER
from scanner.assessment import assess
from scanner.errors import UsageError
from scanner.model import ClusterObservation, CollectionFailure, FailureKind, RuleSettings, Status
from tests.emulators.gcp import GcpEmulator
from tests.unit.providers.gke.conftest import ORGANIZATION, Collect, P
from tests.unit.providers.gke.test_organization import Organization


async def cluster(gcp: GcpEmulator, collect: Collect, **fields: Any) -> ClusterObservation:  # noqa: ANN401 - JSON
    gcp.cloud.clusters.clear()
    gcp.cloud.cluster("payments-prod", "main", **fields)
    return (await collect(project="payments-prod")).clusters["main"]


def facts(found: ClusterObservation) -> dict[str, str]:
    return {one.name: one.value for one in found.facts}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, ("SYSTEM_COMPONENTS, WORKLOADS", "logging.googleapis.com/kubernetes")),
        ({"loggingConfig": None, "loggingService": "logging.googleapis.com"}, ("absent", "logging.googleapis.com")),
        ({"loggingConfig": {"componentConfig": {}}, "loggingService": "none"}, ("none", "none")),
        ({"loggingConfig": None, "loggingService": None}, ("absent", "absent")),
        (
            {"loggingConfig": {"componentConfig": {"enableComponents": ["APISERVER", "KCP_SSHD", 99]}}},
            ("APISERVER, KCP_SSHD, 99", "logging.googleapis.com/kubernetes"),
        ),
    ],
)
async def test_component_logging_is_shown_and_decides_nothing(
    fields: dict[str, Any], shown: tuple[str, str], project: GcpEmulator, collect: Collect
) -> None:
    found = await cluster(project, collect, **fields)
    assert (facts(found)["component logging"], facts(found)["legacy logging service"]) == shown
    assert assess(found, RuleSettings()).status is Status.PASS
    assert any(note.text.startswith("component logging is not the audit log") for note in found.notes)


@pytest.mark.parametrize("status", ["PROVISIONING", "RECONCILING", "STOPPING", "ERROR", "DEGRADED", "RUNNING"])
async def test_every_status_is_read(status: str, project: GcpEmulator, collect: Collect) -> None:
    found = await cluster(project, collect, status=status)
    assert facts(found)["status"] == status
    told = f"the cluster is {status}: it may not serve requests now" in [note.text for note in found.notes]
    assert told is (status not in ("RUNNING", "RECONCILING"))


async def test_autopilot_zonal_and_legacy_abac(project: GcpEmulator, collect: Collect) -> None:
    found = await cluster(
        project,
        collect,
        location="europe-west1-b",
        autopilot={"enabled": True},
        legacyAbac={"enabled": True},
        anonymousAuthenticationConfig={"mode": "LIMITED"},
    )
    assert facts(found)["mode"] == "Autopilot"
    assert (found.ref.location, found.ref.id) == (
        "europe-west1-b",
        "projects/payments-prod/locations/europe-west1-b/clusters/main",
    )
    authorizer = found.servers[0].authorizer
    assert (authorizer.can_deny, authorizer.anonymous) == (True, False)
    assert any(note.text.startswith("legacy ABAC is on") for note in found.notes)


async def test_an_account_without_clusters_is_empty(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.project("payments-prod", ORGANIZATION)
    found = await collect(project="payments-prod")
    assert (found.clusters, found.failures, found.notes) == ({}, [], [])
    assert gcp.cloud.calls["GetIamPolicy", P] == 0


async def test_folders_that_may_not_be_listed_may_hide_projects(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.project("seen-one", ORGANIZATION)
    gcp.cloud.cluster("seen-one", "main")
    gcp.cloud.cluster("seen-one", "other")
    gcp.cloud.deny("resourcemanager.folders.list")
    found = await collect(organization="900", clusters=["ma*", "absent"])
    assert list(found.clusters) == ["main"]
    [failure] = found.failures
    assert isinstance(failure, CollectionFailure)
    assert (failure.scope, failure.kind, failure.permission) == (
        "folders of organizations/900",
        FailureKind.PERMISSION,
        "resourcemanager.folders.list",
    )
    nothing = await collect(organization="900", clusters=["absent"])
    assert nothing.clusters == {}


async def test_a_project_that_is_being_deleted_is_said_not_to_be_there(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.project("payments-prod", ORGANIZATION, state="DELETE_REQUESTED")
    [failure] = (await collect(project="payments-prod")).failures
    assert (failure.kind, failure.whole_account) == (FailureKind.NOT_FOUND, True)


async def test_denied_clusters_name_their_permission(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.deny("container.clusters.list")
    [failure] = (await collect(project="payments-prod")).failures
    assert (failure.kind, failure.permission) == (FailureKind.PERMISSION, "container.clusters.list")
    assert failure.hint == (
        "grant container.clusters.list on projects/payments-prod: `k8s-audit-coverage providers gke --permissions`"
        " prints the role to grant"
    )


@pytest.mark.parametrize("scope", [{"project": "payments-prod"}, {"organization": "900"}])
async def test_an_api_that_is_off_where_calls_are_counted_hides_no_cluster(
    scope: dict[str, str], project: GcpEmulator, collect: Collect
) -> None:
    """Google then says the same of every project: none of them may pass for one without clusters."""
    project.cloud.callers_apis_off.add("container.googleapis.com")
    found = await collect(**scope)
    assert (found.clusters, found.notes) == ({}, [])
    [failure] = found.failures
    assert (failure.scope, failure.permission) == ("project payments-prod", "")
    assert failure.reason.startswith("container.googleapis.com is not enabled: ")
    assert failure.hint == "gcloud services enable container.googleapis.com --project=999900001111"


async def test_an_api_that_is_off_in_a_project_that_may_not_be_looked_up_is_no_proof(
    project: GcpEmulator, collect: Collect
) -> None:
    project.cloud.apis_off.add(("payments-prod", "container.googleapis.com"))
    project.cloud.deny("resourcemanager.projects.get")
    found = await collect(project="payments-prod")
    assert [(one.scope, one.operation) for one in found.failures] == [
        ("project payments-prod", "container:ListClusters")
    ]
    assert found.notes == []


def test_permissions_are_printed_as_a_role_and_as_predefined_ones() -> None:
    assert "\n- container.clusters.list\n" in PROVIDER.permissions()
    assert "roles/container.clusterViewer" in PROVIDER.permissions("predefined")
    with pytest.raises(UsageError, match="there is no variant 'terraform'"):
        PROVIDER.permissions("terraform")


async def test_the_permissions_of_the_role_are_those_that_are_asked_for(project: GcpEmulator, collect: Collect) -> None:
    """Whatever the emulator is asked for, the printed role grants; and nothing of the role is never asked for."""
    project.cloud.project("central-logs", ORGANIZATION)
    bucket = project.cloud.bucket("central-logs", "audit")
    project.cloud.sink(P, "central", f"logging.googleapis.com/{bucket}")
    await collect(organization="900", rule=RuleSettings(observe=True))
    await collect(project="payments-prod")
    await Organization(project).discover()
    lines = [line.removeprefix("# ").strip() for line in PROVIDER.permissions().splitlines()]
    granted = {line.removeprefix("- ") for line in lines if line.startswith("- ")}
    silent = {"logging.privateLogEntries.list", "serviceusage.services.use"}  # asked for by no call of their own
    assert granted - silent == project.cloud.asked


async def test_folders_that_lead_round_in_circles_are_no_way_up(gcp: GcpEmulator, collect: Collect) -> None:
    gcp.cloud.folder("10", "folders/11")
    gcp.cloud.folder("11", "folders/10")
    gcp.cloud.project("payments-prod", "folders/10")
    gcp.cloud.cluster("payments-prod", "main")
    found = (await collect(project="payments-prod")).clusters["main"]
    result = assess(found, RuleSettings())
    assert result.status is Status.UNKNOWN
    assert "are switched on by what is above it could not be read" in result.message
