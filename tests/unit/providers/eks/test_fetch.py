"""The provider over the real wire, led to the emulator by its environment alone."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.eks import EksProvider
from providers.eks.options import EksOptions
from scanner.model import (
    AccountNote,
    CollectionFailure,
    FailureKind,
    LinkState,
    RuleSettings,
    ScanSettings,
    Unread,
    UnreadablePolicy,
)
from scanner.ports import AccountOptions, CollectContext
from tests.emulators.aws import ABSENT, HOME_ACCOUNT, AwsEmulator, Group, faults, role_arn
from tests.unit.providers.eks.conftest import ACCOUNT, NOW, REGION, Collect, channel

ALL = ("api", "audit", "authenticator", "controllerManager", "scheduler")
BOTH = ("audit", "authenticator")


NOBODY = b"<GetCallerIdentityResponse><GetCallerIdentityResult></GetCallerIdentityResult></GetCallerIdentityResponse>"
EXPIRING = """<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>{0}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


def quiet(what: str) -> None:
    """Take note of no wait."""
    del what


def fresh(retention_days: int | None = None) -> Group:
    return Group(retention_days, streams=dict.fromkeys(ALL, NOW))


async def test_a_cluster_is_read_in_full(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=ALL, group=fresh(90))
    got = await collect()
    assert got.failures == []
    assert got.account_ids == [ACCOUNT]
    prod = got.clusters["prod"]
    assert prod.ref.account == "production"
    assert prod.ref.account_id == ACCOUNT
    assert prod.ref.location == REGION
    assert prod.ref.id == "arn:aws:eks:eu-west-1:111122223333:cluster/prod"
    assert prod.ref.version == "1.34"
    assert prod.notes == ()
    for one in prod.servers[0].channels:
        assert (one.exported.state, one.delivered.state, one.retention.at_least) == (LinkState.OK, LinkState.OK, 90)
    assert prod.parameters == {
        "log_group": "/aws/eks/prod/cluster",
        "identity": "arn:aws:sts::111122223333:assumed-role/audit-scanner/k8s-audit-coverage",
    }
    assert prod.unread == ()


async def test_each_call_is_made_once_and_as_the_api_wants_it(aws: AwsEmulator, collect: Collect) -> None:
    for name in ("one", "two", "three"):
        aws.add_cluster(ACCOUNT, REGION, name, enabled=BOTH, group=fresh())
    got = await collect(external_id="tenant-7", session_name="audit")
    assert set(got.clusters) == {"one", "two", "three"}
    [assumed] = aws.called("sts:AssumeRole")
    assert assumed.account == HOME_ACCOUNT
    assert assumed.region == "us-east-1"
    assert assumed.parameters["RoleArn"] == role_arn(ACCOUNT)
    assert assumed.parameters["ExternalId"] == "tenant-7"
    assert assumed.parameters["RoleSessionName"] == "audit"
    [regions] = aws.called("ec2:DescribeRegions")
    assert regions.account == ACCOUNT
    assert [regions.parameters[f"Filter.1.Value.{number}"] for number in (1, 2)] == ["opt-in-not-required", "opted-in"]
    [listed] = aws.called("eks:ListClusters")
    assert listed.parameters == {"maxResults": ["100"], "include": ["all"]}
    [groups] = aws.called("logs:DescribeLogGroups")
    assert groups.parameters == {"logGroupNamePrefix": "/aws/eks/", "limit": 50}
    assert len(aws.called("eks:DescribeCluster")) == 3
    assert len(aws.called("logs:DescribeSubscriptionFilters")) == 3
    assert all(
        call.parameters["orderBy"] == "LastEventTime" and call.parameters["descending"] is True
        for call in aws.called("logs:DescribeLogStreams")
    )
    assert len(aws.calls) == 3 + 1 + 1 + 9
    assert "eks:ListClusters of eu-west-1" in got.waits


async def test_all_pages_are_read(aws: AwsEmulator, collect: Collect) -> None:
    for number in range(205):
        aws.add_cluster(ACCOUNT, REGION, f"cluster-{number:03}", enabled=(), group=Group())
    aws.add_cluster(ACCOUNT, REGION, "zulu", enabled=("audit",), group=Group(more_streams=60, streams={"audit": NOW}))
    got = await collect()
    assert len(got.clusters) == 206
    assert len(aws.called("eks:ListClusters")) == 3
    assert len(aws.called("logs:DescribeLogGroups")) == 5
    assert {channel(one, "audit").retention.reason.partition(" keeps")[2] for one in got.clusters.values()} == {
        " records for ever"
    }
    assert len(aws.called("logs:DescribeLogStreams")) == 2
    assert (
        "its newest audit record is of 2026-03-01T12:00:00Z" in channel(got.clusters["zulu"], "audit").delivered.reason
    )


