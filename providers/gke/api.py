"""Google's APIs by gRPC: each method through the SDK's transport, with what the SDK's client would add to the call.

The client itself is left out: that it checks, copies and wraps what it is given, takes half as long again as the
transport takes for the call. What it adds are three headers, and an error class for each status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

import grpc.aio
from google.api_core.exceptions import from_grpc_error
from google.api_core.gapic_v1.client_info import ClientInfo
from google.api_core.gapic_v1.routing_header import ROUTING_METADATA_KEY
from google.cloud import container_v1, resourcemanager_v3
from google.cloud.container_v1.services.cluster_manager.transports import ClusterManagerGrpcAsyncIOTransport
from google.cloud.logging_v2 import types
from google.cloud.logging_v2.services.config_service_v2.transports import ConfigServiceV2GrpcAsyncIOTransport
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcAsyncIOTransport
from google.cloud.resourcemanager_v3.services.folders.transports import FoldersGrpcAsyncIOTransport
from google.cloud.resourcemanager_v3.services.organizations.transports import OrganizationsGrpcAsyncIOTransport
from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsGrpcAsyncIOTransport
from google.iam.v1 import iam_policy_pb2

from providers.gke.authorization import Authorize

_AGENT: Final = ClientInfo(user_agent="k8s-audit-coverage").to_grpc_metadata()
_RESOURCE_MANAGERS: Final[dict[str, type[Any]]] = {
    "projects": ProjectsGrpcAsyncIOTransport,
    "folders": FoldersGrpcAsyncIOTransport,
    "organizations": OrganizationsGrpcAsyncIOTransport,
}


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method of one of Google's APIs.

    Attributes:
        transport: The SDK's transport of the API.
        endpoint: The name of the API's host in `GkeOptions.endpoints`.
        method: The method's name at the transport.
        message: The class of its request, of proto-plus or of protobuf itself.
        routed_by: The field of the request by which Google's front end finds where to send it; "" for none.
        is_read: Whether it reads entries, which Cloud Logging counts apart from its other methods.

    Sources: the methods of the SDK's clients, which name that field (google-cloud-container 2.67.0,
    google-cloud-logging 3.17.0, google-cloud-resource-manager 1.19.0).
    """

    transport: type[Any]
    endpoint: str
    method: str
    message: Any
    routed_by: str = ""
    is_read: bool = False
    _is_wrapped: bool = field(init=False)
    _kind: Any = field(init=False)

    def __post_init__(self) -> None:
        """Find out whether the transport takes and gives messages of proto-plus, and which class is inside."""
        is_wrapped = hasattr(self.message, "pb")
        object.__setattr__(self, "_is_wrapped", is_wrapped)
        object.__setattr__(self, "_kind", self.message.pb() if is_wrapped else self.message)

    def request(self, **fields: object) -> Any:  # noqa: ANN401 - a message of a library without types
        """Make a request, as a message of protobuf itself: a wrapper of proto-plus takes ten times as long."""
        return self._kind(**fields)

    def route(self, request: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - as above
        """Give the header by which a request finds its way; none where it is routed by nothing."""
        if not self.routed_by:
            return ()
        value = quote_plus(getattr(request, self.routed_by), safe="/")
        return ((ROUTING_METADATA_KEY, f"{self.routed_by}={value}"),)

    def wrapped(self, request: Any) -> Any:  # noqa: ANN401 - as above
        """Give a request as the transport takes it."""
        return self.message.wrap(request) if self._is_wrapped else request

    def unwrapped(self, answer: Any) -> Any:  # noqa: ANN401 - as above
        """Give an answer of the transport as a message of protobuf itself; None, which is no message, as it is."""
        return type(answer).pb(answer) if self._is_wrapped and answer is not None else answer


CLUSTERS: Final = Rpc(
    ClusterManagerGrpcAsyncIOTransport, "container", "list_clusters", container_v1.ListClustersRequest, "parent"
)
SINKS: Final = Rpc(ConfigServiceV2GrpcAsyncIOTransport, "logging", "list_sinks", types.ListSinksRequest, "parent")
BUCKETS: Final = Rpc(ConfigServiceV2GrpcAsyncIOTransport, "logging", "list_buckets", types.ListBucketsRequest, "parent")
BUCKET: Final = Rpc(ConfigServiceV2GrpcAsyncIOTransport, "logging", "get_bucket", types.GetBucketRequest, "name")
ENTRIES: Final = Rpc(
    LoggingServiceV2GrpcAsyncIOTransport, "logging", "list_log_entries", types.ListLogEntriesRequest, is_read=True
)
PROJECT: Final = Rpc(
    ProjectsGrpcAsyncIOTransport, "resource_manager", "get_project", resourcemanager_v3.GetProjectRequest, "name"
)
PROJECTS: Final = Rpc(
    ProjectsGrpcAsyncIOTransport, "resource_manager", "list_projects", resourcemanager_v3.ListProjectsRequest
)
FOLDER: Final = Rpc(
    FoldersGrpcAsyncIOTransport, "resource_manager", "get_folder", resourcemanager_v3.GetFolderRequest, "name"
)
FOLDERS: Final = Rpc(
    FoldersGrpcAsyncIOTransport, "resource_manager", "list_folders", resourcemanager_v3.ListFoldersRequest
)
IAM_POLICY: Final = {
    kind: Rpc(transport, "resource_manager", "get_iam_policy", iam_policy_pb2.GetIamPolicyRequest, "resource")
    for kind, transport in _RESOURCE_MANAGERS.items()
}
"""By what a resource's name begins with."""


class Api:
    """One of Google's APIs, within one event loop."""

    def __init__(self, transport: Any, authorize: Authorize) -> None:  # noqa: ANN401 - of a library without types
        """Call it by a transport of the SDK; what it has open is closed with `close`."""
        self._transport = transport
        self._authorize = authorize

    async def call(self, rpc: Rpc, request: Any, timeout: float) -> Any:  # noqa: ANN401, ASYNC109 - the call's own
        """Call a method once, and give its answer as a message of protobuf itself; None where it was no such message.

        Args:
            rpc: The method, of this API's transport.
            request: A message that `Rpc.request` made.
            timeout: In seconds; for the token that the call needs, and for the call.

        Raises:
            Exception: One of `SDK_ERRORS`.
        """
        headers = self._authorize.known() or await self._authorize.headers(timeout)
        stub = getattr(self._transport, rpc.method)
        try:
            answer = await stub(rpc.wrapped(request), timeout=timeout, metadata=(*headers, _AGENT, *rpc.route(request)))
        except grpc.RpcError as error:
            raise from_grpc_error(error) from error
        return rpc.unwrapped(answer)

    async def close(self) -> None:
        """Close the channel."""
        await self._transport.close()


def open_channel(
    target: str,
    *,
    ssl_credentials: grpc.ChannelCredentials | None = None,
    options: Sequence[tuple[str, Any]] | None = None,
    **_: object,
) -> grpc.aio.Channel:
    """Open a channel; of what the library would give its own, the call credentials are left out."""
    channel = grpc.aio.secure_channel(target, ssl_credentials or grpc.ssl_channel_credentials(), options=options)
    # Google's transports put an interceptor in here for their debug log, which is never on. The detour by it takes a
    # quarter of what a call costs.
    channel._unary_unary_interceptors = _NoInterceptors()  # type: ignore[attr-defined] # noqa: SLF001 - as they do
    return channel


class _NoInterceptors(list[Any]):
    """Takes interceptors, and keeps none."""

    def append(self, _: Any, /) -> None:  # noqa: ANN401 - whatever a library has
        """Leave it out."""
