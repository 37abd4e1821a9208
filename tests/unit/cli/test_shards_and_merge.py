"""Several processes, one report: ``scan --shard``, ``scan --resume`` and ``report merge``, as a user runs them."""

from __future__ import annotations

import fcntl
import json
import re
import resource
from pathlib import Path
from typing import Any

import pytest

from scanner.cli import main
from tests.unit.cli.test_commands import Run, cluster, configuration, run

NAMES = [f"account-{number}" for number in range(7)]

__all__ = ["run"]  # the fixture


@pytest.fixture
def config(tmp_path: Path) -> str:
    for number, name in enumerate(NAMES):
        cluster(tmp_path, name, good=number % 3 != 0)
    return configuration(tmp_path, *NAMES)


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return found


def but_for_the_run(folder: Path) -> tuple[str, str]:
    """Give both reports without what may differ between two runs that found the same."""
    as_json = re.sub(r'"(started|finished)": ".*?"|"seconds": [\d.]+', "", (folder / "report.json").read_text("utf-8"))
    as_html = (folder / "report.html").read_text("utf-8")
    return as_json, re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC|\([\d.,]+ s\)", "", as_html)


def shard(run: Run, config: str, folder: Path, which: str, *more: str) -> tuple[int, str]:
    code, _, err = run("scan", "--config", config, "--output", str(folder), "--shard", which, *more)
    return code, err


