"""The keys of an ``[[account]]`` table with ``provider = "gke"``."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator

from scanner.model import SHOWN_AS_SET, Exclusions, Names, Settings, matching
from scanner.ports import AccountOptions

_WILDCARD: Final = re.compile(r"[*?\[]")
_NUMBER: Final = re.compile(r"\d{1,30}", re.ASCII)
_PROJECT: Final = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|\d+", re.ASCII)


_Endpoint = Annotated[str, matching(r"[\w.-]+(:\d+)?", "which is no host, with or without a port")]


def number(value: object) -> object:
    """Take a number with or without quotes; refuse a name, by which Google's APIs find nothing."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and not _NUMBER.fullmatch(text):
        message = f"is {text!r}, which is no number such as 987654321098: gcloud projects get-ancestors shows it"
        raise ValueError(message)
    return text


def _project(value: str | None) -> str | None:
    """Refuse what is no project's id."""
    if value is not None and not _PROJECT.fullmatch(value):
        message = f"is {value!r}, which is no project id such as payments-prod"
        raise ValueError(message)
    return value


class GkeEndpoints(Settings):
    """Where the APIs are reached, for Private Service Connect and restricted endpoints; TLS is always used."""

    container: _Endpoint = Field(default="container.googleapis.com", description="Kubernetes Engine API.")
    logging: _Endpoint = Field(default="logging.googleapis.com", description="Cloud Logging API, gRPC.")
    logging_rest: _Endpoint = Field(default="logging.googleapis.com", description="Cloud Logging API, REST.")
    resource_manager: _Endpoint = Field(
        default="cloudresourcemanager.googleapis.com", description="Cloud Resource Manager API."
    )
    asset: _Endpoint = Field(
        default="cloudasset.googleapis.com", description="Cloud Asset API, REST, for an organization's inventory."
    )
    iam_credentials: _Endpoint = Field(
        default="iamcredentials.googleapis.com", description="IAM Service Account Credentials API, for impersonate."
    )


class GkeReading(Settings):
    """As whom Google Cloud is read, and what of it is left out."""

    exclude_projects: Exclusions = Field(
        default=(), description="Ids of projects to leave out; *, ? and [...] are wildcards."
    )
    clusters: Annotated[Names, Field(min_length=1)] = Field(
        default=("*",), description="Names of the clusters to read, with the same wildcards."
    )
    exclude_clusters: Exclusions = Field(default=(), description="Names of clusters to leave out; wins over clusters.")
    credentials_file: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")] | None = Field(
        default=None,
        examples=["/var/run/secrets/google/credentials.json"],
        description="Credentials in any form that Google's libraries read; without it Application Default Credentials.",
    )
    impersonate: Annotated[str, matching(r"[^@\s]+@[^@\s]+", "which is no service account's address")] | None = Field(
        default=None,
        examples=["audit-reader@security.iam.gserviceaccount.com"],
        description="Service account to impersonate.",
    )
    quota_project: str | None = Field(default=None, description="Project that API quota and billing count against.")
    endpoints: GkeEndpoints = Field(default=GkeEndpoints(), description="Where the APIs are reached.")

    @field_validator("quota_project")
    @classmethod
    def _pays_for_calls(cls, value: str | None) -> str | None:
        """Refuse what is no project's id."""
        return _project(value)

    def wants_project(self, project_id: str) -> bool:
        """Say whether a project is to be read."""
        return not any(fnmatchcase(project_id, glob) for glob in self.exclude_projects)


class _Scope(AccountOptions):
    """Where an account begins to read; its keys come first."""

    project: str | None = Field(
        default=None, examples=["payments-prod"], description="The one project to read.", json_schema_extra=SHOWN_AS_SET
    )
    projects: Annotated[Names, Field(max_length=10_000)] = Field(
        default=(), examples=[["payments-prod", "payments-test"]], description="Several projects to read."
    )
    folder: str | None = Field(
        default=None, examples=["123456789012"], description="Folder whose active projects are read, at any depth."
    )
    organization: str | None = Field(
        default=None,
        examples=["987654321098"],
        description="Organisation whose active projects are read, at any depth.",
    )


class GkeOptions(GkeReading, _Scope):
    """Which Google Cloud projects are read, as whom, and which of their clusters."""

    @field_validator("project")
    @classmethod
    def _is_a_project(cls, value: str | None) -> str | None:
        """Refuse what is no project's id."""
        return _project(value)

    @field_validator("folder", "organization", mode="before")
    @classmethod
    def _is_a_number(cls, value: object) -> object:
        """Take a number with or without quotes; refuse a name, by which Google's APIs find nothing."""
        return number(value)

    @field_validator("projects")
    @classmethod
    def _are_projects(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no project's id, and one that stands twice."""
        for name, count in Counter(value).items():
            if not _PROJECT.fullmatch(name):
                message = f"holds {name!r}, which is no project id such as payments-prod"
                raise ValueError(message)
            if count > 1:
                message = f"holds {name} more than once"
                raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        """Ask for exactly one place to begin at."""
        given = [key for key in ("project", "projects", "folder", "organization") if getattr(self, key)]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            message = f"exactly one of project, projects, folder and organization is needed: there is {found}"
            raise ValueError(message)
        return self

    @property
    def scope(self) -> str:
        """What is read, as Google names it, such as ``folders/1``; of several projects their number."""
        if self.folder:
            return f"folders/{self.folder}"
        if self.organization:
            return f"organizations/{self.organization}"
        names = self.named_projects
        return f"projects/{names[0]}" if len(names) == 1 else f"{len(names)} projects"

    @property
    def named_projects(self) -> tuple[str, ...]:
        """The projects that are named one by one."""
        return (self.project,) if self.project else self.projects

    def missing_of(self, names: frozenset[str]) -> tuple[str, ...]:
        """Give the clusters that are asked for by their full names and are not among some names."""
        return tuple(glob for glob in self.clusters if glob not in names and not _WILDCARD.search(glob))

    def wants(self, cluster: str) -> bool:
        """Say whether a cluster of this name is to be read."""
        return any(fnmatchcase(cluster, glob) for glob in self.clusters) and not any(
            fnmatchcase(cluster, glob) for glob in self.exclude_clusters
        )
