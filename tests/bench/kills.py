"""Fifty kills at random moments, each followed by ``--resume``: the report must be that of an undisturbed scan."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.e2e.kills import killed_again_and_again, many_accounts, undisturbed
from tests.unit.cli.test_shards_and_merge import but_for_the_run

KILLS: Final = 50
SEED: Final = 7


def main() -> bool:
    """Kill and resume, print what came of it, and say whether the reports are the same."""
    with TemporaryDirectory() as folder:
        base = Path(folder)
        config = many_accounts(base)
        undisturbed(config, base / "calm")
        survived = killed_again_and_again(config, base / "killed", KILLS, SEED)
        same = but_for_the_run(base / "calm") == but_for_the_run(base / "killed")
    print(
        f"kills: {survived.kills} kills in {survived.runs} runs; scanned again though finished: "
        f"{len(survived.finished_again)}; report {'the same' if same else 'another one'}"
    )
    return same and not survived.finished_again and survived.kills == KILLS
