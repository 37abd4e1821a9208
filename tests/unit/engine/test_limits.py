"""Limits: what throttles is asked less, and what does not is asked as before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from scanner.engine.limits import FIRST_PAUSE, AccountLimits, Window, Windows
from scanner.engine.places import Place
from scanner.errors import PermissionDenied, Throttled
from scanner.model import ScanSettings
from scanner.ports import Unlimited


class Service:
    """A service that takes so many calls at once and throttles the others."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.now = 0
        self.most = 0
        self.throttled = 0
        self.answered = 0

    async def call(self) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.001)
            if self.now > self.at_once:
                self.throttled += 1
                raise Throttled("slow down", where="eks:ListClusters", retry_after=0.0)
            self.answered += 1
            return "answer"
        finally:
            self.now -= 1


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("scanner.engine.limits.FIRST_PAUSE", 0.002)
    monkeypatch.setattr("scanner.engine.limits.LONGEST_PAUSE", 0.02)
    return iter(())


def limits(windows: Windows | None = None, *, places: int = 1, **settings: int) -> AccountLimits:
    """Build the limits of one account that has its place."""
    shared = Windows(ScanSettings(**settings)) if windows is None else windows
    return AccountLimits(shared, Place(asyncio.Semaphore(places)), lambda _: None)


async def test_a_service_that_throttles_is_asked_until_all_is_answered() -> None:
    service = Service(at_once=3)
    of_account = limits(max_calls=64, retries=20)
    answers = await asyncio.gather(*(of_account.call("aws:1:eu-west-1", service.call) for _ in range(200)))
    assert answers == ["answer"] * 200
    assert service.answered == 200
    assert service.most <= 64


async def test_the_window_halves_for_a_burst_once_and_widens_by_one_for_each_window_of_calls() -> None:
    window = Window(32)
    began = time.monotonic()
    for _ in range(32):
        window.throttled(began, None)
    assert window.size == 16
    for _ in range(16):
        window.succeeded()
    assert 16.9 < window.size <= 17
    window.throttled(time.monotonic(), None)
    assert 8.4 < window.size <= 8.5
    for _ in range(10):
        window.throttled(time.monotonic(), None)
    assert window.size == 1
    for _ in range(2000):
        window.succeeded()
    assert window.size == 32


async def test_a_pause_lasts_as_long_as_the_cloud_asks_but_not_for_hours() -> None:
    window = Window(4)
    window.throttled(time.monotonic(), 5.0)
    assert 4 < window.pauses_for <= 5
    window.throttled(time.monotonic(), 86_400.0)
    assert 299 < window.pauses_for <= 300
    assert not window.is_open


async def test_pauses_grow_while_calls_are_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.engine.limits.FIRST_PAUSE", FIRST_PAUSE)
    monkeypatch.setattr("scanner.engine.limits.LONGEST_PAUSE", 20.0)
    window = Window(4)
    began = time.monotonic()
    pauses = []
    for _ in range(8):
        window.throttled(time.monotonic(), None)
        pauses.append(window._goes_on)
    pauses = [pause - began for pause in pauses]
    assert FIRST_PAUSE * 0.7 < pauses[0] <= FIRST_PAUSE * 1.25
    assert 15 <= pauses[-1] <= 25
    assert pauses == sorted(pauses)


async def test_one_key_that_throttles_holds_back_no_other() -> None:
    windows = Windows(ScanSettings(max_calls=8, retries=0))
    slow, fast = limits(windows), limits(windows)
    with pytest.raises(Throttled):
        await slow.call("slow", _throttled)
    windows.get("slow").throttled(time.monotonic(), 60.0)
    waiting = [asyncio.create_task(slow.call("slow", _answer)) for _ in range(20)]
    await asyncio.sleep(0)
    assert [await fast.call("fast", _answer) for _ in range(20)] == ["answer"] * 20
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_calls_behind_those_to_other_places_keep_a_pause_that_began_meanwhile() -> None:
    """While its window is wide, a place's calls wait for the limit on all calls; a refusal holds these back, too."""
    windows = Windows(ScanSettings(max_calls=2, retries=0))
    of_account = limits(windows)
    calls: list[float] = []
    go_on = asyncio.Event()

    async def refused() -> None:
        await go_on.wait()
        raise Throttled("slow down", where="x", retry_after=0.3)

    async def answered() -> None:
        calls.append(time.monotonic())

    first = asyncio.create_task(of_account.call("key", refused))
    other = asyncio.create_task(of_account.call("other", go_on.wait))
    await asyncio.sleep(0)
    behind = [asyncio.create_task(of_account.call("key", answered)) for _ in range(6)]
    await asyncio.sleep(0.01)
    refusal = time.monotonic()
    go_on.set()
    await asyncio.wait([first, other, *behind])
    assert isinstance(first.exception(), Throttled)
    assert len(calls) == len(behind)
    assert min(calls) >= refusal + 0.29
    assert windows.get("key").in_flight == 0
    assert not windows.calls.locked()


