"""The Kubernetes API over HTTPS: single objects and lists in pages; every failure says what was asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from providers.self_managed.files import read_file
from providers.self_managed.live.access import Access
from providers.self_managed.live.exec_plugin import run_plugin
from providers.self_managed.live.tls import tls_context
from providers.self_managed.web import Answer, Web
from scanner.errors import CollectionError, CredentialsError, Malformed, NotFound, PermissionDenied, Unreachable
from scanner.model import ScanSettings

Object = dict[str, Any]
MOST: Final = 64 * 1024 * 1024
_PAGE: Final = 250
_MOST_PAGES: Final = 10_000
_LONGEST_MESSAGE: Final = 300
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE = 200, 401, 403, 404, 410


@dataclass(frozen=True, slots=True)
class Resource:
    """What is asked for, in the words of RBAC.

    Attributes:
        plural: ``pods``; with a leading slash a path that is no resource, such as ``/version``.
        name: The one object that is asked for; empty for a list.
    """

    plural: str
    namespace: str = ""
    name: str = ""
    group: str = ""
    version: str = "v1"

    @property
    def path(self) -> str:
        """The path in the API."""
        if self.plural.startswith("/"):
            return self.plural
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{root}{within}/{self.plural}" + (f"/{quote(self.name, safe='')}" if self.name else "")

    @property
    def permission(self) -> str:
        """What RBAC must allow: ``list pods in namespace kube-system``."""
        group = f".{self.group}" if self.group else ""
        name = f"/{self.name}" if self.name else ""
        within = f" in namespace {self.namespace}" if self.namespace else ""
        verb = "get" if self.name or self.plural.startswith("/") else "list"
        return f"{verb} {self.plural}{group}{name}{within}"


class ApiClient:
    """One API server, asked as one identity."""

    def __init__(self, access: Access, scan: ScanSettings) -> None:
        """Keep what is needed to connect; `connected` makes one that is ready."""
        self._access = access
        self._scan = scan
        self._identity = access.identity
        self._stack = AsyncExitStack()
        self._web: Web | None = None
        self._renewing = asyncio.Lock()

    async def get(self, resource: Resource) -> Object:
        """Give one object; CollectionError says why it could not be had."""
        where = self._where(resource)
        found = _object(await self._ask(resource, ""), where)
        metadata = found.get("metadata")
        if resource.name and not (isinstance(metadata, dict) and metadata.get("name") == resource.name):
            raise Malformed("answers with another object than the one that was asked for", where=where)
        return found

    async def list_all(
        self, resource: Resource, keep: Callable[[Object], bool] = lambda _: True, *, label_selector: str = ""
    ) -> list[Object]:
        """Give the objects of a list that are to be kept, page after page.

        A list whose continue token went stale (410 Gone) is read from its beginning once more.
        """
        try:
            return await self._pages(resource, keep, label_selector)
        except _Expired:
            pass
        try:
            return await self._pages(resource, keep, label_selector)
        except _Expired as error:
            raise Unreachable(error.what, where=error.where, hint=error.hint) from error

    async def _pages(self, resource: Resource, keep: Callable[[Object], bool], label_selector: str) -> list[Object]:
        """Read all pages from the first on."""
        where = self._where(resource)
        kept: list[Object] = []
        token = ""
        for _ in range(_MOST_PAGES):
            query = {"limit": str(_PAGE)}
            query |= {"labelSelector": label_selector} if label_selector else {}
            query |= {"continue": token} if token else {}
            page = _object(await self._ask(resource, f"?{urlencode(query)}"), where)
            items, metadata = page.get("items", ""), page.get("metadata")
            if not (items is None or isinstance(items, list)) or not isinstance(metadata, dict):
                raise Malformed("answers with no Kubernetes list", where=where)
            # Go writes an empty list as null.
            kept += [item for item in items or () if isinstance(item, dict) and keep(item)]
            following = metadata.get("continue") or ""
            if not following:
                return kept
            if not isinstance(following, str) or following == token:
                raise Malformed("gives a continue token that leads nowhere", where=where)
            token = following
        raise Malformed(f"has more than {_MOST_PAGES} pages", where=where)

    async def _ask(self, resource: Resource, query: str) -> bytes:
        """Ask once, and once more where the credentials can be renewed."""
        used = await self._connection(None)
        answer = await self._send(used, resource, query)
        if answer.status == _UNAUTHORIZED and self._access.identity.plugin is not None:
            used = await self._connection(used)
            answer = await self._send(used, resource, query)
        if answer.status != _OK:
            raise self._refusal(answer, resource)
        return answer.body

    async def _send(self, web: Web, resource: Resource, query: str) -> Answer:
        headers = [("Accept", "application/json"), *await self._headers()]
        url = f"{self._access.server}{resource.path}{query}"
        return await web.get(url, where=self._where(resource), most=MOST, headers=headers)

    async def _headers(self) -> tuple[tuple[str, str], ...]:
        """Give the headers that say who asks."""
        token = self._identity.token
        if self._identity.token_file is not None:
            shown = f"{self._access.shown}: tokenFile {self._identity.token_file}"
            data = await asyncio.to_thread(read_file, self._identity.token_file, shown)
            token = data.decode("utf-8", "replace").strip()
        if token and not (token.isascii() and token.isprintable()):
            raise CredentialsError("has a token that cannot be sent", where=self._access.shown)
        bearer = (("Authorization", f"Bearer {token}"),) if token else ()
        return (*bearer, *self._access.identity.impersonate)

    async def _connection(self, stale: Web | None) -> Web:
        """Give the connections; new ones, with fresh credentials, where there are none or only stale ones."""
        async with self._renewing:
            if self._web is None or self._web is stale:
                given = self._access.identity
                if given.plugin is not None:
                    fresh = await run_plugin(given.plugin, self._access, self._scan.call_timeout)
                    self._identity = replace(fresh, certificate=fresh.certificate or given.certificate)
                tls = await asyncio.to_thread(tls_context, self._access, self._identity.certificate)
                web = Web(tls, self._scan, proxy=self._access.proxy, server_name=self._access.server_name)
                # The stale ones stay open until the end: others may still wait for an answer on them.
                self._web = await self._stack.enter_async_context(web)
            return self._web

    async def close(self) -> None:
        """Close the connections."""
        await self._stack.aclose()

    def _where(self, resource: Resource) -> str:
        return f"GET {self._access.server}{resource.path}"

    def _refusal(self, answer: Answer, resource: Resource) -> CollectionError:
        """Turn a status into an error that says what to do."""
        where = self._where(resource)
        said = _message(answer.body)
        if answer.status == _UNAUTHORIZED:
            hint = f"renew the credentials of {self._access.shown}: they are missing, expired or of another cluster"
            what = "is refused: the API server does not accept the credentials"
            return CredentialsError(what, where=where, hint=hint, said=said)
        if answer.status == _FORBIDDEN:
            hint = "grant what `k8s-audit-coverage providers self_managed --permissions rbac` prints"
            what = f"is denied: RBAC does not allow to {resource.permission}"
            return PermissionDenied(what, where=where, hint=hint, permission=resource.permission, said=said)
        if answer.status == _NOT_FOUND:
            return NotFound("is not there", where=where, said=said)
        if answer.status == _GONE:
            hint = "scan again when the cluster changes less"
            return _Expired("changes faster than it can be listed (HTTP 410)", where=where, hint=hint)
        return Malformed(f"answers with HTTP {answer.status}", where=where, said=said)


class _Expired(Unreachable):
    """A continue token is too old."""


@asynccontextmanager
async def connected(access: Access, scan: ScanSettings) -> AsyncIterator[ApiClient]:
    """Give a client, and close its connections afterwards."""
    client = ApiClient(access, scan)
    try:
        yield client
    finally:
        await client.close()


def _object(body: bytes, where: str) -> Object:
    """Read a JSON object; Malformed where it is none, without quoting it."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        hint = "is it a Kubernetes API server, or a proxy's page?"
        raise Malformed("answers with what is no JSON", where=where, hint=hint) from None
    if not isinstance(value, dict):
        raise Malformed("answers with no Kubernetes object", where=where)
    return value


def _message(body: bytes) -> str:
    """Give the sentence of a Kubernetes Status, on one line and not too long; empty where it is none."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = status.get("message") if isinstance(status, dict) and status.get("kind") == "Status" else None
    if not isinstance(message, str):
        return ""
    text = " ".join(message.split())
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"
