"""What an organisation's own inventory says of its EKS clusters: where it looks, and what it saw.

An inventory saves listing every region of every account. It is never taken for more than it is: an account and region
counts as looked at only where the inventory itself says so, and every cluster that it names is described again.

Sources: AWS Config, "Supported resource types" and its resource schema (awslabs/aws-config-resource-schema:
``AWS::EKS::Cluster``, ``AWS::Config::ConfigurationRecorder``, 2026-08); botocore's model of ``config`` (1.44.5).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from providers.eks.calls import Calls
from providers.eks.facts import SeenCluster
from providers.eks.wire import Answer

SELECT: Final = "config:SelectAggregateResourceConfig"
SOURCES: Final = "config:DescribeConfigurationAggregatorSourcesStatus"
CLUSTER: Final = "AWS::EKS::Cluster"

_RECORDER: Final = "AWS::Config::ConfigurationRecorder"
_CLUSTERS: Final = (
    "SELECT accountId, awsRegion, resourceName, arn, configuration.Logging, configurationItemCaptureTime"
    f" WHERE resourceType = '{CLUSTER}'"
)
_RECORDERS: Final = (
    "SELECT accountId, awsRegion, configuration.Recording, configuration.RecordingGroup"
    f" WHERE resourceType = '{_RECORDER}'"
)


@dataclass(slots=True)
class Inventory:
    """What an inventory knows.

    Attributes:
        name: What a person calls it.
        clusters: What it saw, by account and region.
        looked: The accounts and regions of which it records every cluster.
        stale: Accounts and regions whose last update failed, with why; an account of "" stands for all of them.
    """

    name: str
    clusters: dict[tuple[str, str], list[SeenCluster]] = field(default_factory=lambda: defaultdict(list))
    looked: set[tuple[str, str]] = field(default_factory=set)
    stale: dict[tuple[str, str], str] = field(default_factory=dict)

    def covers(self, account: str, region: str) -> bool:
        """Tell whether an account has no clusters in a region but those that it saw."""
        is_stale = not {(account, region), ("", region), ("", "")}.isdisjoint(self.stale)
        return (account, region) in self.looked and not is_stale

    def seen(self, account: str, region: str) -> tuple[SeenCluster, ...]:
        """Give the clusters that it saw there, in order."""
        return tuple(sorted(self.clusters.get((account, region), ()), key=lambda one: one.name))


async def from_config(calls: Calls, aggregator: str, region: str) -> Inventory:
    """Ask an aggregator of AWS Config; CollectionError where it may not be asked or does not answer."""
    inventory = Inventory(f"AWS Config aggregator {aggregator}")
    where = f"{aggregator} in {region}"
    for expression, take in ((_RECORDERS, _take_recorder), (_CLUSTERS, _take_cluster)):
        request = {"ConfigurationAggregatorName": aggregator, "Expression": expression, "Limit": 100}
        async for rows, _ in calls.pages(SELECT, where, region, request, "Results", _rows, "NextToken"):
            for row in rows:
                take(inventory, row)
    request = {"ConfigurationAggregatorName": aggregator, "UpdateStatus": ["FAILED", "OUTDATED"], "Limit": 100}
    pages = calls.pages(SOURCES, where, region, request, "AggregatedSourceStatusList", _sources, "NextToken")
    async for sources, _ in pages:
        for account, source_region, why in sources:
            inventory.stale[account, source_region] = why
    return inventory


def _rows(page: Answer) -> list[dict[str, Any]]:
    """Read the rows of a query's answer, each of which is JSON in a text."""
    return [json.loads(row) for row in page["Results"]]


def _take_recorder(inventory: Inventory, row: Mapping[str, Any]) -> None:
    """Count an account and region as looked at where its recorder runs and records EKS clusters."""
    configuration = row.get("configuration") or {}
    group = configuration.get("RecordingGroup") or {}
    excluded = (group.get("ExclusionByResourceTypes") or {}).get("ResourceTypes") or []
    is_listed = CLUSTER in (group.get("ResourceTypes") or [])
    is_everything = group.get("AllSupported") is True or bool(excluded)
    records = is_listed or (is_everything and CLUSTER not in excluded)
    if configuration.get("Recording") is True and records:
        inventory.looked.add((str(row["accountId"]), str(row["awsRegion"])))


def _take_cluster(inventory: Inventory, row: Mapping[str, Any]) -> None:
    """Take in one cluster: its name, and the log types that stood there when it was captured."""
    logging = (row.get("configuration") or {}).get("Logging") or {}
    types = ((logging.get("ClusterLogging") or {}).get("EnabledTypes")) or []
    enabled = tuple(sorted(str(one["Type"]) for one in types))
    name = str(row.get("resourceName") or str(row["arn"]).rpartition("/")[2])
    captured = str(row.get("configurationItemCaptureTime") or "")
    cluster = SeenCluster(name, enabled, captured, inventory.name)
    inventory.clusters[str(row["accountId"]), str(row["awsRegion"])].append(cluster)


def _sources(page: Answer) -> list[tuple[str, str, str]]:
    """Read which accounts and regions an aggregator could not bring up to date."""
    return [
        (
            str(one["SourceId"]) if one.get("SourceType") == "ACCOUNT" else "",
            str(one.get("AwsRegion", "")),
            f"{one.get('LastUpdateStatus')} {one.get('LastErrorMessage') or ''}".strip(),
        )
        for one in page["AggregatedSourceStatusList"]
    ]
