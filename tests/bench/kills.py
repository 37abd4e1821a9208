"""Fifty kills at random moments, each followed by ``--resume``: the report must be that of an undisturbed scan.

Once with files that are read in place, and once with AWS accounts and organisations over an emulator.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.e2e.kills import killed_again_and_again, many_accounts, undisturbed
from tests.e2e.storms import eks
from tests.e2e.storms.sky import write_configuration
from tests.unit.cli.test_shards_and_merge import but_for_the_run

KILLS: Final = 50
SEED: Final = 7


def main() -> bool:
    """Kill and resume, print what came of it, and say whether the reports are the same."""
    with TemporaryDirectory() as folder:
        files = _of_files(Path(folder))
    with TemporaryDirectory() as folder:
        return _of_aws(Path(folder)) and files


def _of_files(base: Path) -> bool:
    """Kill scans of manifests."""
    return _same_report("files", base, many_accounts(base), os.environ, frozenset())


def _of_aws(base: Path) -> bool:
    """Kill scans of AWS; which accounts an organisation has is asked anew in every run."""
    with eks.sky(base) as sky:
        places = [sky.add(shape, number) for number, shape in enumerate([*sky.shapes] * 8, start=1)]
        config = write_configuration(sky, base / "given", places)
        again = frozenset(place.name for place in places if place.table.startswith("[[organization]]"))
        return _same_report("AWS", base, config, os.environ | sky.environment, again)


def _same_report(what: str, base: Path, config: str, environment: Mapping[str, str], again: AbstractSet[str]) -> bool:
    """Kill and resume scans of a configuration; `again` names what every run may begin anew."""
    undisturbed(config, base / "calm", environment)
    survived = killed_again_and_again(config, base / "killed", KILLS, SEED, environment)
    same = but_for_the_run(base / "calm") == but_for_the_run(base / "killed")
    twice = [one for one in survived.finished_again if one not in again]
    print(
        f"kills, {what}: {survived.kills} kills in {survived.runs} runs; scanned again though finished: "
        f"{len(twice)}; report {'the same' if same else 'another one'}"
    )
    return same and not twice and survived.kills == KILLS
