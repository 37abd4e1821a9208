"""A call by the transport alone carries what Google's client would have sent with it."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import container_v1, resourcemanager_v3
from google.cloud.logging_v2.services.config_service_v2 import ConfigServiceV2AsyncClient
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2AsyncClient

from providers.gke import api
from providers.gke.options import GkeOptions
from providers.gke.session import Connections
from scanner.errors import CollectionError
from scanner.model import ScanSettings
from tests.emulators.gcp import GcpEmulator

_ACCOUNT = "projects/payments prod/ü"
_CALLS: list[tuple[api.Rpc, Any, dict[str, Any]]] = [
    (api.CLUSTERS, container_v1.ClusterManagerAsyncClient, {"parent": _ACCOUNT}),
    (api.SINKS, ConfigServiceV2AsyncClient, {"parent": _ACCOUNT}),
    (api.BUCKETS, ConfigServiceV2AsyncClient, {"parent": _ACCOUNT}),
    (api.BUCKET, ConfigServiceV2AsyncClient, {"name": _ACCOUNT}),
    (api.ENTRIES, LoggingServiceV2AsyncClient, {"resource_names": [_ACCOUNT]}),
    (api.PROJECT, resourcemanager_v3.ProjectsAsyncClient, {"name": _ACCOUNT}),
    (api.PROJECTS, resourcemanager_v3.ProjectsAsyncClient, {"parent": _ACCOUNT}),
    (api.FOLDER, resourcemanager_v3.FoldersAsyncClient, {"name": _ACCOUNT}),
    (api.FOLDERS, resourcemanager_v3.FoldersAsyncClient, {"parent": _ACCOUNT}),
    (api.IAM_POLICY["projects"], resourcemanager_v3.ProjectsAsyncClient, {"resource": _ACCOUNT}),
    (api.IAM_POLICY["folders"], resourcemanager_v3.FoldersAsyncClient, {"resource": _ACCOUNT}),
    (api.IAM_POLICY["organizations"], resourcemanager_v3.OrganizationsAsyncClient, {"resource": _ACCOUNT}),
]


async def _client_sends(client: type[Any], rpc: api.Rpc, fields: dict[str, Any], gcp: GcpEmulator) -> dict[str, str]:
    """Make a call by Google's own client, and give the headers that arrived."""
    gcp.cloud.headers.clear()
    channel = grpc.aio.secure_channel(gcp.grpc_endpoint, grpc.ssl_channel_credentials())  # trusts what the test set
    transport = rpc.transport(channel=channel, credentials=AnonymousCredentials())
    with pytest.raises(GoogleAPICallError):  # it has no token; that is looked at after the headers
        await getattr(client(transport=transport), rpc.method)(request=rpc.message(**fields), retry=None, timeout=5)
    await channel.close()
    [sent] = gcp.cloud.headers.values()
    return sent


async def _we_send(rpc: api.Rpc, fields: dict[str, Any], gcp: GcpEmulator) -> dict[str, str]:
    """Make the same call, and give the headers that arrived."""
    gcp.cloud.headers.clear()
    options = GkeOptions.model_validate({"project": "payments-prod", "endpoints": gcp.endpoints})
    scan, connections = ScanSettings(retries=0), Connections()
    connection = await connections.take(options, scan)
    try:
        await connection.call(rpc, rpc.request(**fields), "", "", "", lambda _: None)
    except CollectionError:
        pass  # there is nothing of that name
    finally:
        await connections.release(options, scan, connection)
    [sent] = gcp.cloud.headers.values()
    return sent


@pytest.mark.parametrize(
    ("rpc", "client", "fields"), _CALLS, ids=[f"{client.__name__}-{rpc.method}" for rpc, client, _ in _CALLS]
)
async def test_the_headers_are_those_of_googles_client(
    rpc: api.Rpc, client: type[Any], fields: dict[str, Any], gcp: GcpEmulator
) -> None:
    theirs, ours = await _client_sends(client, rpc, fields, gcp), await _we_send(rpc, fields, gcp)
    token = ours.pop("authorization")
    assert token.startswith("Bearer ")
    assert ours.pop("x-goog-api-client").startswith("k8s-audit-coverage gl-python/")
    theirs.pop("x-goog-api-client")
    theirs.pop("authorization", None)
    assert ours == theirs
    assert ("x-goog-request-params" in ours) == bool(rpc.routed_by)
