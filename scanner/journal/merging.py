"""One result from the journals of several shards; what is missing of them is unknown, by name as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from scanner.errors import JournalError
from scanner.journal import Journal
from scanner.journal.read_twice import noted, read_twice
from scanner.journal.spool import KeptAccounts
from scanner.model import AccountResult, CollectionFailure, FailureKind, ScanResult, Spooled

_MERGE_OTHERS = "merge only the partial reports of one scan"


def merge(journals: Sequence[Journal], now: datetime | None = None) -> ScanResult:
    """Build the one result.

    Args:
        journals: One for each shard that has one.
        now: What counts as today: where a shard began more than ``scan.window`` before, its report is not merged as
            today's. None: however old they are.

    Raises:
        JournalError: They are not of one scan: other versions, configurations, numbers of shards, or times; or one
            shard is there twice; or they are old.
    """
    if not journals:
        raise JournalError("there is no partial report", hint="name the directory or URL that the shards wrote to")
    by_shard = _by_shard(journals)
    if now is not None:
        _refuse_old(journals, now)
    first = journals[0].run
    missing = [number for number in range(1, first.shards + 1) if number not in by_shard]
    return ScanResult(
        tool_version=first.tool_version,
        started=min(journal.run.started for journal in journals),
        finished=max(_ended(journal) for journal in journals),
        rule=first.rule,
        config_digest=first.config_digest,
        accounts=_Merged(by_shard, first.shards, missing).accounts(),
        interrupted="; ".join([*_interruptions(by_shard), *_missing(missing, first.shards)]),
    )


def _by_shard(journals: Sequence[Journal]) -> dict[int, Journal]:
    """Give the journal of each shard that has one, after a look at whether they belong together."""
    first = journals[0]
    found: dict[int, Journal] = {}
    for journal in journals:
        _refuse_another(first, journal)
        twin = found.setdefault(journal.run.shard, journal)
        if twin is not journal:
            what = f"shard {journal.run.shard} is there twice, the other time as {twin.path.name}"
            raise JournalError(what, where=journal.path.name, hint=_MERGE_OTHERS)
    starts = sorted((journal.run.started, journal.path.name) for journal in journals)
    _refuse_apart(starts[0], starts[-1], first.run.scan.window)
    return dict(sorted(found.items()))


def _refuse_another(first: Journal, other: Journal) -> None:
    """Refuse a journal of another scan than the first one's."""
    for what, value in (
        ("version", lambda run: run.tool_version),
        ("configuration", lambda run: f"digest {run.config_digest[:12]}"),
        ("selection of accounts", lambda run: " ".join(run.selection) or "all"),
        ("number of shards", lambda run: run.shards),
    ):
        ours, theirs = value(first.run), value(other.run)
        if ours != theirs:
            text = f"is of another {what} than {first.path.name}: {theirs}, not {ours}"
            raise JournalError(text, where=other.path.name, hint=_MERGE_OTHERS)


def _refuse_apart(earliest: tuple[datetime, str], latest: tuple[datetime, str], window: float) -> None:
    """Refuse shards that began too far apart to be one look at the clusters."""
    if latest[0] - earliest[0] > timedelta(seconds=window):
        what = (
            f"began at {latest[0]:%Y-%m-%d %H:%M:%S %Z}, more than scan.window ({window:g} s)"
            f" after {earliest[1]} ({earliest[0]:%Y-%m-%d %H:%M:%S %Z})"
        )
        raise JournalError(what, where=latest[1], hint="one is left from an earlier scan: remove it, or scan it again")


def _refuse_old(journals: Iterable[Journal], now: datetime) -> None:
    """Refuse what an earlier job left, which says nothing of the clusters as they are."""
    began, window, name = min((one.run.started, one.run.scan.window, one.path.name) for one in journals)
    if now - began > timedelta(seconds=window):
        what = f"began at {began:%Y-%m-%d %H:%M:%S %Z}, more than scan.window ({window:g} s) ago"
        raise JournalError(what, where=name, hint="scan again, or merge it as it is with --allow-old")