async def test_streams_are_not_looked_through_for_ever(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=("audit",), group=Group(more_streams=1100, streams={"audit": NOW}))
    got = await collect()
    assert len(aws.called("logs:DescribeLogStreams")) == 20
    assert [note.text for note in got.clusters["prod"].notes] == [
        (
            "EKS log type audit is enabled, but log group /aws/eks/prod/cluster holds among its 1000 newest streams no"
            " kube-apiserver-audit-*: older ones were not looked at"
        )
    ]


async def test_streams_of_api_are_not_taken_for_those_of_audit(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=("api", "audit"), group=Group(streams={"api": NOW}))
    got = await collect()
    assert [note.text for note in got.clusters["prod"].notes] == [
        (
            "EKS log type audit is enabled, but log group /aws/eks/prod/cluster holds no stream kube-apiserver-audit-*:"
            " nothing of it was ever written there"
        )
    ]


async def test_the_newest_of_several_streams_counts(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=("audit",), group=Group())
    stream = '{{"logStreamName": "kube-apiserver-audit-{0}"{1}}}'
    streams = [stream.format(0, ""), stream.format(1, ', "lastEventTimestamp": 1000'), stream.format(2, "")]
    streams += [stream.format(3, ', "lastEventTimestamp": 3000'), stream.format(4, ', "lastEventTimestamp": 2000')]
    answer = f'{{"logStreams": [{", ".join(streams)}]}}'.encode()
    aws.inject(faults.body(answer), "logs:DescribeLogStreams")
    got = await collect()
    assert channel(got.clusters["prod"], "audit").delivered.reason == (
        "log group /aws/eks/prod/cluster exists; its newest audit record is of 1970-01-01T00:00:03Z"
    )


async def test_all_pages_of_subscription_filters_are_read(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=ALL, group=fresh())
    page = b'{"subscriptionFilters": [{"filterName": "a", "destinationArn": "arn:aws:lambda:x"}], "nextToken": "2"}'
    aws.inject(faults.body(page), "logs:DescribeSubscriptionFilters", times=1)
    aws.inject(faults.body(page.replace(b'"nextToken"', b'"x"')), "logs:DescribeSubscriptionFilters")
    got = await collect()
    told = {fact.name: fact.value for fact in got.clusters["prod"].facts}
    assert told["subscription filters"] == "a to lambda, a to lambda"
    assert [call.parameters.get("nextToken") for call in aws.called("logs:DescribeSubscriptionFilters")] == [None, "2"]


async def test_nothing_is_asked_of_log_groups_where_nothing_writes_to_them(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "off", enabled=(), group=fresh())
    aws.add_cluster(ACCOUNT, REGION, "groupless", enabled=ALL)
    got = await collect()
    assert aws.called("logs:DescribeLogStreams") == []
    assert aws.called("logs:DescribeSubscriptionFilters") == []
    assert channel(got.clusters["off"], "audit").exported.state is LinkState.GAP
    assert channel(got.clusters["groupless"], "audit").delivered.state is LinkState.GAP


async def test_a_region_without_clusters_costs_one_call(aws: AwsEmulator, collect: Collect) -> None:
    got = await collect()
    assert (got.clusters, got.failures, got.notes) == ({}, [], [])
    assert len(aws.calls) == 4


@pytest.mark.parametrize(
    ("logging", "enabled"),
    [
        (
            {"clusterLogging": [{"types": ["api"], "enabled": True}, {"types": ["audit"], "enabled": True}]},
            ["api", "audit"],
        ),
        (
            {"clusterLogging": [{"types": ["audit"], "enabled": True}, {"types": ["audit"], "enabled": False}]},
            ["audit"],
        ),
        ({"clusterLogging": [{"types": ["audit"], "enabled": None}, {"types": None, "enabled": True}]}, []),
        ({"clusterLogging": []}, []),
        ({"clusterLogging": None}, []),
        ({}, []),
        (None, []),
        (ABSENT, []),
    ],
)
async def test_every_shape_of_logging_is_read(
    aws: AwsEmulator, collect: Collect, logging: object, enabled: list[str]
) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", fields={"logging": logging})
    got = await collect()
    channels = got.clusters["prod"].servers[0].channels
    assert [one.log for one in channels if one.exported.state is LinkState.OK] == enabled
    assert all(one.exported.state in {LinkState.OK, LinkState.GAP} for one in channels)


