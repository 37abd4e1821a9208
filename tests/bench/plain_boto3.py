"""What anyone would write first: list and describe with boto3 in 32 threads. The measure for the EKS provider.

It makes the same calls as the provider does, and keeps what they say.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from tests.bench.measure import report

_PREFIX = "/aws/eks/"


def main() -> None:
    """Read all clusters of the account, and print what it took."""
    began = time.perf_counter()
    session = boto3.Session()
    config = Config(max_pool_connections=32)
    session.client("sts", region_name="us-east-1", config=config).get_caller_identity()
    regions = [
        region["RegionName"]
        for region in session.client("ec2", region_name="us-east-1", config=config).describe_regions()["Regions"]
    ]
    clients = {
        region: (
            session.client("eks", region_name=region, config=config),
            session.client("logs", region_name=region, config=config),
        )
        for region in regions
    }
    with ThreadPoolExecutor(32) as pool:
        groups = [pool.submit(_log_groups, logs) for _, logs in clients.values()]
        listed = {region: pool.submit(_names, eks) for region, (eks, _) in clients.items()}
        read: list[Future[Any]] = []
        for region, future in listed.items():
            eks, logs = clients[region]
            for name in future.result():
                read += [
                    pool.submit(eks.describe_cluster, name=name),
                    pool.submit(logs.describe_subscription_filters, logGroupName=f"{_PREFIX}{name}/cluster"),
                    pool.submit(
                        logs.describe_log_streams,
                        logGroupName=f"{_PREFIX}{name}/cluster",
                        orderBy="LastEventTime",
                        descending=True,
                    ),
                ]
        answers = [future.result() for future in [*groups, *read]]
    report(began, sum("cluster" in answer for answer in answers))


def _names(eks: Any) -> list[str]:  # noqa: ANN401 - a boto3 client
    """List a region's clusters."""
    pages = eks.get_paginator("list_clusters").paginate(include=["all"], PaginationConfig={"PageSize": 100})
    return [name for page in pages for name in page["clusters"]]


def _log_groups(logs: Any) -> dict[str, Any]:  # noqa: ANN401 - a boto3 client
    """List a region's log groups."""
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=_PREFIX, PaginationConfig={"PageSize": 50}
    )
    return {group["logGroupName"]: group for page in pages for group in page["logGroups"]}


if __name__ == "__main__":
    main()
