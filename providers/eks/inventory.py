"""What an organisation's own inventory says of its EKS clusters: where it looks, and what it saw.

An inventory saves listing every region of every account. It is never taken for more than it is: an account and region
counts as looked at only where the inventory itself says so, and every cluster that it names is described again.

Sources: AWS Config, "Supported resource types" and its resource schema (awslabs/aws-config-resource-schema:
``AWS::EKS::Cluster``, ``AWS::Config::ConfigurationRecorder``, 2026-08), "Example queries" and "Query components" of its
Developer Guide (``GROUP BY``, conditions that are joined by ``AND``); botocore's model of ``config`` (1.44.5).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from providers.eks.calls import Calls
from providers.eks.facts import InventorySource, SeenCluster
from providers.eks.places import Places
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
    "SELECT accountId, awsRegion, configuration.Name, configuration.Recording, configuration.RecordingGroup,"
    f" configuration.RecordingMode WHERE resourceType = '{_RECORDER}' AND awsRegion = "
)
_REGIONS: Final = f"SELECT awsRegion, COUNT(*) WHERE resourceType = '{_RECORDER}' GROUP BY awsRegion"
_REGION: Final = re.compile(r"[a-z0-9-]+", re.ASCII)
"""What may stand in a query as a region."""

_T = TypeVar("_T")

_SERVICE_LINKED: Final = "AWSConfigurationRecorderFor"
"""How the names of recorders begin that other services keep for themselves: what they record reaches no aggregator.

Source: AWS Config, "Working with the configuration recorder", service-linked recorders.
"""


@dataclass(slots=True)
class Inventory:
    """What an inventory knows. Of ten thousand accounts it is in memory as a whole, so that little is kept of each.

    Attributes:
        source: What it is.
        clusters: What it saw, by account.
        stale: Accounts and regions of which it says itself that it does not see all, with why; "" stands for all.
        looked: The accounts and regions of whose clusters it sees every one.
    """

    source: InventorySource
    clusters: dict[str, tuple[SeenCluster, ...]] = field(default_factory=dict)
    stale: dict[tuple[str, str], str] = field(default_factory=dict)
    looked: Places = field(default_factory=Places)

    def is_stale(self, account: str, region: str) -> bool:
        """Tell whether it says itself that clusters may be missing there."""
        return not {(account, region), (account, ""), ("", region), ("", "")}.isdisjoint(self.stale)

    def add(self, account: str, cluster: SeenCluster) -> None:
        """Take note of a cluster that it saw."""
        self.clusters[account] = (*self.clusters.get(account, ()), cluster)

    def forget(self, account: str) -> None:
        """Drop what it knows of an account; from then on it sees none of its regions."""
        self.clusters.pop(account, None)
        self.looked.forget(account)


@dataclass(frozen=True, slots=True)
class Inventories:
    """All inventories of an organisation that answered."""

    known: tuple[Inventory, ...]

    def covering(self, account: str, region: str) -> tuple[InventorySource, ...]:
        """Give those that see every cluster of an account in a region; none where one of them has reason to doubt."""
        if any(one.is_stale(account, region) for one in self.known):
            return ()
        return tuple(one.source for one in self.known if (account, region) in one.looked)

    def regions_of(self, account: str) -> tuple[str, ...]:
        """Give the regions in which any of them saw a cluster of an account."""
        return tuple(sorted({cluster.region for one in self.known for cluster in one.clusters.get(account, ())}))

    def seen(self, account: str, region: str) -> dict[str, tuple[SeenCluster, ...]]:
        """Give what any of them saw there, in the order of the clusters' names."""
        found: dict[str, tuple[SeenCluster, ...]] = {}
        for inventory in self.known:
            for cluster in inventory.clusters.get(account, ()):
                if cluster.region == region:
                    found[cluster.name] = (*found.get(cluster.name, ()), cluster)
        return dict(sorted(found.items()))

    def forget(self, account: str) -> None:
        """Drop what is known of an account whose turn has come: the journal keeps what comes of it."""
        for inventory in self.known:
            inventory.forget(account)


async def from_config(calls: Calls, aggregator: str, region: str, wanted: Sequence[str] | None) -> Inventory:
    """Ask an aggregator of AWS Config; CollectionError where it may not be asked or does not answer.

    Args:
        calls: The calls of the account that has the aggregator.
        aggregator: Its name.
        region: Where it is.
        wanted: The regions that are read; None for all.
    """
    asking = _Aggregator(calls, aggregator, region)
    recorded = [one for one in await asking.regions() if wanted is None or one in wanted]
    # A region of thousands of recorders is many pages, one after the other: so the regions are read at the same time.
    parts = (asking.read_clusters(), asking.read_sources(), *(asking.read_recorders(one) for one in recorded))
    for outcome in await asyncio.gather(*parts, return_exceptions=True):
        if outcome is not None:
            raise outcome
    return asking.inventory


