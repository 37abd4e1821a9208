"""The way of each EKS log type from the control plane to a kept record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from providers.eks.calls import DESCRIBE_CLUSTER, DESCRIBE_LOG_GROUPS, DESCRIBE_LOG_STREAMS
from providers.eks.facts import (
    STREAM_PREFIXES,
    UNSETTLED,
    ClusterFacts,
    LogType,
    Streams,
    enabled_names,
    log_group_name,
)
from providers.eks.failures import evidence
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState, LogChannel, Retention, RuleSettings

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef


class Chain:
    """The links of one cluster's log types; what they share is worked out once."""

    def __init__(self, facts: ClusterFacts, rule: RuleSettings, started: datetime) -> None:
        """Take what was read, and the look-back window that ends at `started`."""
        self._facts = facts
        self._rule = rule
        self._started = started
        self._group_name = log_group_name(facts.name)
        self._enabled: frozenset[str] | None = None
        self._logging: tuple[Evidence, ...] = ()
        if not isinstance(facts.cluster, CollectionError):
            self._enabled = enabled_names(facts.cluster)
            self._logging = (
                Evidence(DESCRIBE_CLUSTER, "cluster.logging.clusterLogging", logging_as_read(facts.cluster)),
            )
        self._retention = self._retained()

    def channel(self, log_type: LogType) -> LogChannel:
        """Give one log type with the state of its links."""
        return LogChannel(
            log=log_type,
            name=f"EKS log type {log_type}",
            exported=self._exported(log_type),
            delivered=self._delivered(log_type),
            retention=self._retention,
            observed=self._observed(log_type) if self._rule.observe else None,
        )

    def _exported(self, log_type: LogType) -> LinkCheck:
        """Say whether the log type is switched on."""
        cluster = self._facts.cluster
        if isinstance(cluster, CollectionError):
            reason = f"the cluster could not be described: {cluster.what}"
            return LinkCheck(LinkState.UNKNOWN, reason, (evidence(cluster, DESCRIBE_CLUSTER),), cluster.permission)
        enabled = self._enabled or frozenset()
        if log_type in enabled:
            return LinkCheck(LinkState.OK, f"EKS log type {log_type} is enabled", self._logging)
        return LinkCheck(LinkState.GAP, f"EKS log type {log_type} is not enabled", self._logging)

    def _delivered(self, log_type: LogType) -> LinkCheck:
        """Say whether the log group that EKS writes to is there.

        A group that exists proves little by itself: it outlives logging and even the cluster. The newest record stands
        beside it where it could be read, and a type without any stream gets a note.
        """
        if self._enabled is not None and log_type not in self._enabled:
            return LinkCheck(
                LinkState.NOT_APPLICABLE, f"EKS log type {log_type} is not enabled, so nothing of it is delivered"
            )
        group = self._facts.log_group
        if isinstance(group, CollectionError):
            reason = f"whether log group {self._group_name} exists could not be read: {group.what}"
            return LinkCheck(LinkState.UNKNOWN, reason, (evidence(group, DESCRIBE_LOG_GROUPS),), group.permission)
        if group is None:
            return self._without_group()
        exists = Evidence(DESCRIBE_LOG_GROUPS, "logGroups[].logGroupName", group.name)
        newest = self._newest(log_type)
        if newest is None:
            return LinkCheck(LinkState.OK, f"log group {group.name} exists", (exists,))
        reason = f"log group {group.name} exists; its newest {log_type} record is of {timestamp(newest)}"
        return LinkCheck(LinkState.OK, reason, (exists, self._stream_evidence(log_type, newest)))

    def _without_group(self) -> LinkCheck:
        """Judge a missing log group: a gap, unless the cluster may not have begun to write, or is not EKS's own."""
        absent = f"log group {self._group_name} does not exist in {self._facts.region}"
        cluster = self._facts.cluster
        if isinstance(cluster, CollectionError):
            reason = f"{absent}; whether EKS should write to it is not known: {cluster.what}"
            return LinkCheck(
                LinkState.UNKNOWN, reason, (evidence(cluster, DESCRIBE_CLUSTER), self._absent()), cluster.permission
            )
        status = cluster.get("status", "absent")
        if status in UNSETTLED:
            reason = f"{absent} yet: the cluster is {status}"
            return LinkCheck(
                LinkState.UNKNOWN, reason, (self._absent(), Evidence(DESCRIBE_CLUSTER, "cluster.status", status))
            )
        return LinkCheck(LinkState.GAP, absent, (self._absent(),))

    def _retained(self) -> Retention:
        """Say for how long the log group keeps records; the same for all log types."""
        group = self._facts.log_group
        if isinstance(group, CollectionError):
            reason = f"how long log group {self._group_name} keeps records could not be read: {group.what}"
            return Retention.unknown(reason, evidence(group, DESCRIBE_LOG_GROUPS), permission=group.permission)
        if group is None:
            missing = self._without_group()
            if missing.state is LinkState.UNKNOWN:
                return Retention.unknown(missing.reason, *missing.evidence, permission=missing.permission)
            reason = f"log group {self._group_name} does not exist, so nothing is kept"
            return Retention.exactly(0, reason, self._absent())
        locator = f"logGroups[{group.name}]"
        if group.log_class == "DELIVERY":
            reason = (
                f"log group {group.name} is of class DELIVERY, which passes records on and keeps them for about a day;"
                " where they are kept after that is not read"
            )
            return Retention.unknown(reason, Evidence(DESCRIBE_LOG_GROUPS, f"{locator}.logGroupClass", "DELIVERY"))
        if group.retention_days is None:
            read = Evidence(DESCRIBE_LOG_GROUPS, f"{locator}.retentionInDays", "absent")
            return Retention.exactly(None, f"log group {group.name} keeps records for ever", read)
        read = Evidence(DESCRIBE_LOG_GROUPS, f"{locator}.retentionInDays", str(group.retention_days))
        reason = f"log group {group.name} keeps records for {days_text(group.retention_days)}"
        return Retention.exactly(group.retention_days, reason, read)

    def _observed(self, log_type: LogType) -> LinkCheck:
        """Say whether the newest record falls within the look-back window; that none was seen proves no gap."""
        if self._enabled is not None and log_type not in self._enabled:
            return LinkCheck(
                LinkState.NOT_APPLICABLE, f"EKS log type {log_type} is not enabled, so no new record of it is expected"
            )
        streams = self._facts.streams
        if isinstance(streams, CollectionError):
            reason = f"the newest {log_type} record could not be read: {streams.what}"
            return LinkCheck(LinkState.UNKNOWN, reason, (evidence(streams, DESCRIBE_LOG_STREAMS),), streams.permission)
        if streams is None:
            return self._not_looked_for(log_type)
        newest = self._newest(log_type)
        window = f"the last {self._rule.lookback_hours} hours"
        if newest is not None and newest >= self._started - timedelta(hours=self._rule.lookback_hours):
            reason = f"the newest {log_type} record is of {timestamp(newest)}, within {window}"
            return LinkCheck(LinkState.OK, reason, (self._stream_evidence(log_type, newest),))
        reason = f"no {log_type} record seen in {window}; not proof of a gap: CloudWatch updates these times late"
        return LinkCheck(LinkState.UNKNOWN, reason, (self._stream_evidence(log_type, newest),))

    def _not_looked_for(self, log_type: LogType) -> LinkCheck:
        """Say why no streams were looked at: what would lead to them could not be read, or there is no log group."""
        for cause, action in ((self._facts.log_group, DESCRIBE_LOG_GROUPS), (self._facts.cluster, DESCRIBE_CLUSTER)):
            if isinstance(cause, CollectionError):
                reason = f"{log_type} records were not looked for: {cause.what}"
                return LinkCheck(LinkState.UNKNOWN, reason, (evidence(cause, action),), cause.permission)
        reason = f"there is no log group {self._group_name} to look for {log_type} records in"
        return LinkCheck(LinkState.UNKNOWN, reason, (self._absent(),))

    def _newest(self, log_type: LogType) -> datetime | None:
        """Give the time of the newest record of a type, None where none was seen or streams were not read."""
        streams = self._facts.streams
        return streams.newest.get(log_type) if isinstance(streams, Streams) else None

    def _stream_evidence(self, log_type: LogType, newest: datetime | None) -> Evidence:
        """Give the newest record's time as it was read."""
        locator = f"logStreams[{STREAM_PREFIXES[log_type]}*].lastEventTimestamp"
        return Evidence(DESCRIBE_LOG_STREAMS, locator, "absent" if newest is None else timestamp(newest))

    def _absent(self) -> Evidence:
        """Give the list of log groups in which the cluster's own is missing."""
        return Evidence(DESCRIBE_LOG_GROUPS, "logGroups[].logGroupName", f"no {self._group_name}")


def logging_as_read(cluster: ClusterTypeDef) -> str:
    """Give ``cluster.logging.clusterLogging`` as compact JSON, ``absent`` where the answer did not hold it."""
    logging = cluster.get("logging") or {}
    if "clusterLogging" not in logging:
        return "absent"
    return json.dumps(logging["clusterLogging"], separators=(",", ":"))


def days_text(days: int) -> str:
    """Word a number of days."""
    return "1 day" if days == 1 else f"{days} days"


def timestamp(when: datetime) -> str:
    """Give a time as reports write it: UTC, to the second."""
    return f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
