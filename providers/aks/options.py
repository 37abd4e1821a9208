"""The keys of an ``[[account]]`` table with ``provider = "aks"``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from providers.aks.clouds import CLOUDS, Cloud, CloudName
from scanner.model import SHOWN_AS_SET, Settings
from scanner.ports import AccountOptions

_WILDCARD: Final = re.compile(r"[*?\[]")
_SUBSCRIPTION: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def _list_to_tuple(value: object) -> object:
    """Accept TOML's arrays where strict mode wants the tuple that a frozen model holds."""
    return tuple(value) if isinstance(value, list) else value


_Names = Annotated[tuple[str, ...], BeforeValidator(_list_to_tuple)]
_Endpoint = Annotated[str, Field(pattern=r"^[\w.-]+(:\d+)?$")]
_File = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]

CredentialKind = Literal[
    "default", "environment", "workload_identity", "managed_identity", "client_secret", "client_certificate", "cli"
]
_FILES: Final = {"client_secret": "client_secret_file", "client_certificate": "certificate_file"}
"""The kinds of credentials that take a file, with the key that names it."""


class AksEndpoints(Settings):
    """Where the APIs are reached, for private links and Azure Stack Hub; TLS is always used."""

    resource_manager: _Endpoint | None = Field(
        default=None, examples=["arm.example.com"], description="Azure Resource Manager; without it the cloud's own."
    )
    authority: _Endpoint | None = Field(
        default=None, examples=["login.example.com"], description="Microsoft Entra ID; without it the cloud's own."
    )
    log_analytics: _Endpoint | None = Field(
        default=None,
        examples=["api.loganalytics.example.com"],
        description="Query API of Log Analytics; without it the cloud's own. Used with [rule] observe only.",
    )


