"""A storm of faults over every cloud: whom it misses is reported as on a calm day, byte for byte; whom it hits, unknown.

Which calls there are is not written down here: a calm scan says it, and each call that it made meets each fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.storms import eks
from tests.e2e.storms.sky import Place, Row, Scanned, Skies, Sky, passes_on, scan, unknowns
from tests.unit.cli.test_commands import Run, run

__all__ = ["run"]  # the fixture

CLOUDS: dict[str, Skies] = {"eks": eks.sky}
Struck = dict[tuple[str, str, str], Place]


@pytest.fixture(params=CLOUDS)
def sky(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sky]:
    with CLOUDS[request.param](tmp_path) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def test_a_storm_changes_no_finding_of_whom_it_misses_and_lets_nobody_pass_whom_it_hits(
    run: Run, sky: Sky, tmp_path: Path
) -> None:
    numbers = count(1)
    calm = {shape: sky.add(shape, next(numbers)) for shape in sky.shapes}
    before = scan(run, sky, tmp_path / "calm", calm.values())
    made = {shape: sky.calls(place) for shape, place in calm.items()}
    assert frozenset().union(*made.values()) >= sky.named, "calls that a calm scan does not make"
    struck = strike_everything(sky, made, numbers)
    troubled = {name: sky.add(trouble.shape, next(numbers)) for name, trouble in sky.troubles.items()}
    for name, place in troubled.items():
        sky.troubles[name].happen(place)
    after = scan(run, sky, tmp_path / "stormy", [*calm.values(), *struck.values(), *troubled.values()])
    for place in calm.values():
        assert json.dumps(place.rows(after.accounts), indent=2) == json.dumps(place.rows(before.accounts), indent=2)
        assert "PASS" in {row["status"] for row in place.rows(after.accounts)}, place.name
    wrong = [f"{one}: {why}" for one, place in struck.items() for why in complaints(sky, one, place, after.accounts)]
    assert not wrong, "\n".join(wrong)
    for name, place in troubled.items():
        [row, *_] = place.rows(after.accounts)
        assert row["status"] == sky.troubles[name].expected, name
        assert sky.troubles[name].words in json.dumps(row), name
    assert_no_secret(sky, before, after)


def strike_everything(sky: Sky, made: dict[str, Set[str]], numbers: Iterator[int]) -> Struck:
    """Let each call that is made for a place of each shape meet each fault, in a place of its own."""
    struck = {}
    for shape, calls in made.items():
        for call in sorted(calls):
            for fault in sky.faults(call):
                place = struck[shape, call, fault] = sky.add(shape, next(numbers))
                sky.strike(place, call, fault)
    return struck


def complaints(sky: Sky, one: tuple[str, str, str], place: Place, accounts: dict[str, Row]) -> Iterator[str]:
    """Say what is wrong with how a place is reported that was struck."""
    shape, call, _fault = one
    rows = place.rows(accounts)
    if call not in sky.calls(place):
        yield "the call was not made"
    said = [told for row in rows for told in unknowns(row) if sky.word(call) in json.dumps(told)]
    if not said:
        yield f"nothing says that {sky.word(call)} is why something is unknown"
    if any(told.get("whole_account") is not None and not (told["hint"] or told["permission"]) for told in said):
        yield "a failure does not say what to do"
    if found := [where for row in rows for where in passes_on(row, sky.word(call))]:
        yield f"is ok by what was not read: {found}"
    passed = "UNKNOWN" not in {row["status"] for row in rows}
    if passed and call not in sky.beside:
        yield f"is {[row['status'] for row in rows]} though a {shape} depends on the call"


def assert_no_secret(sky: Sky, *scans: Scanned) -> None:
    secrets = [*sky.secrets()]
    assert secrets
    for one in scans:
        assert [secret for secret in secrets if secret in one.written] == []
