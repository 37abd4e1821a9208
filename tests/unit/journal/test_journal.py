"""The journal: what a scan that was killed left is gone on with, and what is not its own is refused."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scanner.assessment import assess
from scanner.errors import JournalError, ReportError
from scanner.journal import FILE_NAME, Journal, RunRecord, file_name
from scanner.model import AccountResult, ClusterResult, RuleSettings, ScanSettings, Status
from tests.unit.assessment.build import channel, eks

STARTED = datetime(2026, 11, 2, 5, 30, tzinfo=UTC)
RUN = RunRecord("0.1.0", "a" * 64, STARTED, ScanSettings(), RuleSettings())
RESULT = AccountResult("", "eks", "111122223333", (), (), (), 1.5)


def cluster(name: str, *, passes: bool = True) -> ClusterResult:
    state = "ok" if passes else "gap"
    return assess(eks(*(channel(log, exported=state) for log in ("audit", "authenticator")), name=name), RuleSettings())


def scanned(journal: Journal, account: str, *names: str, final: bool = True) -> AccountResult:
    """Write down an account as the engine does."""
    journal.plan(account, "eks", 1)
    journal.account_began(account, "eks")
    for name in names:
        journal.cluster(account, cluster(name))
    return journal.account_ended(replace(RESULT, name=account), final=final)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def begun(path: Path) -> Iterator[Journal]:
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        yield journal


def resumed(path: Path, run: RunRecord = RUN) -> Journal:
    return Journal.begin(path, run, resume=True)


def test_results_are_read_back_in_the_order_of_reports(begun: Journal) -> None:
    scanned(begun, "b", "z", "a", "m")
    scanned(begun, "a")
    assert [account.name for account in begun.accounts()] == ["a", "b"]
    account = begun.accounts()[1]
    assert [one.ref.name for one in account.clusters] == ["a", "m", "z"]
    assert list(account.clusters) == [cluster("a"), cluster("m"), cluster("z")]
    assert account.clusters[-1].ref.name == "z"
    assert [one.ref.name for one in account.clusters[:2]] == ["a", "m"]
    assert [one.name for one in begun.accounts()[:1]] == ["a"]
    assert (account.account_id, account.seconds, account.status) == ("111122223333", 1.5, Status.PASS)
    assert account.statuses[Status.PASS] == len(account.clusters) == 3


def test_accounts_that_are_scanned_at_the_same_time_do_not_mix(begun: Journal) -> None:
    for account in ("a", "b"):
        begun.account_began(account, "eks")
    begun.cluster("a", cluster("of-a"))
    begun.cluster("b", cluster("of-b"))
    begun.cluster("a", cluster("too", passes=False))
    a = begun.account_ended(replace(RESULT, name="a"), final=True)
    b = begun.account_ended(replace(RESULT, name="b"), final=True)
    assert [one.ref.name for one in a.clusters] == ["of-a", "too"]
    assert [one.ref.name for one in b.clusters] == ["of-b"]
    assert (a.status, b.status) == (Status.FAIL, Status.PASS)


def test_a_scan_that_is_resumed_keeps_what_was_finished_and_nothing_else(path: Path) -> None:
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "finished", "x")
        scanned(journal, "interrupted", "y", final=False)
        journal.plan("killed", "eks", 1)
        journal.account_began("killed", "eks")
        journal.cluster("killed", cluster("z"))
    with closing(resumed(path, replace(RUN, started=STARTED + timedelta(hours=1)))) as journal:
        assert journal.run.started == STARTED
        assert journal.finished == 1
        assert journal.is_finished("finished")
        assert not journal.is_finished("interrupted")
        assert not journal.is_finished("killed")
        assert journal.is_kept("interrupted")
        assert journal.missing(1) == [("killed", "eks", 1)]
        again = scanned(journal, "interrupted", "new")
        assert [one.ref.name for one in again.clusters] == ["new"]
        again = scanned(journal, "killed", "z")
        assert [one.ref.name for one in again.clusters] == ["z"]
        assert [account.name for account in journal.accounts()] == ["finished", "interrupted", "killed"]


def test_a_new_scan_starts_anew(path: Path) -> None:
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        assert list(journal.accounts()) == []


def test_resuming_nothing_starts_anew(path: Path) -> None:
    with closing(resumed(path)) as journal:
        scanned(journal, "a", "x")
        assert journal.finished == 1


def test_a_journal_may_end_at_any_byte(path: Path) -> None:
    """A kill leaves a beginning of what would have been written: each one is gone on with, and gives the same."""
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        for name in ("a", "b", "c"):
            scanned(journal, name, f"{name}-1", f"{name}-2")
        whole = list(journal.accounts())
        whole = [replace(one, clusters=tuple(one.clusters)) for one in whole]
    content = path.read_bytes()
    finished = []
    for length in range(0, len(content) + 1, 97):
        path.write_bytes(content[:length])
        with closing(resumed(path)) as journal:
            finished.append(journal.finished)
            for name in ("a", "b", "c"):
                if not journal.is_finished(name):
                    scanned(journal, name, f"{name}-1", f"{name}-2")
            assert [replace(one, clusters=tuple(one.clusters)) for one in journal.accounts()] == whole
        with closing(Journal.read(path)) as journal:
            assert len(journal.accounts()) == 3
    assert finished == sorted(finished)
    assert set(finished) == {0, 1, 2, 3} - ({3} if len(content) % 97 else set())


def test_a_last_line_whose_bytes_were_lost_is_cut_off(path: Path) -> None:
    """After a loss of power a file may have its length but zeros in its place."""
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
    content = path.read_bytes()
    path.write_bytes(content + b"\0" * 100 + b"\n")
    with closing(resumed(path)) as journal:
        assert journal.finished == 1
    assert b"\0" not in path.read_bytes()


def test_a_damaged_line_in_the_middle_is_refused(path: Path) -> None:
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
        scanned(journal, "b", "x")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Metadata", b"Metapata", 1))
    for attempt in (resumed, Journal.read):
        with pytest.raises(JournalError, match=r"line 4 is torn or damaged") as refusal:
            attempt(path)
        assert refusal.value.where == str(path)
    with closing(Journal.begin(path, RUN, resume=False)):
        pass


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (replace(RUN, tool_version="0.2.0"), "was begun by k8s-audit-coverage 0.1.0, and this is 0.2.0"),
        (replace(RUN, config_digest="b" * 64), "another configuration (digest aaaaaaaaaaaa, now bbbbbbbbbbbb)"),
        (replace(RUN, selection=("x", "y")), "was begun for all accounts, and this is --account x y"),
        (replace(RUN, shard=2, shards=3), "was begun for all accounts, and this is all accounts, shard 2 of 3"),
    ],
)
def test_another_scan_is_not_gone_on_with(path: Path, run: RunRecord, said: str) -> None:
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
    before = path.read_bytes()
    with pytest.raises(JournalError) as refusal:
        resumed(path, run)
    assert said in refusal.value.what
    assert "without --resume" in refusal.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("later", [RUN, replace(RUN, config_digest="b" * 64, tool_version="0.2.0")])
def test_what_is_left_from_the_night_before_is_not_gone_on_with(path: Path, later: RunRecord) -> None:
    """A nightly job always resumes; whatever has changed since the last night, it starts anew."""
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        assert journal.replaced == ""
        assert not journal.is_resumed
        scanned(journal, "a", "x")
    with closing(resumed(path, replace(later, started=STARTED + timedelta(hours=13)))) as journal:
        assert journal.replaced == "of a scan that began at 2026-11-02 05:30:00 UTC"
        assert not journal.is_resumed
        assert journal.finished == 0
        assert journal.run.started == STARTED + timedelta(hours=13)


@pytest.mark.parametrize("later", [RUN, replace(RUN, config_digest="b" * 64)])
def test_the_partial_report_of_a_shard_that_came_to_its_end_is_not_gone_on_with(path: Path, later: RunRecord) -> None:
    """What it says is of an earlier look; the journal of a whole scan that is still there has its reports to come."""
    for shards, kept in ((2, 0), (1, 1)):
        with closing(Journal.begin(path, replace(RUN, shards=shards), resume=False)) as journal:
            scanned(journal, "a", "x")
            journal.ended(STARTED, "")
        if kept and later is not RUN:
            continue
        with closing(resumed(path, replace(later, shards=shards))) as journal:
            assert journal.finished == kept
            assert journal.replaced == ("" if kept else "of a scan that began at 2026-11-02 05:30:00 UTC")


@pytest.mark.parametrize("interrupted", ["interrupted by SIGTERM", None])
def test_the_partial_report_of_a_shard_that_was_stopped_is_gone_on_with(path: Path, interrupted: str | None) -> None:
    with closing(Journal.begin(path, replace(RUN, shards=2), resume=False)) as journal:
        scanned(journal, "a", "x")
        if interrupted:
            journal.ended(STARTED, interrupted)
    with closing(resumed(path, replace(RUN, shards=2))) as journal:
        assert (journal.finished, journal.replaced) == (1, "")


def test_a_journal_that_is_replaced_is_named(path: Path) -> None:
    with closing(Journal.begin(path, RUN, resume=False)):
        pass
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        assert journal.replaced == "of a scan that began at 2026-11-02 05:30:00 UTC"
        assert not journal.is_resumed
    with closing(resumed(path)) as journal:
        assert journal.replaced == ""
        assert journal.is_resumed


_LATER = replace(RUN, started=STARTED + timedelta(days=1))


@pytest.mark.parametrize(("later", "resume"), [(RUN, False), (_LATER, True)], ids=["anew", "after the window"])
def test_a_scan_over_an_older_journal_reads_its_own_lines(later: RunRecord, path: Path, *, resume: bool) -> None:
    """What was read of the older one while it was looked at is not taken for what stands there now."""
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        for number in range(5):
            journal.account_ended(replace(RESULT, name=f"old-{number}", account_id="old"), final=True)
    with closing(Journal.begin(path, later, resume=resume)) as journal:
        for number in range(5):
            mine = replace(RESULT, name=f"new-{number}", account_id="new")
            got = journal.account_ended(mine, final=True)
            assert (got.name, got.account_id) == (mine.name, mine.account_id)


def test_a_scan_that_is_resumed_behind_a_torn_line_reads_its_own_lines(path: Path) -> None:
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
        journal.plan("b", "eks", 1)
        journal.account_began("b", "eks")
        journal.account_ended(replace(RESULT, name="b", account_id="old-old-old-"), final=True)
    path.write_bytes(path.read_bytes()[:-20])
    with closing(resumed(path)) as journal:
        got = journal.account_ended(replace(RESULT, name="b", account_id="new-new-new-"), final=True)
        assert got.account_id == "new-new-new-"


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("content", ["[[account]]\n", '{"run": {}}\n', "one line", "no more than a line\n" * 999])
def test_a_file_that_is_no_journal_is_left_as_it_is(content: str, tmp_path: Path, *, resume: bool) -> None:
    path = tmp_path / "note.txt"
    path.write_text(content)
    with pytest.raises(JournalError, match="is no journal of a scan, and is left as it is"):
        Journal.begin(path, RUN, resume=resume)
    assert path.read_text() == content


@pytest.mark.parametrize("content", [b"", b"0", b"0123abcd", b"0123abcd ", b'0123abcd {"tool_version": "0.1'])
def test_what_a_kill_leaves_of_the_first_line_is_nobodys_own(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    with closing(resumed(path)) as journal:
        assert (journal.replaced, journal.is_resumed) == ("", False)


@pytest.mark.parametrize(("name", "content"), [("state", b"\0" * 4096), ("journal.jsonl", b"\xff" * 4096 + b"\n")])
def test_a_journal_whose_first_line_is_damaged_holds_up_no_job(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with closing(resumed(path)) as journal:
        assert journal.replaced == "damaged in its first line, so that not even its age is known"
        scanned(journal, "a", "x")
    with closing(resumed(path)) as journal:
        assert (journal.finished, journal.is_resumed) == (1, True)


def test_a_journal_of_another_format_is_refused(path: Path) -> None:
    with closing(Journal.begin(path, replace(RUN, format=1), resume=False)) as journal:
        scanned(journal, "a", "x")
    for read in (resumed, Journal.read):
        with pytest.raises(JournalError, match="was written in format 1 of journals, and this version reads 3"):
            read(path)


def test_two_processes_on_one_journal_are_refused(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from scanner.journal import Journal\n"
        "from tests.unit.journal.test_journal import RUN\n"
        f"journal = Journal.begin(Path({str(path)!r}), RUN, resume=True); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        for attempt in (resumed, Journal.read):
            with pytest.raises(JournalError, match="another process is scanning into it"):
                attempt(path)
        other.kill()
    with closing(resumed(path)):
        pass


def test_a_journal_that_another_process_removed_meanwhile_is_made_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may go between the moment when it is opened and the moment when it is locked."""
    path.write_bytes(b"")
    opened = os.open

    def open_and_lose(name: str, *arguments: int) -> int:
        descriptor = opened(name, *arguments)
        monkeypatch.setattr("os.open", opened)
        path.unlink()
        return descriptor

    monkeypatch.setattr("os.open", open_and_lose)
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
        assert path.stat().st_size > 0
        journal.remove()
    assert not path.exists()


