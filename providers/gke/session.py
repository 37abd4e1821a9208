"""Credentials and connections: one of each for all accounts that use the same ones."""

from __future__ import annotations

import asyncio
import random
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

import google.auth
from google.api_core.exceptions import TooManyRequests
from google.auth import credentials as auth_credentials
from google.auth import impersonated_credentials
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import service_account

from providers.gke.api import Api, Rpc, open_channel
from providers.gke.authorization import Authorize
from providers.gke.failures import SDK_ERRORS, asked_to_wait, translate, unusable
from providers.gke.options import GkeOptions
from scanner.errors import CredentialsError, Throttled
from scanner.model import ScanSettings
from scanner.ports import Limits, Waits

T = TypeVar("T")
Turn: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_UNIVERSE = "googleapis.com"
"""Sovereign clouds that Google's partners run have others; their credentials count nowhere else."""
_RETRIED = frozenset({429, 500, 502, 503, 504})
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 20.0
_REFUSALS = 3
"""Times `retries`: of a quota that is used up, the calls that wait for it are refused in turns."""


class Connection:
    """Clients with the same credentials and endpoints, within one event loop.

    Attributes:
        shared: Answers about folders and organisations, which many projects have in common, by what was asked.
        identity: Whom the scan runs as, as far as the credentials say so.
    """

    def __init__(self, credentials: auth_credentials.Credentials, options: GkeOptions, scan: ScanSettings) -> None:
        """Open nothing yet: a channel connects with its first call."""
        self.identity = getattr(credentials, "service_account_email", "") or "the application default credentials"
        self._consumer = _charged(credentials) or self.identity
        self.shared: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self.rest_endpoint = options.endpoints.logging_rest
        self.asset_endpoint = options.endpoints.asset
        # Without a limit of its own the library waits two minutes for a token, and asks four times.
        self._token_request = cast("Request", partial(Request(), timeout=scan.call_timeout))
        self.rest = AuthorizedSession(credentials, auth_request=self._token_request)
        # Calls that wait in threads may hold up none of another connection, which asyncio's few threads would.
        self._threads = ThreadPoolExecutor(scan.max_calls, "gke")
        self.users = 0
        self._scan = scan
        self._credentials = credentials
        self._endpoints = options.endpoints
        self._limit = asyncio.Semaphore(scan.max_calls)
        self._apis: dict[type[Any], Api] = {}

    async def call(
        self,
        rpc: Rpc,
        request: object,
        operation: str,
        where: str,
        permission: str,
        waits: Waits,
        limits: Limits | None = None,
    ) -> Any:  # noqa: ANN401 - messages of libraries without types
        """Make one call by gRPC with its retries; the number of calls in flight is bounded.

        Args:
            rpc: The method.
            request: A message that its `request` made.
            operation: The method's name in reports.
            where: Of what: a project, a folder.
            permission: The IAM permission that the method needs.
            waits: Told what is waited for.
            limits: Those of the account that asks; none where other accounts wait for the answer as well.

        Raises:
            CollectionError: It failed past the last retry.
        """
        api = self._apis.get(rpc.transport) or self._open(rpc)
        timeout = self._scan.call_timeout
        turn = partial(limits.of, self._counted(rpc.endpoint, where, is_read=rpc.is_read)) if limits else None
        return await self._with_retries(
            lambda: api.call(rpc, request, timeout), operation, where, permission, waits, turn
        )

    async def rest_call(
        self,
        call: Callable[[], T],
        operation: str,
        where: str,
        permission: str,
        waits: Waits,
        limits: Limits | None = None,
        *,
        endpoint: str = "logging",
    ) -> T:
        """Make one REST call in a thread; the arguments are those of `call`, and by which endpoint's quota it counts.

        Raises:
            CollectionError: It failed past the last retry.
        """
        turn = partial(limits.of, self._counted(endpoint, where)) if limits else None
        loop = asyncio.get_running_loop()

        async def once() -> T:
            return await loop.run_in_executor(self._threads, call)

        return await self._with_retries(once, operation, where, permission, waits, turn)

    async def _with_retries(
        self,
        once: Callable[[], Awaitable[T]],
        operation: str,
        where: str,
        permission: str,
        waits: Waits,
        turn: Turn | None,
    ) -> T:
        """Make a call until it succeeds or fails for good; whoever waits to ask again holds up no other call."""
        waits(f"{where}: {operation}")
        wait, tries = _FIRST_WAIT, 0
        while True:
            tries += 1
            try:
                if turn:
                    return await _in_turn(once, turn)
                async with self._limit:
                    return await once()
            except Throttled as throttled:
                if tries > _REFUSALS * self._scan.retries:
                    raise translate(cast("Exception", throttled.__cause__), operation, where, permission) from throttled
                continue  # the next turn comes when Google has had its pause
            except SDK_ERRORS as error:
                most = self._scan.retries * (_REFUSALS if isinstance(error, TooManyRequests) else 1)
                if tries > most or not is_transient(error):
                    raise translate(error, operation, where, permission) from error
                # Of many calls that are throttled at once, not all come back at once.
                pause = (asked_to_wait(error) or 0.0) + random.uniform(wait / 2, wait)  # noqa: S311 - no secret
            await asyncio.sleep(min(pause, _LONGEST_WAIT))
            wait = min(wait * 2, _LONGEST_WAIT)

    def _counted(self, endpoint: str, where: str, *, is_read: bool = False) -> str:
        """Give what Google counts a call by.

        Kubernetes Engine counts calls by the project that has the clusters, the other APIs by the one that the
        credentials belong to or that `quota_project` names, however many projects are asked about. Source: Google
        Cloud, "Quota project overview" (docs/quotas/quota-project), resource-based and client-based APIs.
        """
        project = where if endpoint == "container" else self._consumer
        return f"gcp:{project}:{endpoint}{'.read' if is_read else ''}"

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect, and to wait for an answer."""
        return self._scan.connect_timeout, self._scan.call_timeout

    async def close(self) -> None:
        """Close what was opened."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.rest.close()
        for api in self._apis.values():
            await api.close()

    def _open(self, rpc: Rpc) -> Api:
        """Open an API when it is first needed."""
        authorize = Authorize(self._credentials, self._token_request, rpc.transport.DEFAULT_HOST, self._threads)
        host = getattr(self._endpoints, rpc.endpoint)
        transport = rpc.transport(host=host, credentials=self._credentials, channel=open_channel)
        api = self._apis[rpc.transport] = Api(transport, authorize)
        return api


