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
        self._began = self._last_done = clock()
        self._under_way: dict[str, float] = {}
        self._longest = 0.0
        self.done = 0
        self.known = 0
        self._all_known = False

    def accounts_known(self, number: int, *, all_of_them: bool) -> None:
        """Take note of how many there are, so far or in all."""
        self.known = number
        self._all_known = all_of_them

    def account_started(self, name: str) -> None:
        """Take note that one is under way."""
        self._under_way[name] = self._clock()

    def account_done(self, name: str) -> None:
        """Take note that one is done."""
        self.done += 1
        self._last_done = self._clock()
        self._longest = max(self._longest, self._last_done - self._under_way.pop(name, self._last_done))

    def seconds_left(self) -> float | None:
        """Tell how many seconds the others will take; None where it is too early to tell, or one hangs.

        One that has taken longer than each that is done, and than the rest would take at the pace so far, says nothing
        of when it will end; nor does any where the rest should be done by now.
        """
        if not self._all_known or not self.done or self.done < min(_ENOUGH, self.known):
            return None
        if self.done >= self.known:
            return 0.0
        now = self._clock()
        left = (self._last_done - self._began) / self.done * self.known - (now - self._began)
        oldest = now - min(self._under_way.values(), default=now)
        hangs = oldest > max(self._longest, left)
        return None if left <= 0 or hangs else max(1.0, left)  # 0 is for the end


def worded(seconds: float) -> str:
    """Say a time in the two largest units that matter."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
