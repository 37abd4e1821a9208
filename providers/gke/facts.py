"""What was read of one project and its clusters, before anything is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from scanner.errors import CollectionError
from scanner.words import Word

T = TypeVar("T")

Read: TypeAlias = T | CollectionError
"""What was read, or why it could not be."""


ACTIVE: Final = "ACTIVE"
"""The state of a project that is in use."""

NOT_ACTIVE: Final = frozenset({"DELETE_REQUESTED", "DELETE_IN_PROGRESS"})
"""The other states that Google names; a project of any other may have clusters.

Source: ``google.cloud.resourcemanager.v3.Project.State`` and ``google.cloudresourcemanager.v1.LifecycleState``.
"""


class LogType(Word):
    """The kinds of Data Access entries that an audit configuration switches on, under Google's own names.

    Source: ``google.iam.v1.AuditLogConfig.LogType`` (grpc-google-iam-v1 0.14.6, policy.proto).
    """

    ADMIN_READ = "ADMIN_READ"
    DATA_WRITE = "DATA_WRITE"
    DATA_READ = "DATA_READ"


@dataclass(frozen=True, slots=True)
class Project:
    """A project as Resource Manager lists it; `name` is ``projects/`` and its number, `parent` what it lies in."""

    name: str
    project_id: str
    parent: str
    state: str

    @property
    def is_active(self) -> bool:
        """Whether it is in use; one that is being deleted is not."""
        return self.state not in NOT_ACTIVE


@dataclass(frozen=True, slots=True)
class AuditLogConfig:
    """One log type of one service in the audit configuration of a resource.

    Attributes:
        resource: The project, folder or organisation whose IAM policy holds it, such as ``folders/1234``.
        service: ``allServices``, ``container.googleapis.com``, or another one.
        log_type: The log type as it stood there; it may be one that `LogType` does not know.
        exempted_members: Principals whose requests are left out, such as ``user:alice@example.com``.
        seen: When an inventory saw it, such as ``as of 2026-03-01T12:00:00Z``; empty where it was read itself.
    """

    resource: str
    service: str
    log_type: str
    exempted_members: tuple[str, ...] = ()
    seen: str = ""


@dataclass(frozen=True, slots=True)
class IamPolicy:
    """What an audit needs of the IAM policy of a project, folder or organisation.

    Attributes:
        audit: Its audit configuration.
        powers: Roles that give power over clusters or over who has it, by the members that the policy binds to them.
        seen: When an inventory saw it; empty where it was read itself.
    """

    audit: tuple[AuditLogConfig, ...] = ()
    powers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seen: str = ""


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
        intercept_children: Whether entries that it takes reach no sink of the resources below but ``_Required``.
        seen: When an inventory saw it; empty where it was read itself.
    """

    parent: str
    name: str
    destination: str
    filter: str = ""
    disabled: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    include_children: bool = False
    intercept_children: bool = False
    seen: str = ""


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
    policy: Read[IamPolicy]
    sinks: Read[tuple[Sink, ...]]


@dataclass(frozen=True, slots=True)
class SinkLevel:
    """The sinks of a folder or organisation above a project; an error where they are not known.

    Attributes:
        name: Such as ``folders/1234``, or which levels it stands for where one by one they are not known.
        unseen: Why `sinks` are only those that intercept, which the project itself shows; the others take nothing away
            and may keep entries. None where they are all.
    """

    name: str
    sinks: Read[tuple[Sink, ...]]
    unseen: CollectionError | None = None


@dataclass(frozen=True, slots=True)
class SinksAbove:
    """The sinks of all that is above a project.

    Attributes:
        levels: From the organisation down, which is the order in which they take entries from each other.
    """

    levels: tuple[SinkLevel, ...] = ()

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Those that are known."""
        known = (one.sinks for one in self.levels if not isinstance(one.sinks, CollectionError))
        return tuple(sink for sinks in known for sink in sinks)

    @property
    def unread(self) -> tuple[CollectionError, ...]:
        """Why others may be there that are not known."""
        return tuple(one.sinks for one in self.levels if isinstance(one.sinks, CollectionError))


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """One project.

    Attributes:
        account: The account's name in the configuration.
        sinks: The project's own sinks.
        buckets: Log buckets by their full names: those of the project, and those of other projects that sinks name.
        ancestors: From the project's parent to the organisation; an error where the way up is not known to its end.
        known_ancestors: Those that were found before the way up was lost; the same as `ancestors` where it was not.
        above: The sinks of all that is above it.
        elsewhere: The sinks of other projects that sinks route entries to, by the id or number that these name.
        unlisted: Why the project's own buckets are not among `buckets`; None where they are.
    """

    account: str
    project_id: str
    number: str
    policy: Read[IamPolicy]
    sinks: Read[tuple[Sink, ...]]
    buckets: Mapping[str, Read[Bucket]]
    ancestors: Read[tuple[Ancestor, ...]]
    known_ancestors: tuple[Ancestor, ...] = ()
    above: SinksAbove = SinksAbove()
    elsewhere: Mapping[str, Read[tuple[Sink, ...]]] = field(default_factory=dict)
    unlisted: CollectionError | None = None

    def is_own(self, name: str) -> bool:
        """Tell whether an id or a number is this project's."""
        return name in (self.project_id, self.number)


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """One cluster, as ListClusters gives it.

    Attributes:
        logging_components: ``loggingConfig.componentConfig.enableComponents`` under their names; None where the cluster
            has no such field.
        logging_service: The legacy field.
        newest: When the newest entry within the look-back window was written, by the log's id; None where there is
            none. Empty where entries were not looked for.
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
    newest: Mapping[str, Read[datetime | None]] = field(default_factory=dict)