async def test_a_registered_cluster_is_unknown(aws: AwsEmulator, collect: Collect) -> None:
    fields = {"connectorConfig": {"provider": "EKS_ANYWHERE"}, "logging": ABSENT, "version": ABSENT}
    aws.add_cluster(ACCOUNT, REGION, "edge", fields=fields)
    got = await collect()
    audit = channel(got.clusters["edge"], "audit")
    assert audit.exported.state is LinkState.UNKNOWN
    assert audit.exported.reason == (
        "EKS only registers this cluster (connector provider EKS_ANYWHERE); its control plane runs elsewhere, so EKS"
        " cannot say; scan it with the self_managed provider or leave it out with exclude_clusters"
    )


async def test_clusters_that_are_left_out_are_counted_and_not_read(aws: AwsEmulator, collect: Collect) -> None:
    for name in ("prod-1", "prod-2", "test-1"):
        aws.add_cluster(ACCOUNT, REGION, name)
    got = await collect(clusters=["prod-*"], exclude_clusters=["*-2"])
    assert set(got.clusters) == {"prod-1"}
    assert got.notes == ["2 of 3 clusters in eu-west-1 are left out by clusters and exclude_clusters: prod-2, test-1"]
    assert [call.cluster for call in aws.called("eks:DescribeCluster")] == ["prod-1"]


async def test_listed_regions_are_read_without_asking_which_there_are(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, "eu-north-1", "north")
    aws.add_cluster(ACCOUNT, "us-west-2", "west")
    aws.add_cluster(ACCOUNT, REGION, "elsewhere")
    got = await collect(regions=["us-west-2", "eu-north-1"])
    assert {name: seen.ref.location for name, seen in got.clusters.items()} == {
        "north": "eu-north-1",
        "west": "us-west-2",
    }
    assert aws.called("ec2:DescribeRegions") == []
    assert [call.region for call in aws.called("sts:AssumeRole")] == ["us-west-2"]


async def test_a_cluster_deleted_meanwhile_is_a_note_and_no_cluster(aws: AwsEmulator, collect: Collect) -> None:
    for name in ("gone", "kept"):
        aws.add_cluster(ACCOUNT, REGION, name)
    not_found = faults.error(404, "ResourceNotFoundException", "No cluster found for name: gone.")
    aws.inject(not_found, "eks:DescribeCluster", cluster="gone")
    got = await collect()
    assert set(got.clusters) == {"kept"}
    assert got.failures == []
    assert got.notes == ["cluster gone in eu-west-1 was deleted while the account was read"]


@pytest.mark.parametrize("answer", [faults.deny(), faults.deny_without_code()], ids=["as AWS", "as moto"])
async def test_a_denied_describe_leaves_one_cluster_unknown(
    aws: AwsEmulator, collect: Collect, answer: faults.Answer
) -> None:
    for name in ("closed", "open"):
        aws.add_cluster(ACCOUNT, REGION, name, enabled=ALL, group=fresh(30))
    aws.inject(answer, "eks:DescribeCluster", cluster="closed")
    got = await collect()
    assert got.failures == []
    audit = channel(got.clusters["closed"], "audit")
    assert audit.exported.state is LinkState.UNKNOWN
    assert audit.exported.reason == ("the cluster could not be described: eks:DescribeCluster is denied")
    assert audit.exported.permission == "eks:DescribeCluster"
    assert isinstance(got.clusters["closed"].servers[0].policy, UnreadablePolicy)
    assert (audit.delivered.state, audit.retention.at_least) == (LinkState.OK, 30)
    assert channel(got.clusters["open"], "audit").exported.state is LinkState.OK


async def test_what_aws_said_is_the_evidence(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "closed")
    aws.inject(faults.deny(), "eks:DescribeCluster")
    got = await collect()
    [read] = channel(got.clusters["closed"], "audit").exported.evidence
    assert read.value == (
        "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/audit-scanner/k8s-audit-coverage is not"
        " authorized to perform: eks:DescribeCluster because no identity-based policy allows the"
        " eks:DescribeCluster action"
    )


