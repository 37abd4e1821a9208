"""Where Data Access entries end up: sinks here, above and elsewhere, and the log buckets that they name."""

from __future__ import annotations

import math

import pytest

from scanner.assessment import assess
from scanner.model import ClusterObservation, LinkState, LogChannel, RuleSettings, Status
from tests.emulators.gcp import GcpEmulator
from tests.unit.providers.gke.conftest import ORGANIZATION, READS, Collect, P, channel, main_of

INTERCEPTS = {"includeChildren": True, "interceptChildren": True}
TO_CENTRAL = "logging.googleapis.com/projects/central-logs"
SOME = 'protoPayload.methodName:"secrets"'


@pytest.fixture
def central(project: GcpEmulator) -> GcpEmulator:
    """A project of the organisation for the logs of all others."""
    project.cloud.project("central-logs", ORGANIZATION)
    return project


async def reads(collect: Collect, **more: object) -> LogChannel:
    return channel(await main_of(collect, **more), "data_read")


async def test_a_sink_that_intercepts_leads_to_the_sinks_of_its_project(central: GcpEmulator, collect: Collect) -> None:
    """The entries are routed to a project: its own sinks decide."""
    central.cloud.sink(ORGANIZATION, "central", TO_CENTRAL, **INTERCEPTS)
    central.cloud.bucket("central-logs", "_Default", days=365)
    found = await reads(collect)
    assert found.delivered.state is LinkState.OK
    assert found.delivered.reason == (
        "sink central of organizations/900 routes them to project central-logs: sink _Default of projects/central-logs "
        "exports them to log bucket projects/central-logs/locations/global/buckets/_Default"
    )
    assert (found.retention.at_least, found.retention.at_most) == (365, 365)
    assert central.cloud.calls["ListSinks", "projects/central-logs"] == 1
    central.cloud.sinks["projects/central-logs"]["_Default"]["disabled"] = True
    found = await reads(collect)
    assert found.delivered.state is LinkState.GAP
    assert "sink central of organizations/900 intercepts them" in found.delivered.reason
    assert "sink _Default of projects/central-logs is disabled" in found.delivered.reason
    result = assess(await main_of(collect), RuleSettings())
    assert "gcloud logging sinks update _Default --project=central-logs --no-disabled" in result.remediations[0].code
    assert "gcloud logging sinks describe central --organization=900" in result.remediations[0].code


@pytest.mark.parametrize("fields", [{"includeChildren": True}, INTERCEPTS])
async def test_entries_led_back_to_their_own_project_go_where_its_sinks_lead(
    fields: dict[str, object], project: GcpEmulator, collect: Collect
) -> None:
    number = project.cloud.projects["payments-prod"].number
    project.cloud.sink(ORGANIZATION, "back", f"logging.googleapis.com/projects/{number}", **fields)
    found = await reads(collect)
    assert (found.delivered.state, found.retention.at_least) == (LinkState.OK, 30)
    project.cloud.sinks[P]["_Default"]["disabled"] = True
    result = assess(await main_of(collect), RuleSettings())
    assert result.status is Status.FAIL
    assert (
        f"sink back of organizations/900 routes them to project {number}: no sink keeps Data Access entries: sink "
        "_Default of projects/payments-prod is disabled"
    ) in result.message
    assert "gcloud logging sinks update _Default --project=payments-prod --no-disabled" in result.remediations[0].code
    del project.cloud.sinks[P]["_Default"]
    result = assess(await main_of(collect), RuleSettings())
    assert f"routes them to project {number}: no sink keeps Data Access entries: " in result.message
    assert "gcloud logging sinks create k8s-audit" in result.remediations[0].code


