"""Clusters that stand in a report twice, because two of its accounts reach them: a table and an organisation, say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from scanner.model import AccountNote, AccountResult, ClusterRef, Note, NoteSeverity

NO_ID: Final = 0
_NAMED_AT_MOST: Final = 5


def cluster_id(ref: ClusterRef) -> int:
    """Give a number that stands for a cluster of a cloud, in this process; `NO_ID` where its cloud gives it no id."""
    return hash((ref.provider, ref.id)) if ref.account_id and ref.id else NO_ID


def read_twice(accounts: Iterable[tuple[str, Iterable[int]]]) -> Mapping[str, AccountNote]:
    """Make the notes of those accounts, given by name and `cluster_id` of each cluster, that share clusters."""
    first: dict[int, str] = {}
    shared: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, ids in sorted(accounts, key=lambda one: one[0]):
        for number in ids:
            other = first.setdefault(number, name) if number != NO_ID else name
            if other != name:
                shared[name][other] += 1
                shared[other][name] += 1
    return {name: _note(others) for name, others in shared.items()}


def noted(account: AccountResult, notes: Mapping[str, AccountNote]) -> AccountResult:
    """Add an account's note, where it has one, in the order of reports."""
    note = notes.get(account.name)
    if note is None:
        return account
    return replace(account, notes=tuple(sorted((*account.notes, note), key=lambda one: one.note.text)))


def _note(others: Mapping[str, int]) -> AccountNote:
    """Say with which accounts clusters are shared."""
    named = [f"{name} ({count:,})" for name, count in sorted(others.items())]
    more = [f"{len(named) - _NAMED_AT_MOST:,} more"] if len(named) > _NAMED_AT_MOST else []
    text = ", ".join(named[:_NAMED_AT_MOST] + more)
    what = f"clusters that are read in another account as well, and counted in both: {text}"
    return AccountNote(Note(NoteSeverity.INFO, what))
