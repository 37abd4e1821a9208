"""Credentials of each kind that ``credential`` names, made by azure-identity."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import (
    AzureCliCredential,
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from providers.aks.reading_options import AksReading
from scanner.model import ScanSettings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def make_credential(transport: AioHttpTransport, options: AksReading, scan: ScanSettings) -> AsyncTokenCredential:
    """Make credentials of the kind that is asked for; their requests take the connections of a transport.

    Raises:
        ValueError: The tenant, the application or something else is missing.
        OSError: A file cannot be read.
    """
    shared: dict[str, Any] = {
        "transport": transport,
        "retry_total": scan.retries,
        "authority": options.endpoints.authority or options.cloud_hosts.authority,
        # An authority that is not Microsoft's own is unknown to the service that would be asked about it.
        "disable_instance_discovery": options.endpoints.authority is not None,
    }
    identity = {"tenant_id": options.tenant_id, "client_id": options.client_id}
    made: AsyncTokenCredential
    match options.credential:
        case "environment":
            _look_for_service_principal()
            made = EnvironmentCredential(**shared)
        case "workload_identity":
            made = WorkloadIdentityCredential(**_given(identity), token_file_path=_token_file(), **shared)
        case "managed_identity":
            made = ManagedIdentityCredential(client_id=options.client_id, **shared)
        case "client_secret":
            made = ClientSecretCredential(**_given(identity), client_secret=_secret(options), **shared)
        case "client_certificate":
            password = os.environ.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
            made = _with_certificate(options, {**_given(identity), "password": password, **shared})
        case "cli":
            made = AzureCliCredential(tenant_id=options.tenant_id or "")
        case _:
            made = _default(options, shared)
    return made


def _with_certificate(options: AksReading, more: dict[str, Any]) -> CertificateCredential:
    """Make credentials of a certificate; azure-identity does not say of which file it speaks."""
    try:
        return CertificateCredential(certificate_path=options.certificate_file, **more)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"certificate_file {options.certificate_file} cannot be used: {why}"
        raise ValueError(message) from error


def _default(options: AksReading, shared: dict[str, Any]) -> DefaultAzureCredential:
    """Make the default chain; azure-identity 1.27.0 does not tell its link for workload identity the authority."""
    chain = DefaultAzureCredential(**_default_identity(options), **shared)
    chain.credentials = tuple(
        WorkloadIdentityCredential(tenant_id=options.tenant_id, client_id=options.client_id, **shared)
        if isinstance(link, WorkloadIdentityCredential)
        else link
        for link in chain.credentials
    )
    return chain


def _given(identity: dict[str, str | None]) -> dict[str, str]:
    """Ask for the tenant and the application of an identity, in the environment where no key names them."""
    found = {key: value or os.environ.get(f"AZURE_{key.upper()}", "") for key, value in identity.items()}
    missing = [key for key, value in found.items() if not value]
    if missing:
        message = " and ".join(f"{key} (or AZURE_{key.upper()})" for key in missing)
        raise ValueError(f"the identity needs {message}")
    return found


def _look_for_service_principal() -> None:
    """Name the variables of a service principal that are missing; azure-identity only says that some are."""
    needed = (("AZURE_TENANT_ID",), ("AZURE_CLIENT_ID",), ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"))
    missing = [" or ".join(names) for names in needed if not any(os.environ.get(name) for name in names)]
    if missing:
        raise ValueError(f"the environment has no {', no '.join(missing)}")


def _token_file() -> str:
    """Find the projected token of a service account."""
    path = os.environ.get("AZURE_FEDERATED_TOKEN_FILE", "")
    if not path:
        raise ValueError(
            "AZURE_FEDERATED_TOKEN_FILE is not set; AKS sets it in pods with the label azure.workload.identity/use"
        )
    return path


def _secret(options: AksReading) -> str:
    """Read the secret of a service principal."""
    name = options.client_secret_file or ""
    try:
        secret = Path(name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        message = f"client_secret_file {name} cannot be read: {why}"
        raise ValueError(message) from error
    if not secret:
        message = f"client_secret_file {name} is empty"
        raise ValueError(message)
    return secret


def _default_identity(options: AksReading) -> dict[str, str]:
    """Give the identity that the links of the default chain are to use, where it is configured."""
    found: dict[str, str] = {}
    if options.client_id:
        found |= {"managed_identity_client_id": options.client_id, "workload_identity_client_id": options.client_id}
    if options.tenant_id:
        found |= {"workload_identity_tenant_id": options.tenant_id, "shared_cache_tenant_id": options.tenant_id}
    return found