async def test_entries_led_back_cannot_be_followed_where_the_projects_sinks_are_unread(
    project: GcpEmulator, collect: Collect
) -> None:
    project.cloud.sink(ORGANIZATION, "back", f"logging.googleapis.com/{P}", includeChildren=True)
    project.cloud.deny("logging.sinks.list", P)
    found = await reads(collect)
    assert (found.delivered.state, found.delivered.permission) == (LinkState.UNKNOWN, "logging.sinks.list")
    assert "routes them to project payments-prod, whose sinks could not be read: " in found.delivered.reason


@pytest.mark.parametrize("named_by", ["id", "number"])
async def test_a_sink_to_its_own_project_keeps_nothing(named_by: str, project: GcpEmulator, collect: Collect) -> None:
    name = project.cloud.projects["payments-prod"].number if named_by == "number" else "payments-prod"
    project.cloud.sinks[P]["_Default"]["destination"] = f"logging.googleapis.com/projects/{name}"
    for _ in range(2):  # once by its own list, once by the list of the project that a sink above leads to
        result = assess(await main_of(collect), RuleSettings())
        assert result.status is Status.FAIL
        assert "sink _Default of projects/payments-prod routes them back to its own project" in result.message
        assert (
            "gcloud logging sinks update _Default "
            "logging.googleapis.com/projects/payments-prod/locations/global/buckets/_Default --project=payments-prod"
        ) in result.remediations[0].code
        project.cloud.sink(ORGANIZATION, "back", f"logging.googleapis.com/{P}", includeChildren=True)


async def test_the_other_project_may_lead_them_back_to_itself(central: GcpEmulator, collect: Collect) -> None:
    central.cloud.sink(ORGANIZATION, "central", TO_CENTRAL, **INTERCEPTS)
    central.cloud.sinks["projects/central-logs"]["_Default"]["destination"] = TO_CENTRAL
    found = await reads(collect)
    assert found.delivered.state is LinkState.GAP
    assert "sink _Default of projects/central-logs routes them back to its own project" in found.delivered.reason
    number = central.cloud.projects["central-logs"].number
    central.cloud.sinks["projects/central-logs"]["_Default"]["destination"] = (
        f"logging.googleapis.com/projects/{number}"
    )
    assert (await reads(collect)).delivered.state is LinkState.UNKNOWN


async def test_the_sinks_of_the_other_project_may_be_out_of_reach(central: GcpEmulator, collect: Collect) -> None:
    central.cloud.sink(ORGANIZATION, "central", TO_CENTRAL, **INTERCEPTS)
    central.cloud.deny("logging.sinks.list", "projects/central-logs")
    found = await reads(collect)
    assert (found.delivered.state, found.delivered.permission) == (LinkState.UNKNOWN, "logging.sinks.list")
    assert found.delivered.reason.startswith(
        "sink central of organizations/900 routes them to project central-logs, whose sinks could not be read: "
    )
    assert (found.retention.at_least, found.retention.at_most) == (0, math.inf)


async def test_the_other_project_may_have_no_sinks_or_route_them_on(central: GcpEmulator, collect: Collect) -> None:
    central.cloud.sink(ORGANIZATION, "central", TO_CENTRAL, **INTERCEPTS)
    sinks = central.cloud.sinks["projects/central-logs"]
    sinks["_Default"]["destination"] = "logging.googleapis.com/projects/third-one"
    found = await reads(collect)
    assert found.delivered.state is LinkState.UNKNOWN
    assert "whether sink _Default of projects/central-logs routes them on to" in found.delivered.reason
    del sinks["_Default"]
    found = await reads(collect)
    assert found.delivered.state is LinkState.GAP
    assert "routes them to project central-logs: no sink keeps Data Access entries: " in found.delivered.reason


@pytest.mark.parametrize(
    ("permission", "resource"),
    [("logging.sinks.list", ORGANIZATION), ("resourcemanager.folders.get", ""), ("resourcemanager.projects.get", "")],
)
async def test_a_project_shows_what_intercepts_its_entries_where_nothing_above_may_be_read(
    permission: str, resource: str, central: GcpEmulator, collect: Collect
) -> None:
    central.cloud.deny(permission, resource)
    assert (await reads(collect)).delivered.state is LinkState.OK
    central.cloud.sink(ORGANIZATION, "central", TO_CENTRAL, **INTERCEPTS)
    assert (await reads(collect)).delivered.reason.startswith("sink central of organizations/900 routes them to")


