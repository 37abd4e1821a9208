"""The places of the accounts that are read at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Place:
    """An account's place among those that are read at once, lent to others while all its calls wait."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        """Begin without a place."""
        self._places = places
        self._taking = asyncio.Lock()
        self._held = False
        self._ended = False
        self._calls = 0
        self._waiting = 0

    async def take(self) -> None:
        """Wait for a place, unless it has one, or needs none because the account has come to its end.

        The latter is met where something that outlives the account still calls through its limits: a place that it
        took then would never be given up.
        """
        async with self._taking:
            if not self._held and not self._ended:
                await self._places.acquire()
                self._held = True
            if self._ended:
                self.give()

    def give(self) -> None:
        """Give the place up, if it has one."""
        if self._held:
            self._held = False
            self._places.release()

    def end(self) -> None:
        """Give the place up for good."""
        self._ended = True
        self.give()

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Lend the place for as long as no other call of the account is made; have one again at the end."""
        self._waiting += 1
        self._lend_if_idle()
        try:
            yield
        finally:
            self._waiting -= 1
        await self.take()

    def call_began(self) -> None:
        """Keep the place until the call ends."""
        self._calls += 1

    def call_ended(self) -> None:
        """Lend the place if all other calls wait."""
        self._calls -= 1
        self._lend_if_idle()

    def _lend_if_idle(self) -> None:
        if self._waiting and not self._calls:
            self.give()
