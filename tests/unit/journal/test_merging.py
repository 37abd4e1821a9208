"""Merging: the shards of one scan give one result, and what is missing of them is unknown by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.errors import JournalError
from scanner.journal import Journal, RunRecord, file_name
from scanner.journal.merging import merge
from scanner.journal.parts import Part, Unreadable
from scanner.journal.read_twice import NO_ID, read_twice
from scanner.model import (
    AccountNote,
    AccountResult,
    AccountStatus,
    CollectionFailure,
    FailureKind,
    Note,
    NoteSeverity,
    ScanResult,
    Status,
)
from tests.unit.journal.test_journal import RUN, STARTED, cluster

ACCOUNTS = {"a": 1, "b": 2, "c": 1, "d": 2}
ENDED = STARTED + timedelta(minutes=5)


def result(name: str, failures: Sequence[str] = (), notes: Sequence[str] = ()) -> AccountResult:
    return AccountResult(
        name,
        "eks",
        "",
        (),
        tuple(
            CollectionFailure(FailureKind.THROTTLED, scope, "organizations:ListAccounts", "slow") for scope in failures
        ),
        tuple(AccountNote(Note(NoteSeverity.INFO, text)) for text in notes),
        1.0,
    )


def write(folder: Path, run: RunRecord, *results: AccountResult, ends: bool = True, interrupted: str = "") -> Path:
    """Write the journal of one shard of `ACCOUNTS`, with a cluster in each of its accounts that is scanned."""
    path = folder / file_name(run.shard, run.shards)
    with closing(Journal.begin(path, run, resume=False)) as journal:
        for name, shard in ACCOUNTS.items():
            journal.plan(name, "eks", shard)
        for one in results:
            journal.account_began(one.name, "eks")
            if one.name in ACCOUNTS:
                journal.cluster(one.name, cluster(f"of-{one.name}"))
            journal.account_ended(one, final=True)
        if ends:
            journal.ended(ENDED, interrupted)
    return path


def shard(number: int, of: int = 2) -> RunRecord:
    return replace(RUN, shard=number, shards=of)


def part(path: Path, stack: ExitStack) -> Part:
    return Part(stack.enter_context(closing(Journal.read(path))), path.name)


Merge = Callable[..., ScanResult]


@pytest.fixture
def merged() -> Iterator[Merge]:
    with ExitStack() as stack:

        def read(*paths: Path) -> ScanResult:
            return merge([part(path, stack) for path in paths])

        yield read


def names(found: ScanResult) -> list[tuple[str, Status]]:
    return [(account.name, account.status) for account in found.accounts]


def test_two_shards_are_one_scan(tmp_path: Path, merged: Merge) -> None:
    one = write(tmp_path, shard(1), result("a"), result("c"))
    two = write(tmp_path, replace(shard(2), started=STARTED + timedelta(hours=1)), result("d"), result("b"))
    for order in ((one, two), (two, one)):
        found = merged(*order)
        assert names(found) == [(name, Status.PASS) for name in "abcd"]
        assert [account.clusters[0].ref.name for account in found.accounts] == ["of-a", "of-b", "of-c", "of-d"]
        assert (found.started, found.finished, found.interrupted) == (STARTED, ENDED, "")
        assert (found.config_digest, found.rule) == (RUN.config_digest, RUN.rule)


def test_the_accounts_of_a_missing_shard_are_unknown_by_name(tmp_path: Path, merged: Merge) -> None:
    found = merged(write(tmp_path, shard(1), result("a"), result("c")))
    assert names(found) == [("a", Status.PASS), ("b", Status.UNKNOWN), ("c", Status.PASS), ("d", Status.UNKNOWN)]
    assert found.interrupted == "shard 2 of 2: no partial report"
    failure = found.accounts[1].failures[0]
    assert failure.reason == "not scanned: shard 2 of 2 left no partial report"
    assert failure.hint == "scan it with --shard 2/2 --resume"
    assert found.accounts[1].completeness is AccountStatus.FAILED


def test_a_missing_shard_of_which_nothing_is_known_is_unknown_itself(tmp_path: Path, merged: Merge) -> None:
    """A shard that was killed may not have found all accounts, so those of a missing one are not known by name."""
    found = merged(write(tmp_path, shard(1, 3), result("a"), ends=False))
    assert ("shard 3 of 3", Status.UNKNOWN) in names(found)
    assert found.interrupted == "shard 1: it was killed, or still runs; shards 2, 3 of 3: no partial report"


def test_a_shard_that_was_killed_or_stopped_says_what_it_did_not_get_to(tmp_path: Path, merged: Merge) -> None:
    killed = write(tmp_path, shard(1), result("a"), ends=False)
    stopped = write(tmp_path, shard(2), result("b"), interrupted="interrupted by SIGTERM")
    found = merged(killed, stopped)
    assert names(found) == [("a", Status.PASS), ("b", Status.PASS), ("c", Status.UNKNOWN), ("d", Status.UNKNOWN)]
    assert found.accounts[2].failures[0].reason == "not scanned: shard 1 of 2 did not get to it"
    assert found.interrupted == "shard 1: it was killed, or still runs; shard 2: interrupted by SIGTERM"


def test_the_journal_of_a_whole_scan_is_a_report_too(tmp_path: Path, merged: Merge) -> None:
    found = merged(write(tmp_path, RUN, result("a"), ends=False))
    assert found.interrupted == "it was killed, or still runs"
    assert found.accounts[1].failures[0].reason == "not scanned: the scan was killed"
    assert found.accounts[1].failures[0].hint == "go on with --resume"


def test_what_each_shard_says_of_an_organization_stands_there_once(tmp_path: Path, merged: Merge) -> None:
    one = write(tmp_path, shard(1), result("corp", ["OU x"], ["accounts found: 4"]))
    two = write(tmp_path, shard(2), result("corp", ["OU x", "OU y"], ["accounts found: 4"]))
    corp = merged(one, two).accounts[3]
    assert corp.name == "corp"
    assert [failure.scope for failure in corp.failures] == ["OU x", "OU y"]
    assert [note.note.text for note in corp.notes] == ["accounts found: 4"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {"tool_version": "0.2.0"},
            "is of another version than partial-0001-of-0002.jsonl, which began later: 0.2.0, not",
        ),
        (
            {"config_digest": "b" * 64},
            "another configuration than partial-0001-of-0002.jsonl, which began later: digest bbbbbbbbbbbb, not",
        ),
        (
            {"selection": ("x",)},
            "another selection of accounts than partial-0001-of-0002.jsonl, which began later: x",
        ),
        ({"shards": 3}, "is of another number of shards than partial-0001-of-0002.jsonl, which began later: 3, not 2"),
    ],
)
def test_what_is_not_of_one_scan_is_refused_by_name(
    tmp_path: Path, merged: Merge, other: dict[str, object], said: str
) -> None:
    one = write(tmp_path, replace(shard(1), started=STARTED + timedelta(minutes=1)))
    two = write(tmp_path, replace(shard(2), **other))  # type: ignore[arg-type]
    for order in ((one, two), (two, one)):
        with pytest.raises(JournalError) as refusal:
            merged(*order)
        assert said in refusal.value.what
        assert refusal.value.where == two.name
        assert "it began at 2026-11-02 05:30:00 UTC" in refusal.value.hint


@pytest.mark.parametrize("changed", [{}, {"config_digest": "b" * 64}])
def test_what_is_left_from_the_night_before_is_as_good_as_nothing(
    tmp_path: Path, merged: Merge, changed: dict[str, str]
) -> None:
    """One shard that did not start costs its own accounts: what it found another day is not told as today's."""
    tonight = write(tmp_path, replace(shard(1), started=STARTED + timedelta(hours=24)), result("a"), result("c"))
    found = merged(write(tmp_path, replace(shard(2), **changed), result("b"), result("d")), tonight)  # type: ignore[arg-type]
    assert names(found) == [("a", Status.PASS), ("b", Status.UNKNOWN), ("c", Status.PASS), ("d", Status.UNKNOWN)]
    why = "partial-0002-of-0002.jsonl is left from an earlier scan, which began at 2026-11-02 05:30:00 UTC"
    assert found.interrupted == f"shard 2 of 2: {why}"
    assert found.accounts[1].failures[0].reason == f"not scanned: shard 2 of 2: {why}"
    assert found.started == STARTED + timedelta(hours=24)


