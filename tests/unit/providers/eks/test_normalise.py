"""From what was read to the common model, without any call."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from providers.eks.facts import AccountFacts, ClusterFacts, LogGroup, LogType, Streams, SubscriptionFilter
from providers.eks.normalise import normalise
from scanner.errors import CollectionError, PermissionDenied
from scanner.model import (
    ClusterObservation,
    Evidence,
    LinkCheck,
    LinkState,
    ManagedPolicy,
    Note,
    NoteSeverity,
    RuleSettings,
    UnreadablePolicy,
)
from tests.unit.providers.eks.conftest import NOW, channel

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef

IDENTITY = "arn:aws:sts::111122223333:assumed-role/audit-scanner/k8s-audit-coverage"
ACCOUNT = AccountFacts("production", "111122223333", IDENTITY)
GROUP = LogGroup("/aws/eks/prod/cluster", 90, "STANDARD")
CONNECTOR = (
    "EKS only registers this cluster (connector provider GKE); its control plane runs elsewhere, so EKS cannot say;"
    " scan it"
    " with the self_managed provider or leave it out with exclude_clusters"
)


def described(**fields: object) -> ClusterTypeDef:
    cluster = {
        "name": "prod",
        "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "version": "1.34",
        "status": "ACTIVE",
        "logging": {"clusterLogging": [{"types": ["audit", "authenticator"], "enabled": True}]},
        **fields,
    }
    return cast("ClusterTypeDef", {name: value for name, value in cluster.items() if value is not ...})


def observe(
    cluster: ClusterTypeDef | CollectionError | None = None,
    log_group: LogGroup | CollectionError | None = GROUP,
    rule: dict[str, Any] | None = None,
    account: AccountFacts = ACCOUNT,
    **more: Any,  # noqa: ANN401 - the fields of ClusterFacts
) -> ClusterObservation:
    facts = ClusterFacts(account, "eu-west-1", "prod", described() if cluster is None else cluster, log_group, **more)
    return normalise(facts, RuleSettings(**(rule or {})), NOW)


def streams(*, complete: bool = True, **newest: datetime | None) -> Streams:
    return Streams({LogType(log_type): when for log_type, when in newest.items()}, 2, complete=complete)


def denied(action: str) -> PermissionDenied:
    return PermissionDenied(f"{action} is denied", where=action, permission=action)


@pytest.mark.parametrize(
    ("logging", "enabled", "read"),
    [
        (
            {"clusterLogging": [{"types": ["audit"], "enabled": True}]},
            {"audit"},
            '[{"types":["audit"],"enabled":true}]',
        ),
        (
            {
                "clusterLogging": [
                    {"types": ["api"], "enabled": True},
                    {"types": ["audit"], "enabled": True},
                    {"types": ["scheduler"], "enabled": False},
                ]
            },
            {"api", "audit"},
            '[{"types":["api"],"enabled":true},{"types":["audit"],"enabled":true},{"types":["scheduler"],"enabled":false}]',
        ),
        (
            {"clusterLogging": [{"types": ["audit"], "enabled": False}, {"types": ["audit"], "enabled": True}]},
            {"audit"},
            '[{"types":["audit"],"enabled":false},{"types":["audit"],"enabled":true}]',
        ),
        ({"clusterLogging": [{"types": ["audit"]}]}, set(), '[{"types":["audit"]}]'),
        ({"clusterLogging": [{"enabled": True}]}, set(), '[{"enabled":true}]'),
        ({"clusterLogging": [{"types": None, "enabled": True}]}, set(), '[{"types":null,"enabled":true}]'),
        ({"clusterLogging": []}, set(), "[]"),
        ({"clusterLogging": None}, set(), "null"),
        ({}, set(), "absent"),
        (None, set(), "absent"),
        (..., set(), "absent"),
    ],
)
def test_the_union_of_all_enabled_entries_is_exported(logging: object, enabled: set[str], read: str) -> None:
    seen = observe(described(logging=logging))
    states = {one.log: one.exported.state for one in seen.servers[0].channels}
    assert set(states) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
    assert {log for log, state in states.items() if state is LinkState.OK} == enabled
    assert {log for log, state in states.items() if state is LinkState.GAP} == set(states) - enabled
    assert channel(seen, "audit").exported.evidence == (
        Evidence("eks:DescribeCluster", "cluster.logging.clusterLogging", read),
    )


def test_a_gap_names_what_is_enabled_instead() -> None:
    reason = "EKS log type audit is not enabled"
    logging = {"clusterLogging": [{"types": ["scheduler", "api"], "enabled": True}]}
    assert channel(observe(described(logging=logging)), "audit").exported.reason == reason
    nothing = "EKS log type audit is not enabled"
    assert channel(observe(described(logging=None)), "audit").exported.reason == nothing
    off = channel(observe(described(logging=None)), "audit").delivered
    assert off == LinkCheck(
        LinkState.NOT_APPLICABLE, "EKS log type audit is not enabled, so nothing of it is delivered"
    )


def test_a_log_group_that_exists_delivers_and_its_newest_record_stands_beside_it() -> None:
    exists = Evidence("logs:DescribeLogGroups", "logGroups[].logGroupName", "/aws/eks/prod/cluster")
    alone = channel(observe(), "audit").delivered
    assert alone == LinkCheck(LinkState.OK, "log group /aws/eks/prod/cluster exists", (exists,))
    with_streams = channel(observe(streams=streams(audit=NOW, authenticator=None)), "audit").delivered
    assert with_streams == LinkCheck(
        LinkState.OK,
        "log group /aws/eks/prod/cluster exists; its newest audit record is of 2026-03-01T12:00:00Z",
        (
            exists,
            Evidence(
                "logs:DescribeLogStreams",
                "logStreams[kube-apiserver-audit-*].lastEventTimestamp",
                "2026-03-01T12:00:00Z",
            ),
        ),
    )


def test_a_missing_log_group_is_a_gap_and_keeps_nothing() -> None:
    audit = channel(observe(log_group=None), "audit")
    read = (Evidence("logs:DescribeLogGroups", "logGroups[].logGroupName", "no /aws/eks/prod/cluster"),)
    missing = "log group /aws/eks/prod/cluster does not exist in eu-west-1"
    assert audit.delivered == LinkCheck(LinkState.GAP, missing, read)
    assert (audit.retention.at_least, audit.retention.at_most) == (0, 0)
    assert audit.retention.reason == "log group /aws/eks/prod/cluster does not exist, so nothing is kept"


@pytest.mark.parametrize(
    ("group", "at_least", "at_most", "reason", "read"),
    [
        (
            LogGroup("/aws/eks/prod/cluster", 7),
            7,
            7,
            "log group /aws/eks/prod/cluster keeps records for 7 days",
            ("logGroups[/aws/eks/prod/cluster].retentionInDays", "7"),
        ),
        (
            LogGroup("/aws/eks/prod/cluster", 1),
            1,
            1,
            "log group /aws/eks/prod/cluster keeps records for 1 day",
            ("logGroups[/aws/eks/prod/cluster].retentionInDays", "1"),
        ),
        (
            LogGroup("/aws/eks/prod/cluster"),
            math.inf,
            math.inf,
            "log group /aws/eks/prod/cluster keeps records for ever",
            ("logGroups[/aws/eks/prod/cluster].retentionInDays", "absent"),
        ),
        (
            LogGroup("/aws/eks/prod/cluster", 365, "DELIVERY"),
            0,
            math.inf,
            (
                "log group /aws/eks/prod/cluster is of class DELIVERY, which passes records on and keeps them for"
                " about a day;"
                " where they are kept after that is not read"
            ),
            ("logGroups[/aws/eks/prod/cluster].logGroupClass", "DELIVERY"),
        ),
    ],
)
def test_retention_is_the_log_groups(
    group: LogGroup, at_least: float, at_most: float, reason: str, read: tuple[str, str]
) -> None:
    kept = channel(observe(log_group=group), "audit").retention
    assert (kept.at_least, kept.at_most, kept.reason) == (at_least, at_most, reason)
    assert kept.evidence == (Evidence("logs:DescribeLogGroups", *read),)


def test_log_groups_that_could_not_be_read_leave_delivered_and_retained_unknown() -> None:
    audit = channel(observe(log_group=denied("logs:DescribeLogGroups")), "audit")
    read = (Evidence("logs:DescribeLogGroups", "error", "logs:DescribeLogGroups: logs:DescribeLogGroups is denied"),)
    assert audit.exported.state is LinkState.OK
    assert audit.delivered == LinkCheck(
        LinkState.UNKNOWN,
        "whether log group /aws/eks/prod/cluster exists could not be read: logs:DescribeLogGroups is denied",
        read,
        "logs:DescribeLogGroups",
    )
    assert (audit.retention.at_least, audit.retention.at_most) == (0, math.inf)
    assert audit.retention.permission == "logs:DescribeLogGroups"
    assert audit.retention.reason == (
        "how long log group /aws/eks/prod/cluster keeps records could not be read: logs:DescribeLogGroups is denied"
    )


def test_a_cluster_that_could_not_be_described_stays_with_unknown_parts() -> None:
    seen = observe(denied("eks:DescribeCluster"))
    [server] = seen.servers
    assert seen.ref.id == "arn:aws:eks:eu-west-1:111122223333:cluster/prod"
    assert seen.ref.version is None
    assert server.policy == UnreadablePolicy(
        "the cluster could not be described: eks:DescribeCluster is denied",
        (Evidence("eks:DescribeCluster", "error", "eks:DescribeCluster: eks:DescribeCluster is denied"),),
        "eks:DescribeCluster",
    )
    assert server.authorizer.can_deny is None
    assert server.authorizer.anonymous is None
    assert server.authorizer.reason == "how the cluster authorizes could not be read: eks:DescribeCluster is denied"
    exported = channel(seen, "audit").exported
    assert exported.state is LinkState.UNKNOWN
    assert exported.permission == "eks:DescribeCluster"
    assert exported.reason == ("the cluster could not be described: eks:DescribeCluster is denied")
    assert channel(seen, "audit").delivered.state is LinkState.OK


@pytest.mark.parametrize(
    ("version", "anonymous", "reason"),
    [
        ("1.32", False, "; from Kubernetes 1.32 on it serves anonymous requests on the health paths only"),
        ("1.34", False, "; from Kubernetes 1.32 on it serves anonymous requests on the health paths only"),
        ("2.0", False, "; from Kubernetes 1.32 on it serves anonymous requests on the health paths only"),
        ("1.31", True, "; before Kubernetes 1.32 it serves anonymous requests on all paths that RBAC allows"),
        ("1.9", True, "; before Kubernetes 1.32 it serves anonymous requests on all paths that RBAC allows"),
        ("next", None, "; whether it serves anonymous requests is not known, because its version is not"),
        (..., None, "; whether it serves anonymous requests is not known, because its version is not"),
    ],
)
def test_rbac_can_always_deny_and_the_version_says_who_is_anonymous(
    version: object,
    anonymous: bool | None,  # noqa: FBT001 - the value that is expected
    reason: str,
) -> None:
    seen = observe(described(version=version, accessConfig={"authenticationMode": "API"}))
    authorizer = seen.servers[0].authorizer
    assert authorizer.can_deny is True
    assert authorizer.anonymous is anonymous
    assert authorizer.reason == f"EKS runs the RBAC authorizer in every cluster{reason}"
    read = "absent" if version is ... else version
    assert authorizer.evidence == (
        Evidence("eks:DescribeCluster", "cluster.accessConfig.authenticationMode", "API"),
        Evidence("eks:DescribeCluster", "cluster.version", str(read)),
    )
    assert seen.servers[0].policy == ManagedPolicy(
        "eks", (Evidence("eks:DescribeCluster", "cluster.version", str(read)),)
    )


def test_nothing_is_known_of_a_cluster_that_is_only_registered() -> None:
    seen = observe(described(connectorConfig={"provider": "GKE"}, logging=..., version=...), None)
    [server] = seen.servers
    read = (Evidence("eks:DescribeCluster", "cluster.connectorConfig.provider", "GKE"),)
    assert server.policy == UnreadablePolicy(CONNECTOR, read)
    assert (server.authorizer.can_deny, server.authorizer.anonymous) == (None, None)
    unknown = LinkCheck(LinkState.UNKNOWN, CONNECTOR, read)
    assert len(server.channels) == 5
    for one in server.channels:
        assert (one.exported, one.delivered, one.observed) == (unknown, unknown, unknown)
        assert (one.retention.at_least, one.retention.at_most, one.retention.reason) == (0, math.inf, CONNECTOR)
    nameless = observe(described(connectorConfig={"activationId": "a"}, logging=...), None)
    assert "(connector provider unknown)" in channel(nameless, "audit").exported.reason


def test_records_are_only_looked_for_when_asked() -> None:
    assert channel(observe(streams=streams(audit=NOW)), "audit").observed is None


@pytest.mark.parametrize(
    ("cluster", "group", "read", "state", "reason", "permission"),
    [
        (
            None,
            GROUP,
            streams(audit=NOW - timedelta(hours=24)),
            LinkState.OK,
            "the newest audit record is of 2026-02-28T12:00:00Z, within the last 24 hours",
            "",
        ),
        (
            None,
            GROUP,
            streams(audit=NOW - timedelta(hours=24, seconds=1)),
            LinkState.UNKNOWN,
            "no audit record seen in the last 24 hours; not proof of a gap: CloudWatch updates these times late",
            "",
        ),
        (
            None,
            GROUP,
            streams(audit=None),
            LinkState.UNKNOWN,
            "no audit record seen in the last 24 hours; not proof of a gap: CloudWatch updates these times late",
            "",
        ),
        (
            None,
            GROUP,
            denied("logs:DescribeLogStreams"),
            LinkState.UNKNOWN,
            "the newest audit record could not be read: logs:DescribeLogStreams is denied",
            "logs:DescribeLogStreams",
        ),
        (
            None,
            None,
            None,
            LinkState.UNKNOWN,
            "there is no log group /aws/eks/prod/cluster to look for audit records in",
            "",
        ),
        (
            None,
            denied("logs:DescribeLogGroups"),
            None,
            LinkState.UNKNOWN,
            "audit records were not looked for: logs:DescribeLogGroups is denied",
            "logs:DescribeLogGroups",
        ),
        (
            denied("eks:DescribeCluster"),
            GROUP,
            None,
            LinkState.UNKNOWN,
            "audit records were not looked for: eks:DescribeCluster is denied",
            "eks:DescribeCluster",
        ),
        (
            described(logging=None),
            GROUP,
            None,
            LinkState.NOT_APPLICABLE,
            "EKS log type audit is not enabled, so no new record of it is expected",
            "",
        ),
    ],
)
def test_a_recent_record_is_proof_and_its_absence_is_none(
    cluster: ClusterTypeDef | CollectionError | None,
    group: LogGroup | CollectionError | None,
    read: Streams | CollectionError | None,
    state: LinkState,
    reason: str,
    permission: str,
) -> None:
    observed = channel(observe(cluster, group, {"observe": True}, streams=read), "audit").observed
    assert observed is not None
    assert (observed.state, observed.reason, observed.permission) == (state, reason, permission)


def test_facts_are_in_a_fixed_order_with_what_was_read() -> None:
    seen = observe(
        described(
            platformVersion="eks.7",
            accessConfig={"authenticationMode": "API"},
            resourcesVpcConfig={
                "endpointPublicAccess": True,
                "endpointPrivateAccess": False,
                "publicAccessCidrs": ["192.0.2.0/24", "198.51.100.0/24"],
            },
        ),
        LogGroup("/aws/eks/prod/cluster", 90, "STANDARD", "arn:aws:kms:eu-west-1:111122223333:key/k"),
        filters=(
            SubscriptionFilter("siem", "arn:aws:firehose:eu-west-1:111122223333:deliverystream/siem"),
            SubscriptionFilter("odd", ""),
        ),
        streams=streams(authenticator=None, audit=NOW),
    )
    group = "logGroups[/aws/eks/prod/cluster]"
    vpc = "cluster.resourcesVpcConfig"
    assert [(fact.name, fact.value, fact.evidence.locator, fact.evidence.value) for fact in seen.facts] == [
        ("status", "ACTIVE", "cluster.status", "ACTIVE"),
        ("platform version", "eks.7", "cluster.platformVersion", "eks.7"),
        ("authentication mode", "API", "cluster.accessConfig.authenticationMode", "API"),
        (
            "public access from",
            "192.0.2.0/24, 198.51.100.0/24",
            f"{vpc}.publicAccessCidrs",
            "192.0.2.0/24, 198.51.100.0/24",
        ),
        ("public endpoint", "on", f"{vpc}.endpointPublicAccess", "true"),
        ("private endpoint", "off", f"{vpc}.endpointPrivateAccess", "false"),
        ("log group", "/aws/eks/prod/cluster", f"{group}.logGroupName", "/aws/eks/prod/cluster"),
        ("log group retention", "90 days", f"{group}.retentionInDays", "90"),
        ("log group class", "STANDARD", f"{group}.logGroupClass", "STANDARD"),
        (
            "log group KMS key",
            "arn:aws:kms:eu-west-1:111122223333:key/k",
            f"{group}.kmsKeyId",
            "arn:aws:kms:eu-west-1:111122223333:key/k",
        ),
        (
            "subscription filters",
            "siem to firehose, odd to an unknown destination",
            "subscriptionFilters",
            "arn:aws:firehose:eu-west-1:111122223333:deliverystream/siem, ",
        ),
        (
            "newest audit record",
            "2026-03-01T12:00:00Z",
            "logStreams[kube-apiserver-audit-*].lastEventTimestamp",
            "2026-03-01T12:00:00Z",
        ),
        ("newest authenticator record", "none yet", "logStreams[authenticator-*].lastEventTimestamp", "none yet"),
    ]


def test_facts_that_no_answer_held_are_left_out() -> None:
    seen = observe(described(status=...), LogGroup("/aws/eks/prod/cluster"), filters=())
    assert [(fact.name, fact.value) for fact in seen.facts] == [
        ("log group", "/aws/eks/prod/cluster"),
        ("log group retention", "for ever"),
        ("subscription filters", "none"),
    ]
    assert observe(denied("eks:DescribeCluster"), None).facts == ()


@pytest.mark.parametrize(
    ("status", "notes"),
    [
        ("ACTIVE", []),
        (
            "UPDATING",
            [
                (
                    NoteSeverity.WARNING,
                    "the cluster is UPDATING: a log type that reads as enabled may not be delivered yet",
                )
            ],
        ),
        (
            "CREATING",
            [
                (
                    NoteSeverity.WARNING,
                    "the cluster is CREATING: a log type that reads as enabled may not be delivered yet",
                )
            ],
        ),
        ("DELETING", [(NoteSeverity.INFO, "the cluster is DELETING")]),
        ("FAILED", [(NoteSeverity.INFO, "the cluster is FAILED")]),
    ],
)
def test_a_cluster_in_change_is_noted(status: str, notes: list[tuple[NoteSeverity, str]]) -> None:
    seen = observe(described(status=status))
    assert [(note.severity, note.text) for note in seen.notes] == notes
    assert all(note.evidence == (Evidence("eks:DescribeCluster", "cluster.status", status),) for note in seen.notes)


def test_a_type_without_any_stream_is_noted() -> None:
    [note] = observe(streams=streams(audit=NOW)).notes
    assert note == Note(
        NoteSeverity.WARNING,
        "EKS log type authenticator is enabled, but log group /aws/eks/prod/cluster holds no stream authenticator-*:"
        " nothing of it was ever written there",
        (Evidence("logs:DescribeLogStreams", "logStreams[].logStreamName", "no authenticator-* among 2 streams"),),
    )
    [bounded] = observe(streams=streams(complete=False, audit=NOW)).notes
    assert bounded.text == (
        "EKS log type authenticator is enabled, but log group /aws/eks/prod/cluster holds among its 2 newest streams no"
        " authenticator-*: older ones were not looked at"
    )


def test_audit_records_that_stopped_are_noted() -> None:
    [note] = observe(streams=streams(audit=datetime(2026, 1, 5, tzinfo=UTC), authenticator=NOW)).notes
    assert note.severity is NoteSeverity.WARNING
    assert note.text == (
        "the newest audit record in log group /aws/eks/prod/cluster is of 2026-01-05T00:00:00Z, although a running API"
        " server writes some every minute: delivery may have stopped"
    )


def test_log_types_of_the_future_count_for_nothing_and_are_noted() -> None:
    logging = {"clusterLogging": [{"types": ["audit", "etcd", "autoMode"], "enabled": True}]}
    seen = observe(described(logging=logging))
    assert [note.text for note in seen.notes] == [
        "EKS enables log types that this version does not know, and that count for nothing: autoMode, etcd"
    ]
    assert len(seen.servers[0].channels) == 5


def test_what_stands_beside_the_links_and_could_not_be_read_is_noted() -> None:
    seen = observe(filters=denied("logs:DescribeSubscriptionFilters"), streams=denied("logs:DescribeLogStreams"))
    assert [(note.severity, note.text) for note in seen.notes] == [
        (
            NoteSeverity.INFO,
            (
                "whether the log group's records are forwarded could not be read: logs:DescribeSubscriptionFilters is"
                " denied"
            ),
        ),
        (
            NoteSeverity.INFO,
            "when the newest records were written could not be read: logs:DescribeLogStreams is denied",
        ),
    ]
    assert channel(seen, "audit").delivered.state is LinkState.OK


def test_the_remediations_parameters() -> None:
    assert observe().parameters == {"log_group": "/aws/eks/prod/cluster", "identity": IDENTITY}


@pytest.mark.parametrize("status", ["CREATING", "PENDING", "UPDATING"])
def test_a_log_group_that_is_not_there_yet_is_no_gap(status: str) -> None:
    audit = channel(observe(described(status=status), log_group=None), "audit")
    assert audit.delivered == LinkCheck(
        LinkState.UNKNOWN,
        f"log group /aws/eks/prod/cluster does not exist in eu-west-1 yet: the cluster is {status}",
        (
            Evidence("logs:DescribeLogGroups", "logGroups[].logGroupName", "no /aws/eks/prod/cluster"),
            Evidence("eks:DescribeCluster", "cluster.status", status),
        ),
    )
    assert (audit.retention.at_least, audit.retention.at_most) == (0, math.inf)


def test_streams_without_any_record_are_warned_of() -> None:
    notes = observe(streams=streams(audit=None, authenticator=NOW)).notes
    assert [(note.severity, note.text) for note in notes] == [
        (
            NoteSeverity.WARNING,
            (
                "EKS log type audit is enabled, but no record is seen in the streams kube-apiserver-audit-* of log"
                " group /aws/eks/prod/cluster: nothing was written there yet, or CloudWatch is late in saying so"
            ),
        )
    ]
