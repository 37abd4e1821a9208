"""Credentials and connections: one pool of connections for all accounts, one identity for all that share one."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from azure.core.pipeline.policies import UserAgentPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.containerservice.aio import ContainerServiceClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

from providers.aks.answers import Answers
from providers.aks.credentials import make_credential
from providers.aks.failures import SDK_ERRORS, credentials_error, refusal, translate
from providers.aks.pool import AttemptTimeout, Pool
from providers.aks.reading_options import AksReading
from providers.aks.turns import KEY, TURN, Retries, Turns
from scanner.errors import CollectionError, Malformed
from scanner.model import ScanSettings
from scanner.ports import Limits, Waits

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

SIGN_IN: Final = "azure.identity"
_USER_AGENT: Final = "k8s-audit-coverage"
_OK: Final = 200
_METHODS: Final = ["GET", "POST"]
"""Both only ever read here: Resource Graph and Log Analytics take their queries as POST."""
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 20.0
_NEVER_TYPED: Final = "00000000-0000-0000-0000-000000000000"
"""The client wants a subscription for its typed methods, none of which is used: they cost ten times the CPU."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, with what it takes to say why it failed.

    Attributes:
        operation: The action that it is, such as ``Microsoft.ContainerService/managedClusters/read``.
        where: Of what: a subscription, a cluster.
        permission: The action that must be allowed; mostly the operation itself.
    """

    url: str
    operation: str
    where: str
    permission: str
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded answer and its headers."""

    body: dict[str, Any]
    headers: Any


class Connection:
    """A client with one identity in one cloud, within one event loop.

    Attributes:
        answers: What many clusters have in common.
        identity: Whom the scan runs as, as far as its token says so.
        tenant: The tenant that issued the token; empty where it does not say so.
        users: How many accounts use it now.
    """

    def __init__(
        self, credential: AsyncTokenCredential, pool: Pool, options: AksReading, scan: ScanSettings, answers: Answers
    ) -> None:
        """Open nothing yet: a connection is made with the first call."""
        self.identity = "the Azure identity that the scan runs as"
        self.tenant = ""
        self.answers = answers
        self.users = 0
        self._credential = credential
        self._pool = pool
        self._scan = scan
        self._cloud = options.cloud_hosts
        self._turns = Turns(asyncio.Semaphore(scan.max_calls))
        self._arm = self._client(options.resource_manager, self._cloud.audience)
        self._logs_host = options.endpoints.log_analytics or self._cloud.log_analytics
        self._logs: ContainerServiceClient | None = None

    async def sign_in(self) -> None:
        """Ask for a first token, so that credentials that are of no use are told once and early.

        Raises:
            CollectionError: There is none.
        """
        try:
            async with asyncio.timeout(self._scan.account_timeout):
                token = await self._credential.get_token(self._cloud.audience)
        except SDK_ERRORS as error:
            raise translate(error, SIGN_IN, self._cloud.authority) from error
        claims = _claims(token.token)
        self.identity = _named(claims) or self.identity
        self.tenant = str(claims.get("tid") or "")

    async def call(self, call: Call, waits: Waits, limits: Limits | None = None) -> Answer:
        """Make one call to Azure Resource Manager with its retries; the number of calls in flight is bounded.

        Args:
            call: What is asked for.
            waits: Told of the wait.
            limits: Those of the account that asks; none where other accounts wait for the answer as well.

        Raises:
            CollectionError: It failed past the last retry, or its answer is no JSON object.
        """
        return await self._send(self._arm, call, waits, limits)

    async def query_logs(self, call: Call, waits: Waits) -> Answer:
        """Make one call to the query API of Log Analytics; its URL begins with the path.

        Raises:
            CollectionError: It failed past the last retry, or its answer is no JSON object.
        """
        if self._logs is None:
            self._logs = self._client(self._logs_host, self._cloud.log_analytics_audience)
        return await self._send(self._logs, call, waits, None)

    async def close(self) -> None:
        """Stop what nobody waits for any longer, and forget the credentials; the pool is closed by its owner."""
        await self.answers.stop()
        await self._credential.close()

    def _client(self, host: str, audience: str) -> ContainerServiceClient:
        """Make a client whose pipeline holds what is needed and nothing else.

        The usual one would register resource providers, which is a write, follow redirects, and decode bodies twice.
        """
        scan = self._scan
        retry = Retries(
            retry_total=scan.retries,
            retry_connect=scan.retries,
            retry_read=scan.retries,
            retry_status=scan.retries,
            retry_backoff_factor=_FIRST_WAIT,
            retry_backoff_max=_LONGEST_WAIT,
        )
        policies = [
            UserAgentPolicy(base_user_agent=_USER_AGENT),
            retry,
            AsyncARMChallengeAuthenticationPolicy(self._credential, audience),
            self._turns,
            AttemptTimeout(scan.call_timeout, self._pool),
        ]
        return ContainerServiceClient(
            self._credential,
            _NEVER_TYPED,
            base_url=f"https://{host}",
            credential_scopes=[audience],
            policies=policies,
            transport=self._pool.transport,
        )

    async def _send(self, client: ContainerServiceClient, call: Call, waits: Waits, limits: Limits | None) -> Answer:
        """Send one request and decode its answer."""
        waits(f"{call.where}: {call.operation}")
        request = HttpRequest("GET" if call.body is None else "POST", call.url, json=call.body)
        try:
            # The library sets aside what it does not know, for policies to take.
            more: dict[str, Any] = {} if limits is None else {TURN: limits.of, KEY: _throttled_by(call.url)}
            answer: AsyncHttpResponse = await client.send_request(request, retry_on_methods=_METHODS, **more)
        except SDK_ERRORS as error:
            raise translate(error, call.operation, call.where) from error
        if answer.status_code != _OK:
            raise refusal(answer, call.operation, call.where, call.permission, self._scan.retries + 1)
        try:
            body = json.loads(answer.content)
        except ValueError as error:
            raise Malformed.answer(call.operation, call.where, "its body is no JSON") from error
        if not isinstance(body, dict):
            raise Malformed.answer(call.operation, call.where, "its body is no JSON object")
        return Answer(body, answer.headers)


