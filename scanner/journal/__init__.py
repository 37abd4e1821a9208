"""The journal: every result goes to disk as soon as it is there, so that memory stays flat and a kill loses nothing.

One file of lines (`scanner.journal.records`). A scan writes it, reports are read from it, ``--resume`` goes on with it,
and the journal of a shard is the partial report that ``report merge`` takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from scanner.errors import JournalError
from scanner.journal.index import Index, Plan
from scanner.journal.lines import Content, Lines
from scanner.journal.read_twice import noted, read_twice
from scanner.journal.records import (
    FORMAT,
    AccountRecord,
    BeginRecord,
    ClusterRecord,
    EndRecord,
    PlanRecord,
    Record,
    RunRecord,
)
from scanner.journal.spool import KeptAccounts, kept_account
from scanner.model import AccountResult, ClusterResult, Spooled

__all__ = ["FILE_NAME", "Journal", "RunRecord", "file_name"]

FILE_NAME: Final = re.compile(r"partial-\d{4,5}-of-\d{4,5}\.jsonl|journal\.jsonl")
"""Matches what `file_name` gives."""

_ANEW: Final = "scan without --resume to start anew"


def file_name(shard: int, shards: int) -> str:
    """Name a journal's file: a shard's is the partial report that is merged with those of the others."""
    return f"partial-{shard:04}-of-{shards:04}.jsonl" if shards > 1 else "journal.jsonl"


class Journal:
    """The journal of one scan, open for writing or only for reading.

    Attributes:
        replaced: What was there and is not gone on with, in words; "" where nothing was.
        is_resumed: Whether an earlier scan is gone on with.
    """

    def __init__(self, lines: Lines, index: Index, replaced: str = "") -> None:
        """Use a file of which the content is known."""
        self._lines = lines
        self._index = index
        self.replaced = replaced
        self.is_resumed = bool(index.runs)

    @classmethod
    def begin(cls, path: Path, run: RunRecord, *, resume: bool) -> Self:
        """Start a journal, or go on with the one that is there, unless it is another look at the clusters.

        That is one that began more than ``scan.window`` ago, or the partial report of a shard that came to its end. So
        a job may always resume: it takes up what was stopped or killed, never what an earlier job has found.

        Raises:
            JournalError: Another process writes it, it is damaged, it is of another scan than `run`, or a file is there
                that is no journal and has another name than one.
        """
        lines = Lines.lock(path)
        index, replaced = Index(), ""
        try:
            begun = _begun(lines)
            if begun is not None and resume and _is_one_look(begun, run):
                index = _go_on(lines, run)
            if begun is None:
                replaced = _not_a_journal(lines)
            elif not index.runs:
                replaced = f"of a scan that began at {begun:%Y-%m-%d %H:%M:%S %Z}"
        except JournalError:
            lines.close()
            raise
        if not index.runs:
            lines.cut(0)
        journal = cls(lines, index, replaced)
        journal._write(run)
        return journal

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a journal that is not being written.

        Raises:
            JournalError: It is being written, cannot be read, or is none.
        """
        lines = Lines.read(path)
        index = Index()
        try:
            for offset, record in lines.records():
                index.add(record, offset)
            index.close_what_is_open()
        except JournalError:
            lines.close()
            raise
        if not index.runs:
            is_cut_off = lines.kind is Content.NOTHING
            lines.close()
            what = (
                "holds no whole line: its scan was killed, or still runs" if is_cut_off else "is no journal of a scan"
            )
            raise JournalError(what, where=str(path))
        try:
            _refuse_another_format(index.runs[0], str(path))
        except JournalError:
            lines.close()
            raise
        return cls(lines, index)

    @property
    def path(self) -> Path:
        """The file."""
        return self._lines.path

    @property
    def run(self) -> RunRecord:
        """The run that began it."""
        return self._index.runs[0]

    @property
    def end(self) -> EndRecord | None:
        """How the last run ended; None where it did not get that far."""
        return self._index.end

    @property
    def plans(self) -> dict[str, Plan]:
        """Every account that was to be scanned, by this process or by others."""
        return self._index.plans

    @property
    def finished(self) -> int:
        """How many accounts are finished."""
        return sum(entry.final for entry in self._index.entries.values())

    def is_finished(self, account: str) -> bool:
        """Say whether an account need not be scanned again."""
        entry = self._index.entries.get(account)
        return entry is not None and entry.final

    def is_kept(self, account: str) -> bool:
        """Say whether an account has ended, finished or not."""
        return account in self._index.entries

    def missing(self, shard: int) -> list[tuple[str, str, int]]:
        """Give each account of a shard that was planned and has not ended: name, provider, and clusters it has."""
        return [
            (name, plan.provider, self._index.clusters_of(name))
            for name, plan in self._index.plans.items()
            if plan.shard == shard and name not in self._index.entries
        ]

    def plan(self, account: str, provider: str, shard: int) -> None:
        """Write down that an account is to be scanned, once."""
        if self._index.plans.get(account) != Plan(provider, shard):
            self._write(PlanRecord(account, provider, shard))

    def account_began(self, account: str, provider: str) -> None:
        """Write down that an account is being scanned, which voids what an earlier attempt left."""
        self._write(BeginRecord(account, provider))

    def cluster(self, account: str, cluster: ClusterResult) -> None:
        """Write down a cluster of an account that has begun."""
        self._write(ClusterRecord(account, cluster))

    def account_ended(self, result: AccountResult, *, final: bool) -> AccountResult:
        """Write down an account, and give it with its clusters, which are here already; not `final`: to be resumed."""
        clusters = self._index.clusters_of(result.name)
        self._write(AccountRecord.of(result, clusters, final=final))
        return self.account(result.name)

    def ended(self, finished: datetime, interrupted: str) -> None:
        """Write down that the run is over, and have all of it on the disk."""
        self._write(EndRecord(finished, interrupted))
        self._lines.sync()

    def account(self, name: str) -> AccountResult:
        """Read an account that has ended, or that was being scanned when the process was killed."""
        return kept_account(self._lines, name, self._index.entries[name])

    def accounts(self) -> Spooled[AccountResult]:
        """Give all accounts that have ended, by name, those noted that share clusters."""
        notes = read_twice(self.cluster_ids())
        return KeptAccounts(sorted(self._index.entries), lambda name: noted(self.account(name), notes))

    def cluster_ids(self) -> Iterator[tuple[str, Iterable[int]]]:
        """Give the name of each account that has ended, and the `cluster_id` of each of its clusters."""
        return ((name, entry.ids) for name, entry in self._index.entries.items())

    def kept(self) -> Iterator[tuple[str, str]]:
        """Give the name and provider of each account that has ended."""
        return ((name, entry.provider) for name, entry in self._index.entries.items())

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()

    def remove(self) -> None:
        """Remove the file, which is no longer needed, while it is still ours."""
        self._lines.path.unlink(missing_ok=True)

    def _write(self, record: Record) -> None:
        offset = self._lines.append(record)
        self._index.add(record, offset)


