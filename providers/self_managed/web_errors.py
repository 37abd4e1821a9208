"""What a failed HTTPS request becomes: an error that names the side that failed, and never quotes the library.

The library's texts may hold a proxy's password.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from scanner.errors import CollectionError, Malformed, TimedOut, Unreachable
from scanner.model import ScanSettings

_TRUST: Final = "check the certificate authority that is trusted, and the name that the certificate bears"
_PROXY: Final = "check HTTPS_PROXY, NO_PROXY and proxy-url"
_ADDRESS: Final = "check the address and the network"


class Broken(Unreachable):
    """No answer, in a way that another try may mend."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that failed; `where` names it for a person."""

    url: URL
    where: str
    proxy: str = field(repr=False)
    scan: ScanSettings

    @property
    def place(self) -> str:
        """The host and port."""
        return f"{self.url.host}:{self.url.port}"

    @property
    def proxy_host(self) -> str:
        """The proxy without its password."""
        return urlsplit(self.proxy).hostname or "of the environment"


def transport_error(error: Exception, asked: Asked) -> CollectionError:
    """Turn the library's error, or the system's, into ours."""
    if isinstance(error, CollectionError):
        return error
    for kind, build in _KINDS:
        if isinstance(error, kind):
            return build(error, asked)
    hint = "scan again; is a proxy in between?"
    return Broken(f"failed: {asked.place} broke the connection off", where=asked.where, hint=hint)


def _untrusted(error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401 - one of aiohttp's
    what = f"failed: {asked.place} has a certificate that is not trusted: {_why(error.certificate_error)}"
    return Unreachable(what, where=asked.where, hint=_TRUST)


def _proxy_refused(error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    what = f"failed: the proxy {asked.proxy_host} answers with HTTP {error.status}"
    return Unreachable(what, where=asked.where, hint=_PROXY)


def _no_proxy(_error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    return Broken(f"failed: cannot connect to the proxy {asked.proxy_host}", where=asked.where, hint=_PROXY)


def _not_connected(_error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    hint = f"{_ADDRESS}, or raise scan.connect_timeout ({asked.scan.connect_timeout:g} s)"
    return TimedOut(f"failed: no connection to {asked.place} in time", where=asked.where, hint=hint)


def _not_answered(_error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    hint = f"raise scan.call_timeout ({asked.scan.call_timeout:g} s) if it is only slow"
    return TimedOut(f"failed: {asked.place} does not answer in time", where=asked.where, hint=hint)


def _no_name(_error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    what = f"failed: the name {asked.url.host} cannot be resolved"
    return Broken(what, where=asked.where, hint="check the address and the DNS")


def _no_tls(error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    what = f"failed: no TLS connection to {asked.place}: {_why(error)}"
    return Unreachable(what, where=asked.where, hint=_TRUST)


def _refused(error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    reason = (error.os_error.strerror or "it failed").lower()
    return Broken(f"failed: cannot connect to {asked.place}: {reason}", where=asked.where, hint=_ADDRESS)


def _no_http(_error: Any, asked: Asked) -> CollectionError:  # noqa: ANN401
    return Malformed(f"failed: {asked.place} does not answer in valid HTTP", where=asked.where)


# The first that fits counts: the kinds overlap.
_KINDS: Final[tuple[tuple[type[Exception], Callable[[Any, Asked], CollectionError]], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _untrusted),
    (aiohttp.ClientHttpProxyError, _proxy_refused),
    (aiohttp.ClientProxyConnectionError, _no_proxy),
    (aiohttp.ConnectionTimeoutError, _not_connected),
    (TimeoutError, _not_answered),
    (aiohttp.ClientConnectorDNSError, _no_name),
    (aiohttp.ClientSSLError, _no_tls),
    (ssl.SSLError, _no_tls),
    (aiohttp.ClientConnectorError, _refused),
    (aiohttp.ClientResponseError, _no_http),
)


def _why(error: Any) -> str:  # noqa: ANN401
    """Give OpenSSL's own reason, which holds no secret."""
    cause = getattr(error, "os_error", error)
    reason = getattr(cause, "verify_message", "") or getattr(cause, "reason", "")
    return str(reason).replace("_", " ").lower() if reason else "the handshake failed"
