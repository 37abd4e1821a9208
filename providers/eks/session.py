"""Whose credentials sign the calls: the source's, or those of a role, shared by accounts and refreshed in long runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol

import botocore.session
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import NoCredentialsError

from providers.eks.options import EksOptions
from providers.eks.partitions import HOME_REGIONS, partition_of_arn, partition_of_region
from providers.eks.wire import Answer, Endpoints, Outcome, Wire
from scanner.errors import Throttled
from scanner.model import ScanSettings
from scanner.ports import Limits, Unlimited

Service = Literal["account", "config", "ec2", "eks", "logs", "observabilityadmin", "organizations", "sts"]

_BEFORE_EXPIRY: Final = timedelta(minutes=10)
"""So long before they expire credentials are fetched anew; botocore's own limit."""

_KEEPERS: Final[set[asyncio.Task[None]]] = set()
"""The tasks that close pools: an event loop alone does not keep a task from being forgotten."""

_MOST_ROLES: Final = 256
"""Roles whose credentials are kept for the next account; those of each of ten thousand accounts would take 30 MB."""


class Keys(Protocol):
    """Credentials that are good now."""

    async def get(self) -> ReadOnlyCredentials:
        """Give them, fetched anew where they are about to expire; raises botocore's errors."""
        ...


class Sessions:
    """One botocore session for each profile: a session costs 130 ms and 9 MB."""

    def __init__(self) -> None:
        """Start without any session."""
        self._lock = threading.Lock()
        self._sessions: dict[str | None, SharedSession] = {}

    def get(self, profile: str | None) -> SharedSession:
        """Give the session of a profile, None for the default chain; blocks, may raise botocore's errors."""
        with self._lock:
            if profile not in self._sessions:
                self._sessions[profile] = SharedSession(profile)
            return self._sessions[profile]


class SharedSession:
    """The botocore session of a profile: its configuration and its source credentials."""

    def __init__(self, profile: str | None) -> None:
        """Make the session; botocore's ProfileNotFound where there is no such profile."""
        self.core = botocore.session.Session(profile=profile)
        self.core.user_agent_extra = "k8s-audit-coverage"
        self.core.set_config_variable("sts_regional_endpoints", "regional")  # the global one's fail in opt-in regions
        self._lock = threading.Lock()

    @property
    def region(self) -> str | None:
        """The region that the environment or the profile names."""
        found: str | None = self.core.get_config_variable("region")
        return found

    def credentials(self) -> Credentials:
        """Find the source credentials; blocks; NoCredentialsError where there are none."""
        with self._lock:
            found: Credentials | None = self.core.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found


class SourceKeys:
    """The credentials that the environment or a profile gives."""

    def __init__(self, session: SharedSession) -> None:
        """Look for them when they are first needed."""
        self._session = session
        self._found: Credentials | None = None

    async def get(self) -> ReadOnlyCredentials:
        """Give them; what fetches them anew may block, so that it is done in a thread."""
        if self._found is None:
            self._found = await asyncio.to_thread(self._session.credentials)
        if isinstance(self._found, RefreshableCredentials) and self._found.refresh_needed():
            return await asyncio.to_thread(self._found.get_frozen_credentials)
        return self._found.get_frozen_credentials()