class Connections:
    """Finds the connection that an account shares with others."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: dict[tuple[object, ...], asyncio.Task[Connection]] = {}

    async def take(self, options: GkeOptions, scan: ScanSettings) -> Connection:
        """Give the connection for an account; `release` it afterwards.

        Raises:
            CollectionError: The credentials cannot be used.
        """
        key = self._key(options, scan)
        task = self._open.get(key)
        if task is None:
            task = self._open[key] = asyncio.create_task(_connect(options, scan))
        try:
            connection = await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._open.pop(key, None)
            raise
        connection.users += 1
        return connection

    async def release(self, options: GkeOptions, scan: ScanSettings, connection: Connection) -> None:
        """Close a connection that no account uses any longer."""
        connection.users -= 1
        if connection.users == 0:
            self._open.pop(self._key(options, scan), None)
            await connection.close()

    def _key(self, options: GkeOptions, scan: ScanSettings) -> tuple[object, ...]:
        """Give what two accounts must have in common to share a connection; loops differ between runs."""
        loop = asyncio.get_running_loop()
        return (id(loop), options.credentials_file, options.impersonate, options.quota_project, options.endpoints, scan)


async def _connect(options: GkeOptions, scan: ScanSettings) -> Connection:
    """Load the credentials, which blocks, and build the connection."""
    try:
        credentials = await asyncio.to_thread(_credentials, options)
    except SDK_ERRORS as error:
        raise unusable(error, options.credentials_file or "Application Default Credentials") from error
    return Connection(credentials, options, scan)


def _credentials(options: GkeOptions) -> Any:  # noqa: ANN401 - each form has a class of its own
    """Find credentials in any of the forms that Google's libraries know."""
    if options.credentials_file:
        with warnings.catch_warnings():
            # The library warns of files that a stranger hands in; this one is named by whoever configures the scan.
            warnings.simplefilter("ignore", DeprecationWarning)
            found, _ = google.auth.load_credentials_from_file(options.credentials_file, scopes=_SCOPES)
    else:
        found, _ = google.auth.default(scopes=_SCOPES)
    if isinstance(found, service_account.Credentials) and not options.impersonate:
        # A token that the key signs itself needs no token endpoint, and works where that is out of reach.
        found = found.with_always_use_jwt_access(always_use_jwt_access=True)
    if options.impersonate:
        url = f"https://{options.endpoints.iam_credentials}/v1/projects/-/serviceAccounts/{options.impersonate}"
        found = impersonated_credentials.Credentials(
            found, options.impersonate, list(_SCOPES), iam_endpoint_override=f"{url}:generateAccessToken"
        )
    if options.quota_project:
        found = found.with_quota_project(options.quota_project)
    if found.universe_domain != _UNIVERSE:
        what = f"the Google credentials are of {found.universe_domain}, and only {_UNIVERSE} is asked"
        raise CredentialsError(
            what, where=options.credentials_file or "", hint="use credentials of Google Cloud itself"
        )
    return found


def _charged(credentials: auth_credentials.Credentials) -> str:
    """Name the project whose quota calls with some credentials use; "" where they do not say."""
    return getattr(credentials, "quota_project_id", None) or getattr(credentials, "project_id", None) or ""


async def _in_turn(once: Callable[[], Awaitable[T]], turn: Turn) -> T:
    """Make a call when the limits say that it is its turn, and tell them where Google asks for fewer.

    Raises:
        Throttled: It does; the cause is its answer.
    """
    async with turn():
        try:
            return await once()
        except TooManyRequests as error:
            raise Throttled("Google asks for fewer calls", retry_after=asked_to_wait(error)) from error


def is_transient(error: Exception) -> bool:
    """Tell whether it is worth asking again."""
    if getattr(error, "code", None) in _RETRIED:
        return True
    return type(error).__name__ in (
        "ConnectionError",
        "Timeout",
        "ReadTimeout",
        "ConnectTimeout",
        "ChunkedEncodingError",
    )
