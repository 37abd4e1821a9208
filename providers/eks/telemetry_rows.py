"""The rows of CloudWatch telemetry config: which resource each is about, and where that is; no I/O."""

from __future__ import annotations

import re
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, Final

from providers.eks.facts import InventorySource, LogType, SeenCluster
from providers.eks.places import Places
from providers.eks.wire import Answer

CLUSTER: Final = "AWS::EKS::Cluster"
VPC: Final = "AWS::EC2::VPC"

_ARN: Final = re.compile(r"arn:[a-z-]+:(eks|ec2):([a-z0-9-]+):(\d{12}):(cluster|vpc)/(.+)", re.ASCII)
_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
_KINDS: Final = {
    CLUSTER: ("eks", "cluster", re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)),
    VPC: ("ec2", "vpc", re.compile(r"vpc-[0-9a-f]{8,17}", re.ASCII)),
}
"""How an ARN of each type reads, and a name. Source: the EKS API's ``clusterName``, and EC2's resource ids."""

_LOG_TYPES: Final = {
    "EKS_API_LOGS": LogType.API,
    "EKS_AUDIT_LOGS": LogType.AUDIT,
    "EKS_AUTHENTICATOR_LOGS": LogType.AUTHENTICATOR,
    "EKS_CONTROLLER_MANAGER_LOGS": LogType.CONTROLLER_MANAGER,
    "EKS_SCHEDULER_LOGS": LogType.SCHEDULER,
}
"""Source: ``TelemetrySourceType`` of the Observability Admin API, 2018-05-10."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Cluster:
    """What the rows of one cluster say: whether each log type is enabled, and when any of it was changed last.

    Attributes:
        by_arn: Whether its place stands in a row, rather than being where the row came from.
    """

    types: dict[LogType, bool] = field(default_factory=dict)
    changed: datetime | None = None
    by_arn: bool = False

    def take(self, row: dict[str, Any]) -> None:
        """Take in one row."""
        log_type = _LOG_TYPES.get(str(row.get("TelemetrySourceType")))
        state = (row.get("TelemetryConfigurationState") or {}).get("Logs")
        if log_type is not None and state in ("Enabled", "Disabled"):
            self.types[log_type] = state == "Enabled"
        if row.get("LastUpdateTimeStamp") is not None:
            changed = _EPOCH + timedelta(milliseconds=int(row["LastUpdateTimeStamp"]))
            self.changed = max(changed, self.changed or changed)

    def when(self) -> str:
        """Give the time of the last change, "" where no row names one."""
        return "" if self.changed is None else self.changed.strftime("%Y-%m-%dT%H:%M:%SZ")

    def enabled(self) -> tuple[str, ...] | None:
        """Give the enabled log types; None unless the rows speak of every type."""
        if self.types.keys() != set(LogType):
            return None
        return tuple(sorted(log_type for log_type, is_on in self.types.items() if is_on))


class Rows:
    """The rows of all regions.

    Attributes:
        strange: Accounts and regions in which a cluster is called by what is neither a name nor an ARN, and by what.
        looked: The accounts and regions of which there is any row.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.strange: dict[tuple[str, str], str] = {}
        self.looked = Places()
        self._clusters: dict[tuple[str, str, str], _Cluster] = defaultdict(_Cluster)
        self._vpcs: dict[str, array[int]] = defaultdict(lambda: array("q"))

    def take(self, region: str, page: Answer) -> None:
        """Take in a page that one region answered; raises what a row of another shape does.

        An ARN says itself whose the resource is and where, whatever else stands in its row.
        """
        for row in page["TelemetryConfigurations"]:
            if row["ResourceType"] not in _KINDS:
                continue
            service, kind, names = _KINDS[row["ResourceType"]]
            identifier = str(row["ResourceIdentifier"])
            arn = _ARN.fullmatch(identifier)
            if arn is not None and arn[1] == service and arn[4] == kind and names.fullmatch(arn[5]):
                self._take(row, sys.intern(arn[3]), sys.intern(arn[2]), arn[5], by_arn=True)
                continue
            account = sys.intern(str(row["AccountIdentifier"]))
            if not _ACCOUNT.fullmatch(account):
                message = "a row names no account"
                raise ValueError(message)
            if names.fullmatch(identifier):
                self._take(row, account, region, identifier, by_arn=False)
            elif row["ResourceType"] == CLUSTER:
                self.strange[account, region] = identifier

    def _take(self, row: dict[str, Any], account: str, region: str, name: str, *, by_arn: bool) -> None:
        """Take in a row about a resource whose place is known."""
        if row["ResourceType"] == CLUSTER:
            cluster = self._clusters[account, region, name]
            cluster.by_arn |= by_arn
            cluster.take(row)
        elif not by_arn:
            self._vpcs[region].append(hash(name))
        self.looked.add(account, region)

    def ambiguous(self) -> frozenset[str]:
        """Give the regions whose answers name the same VPC: they are not about one region each.

        Of each VPC 64 bits are compared. Were those of two the same by chance, their regions would be listed in vain.
        """
        found: set[str] = set()
        for region, other in combinations(self._vpcs, 2):
            if not set(self._vpcs[region]).isdisjoint(self._vpcs[other]):
                found |= {region, other}
        return frozenset(found)

    def clusters(self, source: InventorySource, ambiguous: frozenset[str]) -> Iterator[tuple[str, SeenCluster]]:
        """Give the clusters with their accounts, without those of which it is not clear where they are."""
        for (account, region, name), cluster in self._clusters.items():
            if cluster.by_arn or region not in ambiguous:
                yield account, SeenCluster(region, name, cluster.enabled(), cluster.when(), source)
