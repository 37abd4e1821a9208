"""Which shard of all accounts this process scans: ``--shard I/N``, or what a job engine says of its own tasks."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from scanner.engine import Shard
from scanner.errors import UsageError

SHARDS_VARIABLE: Final = "K8S_AUDIT_COVERAGE_SHARDS"
_MOST: Final = 99_999
"""As many as the names of partial reports have room for."""


class _Engine(NamedTuple):
    """A job engine: the variables with a task's index, which begins with 0, and with how many tasks there are."""

    title: str
    task: str
    tasks: str


_ENGINES: Final = (
    # https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
    # It tells the index only, hence a count of our own.
    _Engine("a Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", SHARDS_VARIABLE),
    # https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
    _Engine("an AWS Batch array job", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
    # https://cloud.google.com/run/docs/container-contract#jobs-env-vars
    _Engine("a Cloud Run job", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
)


def chosen_shard(argument: str | None, environ: Mapping[str, str] = os.environ) -> Shard:
    """Read ``--shard``, or else the environment; the whole where neither says anything.

    Raises:
        UsageError: There is no such shard, or only half of what is needed to know which.
    """
    if argument is not None:
        match = re.fullmatch(r"(\d+)/(\d+)", argument, re.ASCII)
        if not match:
            raise UsageError(f"{argument!r} is no shard", where="--shard", hint="write 1/8 for the first of eight")
        return _shard(_whole(match[1], "--shard"), _whole(match[2], "--shard"), "--shard")
    engine = next((one for one in _ENGINES if one.task in environ), None)
    if engine is None:
        return Shard()
    index, count = (_number(engine, name, environ) for name in (engine.task, engine.tasks))
    return _shard(index + 1, count, f"{engine.task} and {engine.tasks}")


def _number(engine: _Engine, name: str, environ: Mapping[str, str]) -> int:
    """Read one of a job engine's variables."""
    value = environ.get(name)
    if value is None:
        hint = "set it to the number of the job's tasks, or give --shard 1/1 to scan everything in each"
        raise UsageError(f"is not set, though {engine.task} is: this seems to be {engine.title}", where=name, hint=hint)
    if not re.fullmatch(r"\d+", value, re.ASCII):
        hint = f"{engine.title} sets it to one; or give --shard"
        if name == SHARDS_VARIABLE:
            hint = "set it to the number of the job's tasks"
        raise UsageError(f"{value!r} is no whole number from 0 on", where=name, hint=hint)
    return _whole(value, name)


def _whole(digits: str, where: str) -> int:
    """Read a number; UsageError where it is larger than any number of shards."""
    if len(digits) > len(str(_MOST)):
        raise UsageError(f"{digits} is too large", where=where, hint=f"there are {_MOST:,} shards at most")
    return int(digits)


def _shard(number: int, count: int, where: str) -> Shard:
    if not 1 <= number <= count:
        raise UsageError(
            f"there is no shard {number} of {count}", where=where, hint="the first is 1/N and the last N/N"
        )
    return Shard(number, count)
