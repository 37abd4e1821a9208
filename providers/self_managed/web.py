"""GET over HTTPS with limits on time, size and tries. It loads aiohttp: only what asks the network imports it."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from providers.self_managed.web_errors import Asked, Broken, transport_error
from scanner.errors import CollectionError, Malformed, Throttled, Unreachable
from scanner.model import ScanSettings

_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_LONGEST_PAUSE: Final = 8.0
_PART: Final = 64 * 1024

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came in whole, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Web:
    """A pool of connections that all trust the same authorities; use it as a context manager, in one event loop.

    Redirects are followed within the same host and port only, and only where the caller asks for it. Credentials of
    ``.netrc`` and cookies are never used.
    """

    def __init__(self, tls: ssl.SSLContext, scan: ScanSettings, *, proxy: str = "", server_name: str = "") -> None:
        """Keep the limits; `proxy` counts before the environment, `server_name` before the host's name."""
        self._scan = scan
        self._proxy = proxy
        self._server_name = server_name or None
        self._transports: WeakSet[asyncio.BaseTransport] = WeakSet()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=scan.max_calls),
            response_class=_remembering(self._transports),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=scan.call_timeout, connect=scan.connect_timeout, sock_connect=scan.connect_timeout
            ),
        )

    async def __aenter__(self) -> Self:
        """Give itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections, at once: aiohttp leaves the end of a broken TLS connection to a loop that goes on."""
        await self._session.close()
        for transport in tuple(self._transports):
            if isinstance(transport, asyncio.Transport):
                transport.abort()
        for _ in range(3):  # the socket below TLS is closed by a callback of a callback
            await asyncio.sleep(0)

    async def get(self, url: str, *, where: str, most: int, headers: Headers = (), redirects: bool = False) -> Answer:
        """Get one address, trying again what may pass.

        Args:
            url: The address.
            where: The address for messages, without anything secret.
            most: The largest body that is taken, in bytes, after decompression.
            headers: Headers to send, such as those that say who asks.
            redirects: Whether to follow redirects within the same host.

        Raises:
            Unreachable: No connection, a broken one, or only errors of the server.
            TimedOut: No answer in ``scan.call_timeout``; that is not tried again.
            Throttled: The server keeps saying 429, or asks for a longer pause than a call may take.
            Malformed: An answer that is too large, or a redirect that is not followed.
        """
        # Kept as it is written: a signature may cover every character of it.
        target = URL(url, encoded=url.isascii() and " " not in url)
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._tried(target, where, most, tuple(headers))
            if answer.status not in _REDIRECTS:
                return answer
            target = _next(target, answer, where, allowed=redirects)
        raise Malformed(f"redirects more than {_MOST_REDIRECTS} times", where=where)

    async def _tried(self, url: URL, where: str, most: int, headers: tuple[tuple[str, str], ...]) -> Answer:
        """Ask until there is an answer that counts, or no try is left."""
        for tries in range(self._scan.retries):
            pause = _pause(tries)
            try:
                answer = await self._once(url, where, most, headers)
            except Broken:
                pass
            else:
                if answer.status not in _AGAIN:
                    return answer
                pause = self._asked_pause(answer, where, pause)
            await asyncio.sleep(pause)
        answer = await self._once(url, where, most, headers)
        if answer.status in _AGAIN:
            raise _refused(answer, where)
        return answer

    async def _once(self, url: URL, where: str, most: int, headers: tuple[tuple[str, str], ...]) -> Answer:
        """Ask once; the library's errors become ours."""
        proxy = self._proxy or proxy_for(url)
        try:
            async with self._session.get(
                url,
                headers=headers,
                allow_redirects=False,
                proxy=proxy or None,
                server_hostname=self._server_name,
            ) as response:
                body = await _body(response, where, most)
                return Answer(response.status, dict(response.headers), body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise transport_error(error, Asked(url, where, proxy, self._scan)) from error

    def _asked_pause(self, answer: Answer, where: str, otherwise: float) -> float:
        """Give the seconds that ``Retry-After`` asks for; Throttled where that is longer than a call may take."""
        asked = _seconds(answer.headers.get("Retry-After", ""))
        if asked is None:
            return otherwise
        if asked > self._scan.call_timeout:
            hint = "scan again later"
            raise Throttled(f"asks to wait {asked:.0f} seconds (HTTP {answer.status})", where=where, hint=hint)
        return asked


def _remembering(transports: WeakSet[asyncio.BaseTransport]) -> type[aiohttp.ClientResponse]:
    """Give a class of responses that remembers its connections."""

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            if connection.transport is not None:
                transports.add(connection.transport)
            return await super().start(connection)

    return Response


def proxy_for(url: URL) -> str:
    """Give the proxy that the environment (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``) names for an address, or "".

    As Go's ``golang.org/x/net/http/httpproxy``, which kubectl uses: loopback is never proxied, and ``NO_PROXY`` may
    hold networks such as ``10.0.0.0/8``.
    """
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all") or ""
    host = url.host or ""
    if not proxy or proxy_bypass(f"{host}:{url.port}", proxies):
        return ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "" if host == "localhost" else proxy
    if address.is_loopback or any(address in network for network in _networks(proxies.get("no", ""))):
        return ""
    return proxy


def _networks(listed: str) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for word in listed.replace(",", " ").split():
        if "/" in word:
            try:
                yield ipaddress.ip_network(word, strict=False)
            except ValueError:
                continue


async def _body(response: aiohttp.ClientResponse, where: str, most: int) -> bytes:
    """Read a body to its end, but never more than is allowed."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_PART):
        size += len(part)
        if size > most:
            hint = "is it the right address?"
            raise Malformed(f"answers with more than {most // 2**20} MiB", where=where, hint=hint)
        parts.append(part)
    return b"".join(parts)


def _next(url: URL, answer: Answer, where: str, *, allowed: bool) -> URL:
    """Give where a redirect leads, where that may be followed."""
    try:
        target = url.join(URL(answer.headers.get("Location", "")))
        same = (target.scheme, target.host, target.port) == (url.scheme, url.host, url.port)
    except ValueError:
        raise Malformed("redirects to what is no address", where=where) from None
    if not allowed:
        raise Malformed(f"redirects (HTTP {answer.status}), which an API server does not", where=where)
    if not same:
        hint = "give the address that it leads to"
        raise Malformed(f"redirects to another host, {target.host or 'none'}", where=where, hint=hint)
    return target


def _refused(answer: Answer, where: str) -> CollectionError:
    """Say that the last try was refused, too."""
    if answer.status == 429:  # noqa: PLR2004 - HTTP's own numbers
        return Throttled("keeps throttling (HTTP 429)", where=where, hint="scan again later, or raise scan.retries")
    hint = "see the server's own log, and scan again"
    return Unreachable(f"answers with HTTP {answer.status}", where=where, hint=hint)


def _pause(tries: int) -> float:
    """Give a growing pause with jitter, so that many scans do not ask again at the same time."""
    return min(_LONGEST_PAUSE, 0.25 * 2.0**tries) * random.uniform(0.5, 1)  # noqa: S311 - no secret hangs on it


def _seconds(value: str) -> float | None:
    """Read ``Retry-After``: seconds or a date; None where it is neither."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        left: timedelta = parsedate_to_datetime(value) - datetime.now(UTC)
        return max(0.0, left.total_seconds())
    except (ValueError, TypeError):
        return None
