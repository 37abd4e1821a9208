"""Where no temporary file can be written: an error that says so before the work, not a bug."""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

import pytest

from scanner.cli.temporary import temporary_folder
from scanner.errors import ReportError
from tests.unit.cli.test_commands import Run, cluster, configuration, run
from tests.unit.cli.test_shards_and_merge import config
from tests.unit.cli.test_storage import store

__all__ = ["config", "run", "store"]  # the fixtures


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let every directory that Python would take be one that is not there."""
    missing = str(tmp_path / "none")
    monkeypatch.setenv("TMPDIR", missing)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [missing])
    with pytest.raises(FileNotFoundError, match="No usable temporary directory"):
        tempfile.gettempdir()
    return missing


def complaint(place: str) -> str:
    return (
        f"error: {place}: no temporary files can be written: No such file or directory\n"
        "  mount a writable directory at /tmp, or name one in TMPDIR\n"
    )


def test_what_needs_temporary_files_says_so_before_the_work(
    run: Run, config: str, store: str, nowhere: str, tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "journal"))
    assert run("scan", "--config", config, "--output", store) == (2, "", complaint(nowhere))
    assert run("scan", "--config", config, "--output", store, *journal) == (2, "", complaint(nowhere))
    assert run("scan", "--config", config, "--output", "-", "--format", "json") == (2, "", complaint(nowhere))
    assert run("report", "merge", store, "-o", str(tmp_path / "merged")) == (2, "", complaint(nowhere))
    assert run("report", "merge", str(tmp_path), "-o", store) == (2, "", complaint(nowhere))
    with pytest.raises(ReportError, match="no temporary files"), temporary_folder(ReportError):
        pass


def test_what_needs_none_goes_on(run: Run, config: str, nowhere: str, tmp_path: Path) -> None:
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "reports"))
    assert (code, nowhere in err) == (1, False)


def test_an_archive_that_cannot_be_unpacked_costs_its_cluster_only(run: Run, nowhere: str, tmp_path: Path) -> None:
    cluster(tmp_path, "a")
    cluster(tmp_path, "b")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a" / "etc", "etc")
    path = Path(configuration(tmp_path, "a", "b"))
    given = 'paths = ["a/etc/kubernetes/manifests/kube-apiserver.yaml"]\nroot = "a"'
    assert given in path.read_text()
    packed = 'source = "a.tar.gz"\npaths = ["etc/kubernetes/manifests/kube-apiserver.yaml"]'
    path.write_text(path.read_text().replace(given, packed))
    code, _, err = run("scan", "--config", str(path), "--output", str(tmp_path / "reports"))
    assert code == 3, err
    found = {one["cluster"]: one for one in map(json.loads, err.splitlines()) if one["event"] == "cluster"}
    assert {name: one["status"] for name, one in found.items()} == {"a": "UNKNOWN", "b": "PASS"}
    advice = "there is no directory for temporary files (mount a writable directory at /tmp, or name one in TMPDIR)."
    assert found["a"]["message"].endswith(f"{nowhere}: {advice}")
