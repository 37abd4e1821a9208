"""Gives the access token for each gRPC call.

Google's library does that from a new thread for each call (grpc's call credentials), which costs more than the call
itself where thousands are made. Here it is done in the event loop, and in a thread only where a token must be fetched.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from google.auth.credentials import Credentials
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import Request

_KNOWN_FOR: Final = 1.0
"""Seconds; the library takes a token for spent minutes before it is."""


@dataclass(frozen=True, slots=True)
class _Call:
    """What the library's plug-in wants to know of a call; no kind of credentials looks at the method."""

    service_url: str
    method_name: str = ""


class Authorize:
    """Gives the headers of some credentials for one API."""

    def __init__(self, credentials: Credentials, request: Request, host: str, threads: Executor) -> None:
        """Know the credentials, how and where new ones are fetched, and the host that self-signed tokens name."""
        self._credentials = credentials
        self._plugin = AuthMetadataPlugin(credentials, request, default_host=host)
        self._call = _Call(f"https://{host}/")
        self._lock = asyncio.Lock()
        self._threads = threads
        self._known: list[tuple[str, str]] = []
        self._until = 0.0

    def known(self) -> list[tuple[str, str]]:
        """Give the headers that the library gave within the last second; none where it must be asked.

        It is asked again so soon because it refreshes tokens ahead of their end, and adds a header once it knows in
        which regions the credentials may be used.
        """
        return self._known if time.monotonic() < self._until else []

    async def headers(self, timeout: float) -> list[tuple[str, str]]:  # noqa: ASYNC109 - the call's own
        """Give the headers for a call; of calls at the same time one fetches a token, and the others wait for it.

        The time limit of a call holds for its token as well: whoever issues tokens may not answer either.

        Args:
            timeout: In seconds.

        Raises:
            Exception: One of `SDK_ERRORS`, where there is no token to be had.
        """
        if self._credentials.valid:
            return self._ask()
        async with asyncio.timeout(timeout), self._lock:
            if self._credentials.valid:
                return self._ask()
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask)

    def _ask(self) -> list[tuple[str, str]]:
        """Ask the library's plug-in, which answers at once or blocks to fetch a token."""
        found: list[tuple[str, str]] = []
        self._plugin(self._call, lambda headers, _error: found.extend(headers))
        self._known, self._until = found, time.monotonic() + _KNOWN_FOR
        return found
