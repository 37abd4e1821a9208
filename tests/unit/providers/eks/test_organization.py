"""Accounts found through AWS Organizations, and clusters through an AWS Config aggregator, over the real wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from providers.eks import EksProvider
from providers.eks.organization_options import DiscoveredEksOptions, EksOrganizationOptions
from scanner.assessment import assess
from scanner.engine import AccountPlan, scan_accounts
from scanner.journal import Journal, RunRecord
from scanner.model import (
    AccountIdentity,
    AccountNote,
    CollectionFailure,
    FailureKind,
    RuleSettings,
    ScanSettings,
    Status,
)
from scanner.ports import AccountOptions, CollectContext, Discovered, DiscoveredAccount, OrganizationOptions, made
from tests.bench.silent import Silent
from tests.emulators.aws import HOME_ACCOUNT, AwsEmulator, Group, faults
from tests.unit.providers.eks.conftest import NOW, Collection

ONE, TWO, THREE = "100000000001", "100000000002", "100000000003"
HERE, THERE = "eu-west-1", "us-east-1"
BOTH = ("audit", "authenticator")


def quiet(what: str) -> None:
    """Take note of no wait."""
    del what


def context(account: str = "corp") -> CollectContext:
    return CollectContext(account, ScanSettings(retries=0, call_timeout=5.0), RuleSettings(), NOW, quiet)


class Found:
    """What was discovered, sorted by kind."""

    def __init__(self, items: list[Discovered]) -> None:
        self.accounts = {item.name: made(item.options) for item in items if isinstance(item, DiscoveredAccount)}
        self.failures = [item for item in items if isinstance(item, CollectionFailure)]
        self.notes = [item.note.text for item in items if isinstance(item, AccountNote)]
        self.identities = [item.account_id for item in items if isinstance(item, AccountIdentity)]

    @property
    def ids(self) -> list[str]:
        return sorted(name.removeprefix("corp/") for name in self.accounts)


Discover = Callable[..., Awaitable[Found]]


@pytest.fixture
def discover() -> Discover:
    async def run(**options: object) -> Found:
        given = EksOrganizationOptions.model_validate({"account_role": "audit-scanner", **options})
        return Found([item async for item in EksProvider().discover(given, context())])

    return run


async def read(options: AccountOptions) -> Collection:
    return Collection([item async for item in EksProvider().collect(options, context("corp/x"))], [])


@pytest.fixture
def corp(aws: AwsEmulator) -> AwsEmulator:
    """Three accounts, of which the first has a cluster here."""
    for number, account in enumerate((ONE, TWO, THREE)):
        aws.organization.add(account, f"team-{number}")
        aws.add_regions(account, HERE, THERE)
    aws.add_cluster(ONE, HERE, "prod", enabled=BOTH, group=Group(90, streams=dict.fromkeys(BOTH, NOW)))
    return aws


async def test_every_page_of_active_accounts_is_found(aws: AwsEmulator, discover: Discover) -> None:
    aws.organization.page_size = 7
    for number in range(30):
        aws.organization.add(f"{200_000_000_000 + number}", f"a{number}")
    found = await discover()
    assert len(found.accounts) == 30
    assert (found.failures, found.notes, found.identities) == ([], [], [HOME_ACCOUNT])
    assert len(aws.called("organizations:ListAccounts")) == 5


async def test_only_active_accounts_are_read_and_the_others_are_told(aws: AwsEmulator, discover: Discover) -> None:
    """`State` counts, not the retired `Status`; where an answer has no `State` at all, the old field does."""
    aws.organization.add(ONE, "one", State="ACTIVE", Status="SUSPENDED")
    aws.organization.add(TWO, "two", State="SUSPENDED", Status="ACTIVE")
    aws.organization.add(THREE, "three", Status="ACTIVE")
    aws.organization.add("100000000004", "four", State="PENDING_CLOSURE")
    found = await discover()
    assert found.ids == [ONE, THREE]
    assert found.notes == [
        "2 accounts are not active: four (100000000004): PENDING_CLOSURE, two (100000000002): SUSPENDED"
    ]


@pytest.mark.parametrize("state", ["PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
async def test_an_organisation_in_which_nobody_is_left_says_so(
    state: str, aws: AwsEmulator, discover: Discover
) -> None:
    aws.organization.add(ONE, "one", State=state)
    aws.organization.add(TWO, "sandbox-2")
    found = await discover(exclude_accounts=("sandbox-*",))
    assert (found.accounts, found.failures) == ({}, [])
    assert found.notes == [
        f"1 account is excluded by exclude_accounts: sandbox-2 ({TWO})",
        f"1 account is not active: one ({ONE}): {state}",
        "no account is left to read: of 2 that are listed, all are excluded or not active",
    ]


async def test_accounts_of_a_state_that_is_not_known_are_read(aws: AwsEmulator, discover: Discover) -> None:
    """What AWS calls active under another name tomorrow, or does not tell, may have clusters."""
    aws.organization.add(ONE, "one", State="ENABLED")
    aws.organization.add(TWO, "two", State="")
    aws.organization.add(THREE, "three")
    found = await discover()
    assert found.ids == [ONE, TWO, THREE]
    assert found.notes == [
        (
            f"2 accounts are in a state that is not known, and read all the same: one ({ONE}): ENABLED,"
            f" two ({TWO}): no state"
        )
    ]


@pytest.mark.parametrize("units", [(), ("r-ab12",)])
async def test_an_organisation_without_any_account_is_not_believed(
    units: tuple[str, ...], aws: AwsEmulator, discover: Discover
) -> None:
    """The management account is one at least, so that an empty list is no answer."""
    aws.organization.accounts.clear()
    found = await discover(organizational_units=units, exclude_accounts=("sandbox-*",))
    [failed] = found.failures
    assert (failed.kind, failed.whole_account) == (FailureKind.MALFORMED, True)
    assert failed.reason.endswith("it holds no account, not even the management account")
    assert found.notes == []


async def test_a_unit_without_accounts_is_told(aws: AwsEmulator, discover: Discover) -> None:
    full, empty = aws.organization.unit(1), aws.organization.unit(2)
    aws.organization.unit(3, empty)
    aws.organization.add(ONE, "one", unit=aws.organization.unit(4, full))
    found = await discover(organizational_units=(full, empty))
    assert (found.ids, found.failures) == ([ONE], [])
    assert found.notes == [f"no account is in organizational unit {empty}, at any depth"]


async def test_a_unit_that_may_not_be_listed_is_not_called_empty(aws: AwsEmulator, discover: Discover) -> None:
    unit = aws.organization.unit(1)
    aws.inject(faults.deny(), "organizations:ListAccountsForParent")
    found = await discover(organizational_units=(unit,), exclude_accounts=("sandbox-*",))
    assert (len(found.failures), found.notes) == (1, [])


async def test_units_are_followed_down_and_accounts_excluded_by_id_and_name(
    aws: AwsEmulator, discover: Discover
) -> None:
    top, other = aws.organization.unit(1), aws.organization.unit(2)
    below = aws.organization.unit(3, top)
    aws.organization.add(ONE, "one", unit=top)
    aws.organization.add(TWO, "two", unit=below)
    aws.organization.add(THREE, "three", unit=other)
    aws.organization.add("100000000004", "sandbox-4", unit=below)
    found = await discover(organizational_units=(top, below), exclude_accounts=("sandbox-*",))
    assert found.ids == [ONE, TWO]
    assert found.notes == ["1 account is excluded by exclude_accounts: sandbox-4 (100000000004)"]
    assert aws.called("organizations:ListAccounts") == []
    found = await discover(organizational_units=("r-ab12",), exclude_accounts=(TWO,))
    assert found.ids == [ONE, THREE, "100000000004"]


async def test_the_accounts_are_read_with_the_role_of_the_organisation(corp: AwsEmulator, discover: Discover) -> None:
    found = await discover(external_id="tenant-7", session_name="audit", exclude_clusters=("sandbox-*",))
    options = found.accounts[f"corp/{ONE}"]
    assert isinstance(options, DiscoveredEksOptions)
    assert options.role_arn == f"arn:aws:iam::{ONE}:role/audit-scanner"
    assert (options.external_id, options.session_name, options.exclude_clusters) == (
        "tenant-7",
        "audit",
        ("sandbox-*",),
    )
    assert options.origin is None
    got = await read(options)
    assert set(got.clusters) == {"prod"}
    assert len(corp.called("eks:ListClusters")) == 2


async def test_a_hub_role_is_assumed_for_the_list_alone(corp: AwsEmulator, discover: Discover) -> None:
    found = await discover(role_arn="arn:aws:iam::999988887777:role/hub", external_id="tenant-7")
    assert found.identities == ["999988887777"]
    assert [call.account for call in corp.called("organizations:ListAccounts")] == ["999988887777"]
    assert corp.called("sts:AssumeRole")[0].parameters["ExternalId"] == "tenant-7"


async def test_a_denied_list_leaves_nothing_and_says_so(corp: AwsEmulator, discover: Discover) -> None:
    corp.inject(faults.deny(), "organizations:ListAccounts")
    found = await discover()
    assert found.accounts == {}
    [failed] = found.failures
    assert (failed.kind, failed.scope, failed.whole_account) == (
        FailureKind.PERMISSION,
        "accounts of the organisation",
        True,
    )
    assert failed.permission == "organizations:ListAccounts"


async def test_regions_of_another_partition_than_the_credentials_fail_the_organisation(
    corp: AwsEmulator, discover: Discover
) -> None:
    """Without a role in the configuration nothing but the credentials tells the partition."""
    found = await discover(regions=["cn-north-1"])
    assert found.accounts == {}
    [failed] = found.failures
    assert (failed.kind, failed.whole_account) == (FailureKind.CREDENTIALS, True)
    assert failed.reason == "regions holds cn-north-1, but the credentials are of partition aws"
    assert corp.called("organizations:ListAccounts") == []


async def test_a_page_that_fails_keeps_the_accounts_before_it(aws: AwsEmulator, discover: Discover) -> None:
    first = {"Accounts": [{"Id": ONE, "Name": "one", "State": "ACTIVE"}], "NextToken": "1"}
    aws.inject(faults.body(json.dumps(first).encode()), "organizations:ListAccounts", times=1)
    aws.inject(faults.server_error(), "organizations:ListAccounts")
    found = await discover()
    assert found.ids == [ONE]
    [failed] = found.failures
    assert (failed.kind, failed.whole_account) == (FailureKind.UNREACHABLE, False)


async def test_a_unit_that_may_not_be_listed_costs_only_itself(aws: AwsEmulator, discover: Discover) -> None:
    top, other = aws.organization.unit(1), aws.organization.unit(2)
    aws.organization.add(ONE, "one", unit=top)
    aws.organization.add(TWO, "two", unit=other)
    aws.inject(faults.deny(), "organizations:ListOrganizationalUnitsForParent", times=1)
    found = await discover(organizational_units=(top, other))
    assert found.ids == [ONE, TWO]
    [failed] = found.failures
    assert (failed.operation, failed.whole_account) == ("organizations:ListOrganizationalUnitsForParent", False)
    assert failed.permission == "organizations:ListOrganizationalUnitsForParent"
    assert "`k8s-audit-coverage providers eks --permissions organization`" in failed.hint


async def test_an_inventory_leaves_only_clusters_to_be_asked(corp: AwsEmulator, discover: Discover) -> None:
    """Three accounts of two regions: two of them are not entered at all, no region is listed."""
    for account in (ONE, TWO, THREE):
        corp.organization.record(account, HERE, THERE)
    corp.organization.capture(ONE, HERE, "prod", *BOTH)
    found = await discover(config_aggregator="organization")
    assert found.notes == []
    collected = {name: await read(options) for name, options in found.accounts.items()}
    assert corp.called("eks:ListClusters") == []
    assert corp.called("ec2:DescribeRegions") == []
    assert [call.account for call in corp.called("eks:DescribeCluster")] == [ONE]
    assert len(corp.called("account:ListRegions")) == 3
    assert len(corp.called("sts:AssumeRole")) == 1
    [prod] = collected[f"corp/{ONE}"].clusters.values()
    told = {fact.name: fact.value for fact in prod.facts}
    assert told["found in"] == "AWS Config aggregator organization, as of 2026-03-01T09:00:00Z"
    assert [note.text for note in prod.notes if "aggregator" in note.text] == []
    empty = collected[f"corp/{TWO}"]
    assert (empty.clusters, empty.failures, empty.account_ids) == ({}, [], [TWO])
    assert empty.notes == [
        (
            "not entered: AWS Config aggregator organization records EKS clusters in all 2 regions that are read, and"
            " has seen none; one that was made within the last minutes may be missing there"
        )
    ]


async def test_the_recorders_of_each_region_are_read_page_by_page_beside_those_of_the_others(
    corp: AwsEmulator, discover: Discover
) -> None:
    for account in (ONE, TWO, THREE):
        corp.organization.record(account, HERE, THERE)
    corp.organization.page_size = 2
    found = await discover(config_aggregator="organization")
    asked = [str(call.parameters["Expression"]) for call in corp.called("config:SelectAggregateResourceConfig")]
    by_region = [query.rpartition(" AND ")[2] for query in asked if " AND " in query]
    assert sorted(by_region) == [f"awsRegion = '{HERE}'"] * 2 + [f"awsRegion = '{THERE}'"] * 2
    assert [query for query in asked if query.endswith(" GROUP BY awsRegion")] == asked[:1]
    for account in (TWO, THREE):
        got = await read(found.accounts[f"corp/{account}"])
        assert "not entered" in got.notes[0]


async def test_recorders_of_regions_that_are_not_read_or_have_strange_names_are_not_asked_for(
    corp: AwsEmulator, discover: Discover
) -> None:
    corp.organization.record(ONE, HERE, THERE, "eu-west-1' OR awsRegion = 'x")
    await discover(config_aggregator="organization", regions=(HERE,))
    await discover(config_aggregator="organization")
    asked = [str(call.parameters["Expression"]) for call in corp.called("config:SelectAggregateResourceConfig")]
    by_region = [query.rpartition(" AND ")[2] for query in asked if " AND " in query]
    assert by_region[:1] == [f"awsRegion = '{HERE}'"]
    assert sorted(by_region[1:]) == [f"awsRegion = '{HERE}'", f"awsRegion = '{THERE}'"]


async def test_one_region_whose_recorders_cannot_be_read_leaves_no_half_an_inventory(
    corp: AwsEmulator, discover: Discover
) -> None:
    for account in (ONE, TWO, THREE):
        corp.organization.record(account, HERE)
    kind = "AWS::Config::ConfigurationRecorder"
    corp.organization.rows.append(
        {"resourceType": kind, "accountId": ONE, "awsRegion": THERE, "configuration": "no object"}
    )
    found = await discover(config_aggregator="organization")
    assert "could not be asked, so that what it would know is listed" in found.notes[0]
    options = found.accounts[f"corp/{ONE}"]
    assert isinstance(options, DiscoveredEksOptions)
    assert options.origin is None


async def test_nothing_is_kept_of_an_account_whose_turn_has_come(corp: AwsEmulator, discover: Discover) -> None:
    """Of ten thousand accounts that is what memory would grow by; those that still wait are not touched."""
    for account in (ONE, TWO):
        corp.organization.record(account, HERE, THERE)
        corp.organization.capture(account, HERE, "prod", *BOTH)
    found = await discover(config_aggregator="organization")
    first = found.accounts[f"corp/{ONE}"]
    assert isinstance(first, DiscoveredEksOptions)
    assert first.origin is not None
    known = first.origin.inventories
    assert (known.regions_of(ONE), len(known.covering(ONE, THERE))) == ((HERE,), 1)
    await read(first)
    assert (known.regions_of(ONE), known.covering(ONE, THERE)) == ((), ())
    assert (known.regions_of(TWO), len(known.covering(TWO, THERE))) == ((HERE,), 1)


async def test_an_account_that_waits_takes_no_options(corp: AwsEmulator) -> None:
    given = EksOrganizationOptions(account_role="audit-scanner")
    found = [one async for one in EksProvider().discover(given, context()) if isinstance(one, DiscoveredAccount)]
    assert len(found) == len(corp.organization.accounts)
    assert not any(isinstance(one.options, AccountOptions) for one in found)


async def test_named_regions_cost_an_inventory_no_call_an_account(corp: AwsEmulator, discover: Discover) -> None:
    for account in (ONE, TWO, THREE):
        corp.organization.record(account, HERE)
    found = await discover(config_aggregator="organization", regions=(HERE,))
    assert len(found.accounts) == 3
    assert corp.called("account:ListRegions") == []


EKS = "AWS::EKS::Cluster"


@pytest.mark.parametrize(
    "configuration",
    [
        {"RecordingGroup": {"AllSupported": False, "ResourceTypes": ["AWS::S3::Bucket"]}},
        {"RecordingGroup": {"AllSupported": False, "ExclusionByResourceTypes": {"ResourceTypes": [EKS]}}},
        {"RecordingGroup": {"AllSupported": True}, "Recording": False},
        {"RecordingGroup": {"AllSupported": True}, "Name": "AWSConfigurationRecorderForSomeService_123"},
        {"RecordingGroup": {"AllSupported": True}, "RecordingMode": {"RecordingFrequency": "DAILY"}},
        {
            "RecordingGroup": {"AllSupported": True},
            "RecordingMode": {
                "RecordingFrequency": "CONTINUOUS",
                "RecordingModeOverrides": [{"RecordingFrequency": "DAILY", "ResourceTypes": [EKS]}],
            },
        },
        {
            "RecordingGroup": {
                "RecordingStrategy": {"UseOnly": "INCLUSION_BY_RESOURCE_TYPES"},
                "ResourceTypes": ["AWS::S3::Bucket"],
                "ExclusionByResourceTypes": {"ResourceTypes": ["AWS::EC2::Instance"]},
            }
        },
        {"RecordingGroup": {"AllSupported": True, "RecordingStrategy": {"UseOnly": "SOMETHING_NEW"}}},
    ],
    ids=["other types", "excluded", "switched off", "a service's own", "daily", "daily for EKS", "strategy", "unknown"],
)
async def test_a_recorder_that_may_miss_clusters_proves_nothing(
    configuration: dict[str, Any], corp: AwsEmulator, discover: Discover
) -> None:
    corp.organization.recorder(ONE, HERE, {"Recording": True, **configuration})
    corp.organization.record(ONE, THERE)
    found = await discover(config_aggregator="organization")
    got = await read(found.accounts[f"corp/{ONE}"])
    assert set(got.clusters) == {"prod"}
    assert [call.region for call in corp.called("eks:ListClusters")] == [HERE]


@pytest.mark.parametrize(
    "configuration",
    [
        {"RecordingGroup": {"RecordingStrategy": {"UseOnly": "ALL_SUPPORTED_RESOURCE_TYPES"}}},
        {"RecordingGroup": {"RecordingStrategy": {"UseOnly": "INCLUSION_BY_RESOURCE_TYPES"}, "ResourceTypes": [EKS]}},
        {
            "RecordingGroup": {"AllSupported": True},
            "RecordingMode": {
                "RecordingFrequency": "DAILY",
                "RecordingModeOverrides": [{"RecordingFrequency": "CONTINUOUS", "ResourceTypes": [EKS]}],
            },
        },
    ],
    ids=["all", "included", "continuous for EKS"],
)
async def test_a_recorder_that_sees_every_cluster_saves_the_list(
    configuration: dict[str, Any], corp: AwsEmulator, discover: Discover
) -> None:
    for region in (HERE, THERE):
        corp.organization.recorder(ONE, region, {"Recording": True, **configuration})
    corp.organization.capture(ONE, HERE, "prod", *BOTH)
    found = await discover(config_aggregator="organization")
    assert set((await read(found.accounts[f"corp/{ONE}"])).clusters) == {"prod"}
    assert corp.called("eks:ListClusters") == []


async def test_a_recorder_of_everything_but_something_else_does(corp: AwsEmulator, discover: Discover) -> None:
    excluded = {"ResourceTypes": ["AWS::S3::Bucket"]}
    corp.organization.record(ONE, HERE, THERE, AllSupported=False, ExclusionByResourceTypes=excluded)
    corp.organization.capture(ONE, HERE, "prod", *BOTH)
    found = await discover(config_aggregator="organization")
    assert set((await read(found.accounts[f"corp/{ONE}"])).clusters) == {"prod"}
    assert corp.called("eks:ListClusters") == []


@pytest.mark.parametrize(
    "source",
    [
        {"SourceId": ONE, "SourceType": "ACCOUNT", "AwsRegion": HERE},
        {"SourceId": "Organization", "SourceType": "ORGANIZATION", "AwsRegion": HERE},
        {"SourceId": ONE, "SourceType": "ACCOUNT"},
        {"SourceId": "Organization", "SourceType": "ORGANIZATION"},
    ],
    ids=["account", "organisation", "account everywhere", "organisation everywhere"],
)
async def test_a_source_that_is_not_up_to_date_is_listed(
    source: dict[str, str], corp: AwsEmulator, discover: Discover
) -> None:
    corp.organization.record(ONE, HERE, THERE)
    corp.organization.sources.append({**source, "LastUpdateStatus": "OUTDATED"})
    found = await discover(config_aggregator="organization")
    got = await read(found.accounts[f"corp/{ONE}"])
    assert set(got.clusters) == {"prod"}
    everywhere = [HERE, THERE] if "AwsRegion" not in source else [HERE]
    assert sorted(call.region for call in corp.called("eks:ListClusters")) == everywhere


async def test_where_the_inventory_is_behind_eks_counts_and_the_difference_is_told(
    corp: AwsEmulator, discover: Discover
) -> None:
    """A cluster that is gone shows that the region changed since: it is listed, so that a new one is not missed."""
    corp.organization.record(ONE, HERE, THERE)
    corp.organization.capture(ONE, HERE, "prod")
    corp.organization.capture(ONE, HERE, "deleted", "audit")
    corp.add_cluster(ONE, HERE, "new")
    found = await discover(config_aggregator="organization")
    got = await read(found.accounts[f"corp/{ONE}"])
    assert set(got.clusters) == {"prod", "new"}
    assert len([call for call in corp.called("eks:DescribeCluster") if call.cluster == "prod"]) == 1
    prod = got.clusters["prod"]
    assert [note.text for note in prod.notes] == [
        (
            "AWS Config aggregator organization had the log types none as of 2026-03-01T09:00:00Z; EKS says audit,"
            " authenticator now"
        )
    ]
    assert got.notes == [
        (
            "cluster deleted in eu-west-1, which AWS Config aggregator organization had as of 2026-03-01T09:00:00Z,"
            " is gone: the region is listed"
        )
    ]


async def test_clusters_that_are_not_wanted_are_not_asked_about(corp: AwsEmulator, discover: Discover) -> None:
    corp.organization.record(ONE, HERE, THERE)
    corp.organization.capture(ONE, HERE, "prod", *BOTH)
    corp.organization.capture(ONE, HERE, "sandbox-1")
    found = await discover(config_aggregator="organization", exclude_clusters=("sandbox-*",))
    got = await read(found.accounts[f"corp/{ONE}"])
    assert set(got.clusters) == {"prod"}
    assert got.notes == ["1 of 2 clusters in eu-west-1 are left out by clusters and exclude_clusters: sandbox-1"]


async def test_an_inventory_that_cannot_be_asked_is_done_without(corp: AwsEmulator, discover: Discover) -> None:
    corp.inject(faults.deny(), "config:SelectAggregateResourceConfig")
    found = await discover(config_aggregator="organization", config_region=THERE)
    assert len(found.accounts) == 3
    [note] = found.notes
    assert note.startswith("AWS Config aggregator organization in us-east-1 could not be asked, so that what it would")
    assert set((await read(found.accounts[f"corp/{ONE}"])).clusters) == {"prod"}


@pytest.mark.parametrize("answer", [faults.deny(), faults.body(b'{"Regions": []}')], ids=["denied", "none"])
async def test_an_account_whose_regions_are_not_told_is_asked_itself(
    answer: faults.Answer, corp: AwsEmulator, discover: Discover
) -> None:
    corp.organization.record(ONE, HERE, THERE)
    corp.inject(answer, "account:ListRegions")
    found = await discover(config_aggregator="organization")
    got = await read(found.accounts[f"corp/{ONE}"])
    assert set(got.clusters) == {"prod"}
    [note] = got.notes
    assert note.startswith("every region is listed, because account:ListRegions did not say which there are: ")
    assert sorted(call.region for call in corp.called("eks:ListClusters")) == [HERE, THERE]


async def test_an_account_whose_regions_are_throttled_beyond_the_retries_is_asked_for_again(
    corp: AwsEmulator, discover: Discover
) -> None:
    corp.organization.record(ONE, HERE, THERE)
    corp.inject(faults.throttle(), "account:ListRegions", times=2)
    found = await discover(config_aggregator="organization")
    [note] = (await read(found.accounts[f"corp/{ONE}"])).notes
    assert note.startswith("not entered: ")
    assert len(corp.called("account:ListRegions")) == 3
    corp.inject(faults.throttle(), "account:ListRegions")
    [note] = (await read(found.accounts[f"corp/{TWO}"])).notes
    assert note.startswith("every region is listed, because account:ListRegions did not say which there are: ")
    assert len(corp.called("account:ListRegions")) == 3 + 3


async def test_a_cluster_is_not_absent_where_the_regions_are_not_told_either(
    corp: AwsEmulator, discover: Discover
) -> None:
    corp.organization.capture(ONE, HERE, "prod", *BOTH)
    corp.inject(faults.deny(), "account:ListRegions")
    found = await discover(config_aggregator="organization")
    assert "found in" in {fact.name for fact in (await read(found.accounts[f"corp/{ONE}"])).clusters["prod"].facts}
    found = await discover(config_aggregator="organization")
    corp.inject(faults.deny(), "sts:AssumeRole")
    got = await read(found.accounts[f"corp/{ONE}"])
    assert assess(got.clusters["prod"], RuleSettings()).status is Status.UNKNOWN
    assert (await read(found.accounts[f"corp/{TWO}"])).clusters == {}


@pytest.mark.parametrize(
    "rows", [["not JSON"], ['{"accountId": "1"}'], ['{"accountId": "1", "awsRegion": "x", "configuration": "y"}']]
)
async def test_rows_that_are_no_rows_are_no_inventory(rows: list[str], corp: AwsEmulator, discover: Discover) -> None:
    answer = faults.body(json.dumps({"Results": rows}).encode())
    corp.inject(answer, "config:SelectAggregateResourceConfig")
    found = await discover(config_aggregator="organization")
    assert len(found.accounts) == 3
    assert "could not be asked" in found.notes[0]


async def test_a_cluster_that_the_inventory_names_is_never_absent(corp: AwsEmulator, discover: Discover) -> None:
    """The account cannot be entered: its known cluster is unknown, and the account failed."""
    corp.organization.record(ONE, HERE, THERE)
    corp.organization.capture(ONE, HERE, "prod", *BOTH)
    corp.organization.capture(ONE, HERE, "sandbox-1")
    corp.inject(faults.deny(), "sts:AssumeRole")
    found = await discover(config_aggregator="organization", exclude_clusters=("sandbox-*",))
    got = await read(found.accounts[f"corp/{ONE}"])
    [failed] = got.failures
    assert failed.permission == "sts:AssumeRole"
    [prod] = got.clusters.values()
    assert assess(prod, RuleSettings()).status is Status.UNKNOWN
    assert {"found in"} <= {fact.name for fact in prod.facts}


@pytest.mark.usefixtures("corp")
async def test_one_cluster_by_name_is_no_mistake_in_the_other_accounts(discover: Discover) -> None:
    found = await discover(clusters=("prod",))
    for account in (ONE, TWO):
        assert (await read(found.accounts[f"corp/{account}"])).failures == []


@pytest.mark.usefixtures("corp")
async def test_a_pattern_that_excludes_nobody_is_told(discover: Discover) -> None:
    found = await discover(exclude_accounts=("team-0", "sanbdox-*"))
    assert "exclude_accounts names sanbdox-*, which no account of the organisation matches" in found.notes


@pytest.mark.usefixtures("corp")
async def test_a_pattern_that_excludes_what_another_one_does_is_used(discover: Discover) -> None:
    found = await discover(exclude_accounts=("team-0", "team-*"))
    assert not [note for note in found.notes if "matches" in note]


async def test_no_pattern_is_called_unused_where_the_accounts_were_not_all_listed(
    corp: AwsEmulator, discover: Discover
) -> None:
    corp.inject(faults.deny(), "organizations:ListAccounts")
    found = await discover(exclude_accounts=("sandbox-*",))
    assert not [note for note in found.notes if "matches" in note]


async def test_accounts_that_share_a_throttled_role_wait_for_one_answer(corp: AwsEmulator) -> None:
    """Within the engine's limits a wait for a role holds no place that the role's own call needs."""
    corp.inject(faults.throttle(), "sts:AssumeRole", times=1)
    provider = EksProvider()
    scan = ScanSettings(retries=2, concurrency=4, account_timeout=30.0)
    options = provider.options.model_validate({"role_arn": f"arn:aws:iam::{ONE}:role/audit-scanner", "regions": [HERE]})
    plans = [AccountPlan(f"a{number}", provider, options) for number in range(4)]
    run = RunRecord("test", "", NOW, scan, RuleSettings())
    with (
        TemporaryDirectory() as folder,
        closing(Journal.begin(Path(folder) / "journal.jsonl", run, resume=False)) as journal,
    ):
        outcome = await scan_accounts(
            plans,
            scan,
            RuleSettings(),
            started=NOW,
            progress=Silent(),
            stop=asyncio.get_running_loop().create_future(),
            spool=journal,
        )
        assert [(len(account.clusters), account.failures) for account in outcome.accounts] == [(1, ())] * 4
    assert len(corp.called("sts:AssumeRole")) == 2


async def test_credentials_that_fail_fail_the_organisation(aws: AwsEmulator, discover: Discover) -> None:
    aws.inject(faults.deny(), "sts:AssumeRole")
    found = await discover(role_arn="arn:aws:iam::999988887777:role/hub")
    [failed] = found.failures
    assert (failed.scope, failed.whole_account, failed.permission) == ("account", True, "sts:AssumeRole")


async def test_options_of_another_provider_are_a_bug() -> None:
    with pytest.raises(TypeError, match="expected EksOrganizationOptions, not OrganizationOptions"):
        await anext(EksProvider().discover(OrganizationOptions(), context()))


def test_the_printed_policy_names_every_call_of_the_hub() -> None:
    policy = json.loads(EksProvider().permissions("organization"))
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions == {
        "account:ListRegions",
        "config:DescribeConfigurationAggregatorSourcesStatus",
        "config:SelectAggregateResourceConfig",
        "observabilityadmin:GetTelemetryEvaluationStatusForOrganization",
        "observabilityadmin:ListResourceTelemetryForOrganization",
        "organizations:ListAccounts",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "sts:AssumeRole",
    }
