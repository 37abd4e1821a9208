"""The demo's accounts are what their clusters' names say, read by the provider that the demo's command uses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scanner.model import FailureKind, LinkState
from tests.demo.aws import KMS_KEY, PRODUCTION, ROLES, STAGING, populate, start
from tests.emulators.aws import AwsEmulator
from tests.unit.providers.eks.conftest import NOW, Collect, channel

OK, GAP, UNKNOWN, NA = LinkState.OK, LinkState.GAP, LinkState.UNKNOWN, LinkState.NOT_APPLICABLE


@pytest.fixture(autouse=True)
def _accounts(aws: AwsEmulator) -> None:
    populate(aws, NOW - timedelta(minutes=5))


async def test_production(collect: Collect) -> None:
    got = await collect(role_arn=ROLES[PRODUCTION], scan={"retries": 3})
    states = {
        name: tuple(
            state
            for log in ("audit", "authenticator")
            for state in (channel(seen, log).exported.state, channel(seen, log).delivered.state)
        )
        for name, seen in got.clusters.items()
    }
    assert states == {
        "all-types": (OK, OK, OK, OK),
        "api-only": (GAP, NA, GAP, NA),
        "audit-and-authenticator": (OK, OK, OK, OK),
        "audit-only": (OK, OK, GAP, NA),
        "describe-denied": (UNKNOWN, OK, UNKNOWN, OK),
        "log-group-missing": (OK, GAP, OK, GAP),
        "log-groups-denied": (OK, UNKNOWN, OK, UNKNOWN),
        "never-expires": (OK, OK, OK, OK),
        "no-types": (GAP, NA, GAP, NA),
        "seven-days": (OK, OK, OK, OK),
        "several-entries": (OK, OK, OK, OK),
        "throttled": (OK, OK, OK, OK),
    }
    assert {name: channel(seen, "audit").retention.at_least for name, seen in got.clusters.items()} == {
        "all-types": 365,
        "api-only": 90,
        "audit-and-authenticator": 90,
        "audit-only": 90,
        "describe-denied": 90,
        "log-group-missing": 0,
        "log-groups-denied": 0,
        "never-expires": float("inf"),
        "no-types": 0,
        "seven-days": 7,
        "several-entries": 90,
        "throttled": 90,
    }
    assert all(seen.notes == () for seen in got.clusters.values())
    told = {fact.name: fact.value for fact in got.clusters["all-types"].facts}
    assert (told["log group KMS key"], told["subscription filters"]) == (KMS_KEY, "siem to firehose")
    [failed] = got.failures
    assert (failed.kind, failed.scope, failed.permission) == (
        FailureKind.PERMISSION,
        "region ap-southeast-2",
        "eks:ListClusters",
    )


async def test_staging(collect: Collect) -> None:
    got = await collect(role_arn=ROLES[STAGING])
    assert got.failures == []
    assert got.notes == ["cluster deleted-meanwhile in eu-west-1 was deleted while the account was read"]
    assert {
        name: (channel(seen, "audit").exported.state, [note.text for note in seen.notes])
        for name, seen in got.clusters.items()
    } == {
        "null-logging": (GAP, []),
        "registered-only": (UNKNOWN, []),
        "silent-audit": (
            OK,
            [
                (
                    "EKS log type audit is enabled, but log group /aws/eks/silent-audit/cluster holds no stream"
                    " kube-apiserver-audit-*: nothing of it was ever written there"
                )
            ],
        ),
        "updating": (OK, ["the cluster is UPDATING: a log type that reads as enabled may not be delivered yet"]),
    }


def test_the_environment_leads_to_loopback_only() -> None:
    with start(NOW) as environment:
        assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
        assert environment["AWS_ACCESS_KEY_ID"] == "AKIAIOSFODNN7EXAMPLE"
        assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
