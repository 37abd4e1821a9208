"""The state of the emulated accounts, put straight into moto's backends: more shapes than its API lets one make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from moto.eks.models import Cluster, eks_backends
from moto.logs.models import LogEvent, logs_backends
from moto.utilities.utils import get_partition

LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
STREAMS: Final = {
    "api": "kube-apiserver-",
    "audit": "kube-apiserver-audit-",
    "authenticator": "authenticator-",
    "controllerManager": "kube-controller-manager-",
    "scheduler": "kube-scheduler-",
}
ABSENT: Final = object()
"""The value of a field that an answer is not to hold at all."""


@dataclass(frozen=True, slots=True)
class Group:
    """A log group to make.

    Attributes:
        streams: The time of the newest event of each log type of which there is a stream; None for one without events.
        more_streams: How many newer streams of something else there are, which a reader has to page through.
        filters: Subscription filters: name and destination ARN.
    """

    retention_days: int | None = None
    kms_key: str | None = None
    log_class: str | None = "STANDARD"
    streams: Mapping[str, datetime | None] = field(default_factory=dict)
    more_streams: int = 0
    filters: Mapping[str, str] = field(default_factory=dict)


def logging_of(*enabled: str) -> dict[str, Any]:
    """Give ``cluster.logging`` as EKS itself answers: the enabled types, then those that are not."""
    disabled = [log_type for log_type in LOG_TYPES if log_type not in enabled]
    entries = [{"types": list(types), "enabled": on} for types, on in ((enabled, True), (disabled, False)) if types]
    return {"clusterLogging": entries}


def add_cluster(
    account: str, region: str, name: str, *, enabled: Sequence[str], version: str = "1.34", group: Group | None = None
) -> None:
    """Make a cluster with these log types, and its log group."""
    backend = eks_backends[account][region]
    cluster = copy(_template())
    cluster.name = name
    cluster.arn = f"arn:{get_partition(region)}:eks:{region}:{account}:cluster/{name}"
    cluster.role_arn = f"arn:aws:iam::{account}:role/eks-control-plane"
    cluster.version = version
    cluster.logging = logging_of(*enabled)
    backend.clusters[name] = cluster
    if group is not None:
        _add_log_group(account, region, f"/aws/eks/{name}/cluster", group)


@cache
def _template() -> Any:  # noqa: ANN401 - moto is not typed
    """Make the one cluster that all others are copies of: moto takes a tenth of a second over its random fields."""
    cluster = Cluster(
        name="template",
        role_arn="arn:aws:iam::111122223333:role/eks-control-plane",
        resources_vpc_config={
            "subnetIds": ["subnet-1"],
            "endpointPublicAccess": True,
            "endpointPrivateAccess": True,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
        account_id="111122223333",
        region_name="eu-west-1",
        aws_partition="aws",
    )
    cluster.platformVersion = "eks.7"
    return cluster


def _add_log_group(account: str, region: str, name: str, group: Group) -> None:
    """Make a log group with its streams and filters."""
    backend = logs_backends[account][region]
    backend.create_log_group(name, {}, kmsKeyId=group.kms_key)
    made = backend.groups[name]
    made.retention_in_days = group.retention_days
    for log_type, newest in group.streams.items():
        made.create_log_stream(f"{STREAMS[log_type]}0123456789abcdef0123456789abcdef")
        if newest is not None:
            _add_event(made.streams[f"{STREAMS[log_type]}0123456789abcdef0123456789abcdef"], newest)
    for number in range(group.more_streams):
        made.create_log_stream(f"other-{number:04}")
        _add_event(made.streams[f"other-{number:04}"], datetime(2030, 1, 1, tzinfo=UTC))
    for filter_name, destination in group.filters.items():
        made.put_subscription_filter(filter_name, "", destination, "")


def _add_event(stream: Any, when: datetime) -> None:  # noqa: ANN401 - moto is not typed
    """Put one event into a stream, however old; the API takes none older than 14 days."""
    milliseconds = round(when.timestamp() * 1000)
    stream.events.append(LogEvent(milliseconds, {"timestamp": milliseconds, "message": "{}"}))
    stream.last_ingestion_time = when.replace(tzinfo=None)  # moto counts in naive UTC
