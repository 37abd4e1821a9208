"""A scan that is killed, for real, at any moment: what is resumed gives the report of an undisturbed scan."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.kills import REPOSITORY, command, killed_again_and_again, many_accounts, undisturbed
from tests.emulators.aws import Group, faults, role_arn, running
from tests.unit.cli.test_shards_and_merge import but_for_the_run


def test_a_scan_that_is_killed_again_and_again_gives_the_report_of_an_undisturbed_one(tmp_path: Path) -> None:
    """A handful of kills; ``python -m tests.bench kills`` does fifty."""
    config = many_accounts(tmp_path)
    undisturbed(config, tmp_path / "calm")
    survived = killed_again_and_again(config, tmp_path / "killed", kills=5, seed=20261102)
    assert survived.kills == 5
    assert survived.finished_again == []
    assert but_for_the_run(tmp_path / "killed") == but_for_the_run(tmp_path / "calm")
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["report.html", "report.json"]


def test_a_scan_that_was_stopped_scans_only_the_rest_when_it_is_resumed(tmp_path: Path) -> None:
    """SIGTERM while one account hangs; the cloud then answers, and the calls show what was asked for again."""
    accounts = ("111122223333", "444455556666")
    with running() as aws:
        for account in accounts:
            group = Group(retention_days=90)
            aws.add_cluster(account, "eu-west-1", "main", enabled=["audit", "authenticator"], group=group)
        aws.inject(faults.stall(60), "eks:DescribeCluster", account=accounts[1], times=1)
        config = tmp_path / "config.toml"
        config.write_text(
            "".join(
                f'[[account]]\nname = "{one}"\nprovider = "eks"\nrole_arn = "{role_arn(one)}"\n'
                'regions = ["eu-west-1"]\n'
                for one in accounts
            )
        )
        environment = os.environ | aws.environment
        with subprocess.Popen(  # noqa: S603 - our own command
            command(str(config), tmp_path / "out"),
            cwd=REPOSITORY,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if json.loads(line)["event"] == "account_finished":
                    process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 3
        stopped = json.loads((tmp_path / "out" / "report.json").read_text())
        assert [one["status"] for one in stopped["accounts"]] == ["PASS", "UNKNOWN"]
        asked = len(aws.called("eks:DescribeCluster"))
        resumed = subprocess.run(  # noqa: S603 - our own command
            command(str(config), tmp_path / "out", "--resume"),
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert resumed.returncode == 0
        again = aws.called("eks:DescribeCluster")[asked:]
        assert [call.account for call in again] == [accounts[1]]
    whole = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [one["status"] for one in whole["accounts"]] == ["PASS", "PASS"]
    assert whole["run"]["started"] == stopped["run"]["started"]
    assert whole["run"]["interrupted"] is None


def test_shards_that_run_at_the_same_time_make_the_report_of_one_process(tmp_path: Path) -> None:
    """Three pods of an Indexed Job, as processes, and the merge of what they leave."""
    config = many_accounts(tmp_path)
    undisturbed(config, tmp_path / "whole")
    pods = [
        subprocess.Popen(  # noqa: S603 - our own command
            command(config, tmp_path / "parts", "--resume"),
            cwd=REPOSITORY,
            env=os.environ | {"JOB_COMPLETION_INDEX": str(index), "K8S_AUDIT_COVERAGE_SHARDS": "3"},
            stderr=subprocess.DEVNULL,
        )
        for index in range(3)
    ]
    assert [pod.wait(60) for pod in pods] == [1, 3, 3]  # every third cluster fails, and so all are dealt to the first
    merge = [sys.executable, "-m", "scanner", "report", "merge", str(tmp_path / "parts"), "-o", str(tmp_path / "one")]
    done = subprocess.run(merge, cwd=REPOSITORY, capture_output=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 1
    assert but_for_the_run(tmp_path / "one") == but_for_the_run(tmp_path / "whole")
