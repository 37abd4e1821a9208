"""A storm of faults over every cloud: whom it misses is reported as on a calm day, whom it hits is unknown.

Which calls there are is not written down here: a calm scan says it, and each call that it made meets each fault.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import count, cycle
from pathlib import Path

import pytest

from tests.e2e.kills import killed_again_and_again, undisturbed
from tests.e2e.storms import aks, eks, gke, live
from tests.e2e.storms.sky import HALF_READ, Place, Row, Scanned, Skies, Sky, passes_on, scan, write_configuration
from tests.unit.cli.test_commands import Run, run
from tests.unit.cli.test_shards_and_merge import but_for_the_run

__all__ = ["run"]  # the fixture

CLOUDS: dict[str, Skies] = {"aks": aks.sky, "eks": eks.sky, "gke": gke.sky, "live": live.sky}
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
    for place in calm.values():
        assert {row["status"] for row in place.rows(before.accounts)} <= {"PASS", "SKIP"}, place.name
    made = {shape: sky.calls(place) for shape, place in calm.items()}
    assert sky.methods(frozenset().union(*made.values())) >= sky.named, "calls that a calm scan does not make"
    struck = strike_everything(sky, made, numbers)
    troubled = {name: sky.add(trouble.shape, next(numbers)) for name, trouble in sky.troubles.items()}
    for name, place in troubled.items():
        sky.troubles[name].happen(place)
    after = scan(run, sky, tmp_path / "stormy", [*calm.values(), *struck.values(), *troubled.values()])
    for place in calm.values():
        assert [row["failures"] for row in place.rows(after.accounts)] == [
            row["failures"] for row in place.rows(before.accounts)
        ]
        assert json.dumps(place.rows(after.accounts), indent=2) == json.dumps(place.rows(before.accounts), indent=2)
    usual = {text for place in calm.values() for _, text in place.unknowns(before.accounts)}
    wrong = [
        f"{one}: {why}"
        for one, place in struck.items()
        for why in (
            *complaints(sky, one, place, after.accounts, usual),
            *losses(sky, one, shown(calm[one[0]], before.accounts), shown(place, after.accounts), place),
        )
    ]
    assert not wrong, "\n".join(wrong)
    for name, place in troubled.items():
        [row, *_] = place.rows(after.accounts)
        assert row["status"] == sky.troubles[name].expected, name
        assert sky.troubles[name].words in json.dumps(row), name
    assert_no_secret(sky, before, after)


def test_shards_in_a_storm_make_the_report_of_one_scan(run: Run, sky: Sky, tmp_path: Path) -> None:
    """Byte for byte, but for the run's own data, with each call of each shape denied once or failing at the cloud."""
    numbers = count(1)
    calm = [sky.add(shape, next(numbers)) for shape in sky.shapes]
    scan(run, sky, tmp_path / "calm", calm)
    places = list(calm)
    for shape, place in zip(sky.shapes, calm, strict=True):
        for call in sorted(sky.calls(place)):
            fault = ("denied", "server error")[len(places) % 2]
            if fault in sky.faults(shape, call):
                places.append(sky.add(shape, next(numbers), fault))
                sky.strike(places[-1], call, fault)
    config = write_configuration(sky, tmp_path / "whole", places)
    assert run("scan", "--config", config, "--output", str(tmp_path / "whole"))[0] in {1, 3}
    assert len(places) > len(calm)
    scan(run, sky, tmp_path / "whole", places, shards=3)
    assert but_for_the_run(tmp_path / "whole" / "merged") == but_for_the_run(tmp_path / "whole")


@pytest.mark.parametrize("cloud", ["eks", "aks"])
def test_a_scan_of_a_cloud_that_is_killed_again_and_again_gives_the_report_of_an_undisturbed_one(
    cloud: str, tmp_path: Path
) -> None:
    """A few kills, among them in organisations; ``python -m tests.bench kills`` does fifty."""
    with CLOUDS[cloud](tmp_path) as found:
        places = [found.add(shape, number) for number, shape in zip(range(1, 16), cycle(found.shapes), strict=False)]
        config = write_configuration(found, tmp_path / "given", places)
        environment = os.environ | found.environment
        undisturbed(config, tmp_path / "calm", environment)
        survived = killed_again_and_again(config, tmp_path / "killed", 3, 20261125, environment)
    assert survived.kills == 3
    # Which accounts an organisation has is asked anew in every run.
    organizations = {place.name for place in places if place.table.startswith("[[organization]]")}
    assert {*survived.finished_again} <= organizations
    assert but_for_the_run(tmp_path / "killed") == but_for_the_run(tmp_path / "calm")


