"""Files at https:// URLs; it loads aiohttp, so that only a cluster with a URL imports this."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from providers.self_managed.files import read_file
from providers.self_managed.sources.names import shown_url
from providers.self_managed.web import Web
from scanner.errors import CollectionError, CredentialsError, Malformed, NotFound, PermissionDenied
from scanner.model import ScanSettings

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE = 200, 401, 403, 404, 410


class Downloads:
    """Gets files over connections that all trust the same authorities."""

    def __init__(self, web: Web) -> None:
        """Keep the connections."""
        self._web = web

    async def get(self, url: str, most: int) -> bytes:
        """Give what stands at an address, at most `most` bytes; CollectionError says why it could not be had.

        Credentials in the address are sent as basic authentication, as curl does. Redirects are followed within the
        same host only.
        """
        where = shown_url(url)
        answer = await self._web.get(_bare(url), where=where, most=most, headers=_authorization(url), redirects=True)
        if answer.status != _OK:
            raise _refusal(answer.status, where)
        return answer.body


@asynccontextmanager
async def downloads(ca_file: tuple[Path, str] | None, scan: ScanSettings) -> AsyncIterator[Downloads]:
    """Connect with the authorities of a file (its path, and its name for messages), or with the system's own."""
    tls = await asyncio.to_thread(_tls, ca_file)
    async with Web(tls, scan) as web:
        yield Downloads(web)


def _tls(ca_file: tuple[Path, str] | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context()
    path, shown = ca_file
    try:
        return ssl.create_default_context(cadata=read_file(path, shown).decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise Malformed("holds no PEM certificate", where=shown, hint="correct ca_file") from None


def _bare(url: str) -> str:
    """Give the address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _authorization(url: str) -> tuple[tuple[str, str], ...]:
    """Give the header of the user and password in an address."""
    parts = urlsplit(url)
    if parts.username is None:
        return ()
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return (("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"),)


def _refusal(status: int, where: str) -> CollectionError:
    """Turn a status into an error that says what to do."""
    if status == _UNAUTHORIZED:
        hint = "put a user and a token into the URL with ${NAME} from the environment"
        return CredentialsError("asks for credentials (HTTP 401)", where=where, hint=hint)
    if status == _FORBIDDEN:
        hint = "give the one that scans read access"
        return PermissionDenied(
            "may not be read (HTTP 403)", where=where, hint=hint, permission=f"read access to {where}"
        )
    if status in {_NOT_FOUND, _GONE}:
        return NotFound(f"there is no such file (HTTP {status})", where=where, hint="correct the URL")
    return Malformed(f"answers with HTTP {status}", where=where)
