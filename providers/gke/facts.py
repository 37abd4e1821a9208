"""What was read of one project and its clusters, before anything is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias, TypeVar

from scanner.errors import CollectionError

T = TypeVar("T")

Read: TypeAlias = T | CollectionError
"""What was read, or why it could not be."""


class LogType(StrEnum):
    """The kinds of Data Access entries that an audit configuration switches on, under Google's own names.

    Source: ``google.iam.v1.AuditLogConfig.LogType`` (grpc-google-iam-v1 0.14.6, policy.proto).
    """

    ADMIN_READ = "ADMIN_READ"
    DATA_WRITE = "DATA_WRITE"
    DATA_READ = "DATA_READ"


@dataclass(frozen=True, slots=True)
class AuditLogConfig:
    """One log type of one service in the audit configuration of a resource.

    Attributes:
        resource: The project, folder or organisation whose IAM policy holds it, such as ``folders/1234``.
        service: ``allServices``, ``container.googleapis.com``, or another one.
        log_type: The log type as it stood there; it may be one that `LogType` does not know.
        exempted_members: Principals whose requests are left out, such as ``user:alice@example.com``.
    """

    resource: str
    service: str
    log_type: str
    exempted_members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A filter whose entries a sink does not export."""

    name: str
    filter: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Sink:
    """A log sink of a project, folder or organisation.

    Attributes:
        parent: Where it is defined, such as ``projects/p``.
        destination: Such as ``logging.googleapis.com/projects/p/locations/global/buckets/_Default``.
        filter: An entry must match it to be exported; empty matches all.
        include_children: Whether it takes the entries of the resources below its parent.
        intercept_children: Whether entries that it takes reach no sink of the resources below but ``_Required``; None
            where that was not said.
    """

    parent: str
    name: str
    destination: str
    filter: str = ""
    disabled: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    include_children: bool = False
    intercept_children: bool | None = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """A log bucket.

    Attributes:
        name: In full, such as ``projects/p/locations/global/buckets/_Default``.
        retention_days: For how many days it keeps its entries.
        locked: Whether its retention can no longer be shortened.
        kms_key: The customer-managed key that encrypts it; empty where Google manages the key.
        restricted_fields: Fields that only readers with a special permission see.
        lifecycle_state: ``ACTIVE``, ``DELETE_REQUESTED``, ``UPDATING``, ``CREATING`` or ``FAILED``.
    """

    name: str
    retention_days: int
    locked: bool = False
    kms_key: str = ""
    restricted_fields: tuple[str, ...] = ()
    lifecycle_state: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A folder or the organisation above a project; read once, whatever the number of projects below it."""

    name: str
    audit: Read[tuple[AuditLogConfig, ...]]
    sinks: Read[tuple[Sink, ...]]


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """One project.

    Attributes:
        account: The account's name in the configuration.
        ancestors: From the project's parent to the organisation; an error where the way up is not known to its end.
        known_ancestors: Those that were found before the way up was lost; the same as `ancestors` where it was not.
        sinks: The project's own sinks.
        buckets: Log buckets by their full names: those of the project, and those of other projects that its sinks name.
        unlisted: Why the project's own buckets are not among them; None where they are.
    """

    account: str
    project_id: str
    number: str
    audit: Read[tuple[AuditLogConfig, ...]]
    sinks: Read[tuple[Sink, ...]]
    buckets: Mapping[str, Read[Bucket]]
    ancestors: Read[tuple[Ancestor, ...]]
    known_ancestors: tuple[Ancestor, ...] = ()
    unlisted: CollectionError | None = None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """One cluster, as ListClusters gives it.

    Attributes:
        logging_components: ``loggingConfig.componentConfig.enableComponents`` under their names; None where the cluster
            has no such field.
        logging_service: The legacy field.
        labels: Whatever else is shown and decides nothing, by its field.
    """

    project: ProjectFacts
    name: str
    location: str
    self_link: str
    status: str
    version: str
    is_autopilot: bool = False
    is_legacy_abac: bool = False
    anonymous_mode: str = ""
    logging_components: tuple[str, ...] | None = None
    logging_service: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
