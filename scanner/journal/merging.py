"""One result from the journals of several shards; what is missing of them is unknown, by name as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from scanner.errors import JournalError
from scanner.journal import Journal
from scanner.journal.looks import earlier_looks, ended
from scanner.journal.parts import Part, Parts, Unreadable, belonging_together
from scanner.journal.read_twice import noted, read_twice
from scanner.journal.spool import KeptAccounts
from scanner.model import AccountResult, CollectionFailure, FailureKind, ScanResult, Spooled


def merge(parts: Sequence[Part], unreadable: Sequence[Unreadable] = (), now: datetime | None = None) -> ScanResult:
    """Build the one result.

    Args:
        parts: One for each shard that has one.
        unreadable: Those that are there and cannot be read: their shards' accounts are unknown.
        now: What counts as today: what began more than ``scan.window`` before is not merged as today's. None: however
            old all of them are.

    Raises:
        JournalError: They are not of one scan: other versions, configurations or numbers of shards; or one shard is
            there twice; or all of them are old, or none can be read.
    """
    if not parts:
        raise _nothing_to_merge(unreadable)
    chosen = belonging_together(parts, unreadable, now)
    journals = [*chosen.by_shard.values()]
    first = journals[0].run
    merged = _Merged(chosen, first.shards)
    return ScanResult(
        tool_version=first.tool_version,
        started=min(journal.run.started for journal in journals),
        finished=max(ended(journal) for journal in journals),
        rule=first.rule,
        config_digest=first.config_digest,
        accounts=merged.accounts(),
        interrupted="; ".join([*_interruptions(chosen.by_shard), *merged.missing()]),
    )


def _nothing_to_merge(unreadable: Sequence[Unreadable]) -> JournalError:
    """Say that there is no partial report, or none that can be read."""
    if not unreadable:
        return JournalError("there is no partial report", hint="name the directory or URL that the shards wrote to")
    others = f", and so it is with {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
    return JournalError(f"{unreadable[0].why}{others}", where=unreadable[0].place, hint="no partial report can be read")


def _interruptions(by_shard: Mapping[int, Journal]) -> Iterable[str]:
    """Say which shards ended early, and why."""
    for number, journal in by_shard.items():
        of_several = f"shard {number}: " if journal.run.shards > 1 else ""
        if journal.end is None:
            yield f"{of_several}it was killed, or still runs"
        elif journal.end.interrupted:
            yield f"{of_several}{journal.end.interrupted}"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an account is found: the shards that have a result of it; none where there is none."""

    provider: str
    shard: int
    results: tuple[int, ...] = ()


class _Merged:
    """The accounts of all shards, each read from its journal when it is asked for."""

    def __init__(self, parts: Parts, count: int) -> None:
        """Find out where each account is."""
        self._missing = parts.missing
        self._by_shard = by_shard = parts.by_shard
        self._count = count
        self._earlier = earlier_looks(by_shard)
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
            for number in (*self._missing, *nothing_planned):
                self._sources[f"shard {number} of {count}"] = _Source("", number)

    def missing(self) -> Iterable[str]:
        """Say of which shards there is nothing, and why; but for those that are known to have no account."""
        concerned = {source.shard for source in self._sources.values()}
        if not self._missing.keys() <= concerned and not self._is_every_account_known():
            concerned.update(self._missing)
        by_reason: dict[str, list[int]] = {}
        for number, reason in self._missing.items():
            if number in concerned:
                by_reason.setdefault(reason, []).append(number)
        for reason, numbers in by_reason.items():
            noun = "shard" if len(numbers) == 1 else "shards"
            yield f"{noun} {', '.join(map(str, numbers))} of {self._count}: {reason or 'no partial report'}"

    def _is_every_account_known(self) -> bool:
        """Say whether a shard has come to its end without a failure, and so has listed every organisation whole."""
        return any(
            not any(journal.account(name).failures for name, _ in journal.kept())
            for journal in self._by_shard.values()
            if journal.end and not journal.end.interrupted
        )

    def accounts(self) -> Spooled[AccountResult]:
        """Give them by name, those noted that share clusters, or that are of an earlier look than others."""
        notes = read_twice(chain.from_iterable(journal.cluster_ids() for journal in self._by_shard.values()))
        return KeptAccounts(sorted(self._sources), lambda name: noted(self._account(name), notes))

    def _account(self, name: str) -> AccountResult:
        source = self._sources[name]
        found = [self._by_shard[number].account(name) for number in source.results]
        if not found:
            return self._not_scanned(name, source)
        if len(found) > 1:
            return _combined(found)
        note = self._earlier.get(source.results[0])
        return noted(found[0], {name: note} if note else {})

    def _not_scanned(self, name: str, source: _Source) -> AccountResult:
        """Make the result of an account of which none was written."""
        there = source.shard in self._by_shard
        if self._count == 1:
            reason = "not scanned: the scan was killed"
        elif there:
            reason = f"not scanned: shard {source.shard} of {self._count} did not get to it"
        else:
            why = self._missing[source.shard]
            what_of_it = f": {why}" if why else " left no partial report"
            reason = f"not scanned: shard {source.shard} of {self._count}{what_of_it}"
        failure = CollectionFailure(
            kind=FailureKind.INTERRUPTED,
            scope="account",
            operation="scan",
            reason=reason,
            hint=self._advice(source.shard),
            whole_account=True,
        )
        return AccountResult(name, source.provider, "", (), (failure,), (), 0.0)

    def _advice(self, shard: int) -> str:
        """Say how to come to a result of what a shard has none of."""
        if self._count == 1:
            return "go on with --resume"
        which = f"--shard {shard}/{self._count}"
        if self._missing.get(shard):  # what is damaged, or of another format, cannot be gone on with
            return f"let it end if it still runs, or scan it with {which} and without --resume; then merge again"
        return f"scan it with {which} --resume"


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
