"""`policy suggest` on the command line: output, patches, files and exit codes."""

from __future__ import annotations

import io
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from scanner.cli import main
from scanner.knowledge.policies import published

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
DROPS = HEAD + "rules:\n- level: None\n  verbs: [create]\n- level: Metadata\n"
MENDED = DROPS.replace("level: None\n", "level: Metadata  # was None, which dropped writes\n")
PATCH = """\
--- policy.yaml
+++ policy.yaml
@@ -1,6 +1,6 @@
 apiVersion: audit.k8s.io/v1
 kind: Policy
 rules:
-- level: None
+- level: Metadata  # was None, which dropped writes
   verbs: [create]
 - level: Metadata
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, str]:
    """Run the command and give its exit code and what it said."""
    capsysbinary.readouterr()
    code = main(["policy", "suggest", *arguments])
    said = capsysbinary.readouterr()
    return code, said.out, said.err.decode()


def test_the_policy_goes_to_standard_output_and_what_was_changed_to_standard_error(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / "policy.yaml").write_text(DROPS)
    code, out, err = run(capsysbinary, "policy.yaml")
    assert (code, out) == (0, MENDED.encode())
    assert err.splitlines() == [
        "policy.yaml: 1 change to reach minimum in all three categories",
        "  - rules[0]: level Metadata; it was None, which dropped writes",
        "  authentication: partial -> complete",
        "  api calls: partial -> complete",
        "  rbac denials: partial -> complete",
        "  volume: records a few more kinds of requests: expect little more",
    ]
    assert (folder / "policy.yaml").read_text() == DROPS


def test_what_is_printed_passes_a_check(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (folder / "policy.yaml").write_text(DROPS)
    assert main(["policy", "check", "policy.yaml"]) == 1
    for arguments in ([], ["--grade", "complete", "--stages", "all"]):
        assert run(capsysbinary, "policy.yaml", *arguments, "--output", "new.yaml")[:2] == (0, b"")
        assert main(["policy", "check", "new.yaml", *arguments]) == 0
    assert run(capsysbinary, "--output", "new.yaml")[0] == 0
    assert main(["policy", "check", "new.yaml", "--grade", "complete", "--fail-on", "warning"]) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [(DROPS, PATCH), (DROPS[:-1], PATCH[:-1] + "\n\\ No newline at end of file\n")],
)
def test_a_patch_is_a_unified_diff(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes], text: str, expected: str
) -> None:
    (folder / "policy.yaml").write_text(text)
    for name in ("policy.yaml", str(folder / "policy.yaml"), "./policy.yaml"):
        assert run(capsysbinary, name, "--patch")[:2] == (0, expected.encode())


@pytest.mark.parametrize("tool", [["patch", "-p0", "--binary", "-i"], ["git", "apply", "-p0"]], ids=["patch", "git"])
@pytest.mark.parametrize("name", ["policy.yaml", "a policy.yaml"])
@pytest.mark.parametrize("ending", ["\n", "", "\r\n"])
def test_a_patch_applies(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes], tool: list[str], name: str, ending: str
) -> None:
    """Both tools make of the file what is printed without --patch."""
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    text = (HEAD + "rules:\n- level: None").encode() + ending.encode()
    (folder / name).write_bytes(text.replace(b"\n", b"\r\n") if ending == "\r\n" else text)
    whole = run(capsysbinary, name, "--grade", "complete")[1]
    assert run(capsysbinary, name, "--grade", "complete", "--patch", "--output", "change.patch")[0] == 0
    subprocess.run([*tool, "change.patch"], cwd=folder, check=True, capture_output=True)  # noqa: S603 - a fixed tool
    assert (folder / name).read_bytes() == whole


def test_a_good_policy_is_printed_as_it_is_and_needs_no_patch(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = HEAD.replace("\n", "\r\n") + "rules: [{level: Metadata}] # ä"
    (folder / "policy.yaml").write_text(text, newline="")
    said = "policy.yaml: reaches complete in all three categories as it is; nothing is changed\n"
    assert run(capsysbinary, "policy.yaml", "--grade", "complete") == (0, text.encode(), said)
    assert run(capsysbinary, "policy.yaml", "--grade", "complete", "--patch") == (0, b"", said)


def test_exempt_identities_are_named_and_left(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    users = ", ".join(f"user{number}" for number in range(7))
    (folder / "policy.yaml").write_text(HEAD + f"rules:\n- level: None\n  users: [{users}]\n- level: Metadata\n")
    code, _, err = run(capsysbinary, "policy.yaml")
    assert code == 0
    assert err.splitlines()[1:] == [
        *(
            f"  not part of the grade, and left as it is: every request of user user{number} is not recorded"
            for number in range(5)
        ),
        "  and 2 more identities; `policy check` lists them",
    ]


def test_standard_input_and_published_policies_can_be_mended(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder.is_dir()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(DROPS.encode())))
    code, out, err = run(capsysbinary, "-", "--patch")
    assert (code, out.decode()) == (0, PATCH.replace("policy.yaml", "audit-policy.yaml"))
    assert err.startswith("standard input: 1 change to reach minimum")
    code, out, err = run(capsysbinary, "eks", "--patch", "--stages", "all")
    assert (code, out.splitlines()[:2]) == (0, [b"--- eks.yaml", b"+++ eks.yaml"])
    assert err.startswith("published policy eks: 4 changes to reach minimum")
    assert run(capsysbinary, "eks", "--kubernetes-version", "1.30")[0] == 2


def test_without_a_file_a_good_policy_is_printed(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    said = "a policy from scratch: complete in all three categories (asked for: minimum)\n"
    assert run(capsysbinary) == (0, published("recommended").text.encode(), said)


def test_a_file_is_replaced_in_one_step_and_keeps_its_permissions(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = folder / "policy.yaml"
    path.write_text(DROPS)
    path.chmod(0o600)
    assert run(capsysbinary, "policy.yaml", "--output", "policy.yaml")[:2] == (0, b"")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (MENDED, 0o600)
    assert run(capsysbinary, "policy.yaml", "--output", "other.yaml")[0] == 0
    assert stat.S_IMODE((folder / "other.yaml").stat().st_mode) == 0o644
    assert sorted(one.name for one in folder.iterdir()) == ["other.yaml", "policy.yaml"]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (DROPS, ["--patch"], "error: --patch: there is no policy to change\n  name the policy file as well\n"),
        (
            DROPS,
            ["policy.yaml", "--output", "nowhere/new.yaml"],
            "error: nowhere/new.yaml: cannot be written: No such file or directory\n",
        ),
        (
            (
                "kind: ConfigMap\napiVersion: v1\ndata:\n  p: 'apiVersion: audit.k8s.io/v1\n\n    kind: Policy\n\n"
                "    rules: [{level: None}]'\n"
            ),
            ["policy.yaml"],
            "error: policy.yaml: the policy in data.p is no block literal\n  give the policy file itself\n",
        ),
    ],
)
def test_errors_say_what_to_do(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes], text: str, arguments: list[str], said: str
) -> None:
    (folder / "policy.yaml").write_text(text)
    assert run(capsysbinary, *arguments) == (2, b"", said)


def test_a_policy_that_kubernetes_refuses_is_refused(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (folder / "policy.yaml").write_text(HEAD + "rules:\n- level: All\n")
    code, out, err = run(capsysbinary, "policy.yaml")
    assert (code, out) == (2, b"")
    assert err.startswith("error: policy.yaml")
    assert 'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request"' in err


def test_a_patch_of_another_encoding_is_refused(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (folder / "policy.yaml").write_bytes(DROPS.encode("utf-16"))
    said = (
        "error: policy.yaml: a patch can only be made of a file in UTF-8\n"
        "  leave --patch out, and the whole file is printed\n"
    )
    assert run(capsysbinary, "policy.yaml", "--patch") == (2, b"", said)
    assert run(capsysbinary, "policy.yaml")[1].decode("utf-16") == MENDED


def test_hostile_names_are_escaped(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (folder / "p\x1b[31m.yaml").write_text(DROPS)
    code, out, err = run(capsysbinary, "p\x1b[31m.yaml", "--patch")
    assert (code, out.splitlines()[0]) == (0, b"--- p\\x1b[31m.yaml")
    assert "\x1b" not in err
