"""Credentials and connections: one of each for all accounts that use the same ones."""

from __future__ import annotations

import asyncio
import random
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

import google.auth
from google.auth import credentials as auth_credentials
from google.auth import impersonated_credentials
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import service_account

from providers.gke.api import Api, Rpc, open_channel
from providers.gke.authorization import Authorize
from providers.gke.failures import SDK_ERRORS, translate, unusable
from providers.gke.options import GkeOptions
from scanner.errors import CredentialsError
from scanner.model import ScanSettings
from scanner.ports import Waits

T = TypeVar("T")

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_UNIVERSE = "googleapis.com"
"""Sovereign clouds that Google's partners run have others; their credentials count nowhere else."""
_RETRIED = frozenset({429, 500, 502, 503, 504})
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 20.0


class Connection:
    """Clients with the same credentials and endpoints, within one event loop.

    Attributes:
        shared: Answers about folders and organisations, which many projects have in common, by what was asked.
        identity: Whom the scan runs as, as far as the credentials say so.
    """

    def __init__(self, credentials: auth_credentials.Credentials, options: GkeOptions, scan: ScanSettings) -> None:
        """Open nothing yet: a channel connects with its first call."""
        self.identity = getattr(credentials, "service_account_email", "") or "the application default credentials"
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
    ) -> Any:  # noqa: ANN401 - messages of libraries without types
        """Make one call by gRPC with its retries; the number of calls in flight is bounded.

        Raises:
            CollectionError: It failed past the last retry.
        """
        api = self._apis.get(rpc.transport) or self._open(rpc)
        timeout = self._scan.call_timeout
        return await self._with_retries(lambda: api.call(rpc, request, timeout), operation, where, permission, waits)

    async def rest_call(self, call: Callable[[], T], operation: str, where: str, permission: str, waits: Waits) -> T:
        """Make one REST call in a thread.

        Raises:
            CollectionError: It failed past the last retry.
        """
        loop = asyncio.get_running_loop()

        async def once() -> T:
            return await loop.run_in_executor(self._threads, call)

        return await self._with_retries(once, operation, where, permission, waits)

    async def _with_retries(
        self, once: Callable[[], Awaitable[T]], operation: str, where: str, permission: str, waits: Waits
    ) -> T:
        """Make a call until it succeeds or fails for good; whoever waits to ask again holds up no other call."""
        waits(f"{where}: {operation}")
        wait = _FIRST_WAIT
        for left in range(self._scan.retries, -1, -1):
            try:
                async with self._limit:
                    return await once()
            except SDK_ERRORS as error:
                if left == 0 or not is_transient(error):
                    raise translate(error, operation, where, permission) from error
            # Of many calls that are throttled at once, not all come back at once.
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - no secret
            wait = min(wait * 2, _LONGEST_WAIT)
        raise AssertionError  # the last round returns or raises

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