async def test_denied_log_groups_leave_delivered_and_retained_unknown(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=ALL, group=fresh())
    aws.inject(faults.deny(), "logs:DescribeLogGroups")
    got = await collect()
    audit = channel(got.clusters["prod"], "audit")
    assert audit.exported.state is LinkState.OK
    assert audit.delivered.state is LinkState.UNKNOWN
    assert audit.delivered.reason == (
        "whether log group /aws/eks/prod/cluster exists could not be read: logs:DescribeLogGroups is denied"
    )
    assert audit.delivered.permission == audit.retention.permission == "logs:DescribeLogGroups"


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (
            "logs:DescribeLogStreams",
            "when the newest records were written could not be read: logs:DescribeLogStreams is denied",
        ),
        (
            "logs:DescribeSubscriptionFilters",
            (
                "whether the log group's records are forwarded could not be read: logs:DescribeSubscriptionFilters is"
                " denied"
            ),
        ),
    ],
)
async def test_what_feeds_no_deciding_link_is_noted_when_denied(
    aws: AwsEmulator, collect: Collect, action: str, text: str
) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=ALL, group=fresh())
    aws.inject(faults.deny(), action)
    got = await collect()
    assert [note.text for note in got.clusters["prod"].notes] == [text]
    assert channel(got.clusters["prod"], "audit").delivered.state is LinkState.OK


async def test_records_are_observed_when_asked(aws: AwsEmulator, collect: Collect) -> None:
    old = datetime(2026, 2, 1, tzinfo=UTC)
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=BOTH, group=Group(streams={"audit": NOW, "authenticator": old}))
    got = await collect(rule={"observe": True})
    audit, authenticator = (channel(got.clusters["prod"], log).observed for log in BOTH)
    assert audit is not None
    assert authenticator is not None
    assert (audit.state, authenticator.state) == (LinkState.OK, LinkState.UNKNOWN)


