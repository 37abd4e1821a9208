"""The API calls: what is asked for, page by page, and what an answer must hold to be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from providers.eks.facts import (
    LOG_GROUP_PREFIX,
    LogGroup,
    LogType,
    Streams,
    SubscriptionFilter,
    enabled_names,
    log_type_of,
)
from providers.eks.failures import SDK_ERRORS, malformed, translate
from providers.eks.session import Clients
from scanner.ports import Waits

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef
    from mypy_boto3_eks.type_defs import ClusterTypeDef, ListClustersRequestTypeDef, ListClustersResponseTypeDef
    from mypy_boto3_logs.type_defs import (
        DescribeLogGroupsRequestTypeDef,
        DescribeLogGroupsResponseTypeDef,
        DescribeLogStreamsRequestTypeDef,
        DescribeLogStreamsResponseTypeDef,
        DescribeSubscriptionFiltersRequestTypeDef,
        DescribeSubscriptionFiltersResponseTypeDef,
        LogStreamTypeDef,
    )

ASSUME_ROLE: Final = "sts:AssumeRole"
GET_CALLER_IDENTITY: Final = "sts:GetCallerIdentity"
DESCRIBE_REGIONS: Final = "ec2:DescribeRegions"
LIST_CLUSTERS: Final = "eks:ListClusters"
DESCRIBE_CLUSTER: Final = "eks:DescribeCluster"
DESCRIBE_LOG_GROUPS: Final = "logs:DescribeLogGroups"
DESCRIBE_LOG_STREAMS: Final = "logs:DescribeLogStreams"
DESCRIBE_SUBSCRIPTION_FILTERS: Final = "logs:DescribeSubscriptionFilters"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MAX_STREAM_PAGES: Final = 20
"""Pages of 50 streams that are looked through for the types not seen yet; streams rotate, so old groups hold many."""


class _Page(Protocol):
    """An answer of which more may follow."""

    def get(self, key: str, /) -> object: ...


_T = TypeVar("_T")
_P = TypeVar("_P", bound=_Page)


class Calls:
    """The calls of one account: they block, are safe from any thread, and raise CollectionError."""

    def __init__(self, clients: Clients, waits: Waits) -> None:
        """Use the clients of one account, and tell `waits` what is being waited for."""
        self._clients = clients
        self._waits = waits

    def identity(self) -> tuple[str, str]:
        """Give the account's id and the ARN of the identity that reads it; needs no permission."""
        region = self._clients.home_region
        answer = self._ask(GET_CALLER_IDENTITY, region, lambda: self._clients.get("sts", region).get_caller_identity())
        account_id, arn = answer.get("Account"), str(answer.get("Arn"))
        if not account_id or not arn.startswith("arn:"):
            raise malformed(GET_CALLER_IDENTITY, region, "it names no account")
        return account_id, arn

    def regions(self) -> tuple[str, ...]:
        """List the regions that the account has switched on."""
        home = self._clients.home_region
        filters: list[FilterTypeDef] = [{"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]}]

        def read() -> list[str]:
            answer = self._clients.get("ec2", home).describe_regions(Filters=filters)
            return sorted(region["RegionName"] for region in answer.get("Regions", ()) if "RegionName" in region)

        names = self._ask(DESCRIBE_REGIONS, home, read)
        if not names:
            raise malformed(DESCRIBE_REGIONS, home, "it names no region")
        return tuple(names)

    def cluster_names(self, region: str) -> Iterator[list[str]]:
        """List the names of a region's clusters page by page, those that EKS only registers included."""
        request: ListClustersRequestTypeDef = {"maxResults": 100, "include": ["all"]}

        def fetch(token: str) -> ListClustersResponseTypeDef:
            if token:
                request["nextToken"] = token
            return self._clients.get("eks", region).list_clusters(**request)

        def read(page: ListClustersResponseTypeDef) -> list[str]:
            names: list[object] = [*page["clusters"]]
            found = [name for name in names if isinstance(name, str) and name]
            if len(found) < len(names):
                raise malformed(LIST_CLUSTERS, region, "a cluster in it has no name")
            return found

        for names, _ in self._pages(LIST_CLUSTERS, region, "clusters", fetch, read):
            yield names

    def cluster(self, region: str, name: str) -> ClusterTypeDef:
        """Describe a cluster; NotFound where it was deleted meanwhile."""
        where = f"{name} in {region}"

        def read() -> ClusterTypeDef:
            cluster = self._clients.get("eks", region).describe_cluster(name=name).get("cluster")
            if not cluster:
                raise malformed(DESCRIBE_CLUSTER, where, "it has no cluster")
            if cluster.get("name", name) != name:
                raise malformed(DESCRIBE_CLUSTER, where, "it is about another cluster")
            enabled_names(cluster)  # raises where the logging is of another shape than the API describes
            return cluster

        return self._ask(DESCRIBE_CLUSTER, where, read)

    def log_groups(self, region: str) -> dict[str, LogGroup]:
        """List the log groups under ``/aws/eks/`` by name: once a region, not once a cluster."""
        request: DescribeLogGroupsRequestTypeDef = {"logGroupNamePrefix": LOG_GROUP_PREFIX, "limit": 50}

        def fetch(token: str) -> DescribeLogGroupsResponseTypeDef:
            if token:
                request["nextToken"] = token
            return self._clients.get("logs", region).describe_log_groups(**request)

        def read(page: DescribeLogGroupsResponseTypeDef) -> list[LogGroup]:
            return [
                LogGroup(
                    group.get("logGroupName", ""),
                    group.get("retentionInDays"),
                    group.get("logGroupClass"),
                    group.get("kmsKeyId"),
                )
                for group in page["logGroups"]
            ]

        pages = self._pages(DESCRIBE_LOG_GROUPS, region, "logGroups", fetch, read)
        return {group.name: group for groups, _ in pages for group in groups}

    def subscription_filters(self, region: str, group: str) -> tuple[SubscriptionFilter, ...]:
        """List where the records of a log group are forwarded to."""
        request: DescribeSubscriptionFiltersRequestTypeDef = {"logGroupName": group}

        def fetch(token: str) -> DescribeSubscriptionFiltersResponseTypeDef:
            if token:
                request["nextToken"] = token
            return self._clients.get("logs", region).describe_subscription_filters(**request)

        def read(page: DescribeSubscriptionFiltersResponseTypeDef) -> list[SubscriptionFilter]:
            return [
                SubscriptionFilter(found.get("filterName", ""), found.get("destinationArn", ""))
                for found in page["subscriptionFilters"]
            ]

        pages = self._pages(DESCRIBE_SUBSCRIPTION_FILTERS, f"{group} in {region}", "subscriptionFilters", fetch, read)
        return tuple(found for filters, _ in pages for found in filters)

    def streams(self, region: str, group: str, wanted: frozenset[LogType]) -> Streams:
        """Find the newest stream of each wanted log type.

        Streams come newest first, and their names are matched here: the API cannot combine that order with a prefix,
        and the prefix of ``api`` would match the streams of ``audit`` as well.
        """
        request: DescribeLogStreamsRequestTypeDef = {
            "logGroupName": group,
            "orderBy": "LastEventTime",
            "descending": True,
        }
        newest: dict[LogType, datetime | None] = {}
        seen = 0

        def fetch(token: str) -> DescribeLogStreamsResponseTypeDef:
            if token:
                request["nextToken"] = token
            return self._clients.get("logs", region).describe_log_streams(**request)

        def read(page: DescribeLogStreamsResponseTypeDef) -> int:
            streams = page["logStreams"]
            for stream in streams:
                _keep_newest(newest, stream)
            return len(streams)

        pages = self._pages(DESCRIBE_LOG_STREAMS, f"{group} in {region}", "logStreams", fetch, read)
        for number, (count, is_last) in enumerate(pages, start=1):
            seen += count
            if newest.keys() >= wanted or number == MAX_STREAM_PAGES:
                return Streams(newest, seen, complete=is_last)
        return Streams(newest, seen, complete=True)

    def _pages(
        self, action: str, where: str, key: str, fetch: Callable[[str], _P], read: Callable[[_P], _T]
    ) -> Iterator[tuple[_T, bool]]:
        """Ask for one page after the other, and say of each whether it is the last.

        Args:
            action: The call, as IAM spells it.
            where: Of what.
            key: What an answer must hold.
            fetch: Takes the token of the page before, "" for the first, and gives the answer.
            read: Takes what is wanted out of an answer; what it raises means that the answer cannot be used.
        """
        tokens: set[str] = set()
        token = ""
        while True:
            page = self._ask(action, where, partial(fetch, token))
            if page.get(key) is None:
                raise malformed(action, where, f"it has no {key}")
            found = self._made_of(action, where, partial(read, page))
            following = page.get("nextToken")
            if following and (not isinstance(following, str) or following in tokens):
                yield found, True
                raise malformed(action, where, "its pages repeat themselves")
            yield found, not following
            if not isinstance(following, str) or not following:
                return
            tokens.add(following)
            token = following

    def _ask(self, action: str, where: str, call: Callable[[], _T]) -> _T:
        """Make one call."""
        self._waits(f"{action} of {where}")
        return self._made_of(action, where, call)

    @staticmethod
    def _made_of(action: str, where: str, make: Callable[[], _T]) -> _T:
        """Make a call, or something of its answer, and put what goes wrong into the product's words."""
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