def _ended(journal: Journal) -> datetime:
    """Say when a shard's run ended, or else when it began."""
    return journal.end.finished if journal.end else journal.run.started


def _interruptions(by_shard: Mapping[int, Journal]) -> Iterable[str]:
    """Say which shards ended early, and why."""
    for number, journal in by_shard.items():
        of_several = f"shard {number}: " if journal.run.shards > 1 else ""
        if journal.end is None:
            yield f"{of_several}it was killed, or still runs"
        elif journal.end.interrupted:
            yield f"{of_several}{journal.end.interrupted}"


def _missing(missing: Sequence[int], count: int) -> Iterable[str]:
    """Say which shards have no partial report."""
    if missing:
        noun = "shard" if len(missing) == 1 else "shards"
        yield f"{noun} {', '.join(map(str, missing))} of {count}: no partial report"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an account is found: the shards that have a result of it; none where there is none."""

    provider: str
    shard: int
    results: tuple[int, ...] = ()


class _Merged:
    """The accounts of all shards, each read from its journal when it is asked for."""

    def __init__(self, by_shard: Mapping[int, Journal], count: int, missing: Sequence[int]) -> None:
        """Find out where each account is."""
        self._by_shard = by_shard
        self._count = count
        self._sources: dict[str, _Source] = {}
        known: dict[_Source, _Source] = {}
        for journal in by_shard.values():
            for name, plan in journal.plans.items():
                source = _Source(plan.provider, plan.shard)
                self._sources.setdefault(name, known.setdefault(source, source))
        for number, journal in by_shard.items():
            for name, provider in journal.kept():
                source = self._sources.get(name) or _Source(provider, number)
                more = replace(source, results=(*source.results, number))
                self._sources[name] = known.setdefault(more, more)
        if not any(journal.end and not journal.end.interrupted for journal in by_shard.values()):
            nothing_planned = (number for number, journal in by_shard.items() if not journal.plans)
            for number in (*missing, *nothing_planned):
                self._sources[f"shard {number} of {count}"] = _Source("", number)

    def accounts(self) -> Spooled[AccountResult]:
        """Give them by name, those noted that share clusters."""
        notes = read_twice(chain.from_iterable(journal.cluster_ids() for journal in self._by_shard.values()))
        return KeptAccounts(sorted(self._sources), lambda name: noted(self._account(name), notes))

    def _account(self, name: str) -> AccountResult:
        source = self._sources[name]
        found = [self._by_shard[number].account(name) for number in source.results]
        if not found:
            return self._not_scanned(name, source)
        return _combined(found) if len(found) > 1 else found[0]

    def _not_scanned(self, name: str, source: _Source) -> AccountResult:
        """Make the result of an account of which none was written."""
        there = source.shard in self._by_shard
        if self._count == 1:
            reason = "not scanned: the scan was killed"
        elif there:
            reason = f"not scanned: shard {source.shard} of {self._count} did not get to it"
        else:
            reason = f"not scanned: shard {source.shard} of {self._count} left no partial report"
        hint = (
            "go on with --resume" if self._count == 1 else f"scan it with --shard {source.shard}/{self._count} --resume"
        )
        failure = CollectionFailure(
            kind=FailureKind.INTERRUPTED,
            scope="account",
            operation="scan",
            reason=reason,
            hint=hint,
            whole_account=True,
        )
        return AccountResult(name, source.provider, "", (), (failure,), (), 0.0)


def _combined(results: Sequence[AccountResult]) -> AccountResult:
    """Put together what several shards say of an organisation, through which each of them looked."""
    first = results[0]
    failures = dict.fromkeys(chain.from_iterable(one.failures for one in results))
    notes = dict.fromkeys(chain.from_iterable(one.notes for one in results))
    return replace(
        first,
        account_id=next((one.account_id for one in results if one.account_id), ""),
        failures=tuple(failures),
        notes=tuple(sorted(notes, key=lambda one: one.note.text)),
        seconds=max(one.seconds for one in results),
    )
