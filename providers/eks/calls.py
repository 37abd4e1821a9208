"""The API calls: what is asked for, page by page, and what an answer must hold to be used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from providers.eks.facts import (
    LOG_GROUP_PREFIX,
    LogGroup,
    LogType,
    Streams,
    SubscriptionFilter,
    enabled_names,
    log_type_of,
)
from providers.eks.failures import SDK_ERRORS, translate
from providers.eks.session import Caller, Service
from providers.eks.wire import Answer
from scanner.errors import Malformed, Throttled
from scanner.ports import Waits

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef
    from mypy_boto3_logs.type_defs import LogStreamTypeDef

ASSUME_ROLE: Final = "sts:AssumeRole"
GET_CALLER_IDENTITY: Final = "sts:GetCallerIdentity"
DESCRIBE_REGIONS: Final = "ec2:DescribeRegions"
LIST_REGIONS: Final = "account:ListRegions"
LIST_CLUSTERS: Final = "eks:ListClusters"
DESCRIBE_CLUSTER: Final = "eks:DescribeCluster"
DESCRIBE_LOG_GROUPS: Final = "logs:DescribeLogGroups"
DESCRIBE_LOG_STREAMS: Final = "logs:DescribeLogStreams"
DESCRIBE_SUBSCRIPTION_FILTERS: Final = "logs:DescribeSubscriptionFilters"

_MORE_ROUNDS: Final = 2
"""So often an account's regions are asked for again; each round has all the retries of a scan."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MAX_STREAM_PAGES: Final = 20
"""Pages of 50 streams that are looked through for the types not seen yet; streams rotate, so old groups hold many."""


_T = TypeVar("_T")


