"""The connections that all accounts share, and the time that an attempt over one of them may take."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from typing import Final

import aiohttp
from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from scanner.model import ScanSettings

_GOODBYE: Final = 0.25
"""Seconds that the end of a TLS connection takes at most, as aiohttp's documentation advises to wait for it."""


class Pool:
    """The connections to all of Azure's hosts within one event loop, with one TLS context.

    A TLS context costs milliseconds, and azure-core would make one for each request that names certificates.

    Attributes:
        users: How many accounts use it now.
        is_interrupted: Whether an answer was not waited for to its end.
    """

    def __init__(self, scan: ScanSettings) -> None:
        """Open nothing yet; SSL_CERT_FILE and SSL_CERT_DIR are honoured by Python's default context."""
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=scan.max_calls)
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=True, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
        )
        self.transport = AioHttpTransport(
            session=self._session,
            session_owner=False,
            connection_timeout=scan.connect_timeout,
            read_timeout=scan.call_timeout,
        )
        self.users = 0
        self.is_interrupted = False

    async def close(self) -> None:
        """Close all connections; one that was interrupted says goodbye first, which aiohttp does not wait for."""
        await self._session.close()
        if self.is_interrupted:
            await asyncio.sleep(_GOODBYE)


class AttemptTimeout(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Bounds each attempt: the transport's own limits start anew with every byte that trickles in."""

    def __init__(self, seconds: float, pool: Pool) -> None:
        """Allow each attempt some seconds; the pool is told of those that take longer."""
        super().__init__()
        self._seconds = seconds
        self._pool = pool

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        """Send the request on, and give up in time."""
        try:
            async with asyncio.timeout(self._seconds):
                sent: Awaitable[PipelineResponse[HttpRequest, AsyncHttpResponse]] = self.next.send(request)
                return await sent
        except TimeoutError as error:
            self._pool.is_interrupted = True
            raise ServiceResponseTimeoutError(f"no answer within {self._seconds:g} seconds") from error
        except asyncio.CancelledError:
            self._pool.is_interrupted = True
            raise
