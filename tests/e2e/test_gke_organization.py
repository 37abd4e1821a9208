"""A Google Cloud organisation from its inventory to one report: whole, in shards, killed and gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kills import killed_again_and_again, undisturbed
from tests.emulators.gcp import GcpEmulator, running
from tests.emulators.gcp.state import Quota
from tests.unit.cli.test_commands import Run, run

__all__ = ["run"]  # the fixture

CORP = "organizations/900"
GKE = "container.googleapis.com"
PROJECTS = [f"team-{number:02}" for number in range(14)]
CONFIG = """
[scan]
concurrency = 2

[[organization]]
name = "corp"
provider = "gke"
organization = 900
exclude_projects = ["sandbox-*"]
"""


@pytest.fixture
def gcp(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpEmulator]:
    """Fourteen projects below two folders with a cluster in every third, one deleted and one left out."""
    with running() as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        cloud = emulator.cloud
        cloud.page_size = 5
        folders = [cloud.folder("10", CORP), cloud.folder("11", CORP)]
        cloud.audit(folders[0], GKE, ADMIN_READ=(), DATA_READ=())
        for number, name in enumerate(PROJECTS):
            cloud.project(name, folders[number % 2])
            if number % 3 == 0:
                cloud.cluster(name, f"main-{number}")
        cloud.project("closed-1", CORP, state="DELETE_REQUESTED")
        cloud.project("sandbox-1", CORP)
        yield emulator


def configured(gcp: GcpEmulator, folder: Path) -> str:
    """Write the configuration, and give its path."""
    folder.mkdir(exist_ok=True)
    endpoints = "\n".join(f'{name} = "{place}"' for name, place in gcp.endpoints.items())
    (folder / "config.toml").write_text(f"{CONFIG}\n[organization.endpoints]\n{endpoints}\n")
    return str(folder / "config.toml")


def accounts(path: Path) -> list[dict[str, Any]]:
    """Give the accounts of a report, but for how long each took."""
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["accounts"]
    for account in found:
        del account["seconds"]
    return found


def test_every_project_is_in_the_report_and_few_are_asked(gcp: GcpEmulator, run: Run, tmp_path: Path) -> None:
    code, _, err = run("scan", "--config", configured(gcp, tmp_path), "--output", str(tmp_path / "out"))
    assert code == 1, err
    rows = {one["name"]: one for one in accounts(tmp_path / "out" / "report.json")}
    assert set(rows) == {"corp", *(f"corp/{name}" for name in PROJECTS)}
    assert (rows["corp"]["completeness"], rows["corp"]["status"]) == ("complete", "SKIP")
    with_clusters = {f"corp/{name}": "FAIL" if number % 2 else "PASS" for number, name in enumerate(PROJECTS)}
    assert {name: row["status"] for name, row in rows.items() if row["clusters"]} == {
        name: with_clusters[name] for number, name in enumerate(with_clusters) if number % 3 == 0
    }
    asked = {resource for operation, resource in gcp.cloud.calls if operation == "ListClusters"}
    assert asked == {f"projects/{name}" for number, name in enumerate(PROJECTS) if number % 3 == 0}
    # What all projects have in common is read once for all accounts of the organisation.
    assert gcp.cloud.calls["ListSinks", "folders/10"] == gcp.cloud.calls["ListSinks", CORP] == 1


def test_an_organisation_that_may_not_be_listed_is_unknown(gcp: GcpEmulator, run: Run, tmp_path: Path) -> None:
    gcp.cloud.deny("cloudasset.assets.listResource")
    gcp.cloud.deny("resourcemanager.projects.list")
    code, _, err = run("scan", "--config", configured(gcp, tmp_path), "--output", str(tmp_path / "out"))
    assert code == 3, err
    [corp] = accounts(tmp_path / "out" / "report.json")
    assert (corp["name"], corp["completeness"], corp["status"]) == ("corp", "failed", "UNKNOWN")
    assert corp["failures"][0]["permission"] == "resourcemanager.projects.list"


def test_shards_make_the_same_report(gcp: GcpEmulator, run: Run, tmp_path: Path) -> None:
    config = configured(gcp, tmp_path)
    code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "whole"))
    assert code == 1, err
    for shard in ("1/3", "2/3", "3/3"):
        code, _, err = run("scan", "--config", config, "--output", str(tmp_path / "parts"), "--shard", shard)
        assert code in (0, 1, 3), err
    code, _, err = run("report", "merge", str(tmp_path / "parts"), "--output", str(tmp_path / "merged"))
    assert code == 1, err
    assert accounts(tmp_path / "merged" / "report.json") == accounts(tmp_path / "whole" / "report.json")


def test_a_scan_that_is_killed_again_and_again_makes_the_same_report(gcp: GcpEmulator, tmp_path: Path) -> None:
    config = configured(gcp, tmp_path)
    undisturbed(config, tmp_path / "calm")
    killed_again_and_again(config, tmp_path / "out", 3, seed=7)
    assert accounts(tmp_path / "out" / "report.json") == accounts(tmp_path / "calm" / "report.json")


@pytest.mark.parametrize("kind", ["account", "organization"])
def test_a_quota_that_is_too_small_makes_a_scan_slower_and_nothing_unknown(
    kind: str, gcp: GcpEmulator, run: Run, tmp_path: Path
) -> None:
    """Google counts calls of these APIs by the project of whoever calls, so that all projects share the quota."""
    for number in range(40):
        gcp.cloud.project(f"crowd-{number:02}", "folders/10")
        gcp.cloud.cluster(f"crowd-{number:02}", "main")
    few = {api: Quota(6, 0.2) for api in ("logging.googleapis.com", "cloudresourcemanager.googleapis.com")}
    gcp.cloud.quotas.update(few)
    config = Path(configured(gcp, tmp_path))
    text = config.read_text("utf-8").replace("concurrency = 2", "concurrency = 20\nretries = 3")
    if kind == "account":
        text = text.replace("[[organization]]", "[[account]]").replace(
            "[organization.endpoints]", "[account.endpoints]"
        )
    config.write_text(text, "utf-8")
    code, _, err = run("scan", "--config", str(config), "--output", str(tmp_path / "out"))
    assert code == 1, err
    rows = accounts(tmp_path / "out" / "report.json")
    assert [one["failures"] for one in rows if one["failures"]] == []
    clusters = [cluster for one in rows for cluster in one["clusters"]]
    assert len(clusters) == 45
    assert {cluster["status"] for cluster in clusters} == {"PASS", "FAIL"}
    assert all(quota.refused for quota in few.values())
