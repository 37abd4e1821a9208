"""The calls that reading a project takes, each with the permission that it needs; answers become facts here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

from google.api_core.exceptions import from_http_response
from google.cloud import container_v1, resourcemanager_v3
from google.cloud.logging_v2.types import GetBucketRequest, ListBucketsRequest, ListSinksRequest, LogSink
from google.iam.v1 import iam_policy_pb2, options_pb2, policy_pb2

from providers.gke.facts import AuditLogConfig, Bucket, Exclusion, Read, Sink
from providers.gke.failures import SDK_ERRORS, translate
from providers.gke.session import Connection
from scanner.errors import CollectionError, PermissionDenied
from scanner.ports import Waits

T = TypeVar("T")

LIST_CLUSTERS: Final = "container:ListClusters"
GET_PROJECT: Final = "resourcemanager:GetProject"
GET_FOLDER: Final = "resourcemanager:GetFolder"
LIST_PROJECTS: Final = "resourcemanager:ListProjects"
LIST_FOLDERS: Final = "resourcemanager:ListFolders"
GET_IAM_POLICY: Final = "resourcemanager:getIamPolicy"
LIST_SINKS: Final = "logging:ListSinks"
LIST_BUCKETS: Final = "logging:ListBuckets"
GET_BUCKET: Final = "logging:GetBucket"
_PAGE: Final = 500
_POLICY_VERSION: Final = 3
_LOG_TYPES: Final = policy_pb2.AuditLogConfig.LogType
_REST_ERROR: Final = 400


class Calls:
    """All calls of one account."""

    def __init__(self, connection: Connection, waits: Waits) -> None:
        """Make them over a connection."""
        self._connection = connection
        self._waits = waits

    async def project(self, name: str) -> resourcemanager_v3.Project:
        """Read a project: its id, number, parent and state."""
        request = resourcemanager_v3.GetProjectRequest(name=f"projects/{name}")
        method = self._connection.projects.get_project
        found: resourcemanager_v3.Project = await self._call(
            method, request, GET_PROJECT, f"projects/{name}", "resourcemanager.projects.get"
        )
        return found

    async def parent_of_folder(self, name: str) -> str:
        """Give the folder or organisation above a folder; asked once for all projects."""
        request = resourcemanager_v3.GetFolderRequest(name=name)

        async def read() -> str:
            method = self._connection.folders.get_folder
            folder = await self._call(method, request, GET_FOLDER, name, "resourcemanager.folders.get")
            return str(folder.parent)

        return await self._shared(("parent", name), read)

    async def projects_below(self, parent: str) -> AsyncIterator[resourcemanager_v3.Project]:
        """List the projects directly below a folder or organisation; deleted ones are not among them."""
        request = resourcemanager_v3.ListProjectsRequest(parent=parent, page_size=_PAGE)
        method = self._connection.projects.list_projects
        pages = self._pages(method, request, LIST_PROJECTS, parent, "resourcemanager.projects.list")
        async for page in pages:
            for project in page.projects:
                yield project

    async def folders_below(self, parent: str) -> AsyncIterator[str]:
        """List the folders directly below a folder or organisation."""
        request = resourcemanager_v3.ListFoldersRequest(parent=parent, page_size=_PAGE)
        method = self._connection.folders.list_folders
        async for page in self._pages(method, request, LIST_FOLDERS, parent, "resourcemanager.folders.list"):
            for folder in page.folders:
                yield folder.name

    async def clusters(self, project_id: str) -> Any:  # noqa: ANN401 - a message of a library without types
        """List the clusters of all regions and zones, and the zones that did not answer, as a raw message.

        Reading fields of the raw message takes a twentieth of what the wrapped one takes.
        """
        request = container_v1.ListClustersRequest(parent=f"projects/{project_id}/locations/-")
        method = self._connection.clusters.list_clusters
        unwrap = cast("Callable[[Any], Any]", container_v1.ListClustersResponse.pb)
        where = f"projects/{project_id}"
        answer = await self._call(method, request, LIST_CLUSTERS, where, "container.clusters.list")
        return unwrap(answer)

    async def audit_configs(self, resource: str) -> tuple[AuditLogConfig, ...]:
        """Read the audit configuration of a project, folder or organisation."""
        kind = resource.partition("/")[0]
        client: Any = {
            "projects": lambda: self._connection.projects,
            "folders": lambda: self._connection.folders,
            "organizations": lambda: self._connection.organizations,
        }[kind]()
        request = iam_policy_pb2.GetIamPolicyRequest(
            resource=resource, options=options_pb2.GetPolicyOptions(requested_policy_version=_POLICY_VERSION)
        )
        permission = f"resourcemanager.{kind}.getIamPolicy"
        policy = await self._call(client.get_iam_policy, request, GET_IAM_POLICY, resource, permission)
        return tuple(
            AuditLogConfig(resource, config.service, _log_type(log.log_type), tuple(log.exempted_members))
            for config in policy.audit_configs
            for log in config.audit_log_configs
        )

    async def sinks(self, project_id: str) -> tuple[Sink, ...]:
        """List a project's own sinks."""
        parent = f"projects/{project_id}"
        request = ListSinksRequest(parent=parent, page_size=_PAGE)
        method = self._connection.logging.list_sinks
        found: list[Sink] = []
        async for page in self._pages(method, request, LIST_SINKS, parent, "logging.sinks.list"):
            found += (_sink(parent, sink) for sink in LogSinks.of(page))
        return tuple(found)

    async def buckets(self, project_id: str) -> dict[str, Read[Bucket]]:
        """List a project's log buckets in all locations, by their full names."""
        parent = f"projects/{project_id}/locations/-"
        request = ListBucketsRequest(parent=parent, page_size=_PAGE)
        method = self._connection.logging.list_buckets
        found: dict[str, Read[Bucket]] = {}
        async for page in self._pages(method, request, LIST_BUCKETS, f"projects/{project_id}", "logging.buckets.list"):
            found |= {bucket.name: _bucket(bucket) for bucket in page.buckets}
        return found

    async def bucket(self, name: str) -> Bucket:
        """Read one log bucket, such as one of a central logging project; asked once for all projects."""

        async def read() -> Bucket:
            request = GetBucketRequest(name=name)
            method = self._connection.logging.get_bucket
            return _bucket(await self._call(method, request, GET_BUCKET, name, "logging.buckets.get"))

        return await self._shared(("bucket", name), read)

    async def shared_audit_configs(self, resource: str) -> tuple[AuditLogConfig, ...]:
        """Read the audit configuration of a folder or organisation, once for all projects below it."""
        return await self._shared(("audit", resource), lambda: self.audit_configs(resource))

    async def ancestor_sinks(self, resource: str) -> tuple[Sink, ...]:
        """List the sinks of a folder or organisation, once for all projects; over REST, which tells of interception.

        google-cloud-logging 3.17.0 does not know the field interceptChildren.
        """
        return await self._shared(("sinks", resource), lambda: self._rest_sinks(resource, ""))

    async def sinks_above(self, project_id: str) -> tuple[Sink, ...]:
        """List the sinks above a project that its own reader sees: those that intercept."""
        return await self._rest_sinks(f"projects/{project_id}", 'in_scope("ANCESTOR")')

    async def _rest_sinks(self, parent: str, scope: str) -> tuple[Sink, ...]:
        """List sinks over REST, page by page."""
        found: list[Sink] = []
        token = ""
        while True:
            page = await self._connection.rest_call(
                lambda token=token: self._rest_page(parent, scope, token),  # type: ignore[misc]
                LIST_SINKS,
                parent,
                "logging.sinks.list",
                self._waits,
            )
            try:
                found += (_rest_sink(parent, sink) for sink in page.get("sinks", []))
                token = str(page.get("nextPageToken") or "")
            except SDK_ERRORS as error:
                raise translate(error, LIST_SINKS, parent) from error
            if not token:
                return tuple(found)

    def _rest_page(self, parent: str, scope: str, token: str) -> dict[str, Any]:
        """Ask for one page."""
        query = (
            {"pageSize": str(_PAGE)} | ({"filter": scope} if scope else {}) | ({"pageToken": token} if token else {})
        )
        url = f"https://{self._connection.rest_endpoint}/v2/{quote(parent)}/sinks"
        answer = self._connection.rest.get(url, params=query, timeout=self._connection.timeouts, allow_redirects=False)
        if answer.status_code >= _REST_ERROR:
            raise from_http_response(answer)
        page: dict[str, Any] = answer.json()
        return page

    async def _pages(
        self,
        method: Callable[..., Any],
        request: Any,  # noqa: ANN401 - messages of libraries without types
        operation: str,
        where: str,
        permission: str,
    ) -> AsyncIterator[Any]:
        """Ask for page after page, each with its own retries; a token that comes again ends it."""
        seen: set[str] = set()
        while True:
            pager = await self._call(method, request, operation, where, permission)
            page = await anext(aiter(pager.pages))
            yield page
            token = page.next_page_token
            if not token or token in seen:
                return
            seen.add(token)
            request.page_token = token

    async def _call(
        self,
        method: Callable[..., Any],
        request: Any,  # noqa: ANN401 - messages of libraries without types
        operation: str,
        where: str,
        permission: str,
    ) -> Any:  # noqa: ANN401 - messages of libraries without types
        """Make one call."""
        return await self._connection.call(method, request, operation, where, permission, self._waits)

    async def _shared(self, key: tuple[str, str], read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask once, however many projects want to know; an account that stops does not stop the others' question."""
        task = self._connection.shared.get(key)
        if task is None or task.cancelled():
            task = self._connection.shared[key] = asyncio.create_task(read())
        found: T = await asyncio.shield(task)
        return found


class LogSinks:
    """The sinks of a page, as raw messages."""

    @staticmethod
    def of(page: Any) -> list[Any]:  # noqa: ANN401 - a message of a library without types
        """Unwrap them: reading a raw message's fields is many times faster."""
        return [LogSink.pb(sink) for sink in page.sinks]


def is_denied(found: object) -> bool:
    """Tell whether something was not read for want of a permission."""
    return isinstance(found, PermissionDenied)


async def outcome(reading: Coroutine[Any, Any, T]) -> T | CollectionError:
    """Give what was read, or why it could not be."""
    try:
        return await reading
    except CollectionError as error:
        return error


def _log_type(number: int) -> str:
    """Name a log type; one that this version of the library does not know keeps its number."""
    return _LOG_TYPES.Name(number) if number in _LOG_TYPES.values() else str(number)


def _sink(parent: str, sink: Any) -> Sink:  # noqa: ANN401 - a raw message
    """Turn a raw sink into facts; a project has nothing below it to intercept."""
    exclusions = tuple(Exclusion(one.name, one.filter, one.disabled) for one in sink.exclusions)
    return Sink(parent, sink.name, sink.destination, sink.filter, sink.disabled, exclusions, sink.include_children)


def _rest_sink(parent: str, sink: dict[str, Any]) -> Sink:
    """Turn a sink as REST gives it into facts; its own full name says where it is defined."""
    resource = str(sink.get("resourceName") or "")
    home = resource.partition("/sinks/")[0] if "/sinks/" in resource else parent
    return Sink(
        parent=home,
        name=str(sink["name"]),
        destination=str(sink["destination"]),
        filter=str(sink.get("filter") or ""),
        disabled=bool(sink.get("disabled", False)),
        exclusions=tuple(
            Exclusion(str(one["name"]), str(one["filter"]), bool(one.get("disabled", False)))
            for one in sink.get("exclusions", [])
        ),
        include_children=bool(sink.get("includeChildren", False)),
        intercept_children=bool(sink.get("interceptChildren", False)),
    )


def _bucket(bucket: Any) -> Bucket:  # noqa: ANN401 - a message of a library without types
    """Turn a bucket into facts; Google keeps entries 30 days where no number is set."""
    return Bucket(
        name=bucket.name,
        retention_days=bucket.retention_days or 30,
        locked=bucket.locked,
        kms_key=bucket.cmek_settings.kms_key_name,
        restricted_fields=tuple(bucket.restricted_fields),
        lifecycle_state=str(bucket.lifecycle_state.name) if bucket.lifecycle_state else "ACTIVE",
    )
