"""What a request leaves under each of two policies, and which differences that makes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scanner.audit_policy.types import Level, Stage

_RECEIVED: Final = frozenset({Stage.REQUEST_RECEIVED})
_STARTED: Final = frozenset({Stage.RESPONSE_STARTED})
_COMPLETE: Final = frozenset({Stage.RESPONSE_COMPLETE})
_PANIC: Final = frozenset({Stage.PANIC})


class ChangeKind(StrEnum):
    """What changes for a class of requests."""

    LOST = "lost"
    """No event carries the outcome any longer."""
    GAINED = "gained"
    """An event carries the outcome now."""
    LEVEL = "level"
    """Events hold more or less."""
    STAGES = "stages"
    """Events are written at other stages."""
    MANAGED_FIELDS = "managed_fields"
    """Bodies hold managed fields now, or no longer."""


@dataclass(frozen=True, slots=True)
class Sort:
    """What decides on the stages of a request."""

    is_authenticated: bool
    is_long_running: bool

    @property
    def stages(self) -> frozenset[Stage]:
        """The stages at which such a request can leave events."""
        if not self.is_authenticated:
            return _STARTED
        return _RECEIVED | self.outcome | _PANIC

    @property
    def outcome(self) -> frozenset[Stage]:
        """The stages whose events carry its outcome."""
        if not self.is_authenticated:
            return _STARTED
        return _COMPLETE | _STARTED if self.is_long_running else _COMPLETE


@dataclass(frozen=True, slots=True)
class Effect:
    """The events that a request leaves under one policy; level None and no stages where there are none."""

    level: Level
    stages: frozenset[Stage]
    omit_managed_fields: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of difference for one class of requests.

    Attributes:
        before: The level in the old policy; None (the level) where no event carries the outcome.
        managed_fields: Whether bodies hold managed fields now; None where nothing changes about that.
        is_loss: Whether an event that carries an outcome is no longer written.
    """

    kind: ChangeKind
    before: Level = Level.NONE
    after: Level = Level.NONE
    stages_lost: frozenset[Stage] = frozenset()
    stages_gained: frozenset[Stage] = frozenset()
    managed_fields: bool | None = None
    is_loss: bool = False


Changes = tuple[Change, ...]


def changes(before: Effect, after: Effect, sort: Sort) -> Changes:
    """Give every difference between what two policies do with one request; none where there is none."""
    had, has = (not one.stages.isdisjoint(sort.outcome) for one in (before, after))
    if had != has:
        return (
            Change(ChangeKind.LOST, before=before.level, is_loss=True)
            if had
            else Change(ChangeKind.GAINED, after=after.level),
        )
    found = []
    lost, gained = before.stages - after.stages, after.stages - before.stages
    if had and before.level is not after.level:
        found.append(Change(ChangeKind.LEVEL, before.level, after.level))
    if lost or gained:
        is_loss = not lost.isdisjoint(sort.outcome)
        found.append(Change(ChangeKind.STAGES, stages_lost=lost, stages_gained=gained, is_loss=is_loss))
    has_bodies = had and min(before.level, after.level) >= Level.REQUEST
    if has_bodies and before.omit_managed_fields != after.omit_managed_fields:
        found.append(Change(ChangeKind.MANAGED_FIELDS, managed_fields=not after.omit_managed_fields))
    return tuple(found)


def effect(level: Level, omitted: frozenset[Stage], *, omit_managed_fields: bool, sort: Sort) -> Effect:
    """Give the events that a decision leaves for a sort of requests; equal ones are equal."""
    stages = frozenset[Stage]() if level is Level.NONE else sort.stages - omitted
    if not stages:
        return Effect(Level.NONE, frozenset(), omit_managed_fields=False)
    return Effect(level, stages, omit_managed_fields)
