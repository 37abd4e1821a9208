"""The command line, in this process: what it prints, where, and its exit codes."""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scanner import __version__
from scanner.cli import main
from scanner.cli.example import example_configuration
from scanner.cli.exit_codes import ExitCode, exit_code
from scanner.model import AccountResult, CollectionFailure, FailureKind, RuleSettings, ScanResult
from tests.unit.test_engine import STARTED

REPOSITORY = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver}
spec:
  containers:
  - name: kube-apiserver
    image: registry.k8s.io/kube-apiserver:v1.34.1
    command: [kube-apiserver, "--authorization-mode=Node,RBAC"%s]
    volumeMounts:
    - {name: policy, mountPath: /etc/kubernetes/audit-policy.yaml, readOnly: true}
    - {name: log, mountPath: /var/log/kubernetes}
  volumes:
  - {name: policy, hostPath: {path: /etc/kubernetes/audit-policy.yaml}}
  - {name: log, hostPath: {path: /var/log/kubernetes}}
"""
FLAGS = ", --audit-policy-file=/etc/kubernetes/audit-policy.yaml, --audit-log-path=/var/log/kubernetes/audit.log"
POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def cluster(folder: Path, name: str, *, good: bool = True) -> None:
    """Lay out the files of one control-plane node."""
    kubernetes = folder / name / "etc" / "kubernetes"
    (kubernetes / "manifests").mkdir(parents=True)
    (kubernetes / "manifests" / "kube-apiserver.yaml").write_text(MANIFEST % (FLAGS if good else ""))
    (kubernetes / "audit-policy.yaml").write_text(POLICY)


def configuration(folder: Path, *names: str, head: str = "") -> str:
    """Write a configuration with an account for each of some clusters."""
    accounts = [
        f'[[account]]\nname = "{name}"\nprovider = "self_managed"\n[[account.cluster]]\nname = "{name}"\n'
        f'paths = ["{name}/etc/kubernetes/manifests/kube-apiserver.yaml"]\nroot = "{name}"\n'
        for name in names
    ]
    path = folder / "config.toml"
    path.write_text(head + "\n".join(accounts))
    return str(path)


def lines(text: str) -> list[dict[str, object]]:
    """Read a container's log."""
    return [json.loads(line) for line in text.splitlines()]


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"k8s-audit-coverage {__version__}\n", "")


def test_help_lists_the_exit_codes_that_the_readme_lists(run: Run) -> None:
    code, out, _ = run("scan", "--help")
    assert code == 0
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    for number in ExitCode:
        meaning = next(line for line in out.splitlines() if line.strip().startswith(f"{int(number)} "))
        assert f"| {int(number)} | {meaning.split(maxsplit=1)[1]} |" in readme


@pytest.mark.parametrize("arguments", [[], ["scan"], ["scan", "--config", "x", "--fail-on", "maybe"], ["fly"]])
def test_a_wrong_command_line_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: k8s-audit-coverage")


def test_config_check_says_what_would_be_scanned(run: Run, tmp_path: Path) -> None:
    path = configuration(tmp_path, "a", "b")
    assert run("config", "check", path) == (0, f"{path}: ok, 2 accounts (2 self_managed)\n", "")


def test_config_check_refuses_an_unknown_format(run: Run, tmp_path: Path) -> None:
    path = configuration(tmp_path, "a", head='[output]\nformats = ["pdf"]\n')
    code, _, err = run("config", "check", path)
    assert code == 2
    assert err == f"error: {path}: output.formats: unknown format 'pdf'\n  allowed: html, json\n"


def test_a_configuration_error_is_exit_code_2_and_scans_nothing(run: Run, tmp_path: Path) -> None:
    code, out, err = run("scan", "--config", str(tmp_path / "none.toml"), "--output", str(tmp_path / "out"))
    assert (code, out) == (2, "")
    assert err == (
        f"error: {tmp_path}/none.toml: cannot be read: No such file or directory\n"
        "  `k8s-audit-coverage config example` prints a starting file\n"
    )
    assert not (tmp_path / "out").exists()


def test_config_example_is_the_file_of_the_repository_and_loads_as_it_is(run: Run) -> None:
    path = REPOSITORY / "config.example.toml"
    code, out, _ = run("config", "example")
    assert code == 0
    assert out == path.read_text("utf-8") == example_configuration()
    assert run("config", "check", str(path))[0] == 0


def test_providers_are_listed(run: Run) -> None:
    code, out, _ = run("providers")
    assert code == 0
    assert ["eks", "Amazon EKS"] in [line.split(maxsplit=1) for line in out.splitlines()]
    assert run("providers", "self_managed")[1] == "self_managed   self-managed Kubernetes\n"


