"""The API calls: what is asked for, page by page, and what an answer must hold to be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from providers.eks.facts import LOG_GROUP_PREFIX, LogGroup, LogType, Streams, SubscriptionFilter, log_type_of
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
        """Give the account's id and its partition; needs no permission."""
        region = self._clients.home_region
        answer = self._ask(GET_CALLER_IDENTITY, region, lambda: self._clients.get("sts", region).get_caller_identity())
        account_id, arn = answer.get("Account"), answer.get("Arn", "")
        if not account_id or not arn.startswith("arn:"):
            raise malformed(GET_CALLER_IDENTITY, region, "it names no account")
        return account_id, arn.split(":", 2)[1]

    def regions(self) -> tuple[str, ...]:
        """List the regions that the account has switched on."""
        home = self._clients.home_region
        filters: list[FilterTypeDef] = [{"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]}]
        answer = self._ask(
            DESCRIBE_REGIONS, home, lambda: self._clients.get("ec2", home).describe_regions(Filters=filters)
        )
        names = sorted(region["RegionName"] for region in answer.get("Regions", ()) if "RegionName" in region)
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

        for page in self._pages(LIST_CLUSTERS, region, fetch):
            if "clusters" not in page:
                raise malformed(LIST_CLUSTERS, region, "it has no clusters")
            yield page["clusters"]

    def cluster(self, region: str, name: str) -> ClusterTypeDef:
        """Describe a cluster; NotFound where it was deleted meanwhile."""
        where = f"{name} in {region}"
        answer = self._ask(
            DESCRIBE_CLUSTER, where, lambda: self._clients.get("eks", region).describe_cluster(name=name)
        )
        if not answer.get("cluster"):
            raise malformed(DESCRIBE_CLUSTER, where, "it has no cluster")
        return answer["cluster"]

    def log_groups(self, region: str) -> dict[str, LogGroup]:
        """List the log groups under ``/aws/eks/`` by name: once a region, not once a cluster."""
        request: DescribeLogGroupsRequestTypeDef = {"logGroupNamePrefix": LOG_GROUP_PREFIX, "limit": 50}
        groups: dict[str, LogGroup] = {}

        def fetch(token: str) -> DescribeLogGroupsResponseTypeDef:
            if token:
                request["nextToken"] = token
            return self._clients.get("logs", region).describe_log_groups(**request)

        for page in self._pages(DESCRIBE_LOG_GROUPS, region, fetch):
            if "logGroups" not in page:
                raise malformed(DESCRIBE_LOG_GROUPS, region, "it has no logGroups")
            for group in page["logGroups"]:
                name = group.get("logGroupName", "")
                groups[name] = LogGroup(
                    name, group.get("retentionInDays"), group.get("logGroupClass"), group.get("kmsKeyId")
                )
        return groups

    def subscription_filters(self, region: str, group: str) -> tuple[SubscriptionFilter, ...]:
        """List where the records of a log group are forwarded to."""
        request: DescribeSubscriptionFiltersRequestTypeDef = {"logGroupName": group}
        where = f"{group} in {region}"
        filters: list[SubscriptionFilter] = []

        def fetch(token: str) -> DescribeSubscriptionFiltersResponseTypeDef:
            if token:
                request["nextToken"] = token
            return self._clients.get("logs", region).describe_subscription_filters(**request)

        for page in self._pages(DESCRIBE_SUBSCRIPTION_FILTERS, where, fetch):
            if "subscriptionFilters" not in page:
                raise malformed(DESCRIBE_SUBSCRIPTION_FILTERS, where, "it has no subscriptionFilters")
            filters += [
                SubscriptionFilter(found.get("filterName", ""), found.get("destinationArn", ""))
                for found in page["subscriptionFilters"]
            ]
        return tuple(filters)

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
        where = f"{group} in {region}"
        newest: dict[LogType, datetime | None] = {}
        seen = 0

        def fetch(token: str) -> DescribeLogStreamsResponseTypeDef:
            if token:
                request["nextToken"] = token
            return self._clients.get("logs", region).describe_log_streams(**request)

        for number, page in enumerate(self._pages(DESCRIBE_LOG_STREAMS, where, fetch), start=1):
            if "logStreams" not in page:
                raise malformed(DESCRIBE_LOG_STREAMS, where, "it has no logStreams")
            seen += len(page["logStreams"])
            for stream in page["logStreams"]:
                _keep_newest(newest, stream)
            if newest.keys() >= wanted or number == MAX_STREAM_PAGES:
                return Streams(newest, seen, complete=not page.get("nextToken"))
        return Streams(newest, seen, complete=True)

    def _pages(self, action: str, where: str, fetch: Callable[[str], _P]) -> Iterator[_P]:
        """Ask for one page after the other; `fetch` takes the token of the page before, "" for the first."""
        tokens: set[str] = set()
        token = ""
        while True:
            page = self._ask(action, where, partial(fetch, token))
            yield page
            following = page.get("nextToken")
            if not following:
                return
            if not isinstance(following, str) or following in tokens:
                raise malformed(action, where, "its pages repeat themselves")
            tokens.add(following)
            token = following

    def _ask(self, action: str, where: str, call: Callable[[], _T]) -> _T:
        """Make one call, and put what goes wrong with it into the product's words."""
        self._waits(f"{action} of {where}")
        try:
            return call()
        except SDK_ERRORS as error:
            raise translate(error, action, where) from error


def _keep_newest(newest: dict[LogType, datetime | None], stream: LogStreamTypeDef) -> None:
    """Take a stream into account if it is the newest of its type so far."""
    log_type = log_type_of(stream.get("logStreamName", ""))
    if log_type is None:
        return
    milliseconds = stream.get("lastEventTimestamp")
    when = None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    known = newest.get(log_type)
    if log_type not in newest or (when is not None and (known is None or when > known)):
        newest[log_type] = when
