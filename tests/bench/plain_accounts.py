"""What anyone would write first for many accounts: a boto3 Session for each, and 32 threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from tests.bench.accounts import ACCOUNTS
from tests.bench.measure import report
from tests.bench.product_accounts import role_arn

_PREFIX = "/aws/eks/"
_CONFIG = Config(max_pool_connections=32)


def main() -> None:
    """Read all clusters of all accounts, and print what it took."""
    began = time.perf_counter()
    with ThreadPoolExecutor(32) as pool:
        regions = [each for found in pool.map(_regions, range(ACCOUNTS)) for each in found]
        clusters = [each for found in pool.map(_clusters, regions) for each in found]
        answers = list(pool.map(_read, clusters))
    report(began, sum("cluster" in answer for answer in answers))


def _regions(number: int) -> list[tuple[Any, Any]]:
    """Assume an account's role, and make the clients of its regions."""
    sts = boto3.Session().client("sts", region_name="us-east-1", config=_CONFIG)
    keys = sts.assume_role(RoleArn=role_arn(number), RoleSessionName="bench")["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    session.client("sts", region_name="us-east-1", config=_CONFIG).get_caller_identity()
    regions = session.client("ec2", region_name="us-east-1", config=_CONFIG).describe_regions()["Regions"]
    return [
        (
            session.client("eks", region_name=region["RegionName"], config=_CONFIG),
            session.client("logs", region_name=region["RegionName"], config=_CONFIG),
        )
        for region in regions
    ]


def _clusters(clients: tuple[Any, Any]) -> list[tuple[Any, Any, str]]:
    """List a region's clusters and log groups."""
    eks, logs = clients
    pages = eks.get_paginator("list_clusters").paginate(include=["all"], PaginationConfig={"PageSize": 100})
    names = [name for page in pages for name in page["clusters"]]
    groups = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=_PREFIX, PaginationConfig={"PageSize": 50}
    )
    for page in groups:
        page["logGroups"]
    return [(eks, logs, name) for name in names]


def _read(cluster: tuple[Any, Any, str]) -> dict[str, Any]:
    """Read one cluster and its log group."""
    eks, logs, name = cluster
    found: dict[str, Any] = eks.describe_cluster(name=name)
    logs.describe_subscription_filters(logGroupName=f"{_PREFIX}{name}/cluster")
    logs.describe_log_streams(logGroupName=f"{_PREFIX}{name}/cluster", orderBy="LastEventTime", descending=True)
    return found


if __name__ == "__main__":
    main()
