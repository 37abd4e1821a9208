"""The keys of an ``[[organization]]`` table with ``provider = "gke"``, and what they make of each project."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from providers.gke.options import GkeEndpoints, GkeOptions, Names, number
from scanner.model import SHOWN_AS_SET
from scanner.ports import OrganizationOptions

if TYPE_CHECKING:
    from providers.gke.inventory import Inventory, SeenCluster


class GkeOrganizationOptions(OrganizationOptions):
    """Where the projects of a Google Cloud organisation are found, as whom, and which of them are read."""

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
    exclude_projects: Names = Field(
        default=(), description="Ids of projects to leave out; *, ? and [...] are wildcards."
    )
    exclude_folders: Names = Field(
        default=(), examples=[["123456789012"]], description="Numbers of folders to leave out with all below them."
    )
    clusters: Annotated[Names, Field(min_length=1)] = Field(
        default=("*",), description="Names of the clusters to read, with the same wildcards."
    )
    exclude_clusters: Names = Field(default=(), description="Names of clusters to leave out; wins over clusters.")
    credentials_file: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")] | None = Field(
        default=None,
        examples=["/var/run/secrets/google/credentials.json"],
        description="Credentials in any form that Google's libraries read; without it Application Default Credentials.",
    )
    impersonate: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(
        default=None,
        examples=["audit-reader@security.iam.gserviceaccount.com"],
        description="Service account to impersonate.",
    )
    quota_project: str | None = Field(default=None, description="Project that API quota and billing count against.")
    endpoints: GkeEndpoints = Field(default=GkeEndpoints(), description="Where the APIs are reached.")

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
        """Ask for exactly one place to begin at, and check the rest as an account's keys are checked."""
        given = [key for key in ("organization", "folder") if getattr(self, key)]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            message = f"exactly one of organization and folder is needed: there is {found}"
            raise ValueError(message)
        self.base()
        return self

    @property
    def scope(self) -> str:
        """What is looked through, as Google names it, such as ``folders/1``."""
        return f"folders/{self.folder}" if self.folder else f"organizations/{self.organization}"

    def base(self) -> DiscoveredGkeOptions:
        """Give what reads a project, all but its name."""
        given = {
            "project": "any-project",
            "clusters": self.clusters,
            "exclude_clusters": self.exclude_clusters,
            "credentials_file": self.credentials_file,
            "impersonate": self.impersonate,
            "quota_project": self.quota_project,
            "endpoints": self.endpoints,
        }
        return DiscoveredGkeOptions.model_validate(given)

    def wants_project(self, project_id: str) -> bool:
        """Say whether a project is to be read."""
        return not any(fnmatchcase(project_id, glob) for glob in self.exclude_projects)


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
