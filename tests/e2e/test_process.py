"""The real command as a process of its own: signals, terminals, pipes, and what it loads to start."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.emulators.aws import AwsEmulator, Group, faults, role_arn, running

REPOSITORY = Path(__file__).resolve().parents[2]
SDKS = {"boto3", "botocore", "obstore", "rich", "jinja2"}


@pytest.fixture
def aws() -> Iterator[AwsEmulator]:
    with running() as emulator:
        yield emulator


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "scanner", *arguments]


def configuration(folder: Path, *accounts: str) -> str:
    """Write a configuration with one AWS account for each id."""
    path = folder / "config.toml"
    path.write_text(
        "\n".join(
            f'[[account]]\nname = "{one}"\nprovider = "eks"\nrole_arn = "{role_arn(one)}"\nregions = ["eu-west-1"]\n'
            for one in accounts
        )
    )
    return str(path)


def one_fast_one_hanging(aws: AwsEmulator, folder: Path) -> str:
    """Set up an account that is read at once, and one whose clusters are listed but never described."""
    group = Group(retention_days=90)
    aws.add_cluster("111122223333", "eu-west-1", "fast", enabled=["audit", "authenticator"], group=group)
    aws.add_cluster("444455556666", "eu-west-1", "slow", enabled=["audit"])
    aws.inject(faults.stall(60), "eks:DescribeCluster", account="444455556666")
    return configuration(folder, "111122223333", "444455556666")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_still_writes_a_report_that_says_what_was_not_scanned(
    aws: AwsEmulator, tmp_path: Path, number: signal.Signals
) -> None:
    config = one_fast_one_hanging(aws, tmp_path)
    process = subprocess.Popen(  # noqa: S603 - our own command
        command("scan", "--config", config, "--output", str(tmp_path)),
        cwd=REPOSITORY,
        env=os.environ | aws.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(json.loads(line))
            if log[-1]["event"] == "account_finished" and log[-1]["account"] == "111122223333":
                process.send_signal(number)
        code = process.wait(30)
    assert code == 3
    assert [line["signal"] for line in log if line["event"] == "stopping"] == [number.name]
    stopped, finished = (next(line for line in log if line["event"] == one) for one in ("stopping", "scan_finished"))
    waited = datetime.fromisoformat(finished["time"]) - datetime.fromisoformat(stopped["time"])
    assert waited < timedelta(seconds=15)  # the call that hangs would be waited for twice as long
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["run"]["interrupted"] == f"interrupted by {number.name}"
    fast, slow = report["accounts"]
    assert (fast["completeness"], fast["status"]) == ("complete", "PASS")
    assert (slow["completeness"], slow["status"]) == ("failed", "UNKNOWN")
    assert slow["failures"][0]["reason"] == f"not finished: interrupted by {number.name}"
    assert f"interrupted by {number.name}" in (tmp_path / "report.html").read_text()


def test_a_second_signal_ends_it_at_once(aws: AwsEmulator, tmp_path: Path) -> None:
    config = one_fast_one_hanging(aws, tmp_path)
    process = subprocess.Popen(  # noqa: S603 - our own command
        command("scan", "--config", config, "--output", str(tmp_path / "out")),
        cwd=REPOSITORY,
        env=os.environ | aws.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if json.loads(line)["event"] == "account_finished":
                process.send_signal(signal.SIGSTOP)  # both signals are there before it can act on either
                os.waitpid(process.pid, os.WUNTRACED)  # it stands still
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGCONT)
        code = process.wait(30)
    assert code in {128 + signal.SIGINT, 128 + signal.SIGTERM}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["journal.jsonl"]


def test_a_terminal_sees_the_accounts_and_the_summary(aws: AwsEmulator, tmp_path: Path) -> None:
    aws.add_cluster("111122223333", "eu-west-1", "bare")
    config = configuration(tmp_path, "111122223333")
    leader, follower = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        command("scan", "--config", config, "--output", str(tmp_path)),
        cwd=REPOSITORY,
        env=os.environ | aws.environment | {"TERM": "xterm-256color", "COLUMNS": "200"},
        stderr=follower,
    ) as process:
        os.close(follower)
        screen = _read_all(leader)
        assert process.wait(30) == 1
    assert "accounts" in screen
    assert "In the one cluster the audit log would not show a break-in." in screen
    assert "111122223333/eu-west-1/bare" in screen
    assert '"event"' not in screen


def _read_all(descriptor: int) -> str:
    """Read a terminal until its other end is closed."""
    parts = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and select.select([descriptor], [], [], 30)[0]:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux says so when the last process has left the terminal
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()


@pytest.mark.parametrize("arguments", [["--version"], ["config", "check", "config.example.toml"], ["providers"]])
def test_starting_loads_no_sdk_and_no_renderer(arguments: list[str]) -> None:
    code = (
        "import sys; from scanner.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print('loaded', sorted({SDKS!r} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_a_run_without_aws_accounts_loads_no_sdk(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[[account]]\nname = "a"\nprovider = "self_managed"\n[[account.cluster]]\nname = "c"\npaths = ["none.yaml"]\n'
    )
    code = (
        "import sys; from scanner.cli import main\n"
        "main(['scan', '--config', 'config.toml', '--format', 'json'])\n"
        f"print('loaded', sorted({SDKS!r} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    done = subprocess.run(  # noqa: S602 - the pipe is what is tested; nothing in it comes from outside
        f"{sys.executable} -m scanner config example | head --lines 1",
        shell=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("# k8s-audit-coverage")
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["scan", "--help"], ["config", "example"]])
def test_a_terminal_that_is_not_utf_8_gets_its_text(arguments: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        command(*arguments),
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.isascii()
    assert done.stderr == b""


def test_a_report_on_standard_output_is_utf_8_whatever_the_terminal(tmp_path: Path) -> None:
    manifest = tmp_path / "kube-apiserver.yaml"
    manifest.write_text("{}")
    config = tmp_path / "config.toml"
    config.write_text(
        '[[account]]\nname = "größe"\nprovider = "self_managed"\n[[account.cluster]]\nname = "a"\n'
        f'paths = ["{manifest}"]\n',
        encoding="utf-8",
    )
    done = subprocess.run(  # noqa: S603 - our own command
        command("scan", "--config", str(config), "--format", "html", "--output", "-"),
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert "größe" in done.stdout.decode("utf-8")


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        ("config example > /dev/full", 74, "error: standard output: cannot be written: No space left on device\n"),
        ("config example >&-", 0, ""),
        ("config check nothing.toml 2>&-", 2, ""),
    ],
)
def test_a_stream_that_cannot_be_written_is_no_bug(redirection: str, code: int, said: str) -> None:
    done = subprocess.run(  # noqa: S602 - the redirection is what is tested; nothing in it comes from outside
        f"{sys.executable} -m scanner {redirection}",
        shell=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, said)


def test_a_report_cannot_go_to_a_closed_standard_output(tmp_path: Path) -> None:
    config = configuration(tmp_path, "111122223333")
    done = subprocess.run(  # noqa: S602 - the redirection is what is tested; nothing in it comes from outside
        f"{sys.executable} -m scanner scan --config {config} --format json --output - >&-",
        shell=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: --output -: standard output is closed\n  name a directory\n",
    )
