"""The gRPC services, made of the packages' own messages: each method as Google's own answers it."""

# ruff: noqa: ANN401 - the messages of these packages have no types of their own

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc
from google.cloud import container_v1, resourcemanager_v3
from google.cloud.logging_v2 import types as logging_types
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.emulators.gcp.auth import Tokens
from tests.emulators.gcp.state import Cloud, Fault

RESOURCE_MANAGER = "google.cloud.resourcemanager.v3"


class RefusedError(Exception):
    """An error that Google answers with; `details` are messages of google.rpc."""

    def __init__(self, code: int, message: str, *details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


def denied(permission: str, resource: str) -> RefusedError:
    """Build the refusal for a missing permission."""
    info = error_details_pb2.ErrorInfo(
        reason="IAM_PERMISSION_DENIED",
        domain="cloudresourcemanager.googleapis.com",
        metadata={"permission": permission, "resource": resource},
    )
    return RefusedError(
        code_pb2.PERMISSION_DENIED,
        f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
        info,
    )


def not_found(resource: str) -> RefusedError:
    """Build the answer for a resource that is not there."""
    return RefusedError(code_pb2.NOT_FOUND, f"Not found: {resource}")


@dataclass(frozen=True)
class Method:
    """One method: its messages, the permission it needs on which resource, and its answer."""

    service: str
    name: str
    request: Any
    response: Any
    resource: Callable[[Any], str]
    permission: str
    answer: Callable[[Cloud, Any], Any]


def pages(cloud: Cloud, items: list[Any], request: Any) -> tuple[list[Any], str]:
    """Give one page and the token of the next one; a token that was not given out is refused."""
    begin = 0
    if request.page_token:
        if not request.page_token.startswith("page-"):
            raise RefusedError(code_pb2.INVALID_ARGUMENT, "page_token is not valid")
        begin = int(request.page_token.removeprefix("page-"))
    if cloud.is_looping:
        return items[:1], "page-0"
    size = min(request.page_size or cloud.page_size, cloud.page_size)
    end = begin + size
    return items[begin:end], f"page-{end}" if end < len(items) else ""


def list_clusters(cloud: Cloud, request: Any) -> Any:
    """List the clusters of one project, in all locations or one."""
    _, project_id, _, location = request.parent.split("/")
    project = cloud.find_project(project_id)
    if project is None or project.state != "ACTIVE":
        raise not_found(f"projects/{project_id}")
    found = [one for one in cloud.clusters.get(project.project_id, ()) if location in ("-", one.location)]
    answer = container_v1.ListClustersResponse.pb(container_v1.ListClustersResponse())
    answer.clusters.extend(found)
    answer.missing_zones.extend(cloud.missing.get(project.project_id, ()))
    return answer


def get_project(cloud: Cloud, request: Any) -> Any:
    """Read a project; one that is not there looks like one that may not be read."""
    project = cloud.find_project(request.name)
    if project is None:
        raise denied("resourcemanager.projects.get", request.name)
    return cloud.project_message(project)


def list_projects(cloud: Cloud, request: Any) -> Any:
    """List what is directly below a parent, deleted projects only when asked; a parent that is not there is denied."""
    if not cloud.is_there(request.parent):
        raise denied("resourcemanager.projects.list", request.parent)
    below = [
        cloud.project_message(one)
        for one in cloud.projects.values()
        if one.parent == request.parent and (request.show_deleted or one.state == "ACTIVE")
    ]
    found, token = pages(cloud, below, request)
    return resourcemanager_v3.ListProjectsResponse(projects=found, next_page_token=token)


def list_folders(cloud: Cloud, request: Any) -> Any:
    """List the folders directly below a parent; one that is not there looks like one that may not be read."""
    if not cloud.is_there(request.parent):
        raise denied("resourcemanager.folders.list", request.parent)
    below = [
        resourcemanager_v3.Folder(name=name, parent=parent, state=state)
        for name, (parent, state) in cloud.folders.items()
        if parent == request.parent and (request.show_deleted or state == "ACTIVE")
    ]
    found, token = pages(cloud, below, request)
    return resourcemanager_v3.ListFoldersResponse(folders=found, next_page_token=token)


def get_folder(cloud: Cloud, request: Any) -> Any:
    """Read a folder."""
    if request.name not in cloud.folders:
        raise denied("resourcemanager.folders.get", request.name)
    parent, state = cloud.folders[request.name]
    return resourcemanager_v3.Folder(name=request.name, parent=parent, state=state)


def get_iam_policy(cloud: Cloud, request: Any) -> Any:
    """Read a policy with its audit configurations; a resource without one has an empty policy."""
    if not cloud.is_there(request.resource):
        raise denied(f"resourcemanager.{request.resource.partition('/')[0]}.getIamPolicy", request.resource)
    return cloud.policies.get(cloud.canonical(request.resource)) or policy_pb2.Policy(etag=b"ACAB")


def list_sinks(cloud: Cloud, request: Any) -> Any:
    """List the sinks of a parent itself; the messages of this package have no interceptChildren."""
    if not cloud.is_there(request.parent):
        raise not_found(request.parent)
    sinks = [
        logging_types.LogSink(
            name=body["name"],
            destination=body["destination"],
            filter=body.get("filter", ""),
            disabled=body.get("disabled", False),
            include_children=body.get("includeChildren", False),
            exclusions=body.get("exclusions", []),
        )
        for body in cloud.sinks.get(cloud.canonical(request.parent), {}).values()
    ]
    found, token = pages(cloud, sinks, request)
    return logging_types.ListSinksResponse(sinks=found, next_page_token=token)


def list_buckets(cloud: Cloud, request: Any) -> Any:
    """List the buckets of a project, in all locations or one."""
    location = request.parent.split("/")[3]
    project = cloud.canonical(_parent_project(request)).removeprefix("projects/")
    buckets = [one for name, one in cloud.buckets.get(project, {}).items() if location in ("-", name.split("/")[3])]
    found, token = pages(cloud, buckets, request)
    return logging_types.ListBucketsResponse(buckets=found, next_page_token=token)


def get_bucket(cloud: Cloud, request: Any) -> Any:
    """Read one bucket."""
    project = request.name.split("/")[1]
    if request.name not in cloud.buckets.get(project, {}):
        raise not_found(request.name)
    return cloud.buckets[project][request.name]


def list_entries(cloud: Cloud, request: Any) -> Any:
    """Find entries by the equalities of a filter and its earliest time, newest first; none is private to nobody.

    A reader without logging.privateLogEntries.list is shown no Data Access entry and no error. As Google does where
    looking takes it long, the first answer may be empty and have a token.
    """
    if request.order_by != "timestamp desc":
        raise RefusedError(code_pb2.INVALID_ARGUMENT, "order_by must be timestamp asc or timestamp desc")
    wanted = dict(re.findall(r'([\w.]+)="([^"]*)"', request.filter))
    since = datetime.fromisoformat(re.findall(r'timestamp>="([^"]*)"', request.filter)[0])
    [parent] = request.resource_names
    may_see_all = (
        not {("logging.privateLogEntries.list", ""), ("logging.privateLogEntries.list", parent)} & cloud.denied
    )
    found = [
        entry
        for fields, entry in cloud.entries.get(cloud.canonical(parent).removeprefix("projects/"), ())
        if all(fields.get(name) == value for name, value in wanted.items())
        and entry.timestamp >= since
        and (may_see_all or "data_access" not in entry.log_name)
    ]
    if cloud.is_slow_to_find and not request.page_token:
        return logging_types.ListLogEntriesResponse(next_page_token="page-0")
    found.sort(key=lambda entry: entry.timestamp, reverse=True)
    shown, token = pages(cloud, found, request)
    return logging_types.ListLogEntriesResponse(entries=shown, next_page_token=token)


def _parent_project(request: Any) -> str:
    """Give the project of a parent that goes on with a location."""
    return "/".join(request.parent.split("/")[:2])


METHODS = [
    Method(
        "google.logging.v2.LoggingServiceV2", "ListLogEntries", logging_types.ListLogEntriesRequest,
        logging_types.ListLogEntriesResponse, lambda request: request.resource_names[0], "logging.logEntries.list",
        list_entries,
    ),
    Method(
        "google.container.v1.ClusterManager", "ListClusters", container_v1.ListClustersRequest,
        container_v1.ListClustersResponse, _parent_project, "container.clusters.list", list_clusters,
    ),
    Method(
        "google.logging.v2.ConfigServiceV2", "ListSinks", logging_types.ListSinksRequest,
        logging_types.ListSinksResponse, lambda request: request.parent, "logging.sinks.list", list_sinks,
    ),
    Method(
        "google.logging.v2.ConfigServiceV2", "ListBuckets", logging_types.ListBucketsRequest,
        logging_types.ListBucketsResponse, _parent_project, "logging.buckets.list", list_buckets,
    ),
    Method(
        "google.logging.v2.ConfigServiceV2", "GetBucket", logging_types.GetBucketRequest, logging_types.LogBucket,
        lambda request: "/".join(request.name.split("/")[:2]), "logging.buckets.get", get_bucket,
    ),
    Method(
        f"{RESOURCE_MANAGER}.Projects", "GetProject", resourcemanager_v3.GetProjectRequest, resourcemanager_v3.Project,
        lambda request: request.name, "resourcemanager.projects.get", get_project,
    ),
    Method(
        f"{RESOURCE_MANAGER}.Projects", "ListProjects", resourcemanager_v3.ListProjectsRequest,
        resourcemanager_v3.ListProjectsResponse, lambda request: request.parent, "resourcemanager.projects.list",
        list_projects,
    ),
    Method(
        f"{RESOURCE_MANAGER}.Folders", "ListFolders", resourcemanager_v3.ListFoldersRequest,
        resourcemanager_v3.ListFoldersResponse, lambda request: request.parent, "resourcemanager.folders.list",
        list_folders,
    ),
    Method(
        f"{RESOURCE_MANAGER}.Folders", "GetFolder", resourcemanager_v3.GetFolderRequest, resourcemanager_v3.Folder,
        lambda request: request.name, "resourcemanager.folders.get", get_folder,
    ),
    *(
        Method(
            f"{RESOURCE_MANAGER}.{kind.capitalize()}", "GetIamPolicy", iam_policy_pb2.GetIamPolicyRequest,
            policy_pb2.Policy, lambda request: request.resource, f"resourcemanager.{kind}.getIamPolicy", get_iam_policy,
        )
        for kind in ("projects", "folders", "organizations")
    ),
]  # fmt: skip
CALLERS_PROJECT = "999900001111"
API_OF = {
    "google.container.v1.ClusterManager": "container.googleapis.com",
    "google.logging.v2.ConfigServiceV2": "logging.googleapis.com",
    "google.logging.v2.LoggingServiceV2": "logging.googleapis.com",
}


_BYTES = {"malformed": b"\xff\xff\xff", "empty": b""}
"""Answers that are no message, or one without any field."""


class Servicer:
    """Answers calls: the token first, then the faults, the API's state, the permission, and the answer."""

    def __init__(self, cloud: Cloud, tokens: Tokens, drop: Callable[[int], None]) -> None:
        """Know the state, who may call, and how to cut the connection."""
        self._cloud = cloud
        self._tokens = tokens
        self._drop = drop

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Give gRPC's handlers of all services."""
        by_service: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
        for method in METHODS:
            by_service.setdefault(method.service, {})[method.name] = grpc.unary_unary_rpc_method_handler(
                lambda request, context, method=method: self._answer(method, request, context),
                request_deserializer=getattr(method.request, "deserialize", None) or method.request.FromString,
                response_serializer=_serialize,
            )
        return [grpc.method_handlers_generic_handler(service, found) for service, found in by_service.items()]

    def _answer(self, method: Method, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer one call, or refuse it as Google does."""
        resource = method.resource(request)
        headers = {name: str(value) for name, value in context.invocation_metadata()}
        self._cloud.headers[f"{method.service}/{method.name}"] = headers
        if self._cloud.latency:
            time.sleep(self._cloud.latency)
        try:
            self._authenticate(headers)
            self._count(method)
            fault = self._cloud.next_fault(method.name, resource)
            if fault is not None:
                _refuse(fault, method, resource)
                self._wait(fault, context)
                if fault.kind in _BYTES:
                    return _BYTES[fault.kind]
                if fault.kind in ("again", "lost"):
                    _turn_back(fault, request)
            self._authorize(method, resource)
            return _spoilt(fault, method.answer(self._cloud, request))
        except RefusedError as refused:
            status = status_pb2.Status(code=refused.code, message=refused.message)
            for detail in refused.details:
                packed = any_pb2.Any()
                packed.Pack(detail)
                status.details.append(packed)
            context.abort_with_status(rpc_status.to_status(status))

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        """Refuse a call without a token that counts."""
        if not self._tokens.is_good(headers.get("authorization", "")):
            info = error_details_pb2.ErrorInfo(reason="ACCESS_TOKEN_TYPE_UNSUPPORTED", domain="googleapis.com")
            message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise RefusedError(code_pb2.UNAUTHENTICATED, message, info)

    def _count(self, method: Method) -> None:
        """Refuse a call that is more than the quota has; Google names the quota, and not when there is more of it."""
        api = API_OF.get(method.service, "cloudresourcemanager.googleapis.com")
        if self._cloud.is_used_up(api):
            metadata = {"consumer": f"projects/{CALLERS_PROJECT}", "service": api, "quota_limit": "RequestsPerProject"}
            info = error_details_pb2.ErrorInfo(reason="RATE_LIMIT_EXCEEDED", domain="googleapis.com", metadata=metadata)
            message = f"Quota exceeded for quota metric 'Requests' of service '{api}'."
            raise RefusedError(code_pb2.RESOURCE_EXHAUSTED, message, info)

    def _wait(self, fault: Fault, context: grpc.ServicerContext) -> None:
        """Cut the call's connection, or let the call wait."""
        if fault.kind == "drop":
            self._drop(int(context.peer().rpartition(":")[2]))
        end = time.monotonic() + (fault.seconds if fault.kind == "hang" else 0)
        while context.is_active() and time.monotonic() < end:
            time.sleep(0.01)

    def _authorize(self, method: Method, resource: str) -> None:
        """Refuse where the API is off or the permission is missing."""
        project = self._cloud.find_project(resource) if resource.startswith("projects/") else None
        api = API_OF.get(method.service, "cloudresourcemanager.googleapis.com")
        number = CALLERS_PROJECT if api in self._cloud.callers_apis_off else ""
        if project and (project.project_id, api) in self._cloud.apis_off:
            number = number or project.number
        if number:
            info = error_details_pb2.ErrorInfo(
                reason="SERVICE_DISABLED",
                domain="googleapis.com",
                metadata={"service": api, "consumer": f"projects/{number}"},
            )
            message = f"{api} has not been used in project {number} before or it is disabled."
            raise RefusedError(code_pb2.PERMISSION_DENIED, message, info)
        if self._cloud.is_denied(method.permission, resource):
            raise denied(method.permission, resource)


def _refuse(fault: Fault, method: Method, resource: str) -> None:
    """Raise what a fault says; nothing for one that is no refusal."""
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=10_000_000))
    quota = f"Quota exceeded for quota metric 'Read requests' of service for {resource}."
    refusals = {
        "throttle": RefusedError(code_pb2.RESOURCE_EXHAUSTED, quota, retry),
        "unavailable": RefusedError(code_pb2.UNAVAILABLE, "The service is currently unavailable."),
        "internal": RefusedError(code_pb2.INTERNAL, "Internal error encountered."),
        "unauthenticated": RefusedError(code_pb2.UNAUTHENTICATED, "The access token has expired."),
        "denied": denied(method.permission, resource),
        "gone": not_found(resource),
    }
    if fault.kind in refusals:
        raise refusals[fault.kind]


def _turn_back(fault: Fault, request: Any) -> None:
    """Ask for the first page in the place of one that there is not, or refuse that one."""
    if fault.kind == "lost" and request.page_token:
        raise RefusedError(code_pb2.INTERNAL, "Internal error encountered.")
    request.page_token = ""


def _spoilt(fault: Fault | None, answer: Any) -> Any:
    """Give an answer as a fault leaves it."""
    if fault is not None and fault.kind == "truncate":
        whole = _serialize(answer)
        return whole[: len(whole) - 3] or _BYTES["malformed"]
    if fault is not None and fault.kind in ("again", "lost"):
        answer.next_page_token = "page-once-more"
    return answer


def _serialize(message: Any) -> bytes:
    """Serialise a message of either kind; what is bytes already stays as it is."""
    if isinstance(message, bytes):
        return message
    kind = type(message)
    return bytes(kind.serialize(message) if hasattr(kind, "serialize") else message.SerializeToString())
