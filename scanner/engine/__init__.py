"""Runs accounts concurrently, each as one task under limits, and turns whatever happens to them into results.

This is the only place that catches every exception: an account that fails is in the report, and the others go on.
Memory stays flat: results go to the spool as they come, and only accounts that are being read have a task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scanner.engine.account import Account, Run, discover, scan_account
from scanner.engine.fair_pool import FairPool
from scanner.engine.limits import Windows
from scanner.engine.places import Place
from scanner.engine.ports import AccountPlan, EngineOutcome, OrganizationPlan, Progress, Spool
from scanner.engine.shards import Shard
from scanner.model import AccountResult, CollectionFailure, FailureKind, RuleSettings, ScanSettings
from scanner.ports import DiscoveredAccount

__all__ = [
    "AccountPlan",
    "EngineOutcome",
    "OrganizationPlan",
    "Progress",
    "Shard",
    "Spool",
    "scan_accounts",
]

_LENT_AT_MOST = 4
"""How many accounts may be under way for each place: most of them wait for throttled APIs, and all take memory."""


async def scan_accounts(
    plans: Sequence[AccountPlan | OrganizationPlan],
    scan: ScanSettings,
    rule: RuleSettings,
    *,
    started: datetime,
    progress: Progress,
    stop: asyncio.Future[str],
    spool: Spool,
    shard: Shard = Shard(),  # noqa: B008 - frozen
) -> EngineOutcome:
    """Scan this shard of all accounts, those that organisations have included.

    Ends early, with what was read by then, on a `stop` or after ``scan.timeout``. What a resumed `spool` holds is not
    scanned again.

    Raises:
        ReportError: The spool cannot take any more.
    """
    pool = FairPool(scan.max_calls)
    asyncio.get_running_loop().set_default_executor(pool)
    run = Run(scan, rule, started, progress, spool, Windows(scan), pool)
    work = _Work(run, shard, plans)
    interrupted = await _until_done(asyncio.create_task(work.all()), scan, stop)
    if interrupted:
        pool.shutdown(wait=False, cancel_futures=True)
        work.interrupt(interrupted)
    work.account_for_all(interrupted)
    return EngineOutcome(spool.accounts(), interrupted)


async def _until_done(work: asyncio.Task[None], settings: ScanSettings, stop: asyncio.Future[str]) -> str:
    """Wait for the work, a stop or the deadline; on the latter two cancel what is left and say why."""
    waited: list[asyncio.Future[Any]] = [work, stop]
    await asyncio.wait(waited, timeout=settings.timeout, return_when=asyncio.FIRST_COMPLETED)
    ended_by_itself = work.done()
    work.cancel()
    await asyncio.wait([work])
    if not work.cancelled():
        _raise_first(work.exception())
    if ended_by_itself:
        return ""
    return stop.result() if stop.done() else f"the scan took longer than scan.timeout ({settings.timeout:g} s)"


def _raise_first(error: BaseException | None) -> None:
    """Raise what ended the work; tasks that fail together, say for a full disk, do so for one reason."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error


