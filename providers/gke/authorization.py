"""Puts an access token on each gRPC call.

Google's library does that from a new thread for each call (grpc's call credentials), which costs more than the call
itself where thousands are made. Here it is done in the event loop, and in a thread only where a token must be fetched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.auth.credentials import Credentials
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import Request


@dataclass(frozen=True, slots=True)
class _Call:
    """What the library's plug-in wants to know of a call."""

    service_url: str
    method_name: str


class Authorize(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds the headers of some credentials to each call."""

    def __init__(self, credentials: Credentials, request: Request, host: str) -> None:
        """Know the credentials, how new ones are fetched, and the API's own host, which self-signed tokens name."""
        self._credentials = credentials
        self._plugin = AuthMetadataPlugin(credentials, request, default_host=host)
        self._url = f"https://{host}/"
        self._lock = asyncio.Lock()

    async def intercept_unary_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: Any,  # noqa: ANN401 - a named tuple, which its stubs do not say
        request: Any,  # noqa: ANN401 - any message
    ) -> Any:  # noqa: ANN401 - the call, whatever it answers
        """Send a call on with its headers; google.auth's errors where there is no token to be had."""
        method = client_call_details.method
        name = method.decode() if isinstance(method, bytes) else str(method)
        headers = self._ask(name) if self._credentials.valid else await self._fetch(name, client_call_details.timeout)
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()), *headers)
        return await continuation(client_call_details._replace(metadata=metadata), request)

    async def _fetch(self, method: str, timeout: float | None) -> list[tuple[str, str]]:  # noqa: ASYNC109 - a call's own
        """Fetch a token, and give the headers; of calls at the same time one does it, and the others wait for it.

        The time limit of a call begins with the call itself, and whoever issues tokens may not answer either.
        """
        async with asyncio.timeout(timeout), self._lock:
            if self._credentials.valid:
                return self._ask(method)
            return await asyncio.to_thread(self._ask, method)

    def _ask(self, method: str) -> list[tuple[str, str]]:
        """Ask the library's plug-in, which answers at once or blocks to fetch a token."""
        found: list[tuple[str, str]] = []
        self._plugin(_Call(self._url, method), lambda headers, _error: found.extend(headers))
        return found
