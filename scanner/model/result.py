"""What the assessment says: grades, links, findings, statuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from scanner.audit_policy.types import Level, Stage
from scanner.model.observation import BlindSpot, ClusterRef, Fact, LinkCheck, LinkState, Note
from scanner.words import Number, Word


class RequestCategory(Word):
    """The three categories of events that the rule asks for."""

    AUTHENTICATION = "authentication"
    API_CALLS = "api_calls"
    RBAC_DENIALS = "rbac_denials"


class Capability(Word):
    """What an attacker does first: reported beside the three categories."""

    SECRET_READS = "secret_reads"  # noqa: S105 - the Kubernetes term, no secret
    POD_CREATION = "pod_creation"
    POD_EXEC = "pod_exec"
    RBAC_CHANGES = "rbac_changes"
    TOKEN_REQUESTS = "token_requests"  # noqa: S105 - the Kubernetes term, no secret
    DELETECOLLECTION = "deletecollection"
    IMPERSONATION = "impersonation"
    DISCOVERY = "discovery"


class Grade(Number):
    """How much of a category is recorded, in increasing order."""

    NONE = 0
    PARTIAL = 1
    MINIMUM = 2
    COMPLETE = 3

    @property
    def label(self) -> str:
        """The name as reports and the configuration spell it."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> Self:
        """Read a name as reports and the configuration spell it; KeyError for any other."""
        return cls[label.upper()]


class Link(Word):
    """The links of the chain from a request to a kept record, in order."""

    GENERATED = "generated"
    EXPORTED = "exported"
    DELIVERED = "delivered"
    RETAINED = "retained"
    OBSERVED = "observed"


_LINKS = frozenset(Link)


class Status(Word):
    """The verdict on a category, a cluster, an account or a whole scan."""

    PASS = "PASS"  # noqa: S105 - the word of the rule, no secret
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    SKIP = "SKIP"

    @property
    def severity(self) -> int:
        """The order in which the worst wins: FAIL, UNKNOWN, PASS, SKIP."""
        return _SEVERITY[self]


_SEVERITY = {Status.SKIP: 0, Status.PASS: 1, Status.UNKNOWN: 2, Status.FAIL: 3}


def worst(statuses: tuple[Status, ...] | list[Status]) -> Status:
    """Give the worst of some statuses, SKIP for none."""
    return max(statuses, key=lambda status: status.severity, default=Status.SKIP)


@dataclass(frozen=True, slots=True)
class CategoryCoverage:
    """What an audit policy alone does for one category.

    Attributes:
        grade: The grade that the policy reaches for it.
        level: The lowest level at which the recorded part is recorded; None where nothing is.
        stages_kept: Stages at which every recorded request of the category still leaves an event.
        stages_omitted: Stages that are omitted for at least a part of it.
        lacks: For each grade above `grade`, what it lacks, in words.
        rules: Indices of the rules that keep it from the next grade, None in it for "no rule matches".
    """

    grade: Grade
    level: Level | None
    stages_kept: tuple[Stage, ...]
    stages_omitted: tuple[Stage, ...]
    lacks: Mapping[Grade, str]
    rules: tuple[int | None, ...] = ()


class Recorded(Word):
    """Whether the requests of a capability leave a record."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CapabilityCoverage:
    """Whether the requests of one capability are recorded, at which lowest level, and what is missing."""

    capability: Capability
    recorded: Recorded
    level: Level | None
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyCoverage:
    """What an audit policy alone does: the three categories, the capabilities, the blind spots, remarks."""

    categories: Mapping[RequestCategory, CategoryCoverage]
    capabilities: tuple[CapabilityCoverage, ...]
    blind_spots: tuple[BlindSpot, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Remediation:
    """What to do about a gap: a title, an explanation, and ready text in `language` (``sh``, ``yaml``, ``text``)."""

    title: str
    text: str
    code: str = ""
    language: str = "text"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one category of one cluster.

    Attributes:
        at_least: The grade that is proven.
        at_most: The grade that is still possible where something could not be read; equal to `at_least` where all was.
        lacks: What the next grade lacks; empty at `complete`.
        message: The sentence of the rule for this category, with the values that stood there.
    """

    category: RequestCategory
    status: Status
    at_least: Grade
    at_most: Grade
    level: Level | None
    stages_kept: tuple[Stage, ...]
    stages_omitted: tuple[Stage, ...]
    links: Mapping[Link, LinkCheck]
    lacks: str
    message: str

    def __post_init__(self) -> None:
        """Refuse a finding without evidence, or one that leaves a link out."""
        if self.links.keys() != _LINKS:
            message = f"finding {self.category} lacks links"
            raise ValueError(message)
        if not any(check.evidence for check in self.links.values()):
            message = f"finding {self.category} has no evidence"
            raise ValueError(message)

    @property
    def grade(self) -> Grade | None:
        """The grade, None where what could not be read leaves it open."""
        return self.at_least if self.at_least == self.at_most else None

    def broken(self) -> tuple[Link, ...]:
        """Give the links with a gap, in order."""
        return tuple(link for link in Link if self.links[link].state is LinkState.GAP)


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """The verdict on one cluster: the three findings and all that belongs beside them.

    `permissions_missing` are those for want of which something could not be read, the facts beside the links included.
    """

    ref: ClusterRef
    status: Status
    message: str
    findings: tuple[Finding, ...]
    capabilities: tuple[CapabilityCoverage, ...]
    blind_spots: tuple[BlindSpot, ...]
    facts: tuple[Fact, ...]
    notes: tuple[Note, ...]
    remediations: tuple[Remediation, ...]
    permissions_missing: tuple[str, ...] = ()


class AccountStatus(Word):
    """How much of an account was read."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