def test_what_an_earlier_scan_of_more_shards_left_is_no_part_of_this_one(tmp_path: Path, merged: Merge) -> None:
    left = write(tmp_path, shard(3, 3), result("b"))
    run = replace(RUN, started=STARTED + timedelta(hours=24))
    paths = [
        write(tmp_path, replace(run, shard=n, shards=2), *map(result, owned)) for n, owned in ((1, "ac"), (2, "bd"))
    ]
    found = merged(left, *paths)
    assert names(found) == [(name, Status.PASS) for name in "abcd"]
    assert found.interrupted == ""


def test_a_partial_report_that_cannot_be_read_costs_its_own_accounts(tmp_path: Path) -> None:
    with ExitStack() as stack:
        one = part(write(tmp_path, shard(1), result("a"), result("c")), stack)
        found = merge(
            [one], [Unreadable(2, 2, "s3://b/2", "line 3 is torn or damaged"), Unreadable(1, 8, "s3://b/8", "x")]
        )
        assert names(found) == [("a", Status.PASS), ("b", Status.UNKNOWN), ("c", Status.PASS), ("d", Status.UNKNOWN)]
        assert found.interrupted == "shard 2 of 2: s3://b/2: line 3 is torn or damaged"
    with pytest.raises(JournalError) as refusal:
        merge([], [Unreadable(1, 2, "s3://b/1", "is torn"), Unreadable(2, 2, "s3://b/2", "is torn")])
    assert (refusal.value.where, refusal.value.what) == ("s3://b/1", "is torn, and so it is with 1 more")


