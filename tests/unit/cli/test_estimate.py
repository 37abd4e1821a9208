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
    for number in range(25):
        estimate.account_done(f"a-{number}")
    assert estimate.seconds_left() == 90


def test_it_says_nothing_before_enough_is_known() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.accounts_known(10, all_of_them=False)
    clock.now += 10
    for number in range(5):
        estimate.account_done(f"a-{number}")
    assert estimate.seconds_left() is None  # more may still be found
    estimate.accounts_known(20, all_of_them=True)
    assert estimate.seconds_left() == 30
    fresh = Estimate(clock)
    assert fresh.seconds_left() is None
    fresh.accounts_known(10, all_of_them=True)
    fresh.account_done("a")
    assert fresh.seconds_left() is None


def test_it_counts_down_and_ends_where_the_rest_should_be_done() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.accounts_known(8, all_of_them=True)
    for number in range(4):
        clock.now += 10
        estimate.account_done(f"a-{number}")
    assert estimate.seconds_left() == 40
    clock.now += 15
    assert estimate.seconds_left() == 25
    clock.now += 24.5
    assert estimate.seconds_left() == 1  # 0 is for the end
    clock.now += 0.5
    assert estimate.seconds_left() is None
    for number in range(4):
        estimate.account_done(f"b-{number}")
    assert estimate.seconds_left() == 0


def test_one_that_hangs_makes_it_say_nothing() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.accounts_known(19, all_of_them=True)
    estimate.account_started("hangs")
    for number in range(10):
        estimate.account_started(f"a-{number}")
        clock.now += 2
        estimate.account_done(f"a-{number}")
    assert estimate.seconds_left() is None  # the rest would take 18 s, and it has taken 20 s already
    estimate.account_done("hangs")
    assert estimate.seconds_left() == pytest.approx(20 / 11 * 8)


def test_one_that_takes_longer_does_not_matter_where_the_rest_takes_longer_still() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.accounts_known(1000, all_of_them=True)
    estimate.account_started("large")
    for number in range(10):
        clock.now += 2
        estimate.account_done(f"a-{number}")
    assert estimate.seconds_left() == 1980


def test_the_last_one_is_waited_for_as_long_as_the_others_took() -> None:
    clock = Clock()
    estimate = Estimate(clock)
    estimate.accounts_known(4, all_of_them=True)
    for number in range(3):
        estimate.account_started(f"a-{number}")
        clock.now += 10
        estimate.account_done(f"a-{number}")
    estimate.account_started("last")
    clock.now += 7
    assert estimate.seconds_left() == 3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7380, "2 h 3 min")],
)
def test_a_time_is_worded_in_two_units(seconds: float, words: str) -> None:
    assert worded(seconds) == words