def test_a_scan_in_parts_that_are_merged_is_the_whole_scan(run: Run, config: str, tmp_path: Path) -> None:
    """Byte for byte, but for the run's own data."""
    assert run("scan", "--config", config, "--output", str(tmp_path / "whole"))[0] == 1
    for number in (1, 2, 3):
        shard(run, config, tmp_path / "parts", f"{number}/3")
    files = sorted(path.name for path in (tmp_path / "parts").iterdir())
    assert files == [f"partial-000{number}-of-0003.jsonl" for number in (1, 2, 3)]
    code, out, err = run("report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path / "merged"))
    assert (code, out) == (1, "")
    assert but_for_the_run(tmp_path / "merged") == but_for_the_run(tmp_path / "whole")
    finished = json.loads(err.splitlines()[-1])
    assert finished["accounts"] == {"complete": 7, "partial": 0, "failed": 0}
    assert finished["reports"] == [str(tmp_path / "merged" / f"report.{ending}") for ending in ("json", "html")]


def test_a_shard_that_is_missing_is_unknown_in_the_merged_report(run: Run, config: str, tmp_path: Path) -> None:
    shard(run, config, tmp_path / "parts", "1/3")
    shard(run, config, tmp_path / "parts", "3/3")
    code, _, _ = run("report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path), "--format", "json")
    assert code == 1
    merged = report(tmp_path)
    assert [account["name"] for account in merged["accounts"]] == NAMES
    missing = [account["name"] for account in merged["accounts"] if account["completeness"] == "failed"]
    assert missing == ["account-1", "account-4"]
    assert merged["run"]["interrupted"] == "shard 2 of 3: no partial report"
    assert not (tmp_path / "report.html").exists()


def test_the_job_engine_says_which_shard(
    run: Run, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    monkeypatch.setenv("K8S_AUDIT_COVERAGE_SHARDS", "4")
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "parts"), "--fail-on", "never")
    assert code == 0
    started = [json.loads(line)["account"] for line in err.splitlines() if '"account_started"' in line]
    assert started == ["account-1", "account-5"]
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["partial-0002-of-0004.jsonl"]


def test_partial_reports_of_another_configuration_are_refused(run: Run, config: str, tmp_path: Path) -> None:
    shard(run, config, tmp_path / "parts", "1/2")
    other = configuration(tmp_path, *NAMES, head="[scan]\nretries = 1\n")
    shard(run, other, tmp_path / "parts", "2/2")
    code, _, err = run("report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path / "merged"))
    assert code == 2
    older, newer = (tmp_path / "parts" / f"partial-000{number}-of-0002.jsonl" for number in (1, 2))
    assert err.startswith(f"error: {older}: is of another configuration than {newer}, which began later: digest ")
    assert "remove it if it is left from an earlier scan" in err
    assert not (tmp_path / "merged" / "report.json").exists()


def test_a_shard_that_still_runs_costs_its_own_accounts(run: Run, config: str, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    shard(run, config, parts, "1/2")
    shard(run, config, parts, "2/2")
    held = parts / "partial-0002-of-0002.jsonl"
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, _, _ = run("report", "merge", str(parts), "-o", str(tmp_path / "merged"), "--format", "json")
    merged = report(tmp_path / "merged")
    assert code == 1
    assert merged["run"]["interrupted"] == f"shard 2 of 2: {held}: another process is scanning into it"
    assert [one["status"] for one in merged["accounts"]].count("UNKNOWN") >= 3


@pytest.mark.parametrize("left", [0, 300, 6000])
def test_a_partial_report_that_is_torn_or_damaged_costs_its_own_accounts(
    left: int, run: Run, config: str, tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    shard(run, config, parts, "1/2")
    shard(run, config, parts, "2/2")
    torn = parts / "partial-0002-of-0002.jsonl"
    content = torn.read_bytes()
    torn.write_bytes(content[:left] if left < 1000 else content.replace(b"account", b"ackount", 9))
    code, _, _ = run("report", "merge", str(parts), "-o", str(tmp_path / "merged"), "--format", "json")
    assert code == 1
    assert report(tmp_path / "merged")["run"]["interrupted"].startswith(f"shard 2 of 2: {torn}: ")


def test_what_a_whole_scan_left_is_no_part(run: Run, config: str, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    for number in (1, 2):
        shard(run, config, parts, f"{number}/2")
    (parts / "journal.jsonl").write_bytes((parts / "partial-0001-of-0002.jsonl").read_bytes())
    code, _, err = run("report", "merge", str(parts), "-o", str(tmp_path / "merged"), "--format", "json")
    assert code == 1
    assert f"note: {parts}/journal.jsonl is left out: it is of a scan that was not divided" in err
    assert report(tmp_path / "merged")["run"]["interrupted"] is None


def test_a_scan_in_one_part_has_nothing_to_merge(run: Run, config: str, tmp_path: Path) -> None:
    shard(run, config, tmp_path / "parts", "1/1")
    code, _, err = run("report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path / "merged"))
    assert code == 2
    assert "holds the report of a whole scan, and no partial one: there is nothing to merge" in err


def test_last_nights_partial_reports_are_not_merged_as_todays(run: Run, config: str, tmp_path: Path) -> None:
    config = configuration(tmp_path, *NAMES, head="[scan]\nwindow = 0.001\n")
    shard(run, config, tmp_path / "parts", "1/1")
    shard(run, config, tmp_path / "parts", "2/2")
    command = ("report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path / "merged"))
    code, _, err = run(*command)
    assert code == 2
    assert "more than scan.window (0.001 s) ago" in err
    assert not (tmp_path / "merged" / "report.json").exists()
    assert run(*command, "--allow-old")[0] == 1
    assert len(report(tmp_path / "merged")["accounts"]) == 7


def test_partial_reports_may_be_named_one_by_one(run: Run, config: str, tmp_path: Path) -> None:
    for number in (1, 2):
        shard(run, config, tmp_path / str(number), f"{number}/2")
    parts = [str(tmp_path / str(number) / f"partial-000{number}-of-0002.jsonl") for number in (1, 2)]
    assert run("report", "merge", *parts, "-o", "-", "--format", "json")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("DIR/none",), "error: DIR/none: cannot be read: No such file or directory\n"),
        (("DIR",), "error: DIR: holds no partial report (partial-*-of-*.jsonl)\n  name what the shards wrote to with "),
        (("DIR", "--format", "pdf"), "error: --format: there is no format 'pdf'\n"),
        (("DIR", "--format", ","), "error: --format: names no format\n"),
        (("DIR", "-o", "-"), "error: only one format fits on standard output, not json, html\n"),
        (
            ("ftp://x/y",),
            "error: ftp://x/y: ftp:// is no object store that can be used\n  there are s3://, gs://, az://",
        ),
        (("s3://",), "error: s3://: names no bucket\n"),
    ],
)
def test_what_cannot_be_merged_is_told(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = run("report", "merge", *(one.replace("DIR", str(tmp_path)) for one in arguments))
    assert code == 2
    assert err.replace(str(tmp_path), "DIR").startswith(said)


def test_a_merged_report_that_cannot_be_written_is_told_apart(run: Run, config: str, tmp_path: Path) -> None:
    shard(run, config, tmp_path / "parts", "1/1")
    shard(run, config, tmp_path / "parts", "1/2")
    (tmp_path / "out" / "report.json").mkdir(parents=True)
    code, _, err = run("report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path / "out"))
    assert code == 74
    assert "report.json: cannot be written: Is a directory" in err


def test_a_scan_that_is_whole_leaves_no_journal(run: Run, config: str, tmp_path: Path) -> None:
    run("scan", "--config", config, "--output", str(tmp_path / "out"), "--journal", str(tmp_path / "elsewhere"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("taken", "said"),
    [("config", "is the configuration"), ("report.json", "is a report"), ("report.html", "is a report")],
)
def test_a_journal_takes_the_place_of_nothing_that_is_needed(
    taken: str, said: str, run: Run, config: str, tmp_path: Path
) -> None:
    before = Path(config).read_bytes()
    place = config if taken == "config" else str(tmp_path / "out" / taken)
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "out"), "--journal", place)
    assert (code, f"error: --journal: {place} {said}" in err) == (2, True)
    assert Path(config).read_bytes() == before


def test_a_scan_to_standard_output_keeps_its_journal_out_of_sight(
    run: Run, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    code, out, _ = run("scan", "--config", config, "--output", "-", "--format", "json")
    assert code == 1
    assert len(json.loads(out)["accounts"]) == 7
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_shard_with_a_journal_elsewhere_leaves_its_partial_report_with_the_others(
    run: Run, config: str, tmp_path: Path
) -> None:
    journal = str(tmp_path / "fast-disk.jsonl")
    shard(run, config, tmp_path / "parts", "1/2", "--journal", journal)
    shard(run, config, tmp_path / "parts", "2/2", "--journal", journal)
    code, _, _ = run("report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path / "merged"))
    assert code == 1
    assert len(report(tmp_path / "merged")["accounts"]) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--output", "-", "--resume"),
            "error: --resume: there is no journal to go on with\n  name it with --journal\n",
        ),
        (
            ("--output", "-", "--shard", "1/2"),
            "error: --output -: a shard's partial report cannot go to standard output\n",
        ),
        (("--shard", "3/2"), "error: --shard: there is no shard 3 of 2\n"),
        (
            ("--output", "OUT", "--journal", "OUT/none/x"),
            "error: OUT/none/x: cannot be opened: No such file or directory\n",
        ),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_scanned(
    run: Run, config: str, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    words = [one.replace("OUT", str(tmp_path)) for one in arguments]
    code, out, err = run("scan", "--config", config, "--format", "json", *words)
    assert (code, out) == (2, "")
    assert err.replace(str(tmp_path), "OUT").startswith(said)


def test_resuming_says_how_much_was_done(run: Run, config: str, tmp_path: Path) -> None:
    (tmp_path / "out" / "report.json").mkdir(parents=True)
    assert run("scan", "--config", config, "--output", str(tmp_path / "out"))[0] == 74
    (tmp_path / "out" / "report.json").rmdir()
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "out"), "--resume")
    assert code == 1
    first = json.loads(err.splitlines()[0])
    assert (first["event"], first["accounts_finished"]) == ("resumed", 7)
    (tmp_path / "out" / "report.json").unlink()
    (tmp_path / "out" / "report.json").mkdir()
    assert run("scan", "--config", config, "--output", str(tmp_path / "out"))[0] == 74
    (tmp_path / "out" / "report.json").rmdir()
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "out"))
    first = json.loads(err.splitlines()[0])
    assert (first["event"], first["level"]) == ("journal_replaced", "warning")
    other = configuration(tmp_path, *NAMES[:3])
    (tmp_path / "out" / "report.json").unlink()
    (tmp_path / "out" / "report.json").mkdir()
    assert run("scan", "--config", other, "--output", str(tmp_path / "out"))[0] == 74
    config = configuration(tmp_path, *NAMES)
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "out"), "--resume")
    assert code == 2
    assert "was begun with another configuration" in err


def test_the_help_says_how_to_divide(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["scan", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for word in ("--resume", "--journal FILE", "--shard I/N", "K8S_AUDIT_COVERAGE_SHARDS", "s3://, gs:// or az://"):
        assert word in said


def test_a_disk_that_is_full_ends_the_scan_which_goes_on_when_there_is_room(
    run: Run, config: str, tmp_path: Path
) -> None:
    """The kernel's limit on a file's size stands for the full disk: room for the first account and a half."""
    config = configuration(tmp_path, *NAMES, head="[scan]\nconcurrency = 1\n")
    run("scan", "--config", config, "--output", str(tmp_path / "one"), "--account", NAMES[0], "--shard", "1/2")
    size = (tmp_path / "one" / "partial-0001-of-0002.jsonl").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size * 3 // 2, hard))
        code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 74
    assert f"error: {tmp_path}/out/journal.jsonl: cannot be written: File too large\n" in err
    assert "  make room there, then go on with --resume\n" in err
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "out"), "--resume")
    assert code == 1
    assert 0 < json.loads(err.splitlines()[0])["accounts_finished"] < 7
    assert len(report(tmp_path / "out")["accounts"]) == 7


def test_a_partial_report_that_cannot_be_kept_is_told(run: Run, config: str, tmp_path: Path) -> None:
    (tmp_path / "parts" / "partial-0001-of-0002.jsonl").mkdir(parents=True)
    code, err = shard(run, config, tmp_path / "parts", "1/2", "--journal", str(tmp_path / "journal"))
    assert code == 74
    assert "partial-0001-of-0002.jsonl: cannot be written: Is a directory" in err
    assert (tmp_path / "journal").exists()