def spans(folder: Path, *minutes: tuple[int, int | None]) -> list[Path]:
    """Write the shards of `ACCOUNTS`, each by when it began and when it ended, in minutes."""
    owned = ("ac", "bd")
    paths = []
    for number, (began, ended) in enumerate(minutes, start=1):
        run = replace(shard(number), started=STARTED + timedelta(minutes=began))
        paths.append(write(folder, run, *map(result, owned[number - 1]), ends=False))
        if ended is not None:
            with closing(Journal.begin(paths[-1], run, resume=True)) as journal:
                journal.ended(STARTED + timedelta(minutes=ended), "")
    return paths


def warnings(found: ScanResult) -> dict[str, list[str]]:
    return {
        account.name: [one.note.text for one in account.notes if one.note.severity is NoteSeverity.WARNING]
        for account in found.accounts
    }


@pytest.mark.parametrize("ended", [30, None])
def test_what_a_run_before_the_newest_one_found_says_from_when_it_is(
    tmp_path: Path, merged: Merge, ended: int | None
) -> None:
    """Within ``scan.window`` a run may have been made again but for a shard that did not start."""
    found = merged(*spans(tmp_path, (240, 270), (0, ended)))
    why = (
        "read by shard 2, which began at 2026-11-02 05:30:00 UTC, long before others (from 2026-11-02 09:30:00 UTC on):"
        " it may have changed since"
    )
    assert warnings(found) == {"a": [], "b": [why], "c": [], "d": [why]}
    assert {status for _, status in names(found)} == {Status.PASS}
    assert found.started == STARTED


@pytest.mark.parametrize("second", [(0, 30), (29, 31), (31, 50), (59, 70)])
def test_shards_that_follow_each_other_are_one_look(tmp_path: Path, merged: Merge, second: tuple[int, int]) -> None:
    """Few may run at a time, and a task may wait for its turn about as long as another one takes."""
    assert not any(warnings(merged(*spans(tmp_path, (0, 30), second))).values())


def test_a_missing_shard_is_named_where_not_all_accounts_are_known(tmp_path: Path, merged: Merge) -> None:
    """An organisation that could not be listed may have accounts of a shard that is not there."""
    found = merged(write(tmp_path, shard(1, 3), result("a"), result("c"), result("corp", ["the organization"])))
    assert found.interrupted == "shards 2, 3 of 3: no partial report"


def test_a_shard_whose_partial_report_cannot_be_gone_on_with_is_scanned_anew(tmp_path: Path) -> None:
    with ExitStack() as stack:
        one = part(write(tmp_path, shard(1), result("a"), result("c")), stack)
        found = merge([one], [Unreadable(2, 2, "p/2", "line 3 is torn or damaged")])
        hint = found.accounts[1].failures[0].hint
    assert hint == "let it end if it still runs, or scan it with --shard 2/2 and without --resume; then merge again"


def test_a_partial_report_of_the_future_takes_no_other_away(tmp_path: Path) -> None:
    now = STARTED + timedelta(minutes=9)
    with ExitStack() as stack:
        one = part(write(tmp_path, shard(1), result("a"), result("c")), stack)
        ahead = replace(shard(2), started=STARTED + timedelta(days=29))
        two = part(write(tmp_path, ahead, result("b"), result("d")), stack)
        found = merge([one, two], now=now)
        assert names(found) == [("a", Status.PASS), ("b", Status.UNKNOWN), ("c", Status.PASS), ("d", Status.UNKNOWN)]
        why = "partial-0002-of-0002.jsonl: it began at 2026-12-01 05:30:00 UTC, which is still to come"
        assert found.interrupted == f"shard 2 of 2: {why}"
        with pytest.raises(JournalError, match="which is still to come"):
            merge([two], now=now)