async def test_the_last_refusal_is_raised_and_other_errors_at_once() -> None:
    tries = 0

    async def refused() -> None:
        nonlocal tries
        tries += 1
        raise Throttled("slow down", where="x")

    async def denied() -> None:
        nonlocal tries
        tries += 1
        raise PermissionDenied("no", where="x")

    of_account = limits(retries=3)
    with pytest.raises(Throttled):
        await of_account.call("key", refused)
    assert tries == 4
    with pytest.raises(PermissionDenied):
        await of_account.call("other", denied)
    assert tries == 5


async def test_no_more_calls_are_in_flight_than_all_together_may() -> None:
    service = Service(at_once=1000)
    windows = Windows(ScanSettings(max_calls=5))
    calls = [limits(windows).call(f"key-{number % 7}", service.call) for number in range(60)]
    await asyncio.gather(*calls)
    assert service.most == 5


async def test_keys_are_forgotten_once_nothing_is_to_be_remembered_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(ScanSettings(max_calls=4, retries=0))
    for number in range(100):
        await limits(windows).call(f"calm-{number}", _answer)
    assert len(windows) == 0
    monkeypatch.setattr("scanner.engine.limits._REMEMBERED", 10)
    for number in range(100):
        with pytest.raises(Throttled):
            await limits(windows).call(f"throttled-{number}", _throttled)
        await asyncio.sleep(0.003)
    assert len(windows) <= 12


async def test_a_call_that_is_cancelled_while_it_waits_takes_no_turn() -> None:
    windows = Windows(ScanSettings(max_calls=1))
    of_account = limits(windows)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def holding() -> str:
        entered.set()
        await leave.wait()
        return "first"

    first = asyncio.create_task(of_account.call("key", holding))
    await entered.wait()
    cancelled, last = (asyncio.create_task(of_account.call("key", _answer)) for _ in range(2))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await asyncio.wait_for(last, 5) == "answer"
    assert await first == "first"
    assert len(windows) == 0


async def test_a_place_is_lent_while_all_calls_wait_and_taken_back_before_the_next() -> None:
    places = asyncio.Semaphore(1)
    windows = Windows(ScanSettings(max_calls=4, retries=5))
    paused, other = Place(places), Place(places)
    await paused.take()
    windows.get("key").throttled(time.monotonic(), 0.05)
    waiting = asyncio.create_task(AccountLimits(windows, paused, lambda _: None).call("key", _answer))
    await asyncio.wait_for(other.take(), 5)
    assert not waiting.done()
    await asyncio.sleep(0.1)
    assert not waiting.done()  # its turn has come, but the place is the other's
    other.give()
    other.give()  # giving twice gives one place
    assert await asyncio.wait_for(waiting, 5) == "answer"
    assert places.locked()


async def test_a_place_is_kept_while_one_call_is_made() -> None:
    places = asyncio.Semaphore(1)
    place = Place(places)
    await place.take()
    place.call_began()
    async with place.lent():
        assert places.locked()
    place.call_ended()
    assert places.locked()


async def test_without_limits_a_call_is_made_once() -> None:
    unlimited = Unlimited()
    assert await unlimited.call("key", _answer) == "answer"
    async with unlimited.of("key"):
        pass
    with pytest.raises(Throttled):
        await unlimited.call("key", _throttled)


async def _answer() -> str:
    return "answer"


async def _throttled() -> str:
    raise Throttled("slow down", where="eks:ListClusters")


async def test_a_turn_that_comes_to_a_call_which_is_cancelled_before_it_has_its_place_is_the_next_ones() -> None:
    windows = Windows(ScanSettings(max_calls=8))
    windows.get("key").size = 1.0
    places = asyncio.Semaphore(1)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def holding() -> str:
        entered.set()
        await leave.wait()
        return "first"

    first = asyncio.create_task(limits(windows).call("key", holding))
    await entered.wait()
    without_place = asyncio.create_task(AccountLimits(windows, Place(places), lambda _: None).call("key", _answer))
    last = asyncio.create_task(limits(windows).call("key", _answer))
    await places.acquire()
    leave.set()
    await first
    await asyncio.sleep(0.01)
    assert not without_place.done()
    without_place.cancel()
    assert await asyncio.wait_for(last, 10) == "answer"


async def test_an_account_that_has_ended_takes_no_place_again() -> None:
    """Something that outlives it may still call through its limits: the place would never be given up."""
    places = asyncio.Semaphore(1)
    ended, other = Place(places), Place(places)
    await ended.take()
    ended.end()
    async with ended.lent():
        pass
    assert not places.locked()
    await other.take()
    late = Place(places)
    waiting = asyncio.create_task(late.take())
    await asyncio.sleep(0)
    late.end()
    other.end()
    await asyncio.wait_for(waiting, 10)
    assert not places.locked()
