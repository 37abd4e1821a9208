"""AWS's APIs over asyncio: botocore's models, endpoints, signatures and retry rules on aiohttp's connections.

A botocore client costs a thread while it waits, and its connections load the CA bundle anew each time (16 ms of CPU).
Here all accounts share one pool of connections with one TLS context, and one endpoint for each service and region.
What is raised are botocore's own errors.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, create_request_object, prepare_request_dict
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidConfigError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import get_cert_path
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParser, create_parser
from botocore.retries.standard import RetryContext, StandardRetryConditions, ThrottledRetryableChecker
from botocore.serialize import create_serializer
from botocore.session import Session
from botocore.utils import get_environ_proxies
from botocore.validate import ParamValidationDecorator
from yarl import URL

from scanner.model import ScanSettings

Answer = dict[str, Any]
"""An answer as botocore's parsers give it."""

_LONGEST_WAIT: Final = 20.0
_FIRST_WAIT: Final = 0.25
_IDLE_SECONDS: Final = 30.0
_ERRORS_FROM: Final = 300
_TOO_MANY: Final = 429
_PROXY_REFUSES: Final = 407
_PROXY: Final = "the environment's proxy"  # its URL may hold a password

_ERRORS: Final[tuple[tuple[tuple[type[Exception], ...], type[BotoCoreError]], ...]] = (
    ((aiohttp.ConnectionTimeoutError,), ConnectTimeoutError),
    ((TimeoutError,), ReadTimeoutError),
    ((aiohttp.ClientSSLError, ssl.SSLError), SSLError),
    ((aiohttp.ClientConnectorError,), EndpointConnectionError),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError), ConnectionClosedError),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service in one region: where it is, through which proxy, and how its answers and requests look."""

    url: str
    proxy: str | None
    region: str
    signing_name: str
    user_agent: str
    model: ServiceModel
    serializer: ParamValidationDecorator
    parser: ResponseParser


class Endpoints:
    """The endpoints of one profile; finding one loads its service's model, later ones cost 3 ms each."""

    def __init__(self, session: Session) -> None:
        """Take the configuration of a botocore session: endpoint URLs, FIPS and dual stack among it."""
        self._session = session
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], Endpoint] = {}

    def known(self, service: str, region: str) -> Endpoint | None:
        """Give an endpoint that was found before."""
        return self._found.get((service, region))

    def find(self, service: str, region: str) -> Endpoint:
        """Find an endpoint; blocks, safe from any thread, and raises botocore's errors.

        The client that is made for it never makes a call: it is the public way to what botocore knows of endpoints.
        """
        with self._lock:
            if (service, region) not in self._found:
                unsigned = Config(signature_version=UNSIGNED)  # looks for no credentials
                client = self._session.create_client(service, region_name=region, config=unsigned)
                model = client.meta.service_model
                protocol = model.resolved_protocol
                self._found[service, region] = Endpoint(
                    url=client.meta.endpoint_url,
                    proxy=_proxy(client.meta.endpoint_url),
                    region=client.meta.region_name,
                    signing_name=model.signing_name,
                    user_agent=self._session.user_agent(),
                    model=model,
                    serializer=create_serializer(protocol),
                    parser=create_parser(protocol),
                )
                client.close()
            return self._found[service, region]

    @property
    def ca_bundle(self) -> str | None:
        """The CA bundle that the environment or the profile names, in botocore's order."""
        found: str | None = self._session.get_config_variable("ca_bundle")
        return found or os.environ.get("REQUESTS_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt gave: an answer, or the error for want of one."""

    answer: Answer | None = None
    response: AWSResponse | None = None
    error: BotoCoreError | None = None

    @property
    def says_no(self) -> bool:
        """Whether the answer is an error."""
        return self.response is not None and self.response.status_code >= _ERRORS_FROM

    def as_error(self, operation: str, attempts: int) -> Exception:
        """Give the error that botocore would raise."""
        if self.error is not None:
            return self.error
        answer: Any = self.answer
        answer["ResponseMetadata"]["RetryAttempts"] = attempts - 1
        return ClientError(answer, operation)

    @property
    def is_throttled(self) -> bool:
        """Whether the service asked for fewer calls."""
        if self.response is None:
            return False
        return self.response.status_code == _TOO_MANY or bool(
            ThrottledRetryableChecker().is_retryable(RetryContext(1, None, self.answer, self.response))
        )


class Turn(Protocol):
    """Makes an attempt when its turn comes."""

    async def __call__(self, attempt: Callable[[], Awaitable[Outcome]], /) -> Outcome:
        """Make it, and take note of how it went."""
        ...


class Wire:
    """A pool of connections within one event loop; the number of calls in flight is bounded."""

    def __init__(self, scan: ScanSettings) -> None:
        """Open nothing yet."""
        self._scan = scan
        self._limit = asyncio.Semaphore(scan.max_calls)
        self._sessions: dict[str | None, aiohttp.ClientSession] = {}

    async def call(
        self,
        endpoints: Endpoints,
        service: str,
        region: str,
        operation: str,
        parameters: Mapping[str, object],
        keys: Callable[[], Awaitable[ReadOnlyCredentials]],
        turn: Turn,
    ) -> Answer:
        """Make one call, with as many retries as the scan allows; each attempt takes its `turn`, and fresh `keys` then.

        Raises:
            BotoCoreError: There was no answer; ClientError (which is none) is an answer that says no.
        """
        endpoint = endpoints.known(service, region)
        if endpoint is None:
            endpoint = await asyncio.to_thread(endpoints.find, service, region)
        model = endpoint.model.operation_model(operation)
        attempt = 0
        while True:
            attempt += 1
            outcome = await turn(partial(self._attempt, endpoints, endpoint, model, parameters, keys))
            if outcome.answer is not None and not outcome.says_no:
                return outcome.answer
            context = RetryContext(attempt, model, outcome.answer, outcome.response, outcome.error)
            if not _conditions(self._scan.retries + 1).is_retryable(context):
                raise outcome.as_error(operation, attempt)
            await asyncio.sleep(_wait(context))

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()

    async def _attempt(
        self,
        endpoints: Endpoints,
        endpoint: Endpoint,
        model: OperationModel,
        parameters: Mapping[str, object],
        keys: Callable[[], Awaitable[ReadOnlyCredentials]],
    ) -> Outcome:
        """Sign and send a request once, and take in what comes back.

        Whoever waits for a place can be late, so that the signature is made when there is one; the answer is read in it
        and taken apart afterwards.
        """
        session = self._session(endpoints.ca_bundle)
        good = await keys()
        try:
            async with self._limit:
                request = _signed(endpoint, model, parameters, good)
                status, headers, body = await self._send(session, request, endpoint.proxy)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Outcome(error=_botocore_error(error, endpoint.url))
        if status == _PROXY_REFUSES:
            return Outcome(error=ProxyConnectionError(proxy_url=f"{_PROXY}, which answers HTTP {status}"))
        response = AWSResponse(endpoint.url, status, headers, None)  # type: ignore[arg-type]  # it takes any mapping
        raw: Any = {
            "headers": response.headers,
            "status_code": status,
            "body": body,
            "context": {"operation_name": model.name},
        }
        shape: Any = model.output_shape  # the parsers take None for an operation without output
        return Outcome(endpoint.parser.parse(raw, shape), response)

    async def _send(
        self, session: aiohttp.ClientSession, request: AWSPreparedRequest, proxy: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request and read the whole answer: its status, headers and body."""
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=_headers(request),
            data=request.body or None,
            allow_redirects=False,
            proxy=proxy,
        ) as answer:
            return answer.status, dict(answer.headers), await answer.read()

    def _session(self, ca_bundle: str | None) -> aiohttp.ClientSession:
        """Give the pool for a CA bundle; profiles seldom differ in that."""
        if ca_bundle not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=self._scan.max_calls, ssl=_tls(ca_bundle), keepalive_timeout=_IDLE_SECONDS, ttl_dns_cache=300
            )
            timeout = aiohttp.ClientTimeout(
                total=self._scan.connect_timeout + self._scan.call_timeout,  # also for a body that drips
                sock_connect=self._scan.connect_timeout,
                sock_read=self._scan.call_timeout,
            )
            self._sessions[ca_bundle] = aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._sessions[ca_bundle]


@cache
def _conditions(most_attempts: int) -> StandardRetryConditions:
    """Give botocore's rules on what is tried again."""
    return StandardRetryConditions(most_attempts)


def _wait(context: RetryContext) -> float:
    """Give the seconds to wait before the next attempt: longer after each, and at random so that calls spread out."""
    longest: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (context.attempt_number - 1))
    return random.uniform(0.5, 1.0) * longest  # noqa: S311 - no secret


def _signed(
    endpoint: Endpoint, model: OperationModel, parameters: Mapping[str, object], keys: ReadOnlyCredentials
) -> AWSPreparedRequest:
    """Build a request and sign it."""
    raw: Any = endpoint.serializer.serialize_to_request(dict(parameters), model)
    prepare_request_dict(raw, endpoint_url=endpoint.url, user_agent=endpoint.user_agent)
    request = create_request_object(raw)
    SigV4Auth(keys, endpoint.signing_name, endpoint.region).add_auth(request)
    prepared: AWSPreparedRequest = request.prepare()
    return prepared


def _headers(request: AWSPreparedRequest) -> dict[str, str]:
    """Give a request's headers; aiohttp sets Content-Length itself, to the same value."""
    return {name: value for name, value in request.headers.items() if name.lower() != "content-length"}


def _proxy(url: str) -> str | None:
    """Give the proxy that the environment names for a URL, as botocore reads it: once, not for each call."""
    found: str | None = get_environ_proxies(url).get(urlsplit(url).scheme)
    return found


@cache
def _tls(ca_bundle: str | None) -> ssl.SSLContext:
    """Load a CA bundle, botocore's own without one; once, because it takes as long as twenty calls."""
    path = ca_bundle or get_cert_path(verify=True)
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        reason = "it holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise InvalidConfigError(error_msg=f"the CA bundle {path} cannot be used: {reason}") from error


def _botocore_error(error: Exception, url: str) -> BotoCoreError:
    """Put what went wrong without an answer into botocore's words; the first kind that fits counts."""
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return ProxyConnectionError(proxy_url=_PROXY, error=error)
    kind = next((ours for theirs, ours in _ERRORS if isinstance(error, theirs)), None)
    return HTTPClientError(error=error) if kind is None else kind(endpoint_url=url, request=None, error=error)
