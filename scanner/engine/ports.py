"""What the engine is given and what it tells: plans, the spool that takes the results, the progress display."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scanner.model import AccountResult, ClusterResult
from scanner.ports import AccountOptions, LateOptions, OrganizationOptions, OrganizationProvider, Provider


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """One account that is to be scanned."""

    name: str
    provider: Provider
    options: AccountOptions | LateOptions


@dataclass(frozen=True, slots=True)
class OrganizationPlan:
    """One organisation whose accounts are to be found and scanned."""

    name: str
    provider: OrganizationProvider
    options: OrganizationOptions


class Spool(Protocol):
    """Takes every result as soon as it is there, and keeps it; `scanner.journal` is one."""

    def is_finished(self, account: str) -> bool:
        """Say whether an account was finished in an earlier run that this one goes on with."""
        ...

    def is_kept(self, account: str) -> bool:
        """Say whether anything of an account was kept that has ended, finished or not."""
        ...

    def missing(self, shard: int) -> Iterable[tuple[str, str, int]]:
        """Give each account of a shard that was planned, now or earlier, and has not ended.

        Its name, its provider, and how many of its clusters an earlier run kept that was killed.
        """
        ...

    def plan(self, account: str, provider: str, shard: int) -> None:
        """Take note that an account is to be scanned, and by which shard."""
        ...

    def account_began(self, account: str, provider: str) -> None:
        """Take note that an account is being scanned; results of an earlier attempt are void."""
        ...

    def cluster(self, account: str, cluster: ClusterResult) -> None:
        """Keep a cluster of an account that has begun."""
        ...

    def account_ended(self, result: AccountResult, *, final: bool) -> AccountResult:
        """Keep an account, and give it back with the clusters that were kept of it.

        Where it is not `final`, a resumed run scans it again.
        """
        ...

    def accounts(self) -> Sequence[AccountResult]:
        """Give all accounts that have ended, by name."""
        ...


class Progress(Protocol):
    """Told how the scan goes; called in the event loop, except for `waiting`, which may come from any thread."""

    def accounts_known(self, number: int, *, all_of_them: bool) -> None:
        """Say how many accounts this run scans, organisations included, and whether more may still be found."""
        ...

    def account_started(self, account: str) -> None:
        """Say that an account is being read now."""
        ...

    def waiting(self, account: str, what: str) -> None:
        """Say what an account waits for now."""
        ...

    def cluster_found(self, account: str, cluster: ClusterResult) -> None:
        """Say that a cluster was read and judged."""
        ...

    def account_finished(self, result: AccountResult) -> None:
        """Say that an account is done, whether it was read or not."""
        ...

    def bug(self, account: str, trace: str) -> None:
        """Say that our own code failed; `trace` is the traceback."""
        ...


@dataclass(frozen=True, slots=True)
class EngineOutcome:
    """What a run of the engine gives; `interrupted` says why it ended early and is empty where it did not.

    The accounts stay out of its repr: asyncio builds that of a finished task's result, which took as long as a scan.
    """

    accounts: Sequence[AccountResult] = field(repr=False)
    interrupted: str
