"""How soon the command answers when it has nothing to read, and that it loads no cloud SDK for it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROUNDS: Final = 7
MOST: Final = 0.3
SDKS: Final = ("boto3", "botocore", "google", "azure", "aiohttp")
_CONFIGURATION: Final = Path(__file__).parents[2] / "config.example.toml"


def main() -> bool:
    """Time the commands, print their figures, and say whether the targets are met."""
    met = True
    for arguments in (["--version"], ["config", "check", str(_CONFIGURATION)]):
        seconds = statistics.median(_seconds(arguments) for _ in range(ROUNDS))
        loaded = _sdks(arguments)
        words = " ".join(Path(argument).name for argument in arguments)
        print(f"startup: {words:36} {seconds:5.2f} s (median of {ROUNDS}, at most {MOST}); SDKs: {loaded or 'none'}")
        met = met and seconds <= MOST and not loaded
    return met


def _seconds(arguments: Sequence[str]) -> float:
    """Time one run."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "scanner", *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - our own module
    return time.perf_counter() - began


def _sdks(arguments: Sequence[str]) -> str:
    """Name the SDKs that a run imports, by Python's own account of it."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-X", "importtime", "-m", "scanner", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    return ", ".join(sdk for sdk in SDKS if sdk in imported)
