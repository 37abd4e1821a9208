"""What a reader wants to know of an EKS cluster beside the links: facts, and notes about traps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from providers.eks.calls import (
    DESCRIBE_CLUSTER,
    DESCRIBE_LOG_GROUPS,
    DESCRIBE_LOG_STREAMS,
    DESCRIBE_SUBSCRIPTION_FILTERS,
)
from providers.eks.channels import days_text, logging_as_read, timestamp
from providers.eks.facts import (
    STREAM_PREFIXES,
    UNSETTLED,
    ClusterFacts,
    LogGroup,
    LogType,
    SeenCluster,
    Streams,
    SubscriptionFilter,
    enabled_log_types,
    enabled_names,
)
from providers.eks.failures import evidence
from scanner.errors import CollectionError
from scanner.model import Evidence, Fact, Note, NoteSeverity, RuleSettings

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef


def facts_of(facts: ClusterFacts) -> tuple[Fact, ...]:
    """Give what was read of the cluster and its log group, in a fixed order; what no answer held is left out."""
    found: list[Fact] = []
    if not isinstance(facts.cluster, CollectionError):
        found += _cluster_facts(facts.cluster)
    if isinstance(facts.log_group, LogGroup):
        found += _log_group_facts(facts.log_group)
    if isinstance(facts.filters, tuple):
        found.append(_filters_fact(facts.filters))
    if isinstance(facts.streams, Streams):
        found += _newest_facts(facts.streams)
    for seen in facts.seen:
        read = Evidence(seen.inventory.call, seen.inventory.time_field, seen.captured)
        found.append(Fact("found in", f"{seen.inventory.name}, {seen.when}", read))
    return tuple(found)


def notes_of(facts: ClusterFacts, rule: RuleSettings, started: datetime) -> tuple[Note, ...]:
    """Give what to beware of: settings that hide events, and what could not be read beside the links."""
    notes: list[Note] = []
    if not isinstance(facts.cluster, CollectionError):
        notes += _cluster_notes(facts.cluster)
        notes += _inventory_notes(facts.seen, enabled_names(facts.cluster))
        if isinstance(facts.streams, Streams):
            notes += _stream_notes(facts, facts.cluster, facts.streams, rule, started)
    for unread, action, what in (
        (facts.filters, DESCRIBE_SUBSCRIPTION_FILTERS, "whether the log group's records are forwarded"),
        (facts.streams, DESCRIBE_LOG_STREAMS, "when the newest records were written"),
    ):
        if isinstance(unread, CollectionError):
            text = f"{what} could not be read: {unread.what}"
            notes.append(Note(NoteSeverity.INFO, text, (evidence(unread, action),)))
    return tuple(notes)


def _cluster_facts(cluster: ClusterTypeDef) -> Iterator[Fact]:
    """Give the facts that DescribeCluster holds."""
    network = cluster.get("resourcesVpcConfig", {})
    values = (
        ("status", "status", cluster.get("status")),
        ("platform version", "platformVersion", cluster.get("platformVersion")),
        ("connector provider", "connectorConfig.provider", cluster.get("connectorConfig", {}).get("provider")),
        (
            "authentication mode",
            "accessConfig.authenticationMode",
            cluster.get("accessConfig", {}).get("authenticationMode"),
        ),
        (
            "public access from",
            "resourcesVpcConfig.publicAccessCidrs",
            ", ".join(network.get("publicAccessCidrs") or ()),
        ),
    )
    for name, locator, value in values:
        if value:
            yield Fact(name, value, Evidence(DESCRIBE_CLUSTER, f"cluster.{locator}", value))
    for name, field, switch in (
        ("public endpoint", "endpointPublicAccess", network.get("endpointPublicAccess")),
        ("private endpoint", "endpointPrivateAccess", network.get("endpointPrivateAccess")),
    ):
        if switch is not None:
            read = Evidence(DESCRIBE_CLUSTER, f"cluster.resourcesVpcConfig.{field}", str(switch).lower())
            yield Fact(name, "on" if switch else "off", read)


def _log_group_facts(group: LogGroup) -> Iterator[Fact]:
    """Give the facts that DescribeLogGroups holds."""
    days = group.retention_days
    values = (
        ("log group", "logGroupName", group.name, group.name),
        (
            "log group retention",
            "retentionInDays",
            *(("for ever", "absent") if days is None else (days_text(days), str(days))),
        ),
        ("log group class", "logGroupClass", group.log_class, group.log_class),
        ("log group KMS key", "kmsKeyId", group.kms_key, group.kms_key),
    )
    for name, locator, value, read in values:
        if value and read:
            yield Fact(name, value, Evidence(DESCRIBE_LOG_GROUPS, f"logGroups[{group.name}].{locator}", read))


def _filters_fact(filters: tuple[SubscriptionFilter, ...]) -> Fact:
    """Say where records are forwarded to: the filter's name and the destination's service."""
    words = ", ".join(f"{found.name} to {_service_of(found.destination)}" for found in filters) or "none"
    read = ", ".join(found.destination for found in filters) or "[]"
    return Fact("subscription filters", words, Evidence(DESCRIBE_SUBSCRIPTION_FILTERS, "subscriptionFilters", read))


def _service_of(arn: str) -> str:
    """Give the service that stands in an ARN, such as ``firehose``."""
    parts = arn.split(":")
    return parts[2] if len(parts) > 2 and parts[2] else "an unknown destination"  # noqa: PLR2004 - arn:partition:service


def _newest_facts(streams: Streams) -> Iterator[Fact]:
    """Give the time of the newest record of each type of which there is a stream."""
    for log_type in LogType:
        if log_type in streams.newest:
            when = streams.newest[log_type]
            value = "none yet" if when is None else timestamp(when)
            locator = f"logStreams[{STREAM_PREFIXES[log_type]}*].lastEventTimestamp"
            yield Fact(f"newest {log_type} record", value, Evidence(DESCRIBE_LOG_STREAMS, locator, value))


def _inventory_notes(sightings: tuple[SeenCluster, ...], enabled: frozenset[str]) -> Iterator[Note]:
    """Say where an inventory is behind: what EKS answers now is what counts."""
    for seen in sightings:
        if seen.enabled is not None and frozenset(seen.enabled) != enabled:
            then, now = (", ".join(sorted(names)) or "none" for names in (seen.enabled, enabled))
            text = f"{seen.inventory.name} had the log types {then} {seen.when}; EKS says {now} now"
            yield Note(NoteSeverity.INFO, text, (Evidence(seen.inventory.call, seen.inventory.types_field, then),))


def _cluster_notes(cluster: ClusterTypeDef) -> Iterator[Note]:
    """Give the notes that follow from DescribeCluster alone."""
    status = cluster.get("status")
    read = (Evidence(DESCRIBE_CLUSTER, "cluster.status", status or "absent"),)
    if status in UNSETTLED:
        yield Note(
            NoteSeverity.WARNING,
            f"the cluster is {status}: a log type that reads as enabled may not be delivered yet",
            read,
        )
    elif status in {"DELETING", "FAILED"}:
        yield Note(NoteSeverity.INFO, f"the cluster is {status}", read)
    strangers = sorted(enabled_names(cluster) - set(LogType))
    if strangers:
        text = (
            f"EKS enables log types that this version does not know, and that count for nothing: {', '.join(strangers)}"
        )
        logging = Evidence(DESCRIBE_CLUSTER, "cluster.logging.clusterLogging", logging_as_read(cluster))
        yield Note(NoteSeverity.INFO, text, (logging,))


def _stream_notes(
    facts: ClusterFacts, cluster: ClusterTypeDef, streams: Streams, rule: RuleSettings, started: datetime
) -> Iterator[Note]:
    """Give the notes about enabled types that nothing, or nothing new, was ever written of."""
    group = facts.log_group.name if isinstance(facts.log_group, LogGroup) else ""
    for log_type in LogType:
        if log_type not in enabled_log_types(cluster):
            continue
        prefix = f"{STREAM_PREFIXES[log_type]}*"
        if log_type not in streams.newest:
            seen = Evidence(
                DESCRIBE_LOG_STREAMS, "logStreams[].logStreamName", f"no {prefix} among {streams.seen} streams"
            )
            text = f"EKS log type {log_type} is enabled, but log group {group} holds no stream {prefix}:"
            if streams.complete:
                yield Note(NoteSeverity.WARNING, f"{text} nothing of it was ever written there", (seen,))
            else:
                text = text.replace("holds no stream", f"holds among its {streams.seen} newest streams no")
                yield Note(NoteSeverity.WARNING, f"{text} older ones were not looked at", (seen,))
        elif streams.newest[log_type] is None:
            text = (
                f"EKS log type {log_type} is enabled, but no record is seen in the streams {prefix} of log group"
                f" {group}: nothing was written there yet, or CloudWatch is late in saying so"
            )
            none = Evidence(DESCRIBE_LOG_STREAMS, f"logStreams[{prefix}].lastEventTimestamp", "absent")
            yield Note(NoteSeverity.WARNING, text, (none,))
    newest = streams.newest.get(LogType.AUDIT)
    window = timedelta(hours=rule.lookback_hours)
    if LogType.AUDIT in enabled_log_types(cluster) and newest is not None and newest < started - window:
        text = (
            f"the newest audit record in log group {group} is of {timestamp(newest)}, although a running API server"
            " writes some every minute: delivery may have stopped"
        )
        locator = f"logStreams[{STREAM_PREFIXES[LogType.AUDIT]}*].lastEventTimestamp"
        yield Note(NoteSeverity.WARNING, text, (Evidence(DESCRIBE_LOG_STREAMS, locator, timestamp(newest)),))
