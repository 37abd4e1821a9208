"""The calls that reading a project takes, each with the permission that it needs; answers become facts here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

from google.api_core.exceptions import from_http_response
from google.iam.v1 import options_pb2

from providers.gke import api
from providers.gke.answers import bucket_of, iam_policy, project_of, rest_sink, sink_of
from providers.gke.api import Rpc
from providers.gke.facts import Bucket, IamPolicy, Project, Read, Sink
from providers.gke.failures import SDK_ERRORS, translate
from providers.gke.logs import DATA_ACCESS
from providers.gke.session import Connection
from scanner.errors import CollectionError, Malformed, PermissionDenied
from scanner.ports import CollectContext, Limits

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

    def __init__(self, connection: Connection, context: CollectContext) -> None:
        """Make them over a connection, for an account: within its limits those that no other one waits for."""
        self._connection = connection
        self._waits = context.waits
        self._limits = context.limits

    async def project(self, name: str) -> Project:
        """Read a project: its id, number, parent and state."""
        request = api.PROJECT.request(name=f"projects/{name}")
        found = await self._call(api.PROJECT, request, GET_PROJECT, f"projects/{name}", "resourcemanager.projects.get")
        if not (found.name and found.project_id):
            raise Malformed.answer(GET_PROJECT, f"projects/{name}", "it names no project")
        return project_of(found)

    async def parent_of_folder(self, name: str) -> str:
        """Give the folder or organisation above a folder; asked once for all projects."""
        request = api.FOLDER.request(name=name)

        async def read() -> str:
            folder = await self._call(
                api.FOLDER, request, GET_FOLDER, name, "resourcemanager.folders.get", is_shared=True
            )
            if not folder.parent:
                raise Malformed.answer(GET_FOLDER, name, "it names no parent")
            return str(folder.parent)

        return await self.shared(("parent", name), read)

    async def projects_below(self, parent: str) -> AsyncIterator[Project]:
        """List the projects directly below a folder or organisation; deleted ones are not among them."""
        request = api.PROJECTS.request(parent=parent, page_size=_PAGE)
        pages = self._pages(api.PROJECTS, request, LIST_PROJECTS, parent, "resourcemanager.projects.list")
        async for page in pages:
            for project in page.projects:
                yield project_of(project)

    async def folders_below(self, parent: str) -> AsyncIterator[str]:
        """List the folders directly below a folder or organisation."""
        request = api.FOLDERS.request(parent=parent, page_size=_PAGE)
        async for page in self._pages(api.FOLDERS, request, LIST_FOLDERS, parent, "resourcemanager.folders.list"):
            for folder in page.folders:
                yield folder.name

    async def clusters(self, project_id: str) -> Any:  # noqa: ANN401 - a message of a library without types
        """List the clusters of all regions and zones, and the zones that did not answer, as a raw message."""
        request = api.CLUSTERS.request(parent=f"projects/{project_id}/locations/-")
        where = f"projects/{project_id}"
        return await self._call(api.CLUSTERS, request, LIST_CLUSTERS, where, "container.clusters.list")

    async def iam_policy(self, resource: str, *, is_shared: bool = False) -> IamPolicy:
        """Read the audit configuration and the powerful members of a project, folder or organisation.

        `is_shared` where other accounts wait for the answer as well.
        """
        kind = resource.partition("/")[0]
        request = api.IAM_POLICY[kind].request(
            resource=resource, options=options_pb2.GetPolicyOptions(requested_policy_version=_POLICY_VERSION)
        )
        permission = f"resourcemanager.{kind}.getIamPolicy"
        policy = await self._call(
            api.IAM_POLICY[kind], request, GET_IAM_POLICY, resource, permission, is_shared=is_shared
        )
        return iam_policy(resource, policy)

    async def sinks(self, project_id: str, *, is_shared: bool = False) -> tuple[Sink, ...]:
        """List a project's own sinks; `is_shared` as for `iam_policy`."""
        parent = f"projects/{project_id}"
        request = api.SINKS.request(parent=parent, page_size=_PAGE)
        found: list[Sink] = []
        pages = self._pages(api.SINKS, request, LIST_SINKS, parent, "logging.sinks.list", is_shared=is_shared)
        async for page in pages:
            found += (sink_of(parent, sink) for sink in page.sinks)
        if not found:
            raise Malformed.answer(LIST_SINKS, parent, "it names no log sink, and every project has _Required")
        return tuple(found)

    async def buckets(self, project_id: str) -> dict[str, Read[Bucket]]:
        """List a project's log buckets in all locations, by their full names."""
        parent = f"projects/{project_id}/locations/-"
        request = api.BUCKETS.request(parent=parent, page_size=_PAGE)
        found: dict[str, Read[Bucket]] = {}
        async for page in self._pages(
            api.BUCKETS, request, LIST_BUCKETS, f"projects/{project_id}", "logging.buckets.list"
        ):
            found |= {one.name: one for one in (bucket_of(bucket) for bucket in page.buckets)}
        if not found:
            raise Malformed.answer(LIST_BUCKETS, parent, "it names no log bucket, and every project has _Required")
        return found

    async def bucket(self, name: str) -> Bucket:
        """Read one log bucket, such as one of a central logging project; asked once for all projects."""

        async def read() -> Bucket:
            request = api.BUCKET.request(name=name)
            bucket = await self._call(api.BUCKET, request, GET_BUCKET, name, "logging.buckets.get", is_shared=True)
            if not bucket.name:
                raise Malformed.answer(GET_BUCKET, name, "it names no log bucket")
            return bucket_of(bucket)

        return await self.shared(("bucket", name), read)

    async def newest_entry(self, project_id: str, log_id: str, wanted: str) -> datetime | None:
        """Give the time of the newest entry of a log that a filter matches; None where there is none.

        Google may answer with an empty page and a token where looking takes it long.
        """
        permission = "logging.privateLogEntries.list" if log_id == DATA_ACCESS else "logging.logEntries.list"
        where = f"projects/{project_id}"
        request = api.ENTRIES.request(
            resource_names=[where], filter=wanted, order_by="timestamp desc", page_size=_ONE_ENTRY
        )
        async for page in self._pages(api.ENTRIES, request, LIST_ENTRIES, where, permission):
            for entry in page.entries:
                return cast("datetime", entry.timestamp.ToDatetime(tzinfo=UTC))
        return None

    async def shared_iam_policy(self, resource: str) -> IamPolicy:
        """Read the policy of a folder or organisation, once for all projects below it."""
        return await self.shared(("policy", resource), lambda: self.iam_policy(resource, is_shared=True))

    async def sinks_elsewhere(self, project: str) -> tuple[Sink, ...]:
        """List the sinks of a project that entries are routed to, once for all projects that route theirs there."""
        return await self.shared(("sinks", f"projects/{project}"), lambda: self.sinks(project, is_shared=True))

    async def ancestor_sinks(self, resource: str) -> tuple[Sink, ...]:
        """List the sinks of a folder or organisation, once for all projects; over REST, which tells of interception.

        google-cloud-logging 3.17.0 does not know the field interceptChildren.
        """
        return await self.shared(("sinks", resource), lambda: self._rest_sinks(resource, "", None))

    async def sinks_above(self, project_id: str) -> tuple[Sink, ...]:
        """List the sinks above a project that its own reader sees: those that intercept."""
        return await self._rest_sinks(f"projects/{project_id}", 'in_scope("ANCESTOR")', self._limits)

    async def shared(self, key: tuple[str, str], read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask once, however many projects want to know; an account that stops does not stop the others' question."""
        task = self._connection.shared.get(key)
        if task is None or task.cancelled():
            task = self._connection.shared[key] = asyncio.create_task(read())
        found: T = task.result() if task.done() else await asyncio.shield(task)
        return found

    async def _rest_sinks(self, parent: str, scope: str, limits: Limits | None) -> tuple[Sink, ...]:
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
                limits,
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
        rpc: Rpc,
        request: Any,  # noqa: ANN401 - messages of libraries without types
        operation: str,
        where: str,
        permission: str,
        *,
        is_shared: bool = False,
    ) -> AsyncIterator[Any]:
        """Ask for page after page, each with its own retries."""
        seen: set[str] = set()
        while True:
            page = await self._call(rpc, request, operation, where, permission, is_shared=is_shared)
            yield page
            if not page.next_page_token:
                return
            request.page_token = new_token(page.next_page_token, seen, operation, where)

    async def _call(
        self,
        rpc: Rpc,
        request: Any,  # noqa: ANN401 - messages of libraries without types
        operation: str,
        where: str,
        permission: str,
        *,
        is_shared: bool = False,
    ) -> Any:  # noqa: ANN401 - messages of libraries without types
        """Make one call; `is_shared` as for `iam_policy`."""
        limits = None if is_shared else self._limits
        answer = await self._connection.call(rpc, request, operation, where, permission, self._waits, limits)
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
