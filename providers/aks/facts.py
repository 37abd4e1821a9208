"""What was read of subscriptions, clusters and the stores of their logs, before anything is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from scanner.errors import CollectionError

T = TypeVar("T")

Read: TypeAlias = T | CollectionError
"""What was read, or why it could not be."""

PROVISIONED: Final = "provisionedcluster"
"""The kind of an AKS cluster that Azure Arc runs (Azure Local), in lower case; others are only connected to it."""


class Category(StrEnum):
    """The log categories that can carry audit events, under Azure's own names.

    Source: Azure documentation, "Supported logs for Microsoft.ContainerService/managedClusters" and for
    microsoft.kubernetes/connectedClusters.
    """

    AUDIT = "kube-audit"
    AUDIT_ADMIN = "kube-audit-admin"
    GUARD = "guard"


class DestinationKind(StrEnum):
    """Where a diagnostic setting can send logs."""

    WORKSPACE = "Log Analytics workspace"
    STORAGE = "storage account"
    EVENT_HUB = "event hub"
    PARTNER = "partner solution"
    SERVICE_BUS = "Service Bus rule"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; what is empty of it could not be read.

    Attributes:
        tenant: The tenant that it belongs to, whose management groups it is below.
    """

    id: str
    name: str = ""
    state: str = ""
    tenant: str = ""

    @property
    def is_active(self) -> bool:
        """Whether its resources run: Azure stops those of a disabled one, and removes those of a deleted one."""
        return self.state not in {"Disabled", "Deleted"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster, as a list or Resource Graph gives it.

    Attributes:
        id: Its resource id as Azure spells it.
        is_arc: True for ``Microsoft.Kubernetes/connectedClusters``.
        kind: ``ProvisionedCluster`` for AKS enabled by Azure Arc; mostly empty otherwise.
        power_state: ``Running`` or ``Stopped``.
        rbac: ``enableRBAC``; None where it was not said.
        entra: Whether Microsoft Entra ID authenticates its users (``aadProfile``).
        azure_rbac: Whether Azure RBAC decides beside Kubernetes RBAC (``aadProfile.enableAzureRBAC``).
        local_accounts: Whether certificates of local accounts are accepted; None where it was not said.
        private: Whether the API server has no public address; None where it was not said.
        more: Further fields that are shown and decide nothing, by their locator.
        source: The operation that it was read with.
    """

    subscription: Subscription
    id: str
    name: str
    location: str
    is_arc: bool
    kind: str
    version: str
    provisioning_state: str
    power_state: str
    rbac: bool | None
    entra: bool
    azure_rbac: bool | None
    local_accounts: bool | None
    private: bool | None
    more: Mapping[str, str]
    source: str

    @property
    def resource_group(self) -> str:
        """The resource group within its id."""
        return part_of(self.id, "resourcegroups")

    @property
    def is_running(self) -> bool:
        """Whether its API server serves requests, as far as Azure says so."""
        return self.power_state != "Stopped" and self.provisioning_state not in {"Failed", "Creating", "Deleting"}

    @property
    def is_elsewhere(self) -> bool:
        """Whether Arc only connects it, and its control plane is none of Azure's."""
        return self.is_arc and self.kind.lower() != PROVISIONED


@dataclass(frozen=True, slots=True)
class LogSetting:
    """One entry of a diagnostic setting; of `category` and `group` one is empty, and which is as real as the other."""

    category: str
    group: str
    enabled: bool
    retention_days: int = 0

    @property
    def text(self) -> str:
        """The entry as it stood there."""
        return self.category or f"category group {self.group}"


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that a diagnostic setting sends logs to; `id` is its resource id."""

    kind: DestinationKind
    id: str
    hub: str = ""

    @property
    def key(self) -> str:
        """What it is found by: ids have no case."""
        return self.id.lower()

    @property
    def name(self) -> str:
        """Its kind and short name, for people."""
        short = self.id.rstrip("/").rpartition("/")[2]
        return f"{self.kind} {short}/{self.hub}" if self.hub else f"{self.kind} {short}"


@dataclass(frozen=True, slots=True)
class DiagnosticSetting:
    """One diagnostic setting of a cluster.

    Attributes:
        destination_type: ``logAnalyticsDestinationType`` as it stood there.
    """

    name: str
    logs: tuple[LogSetting, ...]
    destinations: tuple[Destination, ...]
    destination_type: str = ""

    @property
    def dedicated(self) -> bool:
        """Whether a workspace gets resource-specific tables."""
        return self.destination_type.lower() == "dedicated"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a workspace.

    Attributes:
        plan: ``Analytics``, ``Basic`` or ``Auxiliary``.
        days: For how many days its records can be queried; None where the workspace's number holds.
        total_days: For how many days they are kept at all; None where that is `days`.
    """

    plan: str
    days: int | None
    total_days: int | None


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Log Analytics workspace.

    Attributes:
        id: Its resource id as it spells it itself.
        customer_id: The id that the query API knows it by.
        retention_days: For how many days it keeps records of tables without a number of their own.
        daily_cap_gb: What it takes in a day before it drops the rest; None where there is no cap.
        ingestion: ``RespectQuota``, ``OverQuota``, ``ForceOff``, …: whether it takes records now.
        rule_id: The data collection rule that transforms records before they are kept; empty where there is none.
        provisioning_state: ``Succeeded``, ``Deleting``, …; empty where it was not said.
    """

    id: str
    customer_id: str
    retention_days: int | None
    daily_cap_gb: float | None
    ingestion: str
    rule_id: str = ""
    provisioning_state: str = ""


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """A rule of a storage account that deletes blobs.

    Attributes:
        days: After how many days.
        prefixes: Beginnings of container and blob name; all blobs where empty.
        is_conditional: Whether only some of those blobs are meant (index tags, last access).
    """

    name: str
    days: int
    prefixes: tuple[str, ...]
    is_conditional: bool = False


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """A storage account that takes logs as append blobs, one container a category.

    Attributes:
        is_closed: True where its firewall lets not even Azure's own services write.
        rules: The rules of its lifecycle policy that delete append blobs.
    """

    id: str
    is_closed: bool
    rules: Read[tuple[LifecycleRule, ...]]


@dataclass(frozen=True, slots=True)
class Existing:
    """A destination of which nothing matters but that it is there.

    Attributes:
        status: ``Active``, ``Disabled``, … of an Event Hubs namespace; empty where it was not said.
    """

    id: str
    status: str = ""


Store: TypeAlias = Workspace | StorageAccount | Existing

Groups: TypeAlias = Mapping[str, frozenset[str]]
"""The categories of each category group."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """All that was read of one cluster.

    Attributes:
        account: The account's name in the configuration.
        identity: Whom the scan runs as.
        groups: The categories of each category group; None where no enabled entry names a group.
        stores: Destinations by their `Destination.key`.
        tables: Tables by the workspace's key and their name.
        transformations: What data collection rules do to records, by the rule's key, then by table.
        newest: The cluster's newest record of each category by the workspace's key; None where that was not asked for.
    """

    account: str
    identity: str
    cluster: Cluster
    settings: Read[tuple[DiagnosticSetting, ...]]
    groups: Read[Groups] | None = None
    stores: Mapping[str, Read[Store]] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], Read[Table]] = field(default_factory=dict)
    transformations: Mapping[str, Read[Mapping[str, str]]] = field(default_factory=dict)
    newest: Mapping[str, Read[Mapping[str, datetime]]] | None = None


def part_of(resource_id: str, segment: str) -> str:
    """Give what follows a segment within a resource id; empty where it has no such segment."""
    parts = resource_id.split("/")
    lower = [part.lower() for part in parts]
    return parts[lower.index(segment) + 1] if segment in lower[:-1] else ""