class Calls:
    """The calls of one account; what goes wrong is a CollectionError."""

    def __init__(self, caller: Caller, waits: Waits) -> None:
        """Use what makes the calls of one account, and tell `waits` what is being waited for."""
        self._caller = caller
        self._waits = waits

    @property
    def home_region(self) -> str:
        """Where calls that are about the whole account are made."""
        return self._caller.home_region

    async def identity(self) -> tuple[str, str]:
        """Give the account's id and the ARN of the identity that reads it; needs no permission."""
        region = self._caller.home_region
        answer = await self._ask(GET_CALLER_IDENTITY, region, lambda: self._call(GET_CALLER_IDENTITY, region))
        account_id, arn = answer.get("Account"), str(answer.get("Arn"))
        if not account_id or not arn.startswith("arn:"):
            raise Malformed.answer(GET_CALLER_IDENTITY, region, "it names no account")
        return account_id, arn

    async def regions(self) -> tuple[str, ...]:
        """List the regions that the account has switched on."""
        home = self._caller.home_region
        filters = [{"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]}]

        async def read() -> list[str]:
            answer = await self._call(DESCRIBE_REGIONS, home, {"Filters": filters})
            return sorted(region["RegionName"] for region in answer.get("Regions", ()) if "RegionName" in region)

        names = await self._ask(DESCRIBE_REGIONS, home, read)
        if not names:
            raise Malformed.answer(DESCRIBE_REGIONS, home, "it names no region")
        return tuple(names)

    async def regions_of(self, account_id: str, hub_account: str) -> tuple[str, ...]:
        """List the regions that an account of the organisation has switched on, without entering it.

        All accounts of an organisation share one quota for that, and each of which it is not told is listed in every
        region: so where it is throttled beyond its retries, it is asked again.
        Source: AWS Account Management, ListRegions (the caller's own account may not be named) and its quotas.
        """
        for _ in range(_MORE_ROUNDS):
            with suppress(Throttled):
                return await self._regions_of(account_id, hub_account)
        return await self._regions_of(account_id, hub_account)

    async def _regions_of(self, account_id: str, hub_account: str) -> tuple[str, ...]:
        """List them, once."""

        def read(page: Answer) -> list[str]:
            return [str(region["RegionName"]) for region in page["Regions"]]

        request: dict[str, object] = {"MaxResults": 50, "RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]}
        if account_id != hub_account:
            request["AccountId"] = account_id
        pages = self.pages(LIST_REGIONS, account_id, self.home_region, request, "Regions", read, "NextToken")
        names = sorted([region async for regions, _ in pages for region in regions])
        if not names:
            raise Malformed.answer(LIST_REGIONS, account_id, "it names no region")
        return tuple(names)

    async def cluster_names(self, region: str) -> AsyncIterator[list[str]]:
        """List the names of a region's clusters page by page, those that EKS only registers included."""

        def read(page: Answer) -> list[str]:
            names: list[object] = [*page["clusters"]]
            found = [name for name in names if isinstance(name, str) and name]
            if len(found) < len(names):
                raise Malformed.answer(LIST_CLUSTERS, region, "a cluster in it has no name")
            return found

        request = {"maxResults": 100, "include": ["all"]}
        async for names, _ in self.pages(LIST_CLUSTERS, region, region, request, "clusters", read):
            yield names

    async def cluster(self, region: str, name: str) -> ClusterTypeDef:
        """Describe a cluster; NotFound where it was deleted meanwhile."""
        where = f"{name} in {region}"

        async def read() -> ClusterTypeDef:
            answer = await self._call(DESCRIBE_CLUSTER, region, {"name": name})
            cluster = cast("ClusterTypeDef | None", answer.get("cluster"))
            if not cluster:
                raise Malformed.answer(DESCRIBE_CLUSTER, where, "it has no cluster")
            if cluster.get("name", name) != name:
                raise Malformed.answer(DESCRIBE_CLUSTER, where, "it is about another cluster")
            enabled_names(cluster)  # raises where the logging is of another shape than the API describes
            return cluster

        return await self._ask(DESCRIBE_CLUSTER, where, read)

    async def log_groups(self, region: str) -> dict[str, LogGroup]:
        """List the log groups under ``/aws/eks/`` by name: once a region, not once a cluster."""

        def read(page: Answer) -> list[LogGroup]:
            return [
                LogGroup(
                    group.get("logGroupName", ""),
                    group.get("retentionInDays"),
                    group.get("logGroupClass"),
                    group.get("kmsKeyId"),
                )
                for group in page["logGroups"]
            ]

        request = {"logGroupNamePrefix": LOG_GROUP_PREFIX, "limit": 50}
        pages = self.pages(DESCRIBE_LOG_GROUPS, region, region, request, "logGroups", read)
        return {group.name: group async for groups, _ in pages for group in groups}

    async def subscription_filters(self, region: str, group: str) -> tuple[SubscriptionFilter, ...]:
        """List where the records of a log group are forwarded to."""

        def read(page: Answer) -> list[SubscriptionFilter]:
            return [
                SubscriptionFilter(found.get("filterName", ""), found.get("destinationArn", ""))
                for found in page["subscriptionFilters"]
            ]

        request = {"logGroupName": group}
        where = f"{group} in {region}"
        pages = self.pages(DESCRIBE_SUBSCRIPTION_FILTERS, where, region, request, "subscriptionFilters", read)
        return tuple([found async for filters, _ in pages for found in filters])

    async def streams(self, region: str, group: str, wanted: frozenset[LogType]) -> Streams:
        """Find the newest stream of each wanted log type.

        Streams come newest first, and their names are matched here: the API cannot combine that order with a prefix,
        and the prefix of ``api`` would match the streams of ``audit`` as well.
        """
        request = {"logGroupName": group, "orderBy": "LastEventTime", "descending": True}
        newest: dict[LogType, datetime | None] = {}
        seen = number = 0

        def read(page: Answer) -> int:
            streams = page["logStreams"]
            for stream in streams:
                _keep_newest(newest, stream)
            return len(streams)

        pages = self.pages(DESCRIBE_LOG_STREAMS, f"{group} in {region}", region, request, "logStreams", read)
        async for count, is_last in pages:
            number += 1
            seen += count
            if newest.keys() >= wanted or number == MAX_STREAM_PAGES:
                return Streams(newest, seen, complete=is_last)
        return Streams(newest, seen, complete=True)

    async def answer(self, action: str, where: str, region: str, read: Callable[[Answer], _T]) -> _T:
        """Make a call without parameters, and take what is wanted out of its one answer."""

        async def call() -> _T:
            return read(await self._call(action, region))

        return await self._ask(action, where, call)

    async def pages(
        self,
        action: str,
        where: str,
        region: str,
        request: Mapping[str, object],
        key: str,
        read: Callable[[Answer], _T],
        token: str = "nextToken",  # noqa: S107 - the name of a field
    ) -> AsyncIterator[tuple[_T, bool]]:
        """Ask for one page after the other, and say of each whether it is the last.

        Args:
            action: The call, as IAM spells it.
            where: Of what.
            region: In which region.
            request: Its parameters, but for the token of the page before.
            key: What an answer must hold.
            read: Takes what is wanted out of an answer; what it raises means that the answer cannot be used.
            token: The field that holds the token of the next page.
        """
        tokens: set[str] = set()
        more: dict[str, str] = {}
        while True:
            page = await self._ask(action, where, partial(self._call, action, region, {**request, **more}))
            if page.get(key) is None:
                raise Malformed.answer(action, where, f"it has no {key}")
            found = _made_of(action, where, partial(read, page))
            following = page.get(token)
            if following and (not isinstance(following, str) or following in tokens):
                yield found, True
                raise Malformed.answer(action, where, "its pages repeat themselves")
            yield found, not following
            if not isinstance(following, str) or not following:
                return
            tokens.add(following)
            more = {token: following}

    async def _call(self, action: str, region: str, parameters: Mapping[str, object] | None = None) -> Answer:
        """Make the call that IAM calls `action`."""
        service, _, operation = action.partition(":")
        return await self._caller.call(cast("Service", service), operation, region, parameters)

    async def _ask(self, action: str, where: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make a call and take something out of its answer; what goes wrong is put into the product's words."""
        self._waits(f"{action} of {where}")
        try:
            return await call()
        except SDK_ERRORS as error:
            raise translate(error, action, where) from error


def _made_of(action: str, where: str, make: Callable[[], _T]) -> _T:
    """Take something out of an answer, and put what goes wrong into the product's words."""
    try:
        return make()
    except SDK_ERRORS as error:
        raise translate(error, action, where) from error


def _keep_newest(newest: dict[LogType, datetime | None], stream: LogStreamTypeDef) -> None:
    """Take a stream into account if it is the newest of its type so far."""
    log_type = log_type_of(stream.get("logStreamName", ""))
    if log_type is None:
        return
    milliseconds = stream.get("lastEventTimestamp")
    when = None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
    known = newest.get(log_type)
    if log_type not in newest or (when is not None and (known is None or when > known)):
        newest[log_type] = when