class Connections:
    """Finds the connection that an account shares with others."""

    def __init__(self) -> None:
        """Start with none."""
        # What the library logs of a failure stands in the report; unhandled, it would go to standard error as well.
        logging.getLogger("azure").addHandler(logging.NullHandler())
        self._open: dict[tuple[object, ...], asyncio.Task[Connection]] = {}
        self._pools: dict[tuple[object, ...], Pool] = {}

    async def take(self, options: AksReading, scan: ScanSettings, answers: Answers | None = None) -> Connection:
        """Give the connection for an account; `release` it afterwards.

        `answers` are those that accounts of an organisation have in common, also those that are not read at the same
        time.

        Raises:
            CollectionError: The credentials cannot be used.
        """
        pool = self._pools.get(_loop(scan))
        if pool is None:
            pool = self._pools[_loop(scan)] = Pool(scan)
        pool.users += 1
        key = _key(options, scan)
        task = self._open.get(key)
        if task is None:
            task = self._open[key] = asyncio.create_task(
                _connect(pool, options, scan, Answers() if answers is None else answers)
            )
        try:
            connection = await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._open.pop(key, None)
            await self._leave(scan, pool)
            raise
        connection.users += 1
        return connection

    async def release(self, options: AksReading, scan: ScanSettings, connection: Connection) -> None:
        """Close a connection that no account uses any longer, and the pool with the last of them."""
        connection.users -= 1
        if connection.users == 0:
            self._open.pop(_key(options, scan), None)
            await connection.close()
        await self._leave(scan, self._pools[_loop(scan)])

    async def _leave(self, scan: ScanSettings, pool: Pool) -> None:
        """Close the pool that nobody uses any longer."""
        pool.users -= 1
        if pool.users == 0:
            self._pools.pop(_loop(scan), None)
            await pool.close()


def _throttled_by(url: str) -> str:
    """Name what Azure counts a call by: the subscription within its path, else the tenant.

    Source: Azure documentation, "Understand how Azure Resource Manager throttles requests".
    """
    parts = url.partition("?")[0].split("/")
    return f"azure:{parts[2].lower()}" if parts[1:2] == ["subscriptions"] and parts[2:] else "azure:tenant"


def _loop(scan: ScanSettings) -> tuple[object, ...]:
    """Give what accounts must have in common to share a pool; loops differ between runs."""
    return (id(asyncio.get_running_loop()), scan)


def _key(options: AksReading, scan: ScanSettings) -> tuple[object, ...]:
    """Give what two accounts must have in common to share a connection."""
    files = (options.client_secret_file, options.certificate_file)
    who = (options.credential, options.tenant_id, options.client_id, *files)
    return (*_loop(scan), options.cloud, options.endpoints, *who)


async def _connect(pool: Pool, options: AksReading, scan: ScanSettings, answers: Answers) -> Connection:
    """Find the credentials, which reads files, and see whether they give a token."""
    try:
        credential = await asyncio.to_thread(make_credential, pool.transport, options, scan)
    except SDK_ERRORS as error:
        raise credentials_error(error, options.credential) from error
    connection = Connection(credential, pool, options, scan, answers)
    try:
        await connection.sign_in()
    except CollectionError:
        await connection.close()
        raise
    return connection


def _claims(token: str) -> dict[str, Any]:
    """Read what a token says about whom it is for, to tell people and nothing else: its signature is not checked.

    Source: Microsoft identity platform, "Access token claims reference".
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _named(claims: dict[str, Any]) -> str:
    """Name a user or an application; empty where the claims name neither."""
    user = claims.get("upn") or claims.get("unique_name")
    application = claims.get("appid") or claims.get("azp")
    name = user or (f"application {application}" if application else "")
    return f"{name} (object id {claims['oid']})" if name and claims.get("oid") else str(name)