def test_a_journal_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened: Is a directory"):
        Journal.begin(tmp_path, RUN, resume=False)
    with pytest.raises(JournalError, match="cannot be read: No such file or directory"):
        Journal.read(tmp_path / "none.jsonl")


@pytest.mark.parametrize("content", [b"", b'0123abcd {"tool_version": "0.1'])
def test_what_was_killed_before_its_first_line_is_told(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match="holds no whole line: its scan was killed, or still runs"):
        Journal.read(path)


def test_what_is_no_journal_is_told(path: Path) -> None:
    path.write_bytes(b"something else")
    with pytest.raises(JournalError, match="is no journal of a scan"):
        Journal.read(path)


def test_a_file_that_takes_no_more_is_told_and_gone_on_with(path: Path) -> None:
    """The kernel's limit on a file's size stands for a full disk: a part of the last line is written, then no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
            with pytest.raises(ReportError, match="cannot be written: File too large") as refusal:
                scanned(journal, "b", "x")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refusal.value.hint == "make room there, then go on with --resume"
    with closing(resumed(path)) as journal:
        assert (journal.is_finished("a"), journal.is_finished("b")) == (True, False)


def test_a_device_is_no_journal() -> None:
    for attempt in (resumed, Journal.read):
        with pytest.raises(JournalError, match="is no regular file"):
            attempt(Path("/dev/full"))


def test_a_journal_that_was_killed_is_read_with_what_it_has(path: Path) -> None:
    with closing(Journal.begin(path, RUN, resume=False)) as journal:
        scanned(journal, "a", "x")
        for name in ("begun", "empty"):
            journal.plan(name, "eks", 1)
            journal.account_began(name, "eks")
        journal.cluster("begun", cluster("y"))
    with closing(Journal.read(path)) as journal:
        assert journal.end is None
        _, begun, empty = journal.accounts()
        assert [one.ref.name for one in begun.clusters] == ["y"]
        assert (begun.failures[0].scope, begun.completeness.value) == ("the rest of the account", "partial")
        assert (empty.failures[0].reason, empty.completeness.value) == (
            "not finished: the process was killed",
            "failed",
        )


def test_the_names_of_files() -> None:
    assert file_name(1, 1) == "journal.jsonl"
    assert file_name(3, 12) == "partial-0003-of-0012.jsonl"
    assert all(FILE_NAME.fullmatch(file_name(*one)) for one in ((1, 1), (3, 12), (10_000, 10_000)))
    assert not FILE_NAME.fullmatch(".partial-0003-of-0012.jsonl.17.tmp")


def test_a_journal_that_is_changed_while_it_is_read_is_told(path: Path, begun: Journal) -> None:
    account = scanned(begun, "a", "x")
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(JournalError, match="was changed while it was read"):
        account.clusters[0]
    with pytest.raises(JournalError, match="was changed while it was read"):
        list(begun.accounts())
