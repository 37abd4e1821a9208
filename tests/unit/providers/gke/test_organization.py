"""Organisations as accounts of their own projects: by Cloud Asset Inventory, and without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from providers.gke import GkeProvider
from providers.gke.inventory import Inventory
from providers.gke.options import GkeOptions
from providers.gke.organization_options import DiscoveredGkeOptions, GkeOrganizationOptions, Known
from scanner.model import (
    AccountIdentity,
    AccountNote,
    ClusterObservation,
    Collected,
    CollectionFailure,
    FailureKind,
    LinkState,
    RuleSettings,
    ScanSettings,
)
from scanner.ports import (
    CollectContext,
    Discovered,
    DiscoveredAccount,
    OrganizationOptions,
    OrganizationProvider,
    made,
)
from tests.emulators.gcp import GcpEmulator
from tests.emulators.gcp.assets import READ, UPDATED, cluster
from tests.unit.providers.gke.conftest import NOW, ORGANIZATION, READS, channel

GKE = "container.googleapis.com"
PROJECTS = ("alpha-1", "bravo-1", "charlie-1", "delta-1", "echo-1")
WITH_CLUSTERS = ("alpha-1", "delta-1")


@pytest.fixture
def org(gcp: GcpEmulator) -> GcpEmulator:
    """An organisation with a folder, five projects and a deleted one; two projects have a cluster."""
    gcp.cloud.page_size = 3
    gcp.cloud.folder("10", ORGANIZATION)
    for number, name in enumerate(PROJECTS):
        project = gcp.cloud.project(name, ORGANIZATION if number % 2 else "folders/10")
        if name in WITH_CLUSTERS:
            gcp.cloud.cluster(name, f"main-of-{name}")
            gcp.cloud.audit(project, GKE, ADMIN_READ=("user:alice@example.com",))
            gcp.cloud.bind(project, "roles/owner", "user:alice@example.com")
    gcp.cloud.audit("folders/10", GKE, DATA_READ=())
    gcp.cloud.project("gone-1", "folders/10", state="DELETE_REQUESTED")
    return gcp


class Organization:
    """What was discovered, and then read of each account, sorted by kind."""

    def __init__(self, gcp: GcpEmulator, **options: object) -> None:
        self.provider = GkeProvider()
        self.options = GkeOrganizationOptions.model_validate(
            {"organization": "900", "endpoints": gcp.endpoints} | options
        )
        self.items: list[Discovered] = []
        self.read: dict[str, list[Collected]] = {}

    def context(self, name: str) -> CollectContext:
        settings = ScanSettings.model_validate({"retries": 2, "call_timeout": 5.0})
        return CollectContext(name, settings, RuleSettings(), NOW, lambda _: None)

    async def discover(self) -> Organization:
        context = self.context("corp")
        self.items = [item async for item in self.provider.discover(self.options, context)]
        return self

    async def collect(self) -> Organization:
        for one in (await self.discover()).accounts:
            options, context = made(one.options), self.context(one.name)
            self.read[one.name] = [item async for item in self.provider.collect(options, context)]
        return self

    @property
    def accounts(self) -> list[DiscoveredAccount]:
        return [item for item in self.items if isinstance(item, DiscoveredAccount)]

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.accounts]

    @property
    def notes(self) -> list[str]:
        return notes(self.items)

    @property
    def failures(self) -> list[CollectionFailure]:
        return [item for item in self.items if isinstance(item, CollectionFailure)]

    def cluster(self, project: str) -> ClusterObservation:
        [found] = [item for item in self.read[f"corp/{project}"] if isinstance(item, ClusterObservation)]
        return found


def notes(items: Iterable[object]) -> list[str]:
    return [item.note.text for item in items if isinstance(item, AccountNote)]


def calls(gcp: GcpEmulator) -> Counter[str]:
    """Count the calls by their operation."""
    found: Counter[str] = Counter()
    for (operation, _), number in gcp.cloud.calls.items():
        found[operation] += number
    return found


def links(cluster: ClusterObservation) -> list[tuple[str, str, str, float]]:
    """Give what the links of a cluster say, but for where it was read."""
    return [
        (one.log, one.exported.state.value, one.delivered.state.value, one.retention.at_most)
        for one in cluster.servers[0].channels
    ]


def test_the_provider_finds_organisations() -> None:
    assert isinstance(GkeProvider(), OrganizationProvider)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"organization": "1", "folder": "2"},
        {"organization": "corp"},
        {"folder": "1", "exclude_folders": ["folders/2"]},
        {"folder": "1", "quota_project": "Not A Project"},
        {"folder": "1", "inventory": "config"},
    ],
)
def test_options_that_cannot_be_meant_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GkeOrganizationOptions.model_validate(given)


async def test_options_of_another_provider_are_a_bug(gcp: GcpEmulator) -> None:
    with pytest.raises(TypeError):
        async for _ in GkeProvider().discover(OrganizationOptions(), Organization(gcp).context("corp")):
            pass


async def test_each_active_project_is_an_account(org: GcpEmulator) -> None:
    found = await Organization(org).discover()
    assert sorted(found.names) == [f"corp/{name}" for name in PROJECTS]
    assert found.items[0] == AccountIdentity(ORGANIZATION)
    assert found.failures == []
    assert found.notes == [
        (
            f"Cloud Asset Inventory knows of 2 GKE clusters in 2 projects below organizations/900 as of {READ};"
            " projects without clusters were not asked, and what was made in the last minutes may be missing"
        ),
        "1 project is not active: gone-1: DELETE_REQUESTED",
    ]
    asked = {"ListAssetsCluster", "ListAssetsLogSink", "ListAssetsPolicies", "ListAssetsProject"}
    assert set(calls(org)) == asked | {"ListFolders", "ListProjects"}
    assert calls(org)["ListAssetsLogSink"] == 4  # twelve sinks, three a page


async def test_what_the_inventory_knows_is_not_asked_again_and_says_so(org: GcpEmulator) -> None:
    found = await Organization(org).collect()
    read = found.cluster("alpha-1")
    exported = channel(read, "admin_read").exported
    assert exported.state is LinkState.OK
    [evidence] = exported.evidence
    assert (evidence.source, evidence.locator) == ("cloudasset:ListAssets", "projects/alpha-1 auditConfigs[0]")
    assert evidence.value.endswith(f"(as of {READ}, updated {UPDATED})")
    [delivered] = channel(read, "admin_read").delivered.evidence
    assert delivered.source == "cloudasset:ListAssets"
    assert delivered.value.endswith(f"(as of {READ}, updated {UPDATED})")
    [spot] = read.blind_spots
    assert (spot.identity, spot.grave) == ("user:alice@example.com", True)
    above = channel(read, "data_read").exported
    assert above.evidence[0].locator == "folders/10 auditConfigs[0]"
    made = calls(org)
    assert made["ListClusters"] == made["ListBuckets"] == len(WITH_CLUSTERS)
    assert made["GetProject"] == made["GetFolder"] == 0
    # The organisation has no policy in the inventory, so it is asked itself; so are the sinks above the projects.
    assert {key for key in org.cloud.calls if key[0] == "GetIamPolicy"} == {("GetIamPolicy", ORGANIZATION)}
    assert {key: number for key, number in org.cloud.calls.items() if key[0] == "ListSinks"} == {
        ("ListSinks", "folders/10"): 1,
        ("ListSinks", ORGANIZATION): 1,
    }


async def test_a_project_without_clusters_costs_no_call_and_says_as_of_when(org: GcpEmulator) -> None:
    found = await Organization(org).collect()
    assert notes(found.read["corp/bravo-1"]) == [
        f"Cloud Asset Inventory knows of no GKE clusters in project bravo-1 as of {READ}; the project was not asked"
    ]
    assert found.read["corp/bravo-1"][0] == AccountIdentity("projects/bravo-1")
    assert not [key for key in org.cloud.calls if "bravo-1" in key[1]]


async def test_calls_grow_with_projects_that_have_clusters_and_not_with_projects(org: GcpEmulator) -> None:
    org.cloud.page_size = 1000
    await Organization(org).collect()
    before = calls(org)
    for number in range(40):
        org.cloud.project(f"empty-{number}", "folders/10")
    org.cloud.calls.clear()
    found = await Organization(org).collect()
    assert len(found.accounts) == len(PROJECTS) + 40
    assert calls(org) == before


@pytest.mark.parametrize("inventory", ["cloud-asset", "none"])
async def test_with_and_without_inventory_the_clusters_are_the_same(inventory: str, org: GcpEmulator) -> None:
    found = await Organization(org, inventory=inventory).collect()
    assert [links(found.cluster(name)) for name in WITH_CLUSTERS] == [
        [
            ("admin_activity", "ok", "ok", 400),
            ("admin_read", "ok", "ok", 30),
            ("data_write", "gap", "n/a", 30),
            ("data_read", "ok" if name == "alpha-1" else "gap", "ok" if name == "alpha-1" else "n/a", 30),
        ]
        for name in WITH_CLUSTERS
    ]
    assert (calls(org)["ListClusters"] == len(PROJECTS)) is (inventory == "none")
    assert (calls(org)["ListAssetsCluster"] == 0) is (inventory == "none")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("deny", "cloudasset:ListAssets is denied (grant cloudasset.assets.listResource on organizations/900"),
        ("off", "cloudasset.googleapis.com is not enabled (gcloud services enable cloudasset.googleapis.com"),
        ("throttle", "cloudasset:ListAssets was still throttled after all attempts"),
        ("unavailable", "cloudasset:ListAssets could not be reached"),
        ("malformed", "the answer to cloudasset:ListAssets cannot be understood"),
        ("shape", "the answer to cloudasset:ListAssets cannot be understood"),
        ("loop", "it names the same next page again"),
    ],
)
async def test_an_inventory_that_does_not_answer_leaves_the_projects_to_be_listed(
    fault: str, told: str, org: GcpEmulator
) -> None:
    if fault == "deny":
        org.cloud.deny("cloudasset.assets.listResource", ORGANIZATION)
    elif fault == "off":
        org.cloud.callers_apis_off.add("cloudasset.googleapis.com")
    elif fault == "loop":
        org.cloud.page_size = 1
        org.cloud.is_looping = True
    else:
        org.cloud.fault(fault, "ListAssetsCluster")
    found = Organization(org)
    await found.discover()
    [note] = [text for text in found.notes if "every project is listed and asked" in text]
    assert told in note
    if fault != "loop":
        assert sorted(found.names) == [f"corp/{name}" for name in PROJECTS]
        org.cloud.calls.clear()
        await found.collect()
        assert calls(org)["ListClusters"] == len(PROJECTS)
        assert calls(org)["GetProject"] == 0


async def test_an_inventory_that_fails_half_way_through_the_clusters_is_not_believed(org: GcpEmulator) -> None:
    for number in range(4):
        org.cloud.cluster("alpha-1", f"more-{number}")
    org.cloud.fault("malformed", "ListAssetsCluster", f"{ORGANIZATION} page-3")
    found = await Organization(org).collect()
    assert calls(org)["ListClusters"] == len(PROJECTS)
    assert "every project is listed and asked" in found.notes[0]


async def test_projects_that_the_inventory_did_not_come_to_are_listed_and_asked(org: GcpEmulator) -> None:
    org.cloud.fault("internal", "ListAssetsProject", f"{ORGANIZATION} page-3")
    found = await Organization(org).collect()
    assert sorted(found.names) == [f"corp/{name}" for name in PROJECTS]
    asked = {resource for operation, resource in org.cloud.calls if operation == "ListClusters"}
    # Of the first page (alpha-1, bravo-1, charlie-1) only one has clusters; the others were not told of.
    assert asked == {"projects/alpha-1", "projects/delta-1", "projects/echo-1"}
    assert any("those that it did not tell of are listed and asked" in text for text in found.notes)


@pytest.mark.parametrize(
    ("operation", "asked", "told"),
    [
        ("ListAssetsLogSink", "ListSinks", "could not tell the log sinks of projects"),
        ("ListAssetsPolicies", "GetIamPolicy", "could not tell the IAM policies"),
    ],
)
async def test_a_part_that_fails_is_read_of_the_projects_with_clusters(
    operation: str, asked: str, told: str, org: GcpEmulator
) -> None:
    org.cloud.fault("malformed", operation)
    found = await Organization(org).collect()
    resources = {resource for name, resource in org.cloud.calls if name == asked and resource.startswith("projects/")}
    assert resources == {f"projects/{name}" for name in WITH_CLUSTERS}
    assert any(told in text for text in found.notes)
    evidence = channel(found.cluster("alpha-1"), "admin_read").exported.evidence
    assert evidence[0].source == (
        "resourcemanager:getIamPolicy" if asked == "GetIamPolicy" else "cloudasset:ListAssets"
    )


async def test_policies_that_may_not_be_seen_name_their_own_permission(org: GcpEmulator) -> None:
    org.cloud.deny("cloudasset.assets.listIamPolicy", ORGANIZATION)
    found = await Organization(org).discover()
    assert any("grant cloudasset.assets.listIamPolicy on organizations/900" in text for text in found.notes)


async def test_sinks_of_which_the_inventory_does_not_have_all_are_listed(org: GcpEmulator) -> None:
    number = org.cloud.projects["alpha-1"].number
    org.cloud.unindexed.add(f"//logging.googleapis.com/projects/{number}/sinks/_Required")
    org.cloud.unindexed.add(f"//cloudresourcemanager.googleapis.com/projects/{number}")
    found = await Organization(org).collect()
    assert org.cloud.calls["ListSinks", "projects/alpha-1"] == 1
    assert org.cloud.calls["GetIamPolicy", "projects/alpha-1"] == 1
    assert channel(found.cluster("alpha-1"), "admin_read").delivered.evidence[0].source == "logging:ListSinks"


async def test_a_project_that_only_its_clusters_tell_of_is_an_account(org: GcpEmulator) -> None:
    number = org.cloud.projects["delta-1"].number
    org.cloud.unindexed.add(f"//cloudresourcemanager.googleapis.com/projects/{number}")
    found = await Organization(org).collect()
    assert found.cluster("delta-1").ref.name == "main-of-delta-1"


async def test_projects_that_the_inventory_lacks_are_listed_and_asked(org: GcpEmulator) -> None:
    for project in org.cloud.projects.values():
        org.cloud.unindexed.add(f"//cloudresourcemanager.googleapis.com/projects/{project.number}")
    for name in ("alpha-1", "delta-1"):
        org.cloud.unindexed |= {
            f"//container.googleapis.com/projects/{name}/locations/{place}/clusters/main-of-{name}"
            for place in ("europe-west1", "us-east1")
        }
    found = await Organization(org).collect()
    assert sorted(found.names) == [f"corp/{name}" for name in PROJECTS]
    assert found.cluster("alpha-1").ref.name == "main-of-alpha-1"


async def test_that_nobody_could_look_for_projects_that_the_inventory_lacks_is_told(org: GcpEmulator) -> None:
    org.cloud.deny("resourcemanager.projects.list", ORGANIZATION)
    found = await Organization(org).discover()
    assert sorted(found.names) == [f"corp/{name}" for name in PROJECTS]
    assert found.failures == []
    assert any("whether Cloud Asset Inventory knows all projects was not checked" in text for text in found.notes)


async def test_where_the_two_differ_the_project_counts_and_a_note_says_so(org: GcpEmulator) -> None:
    project = org.cloud.projects["alpha-1"]
    org.cloud.cluster("alpha-1", "new", "us-east1")
    org.cloud.unindexed.add("//container.googleapis.com/projects/alpha-1/locations/us-east1/clusters/new")
    lineage = [f"projects/{project.number}", "folders/10", ORGANIZATION]
    org.cloud.outdated.append(cluster(project, lineage, "old"))
    found = await Organization(org).collect()
    clusters = [one.ref.name for one in found.read["corp/alpha-1"] if isinstance(one, ClusterObservation)]
    assert clusters == ["main-of-alpha-1", "new"]
    assert notes(found.read["corp/alpha-1"]) == [
        (
            "Cloud Asset Inventory still knows of clusters that project alpha-1 does not list: old in europe-west1,"
            f" updated {UPDATED} (as of {READ})"
        ),
        f"Cloud Asset Inventory does not know of clusters in project alpha-1 yet: new in us-east1 (as of {READ})",
    ]


async def test_clusters_of_a_project_that_may_not_be_listed_are_named(org: GcpEmulator) -> None:
    org.cloud.deny("container.clusters.list", "projects/alpha-1")
    found = await Organization(org).collect()
    [failure] = [one for one in found.read["corp/alpha-1"] if isinstance(one, CollectionFailure)]
    assert (failure.kind, failure.whole_account) == (FailureKind.PERMISSION, True)
    assert notes(found.read["corp/alpha-1"]) == [
        (
            "Cloud Asset Inventory knows of clusters in project alpha-1: main-of-alpha-1 in europe-west1, updated"
            f" {UPDATED} (as of {READ})"
        )
    ]


async def test_an_api_that_was_switched_off_since_is_told(org: GcpEmulator) -> None:
    org.cloud.apis_off.add(("alpha-1", GKE))
    found = await Organization(org).collect()
    assert notes(found.read["corp/alpha-1"])[0].startswith("project alpha-1 has no GKE clusters")
    assert "does not list: main-of-alpha-1" in notes(found.read["corp/alpha-1"])[1]


@pytest.mark.parametrize("inventory", ["cloud-asset", "none"])
async def test_what_is_left_out_is_told(inventory: str, org: GcpEmulator) -> None:
    found = Organization(org, inventory=inventory, exclude_projects=["bravo-*"], exclude_folders=["10"])
    await found.discover()
    assert found.names == ["corp/delta-1"]
    assert "1 project is excluded by exclude_projects: bravo-1" in found.notes
    left_out = {"cloud-asset": "4 projects are excluded by exclude_folders: alpha-1, charlie-1, echo-1, gone-1"}
    assert left_out.get(inventory, "1 project is excluded by exclude_folders: all of folders/10") in found.notes


@pytest.mark.parametrize("inventory", ["cloud-asset", "none"])
async def test_exclusions_that_match_nothing_are_told(inventory: str, org: GcpEmulator) -> None:
    globs = ["bravo-*", "*-1", "mistyped"]
    found = Organization(org, inventory=inventory, exclude_projects=globs, exclude_folders=["10", "77"])
    await found.discover()
    unused = sorted(note for note in found.notes if "matches" in note)
    assert unused == [
        "exclude_folders names 77, which no folder below organizations/900 matches",
        "exclude_projects names mistyped, which no project below organizations/900 matches",
    ]


async def test_exclusions_are_not_called_unused_where_not_all_was_listed(org: GcpEmulator) -> None:
    org.cloud.denied.add(("resourcemanager.folders.list", "organizations/900"))
    found = Organization(org, inventory="none", exclude_projects=["perhaps-below-a-folder"])
    await found.discover()
    assert not [note for note in found.notes if "matches" in note]


@pytest.mark.parametrize("inventory", ["cloud-asset", "none"])
@pytest.mark.parametrize("excluded", [{"exclude_projects": ["*-1"]}, {"exclude_folders": ["20"]}])
async def test_an_organisation_in_which_nobody_is_left_says_so(
    excluded: dict[str, list[str]], inventory: str, gcp: GcpEmulator
) -> None:
    gcp.cloud.folder("20", ORGANIZATION)
    gcp.cloud.project("alpha-1", "folders/20")
    found = await Organization(gcp, inventory=inventory, **excluded).discover()
    assert (found.names, found.failures) == ([], [])
    assert found.notes[-1] == "no project is left to read: all below organizations/900 are excluded or not active"


@pytest.mark.parametrize("state", ["FROZEN", ""])
async def test_projects_of_a_state_that_is_not_known_are_read(state: str, org: GcpEmulator) -> None:
    org.cloud.project("new-1", ORGANIZATION, state=state)
    found = await Organization(org).discover()
    assert "corp/new-1" in found.names
    text = f"1 project is in a state that is not known, and read all the same: new-1: {state or 'no state'}"
    assert text in found.notes


async def test_clusters_that_an_inventory_saw_in_a_project_that_is_not_active_are_named(org: GcpEmulator) -> None:
    org.cloud.cluster("gone-1", "left-behind")
    found = Organization(org, inventory="cloud-asset")
    await found.discover()
    text = "1 project is not active: gone-1: DELETE_REQUESTED, in which clusters were seen: left-behind"
    assert text in found.notes


async def test_clusters_that_are_named_are_looked_for_in_the_whole_organisation(org: GcpEmulator) -> None:
    found = await Organization(org, clusters=["main-of-alpha-1", "mistyped"]).collect()
    assert [one for items in found.read.values() for one in items if isinstance(one, CollectionFailure)] == []
    assert f"clusters names mistyped, which Cloud Asset Inventory does not know as of {READ}" in found.notes
    assert found.cluster("alpha-1").ref.name == "main-of-alpha-1"


@pytest.mark.parametrize("inventory", ["cloud-asset", "none"])
async def test_a_folder_is_looked_through_like_an_organisation(inventory: str, org: GcpEmulator) -> None:
    found = await Organization(org, organization=None, folder="10", inventory=inventory).collect()
    assert sorted(found.names) == ["corp/alpha-1", "corp/charlie-1", "corp/echo-1"]
    assert channel(found.cluster("alpha-1"), "data_read").exported.state is LinkState.OK


@pytest.mark.parametrize("inventory", ["cloud-asset", "none"])
async def test_an_organisation_that_is_empty_is_said_to_be(inventory: str, gcp: GcpEmulator) -> None:
    gcp.cloud.audit(ORGANIZATION, GKE, **READS)
    found = await Organization(gcp, inventory=inventory).discover()
    assert found.notes[-1] == "no active project lies below organizations/900, at any depth"


async def test_an_organisation_that_may_not_be_listed_at_all_is_a_failure(org: GcpEmulator) -> None:
    org.cloud.deny("cloudasset.assets.listResource")
    org.cloud.deny("resourcemanager.projects.list")
    [failure] = (await Organization(org).discover()).failures
    assert (failure.whole_account, failure.permission) == (True, "resourcemanager.projects.list")


async def test_a_folder_that_may_not_be_listed_is_named(org: GcpEmulator) -> None:
    org.cloud.deny("resourcemanager.folders.list", "folders/10")
    [failure] = (await Organization(org, inventory="none").discover()).failures
    assert (failure.scope, failure.whole_account) == ("folders of folders/10", False)


async def test_credentials_that_cannot_be_used_are_one_failure(org: GcpEmulator) -> None:
    found = await Organization(org, credentials_file="/nowhere/credentials.json").discover()
    [failure] = found.failures
    assert (failure.kind, failure.whole_account, found.items) == (FailureKind.CREDENTIALS, True, [failure])


async def test_a_question_that_failed_in_passing_is_asked_again_for_the_next_project(org: GcpEmulator) -> None:
    org.cloud.fault("internal", "GetIamPolicy", ORGANIZATION, times=3)
    found = await Organization(org).collect()
    assert org.cloud.calls["GetIamPolicy", ORGANIZATION] == 4
    assert channel(found.cluster("delta-1"), "data_read").exported.state is LinkState.GAP


async def test_an_inventory_that_is_throttled_for_a_while_is_asked_again(org: GcpEmulator) -> None:
    for kind in ("Cluster", "LogSink", "Policies", "Project"):
        org.cloud.fault("throttle", f"ListAssets{kind}", times=1)
    found = await Organization(org).discover()
    assert sorted(found.names) == [f"corp/{name}" for name in PROJECTS]
    assert len(found.notes) == 2
    assert calls(org)["ListAssetsCluster"] == 2


async def test_a_token_that_is_not_accepted_is_a_failure_and_no_empty_organisation(org: GcpEmulator) -> None:
    org.tokens.revoked = True
    found = await Organization(org).discover()
    assert (found.names, [(one.kind, one.whole_account) for one in found.failures]) == (
        [],
        [(FailureKind.CREDENTIALS, True)],
    )


@pytest.mark.parametrize("fault", ["malformed", "internal"])
async def test_a_list_of_projects_that_breaks_off_leaves_what_was_found(fault: str, org: GcpEmulator) -> None:
    """Both the inventory and Resource Manager fail: what the first told of is scanned, and the rest is missing."""
    org.cloud.fault(fault, "ListAssetsProject", f"{ORGANIZATION} page-3")
    org.cloud.fault("internal", "ListProjects", ORGANIZATION)
    found = await Organization(org).discover()
    assert sorted(found.names) == ["corp/alpha-1", "corp/bravo-1", "corp/charlie-1"]
    [failure] = found.failures
    assert (failure.kind, failure.whole_account) == (FailureKind.UNREACHABLE, False)


async def test_it_can_be_left_in_the_middle(org: GcpEmulator) -> None:
    found = Organization(org)
    items = found.provider.discover(found.options, found.context("corp"))
    async for item in items:
        if isinstance(item, DiscoveredAccount):
            break
    with suppress(StopAsyncIteration):
        await items.aclose()  # type: ignore[attr-defined]


def test_projects_share_all_but_their_names(gcp: GcpEmulator) -> None:
    base = Organization(gcp, clusters=["main*"]).options.base()
    assert isinstance(base, GkeOptions)
    assert base.known is None
    known = Known(Inventory(), "payments-prod", "1", "folders/1")
    assert base.of(known).named_projects == ("payments-prod",)
    assert base.of(known).model_fields_set is base.model_fields_set
    one = DiscoveredGkeOptions.model_validate({"project": "payments-prod"})
    assert one.wants("main") is True
