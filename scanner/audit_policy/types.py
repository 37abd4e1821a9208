"""The types of Kubernetes' audit policy, under Kubernetes' own names.

Source: ``k8s.io/apiserver/pkg/apis/audit/v1`` (types.go) and ``pkg/audit/policy``, v1.34 to v1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.words import Number, Word


class Level(Number):
    """How much of a request an event records, in increasing order."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    @property
    def label(self) -> str:
        """The name as a policy file spells it, such as ``RequestResponse``."""
        return _LEVEL_LABELS[self]


_LEVEL_LABELS = {
    Level.NONE: "None",
    Level.METADATA: "Metadata",
    Level.REQUEST: "Request",
    Level.REQUEST_RESPONSE: "RequestResponse",
}


class Stage(Word):
    """The stages of a request at which kube-apiserver can emit an event."""

    REQUEST_RECEIVED = "RequestReceived"
    RESPONSE_STARTED = "ResponseStarted"
    RESPONSE_COMPLETE = "ResponseComplete"
    PANIC = "Panic"


@dataclass(frozen=True, slots=True)
class GroupResources:
    """Resources of one API group; an empty `resources` means all of the group."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule; an empty selector matches everything.

    `line` is the 1-based line of the file at which the rule begins, None where it was not read from a file.
    """

    level: Level
    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in a file; both numbers begin with 1, columns count characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """A key that is already set in a YAML mapping when it is met once more.

    Attributes:
        name: The key as Go prints it, the beginning of it where it is long.
        position: Where it is met once more: at the key, or at the value of ``<<`` that brings it.
        value_line: The line of its value, which is what kube-apiserver's warning tells.
        is_merged: Whether one of the two comes from a mapping that ``<<`` merges.
    """

    name: str
    position: Position
    value_line: int
    is_merged: bool = False

    @property
    def warning(self) -> str:
        """What kube-apiserver says of it."""
        return f"line {self.value_line}: key {self.name} already set in map"


@dataclass(frozen=True, slots=True)
class Policy:
    """An audit policy as kube-apiserver holds it after loading.

    Attributes:
        warnings: The strictness errors that kube-apiserver logs before it falls back to lenient decoding.
        positions: Where each field and list member of the file stands, by its path such as ``rules[3].verbs[0]``
            (members, known to Kubernetes or not); empty where the policy was not read from a file. Policies that
            differ in nothing else are equal.
        duplicates: The keys that stand twice in the file, where it is YAML.
    """

    rules: tuple[PolicyRule, ...]
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool = False
    warnings: tuple[str, ...] = ()
    positions: Mapping[str, Position] = field(default_factory=dict, compare=False, repr=False)
    duplicates: tuple[DuplicateKey, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RequestAttributes:
    """The attributes of one request that rules are matched on.

    `user` is None for a request that failed authentication: no rule with ``users`` or ``userGroups`` matches it.
    """

    verb: str
    user: str | None = None
    groups: tuple[str, ...] = ()
    is_resource: bool = True
    api_group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class RequestAuditConfig:
    """What the policy decides for one request; `rule` is the index of the matching rule, None where none matches."""

    level: Level
    omit_stages: frozenset[Stage]
    omit_managed_fields: bool
    rule: int | None
