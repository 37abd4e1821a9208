"""Runs accounts concurrently, each as one task under limits, and turns whatever happens to them into results.

This is the only place that catches every exception: an account that fails is in the report, and the others go on.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from scanner.assessment import assess
from scanner.errors import (
    CollectionError,
)
from scanner.model import (
    AccountIdentity,
    AccountNote,
    AccountResult,
    ClusterObservation,
    ClusterResult,
    Collected,
    CollectionFailure,
    FailureKind,
    RuleSettings,
    ScanSettings,
)
from scanner.ports import AccountOptions, CollectContext, Provider


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """One account that is to be scanned."""

    name: str
    provider: Provider
    options: AccountOptions


class Progress(Protocol):
    """Told how the scan goes; called in the event loop, except for `waiting`, which may come from any thread."""

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

    accounts: tuple[AccountResult, ...] = field(repr=False)
    interrupted: str


@dataclass(slots=True)
class _Account:
    """What is known of one account so far; it outlives the task, so that an interruption loses nothing."""

    plan: AccountPlan
    account_id: str = ""
    began: float | None = None
    seconds: float = 0.0
    clusters: list[ClusterResult] = field(default_factory=list)
    failures: list[CollectionFailure] = field(default_factory=list)
    notes: list[AccountNote] = field(default_factory=list)
    done: bool = False

    def result(self) -> AccountResult:
        """Freeze it, in an order that does not depend on which answer came first."""
        return AccountResult(
            name=self.plan.name,
            provider=self.plan.provider.kind,
            account_id=self.account_id,
            clusters=tuple(sorted(self.clusters, key=lambda one: (one.ref.location, one.ref.name, one.ref.id))),
            failures=tuple(sorted(self.failures, key=lambda one: (not one.whole_account, one.scope, one.operation))),
            notes=tuple(sorted(self.notes, key=lambda one: one.note.text)),
            seconds=self.seconds,
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """What all accounts of one run share."""

    scan: ScanSettings
    rule: RuleSettings
    started: datetime
    progress: Progress
    limit: asyncio.Semaphore


async def scan_accounts(
    plans: Sequence[AccountPlan],
    scan: ScanSettings,
    rule: RuleSettings,
    *,
    started: datetime,
    progress: Progress,
    stop: asyncio.Future[str],
) -> EngineOutcome:
    """Scan all accounts; ends early, with what was read by then, on a `stop` or after ``scan.timeout``."""
    pool = ThreadPoolExecutor(scan.max_calls, thread_name_prefix="call")
    asyncio.get_running_loop().set_default_executor(pool)
    run = _Run(scan, rule, started, progress, asyncio.Semaphore(scan.concurrency))
    accounts = [_Account(plan) for plan in plans]
    tasks = [asyncio.create_task(_scan_account(account, run), name=account.plan.name) for account in accounts]
    interrupted = await _until_done(tasks, scan, stop)
    if interrupted:
        pool.shutdown(wait=False, cancel_futures=True)
        for account in accounts:
            _mark_interrupted(account, run, interrupted)
    results = tuple(sorted((account.result() for account in accounts), key=lambda one: one.name))
    return EngineOutcome(results, interrupted)


async def _until_done(tasks: list[asyncio.Task[None]], scan: ScanSettings, stop: asyncio.Future[str]) -> str:
    """Wait for the tasks, a stop or the deadline; on the latter two cancel what is left and say why."""
    everything = asyncio.gather(*tasks, return_exceptions=True)
    waited: list[asyncio.Future[Any]] = [everything, stop]
    await asyncio.wait(waited, timeout=scan.timeout, return_when=asyncio.FIRST_COMPLETED)
    if everything.done():
        return ""
    for task in tasks:
        task.cancel()
    await everything
    return stop.result() if stop.done() else f"the scan took longer than scan.timeout ({scan.timeout:g} s)"


async def _scan_account(account: _Account, run: _Run) -> None:
    """Read one account within its limits; every way in which that can fail becomes a part of its result."""
    async with run.limit:
        account.began = time.monotonic()
        run.progress.account_started(account.plan.name)
        try:
            async with asyncio.timeout(run.scan.account_timeout):
                await _collect(account, run)
        except TimeoutError:
            account.failures.append(_timed_out(account, run.scan))
        except CollectionError as error:
            account.failures.append(CollectionFailure.of(error, "account", whole_account=True))
        except Exception as error:  # noqa: BLE001 - a bug in one account must not take the others with it
            account.failures.append(_bug(account, error, run.progress))
        _finish(account, run)


async def _collect(account: _Account, run: _Run) -> None:
    """Take in what the provider yields, judging each cluster as it comes."""
    plan = account.plan
    waits = partial(run.progress.waiting, plan.name)
    context = CollectContext(plan.name, run.scan, run.rule, run.started, waits)
    async for item in plan.provider.collect(plan.options, context):
        _take(account, item, run)


def _take(account: _Account, item: Collected, run: _Run) -> None:
    """Take in one thing that a provider yielded."""
    if isinstance(item, ClusterObservation):
        _judge(account, item, run)
    elif isinstance(item, CollectionFailure):
        account.failures.append(item)
    elif isinstance(item, AccountIdentity):
        account.account_id = item.account_id
    else:
        account.notes.append(item)


def _judge(account: _Account, observation: ClusterObservation, run: _Run) -> None:
    """Judge one cluster; a bug in that leaves the cluster unjudged, never unmentioned."""
    try:
        result = assess(observation, run.rule)
    except Exception as error:  # noqa: BLE001 - a bug about one cluster must not take the others with it
        account.failures.append(_bug(account, error, run.progress, f"cluster {observation.ref.name}"))
        return
    account.clusters.append(result)
    run.progress.cluster_found(account.plan.name, result)


def _finish(account: _Account, run: _Run) -> None:
    """Close an account's books."""
    account.done = True
    account.seconds = time.monotonic() - account.began if account.began is not None else 0.0
    run.progress.account_finished(account.result())


def _mark_interrupted(account: _Account, run: _Run, why: str) -> None:
    """Say of an account that was not finished what was not scanned."""
    if account.done:
        return
    began = account.began is not None
    reason = f"not finished: {why}" if began else f"not scanned: {why}"
    account.failures.append(
        CollectionFailure(
            kind=FailureKind.INTERRUPTED,
            scope=_what_is_left(account),
            operation="scan",
            reason=reason,
            hint="scan it again",
            whole_account=not account.clusters,
        )
    )
    _finish(account, run)


def _what_is_left(account: _Account) -> str:
    """Name the part of an account that was not read."""
    return "the rest of the account" if account.clusters else "account"


def _timed_out(account: _Account, scan: ScanSettings) -> CollectionFailure:
    """Say that an account took too long."""
    return CollectionFailure(
        kind=FailureKind.TIMEOUT,
        scope=_what_is_left(account),
        operation="scan",
        reason=f"took longer than scan.account_timeout ({scan.account_timeout:g} s)",
        hint="raise scan.account_timeout, or split the account by region",
        whole_account=not account.clusters,
    )


def _bug(account: _Account, error: Exception, progress: Progress, scope: str = "") -> CollectionFailure:
    """Report our own mistake as what it is, with the traceback for the log and only its type for the report."""
    progress.bug(account.plan.name, "".join(traceback.format_exception(error)))
    return CollectionFailure(
        kind=FailureKind.BUG,
        scope=scope or _what_is_left(account),
        operation="scan",
        reason=f"a bug in k8s-audit-coverage: {type(error).__name__}",
        hint="please report it with the traceback from the log",
        whole_account=not account.clusters,
    )
