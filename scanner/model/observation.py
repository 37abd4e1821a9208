"""What a provider reads of a cluster: facts with their evidence, no judgement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.audit_policy.types import Policy
from scanner.errors import (
    CollectionError,
    CredentialsError,
    Malformed,
    NotFound,
    PermissionDenied,
    Throttled,
    TimedOut,
    Unreachable,
)
from scanner.words import Word


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was read: where, and the value that stood there.

    Attributes:
        source: The API call (``eks:DescribeCluster``) or the file that was read.
        locator: The field within the answer, the flag, or the line and key within the file.
        value: What stood there, as text; for a failed read, the error.
    """

    source: str
    locator: str
    value: str


class LinkState(Word):
    """The state of one link in the chain from a request to a kept record."""

    OK = "ok"
    GAP = "gap"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """The state of one link, why, and the evidence for it.

    Attributes:
        reason: A sentence for a person, without a full stop at its end.
        permission: The permission that was missing, where that is why the state is unknown.
    """

    state: LinkState
    reason: str
    evidence: tuple[Evidence, ...] = ()
    permission: str = ""

    def __post_init__(self) -> None:
        """Refuse a statement without evidence."""
        if self.state is not LinkState.NOT_APPLICABLE and not self.evidence:
            message = f"a link that is {self.state} needs evidence: {self.reason}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days a store keeps its records, as bounds; `math.inf` is for ever.

    A store that is not read is 0 to infinity. A log file limited by size is bounded above by its age limit
    and below by nothing, because traffic decides how soon it is overwritten.
    """

    at_least: float
    at_most: float
    reason: str
    evidence: tuple[Evidence, ...]
    permission: str = ""

    @classmethod
    def exactly(cls, days: float | None, reason: str, *evidence: Evidence) -> Retention:
        """Build the retention of a store that keeps records `days` days; None is for ever."""
        kept = math.inf if days is None else days
        return cls(kept, kept, reason, evidence)

    @classmethod
    def unknown(cls, reason: str, *evidence: Evidence, permission: str = "") -> Retention:
        """Build the retention of a store that could not be read."""
        return cls(0, math.inf, reason, evidence, permission)


@dataclass(frozen=True, slots=True)
class LogChannel:
    """One log that can carry audit events, and how far along the chain its records get.

    Attributes:
        log: The log's id in ``scanner/knowledge`` for the cluster's provider, such as ``audit`` or ``file``.
        name: What a person calls it: a log type, a category, a path.
        observed: Whether the newest record falls within the look-back window; None where that was not asked for.
    """

    log: str
    name: str
    exported: LinkCheck
    delivered: LinkCheck
    retention: Retention
    observed: LinkCheck | None = None


@dataclass(frozen=True, slots=True)
class InlinePolicy:
    """An audit policy that was read in full; `source` is the file and is repeated in evidence about its rules.

    Attributes:
        text: The file as it was read, for advice on how to change it; empty where the policy stood in no file.
        within: The place in `source` where it stands, such as a line and a key; empty where it is the whole file.
    """

    policy: Policy
    source: str
    evidence: tuple[Evidence, ...]
    text: bytes = b""
    within: str = ""


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A policy that a cloud or a distribution runs and publishes; `name` is its id in ``scanner/knowledge/policies``.

    Attributes:
        group_policies: (user group, id) of published policies whose own rules come first, for that group alone; their
            base, which `name` has too, is not repeated.
    """

    name: str
    evidence: tuple[Evidence, ...]
    group_policies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NoPolicy:
    """No events are made: no policy is configured, or kube-apiserver refuses the one that is; `reason` quotes which."""

    reason: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class UnreadablePolicy:
    """A policy is (or may be) configured but could not be read."""

    reason: str
    evidence: tuple[Evidence, ...]
    permission: str = ""


PolicySource = InlinePolicy | ManagedPolicy | NoPolicy | UnreadablePolicy