def test_permissions_of_eks_are_an_iam_policy(run: Run) -> None:
    code, out, _ = run("providers", "eks", "--permissions")
    assert code == 0
    assert json.loads(out)["Version"] == "2012-10-17"


def test_permissions_of_another_partition(run: Run) -> None:
    code, out, _ = run("providers", "eks", "--permissions", "aws-us-gov")
    assert code == 0
    resources = [statement["Resource"] for statement in json.loads(out)["Statement"]]
    assert resources == [
        "*",
        "arn:aws-us-gov:eks:*:*:cluster/*",
        "arn:aws-us-gov:logs:*:*:log-group:*",
        "arn:aws-us-gov:logs:*:*:log-group:/aws/eks/*",
    ]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("eks", "error: --permissions: there is no partition 'mars'\n  there are aws, aws-cn, aws-us-gov, "),
        ("self_managed", "error: --permissions: there is no variant 'mars'\n  there are files, rbac\n"),
    ],
)
def test_an_unknown_variant_of_permissions_is_refused(run: Run, kind: str, message: str) -> None:
    code, _, err = run("providers", kind, "--permissions", "mars")
    assert code == 2
    assert err.startswith(message)


def test_permissions_want_one_provider(run: Run) -> None:
    code, _, err = run("providers", "--permissions")
    assert code == 2
    assert err.startswith("error: providers --permissions: name one provider\n  one of aks, eks, ")


def test_a_scan_writes_its_reports_and_logs_json_lines(run: Run, tmp_path: Path) -> None:
    cluster(tmp_path, "good")
    out = tmp_path / "out" / "deep"
    code, stdout, err = run("scan", "--config", configuration(tmp_path, "good"), "--output", str(out))
    assert (code, stdout) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]
    events = [line["event"] for line in lines(err)]
    assert events == ["account_started", "cluster", "account_finished", "scan_finished"]
    assert lines(err)[1]["message"] == "Audit policy covers 3 event categories at Metadata logging level."
    assert lines(err)[-1]["exit_code"] == 0


def test_a_gap_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    cluster(tmp_path, "bad", good=False)
    code, out, _ = run("scan", "--config", configuration(tmp_path, "bad"), "--format", "json", "--output", "-")
    assert code == 1
    message = json.loads(out)["accounts"][0]["clusters"][0]["message"]
    assert message == (
        "Kubernetes audit logging is not configured. "
        "kube-apiserver does not specify --audit-log-path or --audit-policy-file."
    )


def test_what_could_not_be_read_is_exit_code_3_unless_only_failures_count(run: Run, tmp_path: Path) -> None:
    path = configuration(tmp_path, "missing")
    out = ("--output", str(tmp_path / "out"))
    assert run("scan", "--config", path, *out)[0] == 3
    assert run("scan", "--config", path, *out, "--fail-on", "unknown")[0] == 3
    assert run("scan", "--config", path, *out, "--fail-on", "fail")[0] == 0
    assert run("scan", "--config", path, *out, "--fail-on", "never")[0] == 0


def test_fail_on_never_hides_no_gap_in_the_report(run: Run, tmp_path: Path) -> None:
    cluster(tmp_path, "bad", good=False)
    path = configuration(tmp_path, "bad", head='[output]\nfail_on = "never"\n')
    code, _, err = run("scan", "--config", path, "--output", str(tmp_path / "out"))
    assert code == 0
    assert lines(err)[-1]["status"] == "FAIL"


def test_only_the_named_accounts_are_scanned(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        cluster(tmp_path, name)
    path = configuration(tmp_path, "a", "b", "c")
    _, out, _ = run("scan", "--config", path, "--account", "a", "c", "--format", "json", "--output", "-")
    assert [account["name"] for account in json.loads(out)["accounts"]] == ["a", "c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--account", "z"], "error: --account: there is no account 'z'\n  the configuration has a\n"),
        (["--format", "pdf"], "error: --format: there is no format 'pdf'\n  there are html, json\n"),
        (["--format", ","], "error: --format: names no format\n  there are html, json\n"),
        (
            ["--output", "-"],
            (
                "error: only one format fits on standard output, not json, html\n"
                "  choose one, such as --format json, or name a directory\n"
            ),
        ),
        (
            ["--output", "/proc/none/here"],
            (
                "error: /proc/none/here: reports cannot be written there: No such file or directory\n"
                "  name another directory with --output, or make this one writable\n"
            ),
        ),
    ],
)
def test_a_mistake_shows_before_anything_is_scanned(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    cluster(tmp_path, "a")
    code, out, err = run("scan", "--config", configuration(tmp_path, "a"), *arguments)
    assert (code, out, err) == (2, "", message)


def test_a_report_that_cannot_be_written_is_told_apart(run: Run, tmp_path: Path) -> None:
    cluster(tmp_path, "a")
    out = tmp_path / "out"
    (out / "report.json").mkdir(parents=True)
    code, _, err = run("scan", "--config", configuration(tmp_path, "a"), "--output", str(out))
    assert code == 74
    assert f"error: {out}/report.json: cannot be written: Is a directory\n" in err
    assert json.loads(err.splitlines()[-1])["exit_code"] == 74
    assert sorted(path.name for path in out.iterdir()) == ["journal.jsonl", "report.json"]
    (out / "report.json").rmdir()
    code, _, err = run("scan", "--config", configuration(tmp_path, "a"), "--output", str(out), "--resume")
    assert '"event": "account_started"' not in err
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]