def _begun(lines: Lines) -> datetime | None:
    """Say when the scan began whose journal is there; None where there is none, or none that can be read."""
    first = lines.first()
    return first.started if isinstance(first, RunRecord) else None


def _not_a_journal(lines: Lines) -> str:
    """Say what is in place of a journal, and may be written over; JournalError for what may be somebody's own."""
    content = lines.kind
    if content is Content.NOTHING:
        return ""
    # A file of this name is ours, and a job that always resumes would stop at it for ever.
    if content is Content.ZEROS or FILE_NAME.fullmatch(lines.path.name):
        return "damaged in its first line, so that not even its age is known"
    hint = "name another place with --journal, or remove the file"
    raise JournalError("is no journal of a scan, and is left as it is", where=str(lines.path), hint=hint)


def _is_one_look(begun: datetime, run: RunRecord) -> bool:
    """Say whether results of a scan that began then may stand in one report with those of this run."""
    return abs(run.started - begun) <= timedelta(seconds=run.scan.window)


def _go_on(lines: Lines, run: RunRecord) -> Index:
    """Read what is there, drop a torn last line, and refuse what is of another scan; empty where nothing is left."""
    index = Index()
    for offset, record in lines.records():
        index.add(record, offset)
    if _is_delivered(index):
        return Index()
    lines.cut(lines.whole)
    if index.runs:
        _refuse_another(index.runs[0], run, str(lines.path))
    return index


def _is_delivered(index: Index) -> bool:
    """Say whether nothing is left to do: a shard's journal that came to its end is the partial report itself.

    That of a whole scan goes with its reports, so where it is still there they could not be written.
    """
    return index.end is not None and not index.end.interrupted and index.runs[0].shards > 1


def _refuse_another(begun: RunRecord, run: RunRecord, where: str) -> None:
    """Refuse to go on with a scan that was begun differently."""
    if begun.tool_version != run.tool_version:
        what = f"was begun by k8s-audit-coverage {begun.tool_version}, and this is {run.tool_version}"
        raise JournalError(what, where=where, hint=_ANEW)
    _refuse_another_format(begun, where)
    if begun.config_digest != run.config_digest:
        what = f"was begun with another configuration (digest {begun.config_digest[:12]}, now {run.config_digest[:12]})"
        raise JournalError(what, where=where, hint=f"use the same configuration, or {_ANEW}")
    if (begun.selection, begun.shard, begun.shards) != (run.selection, run.shard, run.shards):
        what = f"was begun for {_part(begun)}, and this is {_part(run)}"
        raise JournalError(what, where=where, hint=f"use the same --account and --shard, or {_ANEW}")


def _refuse_another_format(begun: RunRecord, where: str) -> None:
    """Refuse what may mean something else than what this version would read in it."""
    if begun.format != FORMAT:
        what = f"was written in format {begun.format} of journals, and this version reads {FORMAT}"
        raise JournalError(what, where=where, hint="use the version that wrote it, or scan anew")


def _part(run: RunRecord) -> str:
    """Say which accounts a run scans."""
    accounts = f"--account {' '.join(run.selection)}" if run.selection else "all accounts"
    return f"{accounts}, shard {run.shard} of {run.shards}" if run.shards > 1 else accounts
