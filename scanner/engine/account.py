"""One account, from its beginning to its end: whatever happens to it becomes a part of its result."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from scanner.assessment import assess
from scanner.engine.fair_pool import FairPool
from scanner.engine.limits import AccountLimits, Windows
from scanner.engine.places import Place
from scanner.engine.ports import AccountPlan, OrganizationPlan, Progress, Spool
from scanner.errors import CollectionError, ReportError
from scanner.model import (
    AccountIdentity,
    AccountNote,
    AccountResult,
    ClusterObservation,
    Collected,
    CollectionFailure,
    FailureKind,
    Note,
    NoteSeverity,
    RuleSettings,
    ScanSettings,
)
from scanner.ports import CollectContext, DiscoveredAccount, made


@dataclass(frozen=True, slots=True)
class Run:
    """What all accounts of one run share."""

    scan: ScanSettings
    rule: RuleSettings
    started: datetime
    progress: Progress
    spool: Spool
    windows: Windows
    pool: FairPool


@dataclass(slots=True)
class Account:
    """What is known of one account so far; it outlives its task, so that nothing is lost.

    `parts` counts what was read of it already: its clusters, which are in the spool, or an organisation's accounts.
    """

    plan: AccountPlan | OrganizationPlan
    place: Place
    account_id: str = ""
    began: float | None = None
    parts: int = 0
    failures: list[CollectionFailure] = field(default_factory=list)
    notes: list[AccountNote] = field(default_factory=list)

    def context(self, run: Run) -> CollectContext:
        """Make what its provider is handed."""
        waits = partial(run.progress.waiting, self.plan.name)
        limits = AccountLimits(run.windows, self.place, waits)
        return CollectContext(self.plan.name, run.scan, run.rule, run.started, waits, limits)

    def begin(self, run: Run) -> None:
        """Open its books."""
        self.began = time.monotonic()
        run.spool.account_began(self.plan.name, self.plan.provider.kind)
        run.progress.account_started(self.plan.name)

    def finish(self, run: Run, *, final: bool = True) -> None:
        """Close its books; not `final` where the run ended before it did."""
        run.progress.account_finished(run.spool.account_ended(self._result(), final=final))

    def note(self, text: str) -> None:
        """Add a remark."""
        self.notes.append(AccountNote(Note(NoteSeverity.INFO, text)))

    def interrupt(self, run: Run, why: str) -> None:
        """Close its books before it was finished, saying what was not scanned.

        Where it had not begun again in a resumed run, what an earlier one read of it stays.
        """
        if self.began is None and run.spool.is_kept(self.plan.name):
            return
        reason = f"not finished: {why}" if self.began is not None else f"not scanned: {why}"
        self.failures.append(
            CollectionFailure(
                kind=FailureKind.INTERRUPTED,
                scope=self.what_is_left(),
                operation="scan",
                reason=reason,
                hint="scan it again, or go on with --resume",
                whole_account=not self.parts,
            )
        )
        self.finish(run, final=False)

    def what_is_left(self) -> str:
        """Name the part of it that was not read."""
        if isinstance(self.plan, OrganizationPlan):
            return "accounts of the organization"
        return "the rest of the account" if self.parts else "account"

    def _result(self) -> AccountResult:
        """Freeze it, in an order that does not depend on which answer came first; its clusters are in the spool."""
        return AccountResult(
            name=self.plan.name,
            provider=self.plan.provider.kind,
            account_id=self.account_id,
            clusters=(),
            failures=tuple(sorted(self.failures, key=lambda one: (not one.whole_account, one.scope, one.operation))),
            notes=tuple(sorted(self.notes, key=lambda one: one.note.text)),
            seconds=time.monotonic() - self.began if self.began is not None else 0.0,
        )


async def scan_account(account: Account, plan: AccountPlan, run: Run) -> None:
    """Read one account, judging each cluster as it comes."""

    async def collect() -> None:
        async for item in plan.provider.collect(made(plan.options), account.context(run)):
            _take(account, item, run)

    await _within_limits(account, collect, run)


async def discover(
    account: Account, plan: OrganizationPlan, found: Callable[[DiscoveredAccount], None], run: Run
) -> None:
    """Look through one organisation, handing on each account that is found."""

    async def look() -> None:
        async for item in plan.provider.discover(plan.options, account.context(run)):
            if isinstance(item, DiscoveredAccount):
                account.parts += 1
                found(item)
            else:
                _take(account, item, run)

    await _within_limits(account, look, run)


async def _within_limits(account: Account, work: Callable[[], Awaitable[None]], run: Run) -> None:
    """Work within the account's time and its share of the threads; every failure becomes a part of its result."""
    limit = asyncio.timeout(run.scan.account_timeout)
    try:
        with run.pool.account(account.plan.name):
            async with limit:
                await work()
    except CollectionError as error:
        account.failures.append(CollectionFailure.of(error, account.what_is_left(), whole_account=not account.parts))
    except ReportError:
        raise  # what was read could not be kept: that ends the run
    except Exception as error:  # noqa: BLE001 - a bug in one account must not take the others with it
        account.failures.append(
            _timed_out(account, run.scan) if limit.expired() else _bug(account, error, run.progress)
        )


def _take(account: Account, item: Collected, run: Run) -> None:
    """Take in one thing that a provider yielded."""
    if isinstance(item, ClusterObservation):
        _judge(account, item, run)
    elif isinstance(item, CollectionFailure):
        account.failures.append(item)
    elif isinstance(item, AccountIdentity):
        account.account_id = item.account_id
    else:
        account.notes.append(item)


def _judge(account: Account, observation: ClusterObservation, run: Run) -> None:
    """Judge one cluster; a bug in that leaves the cluster unjudged, never unmentioned."""
    try:
        result = assess(observation, run.rule)
    except Exception as error:  # noqa: BLE001 - a bug about one cluster must not take the others with it
        account.failures.append(_bug(account, error, run.progress, f"cluster {observation.ref.name}"))
        return
    run.spool.cluster(account.plan.name, result)
    account.parts += 1
    run.progress.cluster_found(account.plan.name, result)


def _timed_out(account: Account, settings: ScanSettings) -> CollectionFailure:
    """Say that an account, or the look through an organisation, took too long."""
    if isinstance(account.plan, OrganizationPlan):
        smaller = "look through less at a time: several [[organization]] tables, each with a part of it"
    else:
        smaller = "split the account by region"
    return CollectionFailure(
        kind=FailureKind.TIMEOUT,
        scope=account.what_is_left(),
        operation="scan",
        reason=f"took longer than scan.account_timeout ({settings.account_timeout:g} s)",
        hint=f"raise scan.account_timeout, or {smaller}",
        whole_account=not account.parts,
    )


def _bug(account: Account, error: Exception, progress: Progress, scope: str = "") -> CollectionFailure:
    """Report our own mistake as what it is, with the traceback for the log and only its type for the report."""
    progress.bug(account.plan.name, "".join(traceback.format_exception(error)))
    return CollectionFailure(
        kind=FailureKind.BUG,
        scope=scope or account.what_is_left(),
        operation="scan",
        reason=f"a bug in k8s-audit-coverage: {type(error).__name__}",
        hint="please report it with the traceback from the log",
        whole_account=not account.parts,
    )
