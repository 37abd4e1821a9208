"""Puts what was read of an EKS cluster into the common model; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from providers.eks.calls import (
    DESCRIBE_CLUSTER,
    DESCRIBE_LOG_GROUPS,
    DESCRIBE_LOG_STREAMS,
    DESCRIBE_SUBSCRIPTION_FILTERS,
)
from providers.eks.channels import Chain
from providers.eks.facts import ClusterFacts, LogType, log_group_name
from providers.eks.failures import evidence
from providers.eks.remarks import facts_of, notes_of
from scanner.errors import CollectionError
from scanner.model import (
    ApiServer,
    Authorizer,
    ClusterObservation,
    ClusterRef,
    Evidence,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    PolicySource,
    Retention,
    RuleSettings,
    Unread,
    UnreadablePolicy,
)

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef

_VERSION: Final = re.compile(r"(\d+)\.(\d+)")
_ANONYMOUS_ONLY_ON_HEALTH_PATHS: Final = (1, 32)
"""The first version in which EKS lets ``system:anonymous`` reach /healthz, /livez and /readyz only.

Source: Amazon EKS User Guide, "Review release notes for Kubernetes versions", 1.32.
"""


def normalise(facts: ClusterFacts, rule: RuleSettings, started: datetime) -> ClusterObservation:
    """Put one cluster into the common model.

    Args:
        facts: What was read.
        rule: Says whether the newest records are to be looked at, and how far back.
        started: The end of the look-back window.
    """
    cluster = facts.cluster
    if not isinstance(cluster, CollectionError) and cluster.get("connectorConfig"):
        server = _connector(cluster)
    else:
        chain = Chain(facts, rule, started)
        channels = tuple(chain.channel(log_type) for log_type in LogType)
        server = ApiServer("control plane", _policy(cluster), channels, _authorizer(cluster))
    return ClusterObservation(
        ref=_ref(facts),
        servers=(server,),
        facts=facts_of(facts),
        notes=notes_of(facts, rule, started),
        parameters=_parameters(facts),
        unread=tuple(_unread(facts)),
    )


def _ref(facts: ClusterFacts) -> ClusterRef:
    """Say which cluster it is; its ARN follows from its name where it could not be described."""
    account = facts.account
    arn = f"arn:{account.partition}:eks:{facts.region}:{account.account_id}:cluster/{facts.name}"
    version = None
    if not isinstance(facts.cluster, CollectionError):
        arn = facts.cluster.get("arn") or arn
        version = facts.cluster.get("version")
    return ClusterRef("eks", account.name, account.account_id, facts.region, facts.name, arn, version)


def _policy(cluster: ClusterTypeDef | CollectionError) -> PolicySource:
    """EKS runs its own policy in every control plane that is its own."""
    if isinstance(cluster, CollectionError):
        return UnreadablePolicy(
            f"the cluster could not be described: {cluster.what}",
            (evidence(cluster, DESCRIBE_CLUSTER),),
            cluster.permission,
        )
    version = Evidence(DESCRIBE_CLUSTER, "cluster.version", cluster.get("version") or "absent")
    return ManagedPolicy("eks", (version,))


def _authorizer(cluster: ClusterTypeDef | CollectionError) -> Authorizer:
    """EKS runs the RBAC authorizer in every cluster; whom it lets in without credentials depends on the version."""
    if isinstance(cluster, CollectionError):
        reason = f"how the cluster authorizes could not be read: {cluster.what}"
        return Authorizer(None, None, reason, (evidence(cluster, DESCRIBE_CLUSTER),))
    mode = cluster.get("accessConfig", {}).get("authenticationMode") or "absent"
    version = cluster.get("version") or "absent"
    anonymous = _anonymous(version)
    reason = "EKS runs the RBAC authorizer in every cluster"
    if anonymous is None:
        reason += "; whether it serves anonymous requests is not known, because its version is not"
    elif anonymous:
        reason += "; before Kubernetes 1.32 it serves anonymous requests on all paths that RBAC allows"
    else:
        reason += "; from Kubernetes 1.32 on it serves anonymous requests on the health paths only"
    return Authorizer(
        can_deny=True,
        anonymous=anonymous,
        reason=reason,
        evidence=(
            Evidence(DESCRIBE_CLUSTER, "cluster.accessConfig.authenticationMode", mode),
            Evidence(DESCRIBE_CLUSTER, "cluster.version", version),
        ),
    )


def _anonymous(version: str) -> bool | None:
    """Say whether requests without credentials become ``system:anonymous``; None for a version that cannot be read.

    False from 1.32 on: the health paths that remain are known noise, and everything else is a 401.
    """
    match = _VERSION.match(version)
    return None if match is None else (int(match[1]), int(match[2])) < _ANONYMOUS_ONLY_ON_HEALTH_PATHS


def _connector(cluster: ClusterTypeDef) -> ApiServer:
    """Give the unknown parts of a cluster that runs elsewhere and is only registered with EKS."""
    provider = cluster.get("connectorConfig", {}).get("provider") or "unknown"
    reason = (
        f"EKS only registers this cluster (connector provider {provider}); its control plane runs elsewhere, so EKS"
        " cannot say; scan it with the self_managed provider or leave it out with exclude_clusters"
    )
    read = (Evidence(DESCRIBE_CLUSTER, "cluster.connectorConfig.provider", provider),)
    unknown = LinkCheck(LinkState.UNKNOWN, reason, read)
    channels = tuple(
        LogChannel(log_type, f"EKS log type {log_type}", unknown, unknown, Retention.unknown(reason, *read), unknown)
        for log_type in LogType
    )
    return ApiServer("control plane", UnreadablePolicy(reason, read), channels, Authorizer(None, None, reason, read))


def _parameters(facts: ClusterFacts) -> dict[str, str]:
    """Give what the remediation's commands need."""
    return {"log_group": log_group_name(facts.name), "identity": facts.account.identity}


def _unread(facts: ClusterFacts) -> Iterator[Unread]:
    """Name the calls that gave nothing, and what their errors advise."""
    outcomes = (
        (DESCRIBE_CLUSTER, facts.cluster),
        (DESCRIBE_LOG_GROUPS, facts.log_group),
        (DESCRIBE_SUBSCRIPTION_FILTERS, facts.filters),
        (DESCRIBE_LOG_STREAMS, facts.streams),
    )
    for operation, outcome in outcomes:
        if isinstance(outcome, CollectionError):
            yield Unread(operation, outcome.permission, outcome.hint)