class _Aggregator:
    """Asks one aggregator, part by part."""

    def __init__(self, calls: Calls, name: str, region: str) -> None:
        """Begin with an empty inventory."""
        source = InventorySource(
            name=f"AWS Config aggregator {name}",
            call=SELECT,
            time_field="configurationItemCaptureTime",
            types_field="configuration.Logging",
            time_means="as of",
            behind="within the last minutes",
        )
        self.inventory = Inventory(source)
        self._calls = calls
        self._name = name
        self._region = region

    async def regions(self) -> list[str]:
        """Give the regions in which there is any recorder; one that is made later is as good as none."""
        found = [region async for page in self._selected(_REGIONS, _regions) for region in page]
        return [region for region in found if _REGION.fullmatch(region)]

    async def read_recorders(self, region: str) -> None:
        """Read the recorders of one region."""
        async for places in self._selected(f"{_RECORDERS}'{region}'", _recorders):
            for account, place in places:
                self.inventory.looked.add(account, place)

    async def read_clusters(self) -> None:
        """Read the clusters, of all regions: whatever it names is read."""
        async for found in self._selected(_CLUSTERS, partial(_clusters, self.inventory.source)):
            for account, cluster in found:
                self.inventory.add(account, cluster)

    async def read_sources(self) -> None:
        """Read which accounts and regions it could not bring up to date."""
        request = {"UpdateStatus": ["FAILED", "OUTDATED"]}
        async for sources in self._pages(SOURCES, request, "AggregatedSourceStatusList", _sources):
            for account, place, why in sources:
                self.inventory.stale[account, place] = why

    def _selected(self, query: str, read: Callable[[Answer], _T]) -> AsyncIterator[_T]:
        """Give what a query answers, page by page."""
        return self._pages(SELECT, {"Expression": query}, "Results", read)

    async def _pages(
        self, action: str, request: Mapping[str, object], key: str, read: Callable[[Answer], _T]
    ) -> AsyncIterator[_T]:
        """Ask it something, page by page."""
        whole = {"ConfigurationAggregatorName": self._name, "Limit": 100, **request}
        where = f"{self._name} in {self._region}"
        async for found, _ in self._calls.pages(action, where, self._region, whole, key, read, "NextToken"):
            yield found


def _rows(page: Answer) -> list[dict[str, Any]]:
    """Read the rows of a query's answer, each of which is JSON in a text."""
    return [json.loads(row) for row in page["Results"]]


def _regions(page: Answer) -> list[str]:
    """Give the regions by which recorders are counted."""
    return [str(row["awsRegion"]) for row in _rows(page)]


def _recorders(page: Answer) -> list[tuple[str, str]]:
    """Give the accounts and regions whose recorder runs and records EKS clusters whenever they change."""
    return [
        (sys.intern(str(row["accountId"])), sys.intern(str(row["awsRegion"])))
        for row in _rows(page)
        if _records(row.get("configuration") or {})
    ]


def _records(configuration: Mapping[str, Any]) -> bool:
    """Tell whether a recorder runs, is the account's own, and records EKS clusters whenever they change."""
    if configuration.get("Recording") is not True:
        return False
    if str(configuration.get("Name") or "").startswith(_SERVICE_LINKED):
        return False
    mode = configuration.get("RecordingMode") or {}
    overrides = [
        one.get("RecordingFrequency")
        for one in mode.get("RecordingModeOverrides") or []
        if CLUSTER in (one.get("ResourceTypes") or [])
    ]
    frequency = (overrides or [mode.get("RecordingFrequency")])[0]
    return frequency in (None, "CONTINUOUS") and _holds_clusters(configuration.get("RecordingGroup") or {})


def _holds_clusters(group: Mapping[str, Any]) -> bool:
    """Tell whether a recording group holds EKS clusters: by its strategy, and by the older fields without one."""
    included = CLUSTER in (group.get("ResourceTypes") or [])
    excluded = (group.get("ExclusionByResourceTypes") or {}).get("ResourceTypes") or []
    strategy = (group.get("RecordingStrategy") or {}).get("UseOnly")
    by_strategy = {
        "ALL_SUPPORTED_RESOURCE_TYPES": True,
        "EXCLUSION_BY_RESOURCE_TYPES": CLUSTER not in excluded,
        "INCLUSION_BY_RESOURCE_TYPES": included,
    }
    without_one = included or ((group.get("AllSupported") is True or bool(excluded)) and CLUSTER not in excluded)
    return without_one if strategy is None else by_strategy.get(strategy, False)


def _clusters(inventory: InventorySource, page: Answer) -> list[tuple[str, SeenCluster]]:
    """Give the clusters with their accounts: names, and the log types that stood there when captured."""
    found = []
    for row in _rows(page):
        logging = (row.get("configuration") or {}).get("Logging") or {}
        types = (logging.get("ClusterLogging") or {}).get("EnabledTypes") or []
        enabled = _shared(tuple(sorted(str(one["Type"]) for one in types)))
        name = str(row.get("resourceName") or str(row["arn"]).rpartition("/")[2])
        captured = str(row.get("configurationItemCaptureTime") or "")
        cluster = SeenCluster(sys.intern(str(row["awsRegion"])), name, enabled, captured, inventory)
        found.append((sys.intern(str(row["accountId"])), cluster))
    return found


@lru_cache(maxsize=64)
def _shared(types: tuple[str, ...]) -> tuple[str, ...]:
    """Give one tuple to all clusters that have these log types."""
    return types


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