async def test_a_region_that_cannot_be_listed_does_not_hide_the_others(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_regions(ACCOUNT, "eu-west-1", "us-east-1")
    aws.add_cluster(ACCOUNT, "eu-west-1", "hidden")
    aws.add_cluster(ACCOUNT, "us-east-1", "seen")
    because = "an explicit deny in a service control policy"
    aws.inject(faults.deny(because), "eks:ListClusters", region="eu-west-1")
    got = await collect()
    assert set(got.clusters) == {"seen"}
    assert got.failures == [
        CollectionFailure(
            FailureKind.PERMISSION,
            "region eu-west-1",
            "eks:ListClusters",
            (
                "eks:ListClusters is denied: User:"
                " arn:aws:sts::111122223333:assumed-role/audit-scanner/k8s-audit-coverage is not authorized to perform:"
                " eks:ListClusters because an explicit deny in a service control policy"
            ),
            "a service control policy of the organisation denies it: allow eks:ListClusters there",
            "eks:ListClusters",
        )
    ]


async def test_clusters_of_the_pages_before_a_failure_are_kept(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "cluster-000")
    aws.inject(faults.body(b'{"clusters": ["cluster-000"], "nextToken": "same"}'), "eks:ListClusters")
    got = await collect()
    assert set(got.clusters) == {"cluster-000"}
    [failed] = got.failures
    assert failed.reason == "the answer to eks:ListClusters cannot be understood: its pages repeat themselves"
    assert failed.kind is FailureKind.MALFORMED
    assert failed.hint == "check for a proxy that answers in the API's place"


@pytest.mark.parametrize(
    ("answer", "kind", "reason", "hint"),
    [
        (
            faults.error(403, "ExpiredTokenException", "The security token included in the request is expired"),
            FailureKind.CREDENTIALS,
            (
                "eks:ListClusters does not accept the credentials: ExpiredTokenException: The security token"
                " included in the"
                " request is expired"
            ),
            "check that the credentials are current",
        ),
        (
            faults.error(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
            FailureKind.CREDENTIALS,
            (
                "eks:ListClusters does not accept the credentials: UnrecognizedClientException: The security token"
                " included"
                " in the request is invalid."
            ),
            (
                "check that the credentials are current, and that the region is switched on for the account (else"
                " leave it out"
                " of regions)"
            ),
        ),
        (
            faults.throttle(),
            FailureKind.THROTTLED,
            "eks:ListClusters was still throttled after 1 attempt",
            "raise scan.retries or lower scan.max_calls",
        ),
        (
            faults.server_error(),
            FailureKind.UNREACHABLE,
            "eks:ListClusters still answered HTTP 500 after 1 attempt",
            "try again later",
        ),
        (
            faults.stall(5),
            FailureKind.TIMEOUT,
            "eks:ListClusters gave no answer in time",
            "raise scan.call_timeout, or try again later",
        ),
        (
            faults.body(b"<html>Sign in to the guest network</html>", content_type="text/html"),
            FailureKind.MALFORMED,
            "the answer to eks:ListClusters cannot be understood: it has no clusters",
            "check for a proxy that answers in the API's place",
        ),
        (
            faults.body(b"{}"),
            FailureKind.MALFORMED,
            "the answer to eks:ListClusters cannot be understood: it has no clusters",
            "check for a proxy that answers in the API's place",
        ),
        (
            faults.body(b'["not", "an", "object"]'),
            FailureKind.MALFORMED,
            "the answer to eks:ListClusters cannot be understood: its body is not what the API describes",
            "check for a proxy that answers in the API's place",
        ),
        (
            faults.error(400, "InvalidParameterException", "include is not valid"),
            FailureKind.MALFORMED,
            "eks:ListClusters was refused: InvalidParameterException: include is not valid",
            "",
        ),
    ],
    ids=["expired", "opt-in region", "throttled", "HTML 500", "stalled", "HTML 200", "empty", "wrong shape", "refused"],
)
async def test_each_way_to_fail_is_told_apart(
    aws: AwsEmulator, collect: Collect, answer: faults.Answer, kind: FailureKind, reason: str, hint: str
) -> None:
    aws.inject(answer, "eks:ListClusters")
    got = await collect(scan={"call_timeout": 0.3})
    assert got.failures == [CollectionFailure(kind, "region eu-west-1", "eks:ListClusters", reason, hint)]


async def test_a_dropped_connection_is_unreachable(aws: AwsEmulator, collect: Collect) -> None:
    aws.inject(faults.drop(), "eks:ListClusters")
    [failed] = (await collect()).failures
    assert failed.kind is FailureKind.UNREACHABLE
    assert failed.reason.startswith("eks:ListClusters could not be reached: Connection was closed before we received")
    assert failed.hint == "check the network, the proxy and whether the service exists in the region"


@pytest.mark.parametrize(
    ("action", "body", "reason"),
    [
        ("eks:DescribeCluster", b"{}", "the answer to eks:DescribeCluster cannot be understood: it has no cluster"),
        (
            "eks:DescribeCluster",
            b'{"cluster": "prod"}',
            "the answer to eks:DescribeCluster cannot be understood: its body is not what the API describes",
        ),
        (
            "logs:DescribeLogGroups",
            b"{}",
            "the answer to logs:DescribeLogGroups cannot be understood: it has no logGroups",
        ),
        (
            "logs:DescribeLogStreams",
            b"{}",
            "the answer to logs:DescribeLogStreams cannot be understood: it has no logStreams",
        ),
        (
            "logs:DescribeSubscriptionFilters",
            b"{}",
            "the answer to logs:DescribeSubscriptionFilters cannot be understood: it has no subscriptionFilters",
        ),
    ],
)
async def test_an_answer_without_its_key_is_never_taken_for_empty(
    aws: AwsEmulator, collect: Collect, action: str, body: bytes, reason: str
) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=ALL, group=fresh())
    aws.inject(faults.body(body), action)
    got = await collect()
    prod = got.clusters["prod"]
    audit = channel(prod, "audit")
    words = [audit.exported.reason, audit.delivered.reason, *(note.text for note in prod.notes)]
    assert [one for one in words if one.endswith(reason)]
    assert LinkState.GAP not in {audit.exported.state, audit.delivered.state}


async def test_throttling_is_waited_out(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "busy", enabled=ALL, group=fresh())
    for action in ("eks:DescribeCluster", "logs:DescribeLogGroups"):
        aws.inject(faults.throttle(), action, times=1)
    got = await collect(scan={"retries": 3})
    assert got.failures == []
    assert channel(got.clusters["busy"], "audit").delivered.state is LinkState.OK
    assert len(aws.called("eks:DescribeCluster")) == 2


async def test_an_account_that_cannot_be_assumed_is_a_failed_account(aws: AwsEmulator, collect: Collect) -> None:
    aws.inject(faults.deny(), "sts:AssumeRole")
    got = await collect()
    assert got.items == [
        CollectionFailure(
            FailureKind.PERMISSION,
            "account",
            "sts:AssumeRole",
            (
                "sts:AssumeRole of arn:aws:iam::111122223333:role/audit-scanner in us-east-1 is denied: User:"
                " arn:aws:sts::123456789012:assumed-role/audit-scanner/k8s-audit-coverage is not authorized to perform:"
                " sts:AssumeRole because no identity-based policy allows the sts:AssumeRole action"
            ),
            "let the role's trust policy name the caller and its external id, and allow the caller sts:AssumeRole",
            "sts:AssumeRole",
            whole_account=True,
        )
    ]


@pytest.mark.parametrize(
    ("action", "answer", "kind", "reason", "permission"),
    [
        (
            "sts:GetCallerIdentity",
            faults.error(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
            FailureKind.CREDENTIALS,
            (
                "sts:GetCallerIdentity does not accept the credentials: InvalidClientTokenId: The security token"
                " included in"
                " the request is invalid."
            ),
            "",
        ),
        (
            "sts:GetCallerIdentity",
            faults.body(NOBODY, content_type="text/xml"),
            FailureKind.MALFORMED,
            "the answer to sts:GetCallerIdentity cannot be understood: it names no account",
            "",
        ),
        (
            "ec2:DescribeRegions",
            faults.deny(),
            FailureKind.PERMISSION,
            (
                "ec2:DescribeRegions is denied: User:"
                " arn:aws:sts::111122223333:assumed-role/audit-scanner/k8s-audit-coverage is not authorized to perform:"
                " ec2:DescribeRegions because no identity-based policy allows the ec2:DescribeRegions action"
            ),
            "ec2:DescribeRegions",
        ),
        (
            "ec2:DescribeRegions",
            faults.body(b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>", content_type="text/xml"),
            FailureKind.MALFORMED,
            "the answer to ec2:DescribeRegions cannot be understood: it names no region",
            "",
        ),
    ],
)
async def test_nothing_of_an_account_can_be_read_without_its_id_and_regions(
    aws: AwsEmulator,
    collect: Collect,
    action: str,
    answer: faults.Answer,
    kind: FailureKind,
    reason: str,
    permission: str,
) -> None:
    aws.inject(answer, action)
    [failed] = (await collect()).failures
    assert (failed.kind, failed.scope, failed.operation, failed.whole_account) == (kind, "account", action, True)
    assert (failed.reason, failed.permission) == (reason, permission)
    assert aws.called("eks:ListClusters") == []


async def test_without_any_credentials_the_account_fails(
    aws: AwsEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for role, operation in ((role_arn(ACCOUNT), "sts:AssumeRole"), (None, "sts:GetCallerIdentity")):
        [failed] = (await collect(EksProvider(), role_arn=role)).failures
        assert (failed.kind, failed.operation, failed.whole_account) == (FailureKind.CREDENTIALS, operation, True)
        assert failed.reason == "there are no usable AWS credentials: Unable to locate credentials"
        assert failed.hint == "check the account's profile, or the environment that the scan runs in"
    assert aws.calls == []


async def test_a_profile_is_chained_to_the_role(
    aws: AwsEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile hub]\nregion = eu-north-1\nrole_arn = arn:aws:iam::444455556666:role/hub\n"
        "credential_source = Environment\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    aws.add_cluster(ACCOUNT, REGION, "prod")
    got = await collect(EksProvider(), profile="hub")
    assert [(call.account, call.parameters["RoleArn"]) for call in aws.called("sts:AssumeRole")] == [
        (HOME_ACCOUNT, "arn:aws:iam::444455556666:role/hub"),
        ("444455556666", role_arn(ACCOUNT)),
    ]
    assert [call.region for call in aws.called("sts:GetCallerIdentity")] == ["eu-north-1"]
    assert set(got.clusters) == {"prod"}
    [failed] = (await collect(EksProvider(), profile="nobody")).failures
    assert failed.reason == "there are no usable AWS credentials: The config profile (nobody) could not be found"


async def test_without_a_role_the_credentials_own_account_is_read(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_regions(HOME_ACCOUNT, REGION)
    aws.add_cluster(HOME_ACCOUNT, REGION, "home")
    got = await collect(role_arn=None)
    assert got.account_ids == [HOME_ACCOUNT]
    assert set(got.clusters) == {"home"}
    assert aws.called("sts:AssumeRole") == []


async def test_other_partitions_are_kept_apart(
    aws: AwsEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws.add_regions(ACCOUNT, "cn-northwest-1")
    aws.add_cluster(ACCOUNT, "cn-northwest-1", "shanghai")
    got = await collect(EksProvider(), role_arn="arn:aws-cn:iam::111122223333:role/audit-scanner")
    assert [call.region for call in aws.called("sts:AssumeRole")] == ["cn-north-1"]
    assert got.clusters["shanghai"].ref.id == "arn:aws-cn:eks:cn-northwest-1:111122223333:cluster/shanghai"


async def test_a_stopped_scan_ends_at_once_and_begins_no_further_attempt(aws: AwsEmulator) -> None:
    aws.add_regions(ACCOUNT, "eu-west-1", "us-east-1")
    aws.add_cluster(ACCOUNT, "us-east-1", "quick")
    aws.inject(faults.stall(0.5), "eks:ListClusters", region="eu-west-1")
    context = CollectContext("production", ScanSettings(retries=5), RuleSettings(), NOW, quiet)
    began = time.monotonic()
    options = EksOptions(role_arn=role_arn(ACCOUNT))
    async with aclosing(EksProvider().collect(options, context)) as items:  # type: ignore[type-var]
        async for item in items:
            if getattr(getattr(item, "ref", None), "name", "") == "quick":
                break
    assert time.monotonic() - began < 5
    await asyncio.sleep(1.5)
    assert len([call for call in aws.called("eks:ListClusters") if call.region == "eu-west-1"]) == 1


async def test_credentials_that_run_out_are_assumed_again_with_new_clients(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod")
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    aws.inject(faults.body(EXPIRING.format(soon).encode(), content_type="text/xml"), "sts:AssumeRole", times=1)
    got = await collect()
    assert set(got.clusters) == {"prod"}
    assert len(aws.called("sts:AssumeRole")) == 2


async def test_a_role_that_can_no_longer_be_assumed_is_named_in_the_call_that_needed_it(
    aws: AwsEmulator, collect: Collect
) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    aws.inject(faults.body(EXPIRING.format(soon).encode(), content_type="text/xml"), "sts:AssumeRole", times=1)
    aws.inject(faults.deny(), "sts:AssumeRole")
    [failed] = (await collect()).failures
    assert failed.operation == "sts:GetCallerIdentity"
    assert failed.reason.startswith(
        "sts:AssumeRole for sts:GetCallerIdentity of us-east-1 is denied: User: arn:aws:sts::"
    )
    assert failed.permission == "sts:AssumeRole"


async def test_options_of_another_provider_are_a_bug() -> None:
    context = CollectContext("production", ScanSettings(), RuleSettings(), NOW, quiet)
    with pytest.raises(TypeError, match="expected EksOptions, not AccountOptions"):
        await anext(EksProvider().collect(AccountOptions(), context))


async def test_a_bug_is_raised_and_not_swallowed(
    aws: AwsEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod")
    monkeypatch.setattr("providers.eks.fetch.normalise", lambda *_: 1 / 0)
    with pytest.RaisesGroup(pytest.RaisesGroup(ZeroDivisionError)):
        await collect()


async def test_an_unknown_emulated_action_cannot_pass_unnoticed(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", enabled=ALL, group=fresh())
    await collect()
    assert {call.action for call in aws.calls} == {
        "sts:AssumeRole",
        "sts:GetCallerIdentity",
        "ec2:DescribeRegions",
        "eks:ListClusters",
        "eks:DescribeCluster",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:DescribeSubscriptionFilters",
    }


async def test_an_unreadable_cluster_without_a_log_group_is_no_gap(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "closed")
    aws.inject(faults.deny(), "eks:DescribeCluster")
    closed = (await collect()).clusters["closed"]
    audit = channel(closed, "audit")
    assert audit.delivered.state is LinkState.UNKNOWN
    assert audit.delivered.reason == (
        "log group /aws/eks/closed/cluster does not exist in eu-west-1; whether EKS should write to it is not known:"
        " eks:DescribeCluster is denied"
    )
    assert (audit.retention.at_least, audit.retention.permission) == (0, "eks:DescribeCluster")
    assert audit.retention.at_most > 36_500
    assert closed.unread == (
        Unread(
            "eks:DescribeCluster",
            "eks:DescribeCluster",
            "allow eks:DescribeCluster: `k8s-audit-coverage providers eks --permissions` prints the policy that is"
            " needed",
        ),
    )


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("logs:DescribeLogGroups", b'{"logGroups": [null]}'),
        ("logs:DescribeLogStreams", b'{"logStreams": [null, {"logStreamName": "kube-apiserver-audit-1"}]}'),
        (
            "logs:DescribeLogStreams",
            b'{"logStreams": [{"logStreamName": "kube-apiserver-audit-1", "lastEventTimestamp": 99999999999999999}]}',
        ),
        ("logs:DescribeSubscriptionFilters", b'{"subscriptionFilters": [null]}'),
        ("eks:DescribeCluster", b'{"cluster": {"name": "odd", "logging": {"clusterLogging": ["audit"]}}}'),
        ("eks:DescribeCluster", b'{"cluster": {"name": "somebody-else"}}'),
    ],
)
async def test_an_answer_of_an_odd_shape_costs_only_its_own_cluster(
    aws: AwsEmulator, collect: Collect, action: str, answer: bytes
) -> None:
    aws.add_regions(ACCOUNT, REGION, "us-east-1")
    aws.add_cluster(ACCOUNT, REGION, "odd", enabled=BOTH, group=fresh())
    aws.add_cluster(ACCOUNT, "us-east-1", "fine", enabled=BOTH, group=fresh())
    aws.inject(faults.body(answer), action, region=REGION)
    got = await collect()
    assert set(got.clusters) == {"odd", "fine"}
    assert got.failures == []
    [unread] = got.clusters["odd"].unread
    assert unread == Unread(action, "", "check for a proxy that answers in the API's place")
    assert got.clusters["fine"].unread == ()


async def test_a_list_with_something_else_than_names_is_an_incomplete_region(
    aws: AwsEmulator, collect: Collect
) -> None:
    aws.add_regions(ACCOUNT, REGION, "us-east-1")
    aws.add_cluster(ACCOUNT, "us-east-1", "fine")
    aws.inject(faults.body(b'{"clusters": [1, null, {}]}'), "eks:ListClusters", region=REGION)
    got = await collect()
    assert set(got.clusters) == {"fine"}
    assert [(failed.kind, failed.scope) for failed in got.failures] == [(FailureKind.MALFORMED, "region eu-west-1")]


async def test_null_entries_of_the_logging_are_normal(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod", group=fresh())
    entries = b'[null, {"types": ["audit", null], "enabled": true}, {"types": null, "enabled": true}]'
    answer = b'{"cluster": {"name": "prod", "logging": {"clusterLogging": ' + entries + b"}}}"
    aws.inject(faults.body(answer), "eks:DescribeCluster")
    got = await collect()
    states = {one.log: one.exported.state for one in got.clusters["prod"].servers[0].channels}
    assert [log for log, state in states.items() if state is LinkState.OK] == ["audit"]


@pytest.mark.parametrize("regions", [["ap-east-1", "eu-west-1"], ["eu-west-1", "ap-east-1"]])
async def test_a_region_that_is_off_costs_only_itself_whatever_the_order(
    aws: AwsEmulator, collect: Collect, regions: list[str]
) -> None:
    aws.add_cluster(ACCOUNT, "eu-west-1", "prod", enabled=BOTH, group=fresh())
    off = faults.error(403, "InvalidClientTokenId", "The security token included in the request is invalid")
    aws.inject(off, region="ap-east-1")
    got = await collect(regions=regions)
    assert set(got.clusters) == {"prod"}
    assert [(failed.kind, failed.scope) for failed in got.failures] == [(FailureKind.CREDENTIALS, "region ap-east-1")]


async def test_a_cluster_that_is_asked_for_by_name_and_not_there_is_not_read(
    aws: AwsEmulator, collect: Collect
) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod")
    got = await collect(clusters=["prd", "no-such-*"])
    assert got.clusters == {}
    assert got.failures == [
        CollectionFailure(
            FailureKind.NOT_FOUND,
            "cluster prd",
            "eks:ListClusters",
            "no region that was read lists a cluster prd, which the account's clusters ask for",
            "correct the name, or the regions that are read",
        )
    ]
    assert [item.left_out for item in got.items if isinstance(item, AccountNote)] == [1]


async def test_a_name_is_not_missed_where_a_region_could_not_be_listed(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod")
    aws.inject(faults.deny(), "eks:ListClusters")
    got = await collect(clusters=["prd"])
    assert [failed.scope for failed in got.failures] == ["region eu-west-1"]
