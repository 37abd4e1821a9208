"""Organisations made up in this process: what a provider would read, without any cloud in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar, Final

from scanner.errors import CollectionError, PermissionDenied, Throttled
from scanner.model import (
    AccountIdentity,
    ApiServer,
    Authorizer,
    ClusterObservation,
    ClusterRef,
    Collected,
    CollectionFailure,
    Evidence,
    Fact,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    Retention,
)
from scanner.ports import (
    AccountOptions,
    CollectContext,
    Discovered,
    DiscoveredAccount,
    OrganizationOptions,
)

REGIONS: Final = tuple(f"region-{number}" for number in range(1, 18))
LATENCY: Final = 0.04
"""Seconds until an answer comes."""

CLUSTER_IN: Final = 20
"""One of so many account-regions has a cluster."""

THROTTLED: Final = 50
DENIED: Final = 70
"""One of so many account-regions throttles its first call, or denies it."""


class MadeUpOptions(AccountOptions):
    """Which account."""

    number: int


class MadeUpOrganization(OrganizationOptions):
    """How large an organisation."""

    accounts: int


class MadeUp:
    """A provider of made-up accounts; counts the calls that it would make."""

    kind: ClassVar[str] = "eks"
    title: ClassVar[str] = "made up"
    options: ClassVar[type[AccountOptions]] = MadeUpOptions
    organization_options: ClassVar[type[OrganizationOptions]] = MadeUpOrganization

    def __init__(self) -> None:
        """Begin without a call."""
        self.calls = 0

    def permissions(self, variant: str = "") -> str:
        """Need none."""
        return variant

    async def discover(self, options: OrganizationOptions, context: CollectContext) -> AsyncIterator[Discovered]:
        """List all accounts, 20 to a page as AWS Organizations does."""
        assert isinstance(options, MadeUpOrganization)
        for number in range(options.accounts):
            if number % 20 == 0:
                self.calls += 1
                await asyncio.sleep(LATENCY)
            yield DiscoveredAccount(f"{context.account}/{number:012}", MadeUpOptions(number=number))

    async def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read all regions at the same time."""
        assert isinstance(options, MadeUpOptions)
        yield AccountIdentity(f"{options.number:012}")
        regions = [self._region(options.number, index, context) for index in range(len(REGIONS))]
        for answer in asyncio.as_completed(regions):
            for item in await answer:
                yield item

    async def _region(self, account: int, index: int, context: CollectContext) -> list[Collected]:
        """List the clusters of one region, and describe each."""
        place = account * len(REGIONS) + index
        key = f"aws:{account}:{REGIONS[index]}"
        tries = 0

        async def listed() -> int:
            nonlocal tries
            tries += 1
            await self._call()
            if place % THROTTLED == 1 and tries == 1:
                raise Throttled("Rate exceeded", where="eks:ListClusters", retry_after=0.1)
            if place % DENIED == 2:
                raise PermissionDenied("denied", where="eks:ListClusters", permission="eks:ListClusters")
            return int(place % CLUSTER_IN == 0)

        try:
            count = await context.limits.call(key, listed)
        except CollectionError as error:
            return [CollectionFailure.of(error, f"region {REGIONS[index]}")]
        for _ in range(count):
            await context.limits.call(key, self._call)
        return [_cluster(account, REGIONS[index], context.account) for _ in range(count)]

    async def _call(self) -> None:
        """Wait as long as a cloud takes to answer."""
        self.calls += 1
        await asyncio.sleep(LATENCY)


def _cluster(account: int, region: str, name: str) -> ClusterObservation:
    """Make up a cluster as EKS has them: three in four log all that is needed."""
    arn = f"arn:aws:eks:{region}:{account:012}:cluster/main"
    read = Evidence("eks:DescribeCluster", "logging.clusterLogging", f'[{{"types":["audit"],"enabled":true}}] {arn}')
    ok = LinkCheck(LinkState.OK, "the log type is on", (read,))
    gap = LinkCheck(LinkState.GAP, "the log type is off", (read,))
    logs = ("audit", "authenticator")
    channels = tuple(
        LogChannel(log, log, ok if account % 4 else gap, ok, Retention.exactly(90, "90 days", read)) for log in logs
    )
    policy = ManagedPolicy("eks", (read,))
    server = ApiServer(
        "control plane", policy, channels, Authorizer(can_deny=True, anonymous=False, reason="RBAC", evidence=(read,))
    )
    ref = ClusterRef("eks", name, f"{account:012}", region, "main", arn, "1.34")
    return ClusterObservation(ref, (server,), (Fact("platform version", "eks.12", read),))