class AksOptions(AccountOptions):
    """Which Azure subscriptions are read, as whom, and which of their clusters."""

    subscription: str | None = Field(
        default=None,
        examples=["11112222-3333-4444-5555-666677778888"],
        description="The one subscription to read.",
        json_schema_extra=SHOWN_AS_SET,
    )
    subscriptions: Annotated[_Names, Field(max_length=10_000)] = Field(
        default=(),
        examples=[["11112222-3333-4444-5555-666677778888", "99990000-aaaa-bbbb-cccc-ddddeeeeffff"]],
        description="Several subscriptions to read.",
    )
    management_group: Annotated[str, Field(pattern=r"^[\w().-]{1,90}$")] | None = Field(
        default=None, examples=["platform"], description="Management group whose subscriptions are read, at any depth."
    )
    tenant: bool = Field(default=False, description="Read every subscription that the identity may see.")
    exclude_subscriptions: _Names = Field(
        default=(), description="Ids or names of subscriptions to leave out; *, ? and [...] are wildcards."
    )
    clusters: Annotated[_Names, Field(min_length=1)] = Field(
        default=("*",), description="Names of the clusters to read, with the same wildcards."
    )
    exclude_clusters: _Names = Field(default=(), description="Names of clusters to leave out; wins over clusters.")
    arc: bool = Field(default=True, description="Read Arc-connected clusters too.")
    cloud: CloudName = Field(default="AzurePublic", description="The Azure cloud that the subscriptions are in.")
    credential: CredentialKind = Field(
        default="default", description="Kind of credentials; default takes the first that there are."
    )
    tenant_id: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None = Field(
        default=None,
        examples=["contoso.onmicrosoft.com"],
        description="Tenant of the credentials; without it AZURE_TENANT_ID.",
    )
    client_id: Annotated[str, Field(pattern=r"^[\w-]+$")] | None = Field(
        default=None,
        examples=["aaaabbbb-0000-cccc-1111-dddd2222eeee"],
        description="Application or user-assigned managed identity; without it AZURE_CLIENT_ID.",
    )
    client_secret_file: _File | None = Field(
        default=None,
        examples=["/var/run/secrets/azure/client-secret"],
        description="File that holds the secret of credential client_secret.",
    )
    certificate_file: _File | None = Field(
        default=None,
        examples=["/var/run/secrets/azure/client.pem"],
        description="PEM or PKCS12 file with key and certificate of credential client_certificate.",
    )
    endpoints: AksEndpoints = Field(default=AksEndpoints(), description="Where the APIs are reached.")

    @field_validator("subscription")
    @classmethod
    def _is_a_subscription(cls, value: str | None) -> str | None:
        """Refuse what is no subscription's id; Azure compares them without regard to case."""
        if value is not None and not _SUBSCRIPTION.fullmatch(value):
            message = f"is {value!r}, which is no subscription id such as 11112222-3333-4444-5555-666677778888"
            raise ValueError(message)
        return value and value.lower()

    @field_validator("subscriptions")
    @classmethod
    def _are_subscriptions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no subscription's id, and one that stands twice."""
        for name, count in Counter(one.lower() for one in value).items():
            if not _SUBSCRIPTION.fullmatch(name):
                message = f"holds {name!r}, which is no subscription id such as 11112222-3333-4444-5555-666677778888"
                raise ValueError(message)
            if count > 1:
                message = f"holds {name} more than once"
                raise ValueError(message)
        return tuple(one.lower() for one in value)

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        """Ask for exactly one place to begin at."""
        keys = ("subscription", "subscriptions", "management_group", "tenant")
        given = [key for key in keys if getattr(self, key)]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            message = (
                "exactly one of subscription, subscriptions, management_group and tenant = true is needed:"
                f" there is {found}"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _file_fits_the_credential(self) -> Self:
        """Ask for the file that a kind of credentials takes, and refuse one that nothing would read."""
        for kind, key in _FILES.items():
            if self.credential == kind and not getattr(self, key):
                message = f'{key} is needed with credential = "{kind}"'
                raise ValueError(message)
            if self.credential != kind and getattr(self, key):
                message = f'{key} is read with credential = "{kind}" only, and credential is "{self.credential}"'
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _environment_names_the_identity(self) -> Self:
        """Refuse an identity beside credentials that come from the environment in whole."""
        if self.credential == "environment" and (self.tenant_id or self.client_id):
            message = 'tenant_id and client_id are AZURE_TENANT_ID and AZURE_CLIENT_ID with credential = "environment"'
            raise ValueError(message)
        return self

    @property
    def scope(self) -> str:
        """What is read, as a person names it; of several subscriptions their number."""
        if len(self.subscriptions) == 1:
            return self.subscriptions[0]
        if self.management_group:
            return f"management group {self.management_group}"
        if self.tenant:
            return f"tenant {self.tenant_id}" if self.tenant_id else "tenant"
        return self.subscription or f"{len(self.subscriptions)} subscriptions"

    @property
    def cloud_hosts(self) -> Cloud:
        """The hosts of the named cloud."""
        return CLOUDS[self.cloud]

    @property
    def resource_manager(self) -> str:
        """The host, and the port where one is given, of Azure Resource Manager."""
        return self.endpoints.resource_manager or self.cloud_hosts.resource_manager

    def wants_subscription(self, subscription_id: str, name: str) -> bool:
        """Say whether a subscription is to be read."""
        return not any(
            fnmatchcase(one, glob.lower())
            for glob in self.exclude_subscriptions
            for one in (subscription_id.lower(), name.lower())
        )

    def idle_exclusions(self, subscriptions: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """Give the entries of exclude_subscriptions that fit none of some subscriptions, each its id and name."""
        names = {one.lower() for pair in subscriptions for one in pair}
        return tuple(
            glob for glob in self.exclude_subscriptions if not any(fnmatchcase(one, glob.lower()) for one in names)
        )

    def missing_of(self, names: frozenset[str]) -> tuple[str, ...]:
        """Give the clusters that are asked for by their full names and are not among some names, in lower case."""
        return tuple(glob for glob in self.clusters if glob.lower() not in names and not _WILDCARD.search(glob))

    def wants(self, cluster: str) -> bool:
        """Say whether a cluster of this name is to be read; Azure's names have no case."""
        name = cluster.lower()
        return any(fnmatchcase(name, glob.lower()) for glob in self.clusters) and not any(
            fnmatchcase(name, glob.lower()) for glob in self.exclude_clusters
        )
