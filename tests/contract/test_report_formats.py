"""What every report format that `formats()` lists must hold to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.model import ScanResult
from scanner.ports import ReportFormat
from scanner.reports import formats, load
from tests.unit.reports.sample_result import sample_result


@pytest.fixture(params=formats())
def report_format(request: pytest.FixtureRequest) -> ReportFormat:
    return load(request.param)


def test_it_goes_by_the_name_it_is_listed_under_and_has_a_file_name_of_its_own(report_format: ReportFormat) -> None:
    assert report_format.name in formats()
    assert Path(report_format.filename).name == report_format.filename
    assert len({load(name).filename for name in formats()}) == len(formats())


def results() -> Iterator[tuple[str, ScanResult]]:
    yield "everything", sample_result()
    yield "interrupted", sample_result(interrupted="SIGTERM")
    yield "nothing", replace(sample_result(), accounts=())


@pytest.mark.parametrize("result", [pytest.param(result, id=name) for name, result in results()])
def test_it_renders_the_same_text_twice_that_utf8_can_hold(report_format: ReportFormat, result: ScanResult) -> None:
    text = "".join(report_format.render(result))
    assert text == "".join(report_format.render(result))
    assert text.encode("utf-8").decode("utf-8") == text
    assert text.endswith("\n")


def test_every_cluster_account_and_failure_is_in_it(report_format: ReportFormat) -> None:
    """What was not read is never absent."""
    text = "".join(report_format.render(sample_result(interrupted="stopped by SIGTERM")))
    for word in ("prod", "batch", "analytics", "bare-metal", "acquired", "empty", "sandbox", "region us-east-1"):
        assert word in text
    assert "still throttled after 5 retries" in text
    assert "stopped by SIGTERM" in text
    assert "logs:DescribeLogGroups" in text


def test_render_changes_nothing_and_opens_nothing(
    report_format: ReportFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = sample_result()
    "".join(report_format.render(result))
    assert result == sample_result()
    assert list(tmp_path.iterdir()) == []
