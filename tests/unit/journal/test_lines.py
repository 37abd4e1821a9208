"""The file: verdicts stand in it once for all clusters that share them, and each cluster finds its own again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.errors import JournalError
from scanner.journal.lines import Lines
from scanner.journal.records import ClusterRecord, Record
from tests.unit.journal.results import clusters as some_clusters
from tests.unit.journal.results import records
from tests.unit.journal.test_journal import cluster

MANY = 200
"""Verdicts; more than are kept in memory."""


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    with closing(Lines.lock(tmp_path / "journal.jsonl")) as opened:
        yield opened


def sharing(number: int) -> list[ClusterRecord]:
    """Make clusters with the very same verdict, told apart by their names."""
    first = cluster("a")
    return [
        ClusterRecord("production", replace(first, ref=replace(first.ref, name=f"cluster-{one}")))
        for one in range(number)
    ]


def test_a_verdict_that_clusters_share_is_written_once(lines: Lines) -> None:
    found = sharing(5)
    places = [lines.append(one) for one in found]
    text = lines.path.read_bytes()
    assert text.count(b'"findings"') == 1
    assert len(text.splitlines()) == 6
    assert [lines.at(place, ClusterRecord) for place in places] == found
    assert list(lines.records()) == list(zip(places, found, strict=True))


def test_another_process_finds_the_verdicts_too(tmp_path: Path) -> None:
    found = sharing(3)
    with closing(Lines.lock(tmp_path / "journal.jsonl")) as lines:
        places = [lines.append(one) for one in found]
    with closing(Lines.read(lines.path)) as again:
        assert again.at(places[2], ClusterRecord) == found[2]
        assert list(again.records()) == list(zip(places, found, strict=True))


def test_verdicts_that_are_no_longer_in_memory_are_read_again(lines: Lines) -> None:
    """The first cluster comes again after all others: to write it, to read it, and to go through the file."""
    first, *rest = (ClusterRecord("production", cluster(f"cluster-{one}")) for one in range(MANY))
    found = [first, *rest, first]
    places = [lines.append(one) for one in found]
    assert [lines.at(place, ClusterRecord) for place in places] == found
    assert [lines.at(place, ClusterRecord) for place in reversed(places)] == found[::-1]
    assert [record for _, record in lines.records()] == found


def test_a_verdict_far_back_is_found_while_the_file_is_gone_through(tmp_path: Path) -> None:
    """Who resumes begins to count what is kept in memory; who reads all of the file has more of it by then."""
    path = tmp_path / "journal.jsonl"
    before, between = (
        [ClusterRecord(account, cluster(f"cluster-{one}")) for one in range(50)] for account in ("before", "between")
    )
    shared = sharing(2)
    for part in (before, [shared[0], *between, shared[1]]):
        with closing(Lines.lock(path)) as lines:
            for one in part:
                lines.append(one)
    assert path.read_bytes().count(b'"findings"') == len(before) + 1 + len(between)
    with closing(Lines.read(path)) as lines:
        assert [record for _, record in lines.records()] == [*before, shared[0], *between, shared[1]]


def test_after_a_cut_no_cluster_refers_to_what_was_dropped(lines: Lines) -> None:
    kept, dropped = sharing(2)
    lines.append(kept)
    lines.cut(0)
    place = lines.append(dropped)
    assert lines.at(place, ClusterRecord) == dropped
    assert [record for _, record in lines.records()] == [dropped]


@pytest.mark.parametrize("place", ["0", "123456789", "-5", "9" * 30, "null"])
def test_a_cluster_whose_verdict_is_not_there_is_damage(tmp_path: Path, place: str) -> None:
    """At 0 another cluster's line stands; a whole line behind it shows that it is not torn."""
    path = tmp_path / "journal.jsonl"
    with closing(Lines.lock(path)) as lines:
        lines.append(sharing(1)[0])
    verdict, of_cluster = path.read_bytes().splitlines()
    body = of_cluster[9:].replace(b'"verdict":0', f'"verdict":{place}'.encode())
    assert (body == of_cluster[9:]) == (place == "0")
    path.write_bytes(b"%08x %s\n" % (zlib.crc32(body), body) + verdict + b"\n")
    with closing(Lines.read(path)) as lines:
        with pytest.raises(JournalError, match=r"line 1 (belongs to a verdict|is torn|is no record)"):
            list(lines.records())
        with pytest.raises(JournalError, match="was changed while it was read"):
            lines.at(0, ClusterRecord)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(records, max_size=4), some_clusters)
def test_whatever_is_written_is_read_back(found: list[Record], shared: object) -> None:
    """Text that is no UTF-8 included, which cannot stand in JSON as it is."""
    found = [*found, ClusterRecord("a", shared), ClusterRecord("b", shared)]  # type: ignore[arg-type]
    with TemporaryDirectory() as folder, closing(Lines.lock(Path(folder) / "journal.jsonl")) as lines:
        places = [lines.append(one) for one in found]
        assert list(lines.records()) == list(zip(places, found, strict=True))
        assert [lines.at(place, type(one)) for place, one in zip(places, found, strict=True)] == found
