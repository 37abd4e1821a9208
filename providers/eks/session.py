"""boto3 sessions, credentials and clients: shared where that is safe, and refreshed in long runs."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, Credentials, RefreshableCredentials
from botocore.exceptions import NoCredentialsError

from providers.eks.options import EksOptions
from providers.eks.partitions import HOME_REGIONS, partition_of_arn, partition_of_region
from scanner.errors import Unreachable
from scanner.model import ScanSettings

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sts import STSClient

Service = Literal["ec2", "eks", "logs", "sts"]


class Sessions:
    """One boto3 session for each profile: a session costs 130 ms and 9 MB, a further client of it 3 ms and 0.2 MB."""

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
    """A boto3 session that many threads use: making clients and finding credentials is not thread-safe in boto3."""

    def __init__(self, profile: str | None) -> None:
        """Make the session; botocore's ProfileNotFound where there is no such profile."""
        core = botocore.session.Session(profile=profile)
        core.set_config_variable("sts_regional_endpoints", "regional")  # the global one's tokens fail in opt-in regions
        self._boto = boto3.Session(botocore_session=core)
        self._lock = threading.Lock()

    @property
    def region(self) -> str | None:
        """The region that the environment or the profile names."""
        return self._boto.region_name

    def credentials(self) -> Credentials:
        """Find the source credentials; NoCredentialsError where there are none."""
        with self._lock:
            found: Credentials | None = self._boto.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found

    def assume(self, options: EksOptions, role_arn: str, region: str, config: Config) -> RefreshableCredentials:
        """Assume a role, and give credentials that assume it again before they expire."""
        extra = {"RoleSessionName": options.session_name}
        if options.external_id is not None:
            extra["ExternalId"] = options.external_id
        fetcher = AssumeRoleCredentialFetcher(
            partial(self.client, region_name=region, config=config), self.credentials(), role_arn, extra_args=extra
        )
        # Fetched here and not lazily: botocore would log the first failure with a traceback before it raises it.
        return RefreshableCredentials.create_from_metadata(
            fetcher.fetch_credentials(), refresh_using=fetcher.fetch_credentials, method="assume-role"
        )

    def client(self, service: Service, **arguments: object) -> BaseClient:
        """Make a client; takes what ``boto3.Session.client`` takes."""
        with self._lock:
            client: BaseClient = self._boto.client(service, **arguments)  # type: ignore[call-overload]
        return client


class Clients:
    """The clients of one account, made when first asked for and dropped region by region; safe from any thread."""

    def __init__(self, session: SharedSession, options: EksOptions, scan: ScanSettings, home_region: str) -> None:
        """Find the credentials and assume the role, if there is one; blocks, and may raise botocore's errors.

        Calls that are about the whole account are made in `home_region`.
        """
        self._session = session
        self._config = _config(scan)
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, Service], tuple[str | None, BaseClient]] = {}
        self._stopped = threading.Event()
        self.home_region = home_region
        self._credentials: Credentials = (
            session.credentials()
            if options.role_arn is None
            else session.assume(options, options.role_arn, self.home_region, self._config)
        )

    @overload
    def get(self, service: Literal["ec2"], region: str) -> EC2Client: ...
    @overload
    def get(self, service: Literal["eks"], region: str) -> EKSClient: ...
    @overload
    def get(self, service: Literal["logs"], region: str) -> CloudWatchLogsClient: ...
    @overload
    def get(self, service: Literal["sts"], region: str) -> STSClient: ...
    def get(self, service: Service, region: str) -> object:
        """Give the client of a service in a region, made anew when the credentials have been refreshed; blocks."""
        keys = self._credentials.get_frozen_credentials()
        with self._lock:
            made_with, client = self._clients.get((region, service), (None, None))
            if client is None or made_with != keys.access_key:
                client = self._session.client(
                    service,
                    region_name=region,
                    config=self._config,
                    aws_access_key_id=keys.access_key,
                    aws_secret_access_key=keys.secret_key,
                    aws_session_token=keys.token,
                )
                client.meta.events.register_first("before-sign", self._refuse_when_stopped)
                self._clients[region, service] = (keys.access_key, client)
        return client

    def release(self, region: str | None = None) -> None:
        """Close the clients of a region, or all of them, with their connections."""
        with self._lock:
            for key in [key for key in self._clients if region is None or key[0] == region]:
                self._clients.pop(key)[1].close()

    def stop(self) -> None:
        """Let no further attempt begin: a call whose thread cannot be cancelled ends with the attempt it is at."""
        self._stopped.set()
        self.release()

    def _refuse_when_stopped(self, **_event: object) -> None:
        """Stop an attempt before it is signed and sent."""
        if self._stopped.is_set():
            raise Unreachable("the scan of this account was stopped")


def _config(scan: ScanSettings) -> Config:
    """Put the scan's settings into botocore's words."""
    return Config(
        retries={"mode": "adaptive", "total_max_attempts": scan.retries + 1},
        connect_timeout=scan.connect_timeout,
        read_timeout=scan.call_timeout,
        max_pool_connections=scan.max_calls,
        user_agent_extra="k8s-audit-coverage",
    )


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
