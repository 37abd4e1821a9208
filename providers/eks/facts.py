"""What is read of an EKS cluster before it is put into the common model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from scanner.errors import CollectionError

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef

T = TypeVar("T")
Read: TypeAlias = T | CollectionError
"""What a call gave, or why it gave nothing."""


class LogType(StrEnum):
    """The control plane's log types. Source: ``LogType`` of the EKS API, 2017-11-01."""

    API = "api"
    AUDIT = "audit"
    AUTHENTICATOR = "authenticator"
    CONTROLLER_MANAGER = "controllerManager"
    SCHEDULER = "scheduler"


STREAM_PREFIXES: Final = {
    LogType.AUDIT: "kube-apiserver-audit-",
    LogType.API: "kube-apiserver-",
    LogType.AUTHENTICATOR: "authenticator-",
    LogType.CONTROLLER_MANAGER: "kube-controller-manager-",
    LogType.SCHEDULER: "kube-scheduler-",
}
"""How the log streams of each type begin; ``audit`` comes before ``api``, whose prefix it shares.

Source: Amazon EKS User Guide, "Send control plane logs to CloudWatch Logs".
"""

UNSETTLED: Final = frozenset({"CREATING", "PENDING", "UPDATING"})
"""Statuses of a cluster in which a log type that reads as enabled may not be delivered yet."""

LOG_GROUP_PREFIX: Final = "/aws/eks/"


def log_group_name(cluster: str) -> str:
    """Give the one log group that EKS writes a cluster's control plane logs to."""
    return f"{LOG_GROUP_PREFIX}{cluster}/cluster"


def log_type_of(stream: str) -> LogType | None:
    """Give the log type that a stream belongs to, by its name; None for a stream of something else."""
    return next((log_type for log_type, prefix in STREAM_PREFIXES.items() if stream.startswith(prefix)), None)


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group as DescribeLogGroups gives it.

    Attributes:
        retention_days: None where the group has no retention setting, so that its records never expire.
        log_class: ``STANDARD``, ``INFREQUENT_ACCESS``, …; None where the answer names none.
        kms_key: The ARN of the customer's key; None where the service's own key is used.
    """

    name: str
    retention_days: int | None = None
    log_class: str | None = None
    kms_key: str | None = None


@dataclass(frozen=True, slots=True)
class Streams:
    """The newest log stream of each type.

    Attributes:
        newest: The time of the newest event of each type that a stream was found of; None where the stream names none.
        seen: How many streams were looked at.
        complete: False where reading stopped before the last stream, so that a type not in `newest` may still exist.
    """

    newest: Mapping[LogType, datetime | None]
    seen: int
    complete: bool


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """A forwarding of a log group's records; `destination` is an ARN."""

    name: str
    destination: str


@dataclass(frozen=True, slots=True)
class InventorySource:
    """What is said of an inventory itself; one object for all that it saw.

    Attributes:
        name: What a person calls it.
        call: The call that its clusters come from.
        time_field: Where an answer says how old it is.
        types_field: Where it says which log types are enabled.
        time_means: What that time is.
        behind: How long a new cluster may be missing.
    """

    name: str
    call: str
    time_field: str
    types_field: str
    time_means: str
    behind: str


@dataclass(frozen=True, slots=True)
class SeenCluster:
    """A cluster as an organisation's inventory saw it.

    Attributes:
        region: Where it is.
        enabled: The log types that were enabled then; None where it does not say it of all of them.
        captured: The time that belongs to it, as `InventorySource.time_means` says; "" where it names none.
    """

    region: str
    name: str
    enabled: tuple[str, ...] | None
    captured: str
    inventory: InventorySource

    @property
    def when(self) -> str:
        """Say how old it is."""
        return f"{self.inventory.time_means} {self.captured or 'an unknown time'}"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Which account is read; `identity` is the ARN of the identity that reads it."""

    name: str
    account_id: str
    identity: str

    @property
    def partition(self) -> str:
        """Which partition the account is in: ``aws``, ``aws-cn`` and so on."""
        return self.identity.split(":", 2)[1]


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """All that was read of one cluster.

    Attributes:
        log_group: None where there is no group of the cluster's name.
        filters: None where there was no reason to ask: no group, or no log type enabled.
        streams: The same.
        seen: What inventories saw of it before.
    """

    account: AccountFacts
    region: str
    name: str
    cluster: Read[ClusterTypeDef]
    log_group: Read[LogGroup] | None
    filters: Read[tuple[SubscriptionFilter, ...]] | None = None
    streams: Read[Streams] | None = None
    seen: tuple[SeenCluster, ...] = ()


def enabled_log_types(cluster: ClusterTypeDef) -> frozenset[LogType]:
    """Give the log types that are enabled, as far as this version knows them."""
    return frozenset(LogType) & enabled_names(cluster)


def enabled_names(cluster: ClusterTypeDef) -> frozenset[str]:
    """Give the union of all enabled entries of ``cluster.logging.clusterLogging``.

    Several entries, none, ``null``, a missing field and a missing ``types`` are all normal answers. A type that stands
    in an enabled and in a disabled entry is enabled.

    Raises:
        TypeError: The field is of another shape than the API describes.
    """
    entries = (cluster.get("logging") or {}).get("clusterLogging") or []
    found: set[str] = set()
    for entry in _list_of(entries, dict):
        if entry.get("enabled") is True:
            found.update(_list_of(entry.get("types") or [], str))
    return frozenset(found)


def _list_of(value: object, kind: type[T]) -> list[T]:
    """Give the members of a list, nulls left out; TypeError where it is no list, or holds something else."""
    members = [member for member in value if member is not None] if isinstance(value, list) else None
    if members is None or not all(isinstance(member, kind) for member in members):
        message = f"not a list of {kind.__name__}"
        raise TypeError(message)
    return members
