"""Shards: each account belongs to exactly one, the same in every process, and none has much more than its share."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.cli.shards import chosen_shard
from scanner.engine import Shard
from scanner.errors import UsageError


@settings(deadline=None)
@given(st.sets(st.text(max_size=12), max_size=60), st.integers(1, 9), st.randoms())
def test_accounts_of_the_configuration_are_dealt_out_evenly(names: set[str], count: int, random: Random) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)
    dealt = Shard(1, count).divide(shuffled)
    assert dealt == Shard(count, count).divide(sorted(names))
    sizes = Counter(dealt.values())
    assert set(dealt) == names
    assert all(1 <= number <= count for number in sizes)
    if names:
        assert max(sizes.values()) - min(sizes[number] for number in range(1, count + 1)) <= 1


def test_accounts_that_are_found_go_by_their_name_alone() -> None:
    names = [f"corp/{number:012}" for number in range(10_000)]
    sizes = Counter(Shard(1, 8).of(name) for name in names)
    assert set(sizes) == set(range(1, 9))
    assert all(abs(size - 1250) < 140 for size in sizes.values())  # four standard deviations
    assert Shard(1, 8).of("corp/111122223333") == Shard(5, 8).of("corp/111122223333") == 6


@pytest.mark.parametrize(
    ("argument", "environ", "shard"),
    [
        (None, {}, Shard(1, 1)),
        ("1/1", {}, Shard(1, 1)),
        ("3/8", {}, Shard(3, 8)),
        ("3/99999", {}, Shard(3, 99_999)),
        ("3/8", {"JOB_COMPLETION_INDEX": "0"}, Shard(3, 8)),
        (None, {"JOB_COMPLETION_INDEX": "0", "K8S_AUDIT_COVERAGE_SHARDS": "4"}, Shard(1, 4)),
        (None, {"AWS_BATCH_JOB_ARRAY_INDEX": "9", "AWS_BATCH_JOB_ARRAY_SIZE": "10"}, Shard(10, 10)),
        (None, {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1"}, Shard(1, 1)),
        (None, {"CLOUD_RUN_TASK_INDEX": "2", "CLOUD_RUN_TASK_COUNT": "3"}, Shard(3, 3)),
        (None, {"K8S_AUDIT_COVERAGE_SHARDS": "4"}, Shard(1, 1)),
    ],
)
def test_the_shard_comes_from_the_command_line_or_the_job_engine(
    argument: str | None, environ: dict[str, str], shard: Shard
) -> None:
    assert chosen_shard(argument, environ) == shard


@pytest.mark.parametrize(
    ("argument", "environ", "said"),
    [
        ("0/8", {}, "--shard: there is no shard 0 of 8 (the first is 1/N and the last N/N)"),
        ("9/8", {}, "--shard: there is no shard 9 of 8 (the first is 1/N and the last N/N)"),
        ("1/0", {}, "--shard: there is no shard 1 of 0 (the first is 1/N and the last N/N)"),
        ("1", {}, "--shard: '1' is no shard (write 1/8 for the first of eight)"),
        ("-1/8", {}, "--shard: '-1/8' is no shard (write 1/8 for the first of eight)"),
        (
            None,
            {"JOB_COMPLETION_INDEX": "0"},
            (
                "K8S_AUDIT_COVERAGE_SHARDS: is not set, though JOB_COMPLETION_INDEX is: this seems to be a Kubernetes "
                "Indexed Job (set it to the number of the job's tasks, or give --shard 1/1 to scan everything in each)"
            ),
        ),
        (
            None,
            {"CLOUD_RUN_TASK_INDEX": "x", "CLOUD_RUN_TASK_COUNT": "3"},
            "CLOUD_RUN_TASK_INDEX: 'x' is no whole number from 0 on (a Cloud Run job sets it to one; or give --shard)",
        ),
        (
            None,
            {"JOB_COMPLETION_INDEX": "-1", "K8S_AUDIT_COVERAGE_SHARDS": "3"},
            (
                "JOB_COMPLETION_INDEX: '-1' is no whole number from 0 on "
                "(a Kubernetes Indexed Job sets it to one; or give --shard)"
            ),
        ),
        (
            None,
            {"JOB_COMPLETION_INDEX": "0", "K8S_AUDIT_COVERAGE_SHARDS": "eight"},
            (
                "K8S_AUDIT_COVERAGE_SHARDS: 'eight' is no whole number from 0 on "
                "(set it to the number of the job's tasks)"
            ),
        ),
        (
            None,
            {"JOB_COMPLETION_INDEX": "0", "K8S_AUDIT_COVERAGE_SHARDS": "100000"},
            "K8S_AUDIT_COVERAGE_SHARDS: 100000 is too large (there are 99,999 shards at most)",
        ),
        ("1/100000", {}, "--shard: 100000 is too large (there are 99,999 shards at most)"),
        (
            None,
            {"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "3"},
            (
                "AWS_BATCH_JOB_ARRAY_INDEX and AWS_BATCH_JOB_ARRAY_SIZE: there is no shard 4 of 3 "
                "(the first is 1/N and the last N/N)"
            ),
        ),
    ],
)
def test_what_is_no_shard_is_refused(argument: str | None, environ: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        chosen_shard(argument, environ)
    assert str(refusal.value) == said
