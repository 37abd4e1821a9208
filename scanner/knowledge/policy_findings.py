"""The findings of a review of an audit policy, as data; this module is the typed loader."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from scanner.knowledge.data_files import data_file
from scanner.model import PolicySeverity


class CatalogueEntry(BaseModel):
    """One kind of finding.

    Attributes:
        severity: How grave it is, unless the circumstances say otherwise.
        why: Why it matters.
        help: Where the documentation explains it: a page of the repository with an anchor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern="^[a-z]+(-[a-z]+)*$")
    severity: PolicySeverity
    title: str = Field(min_length=1)
    why: str = Field(min_length=1)

    @property
    def help(self) -> str:
        """The page and anchor."""
        return f"docs/policy-findings.md#{self.id}"


@cache
def catalogue() -> Mapping[str, CatalogueEntry]:
    """Load the data file: the entries by id, in the order of the documentation."""
    entries = TypeAdapter(list[CatalogueEntry]).validate_python(data_file("policy_findings.yaml"))
    return {one.id: one for one in entries}
