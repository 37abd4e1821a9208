"""Kills a scan at random moments, again and again, and goes on with it each time."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.cli.test_commands import cluster, configuration

REPOSITORY = Path(__file__).resolve().parents[2]
ACCOUNTS = 24


@dataclass(slots=True)
class Survived:
    """What a scan that was killed went through; `finished_again` names accounts that were scanned after their end."""

    kills: int = 0
    runs: int = 0
    finished_again: list[str] = field(default_factory=list)


def many_accounts(folder: Path) -> str:
    """Lay out accounts of all sorts, one after the other in one scan, and give the configuration."""
    names = [f"account-{number:02}" for number in range(ACCOUNTS)]
    for number, name in enumerate(names):
        if number % 5:  # the others have no files, which is a result too
            cluster(folder, name, good=number % 3 != 0)
    return configuration(folder, *names, head="[scan]\nconcurrency = 2\n")


def command(config: str, output: Path, *more: str) -> list[str]:
    """Give the command of a scan that may be resumed."""
    return [sys.executable, "-m", "scanner", "scan", "--config", config, "--output", str(output), *more]


def undisturbed(config: str, output: Path, environment: Mapping[str, str] | None = None) -> None:
    """Scan in one go; in this process' environment unless another one is given."""
    subprocess.run(  # noqa: S603 - our own command
        command(config, output), cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL, check=False
    )


def killed_again_and_again(
    config: str, output: Path, kills: int, seed: int, environment: Mapping[str, str] | None = None
) -> Survived:
    """Scan, killing the process `kills` times as soon as its journal has grown by a random part of what is left.

    Where the scan is done before all kills, it is begun anew for the others.
    """
    chance = random.Random(seed)  # noqa: S311 - for moments that can be had again
    survived = Survived()
    finished: set[str] = set()
    journal = output / "journal.jsonl"
    output.mkdir()
    while True:
        survived.runs += 1
        size = journal.stat().st_size if journal.exists() else 0
        if size == 0:
            finished.clear()
        target = size + chance.randrange(1, 40_000)
        log = output / "log"
        with (
            log.open("w") as stderr,
            subprocess.Popen(  # noqa: S603 - our own command
                command(config, output, "--resume"), cwd=REPOSITORY, env=environment, stderr=stderr
            ) as process,
        ):
            if survived.kills < kills and _grows(journal, target, process, chance):
                process.send_signal(signal.SIGKILL)
                survived.kills += process.wait() == -signal.SIGKILL
        _note(log, finished, survived)
        if survived.kills == kills and process.returncode >= 0:
            return survived


def _grows(journal: Path, target: int, process: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Wait until the journal is that long; False where the process ends before."""
    while process.poll() is None:
        if journal.exists() and journal.stat().st_size >= target:
            time.sleep(chance.uniform(0, 0.005))
            return process.poll() is None
        time.sleep(0.0005)
    return False


def _note(log: Path, finished: set[str], survived: Survived) -> None:
    """Take note of what a run finished, and of what it scanned though that was finished."""
    for line in log.read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the line that it was killed in
        if event["event"] == "account_started" and event["account"] in finished:
            survived.finished_again.append(event["account"])
        elif event["event"] == "account_finished":
            finished.add(event["account"])
    log.unlink()