class _Work:
    """The accounts of one run: those that wait, and those that are under way."""

    def __init__(self, run: Run, shard: Shard, plans: Sequence[AccountPlan | OrganizationPlan]) -> None:
        """Begin with the accounts of the configuration."""
        self._run = run
        self._shard = shard
        self._organizations = [plan for plan in plans if isinstance(plan, OrganizationPlan)]
        self._looking = self._mine = len(self._organizations)
        self._waiting: deque[AccountPlan] = deque()
        self._more = asyncio.Event()
        self._under_way: dict[str, Account] = {}
        self._places = asyncio.Semaphore(run.scan.concurrency)
        self._admitted = asyncio.Semaphore(run.scan.concurrency * _LENT_AT_MOST)
        listed = [plan for plan in plans if isinstance(plan, AccountPlan)]
        self._listed = shard.divide(plan.name for plan in listed)
        self._found: set[str] = set()
        self._all_looked_through = True
        for organization in self._organizations:
            run.spool.plan(organization.name, organization.provider.kind, shard.of(organization.name))
            # Known from the beginning, so that a stop before its task has begun does not leave it out.
            self._under_way[organization.name] = Account(organization, Place(asyncio.Semaphore(1)))
        for plan in listed:
            self._plan(plan, self._listed[plan.name])
        self._tell()

    async def all(self) -> None:
        """Look through the organisations and scan all accounts; an account gets its task when there is a place."""
        async with asyncio.TaskGroup() as group:
            for organization in self._organizations:
                group.create_task(self._look_through(organization), name=organization.name)
            while await self._is_one_waiting():
                await self._admitted.acquire()
                place = Place(self._places)
                await place.take()
                plan = self._waiting.popleft()
                account = self._under_way[plan.name] = Account(plan, place)
                group.create_task(self._scan(account, plan), name=plan.name)

    def interrupt(self, why: str) -> None:
        """Say of each account that was not finished what was not scanned."""
        for account in self._under_way.values():
            account.interrupt(self._run, why)
        for plan in self._waiting:
            Account(plan, Place(self._places)).interrupt(self._run, why)

    def account_for_all(self, interrupted: str) -> None:
        """Say of each account that an earlier run knew, and this one did not find again, that it was not scanned."""
        kind, reason = self._why_not_again(interrupted)
        for name, provider, clusters in self._run.spool.missing(self._shard.number):
            failure = CollectionFailure(
                kind=kind,
                scope="the rest of the account" if clusters else "account",
                operation="scan",
                reason=reason,
                hint="see the organization that it belongs to, or scan anew without --resume",
                whole_account=not clusters,
            )
            result = AccountResult(name, provider, "", (), (failure,), (), 0.0)
            self._run.progress.account_finished(self._run.spool.account_ended(result, final=False))

    def _why_not_again(self, interrupted: str) -> tuple[FailureKind, str]:
        """Say why an account was not found again: only a look that came to its end can tell that it is gone."""
        if interrupted:
            return FailureKind.INTERRUPTED, f"not scanned: {interrupted}"
        if not self._all_looked_through:
            reason = "not scanned: its organization could not be looked through again when the scan was resumed"
            return FailureKind.INTERRUPTED, reason
        return FailureKind.NOT_FOUND, "was found when the scan began, and not again when it was resumed"

    async def _is_one_waiting(self) -> bool:
        """Wait until an account may be scanned; False where none is left and none will be found."""
        while not self._waiting and self._looking:
            self._more.clear()
            await self._more.wait()
        return bool(self._waiting)

    async def _scan(self, account: Account, plan: AccountPlan) -> None:
        """Scan one account and make room for the next."""
        try:
            account.begin(self._run)
            await scan_account(account, plan, self._run)
            self._end(account)
        finally:
            account.place.end()
            self._admitted.release()

    async def _look_through(self, plan: OrganizationPlan) -> None:
        """Look through one organisation; what is said of it as a whole is a result under its own name."""
        organization = self._under_way[plan.name]
        await organization.place.take()
        organization.begin(self._run)

        def found(one: DiscoveredAccount) -> None:
            self._take(one, organization)

        await discover(organization, plan, found, self._run)
        if organization.parts or not organization.failures:  # where nobody could look, none was found out
            organization.note(f"accounts found: {organization.parts:,}")
        self._all_looked_through &= not organization.failures
        self._end(organization)
        self._looking -= 1
        if not self._looking:
            self._found.clear()
        self._more.set()
        self._tell()

    def _take(self, found: DiscoveredAccount, organization: Account) -> None:
        """Take in an account that was found; a table of the same name in the configuration comes first."""
        if found.name in self._listed:
            organization.note(f"account {found.name} is scanned as its own [[account]] table says")
            return
        if found.name in self._found:
            organization.note(f"account {found.name} was found more than once; the first one is scanned")
            return
        self._found.add(found.name)
        provider = organization.plan.provider
        self._plan(AccountPlan(found.name, provider, found.options), self._shard.of(found.name))
        self._more.set()
        self._tell()

    def _plan(self, plan: AccountPlan, shard: int) -> None:
        """Take note of an account, and queue it if it is this process's to scan and was not scanned already."""
        self._run.spool.plan(plan.name, plan.provider.kind, shard)
        if shard == self._shard.number and not self._run.spool.is_finished(plan.name):
            self._mine += 1
            self._waiting.append(plan)

    def _end(self, account: Account) -> None:
        account.finish(self._run)
        del self._under_way[account.plan.name]

    def _tell(self) -> None:
        self._run.progress.accounts_known(self._mine, all_of_them=not self._looking)
