"""Organisations: what is found is scanned as it is found, and what could not be looked through is said."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from scanner.assessment import assess
from scanner.engine import AccountPlan, EngineOutcome, OrganizationPlan, Shard, scan_accounts
from scanner.errors import PermissionDenied, ReportError
from scanner.journal import Journal
from scanner.model import (
    AccountIdentity,
    AccountNote,
    AccountResult,
    AccountStatus,
    Collected,
    CollectionFailure,
    FailureKind,
    Note,
    NoteSeverity,
    RuleSettings,
    ScanSettings,
    Status,
)
from scanner.ports import AccountOptions, CollectContext, Discovered, DiscoveredAccount, OrganizationOptions
from tests.unit.test_engine import STARTED, Scripted, Seen, cluster, run_plans, run_record

Look = Callable[[CollectContext], AsyncIterator[Discovered]]


@dataclass
class Directory(Scripted):
    """A provider that also finds accounts, as a test says."""

    look: Look
    organization_options: ClassVar[type[OrganizationOptions]] = OrganizationOptions

    def discover(self, options: OrganizationOptions, context: CollectContext) -> AsyncIterator[Discovered]:
        assert isinstance(options, OrganizationOptions)
        return self.look(context)


async def one_cluster(context: CollectContext) -> AsyncIterator[Collected]:
    yield cluster(f"of-{context.account}")


def corp(look: Look) -> OrganizationPlan:
    return OrganizationPlan("corp", Directory(one_cluster, look), OrganizationOptions())


def account(name: str) -> DiscoveredAccount:
    return DiscoveredAccount(name, AccountOptions())


async def three(_context: CollectContext) -> AsyncIterator[Discovered]:
    yield AccountIdentity("o-abcdefghij")
    for name in ("c", "a", "b"):
        yield account(name)


def statuses(outcome: EngineOutcome) -> list[tuple[str, Status]]:
    return [(one.name, one.status) for one in outcome.accounts]


async def test_accounts_that_are_found_are_scanned_beside_those_of_the_configuration() -> None:
    seen = Seen()
    table = AccountPlan("table", Scripted(one_cluster), AccountOptions())
    outcome = await run_plans([table, corp(three)], seen=seen)
    assert statuses(outcome) == [
        ("a", Status.PASS),
        ("b", Status.PASS),
        ("c", Status.PASS),
        ("corp", Status.SKIP),
        ("table", Status.PASS),
    ]
    organization = outcome.accounts[3]
    assert organization.account_id == "o-abcdefghij"
    assert [one.note.text for one in organization.notes] == ["accounts found: 3"]
    assert seen.known[0] == (2, False)
    assert seen.known[-1] == (5, True)


async def test_an_account_is_scanned_while_others_are_still_looked_for() -> None:
    scanned = asyncio.Event()

    async def scan(context: CollectContext) -> AsyncIterator[Collected]:
        yield cluster(context.account)
        scanned.set()

    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        yield account("first")
        await asyncio.wait_for(scanned.wait(), 10)
        yield account("second")

    plan = OrganizationPlan("corp", Directory(scan, look), OrganizationOptions())
    outcome = await run_plans([plan])
    assert statuses(outcome) == [("corp", Status.SKIP), ("first", Status.PASS), ("second", Status.PASS)]


@pytest.mark.parametrize("found", [[], ["a"]])
async def test_an_organization_that_cannot_be_looked_through_is_unknown_and_the_others_go_on(found: list[str]) -> None:
    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        for name in found:
            yield account(name)
        raise PermissionDenied("denied", where="organizations:ListAccounts", permission="organizations:ListAccounts")

    table = AccountPlan("table", Scripted(one_cluster), AccountOptions())
    outcome = await run_plans([corp(look), table])
    assert [name for name, status in statuses(outcome) if status is Status.PASS] == [*found, "table"]
    organization = next(one for one in outcome.accounts if one.name == "corp")
    assert organization.status is Status.UNKNOWN
    assert organization.failures == (
        CollectionFailure(
            FailureKind.PERMISSION,
            "accounts of the organization",
            "organizations:ListAccounts",
            "denied",
            permission="organizations:ListAccounts",
            whole_account=not found,
        ),
    )
    # Where nobody could look, "accounts found: 0" would say that somebody did.
    assert [one.note.text for one in organization.notes] == [f"accounts found: {len(found)}" for _ in found]


async def test_a_part_that_cannot_be_looked_through_stands_beside_what_was_left_out() -> None:
    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        yield CollectionFailure(FailureKind.THROTTLED, "OU ou-1", "organizations:ListAccountsForParent", "slow")
        yield AccountNote(Note(NoteSeverity.INFO, "2 suspended accounts are left out"))
        yield account("a")

    organization = (await run_plans([corp(look)])).accounts[1]
    assert organization.completeness is AccountStatus.PARTIAL
    assert [one.note.text for one in organization.notes] == ["2 suspended accounts are left out", "accounts found: 1"]


async def test_a_name_counts_once_and_a_table_of_its_own_first() -> None:
    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        for name in ("table", "twice", "twice"):
            yield account(name)

    table = AccountPlan("table", Scripted(one_cluster), AccountOptions())
    outcome = await run_plans([corp(look), table])
    assert [name for name, _ in statuses(outcome)] == ["corp", "table", "twice"]
    assert [one.note.text for one in outcome.accounts[0].notes] == [
        "account table is scanned as its own [[account]] table says",
        "account twice was found more than once; the first one is scanned",
        "accounts found: 3",
    ]


async def test_an_organization_that_takes_too_long_keeps_what_was_found() -> None:
    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        yield account("a")
        await asyncio.sleep(60)

    outcome = await run_plans([corp(look)], scan=ScanSettings(account_timeout=0.1))
    assert statuses(outcome) == [("a", Status.PASS), ("corp", Status.UNKNOWN)]
    failure = outcome.accounts[1].failures[0]
    assert failure.kind is FailureKind.TIMEOUT
    assert "several [[organization]] tables" in failure.hint


async def test_a_stop_names_what_was_found_and_says_that_more_may_be_there() -> None:
    async def hang(context: CollectContext) -> AsyncIterator[Collected]:
        yield cluster(context.account)
        await asyncio.sleep(60)

    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        for name in ("a", "b"):
            yield account(name)
        await asyncio.sleep(60)

    plan = OrganizationPlan("corp", Directory(hang, look), OrganizationOptions())
    outcome = await run_plans([plan], scan=ScanSettings(concurrency=1), stop_after=0.2)
    a, b, organization = outcome.accounts
    assert (a.completeness, b.completeness) == (AccountStatus.PARTIAL, AccountStatus.FAILED)
    assert b.failures[0].reason == "not scanned: interrupted by SIGTERM"
    assert organization.failures[0].scope == "accounts of the organization"
    assert organization.failures[0].reason == "not finished: interrupted by SIGTERM"


WHOLE = Shard()


async def scan_into(path: Path, plan: OrganizationPlan, *, resume: bool, shard: Shard = WHOLE) -> list[AccountResult]:
    """Scan into a journal that outlives the run."""
    record = replace(run_record(), shard=shard.number, shards=shard.count)
    with closing(Journal.begin(path, record, resume=resume)) as journal:
        outcome = await scan_accounts(
            [plan],
            ScanSettings(),
            RuleSettings(),
            started=STARTED,
            progress=Seen(),
            stop=asyncio.get_running_loop().create_future(),
            spool=journal,
            shard=shard,
        )
        return [replace(one, clusters=tuple(one.clusters)) for one in outcome.accounts]


async def test_shards_share_what_is_found_without_a_word_between_them(tmp_path: Path) -> None:
    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        for number in range(30):
            yield account(f"corp/{number}")

    found = []
    for number in (1, 2, 3):
        results = await scan_into(tmp_path / str(number), corp(look), resume=False, shard=Shard(number, 3))
        found += [one.name for one in results if one.name != "corp"]
    assert sorted(found) == sorted(f"corp/{number}" for number in range(30))


async def test_an_account_that_is_not_found_again_when_a_scan_is_resumed_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with closing(Journal.begin(path, run_record(), resume=False)) as journal:
        journal.plan("gone", "eks", 1)
        journal.plan("a", "eks", 1)
        journal.account_began("a", "eks")
        journal.account_ended(AccountResult("a", "eks", "", (), (), (), 1.0), final=True)
    results = {one.name: one for one in await scan_into(path, corp(three), resume=True)}
    assert list(results) == ["a", "b", "c", "corp", "gone"]
    assert results["a"].clusters == ()  # was finished, and is not scanned again
    assert results["gone"].status is Status.UNKNOWN
    assert results["gone"].failures[0].reason == "was found when the scan began, and not again when it was resumed"


async def test_an_account_is_not_called_gone_where_its_organization_could_not_be_looked_through(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with closing(Journal.begin(path, run_record(), resume=False)) as journal:
        journal.plan("a", "eks", 1)
        journal.account_began("a", "eks")
        journal.cluster("a", assess(cluster("kept"), RuleSettings()))

    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        yield account("b")
        raise PermissionDenied("denied", where="organizations:ListAccounts")

    found = (await scan_into(path, corp(look), resume=True))[0]
    assert [one.ref.name for one in found.clusters] == ["kept"]
    failure = found.failures[0]
    assert failure.kind is FailureKind.INTERRUPTED
    assert (failure.scope, failure.whole_account) == ("the rest of the account", False)
    assert failure.reason == (
        "not scanned: its organization could not be looked through again when the scan was resumed"
    )


async def test_what_an_earlier_run_read_stays_where_a_resumed_one_is_stopped_before_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with closing(Journal.begin(path, run_record(), resume=False)) as journal:
        journal.plan("b", "eks", 1)
        journal.account_began("b", "eks")
        failure = CollectionFailure(FailureKind.INTERRUPTED, "account", "scan", "not finished: SIGTERM")
        journal.account_ended(AccountResult("b", "eks", "", (), (failure,), (), 1.0), final=False)

    async def hang(_context: CollectContext) -> AsyncIterator[Collected]:
        await asyncio.sleep(60)
        yield cluster("never")

    plans = [AccountPlan(name, Scripted(hang), AccountOptions()) for name in ("a", "b")]
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.1, stop.set_result, "interrupted by SIGINT")
    settings = ScanSettings(concurrency=1)
    with closing(Journal.begin(path, run_record(), resume=True)) as journal:
        outcome = await scan_accounts(
            plans, settings, RuleSettings(), started=STARTED, progress=Seen(), stop=stop, spool=journal
        )
        assert [one.failures[0].reason for one in outcome.accounts] == [
            "not finished: interrupted by SIGINT",
            "not finished: SIGTERM",
        ]


async def test_a_journal_that_takes_no_more_ends_the_run(tmp_path: Path) -> None:
    """Nothing is scanned on for results that cannot be kept; the kernel's limit on files stands for a full disk."""
    never: list[str] = []

    async def slow(context: CollectContext) -> AsyncIterator[Collected]:
        await asyncio.sleep(0.5 if context.account == "slow" else 0)
        never.append(context.account)
        yield cluster(context.account)

    plans = [AccountPlan(name, Scripted(slow), AccountOptions()) for name in ("first", "slow")]
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(Journal.begin(tmp_path / "journal.jsonl", run_record(), resume=False)) as journal:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
            with pytest.raises(ReportError, match="cannot be written: File too large"):
                await scan_accounts(
                    plans, ScanSettings(), RuleSettings(), started=STARTED, progress=Seen(), stop=stop, spool=journal
                )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert never == ["first"]


