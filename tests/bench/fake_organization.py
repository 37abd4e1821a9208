"""A fast fake of an AWS organisation: ``python -m tests.bench.fake_organization accounts N``, a process of its own.

Its accounts are those of `tests.bench.organization_shape`; ``cluster_in N`` gives another share of their regions a
cluster. As `tests.bench.fake_eks` it prints its port, answers after a fixed latency, and ends with its standard input,
printing what it served.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from tests.bench import eks_bodies as bodies
from tests.bench import organization_shape as shape
from tests.bench.fake_http import answered, serve

_Parameters = Mapping[str, Any]


class FakeOrganization:
    """Answers for all accounts; remembers only where it has throttled already, and counts the calls by cause."""

    def __init__(self, accounts: int, cluster_in: int = shape.CLUSTER_IN) -> None:
        """Have so many accounts, and a cluster in one of so many places."""
        self._accounts = accounts
        self._cluster_in = cluster_in
        self._throttled: set[tuple[int, str]] = set()
        self.calls: Counter[str] = Counter()
        self._answers: dict[str, Callable[[_Parameters, str, str], bytes]] = {
            "ListAccounts": self._list_accounts,
            "SelectAggregateResourceConfig": self._select,
            "DescribeConfigurationAggregatorSourcesStatus": self._sources,
            "ListRegions": self._list_regions,
            "AssumeRole": self._assume,
            "GetCallerIdentity": lambda _, account, __: answered(bodies.identity(account)),
            "DescribeRegions": lambda *_: answered(bodies.regions(shape.REGIONS)),
            "ListClusters": self._list_clusters,
            "DescribeCluster": self._describe_cluster,
            "DescribeLogGroups": self._log_groups,
            "DescribeLogStreams": self._log_streams,
            "DescribeSubscriptionFilters": lambda parameters, _, __: answered(
                bodies.filters(parameters["logGroupName"])
            ),
        }

    def answer(self, request_line: str, headers: dict[str, str], body: bytes) -> bytes:
        """Answer one request by its operation, the account whose credentials signed it, and the region."""
        key, _, region = headers["authorization"].partition("credential=")[2].split("/")[:3]
        account = key[4:] if key.startswith("asia") else shape.HUB
        operation, parameters = _asked(request_line, headers, body)
        answer = self._answers[operation](parameters, account, region)
        throttled = answer.startswith(b"HTTP/1.1 429")
        self.calls[shape.Cause.THROTTLED if throttled else self._cause(operation, parameters, account, region)] += 1
        return answer

    def _cause(self, operation: str, parameters: _Parameters, account: str, region: str) -> shape.Cause:
        """Tell for what a call is made."""
        if operation == "ListRegions":
            return shape.Cause.REGIONS
        entered = _role_account(parameters) if operation == "AssumeRole" else account
        if entered == shape.HUB:
            return shape.Cause.PAGES
        if operation in ("AssumeRole", "GetCallerIdentity", "DescribeRegions"):
            return shape.why_entered(entered, self._cluster_in)
        place = shape.place_of(account, region)
        return shape.why_listed(place) if operation == "ListClusters" else shape.why_read(place, self._cluster_in)

    def _list_accounts(self, parameters: _Parameters, _: str, __: str) -> bytes:
        start = int(parameters.get("NextToken") or 0)
        end = min(start + shape.ACCOUNTS_ON_A_PAGE, self._accounts)
        found = [
            {
                "Id": shape.account_id(number),
                "Arn": f"arn:aws:organizations::{shape.HUB}:account/o-ab12cd34ef/{shape.account_id(number)}",
                "Email": f"aws+{number}@example.com",
                "Name": f"workload {number}",
                "State": "ACTIVE",
                "Paths": ["o-ab12cd34ef/r-ab12/ou-ab12-11111111/"],
                "JoinedMethod": "CREATED",
                "JoinedTimestamp": 1_600_000_000.123,
            }
            for number in range(start, end)
        ]
        return answered(json.dumps({"Accounts": found, **_more("NextToken", end, self._accounts)}))

    def _select(self, parameters: _Parameters, _: str, __: str) -> bytes:
        """Answer a query of the aggregator, a page at a time: recorders by region, those of one, or clusters."""
        query = parameters["Expression"]
        if "GROUP BY awsRegion" in query:
            counted = [{"COUNT(*)": self._accounts, "awsRegion": region} for region in shape.REGIONS]
            return answered(json.dumps({"Results": [json.dumps(one) for one in counted]}))
        region = query.rpartition("awsRegion = ")[2].strip("'") if "awsRegion = " in query else None
        first, step = (0, 1) if region is None else (shape.REGIONS.index(region), len(shape.REGIONS))
        last = self._accounts * len(shape.REGIONS)
        rows: list[str] = []
        place = int(parameters.get("NextToken") or first)
        while place < last and len(rows) < shape.ROWS_ON_A_PAGE:
            if region is not None:
                rows.append(_recorder(place))
            elif self._has_cluster(place) and shape.is_recorded(place):
                rows.append(_cluster(place))
            place += step
        return answered(json.dumps({"Results": rows, **_more("NextToken", place, last)}))

    def _sources(self, *_: object) -> bytes:
        return answered('{"AggregatedSourceStatusList": []}')

    def _list_regions(self, *_: object) -> bytes:
        found = [{"RegionName": region, "RegionOptStatus": "ENABLED_BY_DEFAULT"} for region in shape.REGIONS]
        return answered(json.dumps({"Regions": found}))

    def _assume(self, parameters: _Parameters, _: str, __: str) -> bytes:
        account = _role_account(parameters)
        if shape.is_closed_to_us(account):
            return answered(bodies.query_error("AccessDenied", "not authorized to perform: sts:AssumeRole"), 403)
        return answered(bodies.assumed(account))

    def _list_clusters(self, _: _Parameters, account: str, region: str) -> bytes:
        place = shape.place_of(account, region)
        names = ["main"] if self._has_cluster(place) else []
        return self._refused(place, "ListClusters") or answered(json.dumps({"clusters": names}))

    def _describe_cluster(self, parameters: _Parameters, account: str, region: str) -> bytes:
        refused = self._refused(shape.place_of(account, region), "DescribeCluster")
        return refused or answered(bodies.described(parameters["name"], account, region))

    def _log_groups(self, _: _Parameters, account: str, region: str) -> bytes:
        return answered(json.dumps({"logGroups": [bodies.log_group("main", account, region)]}))

    def _log_streams(self, parameters: _Parameters, account: str, region: str) -> bytes:
        return answered(bodies.streams(parameters["logGroupName"], account, region))

    def _has_cluster(self, place: int) -> bool:
        return shape.has_cluster(place, self._cluster_in)

    def _refused(self, place: int, operation: str) -> bytes | None:
        """Throttle a first call, and deny a call, where that is the place's way."""
        if shape.is_throttled(place) and (place, operation) not in self._throttled:
            self._throttled.add((place, operation))
            return answered('{"message": "Rate exceeded"}', 429, "ThrottlingException")
        if shape.is_denied(place):
            return answered('{"message": "not authorized"}', 403, "AccessDeniedException")
        return None