class RoleKeys:
    """The credentials of a role, which all accounts that assume it the same way share."""

    def __init__(self, source: Caller, parameters: Mapping[str, str]) -> None:
        """Assume the role when its credentials are first needed, by a call that the source's credentials sign."""
        self._source = source
        self._parameters = parameters
        self._lock = asyncio.Lock()
        self._keys: ReadOnlyCredentials | None = None
        self._expires = datetime.max.replace(tzinfo=UTC)

    async def get(self) -> ReadOnlyCredentials:
        """Give them; of callers at the same time one assumes the role, and the others wait for it."""
        async with self._lock:
            if self._keys is None or datetime.now(UTC) > self._expires - _BEFORE_EXPIRY:
                answer = await self._source.call("sts", "AssumeRole", self._source.home_region, self._parameters)
                found = answer["Credentials"]
                self._expires = found["Expiration"]
                self._keys = ReadOnlyCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
            return self._keys


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes the calls of one account.

    Attributes:
        home_region: Where calls that are about the whole account are made.
        limits: Where calls wait that AWS throttles, account by account and region by region.
        whose: Names the account among others.
    """

    wire: Wire
    endpoints: Endpoints
    keys: Keys
    home_region: str
    limits: Limits
    whose: str

    async def call(
        self, service: Service, operation: str, region: str, parameters: Mapping[str, object] | None = None
    ) -> Answer:
        """Make one call; raises botocore's errors."""

        async def turn(attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
            outcomes: list[Outcome] = []
            with suppress(Throttled):  # which is how the limits are told; what comes of it is the wire's
                async with self.limits.of(f"aws:{self.whose}:{region}:{service}"):
                    outcomes.append(await attempt())
                    _tell_throttling(outcomes[0], operation)
            return outcomes[0]

        return await self.wire.call(self.endpoints, service, region, operation, parameters or {}, self.keys.get, turn)


def _tell_throttling(outcome: Outcome, operation: str) -> None:
    """Raise `Throttled` where AWS asked for fewer calls."""
    if outcome.is_throttled:
        raise Throttled(f"{operation} is throttled")


class Pool:
    """What the accounts of one run share: connections, endpoints, and the credentials of roles."""

    def __init__(self, sessions: Sessions, scan: ScanSettings) -> None:
        """Start with nothing but the sessions, which outlive a run."""
        self._sessions = sessions
        self._wire = Wire(scan)
        self._endpoints: dict[str | None, Endpoints] = {}
        self._sources: dict[str | None, SourceKeys] = {}
        self._roles: dict[tuple[object, ...], RoleKeys] = {}

    async def session(self, profile: str | None) -> SharedSession:
        """Give the session of a profile; may raise botocore's errors."""
        return await asyncio.to_thread(self._sessions.get, profile)

    def caller(self, session: SharedSession, options: EksOptions, home_region: str, limits: Limits) -> Caller:
        """Give what makes an account's calls; none is made for that."""
        endpoints = self._endpoints.setdefault(options.profile, Endpoints(session.core))
        source = self._sources.setdefault(options.profile, SourceKeys(session))
        if options.role_arn is None:
            return Caller(self._wire, endpoints, source, home_region, limits, options.profile or "source")
        # Several accounts wait for one role: none of their limits may hold that up, or be held beyond its account.
        by_source = Caller(self._wire, endpoints, source, home_region, Unlimited(), "source")
        parameters = {"RoleArn": options.role_arn, "RoleSessionName": options.session_name}
        if options.external_id is not None:
            parameters["ExternalId"] = options.external_id
        key = (options.profile, home_region, *parameters.items())
        role = self._roles.pop(key, None) or RoleKeys(by_source, parameters)
        self._roles[key] = role  # the latest used is last
        if len(self._roles) > _MOST_ROLES:
            del self._roles[next(iter(self._roles))]
        return Caller(self._wire, endpoints, role, home_region, limits, options.role_arn.split(":")[4])

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()


class Pools:
    """The pool of each run: connections belong to one event loop, and its limits to one run's settings."""

    def __init__(self) -> None:
        """Start with none."""
        self._sessions = Sessions()
        self._pools: dict[tuple[object, ...], Pool] = {}

    def get(self, scan: ScanSettings) -> Pool:
        """Give the run's pool, which is closed when the event loop ends.

        It outlives its accounts: where one is read after the other, each would else assume the hub's role again and
        open all its connections anew.
        """
        key = (asyncio.get_running_loop(), scan.max_calls, scan.retries, scan.connect_timeout, scan.call_timeout)
        if key not in self._pools:
            self._pools[key] = Pool(self._sessions, scan)
            keeper = asyncio.create_task(self._keep(key), context=Context())  # of no account
            _KEEPERS.add(keeper)
            keeper.add_done_callback(_KEEPERS.discard)
        return self._pools[key]

    async def _keep(self, key: tuple[object, ...]) -> None:
        """Wait for the end of the event loop, which cancels what still runs in it, and close the pool then."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._pools.pop(key).close()


def home_regions(session: SharedSession, options: EksOptions) -> tuple[str, ...]:
    """Give the regions in which STS and DescribeRegions are tried, one after the other.

    No one region is sure to answer: a listed one may be switched off or misspelt, and a policy or a network may let
    only the listed ones through. So: two listed regions, else the environment's or profile's; at last one that no
    account of the partition can switch off.
    """
    partition = "aws" if options.role_arn is None else partition_of_arn(options.role_arn)
    if options.regions != "enabled":
        chosen = list(options.regions[:2])
        if options.role_arn is None:
            partition = partition_of_region(chosen[0])
    else:
        region = session.region
        chosen = [] if region is None else [region]
        if region is not None and options.role_arn is None:
            partition = partition_of_region(region)
        chosen = [one for one in chosen if partition_of_region(one) == partition]
    return tuple(dict.fromkeys([*chosen, HOME_REGIONS[partition]]))
