"""How long a scan still takes, as far as can be told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_ENOUGH: Final = 3
"""Accounts that must be done before the time of one says something about the others."""


class Estimate:
    """Counts accounts, and tells from the time that they took how long the others will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now."""
        self._clock = clock
        self._began = clock()
        self.done = 0
        self.known = 0
        self._all_known = False

    def accounts_known(self, number: int, *, all_of_them: bool) -> None:
        """Take note of how many there are, so far or in all."""
        self.known = number
        self._all_known = all_of_them

    def account_done(self) -> None:
        """Take note that one is done."""
        self.done += 1

    def seconds_left(self) -> float | None:
        """Tell how many seconds the others will take; None where it is too early to tell."""
        if not self._all_known or self.done < min(_ENOUGH, self.known):
            return None
        return (self._clock() - self._began) / self.done * max(0, self.known - self.done) if self.done else None


def worded(seconds: float) -> str:
    """Say a time in the two largest units that matter."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
