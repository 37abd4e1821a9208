"""The keys that an ``[[account]]`` and an ``[[organization]]`` table with ``provider = "aks"`` have in common."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from providers.aks.clouds import CLOUDS, Cloud, CloudName
from scanner.model import Exclusions, Names, Settings, matching

ManagementGroup = Annotated[
    str,
    matching(
        r"[\w().-]{1,90}",
        "which is no id of a management group: its name alone is expected, up to 90 letters, digits and _().-",
    ),
]
_Endpoint = Annotated[str, matching(r"[\w.-]+(:\d+)?", "which is no host, with or without a port")]
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


class AksReading(Settings):
    """As whom Azure is read, and what of it is left out."""

    exclude_subscriptions: Exclusions = Field(
        default=(), description="Ids or names of subscriptions to leave out; *, ? and [...] are wildcards."
    )
    clusters: Annotated[Names, Field(min_length=1)] = Field(
        default=("*",), description="Names of the clusters to read, with the same wildcards."
    )
    exclude_clusters: Exclusions = Field(default=(), description="Names of clusters to leave out; wins over clusters.")
    arc: bool = Field(default=True, description="Read Arc-connected clusters too.")
    cloud: CloudName = Field(default="AzurePublic", description="The Azure cloud that the subscriptions are in.")
    credential: CredentialKind = Field(
        default="default", description="Kind of credentials; default takes the first that there are."
    )
    tenant_id: Annotated[str, matching(r"[\w.-]+", "which is no tenant: its id or domain is expected")] | None = Field(
        default=None,
        examples=["contoso.onmicrosoft.com"],
        description="Tenant of the credentials; without it AZURE_TENANT_ID.",
    )
    client_id: Annotated[str, matching(r"[\w-]+", "which is no client id")] | None = Field(
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

    def wants(self, cluster: str) -> bool:
        """Say whether a cluster of this name is to be read; Azure's names have no case."""
        name = cluster.lower()
        return any(fnmatchcase(name, glob.lower()) for glob in self.clusters) and not any(
            fnmatchcase(name, glob.lower()) for glob in self.exclude_clusters
        )