def test_a_missing_shard_without_accounts_is_missed_by_nobody(tmp_path: Path, merged: Merge) -> None:
    paths = [write(tmp_path, shard(n, 3), *map(result, owned)) for n, owned in ((1, "ac"), (2, "bd"))]
    found = merged(*paths)
    assert names(found) == [(name, Status.PASS) for name in "abcd"]
    assert found.interrupted == ""


def test_what_is_old_is_refused_unless_it_may_be(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, replace(shard(n), started=STARTED + timedelta(hours=n)), *map(result, owned))
        for n, owned in ((2, "bd"), (1, "ac"))
    ]
    with ExitStack() as stack:
        parts = [part(path, stack) for path in paths]
        assert merge(parts, now=STARTED + timedelta(hours=13)).interrupted == ""
        old = merge(parts, now=STARTED + timedelta(hours=13, seconds=1))
        assert old.interrupted.startswith("shard 1 of 2: partial-0001-of-0002.jsonl is left from an earlier scan")
        with pytest.raises(JournalError) as refusal:
            merge(parts, now=STARTED + timedelta(hours=14, seconds=1))
        assert refusal.value.where == "partial-0002-of-0002.jsonl"
        assert refusal.value.what == "began at 2026-11-02 07:30:00 UTC, more than scan.window (43200 s) ago"
        assert "--allow-old" in refusal.value.hint
        assert merge(parts).interrupted == ""


def test_a_shard_that_was_killed_before_it_knew_its_accounts_is_unknown_itself(tmp_path: Path, merged: Merge) -> None:
    begun = tmp_path / file_name(1, 2)
    with closing(Journal.begin(begun, shard(1), resume=False)):
        pass
    assert names(merged(begun)) == [("shard 1 of 2", Status.UNKNOWN), ("shard 2 of 2", Status.UNKNOWN)]
    known = names(merged(begun, write(tmp_path, shard(2), result("b"), result("d"))))
    assert known == [("a", Status.UNKNOWN), ("b", Status.PASS), ("c", Status.UNKNOWN), ("d", Status.PASS)]


@pytest.mark.parametrize("shards", [1, 2])
def test_accounts_that_share_clusters_say_so_in_one_journal_and_in_several(
    tmp_path: Path, merged: Merge, shards: int
) -> None:
    """A table and an organisation may both lead to one account of the cloud."""
    owners = {"corp/prod": 1, "prod": shards, "corp/other": 1}
    paths = []
    for number in range(1, shards + 1):
        paths.append(tmp_path / file_name(number, shards))
        with closing(Journal.begin(paths[-1], shard(number, shards), resume=False)) as journal:
            for name in (one for one, owner in owners.items() if owner == number):
                journal.account_began(name, "eks")
                journal.cluster(name, cluster("other" if name == "corp/other" else "shared"))
                journal.account_ended(result(name, notes=["z"]), final=True)
            journal.ended(ENDED, "")
            own = {one.name: one for one in journal.accounts()}
    said = "clusters that are read in another account as well, and counted in both: "
    other, of_corp, table = merged(*paths).accounts
    assert [note.note.text for note in of_corp.notes] == [f"{said}prod (1)", "z"]
    assert [note.note.text for note in table.notes] == [f"{said}corp/prod (1)", "z"]
    assert [note.note.text for note in other.notes] == ["z"]
    assert len(own["prod"].notes) == 3 - shards


def test_of_many_accounts_that_share_a_cluster_some_are_named() -> None:
    notes = read_twice([("a", [7]), *((f"b{number}", [7, NO_ID]) for number in range(1, 8))])
    assert notes["a"].note.text.endswith("in both: b1 (1), b2 (1), b3 (1), b4 (1), b5 (1), 2 more")
    assert notes["b7"].note.text.endswith("in both: a (1)")


def test_one_shard_twice_is_refused(tmp_path: Path, merged: Merge) -> None:
    one = write(tmp_path, shard(1))
    (tmp_path / "again").mkdir()
    with pytest.raises(JournalError, match="is of shard 1, and so is partial-0001"):
        merged(one, write(tmp_path / "again", shard(1)))


def test_nothing_is_refused(merged: Merge) -> None:
    with pytest.raises(JournalError, match="there is no partial report"):
        merged()