def _asked(request_line: str, headers: dict[str, str], body: bytes) -> tuple[str, _Parameters]:
    """Tell the operation and its parameters, by the three protocols that these services speak."""
    if "x-amz-target" in headers:
        target = headers["x-amz-target"].rpartition(".")[2]
        return _SPELT[target], json.loads(body)
    url = request_line.split(" ")[1]
    path = url.partition("?")[0]
    if path == "/clusters":
        return "ListClusters", {}
    if path.startswith("/clusters/"):
        return "DescribeCluster", {"name": unquote(path.rpartition("/")[2])}
    if path == "/listRegions":
        return "ListRegions", json.loads(body)
    found = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return found["Action"], found


def _role_account(parameters: _Parameters) -> str:
    """Give the account of the role that is to be assumed."""
    return str(parameters["RoleArn"]).split(":")[4]


_SPELT: Final = {
    name.lower(): name
    for name in (
        "ListAccounts",
        "SelectAggregateResourceConfig",
        "DescribeConfigurationAggregatorSourcesStatus",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "DescribeSubscriptionFilters",
    )
}
"""The operations that a header names, which is in lower case by the time it is looked at."""


def _more(token: str, end: int, last: int) -> dict[str, str]:
    """Give the token of the next page, if there is one."""
    return {token: str(end)} if end < last else {}


def _row(place: int, kind: str, configuration: object, **fields: str) -> str:
    """Give a row of the aggregator, which is JSON in a text."""
    account, region = divmod(place, len(shape.REGIONS))
    row = {"accountId": shape.account_id(account), "awsRegion": shape.REGIONS[region], **fields}
    return json.dumps({**row, "resourceType": kind, "configuration": configuration})


def _recorder(place: int) -> str:
    """Give the recorder of a place; where it does not see everything, it stands still."""
    group = {"AllSupported": True, "IncludeGlobalResourceTypes": False, "ResourceTypes": []}
    configuration = {"Name": "default", "Recording": shape.is_recorded(place), "RecordingGroup": group}
    return _row(place, "AWS::Config::ConfigurationRecorder", configuration)


def _cluster(place: int) -> str:
    """Give the cluster of a place, in the shape of its CloudFormation type."""
    account, region = divmod(place, len(shape.REGIONS))
    arn = f"arn:aws:eks:{shape.REGIONS[region]}:{shape.account_id(account)}:cluster/main"
    types = [{"Type": one} for one in ("api", "audit", "authenticator")]
    configuration = {"Logging": {"ClusterLogging": {"EnabledTypes": types}}}
    captured = "2026-03-01T09:00:00Z"
    return _row(
        place,
        "AWS::EKS::Cluster",
        configuration,
        arn=arn,
        resourceName="main",
        configurationItemCaptureTime=captured,
    )


def main() -> None:
    """Serve the organisation that the arguments describe."""
    given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    fake = FakeOrganization(int(given["accounts"]), int(given.get("cluster_in", shape.CLUSTER_IN)))
    asyncio.run(serve(fake.answer, given.get("tls"), fake.calls))


if __name__ == "__main__":
    main()
