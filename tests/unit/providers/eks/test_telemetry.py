"""Clusters of an organisation found through CloudWatch telemetry config, over the real wire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from providers.eks.organization_options import EksOrganizationOptions
from scanner.assessment import assess
from scanner.model import RuleSettings, Status
from tests.emulators.aws import AwsEmulator, faults
from tests.unit.providers.eks.conftest import Collection
from tests.unit.providers.eks.test_organization import (
    BOTH,
    HERE,
    ONE,
    THERE,
    THREE,
    TWO,
    Discover,
    Found,
    corp,
    discover,
    read,
)

__all__ = ["corp", "discover"]  # fixtures

CLUSTER, VPC = "AWS::EKS::Cluster", "AWS::EC2::VPC"
LIST = "observabilityadmin:ListResourceTelemetryForOrganization"
STATUS = "observabilityadmin:GetTelemetryEvaluationStatusForOrganization"
EVERYWHERE = [(account, region) for account in (ONE, TWO, THREE) for region in (HERE, THERE)]


@pytest.fixture
def evaluated(corp: AwsEmulator) -> AwsEmulator:
    """Let evaluation run in both regions, and have seen everything; the home region is the one asked by default."""
    corp.telemetry.start(THERE, HERE)
    for account in (ONE, TWO, THREE):
        corp.telemetry.vpc(account, HERE, THERE)
    corp.telemetry.cluster(ONE, HERE, "prod", *BOTH)
    return corp


async def everything(found: Found) -> dict[str, Collection]:
    return {name.removeprefix("corp/"): await read(options) for name, options in found.accounts.items()}


def listed(aws: AwsEmulator) -> list[tuple[str, str]]:
    """Give the accounts and regions that were listed live."""
    return sorted((call.account, call.region) for call in aws.called("eks:ListClusters"))


async def test_only_clusters_are_left_to_be_asked(evaluated: AwsEmulator, discover: Discover) -> None:
    found = await discover(telemetry_config=True)
    assert found.notes == []
    got = await everything(found)
    assert listed(evaluated) == []
    assert [(call.account, call.cluster) for call in evaluated.called("eks:DescribeCluster")] == [(ONE, "prod")]
    assert len(evaluated.called("sts:AssumeRole")) == 1
    assert [call.region for call in evaluated.called(STATUS)] == [THERE]
    assert sorted(call.region for call in evaluated.called(LIST)) == [HERE, THERE]
    assert evaluated.called(LIST)[0].parameters == {"ResourceTypes": [CLUSTER, VPC], "MaxResults": 50}
    [prod] = got[ONE].clusters.values()
    [fact] = [fact for fact in prod.facts if fact.name == "found in"]
    assert fact.value == "CloudWatch telemetry config, as last changed on 2026-03-01T09:00:00Z"
    assert (fact.evidence.source, fact.evidence.locator) == (LIST, "LastUpdateTimeStamp")
    assert [note.text for note in prod.notes if "telemetry" in note.text] == []
    assert got[TWO].notes == [
        (
            "not entered: CloudWatch telemetry config records EKS clusters in all 2 regions that are read, and has seen"
            " none; one that was made lately may be missing there"
        )
    ]


@pytest.mark.parametrize("accounts", [3, 40])
async def test_calls_grow_with_clusters_and_pages(aws: AwsEmulator, discover: Discover, accounts: int) -> None:
    """However many accounts there are: one call for each page, and what the one cluster needs."""
    aws.telemetry.start(THERE, HERE)
    for number in range(accounts):
        account = f"{200_000_000_000 + number}"
        aws.organization.add(account, account)
        aws.telemetry.vpc(account, HERE, THERE)
    aws.add_cluster("200000000001", HERE, "prod")
    aws.telemetry.cluster("200000000001", HERE, "prod")
    got = await everything(await discover(telemetry_config=True, regions=(HERE, THERE)))
    assert [name for name, one in got.items() if one.clusters] == ["200000000001"]
    asked = [call.action for call in aws.calls if call.action not in (LIST, "organizations:ListAccounts")]
    assert sorted(asked) == [
        "eks:DescribeCluster",
        "logs:DescribeLogGroups",
        STATUS,
        "sts:AssumeRole",
        "sts:GetCallerIdentity",
        "sts:GetCallerIdentity",
    ]
    assert len(aws.called(LIST)) == 2


async def test_every_page_is_read(evaluated: AwsEmulator, discover: Discover) -> None:
    evaluated.telemetry.page_size = 2
    await everything(await discover(telemetry_config=True))
    assert listed(evaluated) == []
    assert len([call for call in evaluated.called(LIST) if call.region == HERE]) == 4


async def test_an_account_without_any_row_of_a_region_is_listed_there(
    evaluated: AwsEmulator, discover: Discover
) -> None:
    """Its VPC was deleted, or it was not evaluated: nothing tells the two apart."""
    rows = evaluated.telemetry.rows
    rows[THERE] = [row for row in rows[THERE] if row["AccountIdentifier"] != TWO]
    await everything(await discover(telemetry_config=True))
    assert listed(evaluated) == [(TWO, THERE)]


async def test_a_cluster_is_a_row_of_its_account_too(evaluated: AwsEmulator, discover: Discover) -> None:
    rows = evaluated.telemetry.rows
    rows[HERE] = [row for row in rows[HERE] if row["ResourceType"] == CLUSTER]
    got = await everything(await discover(telemetry_config=True))
    assert set(got[ONE].clusters) == {"prod"}
    assert listed(evaluated) == [(TWO, HERE), (THREE, HERE)]


async def test_arns_say_whose_and_where_whatever_stands_beside(evaluated: AwsEmulator, discover: Discover) -> None:
    telemetry = evaluated.telemetry
    telemetry.rows.clear()
    telemetry.cluster(ONE, HERE, "prod", *BOTH, arn=True)
    for row in telemetry.rows.pop(HERE):
        telemetry.rows[THERE].append({**row, "AccountIdentifier": TWO})
    telemetry.vpc(THREE, HERE, THERE, arn=True)
    got = await everything(await discover(telemetry_config=True))
    assert {account: set(one.clusters) for account, one in got.items()} == {ONE: {"prod"}, TWO: set(), THREE: set()}
    assert listed(evaluated) == [(ONE, THERE), (TWO, HERE), (TWO, THERE)]


@pytest.mark.parametrize(
    "identifier",
    [
        "prod@2",
        "a/b",
        "arn:aws:eks:eu-west-1:100000000002:nodegroup/prod/1",
        "arn:aws:ecs:eu-west-1:100000000002:cluster/prod",
        "x" * 101,
        "arn:aws:eks:eu-west-1:100000000002:cluster/no/such",
    ],
)
async def test_a_cluster_that_cannot_be_named_leaves_its_region_to_be_listed(
    identifier: str, evaluated: AwsEmulator, discover: Discover
) -> None:
    """Even where AWS Config sees the region: it may not have seen this one."""
    evaluated.telemetry.row(HERE, TWO, CLUSTER, identifier)
    for account in (ONE, TWO, THREE):
        evaluated.organization.record(account, HERE, THERE)
    found = await discover(telemetry_config=True, config_aggregator="organization")
    assert found.notes == [
        (
            "CloudWatch telemetry config names clusters by what is neither a name nor an ARN, so that their regions are"
            f" listed: {TWO} in {HERE}: {identifier}"
        )
    ]
    await everything(found)
    assert listed(evaluated) == [(TWO, HERE)]


async def test_of_many_strange_names_some_are_told(evaluated: AwsEmulator, discover: Discover) -> None:
    for number in range(8):
        evaluated.telemetry.row(HERE, f"{300_000_000_000 + number}", CLUSTER, "?")
    [note] = (await discover(telemetry_config=True)).notes
    assert note.endswith("300000000004 in eu-west-1: ? and 3 more")


async def test_a_vpc_that_is_called_otherwise_proves_nothing(evaluated: AwsEmulator, discover: Discover) -> None:
    rows = evaluated.telemetry.rows
    rows[THERE] = [row for row in rows[THERE] if row["AccountIdentifier"] != TWO]
    evaluated.telemetry.row(THERE, TWO, VPC, "default")
    evaluated.telemetry.row(THERE, TWO, VPC, f"arn:aws:eks:{THERE}:{TWO}:cluster/vpc-0a1b2c3d")
    await everything(await discover(telemetry_config=True))
    assert listed(evaluated) == [(TWO, THERE)]


async def test_rows_of_a_type_that_was_not_asked_for_prove_nothing(evaluated: AwsEmulator, discover: Discover) -> None:
    """Of a function it is not known whether every account has one, nor what its identifier means."""
    row = {"AccountIdentifier": TWO, "ResourceType": "AWS::Lambda::Function", "ResourceIdentifier": "vpc-0a1b2c3d"}
    answer = faults.body(json.dumps({"TelemetryConfigurations": [row]}).encode())
    evaluated.inject(answer, LIST, region=THERE)
    found = await discover(telemetry_config=True)
    assert found.notes == []
    await everything(found)
    assert listed(evaluated) == [(account, THERE) for account in (ONE, TWO, THREE)]


async def test_regions_that_answer_for_one_another_prove_nothing(evaluated: AwsEmulator, discover: Discover) -> None:
    """Were an endpoint to give the rows of other regions too, their bare names would be taken for its own."""
    rows = evaluated.telemetry.rows
    rows[THERE] = [*rows[THERE], *rows[HERE]]
    found = await discover(telemetry_config=True)
    assert found.notes == [
        (
            "CloudWatch telemetry config gives the same VPCs in eu-west-1, us-east-1, so that it does not say what is"
            " where, and these regions are listed"
        ),
        (
            "CloudWatch telemetry config names no EKS cluster at all, so that nothing shows that it looks for them:"
            " every region is listed"
        ),
    ]
    got = await everything(found)
    assert listed(evaluated) == EVERYWHERE
    assert (set(got[ONE].clusters), got[ONE].notes) == ({"prod"}, [])


async def test_where_it_names_no_cluster_at_all_every_region_is_listed(
    evaluated: AwsEmulator, discover: Discover
) -> None:
    rows = evaluated.telemetry.rows
    rows[HERE] = [row for row in rows[HERE] if row["ResourceType"] != CLUSTER]
    got = await everything(await discover(telemetry_config=True))
    assert set(got[ONE].clusters) == {"prod"}
    assert listed(evaluated) == EVERYWHERE


@pytest.mark.parametrize("state", ["NOT_STARTED", "STARTING", "FAILED_START", "STOPPING", "FAILED_STOP", "STOPPED"])
async def test_where_evaluation_does_not_run_every_region_is_listed(
    state: str, evaluated: AwsEmulator, discover: Discover
) -> None:
    reason = "trusted access is off" if state.startswith("FAILED") else ""
    evaluated.telemetry.home = None
    evaluated.telemetry.states = {THERE: (state, reason)}
    found = await discover(telemetry_config=True)
    why = f"{state}: {reason}" if reason else state
    assert found.notes == [
        f"CloudWatch telemetry config does not run in us-east-1 ({why}): what it would know there is listed"
    ]
    got = await everything(found)
    assert set(got[ONE].clusters) == {"prod"}
    assert listed(evaluated) == EVERYWHERE
    assert evaluated.called(LIST) == []


async def test_a_region_in_which_it_failed_is_listed(evaluated: AwsEmulator, discover: Discover) -> None:
    evaluated.telemetry.states[HERE] = ("FAILED_START", "see https://user:secret@example.com/x")
    found = await discover(telemetry_config=True)
    assert (
        "CloudWatch telemetry config does not run in eu-west-1 (FAILED_START: see https://example.com)"
        in (found.notes[0])
    )
    await everything(found)
    assert listed(evaluated) == EVERYWHERE  # the one cluster that it knows is in the region that failed


async def test_only_one_region_may_be_evaluated(evaluated: AwsEmulator, discover: Discover) -> None:
    evaluated.telemetry.start(HERE)
    found = await discover(telemetry_config=True, telemetry_regions=(HERE,))
    assert found.notes == []
    await everything(found)
    assert listed(evaluated) == [(account, THERE) for account in (ONE, TWO, THREE)]


async def test_a_region_that_is_managed_elsewhere_leads_to_its_home(evaluated: AwsEmulator, discover: Discover) -> None:
    """Only the home region knows the state of the others."""
    await everything(await discover(telemetry_config=True, telemetry_regions=(HERE,)))
    assert [call.region for call in evaluated.called(STATUS)] == [HERE, THERE]
    assert listed(evaluated) == []


async def test_regions_that_are_not_read_are_not_asked(evaluated: AwsEmulator, discover: Discover) -> None:
    await everything(await discover(telemetry_config=True, regions=(HERE,)))
    assert [call.region for call in evaluated.called(LIST)] == [HERE]
    assert listed(evaluated) == []


BROKEN = {
    "denied": faults.deny(),
    "throttled": faults.throttle(),
    "server error": faults.server_error(),
    "no JSON": faults.body(b"<html>"),
    "no key": faults.body(b"{}"),
    "of another shape": faults.body(b'{"TelemetryConfigurations": {"a": 1}, "Status": {}}'),
    "reset": faults.drop(),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_a_list_that_fails_is_done_without(
    answer: faults.Answer, evaluated: AwsEmulator, discover: Discover
) -> None:
    evaluated.inject(answer, LIST, region=THERE)
    found = await discover(telemetry_config=True)
    [note] = found.notes
    assert note.startswith(
        "CloudWatch telemetry config could not be asked in us-east-1, so that what it would know is listed: "
    )
    got = await everything(found)
    assert set(got[ONE].clusters) == {"prod"}
    assert listed(evaluated) == [(account, THERE) for account in (ONE, TWO, THREE)]


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_a_status_that_is_not_told_is_done_without(
    answer: faults.Answer, evaluated: AwsEmulator, discover: Discover
) -> None:
    evaluated.inject(answer, STATUS)
    found = await discover(telemetry_config=True)
    [note] = found.notes
    assert note.startswith("CloudWatch telemetry config ")
    got = await everything(found)
    assert set(got[ONE].clusters) == {"prod"}
    assert listed(evaluated) == EVERYWHERE


ROWS: dict[str, dict[str, Any]] = {
    "no account": {"ResourceType": VPC, "ResourceIdentifier": "vpc-0a1b2c3d"},
    "no account id": {"ResourceType": VPC, "ResourceIdentifier": "vpc-0a1b2c3d", "AccountIdentifier": "one"},
    "no type": {"ResourceIdentifier": "vpc-0a1b2c3d", "AccountIdentifier": TWO},
    "no identifier": {"ResourceType": CLUSTER, "AccountIdentifier": TWO},
    "no date": {
        "ResourceType": CLUSTER,
        "AccountIdentifier": TWO,
        "ResourceIdentifier": "x",
        "LastUpdateTimeStamp": 10**18,
    },
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_row_that_cannot_be_understood_spoils_its_region(
    row: dict[str, Any], evaluated: AwsEmulator, discover: Discover
) -> None:
    answer = json.dumps({"TelemetryConfigurations": [row]}).encode()
    evaluated.inject(faults.body(answer), LIST, region=THERE)
    found = await discover(telemetry_config=True)
    assert "could not be asked in us-east-1" in found.notes[0]
    await everything(found)
    assert {(account, THERE) for account in (ONE, TWO, THREE)} <= set(listed(evaluated))


@pytest.mark.parametrize("fault", [faults.server_error(), None], ids=["failed", "repeated"])
async def test_clusters_of_the_pages_before_a_truncated_one_are_read(
    fault: faults.Answer | None, evaluated: AwsEmulator, discover: Discover
) -> None:
    """The region is listed, and what was named is described even though the list is denied."""
    row = {"AccountIdentifier": ONE, "ResourceType": CLUSTER, "ResourceIdentifier": "prod"}
    first = faults.body(json.dumps({"TelemetryConfigurations": [row], "NextToken": "again"}).encode())
    evaluated.inject(first, LIST, region=HERE, times=2 if fault is None else 1)
    if fault is not None:
        evaluated.inject(fault, LIST, region=HERE)
    evaluated.inject(faults.deny(), "eks:ListClusters", account=ONE)
    found = await discover(telemetry_config=True)
    assert "could not be asked in eu-west-1" in found.notes[0]
    got = await everything(found)
    assert set(got[ONE].clusters) == {"prod"}
    assert [failure.scope for failure in got[ONE].failures] == ["region eu-west-1"]
    assert listed(evaluated) == [(account, HERE) for account in (ONE, TWO, THREE)]


async def test_where_it_is_behind_eks_counts_and_the_difference_is_told(
    evaluated: AwsEmulator, discover: Discover
) -> None:
    evaluated.telemetry.rows.clear()
    for account in (ONE, TWO, THREE):
        evaluated.telemetry.vpc(account, HERE, THERE)
    evaluated.telemetry.cluster(ONE, HERE, "prod", "api")
    evaluated.telemetry.cluster(ONE, HERE, "gone")
    evaluated.add_cluster(ONE, HERE, "new")
    got = (await everything(await discover(telemetry_config=True)))[ONE]
    assert set(got.clusters) == {"prod", "new"}
    assert [note.text for note in got.clusters["prod"].notes] == [
        (
            "CloudWatch telemetry config had the log types api as last changed on 2026-03-01T09:00:00Z; EKS says audit,"
            " authenticator now"
        )
    ]
    assert got.notes == [
        (
            "cluster gone in eu-west-1, which CloudWatch telemetry config had as last changed on 2026-03-01T09:00:00Z,"
            " is gone: the region is listed"
        )
    ]


async def test_log_types_that_are_not_all_told_are_not_compared(evaluated: AwsEmulator, discover: Discover) -> None:
    """A single row without a log type, or without a state, says that there is a cluster, and no more."""
    evaluated.telemetry.rows[HERE] = [row for row in evaluated.telemetry.rows[HERE] if row["ResourceType"] == VPC]
    evaluated.telemetry.row(HERE, ONE, CLUSTER, "prod", TelemetryConfigurationState={"Logs": "Enabled"})
    evaluated.telemetry.row(HERE, ONE, CLUSTER, "prod", TelemetrySourceType="EKS_AUDIT_LOGS")
    got = (await everything(await discover(telemetry_config=True)))[ONE]
    prod = got.clusters["prod"]
    assert [note.text for note in prod.notes] == []
    [fact] = [fact.value for fact in prod.facts if fact.name == "found in"]
    assert fact == "CloudWatch telemetry config, as last changed on an unknown time"


async def test_a_cluster_that_it_names_is_never_absent(evaluated: AwsEmulator, discover: Discover) -> None:
    """The account cannot be entered: its known cluster is unknown, also where the region would have been listed."""
    evaluated.telemetry.row(HERE, ONE, CLUSTER, "?")
    evaluated.inject(faults.deny(), "sts:AssumeRole")
    got = (await everything(await discover(telemetry_config=True)))[ONE]
    [prod] = got.clusters.values()
    assert assess(prod, RuleSettings()).status is Status.UNKNOWN
    assert got.failures[0].permission == "sts:AssumeRole"


async def test_two_inventories_know_more_than_one(evaluated: AwsEmulator, discover: Discover) -> None:
    """One looks here and the other there: together they see all. Each names a cluster that the other does not."""
    telemetry, organization = evaluated.telemetry, evaluated.organization
    telemetry.rows.pop(THERE)
    evaluated.add_cluster(TWO, HERE, "by-config")
    evaluated.add_cluster(TWO, HERE, "by-telemetry")
    for account in (ONE, TWO, THREE):
        organization.record(account, THERE)
    organization.record(TWO, HERE)
    organization.capture(ONE, HERE, "prod", "api")
    organization.capture(TWO, HERE, "by-config")
    telemetry.cluster(TWO, HERE, "by-telemetry")
    found = await discover(telemetry_config=True, config_aggregator="organization")
    assert found.notes == []
    got = await everything(found)
    assert listed(evaluated) == []
    assert {account: set(one.clusters) for account, one in got.items()} == {
        ONE: {"prod"},
        TWO: {"by-config", "by-telemetry"},
        THREE: set(),
    }
    prod = got[ONE].clusters["prod"]
    assert [fact.value for fact in prod.facts if fact.name == "found in"] == [
        "AWS Config aggregator organization, as of 2026-03-01T09:00:00Z",
        "CloudWatch telemetry config, as last changed on 2026-03-01T09:00:00Z",
    ]
    assert [note.text.partition(" had ")[0] for note in prod.notes] == ["AWS Config aggregator organization"]
    [note] = got[THREE].notes
    assert note == (
        "not entered: CloudWatch telemetry config and AWS Config aggregator organization record EKS clusters in all 2"
        " regions that are read, and have seen none; one that was made lately may be missing there"
    )


async def test_what_one_inventory_doubts_the_other_does_not_settle(evaluated: AwsEmulator, discover: Discover) -> None:
    source = {"SourceId": TWO, "SourceType": "ACCOUNT", "AwsRegion": HERE, "LastUpdateStatus": "OUTDATED"}
    evaluated.organization.sources.append(source)
    await everything(await discover(telemetry_config=True, config_aggregator="organization"))
    assert listed(evaluated) == [(TWO, HERE)]


async def test_one_inventory_does_without_the_other(evaluated: AwsEmulator, discover: Discover) -> None:
    evaluated.inject(faults.deny(), "config:SelectAggregateResourceConfig")
    found = await discover(telemetry_config=True, config_aggregator="organization")
    assert [note.partition(" could not")[0] for note in found.notes] == [
        "AWS Config aggregator organization in us-east-1"
    ]
    await everything(found)
    assert listed(evaluated) == []


async def test_a_denial_names_the_policy_that_allows_it(evaluated: AwsEmulator, discover: Discover) -> None:
    evaluated.inject(faults.deny(), LIST)
    found = await discover(telemetry_config=True)
    assert f"{LIST} is denied" in found.notes[0]
    assert "wJalrXUtnFEMI" not in " ".join(found.notes)


def test_keys_that_would_be_ignored_are_refused() -> None:
    with pytest.raises(ValidationError, match="telemetry_config is not true"):
        EksOrganizationOptions.model_validate({"telemetry_regions": [HERE]})
    with pytest.raises(ValidationError, match="which is no region name"):
        EksOrganizationOptions.model_validate({"telemetry_config": True, "telemetry_regions": ["Ireland"]})
    assert EksOrganizationOptions.model_validate({"telemetry_config": True}).telemetry_regions == ()
