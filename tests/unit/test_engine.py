"""The engine: whatever happens to one account is in its result, and the others go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest

from scanner.engine import AccountPlan, EngineOutcome, OrganizationPlan, scan_accounts
from scanner.errors import (
    CollectionError,
    CredentialsError,
    Malformed,
    NotFound,
    PermissionDenied,
    Throttled,
    TimedOut,
    Unreachable,
)
from scanner.journal import Journal, RunRecord
from scanner.model import (
    AccountIdentity,
    AccountNote,
    AccountResult,
    AccountStatus,
    ApiServer,
    Authorizer,
    ClusterObservation,
    ClusterRef,
    ClusterResult,
    Collected,
    CollectionFailure,
    Evidence,
    FailureKind,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    Note,
    NoteSeverity,
    Retention,
    RuleSettings,
    ScanSettings,
    Status,
)
from scanner.ports import AccountOptions, CollectContext

STARTED = datetime(2026, 11, 2, 5, 30, tzinfo=UTC)
READ = Evidence("eks:DescribeCluster", "cluster", "{}")
OK = LinkCheck(LinkState.OK, "read", (READ,))
Script = Callable[[CollectContext], AsyncIterator[Collected]]


def cluster(name: str, *, provider: str = "eks") -> ClusterObservation:
    """Build a cluster that passes."""
    channels = tuple(
        LogChannel(log, log, OK, OK, Retention.exactly(None, "never expires", READ))
        for log in ("audit", "authenticator")
    )
    server = ApiServer(
        "control plane",
        ManagedPolicy("eks", (READ,)),
        channels,
        Authorizer(can_deny=True, anonymous=False, reason="RBAC", evidence=(READ,)),
    )
    return ClusterObservation(ClusterRef(provider, "a", "111122223333", "eu-west-1", name, f"arn:{name}"), (server,))


@dataclass
class Scripted:
    """A provider that does what a test says; it implements the port, nothing of ours is replaced."""

    script: Script
    kind: ClassVar[str] = "eks"
    title: ClassVar[str] = "Scripted"
    options: ClassVar[type[AccountOptions]] = AccountOptions

    def permissions(self, variant: str = "") -> str:
        return variant or "none"

    def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        assert isinstance(options, AccountOptions)
        return self.script(context)


@dataclass
class Seen:
    """Keeps what the engine tells its progress display."""

    events: list[tuple[str, str]] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    known: list[tuple[int, bool]] = field(default_factory=list)

    def accounts_known(self, number: int, *, all_of_them: bool) -> None:
        self.known.append((number, all_of_them))

    def account_started(self, account: str) -> None:
        self.events.append(("started", account))

    def waiting(self, account: str, what: str) -> None:
        self.events.append((f"waiting {what}", account))

    def cluster_found(self, account: str, cluster: ClusterResult) -> None:
        self.events.append((f"cluster {cluster.ref.name}", account))

    def account_finished(self, result: AccountResult) -> None:
        self.events.append(("finished", result.name))

    def bug(self, account: str, trace: str) -> None:
        self.events.append(("bug", account))
        self.traces.append(trace)


async def run(
    scripts: dict[str, Script],
    *,
    scan: ScanSettings | None = None,
    seen: Seen | None = None,
    stop_after: float | None = None,
) -> EngineOutcome:
    """Run the engine over scripted accounts, and read all that it found."""
    plans = [AccountPlan(name, Scripted(script), AccountOptions()) for name, script in scripts.items()]
    return await run_plans(plans, scan=scan, seen=seen, stop_after=stop_after)


def run_record(scan: ScanSettings | None = None) -> RunRecord:
    return RunRecord("0.1.0", "digest", STARTED, scan or ScanSettings(), RuleSettings())


async def run_plans(
    plans: Sequence[AccountPlan | OrganizationPlan],
    *,
    scan: ScanSettings | None = None,
    seen: Seen | None = None,
    stop_after: float | None = None,
) -> EngineOutcome:
    """Run the engine over a journal of its own."""
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    if stop_after is not None:
        asyncio.get_running_loop().call_later(stop_after, stop.set_result, "interrupted by SIGTERM")
    with TemporaryDirectory() as folder:
        journal = Journal.begin(Path(folder) / "journal.jsonl", run_record(scan), resume=False)
        outcome = await scan_accounts(
            plans,
            scan or ScanSettings(),
            RuleSettings(),
            started=STARTED,
            progress=seen or Seen(),
            stop=stop,
            spool=journal,
        )
        accounts = tuple(replace(one, clusters=tuple(one.clusters)) for one in outcome.accounts)
        journal.close()
    return replace(outcome, accounts=accounts)


async def good(context: CollectContext) -> AsyncIterator[Collected]:
    context.waits("eu-west-1: eks:ListClusters")
    yield AccountIdentity("111122223333")
    yield cluster("b")
    yield cluster("a")
    yield AccountNote(Note(NoteSeverity.INFO, "c was deleted meanwhile"))


def raising(error: Exception) -> Script:
    async def script(_context: CollectContext) -> AsyncIterator[Collected]:
        yield cluster("before")
        raise error

    return script


def failing_at_once(error: Exception) -> Script:
    async def script(_context: CollectContext) -> AsyncIterator[Collected]:
        raise error
        yield  # makes this an iterator

    return script


async def hanging(_context: CollectContext) -> AsyncIterator[Collected]:
    yield cluster("before")
    await asyncio.sleep(60)


async def test_a_calm_run_keeps_everything_in_order() -> None:
    seen = Seen()
    outcome = await run({"z": good, "a": good}, seen=seen)
    assert outcome.interrupted == ""
    assert [account.name for account in outcome.accounts] == ["a", "z"]
    account = outcome.accounts[0]
    assert account.account_id == "111122223333"
    assert [one.ref.name for one in account.clusters] == ["a", "b"]
    assert [one.note.text for one in account.notes] == [
        "c was deleted meanwhile",
        "clusters that are read in another account as well, and counted in both: z (2)",
    ]
    assert account.completeness is AccountStatus.COMPLETE
    assert account.status is Status.PASS
    of_z = [event for event, name in seen.events if name == "z"]
    assert of_z == ["started", "waiting eu-west-1: eks:ListClusters", "cluster b", "cluster a", "finished"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermissionDenied("denied", where="sts:AssumeRole", permission="sts:AssumeRole"), FailureKind.PERMISSION),
        (CredentialsError("no credentials", where="sts:GetCallerIdentity"), FailureKind.CREDENTIALS),
        (NotFound("not there", where="file"), FailureKind.NOT_FOUND),
        (Throttled("slow down", where="eks:ListClusters"), FailureKind.THROTTLED),
        (Unreachable("reset", where="eks:ListClusters"), FailureKind.UNREACHABLE),
        (Malformed("no JSON", where="eks:ListClusters"), FailureKind.MALFORMED),
        (TimedOut("too slow", where="eks:ListClusters"), FailureKind.TIMEOUT),
        (CollectionError("something else", where="eks:ListClusters"), FailureKind.MALFORMED),
    ],
)
async def test_an_account_that_cannot_be_read_is_failed_and_the_others_go_on(
    error: CollectionError, kind: FailureKind
) -> None:
    bad, fine = (await run({"bad": failing_at_once(error), "fine": good})).accounts
    assert bad.completeness is AccountStatus.FAILED
    assert bad.status is Status.UNKNOWN
    assert bad.failures == (
        CollectionFailure(kind, "account", error.where, error.what, "", error.permission, whole_account=True),
    )
    assert fine.status is Status.PASS


async def test_a_bug_in_a_provider_keeps_what_was_read_and_shows_its_traceback() -> None:
    seen = Seen()
    account = (await run({"a": raising(ZeroDivisionError("x"))}, seen=seen)).accounts[0]
    assert account.completeness is AccountStatus.PARTIAL
    assert [one.ref.name for one in account.clusters] == ["before"]
    failure = account.failures[0]
    assert (failure.kind, failure.scope) == (FailureKind.BUG, "the rest of the account")
    assert failure.reason == "a bug in k8s-audit-coverage: ZeroDivisionError"
    assert "ZeroDivisionError: x" in seen.traces[0]


async def test_a_cluster_that_cannot_be_judged_is_named_and_the_others_are_judged() -> None:
    async def script(_context: CollectContext) -> AsyncIterator[Collected]:
        yield cluster("strange", provider="no-such-provider")
        yield cluster("fine")

    account = (await run({"a": script})).accounts[0]
    assert [one.ref.name for one in account.clusters] == ["fine"]
    assert [(one.kind, one.scope) for one in account.failures] == [(FailureKind.BUG, "cluster strange")]


async def test_an_account_that_takes_too_long_keeps_what_was_read() -> None:
    scan = ScanSettings(account_timeout=0.05)
    slow, fine = (await run({"a-slow": hanging, "fine": good}, scan=scan)).accounts
    assert [one.ref.name for one in slow.clusters] == ["before"]
    assert slow.failures[0].kind is FailureKind.TIMEOUT
    assert slow.failures[0].reason == "took longer than scan.account_timeout (0.05 s)"
    assert fine.completeness is AccountStatus.COMPLETE


async def test_a_stop_says_of_every_account_what_was_not_scanned() -> None:
    scan = ScanSettings(concurrency=1)
    outcome = await run({"a": hanging, "b": good}, scan=scan, stop_after=0.05)
    assert outcome.interrupted == "interrupted by SIGTERM"
    begun, never = outcome.accounts
    assert [one.ref.name for one in begun.clusters] == ["before"]
    assert begun.failures[0].reason == "not finished: interrupted by SIGTERM"
    assert begun.completeness is AccountStatus.PARTIAL
    assert never.failures[0].reason == "not scanned: interrupted by SIGTERM"
    assert never.completeness is AccountStatus.FAILED
    assert never.status is Status.UNKNOWN


async def test_a_stop_does_not_wait_for_calls_in_flight() -> None:
    answer = threading.Event()
    answered = threading.Event()

    def call() -> None:
        answer.wait(30)
        answered.set()

    async def blocked(_context: CollectContext) -> AsyncIterator[Collected]:
        await asyncio.to_thread(call)
        yield cluster("late")

    outcome = await run({"a": blocked}, stop_after=0.05)
    assert not answered.is_set()
    answer.set()
    assert outcome.accounts[0].clusters == ()


async def test_the_deadline_of_the_scan_ends_it_with_a_report() -> None:
    outcome = await run({"a": hanging}, scan=ScanSettings(timeout=0.05))
    assert outcome.interrupted == "the scan took longer than scan.timeout (0.05 s)"
    assert outcome.accounts[0].failures[0].kind is FailureKind.INTERRUPTED


async def test_no_more_accounts_are_read_at_once_than_allowed() -> None:
    now: set[str] = set()
    most = 0

    async def counted(context: CollectContext) -> AsyncIterator[Collected]:
        nonlocal most
        now.add(context.account)
        most = max(most, len(now))
        await asyncio.sleep(0.01)
        now.discard(context.account)
        yield cluster("x")

    await run({str(number): counted for number in range(9)}, scan=ScanSettings(concurrency=3))
    assert most == 3


async def test_no_accounts_is_an_empty_result() -> None:
    assert await run({}) == EngineOutcome((), "")


async def test_an_account_that_only_waits_for_its_throttled_api_lends_its_place() -> None:
    """One place, and the account that has it is told to come back later: the other one is read meanwhile."""
    other_done = asyncio.Event()
    tries = 0

    async def throttled_until_the_other_is_done(context: CollectContext) -> AsyncIterator[Collected]:
        async def call() -> None:
            nonlocal tries
            tries += 1
            if not other_done.is_set():
                raise Throttled("Rate exceeded", where="eks:ListClusters", retry_after=0.05)

        await context.limits.call("aws:1:eu-west-1", call)
        yield cluster("patient")

    async def other(_context: CollectContext) -> AsyncIterator[Collected]:
        yield cluster("other")
        other_done.set()

    scan = ScanSettings(concurrency=1, retries=20)
    patient, quick = (await run({"a": throttled_until_the_other_is_done, "b": other}, scan=scan)).accounts
    assert [one.ref.name for one in patient.clusters] == ["patient"]
    assert [one.ref.name for one in quick.clusters] == ["other"]
    assert 1 < tries < 20


async def test_a_timeout_of_a_providers_own_is_no_timeout_of_the_account() -> None:
    """What nobody has caught within a provider is a bug there, whatever its type."""
    account = (await run({"a": failing_at_once(TimeoutError("a socket"))})).accounts[0]
    assert account.failures[0].kind is FailureKind.BUG


async def test_memory_holds_only_the_accounts_that_are_read_now() -> None:
    """An account's task ends with it, and the next one gets its own only then."""
    most = 0

    async def counted(_context: CollectContext) -> AsyncIterator[Collected]:
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        yield cluster("x")

    await run({str(number): counted for number in range(200)}, scan=ScanSettings(concurrency=2))
    assert most <= 2 * 4 + 3  # four for each place, the run, the test, and the task that has just ended
