"""Which partial reports make one report: those of one scan; what is missing among them has a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scanner.errors import JournalError
from scanner.journal import Journal

_CLOCKS_APART: Final = timedelta(minutes=10)
"""So far the clocks of the machines that scan and merge may be apart."""


@dataclass(frozen=True, slots=True)
class Part:
    """A partial report that can be read; `place` is its path or URL, for a person."""

    journal: Journal
    place: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A partial report that cannot be read, of which its name tells the shard; `why` says what is wrong with it."""

    shard: int
    shards: int
    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What is merged.

    Attributes:
        by_shard: The journal of each shard that has one, in order.
        missing: The other shards, and why what they left does not count; "" where they left nothing.
    """

    by_shard: Mapping[int, Journal]
    missing: Mapping[int, str] = field(default_factory=dict)


def belonging_together(parts: Sequence[Part], unreadable: Iterable[Unreadable], now: datetime | None) -> Parts:
    """Sort out the partial reports of one scan.

    What began more than ``scan.window`` before the newest of them, or before now, is left from an earlier scan, and its
    shard counts as one that left nothing: what it says is of another day. So does one that begins in the future.

    Args:
        parts: Those that can be read.
        unreadable: The others.
        now: What counts as today; None: however old all of them are.

    Raises:
        JournalError: They are not of one scan: other versions, configurations or numbers of shards; or one shard is
            there twice; or all of them are old.
    """
    ahead = [part for part in parts if now is not None and part.journal.run.started - now > _CLOCKS_APART]
    parts = [part for part in parts if part not in ahead]
    if not parts:
        raise JournalError(_of_the_future(ahead[0]), where=ahead[0].place, hint="set the clock of whoever wrote it")
    newest = max(parts, key=lambda part: part.journal.run.started)
    window = timedelta(seconds=newest.journal.run.scan.window)
    today = max(now or newest.journal.run.started, newest.journal.run.started)
    if today - newest.journal.run.started > window:
        raise _is_old(newest, window)
    fresh = [part for part in parts if today - part.journal.run.started <= window]
    by_shard = _by_shard(newest, fresh)
    count = newest.journal.run.shards
    reasons = {
        part.journal.run.shard: f"{part.place} is left from an earlier scan, which began at {_time(part)}"
        for part in parts
        if part not in fresh and part.journal.run.shards == count
    }
    reasons |= {
        part.journal.run.shard: f"{part.place}: {_of_the_future(part)}"
        for part in ahead
        if part.journal.run.shards == count
    }
    reasons |= {one.shard: f"{one.place}: {one.why}" for one in unreadable if one.shards == count}
    missing = {number: reasons.get(number, "") for number in range(1, count + 1) if number not in by_shard}
    return Parts(by_shard, missing)


def _by_shard(newest: Part, fresh: Iterable[Part]) -> dict[int, Journal]:
    """Give the journal of each shard that has one, after a look at whether they belong together."""
    found: dict[int, Part] = {}
    for part in fresh:
        _refuse_another(newest, part)
        twin = found.setdefault(part.journal.run.shard, part)
        if twin is not part:
            what = f"is of shard {part.journal.run.shard}, and so is {twin.place}"
            raise JournalError(
                what, where=part.place, hint="name each partial report once, and remove what is left over"
            )
    return {number: part.journal for number, part in sorted(found.items())}


def _refuse_another(newest: Part, other: Part) -> None:
    """Refuse a journal of another scan than the newest one's."""
    for what, value in (
        ("version", lambda run: run.tool_version),
        ("configuration", lambda run: f"digest {run.config_digest[:12]}"),
        ("selection of accounts", lambda run: " ".join(run.selection) or "all"),
        ("number of shards", lambda run: run.shards),
    ):
        ours, theirs = value(newest.journal.run), value(other.journal.run)
        if ours != theirs:
            text = f"is of another {what} than {newest.place}, which began later: {theirs}, not {ours}"
            hint = f"remove it if it is left from an earlier scan (it began at {_time(other)}), or scan both alike"
            raise JournalError(text, where=other.place, hint=hint)


def _is_old(newest: Part, window: timedelta) -> JournalError:
    """Say that even the newest says nothing of the clusters as they are."""
    what = f"began at {_time(newest)}, more than scan.window ({window.total_seconds():g} s) ago"
    hint = "no shard has begun since: scan again, or merge what is there with --allow-old"
    return JournalError(what, where=newest.place, hint=hint)


def _of_the_future(part: Part) -> str:
    """Say that a clock was wrong."""
    return f"it began at {_time(part)}, which is still to come"


def _time(part: Part) -> str:
    return f"{part.journal.run.started:%Y-%m-%d %H:%M:%S %Z}"