async def test_a_project_that_may_not_show_it_leaves_it_open(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.deny("logging.sinks.list", ORGANIZATION)
    project.cloud.fault("internal", "ListSinks", P)
    found = await reads(collect, scan={"retries": 0})
    assert found.delivered.state is LinkState.UNKNOWN


@pytest.mark.parametrize("fields", [{"includeChildren": True}, INTERCEPTS])
async def test_what_may_be_taken_above_holds_back_every_level_below(
    fields: dict[str, object], central: GcpEmulator, collect: Collect
) -> None:
    bucket = central.cloud.bucket("central-logs", "audit", days=365)
    central.cloud.sink("folders/10", "audit", f"logging.googleapis.com/{bucket}", filter="", **fields)
    assert (await reads(collect)).delivered.state is LinkState.OK
    central.cloud.fault("internal", "ListSinks", ORGANIZATION)
    found = await reads(collect, scan={"retries": 0})
    assert found.delivered.state is LinkState.UNKNOWN
    assert found.delivered.reason.startswith(
        "what the sinks of organizations/900 do with Data Access entries could not be read: logging:ListSinks"
    )
    assert found.retention.at_least == 0
    central.cloud.sinks[P]["_Default"]["disabled"] = True
    del central.cloud.sinks["folders/10"]
    assert (await reads(collect, scan={"retries": 0})).delivered.state is LinkState.UNKNOWN


async def test_what_a_level_above_the_unread_one_keeps_is_kept(central: GcpEmulator, collect: Collect) -> None:
    central.cloud.sink(ORGANIZATION, "audit", "storage.googleapis.com/archive", includeChildren=True)
    central.cloud.fault("internal", "ListSinks", "folders/10")
    found = await reads(collect, scan={"retries": 0})
    assert found.delivered.state is LinkState.OK
    assert found.delivered.reason == ("sink audit of organizations/900 exports them to storage.googleapis.com/archive")
    central.cloud.sink(ORGANIZATION, "all", "storage.googleapis.com/gone", **INTERCEPTS)
    assert (await reads(collect, scan={"retries": 0})).delivered.state is LinkState.OK


@pytest.mark.parametrize(
    ("permission", "resource"),
    [
        ("logging.sinks.list", ORGANIZATION),
        ("resourcemanager.folders.get", ""),
        ("resourcemanager.projects.get", ""),
    ],
)
async def test_a_sink_above_that_nobody_shows_may_keep_what_the_project_does_not(
    permission: str, resource: str, project: GcpEmulator, collect: Collect
) -> None:
    """A project shows its reader the sinks above that intercept, and no others."""
    cloud = project.cloud
    cloud.audit(P, "container.googleapis.com", **READS)
    cloud.sinks[P]["_Default"]["disabled"] = True
    cloud.project("central-logs")
    archive = cloud.bucket("central-logs", "archive", days=400)
    cloud.sink(ORGANIZATION, "all", f"logging.googleapis.com/{archive}", includeChildren=True)
    assert (await reads(collect)).delivered.state is LinkState.OK
    cloud.deny(permission, resource)
    found = (await reads(collect)).delivered
    assert (found.state, found.permission) == (LinkState.UNKNOWN, permission)
    assert found.reason.startswith("whether sinks of ")
    cloud.sinks[P]["_Default"]["disabled"] = False
    assert (await reads(collect)).delivered.state is LinkState.OK


async def test_the_order_of_folders_that_only_the_project_shows_is_not_guessed(
    gcp: GcpEmulator, collect: Collect
) -> None:
    """The upper folder intercepts the entries into nothing, so that what the lower one keeps decides nothing."""
    cloud = gcp.cloud
    cloud.folder("5", ORGANIZATION)
    cloud.folder("30", "folders/5")
    cloud.folder("20", "folders/30")
    cloud.project("payments-prod", "folders/20")
    cloud.cluster("payments-prod", "main")
    cloud.audit(P, "container.googleapis.com", **READS)
    gone = "logging.googleapis.com/projects/payments-prod/locations/global/buckets/gone"
    cloud.sink("folders/5", "upper", gone, **INTERCEPTS)
    assert (await reads(collect)).delivered.state is LinkState.GAP
    cloud.deny("resourcemanager.folders.get")
    found = await reads(collect)
    # Sinks up there that do not intercept are not shown, and may keep what the upper folder takes away below it.
    assert found.delivered.state is LinkState.UNKNOWN
    assert found.delivered.reason.startswith("whether sinks of all that is above folders/20 keep Data Access entries")
    cloud.sink("folders/30", "lower", "storage.googleapis.com/archive", **INTERCEPTS)
    found = await reads(collect)
    assert (found.delivered.state, found.delivered.permission) == (LinkState.UNKNOWN, "resourcemanager.folders.get")
    assert (
        "; what the sinks of folders/30 and folders/5, whose order is not known, do with Data Access entries could not"
    ) in found.delivered.reason
    cloud.sink(ORGANIZATION, "all", "storage.googleapis.com/everything", **INTERCEPTS)
    found = await reads(collect)
    assert found.delivered.reason == "sink all of organizations/900 exports them to storage.googleapis.com/everything"
    cloud.denied.clear()
    del cloud.sinks[ORGANIZATION]
    assert (await reads(collect)).delivered.state is LinkState.GAP


@pytest.mark.parametrize("place", [ORGANIZATION, "folders/10"])
async def test_an_intercepting_sink_to_a_log_bucket(place: str, central: GcpEmulator, collect: Collect) -> None:
    bucket = central.cloud.bucket("central-logs", "audit", location="eu", days=365, locked=True)
    central.cloud.sink(place, "central", f"logging.googleapis.com/{bucket}", **INTERCEPTS)
    found = await reads(collect)
    assert (found.delivered.state, found.retention.at_least) == (LinkState.OK, 365)
    central.cloud.deny("logging.buckets.get", "projects/central-logs")
    found = await reads(collect)
    assert (found.delivered.state, found.delivered.permission) == (LinkState.UNKNOWN, "logging.buckets.get")
    central.cloud.denied.clear()
    del central.cloud.buckets["central-logs"][bucket]
    found = await reads(collect)
    assert found.delivered.state is LinkState.GAP
    assert f"exports them to log bucket {bucket}, which does not exist" in found.delivered.reason
    [advice] = assess(await main_of(collect), RuleSettings()).remediations
    assert "gcloud logging buckets create audit --project=central-logs --location=eu --retention-days=30" in advice.code


async def test_what_is_intercepted_in_part_is_kept_in_either_place(central: GcpEmulator, collect: Collect) -> None:
    """Some entries go to the central bucket and the rest to _Default: all are kept, as long as in the worse."""
    bucket = central.cloud.bucket("central-logs", "audit", days=7)
    central.cloud.sink(ORGANIZATION, "central", f"logging.googleapis.com/{bucket}", filter=SOME, **INTERCEPTS)
    found = await reads(collect)
    assert found.delivered.state is LinkState.OK
    assert (found.retention.at_least, found.retention.at_most) == (7, 30)
    central.cloud.sink("folders/10", "more", f"logging.googleapis.com/{bucket}", filter=SOME, **INTERCEPTS)
    assert (await reads(collect)).delivered.state is LinkState.OK
    del central.cloud.buckets["central-logs"][bucket]
    found = await reads(collect)
    assert (found.delivered.state, found.delivered.reason) == (
        LinkState.UNKNOWN,
        "sink more of folders/10 may intercept them",
    )


async def test_sinks_of_the_same_level_take_nothing_from_each_other(central: GcpEmulator, collect: Collect) -> None:
    central.cloud.sink(ORGANIZATION, "a", "pubsub.googleapis.com/projects/siem/topics/logs", **INTERCEPTS)
    central.cloud.sink(ORGANIZATION, "b", "bigquery.googleapis.com/projects/dwh/datasets/audit", includeChildren=True)
    central.cloud.sink("folders/10", "c", "storage.googleapis.com/archive", includeChildren=True)
    central.cloud.sink(ORGANIZATION, "d", "storage.googleapis.com/own-entries-only")
    found = await reads(collect)
    assert found.delivered.reason == (
        "sink a of organizations/900 exports them to pubsub.googleapis.com/projects/siem/topics/logs; "
        "sink b of organizations/900 exports them to bigquery.googleapis.com/projects/dwh/datasets/audit"
    )
    assert (found.retention.at_least, found.retention.at_most) == (0, math.inf)


async def test_further_stores_are_told_and_open_the_retention_upwards(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sink(
        P,
        "archive",
        "storage.googleapis.com/payments-archive",
        filter='LOG_ID("cloudaudit.googleapis.com/data_access")',
    )
    found = await reads(collect)
    assert "sink archive of projects/payments-prod exports them to storage.googleapis.com/payments-archive" in (
        found.delivered.reason
    )
    assert (found.retention.at_least, found.retention.at_most) == (30, math.inf)
    assert found.retention.reason == (
        "projects/payments-prod/locations/global/buckets/_Default keeps them 30 days; how long "
        "storage.googleapis.com/payments-archive keeps them is not read"
    )


async def test_a_filter_that_cannot_be_decided_leaves_it_open(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sinks[P]["_Default"]["filter"] = SOME
    project.cloud.sinks[P]["_Default"]["exclusions"] = [{"name": "x", "filter": "sample(insertId, 0.9)"}]
    found = await reads(collect)
    assert found.delivered.state is LinkState.UNKNOWN
    assert found.delivered.reason == (
        f"whether the filter of sink _Default of projects/payments-prod matches them depends on {SOME}; some of them "
        "may be left out by exclusion x of sink _Default of projects/payments-prod: sample(insertId, 0.9)"
    )


async def test_a_filter_that_leaves_it_open_is_advised_upon(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sinks[P]["_Default"]["exclusions"] = [{"name": "x", "filter": "sample(insertId, 0.9)"}]
    result = assess(await main_of(collect), RuleSettings())
    assert result.status is Status.UNKNOWN
    [advice] = result.remediations
    assert advice.title == "Let a sink keep the entries"
    assert "gcloud logging sinks update _Default --project=payments-prod --remove-exclusions=x" in advice.code
    project.cloud.deny("logging.sinks.list", P)
    [advice] = assess(await main_of(collect), RuleSettings()).remediations
    assert advice.title == "Let the scan read what is missing"


async def test_an_exclusion_of_noise_alone_takes_nothing_that_counts(project: GcpEmulator, collect: Collect) -> None:
    noise = 'protoPayload.methodName=("io.k8s.coordination.v1.leases.get" OR "io.k8s.core.v1.events.list")'
    project.cloud.sinks[P]["_Default"]["exclusions"] = [{"name": "noise", "filter": noise}]
    assert (await reads(collect)).delivered.state is LinkState.OK


@pytest.mark.parametrize("fields", [{"includeChildren": True}, INTERCEPTS])
async def test_a_project_that_entries_are_routed_to_may_be_gone(
    fields: dict[str, object], project: GcpEmulator, collect: Collect
) -> None:
    project.cloud.sinks[P]["_Default"]["disabled"] = True
    project.cloud.sink(ORGANIZATION, "central", TO_CENTRAL, **fields)
    result = assess(await main_of(collect), RuleSettings())
    assert result.status is Status.FAIL
    assert "sink central of organizations/900 routes them to project central-logs, which does not exist" in (
        result.message
    )
    [advice] = result.remediations
    assert "# project central-logs does not exist: lead the sink to one that does, or delete it" in advice.code


async def test_a_filter_of_the_default_sink_is_widened(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sinks[P]["_Default"]["filter"] = 'resource.type="gce_instance"'
    result = assess(await main_of(collect), RuleSettings())
    assert result.status is Status.FAIL
    assert result.remediations[0].code == (
        "gcloud logging sinks list --project=payments-prod\n"
        "gcloud logging sinks update _Default --project=payments-prod \\\n"
        '  --log-filter=\'(resource.type="gce_instance") OR (LOG_ID("cloudaudit.googleapis.com/data_access") AND '
        'resource.type="k8s_cluster")\''
    )


async def test_an_exclusion_is_taken_out_by_its_name(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sinks[P]["_Default"]["exclusions"] = [
        {"name": "cheap; rm -rf /", "filter": 'resource.type="k8s_cluster"'},
        {"name": "harmless", "filter": 'resource.type="gce_instance"'},
    ]
    result = assess(await main_of(collect), RuleSettings())
    assert (
        "gcloud logging sinks update _Default --project=payments-prod --remove-exclusions='cheap; rm -rf /'"
        in result.remediations[0].code
    )
    assert "harmless" not in result.remediations[0].code


async def test_a_project_without_other_sinks_than_required(project: GcpEmulator, collect: Collect) -> None:
    del project.cloud.sinks[P]["_Default"]
    found = await reads(collect)
    assert found.delivered.state is LinkState.GAP
    assert found.delivered.reason.startswith("no sink keeps Data Access entries: ")
    result = assess(await main_of(collect), RuleSettings())
    assert "gcloud logging sinks create k8s-audit" in result.remediations[0].code


async def test_a_bucket_of_the_projects_own_that_is_gone_or_broken(project: GcpEmulator, collect: Collect) -> None:
    name = "projects/payments-prod/locations/eu/buckets/k8s"
    project.cloud.sinks[P]["_Default"]["destination"] = f"logging.googleapis.com/{name}"
    assert (await reads(collect)).delivered.reason.endswith(f"exports them to log bucket {name}, which does not exist")
    project.cloud.bucket("payments-prod", "k8s", location="eu", lifecycle_state="FAILED")
    assert (await reads(collect)).delivered.reason.endswith("which is in state FAILED")
    project.cloud.deny("logging.buckets.list")
    found = await reads(collect)
    assert (found.delivered.state, found.delivered.permission) == (LinkState.UNKNOWN, "logging.buckets.list")
    assert f"log bucket {name}, which could not be read" in found.delivered.reason


async def test_a_bucket_may_be_named_by_the_projects_number(project: GcpEmulator, collect: Collect) -> None:
    number = project.cloud.projects["payments-prod"].number
    name = f"projects/{number}/locations/global/buckets/_Default"
    project.cloud.sinks[P]["_Default"]["destination"] = f"logging.googleapis.com/{name}"
    assert (await reads(collect)).retention.at_least == 30


async def retention_of(collect: Collect, **rule: object) -> tuple[ClusterObservation, LinkState, str]:
    settings = RuleSettings.model_validate({"links": ["generated", "exported", "delivered", "retained"], **rule})
    cluster = await main_of(collect, rule=settings)
    result = assess(cluster, settings)
    links = {link.value: check.state for link, check in result.findings[1].links.items()}
    return cluster, links["retained"], "\n".join(one.code for one in result.remediations)


async def test_a_short_retention_is_lengthened(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.bucket("payments-prod", "_Default", days=1)
    cluster, state, code = await retention_of(collect, min_retention_days=90)
    assert state is LinkState.GAP
    assert channel(cluster, "data_read").retention.reason.endswith("/_Default keeps them 1 day")
    assert code == (
        "gcloud logging buckets list --project=payments-prod\n"
        "gcloud logging buckets update _Default --project=payments-prod --location=global --retention-days=90"
    )


async def test_a_locked_bucket_keeps_its_retention(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.bucket("payments-prod", "_Default", days=10, locked=True)
    cluster, state, code = await retention_of(collect)
    assert state is LinkState.GAP
    assert (
        "gcloud logging buckets create k8s-audit --project=payments-prod --location=global --retention-days=30" in code
    )
    bucket = "logging.googleapis.com/projects/payments-prod/locations/global/buckets"
    assert f"gcloud logging sinks update _Default {bucket}/k8s-audit --project=payments-prod" in code
    project.cloud.bucket("payments-prod", "k8s-audit", days=10)
    _, _, code = await retention_of(collect)
    assert "gcloud logging buckets create _Default-longer --project=payments-prod --location=global" in code
    assert f"gcloud logging sinks update _Default {bucket}/_Default-longer --project=payments-prod" in code
    assert "is locked: its retention can no longer be changed" in " ".join(note.text for note in cluster.notes)


async def test_a_bucket_that_is_being_deleted_keeps_a_week_at_most(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.bucket("payments-prod", "_Default", days=400, lifecycle_state="DELETE_REQUESTED")
    cluster, state, code = await retention_of(collect)
    assert state is LinkState.GAP
    assert channel(cluster, "data_read").delivered.state is LinkState.OK
    assert "gcloud logging buckets undelete _Default --project=payments-prod --location=global" in code
    assert "is being deleted: within 7 days its entries are gone" in " ".join(note.text for note in cluster.notes)


async def test_what_a_bucket_hides_or_encrypts_is_told(project: GcpEmulator, collect: Collect) -> None:
    key = "projects/kms/locations/eu/keyRings/logs/cryptoKeys/audit"
    project.cloud.bucket(
        "payments-prod", "_Default", restricted_fields=["protoPayload"], cmek_settings={"kms_key_name": key}
    )
    texts = [note.text for note in (await main_of(collect)).notes]
    name = "projects/payments-prod/locations/global/buckets/_Default"
    assert f"log bucket {name} is encrypted with {key}: without that key nobody reads it" in texts
    assert f"log bucket {name} hides protoPayload from readers without logging.fields.access" in texts


async def test_a_project_may_be_named_by_its_number(project: GcpEmulator, collect: Collect) -> None:
    """Entries name a project by its id; where only its number is known, a filter that compares the id is undecided."""
    number = project.cloud.projects["payments-prod"].number
    project.cloud.sinks[P]["_Default"]["filter"] = 'resource.labels.project_id="payments-prod"'
    found = await collect(project=number)
    assert found.clusters["main"].ref.account_id == "payments-prod"
    assert channel(found.clusters["main"], "data_read").delivered.state is LinkState.OK
    project.cloud.deny("resourcemanager.projects.get")
    found = await collect(project=number)
    delivered = channel(found.clusters["main"], "data_read").delivered
    assert delivered.state is LinkState.UNKNOWN
    assert 'depends on resource.labels.project_id="payments-prod"' in delivered.reason


WHO = "protoPayload.authenticationInfo.principalEmail"


@pytest.mark.parametrize(
    ("text", "state", "left_out"),
    [
        (f'{WHO}="robot@x.iam.gserviceaccount.com"', "ok", {"robot@x.iam.gserviceaccount.com": True}),
        (f'resource.type="k8s_cluster" {WHO}=("a@x" OR "b@x")', "ok", {"a@x": False, "b@x": False}),
        (f'resource.type="gce_instance" {WHO}="a@x"', "ok", {}),
        (f'{WHO}="a@x" AND protoPayload.methodName:"list"', "ok", {"a@x": False}),
        (f'{WHO}="system:serviceaccount:kube-system:job"', "ok", {"system:serviceaccount:kube-system:job": True}),
        (f'{WHO}="system:anonymous"', "unknown", {}),
        (f'{WHO}:"system:"', "unknown", {}),
        (f'{WHO}!="a@x"', "gap", {}),
    ],
)
async def test_an_exclusion_of_named_principals_is_a_blind_spot(
    text: str, state: str, left_out: dict[str, bool], project: GcpEmulator, collect: Collect
) -> None:
    """Ordinary principals are not the ones that a filter names; requests without a user may be."""
    project.cloud.bind(ORGANIZATION, "roles/owner", "serviceAccount:robot@x.iam.gserviceaccount.com")
    project.cloud.sinks[P]["_Default"]["exclusions"] = [{"name": "quiet", "filter": text}]
    cluster = await main_of(collect)
    assert channel(cluster, "data_read").delivered.state.value == state
    assert {spot.identity.removeprefix("principal "): spot.grave for spot in cluster.blind_spots} == left_out
    for spot in cluster.blind_spots:
        how = "some of its Data Access entries may be" if "methodName" in text else "all of its Data Access entries are"
        assert spot.what.startswith(f"{how} left out: ")
        assert "exclusion quiet of sink _Default" in spot.what


async def test_what_another_sink_keeps_is_no_blind_spot(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.sinks[P]["_Default"]["exclusions"] = [{"name": "quiet", "filter": f'{WHO}="a@x"'}]
    project.cloud.sink(P, "all", "storage.googleapis.com/archive")
    assert (await main_of(collect)).blind_spots == ()


async def test_a_second_destination_that_nobody_could_look_into_is_told(central: GcpEmulator, collect: Collect) -> None:
    central.cloud.sink(P, "central", TO_CENTRAL)
    central.cloud.fault("internal", "ListSinks", "projects/central-logs")
    found = await main_of(collect)
    assert channel(found, "data_read").delivered.state is LinkState.OK
    [note] = [one for one in found.notes if "another destination" in one.text]
    assert "routes them to project central-logs, whose sinks could not be read: logging:ListSinks" in note.text
    central.cloud.faults.clear()
    assert not [one for one in (await main_of(collect)).notes if "another destination" in one.text]


@pytest.mark.parametrize(
    "destination",
    [
        "",
        "logging.googleapis.com/organizations/900/locations/global/buckets/audit",
        "logging.googleapis.com/projects/payments-prod/locations/global/buckets/",
        "logging.googleapis.com/projects/payments-prod/locations/global/buckets/_Default/views/x",
        "storage.googleapis.com/",
        "bigquery.googleapis.com/projects/payments-prod",
    ],
)
async def test_a_destination_that_is_not_read_or_of_no_known_form_is_unknown(
    destination: str, project: GcpEmulator, collect: Collect
) -> None:
    project.cloud.audit(P, "container.googleapis.com", **READS)
    project.cloud.sinks[P]["_Default"]["disabled"] = True
    project.cloud.sink(P, "archive", destination)
    found = (await reads(collect)).delivered
    assert found.state is LinkState.UNKNOWN
    assert "whether that is there and keeps them is not read" in found.reason
    project.cloud.sink(P, "archive", "pubsub.googleapis.com/projects/central-logs/topics/audit")
    assert (await reads(collect)).delivered.state is LinkState.OK


@pytest.mark.parametrize("operation", ["ListSinks", "ListBuckets"])
async def test_an_answer_without_what_every_project_has_is_none(
    operation: str, project: GcpEmulator, collect: Collect
) -> None:
    """Nobody can delete _Required, neither the sink nor the log bucket."""
    project.cloud.audit(P, "container.googleapis.com", **READS)
    project.cloud.fault("empty", operation, P)
    found = await reads(collect)
    assert Status.FAIL is not assess(await main_of(collect), RuleSettings()).status
    told = found.delivered.reason if operation == "ListSinks" else found.retention.reason
    assert "and every project has _Required" in told
    assert LinkState.GAP is not found.delivered.state
