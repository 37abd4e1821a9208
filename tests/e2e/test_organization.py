"""An AWS organisation from its list of accounts to one report, whole and in shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.aws import AwsEmulator, Group, faults, running
from tests.unit.cli.test_commands import Run, run

__all__ = ["run"]  # the fixture

ACCOUNTS = [f"{number:012}" for number in range(300_000_000_000, 300_000_000_009)]
REGIONS = ("eu-west-1", "us-east-1")
CONFIG = """
[[organization]]
name = "corp"
provider = "eks"
account_role = "audit-scanner"
exclude_accounts = ["sandbox-*"]
config_aggregator = "organization"
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsEmulator]:
    """Nine active accounts with a cluster in every third, one suspended, one left out; one has no recorder."""
    with running() as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        for number, account in enumerate(ACCOUNTS):
            emulator.organization.add(account, f"team-{number}")
            emulator.add_regions(account, *REGIONS)
            if number:
                emulator.organization.record(account, *REGIONS)
            if number % 3 == 0:
                streams = Group(retention_days=90)
                emulator.add_cluster(account, "eu-west-1", f"main-{number}", enabled=["audit"], group=streams)
                emulator.organization.capture(account, "eu-west-1", f"main-{number}", "audit")
        emulator.organization.add("400000000001", "old", State="SUSPENDED")
        emulator.organization.add("400000000002", "sandbox-1")
        yield emulator


def report(run: Run, folder: Path, *arguments: str) -> dict[str, Any]:
    """Scan, and give the report."""
    config = folder / "config.toml"
    config.write_text(CONFIG)
    code, _, err = run("scan", "--config", str(config), "--output", str(folder / "out"), *arguments)
    assert code == 1, err
    found: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text("utf-8"))
    return found


def test_every_account_is_in_the_report_and_few_are_entered(aws: AwsEmulator, run: Run, tmp_path: Path) -> None:
    found = report(run, tmp_path)
    rows = {one["name"]: (one["completeness"], one["status"], len(one["clusters"])) for one in found["accounts"]}
    assert rows["corp"] == ("complete", "SKIP", 0)
    assert {name for name in rows if name != "corp"} == {f"corp/{account}" for account in ACCOUNTS}
    assert [name for name, row in rows.items() if row[2]] == [f"corp/{ACCOUNTS[number]}" for number in (0, 3, 6)]
    [corp] = [one for one in found["accounts"] if one["name"] == "corp"]
    assert {note["text"] for note in corp["notes"]} >= {
        "1 account is excluded by exclude_accounts: sandbox-1 (400000000002)",
        "1 account is not active: old (400000000001): SUSPENDED",
    }
    entered = {call.account for call in aws.called("eks:DescribeCluster")}
    assert entered == {ACCOUNTS[0], ACCOUNTS[3], ACCOUNTS[6]}
    assert {call.account for call in aws.called("eks:ListClusters")} == {ACCOUNTS[0]}


def test_an_organisation_that_may_not_be_listed_is_unknown(aws: AwsEmulator, run: Run, tmp_path: Path) -> None:
    aws.inject(faults.deny(), "organizations:ListAccounts")
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    code, _, err = run("scan", "--config", str(config), "--output", str(tmp_path / "out"))
    assert code == 3, err
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    [corp] = found["accounts"]
    assert (corp["name"], corp["completeness"], corp["status"]) == ("corp", "failed", "UNKNOWN")
    assert corp["failures"][0]["permission"] == "organizations:ListAccounts"


def test_shards_of_an_organisation_make_the_same_report(aws: AwsEmulator, run: Run, tmp_path: Path) -> None:
    del aws
    whole = report(run, tmp_path)
    folders = []
    for shard in ("1/3", "2/3", "3/3"):
        folder = tmp_path / shard.replace("/", "-")
        folder.mkdir()
        (folder / "config.toml").write_text(CONFIG)
        code, _, err = run("scan", "--config", str(folder / "config.toml"), "--output", str(folder), "--shard", shard)
        assert code in (0, 1, 3), err
        folders.append(str(folder))
    code, _, err = run("report", "merge", *folders, "--output", str(tmp_path / "merged"))
    assert code == 1, err
    merged = json.loads((tmp_path / "merged" / "report.json").read_text("utf-8"))
    for one in (whole, merged):
        for account in one["accounts"]:
            del account["seconds"]
    assert merged["accounts"] == whole["accounts"]