def strike_everything(sky: Sky, made: dict[str, AbstractSet[str]], numbers: Iterator[int]) -> Struck:
    """Let each call that is made meet each fault, in a place of its own, of the first shape that has it made."""
    struck: Struck = {}
    for shape, calls in made.items():
        before = set() if shape in sky.afresh else {call for _, call, _ in struck}
        for call in sorted(calls - (before - sky.everywhere)):
            for fault in sky.faults(shape, call):
                place = struck[shape, call, fault] = sky.add(shape, next(numbers), fault)
                sky.strike(place, call, fault)
    return struck


def complaints(
    sky: Sky, one: tuple[str, str, str], place: Place, accounts: dict[str, Row], usual: AbstractSet[str]
) -> Iterator[str]:
    """Say what is wrong with how a place is reported that was struck."""
    shape, call, fault = one
    spared, words = sky.spares(place, call), sky.words(call, fault)
    rows = [row for row in place.rows(accounts) if row["name"] not in spared]
    if call not in sky.calls(place):
        yield "the call was not made"
    said = [told for told, text in place.unknowns(accounts) if text not in usual and any(one in text for one in words)]
    if not said and (call, fault) not in sky.covered:
        yield f"nothing says that {' or '.join(words)} is why something is unknown"
    if any("hint" in told and not (told["hint"] or told["permission"]) for told in said):
        yield "a failure does not say what to do"
    found = [where for row in rows for where in passes_on(row, sky.sources(call))]
    if found and fault not in HALF_READ:
        yield f"is ok by what was not read: {found}"
    may_pass = call in {*sky.beside, *sky.replaced.get(shape, ())} or (call, fault) in sky.covered
    if "UNKNOWN" not in {row["status"] for row in rows} and not may_pass:
        yield f"is {[row['status'] for row in rows]} though a {shape} depends on the call"
    names = [(row["name"], cluster["location"], cluster["name"]) for row in rows for cluster in row["clusters"]]
    if len(names) > len(set(names)):
        yield f"names a cluster twice: {names}"


def losses(
    sky: Sky, one: tuple[str, str, str], calm: dict[str, Row], struck: dict[str, Row], place: Place
) -> Iterator[str]:
    """Say what a place that was struck lacks without a word, beside what a calm one of its shape has."""
    shape, call, fault = one
    root = struck.get("NAME", {"status": "absent"})["status"]
    if calm.keys() - struck.keys() and root != "UNKNOWN":
        yield f"is {root} and lacks {calm.keys() - struck.keys()}"
    for name in calm.keys() & struck.keys():
        was, found = calm[name], struck[name]
        gone = {_named(one) for one in was["clusters"]} - {_named(one) for one in found["clusters"]}
        if gone and found["status"] != "UNKNOWN":
            yield f"{name} is {found['status']} and lacks {gone}"
        is_steady = call in sky.replaced.get(shape, ()) and not sky.spreads(call, fault)
        if is_steady and found["status"] != was["status"]:
            yield f"{name} is {found['status']} and not {was['status']}, though others tell what the call would"
    for name in frozenset() if sky.spreads(call, fault) else sky.spares(place, call):
        if calm[place.shown(name)] != struck.get(place.shown(name)):
            yield f"{name} is not what it is on a calm day"


def shown(place: Place, accounts: dict[str, Row]) -> dict[str, Row]:
    """Give what a report says of a place, in words that hold for every place of its shape."""
    rows = (json.loads(place.shown(row)) for row in place.rows(accounts))
    return {row["name"]: row for row in rows}


def _named(cluster: Row) -> tuple[str, str]:
    return cluster["location"], cluster["name"]


def assert_no_secret(sky: Sky, *scans: Scanned) -> None:
    """See that no secret was written; where nothing begins as some do, none of these is looked for."""
    secrets = [*sky.secrets()]
    assert secrets
    for one in scans:
        begun = {start for start in {secret[:12] for secret in secrets} if start in one.written}
        assert [secret for secret in secrets if secret[:12] in begun and secret in one.written] == []