@dataclass(frozen=True, slots=True)
class Authorizer:
    """What was read of how the API server decides and whom it lets in without credentials.

    Attributes:
        can_deny: False where no request is ever denied (``AlwaysAllow``, RBAC off); None where it could not be read.
        anonymous: Whether requests without credentials become ``system:anonymous``; None where it is not known.
    """

    can_deny: bool | None
    anonymous: bool | None
    reason: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One API server of a cluster: its policy, its logs, its authorizer. A managed control plane is one."""

    name: str
    policy: PolicySource
    channels: tuple[LogChannel, ...]
    authorizer: Authorizer


@dataclass(frozen=True, slots=True)
class ClusterRef:
    """Which cluster.

    Attributes:
        provider: The provider's kind, such as ``eks``.
        account: The account's name in the configuration.
        account_id: The cloud's own id of the account, subscription or project; empty where there is none.
        location: Region, zone or site.
        id: What identifies it for its provider: an ARN, a resource id, a path.
        version: The Kubernetes version as read, such as ``1.34``; None where it could not be read.
    """

    provider: str
    account: str
    account_id: str
    location: str
    name: str
    id: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about a cluster that a reader wants to know but that decides nothing."""

    name: str
    value: str
    evidence: Evidence


class NoteSeverity(Word):
    """How much a note should trouble its reader."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Note:
    """A remark beside the verdict: a trap, a difference between nodes, a setting that can lose events."""

    severity: NoteSeverity
    text: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """An identity whose requests the policy (or an exemption) leaves out.

    Attributes:
        identity: ``user alice``, ``group system:masters``.
        grave: True where the identity holds power over the cluster.
        what: What of its requests is not recorded, in words.
    """

    identity: str
    grave: bool
    what: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Unread:
    """Something about a cluster that could not be read, a link or a fact beside them: what it takes to read it."""

    operation: str
    permission: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ClusterObservation:
    """Everything a provider read about one cluster.

    Attributes:
        servers: Never empty: a cluster of which nothing could be read has one server with unknown parts.
        parameters: Values that fill the remediation texts of ``scanner/knowledge`` beside the fields of `ref`. Of these
            ``identity`` says as whom it was read, and ``permissions_variant`` which of the provider's permissions
            that takes; one whose key is ``<link>_advice`` names the text that fits this cluster where a link is broken.
        unread: What could not be read, in the order of the chain.
        blind_spots: Identities that the cloud's own settings exempt, beside those that the audit policy leaves out.
    """

    ref: ClusterRef
    servers: tuple[ApiServer, ...]
    facts: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an observation that would be covered by being empty."""
        if not self.servers:
            message = f"cluster {self.ref.name} was observed without any API server"
            raise ValueError(message)


class FailureKind(Word):
    """Why something could not be read."""

    PERMISSION = "permission"
    CREDENTIALS = "credentials"
    NOT_FOUND = "not_found"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    INTERRUPTED = "interrupted"
    BUG = "bug"


# The first that fits counts: a timeout is a kind of Unreachable.
_KINDS: Final[tuple[tuple[type[CollectionError], FailureKind], ...]] = (
    (PermissionDenied, FailureKind.PERMISSION),
    (CredentialsError, FailureKind.CREDENTIALS),
    (NotFound, FailureKind.NOT_FOUND),
    (Throttled, FailureKind.THROTTLED),
    (TimedOut, FailureKind.TIMEOUT),
    (Unreachable, FailureKind.UNREACHABLE),
    (Malformed, FailureKind.MALFORMED),
)


@dataclass(frozen=True, slots=True)
class CollectionFailure:
    """A part of an account that could not be read, so that clusters may be missing from the report.

    A cluster that is known by name but could not be read is no failure: it is an observation with unknown parts.

    Attributes:
        scope: What is missing: ``region eu-west-1``, ``account``, a path.
        operation: The API call or file that failed.
        permission: The missing permission, where that is the reason.
        whole_account: True where nothing at all of the account could be read.
    """

    kind: FailureKind
    scope: str
    operation: str
    reason: str
    hint: str = ""
    permission: str = ""
    whole_account: bool = False

    @classmethod
    def of(
        cls, error: CollectionError, scope: str, *, operation: str = "", whole_account: bool = False
    ) -> CollectionFailure:
        """Turn an error into the failure that is reported; the operation is the error's place unless given."""
        kind = next((kind for sort, kind in _KINDS if isinstance(error, sort)), FailureKind.MALFORMED)
        reason = f"{error.what}: {error.said}" if error.said else error.what
        return cls(kind, scope, operation or error.where, reason, error.hint, error.permission, whole_account)


@dataclass(frozen=True, slots=True)
class AccountNote:
    """Something to know about an account that leaves it complete, such as a cluster deleted while it was read.

    `left_out` counts the clusters that the configuration leaves out, where that is what the note says.
    """

    note: Note
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class AccountIdentity:
    """The cloud's own id of the account that is read, as soon as a provider knows it."""

    account_id: str


Collected = ClusterObservation | CollectionFailure | AccountNote | AccountIdentity
"""What a provider yields while it reads an account."""
