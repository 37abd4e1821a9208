"""``policy check``: which files it looks at, and what it takes for a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.cli import main

GOOD = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["a.yaml", "./a.yaml"], ["a.yaml"]),
        (["./b.yaml", "a.yaml", "b.yaml", "link.yaml"], ["./b.yaml", "a.yaml"]),
        (["a.yaml", "folder/../a.yaml", "."], ["a.yaml", "b.yaml"]),
        (["folder", "./folder", "link.yaml"], ["link.yaml"]),
    ],
)
def test_a_file_is_checked_once_whatever_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    names: list[str],
    order: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "b.yaml"):
        Path(name).write_text(GOOD)
    Path("folder").mkdir()
    Path("link.yaml").symlink_to("b.yaml")
    Path("folder", "inner.yaml").symlink_to("../b.yaml")
    assert main(["policy", "check", *names]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.removesuffix(": audit policy with 1 rule") for line in lines if " audit policy with" in line] == order
    assert lines[-1].startswith(f"{len(order)} polic")


@pytest.mark.parametrize("kind", ["policy", "POLICY", "AuditPolicy"])
def test_a_kind_that_is_not_quite_right_is_refused_and_not_passed_over(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD.replace("kind: Policy", f"kind: {kind}"))
    assert main(["policy", "check", "--allow-none", str(path)]) == 1
    assert f'no kind "{kind}" is registered' in capsys.readouterr().out


def test_an_event_is_no_policy(tmp_path: Path) -> None:
    path = tmp_path / "event.yaml"
    path.write_text("apiVersion: audit.k8s.io/v1\nkind: Event\nlevel: Metadata\nrules: [a]\n")
    assert main(["policy", "check", "--allow-none", str(path)]) == 0
