"""The requests that categories and capabilities are judged on, as data; this module is the typed loader."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scanner.audit_policy.classes import EVERY, OTHER, Principal, RequestClass, Values
from scanner.audit_policy.types import Stage
from scanner.knowledge.data_files import data_file
from scanner.model import Capability, Grade, RequestCategory


def _values(value: object) -> object:
    """Read a list of values, or ``{all_but: […]}``."""
    if isinstance(value, dict):
        return Values.all_but(*value["all_but"])
    return Values.only(*value) if isinstance(value, list) else value


def _grade(value: object) -> object:
    """Read a grade's name."""
    return Grade.from_label(value) if isinstance(value, str) else value


ValueSet = Annotated[Values, BeforeValidator(_values)]


class _Data(BaseModel):
    """Base of the data models: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Source(_Data):
    """Where a fact comes from, and the date of the copy that was read."""

    what: str
    source: str
    date: date


class Requests(_Data):
    """A class of requests; one with `paths` is of non-resource requests."""

    verbs: ValueSet = EVERY
    api_groups: ValueSet = EVERY
    resources: ValueSet = EVERY
    subresources: ValueSet = EVERY
    namespaces: ValueSet = EVERY
    names: ValueSet = EVERY
    paths: ValueSet | None = None

    def requests(self) -> RequestClass:
        """Give the class."""
        if self.paths is not None:
            return RequestClass(is_resource=False, verbs=self.verbs, paths=self.paths)
        return RequestClass(
            is_resource=True,
            verbs=self.verbs,
            api_groups=self.api_groups,
            resources=self.resources,
            subresources=self.subresources,
            namespaces=self.namespaces,
            names=self.names,
        )


class GradedClass(Requests):
    """A class that a grade asks for.

    Attributes:
        all: What its resources or paths are called together.
        whole: What the class is called where all of it is missing; empty for its verbs "of" `all`.
        within: The id of a class of a higher grade that holds all of this one, so that it need not be named beside it.
    """

    id: str
    grade: Annotated[Grade, BeforeValidator(_grade)]
    all: str = "everything"
    whole: str = ""
    within: str = ""


class Noise(Requests):
    """Requests that may be left out of a log, and why."""

    why: str


class NamedRequests(Requests):
    """A part of what an attacker does first, in words."""

    what: str


class CapabilityData(_Data):
    """What an attacker does first; `all` follows "every" and "no"."""

    all: str
    parts: tuple[NamedRequests, ...]


class Leak(NamedRequests):
    """Requests with secrets in their bodies; `response` where only the response holds them."""

    response: bool = False


class PrincipalData(_Data):
    """Whose requests are judged; without `user` somebody whom no rule names."""

    title: str
    authenticated: bool = True
    user: str = ""
    groups: tuple[str, ...] = ()

    def principal(self) -> Principal:
        """Give the principal."""
        if not self.authenticated:
            return Principal(None)
        return Principal(self.user or OTHER, frozenset(self.groups))


class CategoryData(_Data):
    """A category: whose requests it is judged on, and at which stages they must be recorded."""

    every: str
    principals: tuple[str, ...]
    stages: frozenset[Stage]
    long_running: frozenset[Stage] = frozenset()


class LongRunning(_Data):
    """What makes a request long-running."""

    verbs: tuple[str, ...]
    subresources: tuple[str, ...]
    paths: tuple[str, ...]


class RequestVerbs(_Data):
    """The verbs that requests can have."""

    resource: frozenset[str]
    path: frozenset[str]


class Identities(_Data):
    """Users and groups; a name that ends in ``*`` stands for all that begin so."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def has(self, kind: str, name: str) -> bool:
        """Tell whether a ``user`` or ``group`` is among them."""
        patterns = self.users if kind == "user" else self.groups
        return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in patterns)


class ComponentTraffic(Identities):
    """Requests of the control plane's own components."""

    requests: tuple[Requests, ...]


class RequestKnowledge(_Data):
    """Everything in ``request_classes.yaml``."""

    sources: tuple[Source, ...]
    principals: Mapping[str, PrincipalData]
    categories: Mapping[RequestCategory, CategoryData]
    classes: tuple[GradedClass, ...]
    noise: tuple[Noise, ...]
    long_running: LongRunning
    discovery: ValueSet
    capabilities: Mapping[Capability, CapabilityData]
    leaks: tuple[Leak, ...]
    request_verbs: RequestVerbs
    powerful: Identities
    component_traffic: tuple[ComponentTraffic, ...] = Field(default=())


@cache
def request_knowledge() -> RequestKnowledge:
    """Load the data file."""
    return RequestKnowledge.model_validate(data_file("request_classes.yaml"))
