"""The calls that reading a project takes, each with the permission that it needs; answers become facts here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

from google.api_core.exceptions import from_http_response
from google.cloud import container_v1, resourcemanager_v3
from google.cloud.logging_v2.types import (
    GetBucketRequest,
    ListBucketsRequest,
    ListLogEntriesRequest,
    ListSinksRequest,
    LogBucket,
    LogSink,
)
from google.iam.v1 import iam_policy_pb2, options_pb2

from providers.gke.answers import bucket_of, iam_policy, rest_sink, sink_of
from providers.gke.facts import Bucket, IamPolicy, Read, Sink
from providers.gke.failures import SDK_ERRORS, translate
from providers.gke.logs import DATA_ACCESS
from providers.gke.session import Connection
from scanner.errors import CollectionError, Malformed, PermissionDenied
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
LIST_ENTRIES: Final = "logging:ListLogEntries"
GET_BUCKET: Final = "logging:GetBucket"
_PAGE: Final = 500
_ONE_ENTRY: Final = 1
_POLICY_VERSION: Final = 3
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
        if not (found.name and found.project_id):
            raise Malformed.answer(GET_PROJECT, f"projects/{name}", "it names no project")
        return found

    async def parent_of_folder(self, name: str) -> str:
        """Give the folder or organisation above a folder; asked once for all projects."""
        request = resourcemanager_v3.GetFolderRequest(name=name)

        async def read() -> str:
            method = self._connection.folders.get_folder
            folder = await self._call(method, request, GET_FOLDER, name, "resourcemanager.folders.get")
            if not folder.parent:
                raise Malformed.answer(GET_FOLDER, name, "it names no parent")
            return str(folder.parent)

        return await self.shared(("parent", name), read)

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

    async def iam_policy(self, resource: str) -> IamPolicy:
        """Read the audit configuration and the powerful members of a project, folder or organisation."""
        kind = resource.partition("/")[0]
        client: Any = getattr(self._connection, kind)
        request = iam_policy_pb2.GetIamPolicyRequest(
            resource=resource, options=options_pb2.GetPolicyOptions(requested_policy_version=_POLICY_VERSION)
        )
        permission = f"resourcemanager.{kind}.getIamPolicy"
        policy = await self._call(client.get_iam_policy, request, GET_IAM_POLICY, resource, permission)
        return iam_policy(resource, policy)

    async def sinks(self, project_id: str) -> tuple[Sink, ...]:
        """List a project's own sinks."""
        parent = f"projects/{project_id}"
        request = ListSinksRequest(parent=parent, page_size=_PAGE)
        method = self._connection.logging.list_sinks
        found: list[Sink] = []
        async for page in self._pages(method, request, LIST_SINKS, parent, "logging.sinks.list"):
            found += (sink_of(parent, LogSink.pb(sink)) for sink in page.sinks)
        return tuple(found)

    async def buckets(self, project_id: str) -> dict[str, Read[Bucket]]:
        """List a project's log buckets in all locations, by their full names."""
        parent = f"projects/{project_id}/locations/-"
        request = ListBucketsRequest(parent=parent, page_size=_PAGE)
        method = self._connection.logging.list_buckets
        found: dict[str, Read[Bucket]] = {}
        async for page in self._pages(method, request, LIST_BUCKETS, f"projects/{project_id}", "logging.buckets.list"):
            found |= {one.name: one for one in (bucket_of(LogBucket.pb(bucket)) for bucket in page.buckets)}
        return found

    async def bucket(self, name: str) -> Bucket:
        """Read one log bucket, such as one of a central logging project; asked once for all projects."""

        async def read() -> Bucket:
            request = GetBucketRequest(name=name)
            method = self._connection.logging.get_bucket
            bucket = await self._call(method, request, GET_BUCKET, name, "logging.buckets.get")
            if not bucket.name:
                raise Malformed.answer(GET_BUCKET, name, "it names no log bucket")
            return bucket_of(LogBucket.pb(bucket))

        return await self.shared(("bucket", name), read)

    async def newest_entry(self, project_id: str, log_id: str, wanted: str) -> datetime | None:
        """Give the time of the newest entry of a log that a filter matches; None where there is none.

        Google may answer with an empty page and a token where looking takes it long.
        """
        permission = "logging.privateLogEntries.list" if log_id == DATA_ACCESS else "logging.logEntries.list"
        where = f"projects/{project_id}"
        request = ListLogEntriesRequest(
            resource_names=[where], filter=wanted, order_by="timestamp desc", page_size=_ONE_ENTRY
        )
        method = self._connection.entries.list_log_entries
        async for page in self._pages(method, request, LIST_ENTRIES, where, permission):
            for entry in page.entries:
                return cast("datetime", entry.timestamp)
        return None

    async def shared_iam_policy(self, resource: str) -> IamPolicy:
        """Read the policy of a folder or organisation, once for all projects below it."""
        return await self.shared(("policy", resource), lambda: self.iam_policy(resource))

    async def sinks_elsewhere(self, project: str) -> tuple[Sink, ...]:
        """List the sinks of a project that entries are routed to, once for all projects that route theirs there."""
        return await self.shared(("sinks", f"projects/{project}"), lambda: self.sinks(project))

    async def ancestor_sinks(self, resource: str) -> tuple[Sink, ...]:
        """List the sinks of a folder or organisation, once for all projects; over REST, which tells of interception.

        google-cloud-logging 3.17.0 does not know the field interceptChildren.
        """
        return await self.shared(("sinks", resource), lambda: self._rest_sinks(resource, ""))

    async def sinks_above(self, project_id: str) -> tuple[Sink, ...]:
        """List the sinks above a project that its own reader sees: those that intercept."""
        return await self._rest_sinks(f"projects/{project_id}", 'in_scope("ANCESTOR")')

    async def shared(self, key: tuple[str, str], read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask once, however many projects want to know; an account that stops does not stop the others' question."""
        task = self._connection.shared.get(key)
        if task is None or task.cancelled():
            task = self._connection.shared[key] = asyncio.create_task(read())
        found: T = await asyncio.shield(task)
        return found

    async def _rest_sinks(self, parent: str, scope: str) -> tuple[Sink, ...]:
        """List sinks over REST, page by page."""
        found: list[Sink] = []
        seen: set[str] = set()
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
                found += (rest_sink(parent, sink) for sink in page.get("sinks", []))
                token = str(page.get("nextPageToken") or "")
            except SDK_ERRORS as error:
                raise translate(error, LIST_SINKS, parent) from error
            if not token:
                return tuple(found)
            new_token(token, seen, LIST_SINKS, parent)

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
        """Ask for page after page, each with its own retries."""
        seen: set[str] = set()
        while True:
            pager = await self._call(method, request, operation, where, permission)
            page = _readable(await anext(aiter(pager.pages)), operation, where)
            yield page
            if not page.next_page_token:
                return
            request.page_token = new_token(page.next_page_token, seen, operation, where)

    async def _call(
        self,
        method: Callable[..., Any],
        request: Any,  # noqa: ANN401 - messages of libraries without types
        operation: str,
        where: str,
        permission: str,
    ) -> Any:  # noqa: ANN401 - messages of libraries without types
        """Make one call."""
        answer = await self._connection.call(method, request, operation, where, permission, self._waits)
        return _readable(answer, operation, where)


def _readable(answer: T | None, operation: str, where: str) -> T:
    """Give an answer back; gRPC puts None in the place of bytes that are no message of the kind that is expected."""
    if answer is None:
        what = f"the answer to {operation} cannot be understood: its bytes are no message of that kind"
        raise Malformed(what, where=where, hint="check for a proxy that answers in the API's place")
    return answer


def new_token(token: str, seen: set[str], operation: str, where: str) -> str:
    """Give a page's token back; one that was there before would lead round in circles."""
    if token in seen:
        what = f"the answer to {operation} cannot be understood: it names the same next page again"
        raise Malformed(what, where=where, hint="check for a proxy that answers in the API's place")
    seen.add(token)
    return token


def is_denied(found: object) -> bool:
    """Tell whether something was not read for want of a permission."""
    return isinstance(found, PermissionDenied)


async def outcome(reading: Coroutine[Any, Any, T]) -> T | CollectionError:
    """Give what was read, or why it could not be."""
    try:
        return await reading
    except CollectionError as error:
        return error
