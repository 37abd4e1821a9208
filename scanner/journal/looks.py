"""Partial reports that lie apart in time: where a scan was run again in part, what the other shards found is older."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from scanner.journal import Journal
from scanner.model import AccountNote, Note, NoteSeverity

_AT_LEAST: Final = timedelta(minutes=1)
"""What is less apart, the report's own ``started`` tells well enough."""


class _Span(NamedTuple):
    """When a shard ran."""

    began: datetime
    ended: datetime
    shard: int


def earlier_looks(by_shard: Mapping[int, Journal]) -> dict[int, AccountNote]:
    """Make the note of each shard that was done long before the latest ones began.

    Shards that follow each other, because few run at a time, are one look at the clusters. Where none ran for longer
    than any before took, what stands before that pause is another look: that of a run which was made again in part.
    """
    spans = sorted(_span(number, journal) for number, journal in by_shard.items())
    again = _last_beginning(spans)
    return {one.shard: _note(one, again) for one in spans if again and one.began < again}


def ended(journal: Journal) -> datetime:
    """Say when a shard's run ended, or else when it began."""
    return journal.end.finished if journal.end else journal.run.started


def _span(number: int, journal: Journal) -> _Span:
    return _Span(journal.run.started, ended(journal), number)


def _last_beginning(spans: list[_Span]) -> datetime | None:
    """Say when the first shard began after the last pause; None where there was no pause."""
    again, busy_until, longest = None, None, _AT_LEAST
    for span in spans:
        if busy_until is not None and span.began - busy_until > longest:
            again = span.began
        busy_until = max(busy_until or span.ended, span.ended)
        longest = max(longest, span.ended - span.began)
    return again


def _note(span: _Span, again: datetime) -> AccountNote:
    """Say from when it is what a shard found."""
    text = (
        f"read by shard {span.shard}, which began at {_time(span.began)}, long before others (from {_time(again)} on): "
        "it may have changed since"
    )
    return AccountNote(Note(NoteSeverity.WARNING, text))


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
