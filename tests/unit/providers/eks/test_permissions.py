"""The policy that is printed, proved against moto's IAM: enough, and not one action too many."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers import load
from scanner.model import LinkState
from tests.emulators.aws import AwsEmulator, Group
from tests.unit.providers.eks.conftest import ACCOUNT, NOW, REGION, Collect, Collection, channel

ACTIONS = (
    "ec2:DescribeRegions",
    "eks:DescribeCluster",
    "eks:ListClusters",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:DescribeSubscriptionFilters",
)


def printed() -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(load("eks").permissions())
    return policy


def without(action: str) -> str:
    policy = printed()
    for statement in policy["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    return json.dumps(policy)


def missing(got: Collection) -> set[str]:
    """Give every permission that the product reports as missing, wherever it does."""
    found = {failure.permission for failure in got.failures}
    for cluster in got.clusters.values():
        for one in cluster.servers[0].channels:
            found |= {one.exported.permission, one.delivered.permission, one.retention.permission}
        found |= {action for action in ACTIONS for note in cluster.notes if f"{action} is denied" in note.text}
    return found - {""}


@pytest.fixture
def account(aws: AwsEmulator) -> AwsEmulator:
    group = Group(
        30, streams={"audit": NOW}, filters={"siem": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/s"}
    )
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=("audit",), group=group)
    return aws


def test_it_is_one_iam_policy_with_these_actions_and_no_others() -> None:
    policy = printed()
    assert policy["Version"] == "2012-10-17"
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
    assert sorted(action for statement in policy["Statement"] for action in statement["Action"]) == list(ACTIONS)
    assert not [action for action in ACTIONS if "*" in action]


async def test_it_suffices(account: AwsEmulator, collect: Collect) -> None:
    account.enforce(ACCOUNT, load("eks").permissions())
    got = await collect()
    assert missing(got) == set()
    assert got.failures == []
    prod = got.clusters["prod"]
    assert (channel(prod, "audit").exported.state, channel(prod, "audit").delivered.state) == (
        LinkState.OK,
        LinkState.OK,
    )
    assert [fact.value for fact in prod.facts if fact.name in {"subscription filters", "newest audit record"}] == [
        "siem to firehose",
        "2026-03-01T12:00:00Z",
    ]


@pytest.mark.parametrize("action", ACTIONS)
async def test_each_action_is_needed_and_named_when_it_is_missing(
    account: AwsEmulator, collect: Collect, action: str
) -> None:
    account.enforce(ACCOUNT, without(action))
    assert missing(await collect()) == {action}


async def test_its_resources_are_narrow(account: AwsEmulator, collect: Collect) -> None:
    """A policy for another cluster's resources is refused by the enforcement, so the proof above means something."""
    policy = json.loads(load("eks").permissions())
    for statement in policy["Statement"]:
        if statement["Sid"] == "ReadClusters":
            statement["Resource"] = "arn:aws:eks:*:*:cluster/other"
    account.enforce(ACCOUNT, json.dumps(policy))
    assert missing(await collect()) == {"eks:DescribeCluster"}
