"""The estimate: from what is done, how long the rest takes; silence where that would be a guess."""

from __future__ import annotations

import pytest

from scanner.cli.estimate import Estimate, worded


class Clock:
    """Tells the time that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rest_takes_as_long_as_what_is_done() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.accounts_known(100, all_of_them=True)
    clock.now += 30
    for _ in range(25):
        estimate.account_done()
    assert estimate.seconds_left() == 90


def test_it_says_nothing_before_enough_is_known() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.accounts_known(10, all_of_them=False)
    clock.now += 10
    for _ in range(5):
        estimate.account_done()
    assert estimate.seconds_left() is None  # more may still be found
    estimate.accounts_known(20, all_of_them=True)
    assert estimate.seconds_left() == 30
    fresh = Estimate(clock)
    assert fresh.seconds_left() is None
    fresh.accounts_known(10, all_of_them=True)
    fresh.account_done()
    assert fresh.seconds_left() is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7380, "2 h 3 min")],
)
def test_a_time_is_worded_in_two_units(seconds: float, words: str) -> None:
    assert worded(seconds) == words