async def test_a_stop_at_once_still_names_everything(tmp_path: Path) -> None:
    """What an earlier run had found is named too, though this one did not get to look for it."""
    path = tmp_path / "journal.jsonl"
    with closing(Journal.begin(path, run_record(), resume=False)) as journal:
        journal.plan("found-before", "eks", 1)

    async def look(_context: CollectContext) -> AsyncIterator[Discovered]:
        await asyncio.sleep(60)
        yield account("late")

    async def hang(_context: CollectContext) -> AsyncIterator[Collected]:
        await asyncio.sleep(60)
        yield cluster("late")

    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop.set_result("interrupted by SIGINT")
    plans: list[AccountPlan | OrganizationPlan] = [
        corp(look),
        AccountPlan("first", Scripted(hang), AccountOptions()),
        AccountPlan("second", Scripted(hang), AccountOptions()),
    ]
    settings = ScanSettings(concurrency=1)
    with closing(Journal.begin(path, run_record(), resume=True)) as journal:
        outcome = await scan_accounts(
            plans, settings, RuleSettings(), started=STARTED, progress=Seen(), stop=stop, spool=journal
        )
        reasons = {one.name: one.failures[0].reason for one in outcome.accounts}
        assert all(one.completeness is AccountStatus.FAILED for one in outcome.accounts)
    assert list(reasons) == ["corp", "first", "found-before", "second"]
    assert all(reason.endswith(": interrupted by SIGINT") for reason in reasons.values())
    assert reasons["found-before"] == reasons["second"] == "not scanned: interrupted by SIGINT"
