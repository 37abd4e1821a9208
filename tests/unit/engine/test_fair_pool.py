"""The pool: every call is made, and accounts whose calls hang leave threads to the others."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future, wait

import pytest

from scanner.engine.fair_pool import FairPool


def test_results_and_errors_come_back() -> None:
    with FairPool(3) as pool, pool.account("a"):
        assert [pool.submit(divmod, number, 7).result(10) for number in range(50)] == [divmod(n, 7) for n in range(50)]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result(10)


def test_calls_without_an_account_are_made_too() -> None:
    with FairPool(2) as pool:
        assert pool.submit(len, "four").result(10) == 4


def test_an_account_whose_calls_hang_leaves_threads_to_the_others() -> None:
    answer = threading.Event()
    with FairPool(8) as pool:
        with pool.account("hangs"), pool.account("b"), pool.account("c"), pool.account("d"):
            pass
        openings = [pool.account(name) for name in ("b", "c", "d")]
        for opening in openings:
            opening.__enter__()
        with pool.account("hangs"):
            hanging = [pool.submit(answer.wait, 30) for _ in range(50)]
            with pool.account("fast"):
                done = [pool.submit(len, "four") for _ in range(100)]
                assert not wait(done, 10).not_done
            running = sum(future.running() for future in hanging)
            assert 1 <= running <= 4  # two shares of eight threads among five accounts
            answer.set()
            assert not wait(hanging, 10).not_done
        for opening in reversed(openings):
            opening.__exit__(None, None, None)


def test_what_waits_for_its_share_is_made_when_the_others_are_done() -> None:
    """The last account has all threads, though none of its calls ends to make room for the next one."""
    answer, started = threading.Event(), threading.Semaphore(0)

    def call() -> None:
        started.release()
        answer.wait(30)

    with FairPool(4) as pool:
        others = [pool.account(name) for name in "bcdefgh"]
        for other in others:
            other.__enter__()
        with pool.account("last"):
            futures = [pool.submit(call) for _ in range(4)]
            assert started.acquire(timeout=10)
            assert not started.acquire(timeout=0.05)  # one is its share among eight accounts
            for other in reversed(others):
                other.__exit__(None, None, None)
            for _ in range(3):
                assert started.acquire(timeout=10)
            answer.set()
            assert not wait(futures, 10).not_done


async def test_to_thread_runs_for_the_account_of_its_task() -> None:
    pool = FairPool(2)
    asyncio.get_running_loop().set_default_executor(pool)
    seen: list[set[str]] = []

    def call(name: str) -> int:
        seen.append(set(pool._lanes))
        return len(name)

    async def work(name: str) -> int:
        with pool.account(name):
            return await asyncio.create_task(asyncio.to_thread(call, name))

    assert tuple(await asyncio.gather(work("a"), work("bb"))) == (1, 2)
    assert set().union(*seen) == {"a", "bb"}
    pool.shutdown()
    assert pool._lanes == {}


def test_shutting_down_cancels_what_waits() -> None:
    answer = threading.Event()
    pool = FairPool(1)
    with pool.account("a"):
        running = pool.submit(answer.wait, 30)
        waiting: list[Future[int]] = [pool.submit(len, "x") for _ in range(5)]
        pool.shutdown(wait=False, cancel_futures=True)
        answer.set()
        assert running.result(10) is True
        for future in waiting:
            with pytest.raises(CancelledError):
                future.result(10)


def test_a_call_that_is_cancelled_is_not_made() -> None:
    answer = threading.Event()
    made: list[int] = []
    with FairPool(1) as pool:
        pool.submit(answer.wait, 30)
        cancelled = pool.submit(made.append, 1)
        assert cancelled.cancel()
        answer.set()
        assert pool.submit(len, "four").result(10) == 4
    assert made == []
