"""The keys of an ``[[organization]]`` table with ``provider = "gke"``, and what they make of each project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from providers.gke.options import GkeOptions, GkeReading, number
from scanner.model import SHOWN_AS_SET, Names
from scanner.ports import OrganizationOptions

if TYPE_CHECKING:
    from providers.gke.inventory import Inventory, SeenCluster


class _Scope(OrganizationOptions):
    """Where an organisation's projects are looked for; its keys come first."""

    organization: str | None = Field(
        default=None,
        examples=["987654321098"],
        description="Organisation whose active projects are accounts of their own, at any depth.",
        json_schema_extra=SHOWN_AS_SET,
    )
    folder: str | None = Field(
        default=None, examples=["123456789012"], description="Folder whose active projects are, at any depth."
    )
    inventory: Literal["cloud-asset", "none"] = Field(
        default="cloud-asset",
        description='What knows the projects and clusters: "cloud-asset", or "none" to list and ask each project.',
    )
    exclude_folders: Names = Field(
        default=(), examples=[["123456789012"]], description="Numbers of folders to leave out with all below them."
    )


class GkeOrganizationOptions(GkeReading, _Scope):
    """Where the projects of a Google Cloud organisation are found, as whom, and which of them are read."""

    @field_validator("folder", "organization", mode="before")
    @classmethod
    def _is_a_number(cls, value: object) -> object:
        """Take a number with or without quotes."""
        return number(value)

    @field_validator("exclude_folders")
    @classmethod
    def _are_numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no folder's number."""
        for one in value:
            number(one)
        return value

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        """Ask for exactly one place to begin at."""
        given = [key for key in ("organization", "folder") if getattr(self, key)]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            message = f"exactly one of organization and folder is needed: there is {found}"
            raise ValueError(message)
        return self

    @property
    def scope(self) -> str:
        """What is looked through, as Google names it, such as ``folders/1``."""
        return f"folders/{self.folder}" if self.folder else f"organizations/{self.organization}"

    def base(self) -> DiscoveredGkeOptions:
        """Give what reads a project, all but its name."""
        given = {name: getattr(self, name) for name in GkeReading.model_fields if name != "exclude_projects"}
        return DiscoveredGkeOptions.model_validate({**given, "project": "any-project"})


class DiscoveredGkeOptions(GkeOptions):
    """How one project of an organisation is read."""

    _known: Known | None = PrivateAttr(default=None)

    @property
    def known(self) -> Known | None:
        """What the discovery found out about the project."""
        return self._known

    def of(self, known: Known) -> DiscoveredGkeOptions:
        """Give the same for a project."""
        found = self.model_copy(update={"project": known.project_id})
        # Of thousands of projects each would have a copy of it, half a kilobyte that nobody changes.
        object.__setattr__(found, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        found._known = known  # noqa: SLF001 - its own
        return found

    def missing_of(self, names: frozenset[str]) -> tuple[str, ...]:  # noqa: ARG002 - another project may have them
        """Give none: a cluster that is asked for by its full name is in one project of many."""
        return ()

    def unseen(self, names: frozenset[str]) -> tuple[str, ...]:
        """Give the clusters that are asked for by their full names and are in no project."""
        return super().missing_of(names)


@dataclass(frozen=True, slots=True)
class Known:
    """What the discovery of an organisation found out about one project.

    Attributes:
        inventory: What all projects of the organisation have in common.
        number: The project's number.
        parent: What it lies directly in, such as ``folders/1``; empty where that is not known.
        clusters: Those that the inventory saw; None where it was not asked, or not to the end.
    """

    inventory: Inventory
    project_id: str
    number: str
    parent: str
    clusters: tuple[SeenCluster, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the inventory saw the project, and no cluster in it."""
        return self.clusters == ()
