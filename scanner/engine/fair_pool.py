"""The pool of threads for blocking calls, fair between accounts: one whose calls hang does not take every thread."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_SHARES: Final = 2
"""How many even shares of the threads an account may hold: free ones are used, and two that hang leave most of them."""

_ACCOUNT: ContextVar[str] = ContextVar("account", default="")


@dataclass(slots=True)
class _Lane:
    """The calls of one account: those that wait, and how many are made now; `is_open` while it is being read."""

    is_open: bool = False
    waiting: deque[tuple[Future[Any], Callable[[], Any]]] = field(default_factory=deque)
    running: int = 0


class FairPool(ThreadPoolExecutor):
    """Runs the calls of whichever account has the fewest under way; ``asyncio.to_thread`` needs to know nothing of it.

    A call belongs to the account in whose context it is submitted.
    """

    def __init__(self, threads: int) -> None:
        """Make a pool of at most so many threads."""
        super().__init__(threads, thread_name_prefix="call")
        self._threads_at_most = threads
        self._lanes: dict[str, _Lane] = {}
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def account(self, name: str) -> Iterator[None]:
        """Make the calls that are submitted within, and in tasks started within, this account's."""
        token = _ACCOUNT.set(name)
        with self._guard:
            self._lanes.setdefault(name, _Lane()).is_open = True
        try:
            yield
        finally:
            _ACCOUNT.reset(token)
            with self._guard:
                self._lanes[name].is_open = False
                self._drop_idle(name)
                waiting = sum(len(lane.waiting) for lane in self._lanes.values())
            # The shares of the others have grown, and a thread may be idle: as many as may be of use look again.
            for _ in range(min(waiting, self._threads_at_most)):
                with contextlib.suppress(RuntimeError):  # the pool is shut down: nothing is waited for any more
                    super().submit(self._work)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call behind those of its own account."""
        future: Future[T] = Future()
        with self._guard:
            lane = self._lanes.setdefault(_ACCOUNT.get(), _Lane())
            lane.waiting.append((future, lambda: fn(*args, **kwargs)))
        super().submit(self._work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as its base
        """End the pool; the calls that wait are cancelled on `cancel_futures`."""
        if cancel_futures:
            with self._guard:
                waiting = [future for lane in self._lanes.values() for future, _ in lane.waiting]
                for lane in self._lanes.values():
                    lane.waiting.clear()
            for future in waiting:
                future.cancel()
        super().shutdown(wait, cancel_futures=cancel_futures)

    def _work(self) -> None:
        """Make calls until none waits that may be made now."""
        while taken := self._take():
            name, future, call = taken
            try:
                if future.set_running_or_notify_cancel():
                    _settle(future, call)
            finally:
                with self._guard:
                    self._lanes[name].running -= 1
                    self._drop_idle(name)

    def _take(self) -> tuple[str, Future[Any], Callable[[], Any]] | None:
        """Take the next call of the account that has the fewest under way, if that is below its share."""
        with self._guard:
            waiting = [(lane.running, name) for name, lane in self._lanes.items() if lane.waiting]
            share = math.ceil(_SHARES * self._threads_at_most / max(1, len(self._lanes)))
            running, name = min(waiting, default=(share, ""), key=lambda one: one[0])
            if running >= share:
                return None
            lane = self._lanes.pop(name)
            self._lanes[name] = lane  # the last in turn among those that have as few
            lane.running += 1
            future, call = lane.waiting.popleft()
        return name, future, call

    def _drop_idle(self, name: str) -> None:
        """Forget an account that is no longer read and has no calls left."""
        lane = self._lanes[name]
        if not lane.is_open and not lane.waiting and not lane.running:
            del self._lanes[name]


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    """Make a call and hand its outcome on, whatever it is."""
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is raised where the call is awaited
        future.set_exception(error)
    else:
        future.set_result(result)
