"""What a run gives: accounts with their clusters, ready to be reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from scanner.model.observation import AccountNote, CollectionFailure
from scanner.model.result import AccountStatus, ClusterResult, Status, worst
from scanner.model.spooled import SpooledClusters
from scanner.model.summary import Summary, summarise

if TYPE_CHECKING:
    from scanner.model.settings import RuleSettings


@dataclass(frozen=True, slots=True)
class AccountResult:
    """All that is known of one account, in a deterministic order."""

    name: str
    provider: str
    account_id: str
    clusters: Sequence[ClusterResult]
    failures: tuple[CollectionFailure, ...]
    notes: tuple[AccountNote, ...]
    seconds: float

    @property
    def completeness(self) -> AccountStatus:
        """How much of the account was read: failed where nothing was."""
        if not self.failures:
            return AccountStatus.COMPLETE
        if any(failure.whole_account for failure in self.failures) and not self.clusters:
            return AccountStatus.FAILED
        return AccountStatus.PARTIAL

    @property
    def statuses(self) -> Mapping[Status, int]:
        """How many of its clusters have each status; those that none has may be left out."""
        if isinstance(self.clusters, SpooledClusters):
            return self.clusters.statuses
        return Counter(cluster.status for cluster in self.clusters)

    @property
    def status(self) -> Status:
        """The worst of its clusters; UNKNOWN at best where a part could not be read; SKIP without clusters."""
        statuses = [status for status, count in self.statuses.items() if count]
        if self.failures:
            statuses.append(Status.UNKNOWN)
        return worst(statuses)


@dataclass(frozen=True)
class ScanResult:
    """One run of the product, ready to be reported.

    Attributes:
        interrupted: Why the run ended early (a signal, the deadline); empty where it did not.
        config_digest: SHA-256 of the configuration as it was used, so that two reports can be compared.
    """

    tool_version: str
    started: datetime
    finished: datetime
    rule: RuleSettings
    config_digest: str
    accounts: Sequence[AccountResult]
    interrupted: str = ""

    @cached_property
    def summary(self) -> Summary:
        """The counts, made once: that reads every account."""
        return summarise(self.accounts)

    @property
    def status(self) -> Status:
        """The worst of all accounts."""
        return worst([status for status, count in self.summary.accounts.items() if count])
