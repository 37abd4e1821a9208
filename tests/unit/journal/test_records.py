"""The codec: what is read back is what was written, and a damaged line is never taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.journal.records import BeginRecord, ClusterRecord, NotARecord, Record, decode, encode
from tests.unit.journal.results import records
from tests.unit.reports.sample_result import sample_result


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(records)
def test_what_is_read_back_is_what_was_written(record: Record) -> None:
    line = encode(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == record


def test_a_whole_result_is_read_back() -> None:
    """Everything that the reports' tests know: each status, link state and kind of trouble, hostile names."""
    clusters = [cluster for account in sample_result().accounts for cluster in account.clusters]
    assert len(clusters) > 5
    for cluster in clusters:
        assert decode(encode(ClusterRecord("a", cluster))) == ClusterRecord("a", cluster)


@settings(deadline=None)
@given(st.data())
def test_a_line_of_which_one_byte_is_wrong_is_no_record(data: st.DataObject) -> None:
    line = encode(BeginRecord("production", "eks"))
    place = data.draw(st.integers(0, len(line) - 1))
    wrong = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[place]))
    with pytest.raises(NotARecord):
        decode(line[:place] + bytes([wrong]) + line[place + 1 :])


@pytest.mark.parametrize("text", [b"", b"\n", b"00000000 {}\n", b"x" * 40 + b"\n"])
def test_what_is_no_line_of_a_journal_is_no_record(text: bytes) -> None:
    with pytest.raises(NotARecord, match="is torn or damaged"):
        decode(text)


def test_a_record_of_another_format_is_named() -> None:
    body = json.dumps({"kind": "verdict", "account": "a"}).encode()
    import zlib  # noqa: PLC0415 - to forge a line

    with pytest.raises(NotARecord, match="is no record of format 3"):
        decode(b"%08x %s\n" % (zlib.crc32(body), body))