def test_what_a_killed_process_left_of_a_report_goes_and_what_another_one_writes_stays(
    run: Run, tmp_path: Path
) -> None:
    cluster(tmp_path, "a")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".report.html.17.tmp").write_text("half of")
    (out / ".report.html.mine.tmp").write_text("a file of somebody else")
    with (out / ".report.json.18.tmp").open("w") as written_now:
        fcntl.flock(written_now, fcntl.LOCK_EX)
        assert run("scan", "--config", configuration(tmp_path, "a"), "--output", str(out))[0] == 0
        kept = {".report.html.mine.tmp", "report.html", "report.json"}
        assert {path.name for path in out.iterdir()} == kept | {".report.json.18.tmp"}
    assert run("scan", "--config", configuration(tmp_path, "a"), "--output", str(out))[0] == 0
    assert {path.name for path in out.iterdir()} == kept


def test_a_report_that_another_process_of_this_number_writes_is_left_to_it(run: Run, tmp_path: Path) -> None:
    """Containers that share a volume have the same process numbers."""
    cluster(tmp_path, "a")
    out = tmp_path / "out"
    out.mkdir()
    with (out / f".report.json.{os.getpid()}.tmp").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("theirs")
        other.flush()
        code, _, err = run("scan", "--config", configuration(tmp_path, "a"), "--output", str(out))
        assert (out / f".report.json.{os.getpid()}.tmp").read_text() == "theirs"
    assert code == 74
    assert f"error: {out}/report.json: cannot be written: Resource temporarily unavailable" in err


def test_a_closed_standard_output_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster(tmp_path, "a")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        path = configuration(tmp_path, "a")
        assert main(["scan", "--config", path, "--format", "json", "--output", "-"]) == 74
        assert main(["config", "example"]) == 0
    monkeypatch.undo()
    assert "error: standard output: cannot be written: Broken pipe" in capfd.readouterr().err


def test_a_bug_is_exit_code_70_with_its_traceback(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(tmp_path, "a")
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    code, _, err = run("scan", "--config", configuration(tmp_path, "a"), "--output", str(tmp_path / "out"))
    assert code == 70
    assert err.startswith("k8s-audit-coverage: this is a bug; please report it with these lines:\nTraceback")


def test_ctrl_c_before_the_scan_is_130(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object, **_keywords: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tomllib.loads", interrupt)
    assert run("config", "check", configuration(tmp_path, "a"))[0] == 130


@pytest.mark.parametrize(
    ("kind", "fail_on", "code"),
    [
        (FailureKind.BUG, "never", ExitCode.BUG),
        (FailureKind.PERMISSION, "unknown", ExitCode.UNKNOWN),
        (FailureKind.PERMISSION, "fail", ExitCode.OK),
        (FailureKind.INTERRUPTED, "never", ExitCode.OK),
    ],
)
def test_exit_codes_of_an_account_that_was_not_read(kind: FailureKind, fail_on: str, code: ExitCode) -> None:
    failure = CollectionFailure(kind, "account", "scan", "why", whole_account=True)
    account = AccountResult("a", "eks", "", (), (failure,), (), 0.0)
    result = ScanResult("1", STARTED, STARTED, RuleSettings(), "d", (account,))
    assert exit_code(result, fail_on) is code  # type: ignore[arg-type]


def test_an_account_without_clusters_is_skipped_and_exit_code_0() -> None:
    account = AccountResult("a", "eks", "", (), (), (), 0.0)
    assert exit_code(ScanResult("1", STARTED, STARTED, RuleSettings(), "d", (account,)), "unknown") is ExitCode.OK


def test_a_terminal_gets_the_live_display() -> None:
    from scanner.cli.progress import LogLines, display  # noqa: PLC0415 - the choice is what is shown here

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with display(Terminal()) as shown:
        assert type(shown).__name__ == "LiveDisplay"
    with display(io.StringIO()) as shown:
        assert isinstance(shown, LogLines)
