"""Kubernetes' own API resources as data; this module is the typed loader."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from scanner.knowledge.data_files import data_file
from scanner.knowledge.request_classes import Source

CORE_ALIASES: Final = frozenset({"core", "v1", "api", "legacy"})
"""What people write for the core API group, whose name is empty; no API server has groups of these names."""


class _Data(BaseModel):
    """Base of the data models: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ApiResource(_Data):
    """One resource of one API group.

    Attributes:
        plural: Its name in paths and policies.
        gone: The first Kubernetes version that no longer serves it, such as ``1.25``; empty where the newest does.
    """

    kind: str
    plural: str
    singular: str = ""
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    gone: str = ""

    @property
    def aliases(self) -> frozenset[str]:
        """Other names that kubectl understands and a policy does not, in lower case."""
        return frozenset({self.singular or self.kind.lower(), self.kind.lower(), *self.short_names}) - {self.plural}

    def is_gone(self, kubernetes_version: str | None) -> bool:
        """Tell whether a version (None: the newest) no longer serves it."""
        asked = _version(kubernetes_version)
        return bool(self.gone) and (asked is None or asked >= (_version(self.gone) or asked))


class ResourceKnowledge(_Data):
    """Everything in ``resources.yaml``: the resources of each API group that belongs to Kubernetes."""

    sources: tuple[Source, ...]
    groups: Mapping[str, tuple[ApiResource, ...]] = Field(min_length=1)

    def find(self, group: str, plural: str) -> ApiResource | None:
        """Find a resource by its group and its name in policies."""
        return next((one for one in self.groups.get(group, ()) if one.plural == plural), None)

    def groups_of(self, plural: str) -> tuple[str, ...]:
        """Give the groups that serve a resource of this name today, or else those that once did."""
        having = {group: found for group in self.groups if (found := self.find(group, plural))}
        return tuple(group for group, one in having.items() if not one.gone) or tuple(having)

    def named(self, alias: str) -> tuple[tuple[str, ApiResource], ...]:
        """Find resources by a singular, kind or short name, or by their plural in other letters; with their groups."""
        folded = alias.lower()
        return tuple(
            (group, one)
            for group, resources in self.groups.items()
            for one in resources
            if folded in one.aliases or (folded == one.plural and alias != folded)
        )

    def nearest(self, group: str, name: str) -> str:
        """Give the group's resource that is written most like a name; empty where none is."""
        plurals = [one.plural for one in self.groups.get(group, ())]
        return next(iter(difflib.get_close_matches(name.lower(), plurals, 1, 0.75)), "")


@cache
def resource_knowledge() -> ResourceKnowledge:
    """Load the data file."""
    return ResourceKnowledge.model_validate(data_file("resources.yaml"))


def _version(text: str | None) -> tuple[int, int] | None:
    """Read a Kubernetes version; None where there is none to read."""
    match = re.match(r"v?(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None
