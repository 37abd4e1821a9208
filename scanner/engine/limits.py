"""How many calls go to one place at a time: as many as it takes, learned from where it says that there are too many.

The rule is TCP's (additive increase, multiplicative decrease; RFC 5681): a window of calls in flight for each key,
halved when a call is throttled, and one more for each window of calls that were not. After a throttled call the key
also pauses, longer each time in a row, with some chance in it so that calls that were stopped together do not go on
together.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

from scanner.engine.places import Place
from scanner.errors import Throttled
from scanner.model import ScanSettings
from scanner.ports import Waits

T = TypeVar("T")

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 20.0
"""Seconds; as long as boto3's own longest backoff."""

LONGEST_ASKED_FOR: Final = 300.0
"""Seconds; a cloud that asks for more than this with ``Retry-After`` is asked again all the same."""

_SPREAD: Final = 0.25
_REMEMBERED: Final = 4096


class Windows:
    """What is known of every key of a run; keys at which nothing happens are forgotten."""

    def __init__(self, scan: ScanSettings) -> None:
        """Begin with every window as wide as all calls together."""
        self.scan = scan
        self.calls = asyncio.Semaphore(scan.max_calls)
        self._windows: dict[str, Window] = {}

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._windows)

    def get(self, key: str) -> Window:
        """Give a key's window; where very many are remembered, those at which nothing happens are forgotten first."""
        if len(self._windows) > _REMEMBERED:
            self._windows = {name: window for name, window in self._windows.items() if not window.is_idle}
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(self.scan.max_calls)
        return window

    def forget(self, key: str) -> None:
        """Drop a key of which nothing needs to be remembered: 10,000 accounts have 170,000 regions."""
        window = self._windows.get(key)
        if window and window.is_idle and window.is_wide:
            del self._windows[key]


class Window:
    """The calls to one key. Its pauses and its size last beyond the calls that caused them."""

    def __init__(self, most: int) -> None:
        """Let at most so many calls be in flight."""
        self.size = float(most)
        self.in_flight = 0
        self._most = most
        self._pause = FIRST_PAUSE
        self._goes_on = 0.0
        self._cut = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_open(self) -> bool:
        """Whether a call may be made now; one that is as wide as it gets leaves that to the limit on all calls."""
        return (self.size >= self._most or self.in_flight < self.size) and self.pauses_for <= 0

    @property
    def is_overfull(self) -> bool:
        """Whether one of the calls in flight has to wait all the same: with the others alone it would not be open."""
        return (self.size < self._most and self.in_flight - 1 >= self.size) or self.pauses_for > 0

    @property
    def pauses_for(self) -> float:
        """For how many more seconds no call may be made."""
        return self._goes_on - time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether no call is made or waits, and none would have to."""
        return not self.in_flight and not self._waiting and self.pauses_for <= 0

    @property
    def is_wide(self) -> bool:
        """Whether it is as wide as it gets."""
        return self.size >= self._most

    async def opened(self) -> None:
        """Wait until a call may be made."""
        while not self.is_open:
            if self.pauses_for > 0:
                await asyncio.sleep(self.pauses_for)
                continue
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self.passed_on()  # the turn may have come already
                raise
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)

    def passed_on(self) -> None:
        """Let another call have a turn that came and is not taken."""
        self._wake()

    def left(self) -> None:
        """Take note that a call is over."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self) -> None:
        """Widen the window a little, and shorten the next pause."""
        self.size = min(self._most, self.size + 1 / self.size)
        self._pause = max(FIRST_PAUSE, self._pause / 2)

    def throttled(self, began: float, asked_for: float | None) -> None:
        """Narrow the window and pause; calls that were in flight together do so once together."""
        now = time.monotonic()
        if began >= self._cut:
            self._cut = now
            self.size = max(1.0, self.size / 2)
            pause = self._pause * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - spreads load, hides nothing
            self._goes_on = max(self._goes_on, now + pause)
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
        if asked_for is not None:
            self._goes_on = max(self._goes_on, now + min(asked_for, LONGEST_ASKED_FOR))

    def _wake(self) -> None:
        """Wake as many as there is room for."""
        for _ in range(min(len(self._waiting), max(0, int(self.size) - self.in_flight))):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


class AccountLimits:
    """The limits as one account sees them: `scanner.ports.Limits`."""

    def __init__(self, windows: Windows, place: Place, waits: Waits) -> None:
        """Share the windows with other accounts; while all calls wait, lend the place to them."""
        self._windows = windows
        self._place = place
        self._waits = waits

    def of(self, key: str) -> AbstractAsyncContextManager[None]:
        """Give what one call to a key is to be made in."""
        return _Turn(self._windows, self._place, self._waits, key)

    async def call(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """Make one call within the key's limit, again while it is throttled."""
        for _ in range(self._windows.scan.retries):
            with contextlib.suppress(Throttled):
                async with self.of(key):
                    return await make()
        async with self.of(key):
            return await make()


class _Turn:
    """One call's turn. Written out, because the standard library's way with a generator costs more than the call."""

    __slots__ = ("_began", "_key", "_place", "_waits", "_window", "_windows")

    def __init__(self, windows: Windows, place: Place, waits: Waits, key: str) -> None:
        """Have no turn yet."""
        self._windows = windows
        self._place = place
        self._waits = waits
        self._key = key

    async def __aenter__(self) -> None:
        """Wait for the turn, the account's place lent to others meanwhile."""
        window = self._window = self._windows.get(self._key)
        while True:
            while not window.is_open:
                await self._opened(window)
            window.in_flight += 1
            try:
                await self._windows.calls.acquire()
            except BaseException:
                self._leave()
                raise
            if not window.is_overfull:
                break
            # It was narrowed while this call waited behind those to other places.
            self._windows.calls.release()
            window.left()
        self._began = time.monotonic()
        self._place.call_began()

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """End it, and learn from how the call went."""
        self._place.call_ended()
        self._windows.calls.release()
        if error is None:
            self._window.succeeded()
        elif isinstance(error, Throttled):
            self._window.throttled(self._began, error.retry_after)
        self._leave()

    async def _opened(self, window: Window) -> None:
        """Wait until the window may be open."""
        self._waits(f"{self._key}: its turn")
        try:
            async with self._place.lent():
                await window.opened()
        except asyncio.CancelledError:
            window.passed_on()  # the turn may have come, and not the place
            raise

    def _leave(self) -> None:
        """Let the next call have its turn."""
        self._window.left()
        self._windows.forget(self._key)
