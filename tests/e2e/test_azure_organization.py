"""An Azure organisation from its management group to one report, whole, in shards, and with its graph in trouble."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.azure import AzureEmulator, Fault, running
from tests.unit.cli.test_commands import Run, run

__all__ = ["run"]  # the fixture

SUBSCRIPTIONS = [f"{number:08d}-3333-4444-5555-666677778888" for number in range(1, 31)]
WITH_CLUSTERS = SUBSCRIPTIONS[::10]
CONFIG = """
[scan]
retries = 1
call_timeout = 5

[[organization]]
name = "corp"
provider = "aks"
management_group = "corp"
credential = "environment"
exclude_subscriptions = ["sandbox-*"]
endpoints = {{ resource_manager = "{0}", authority = "{0}", log_analytics = "{0}" }}
"""


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureEmulator]:
    """Thirty active subscriptions with a cluster in every tenth, one disabled, one left out; one workspace for all."""
    with running() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        azure = found.azure
        azure.page_size = 7
        for number in range(1, 31):
            azure.subscription(number, f"team-{number}", group="corp")
        workspace = azure.workspace(SUBSCRIPTIONS[1], "central")
        for number, subscription in enumerate(WITH_CLUSTERS):
            cluster = azure.cluster(subscription, f"main-{number}")
            logs = {"workspaceId": workspace, "logAnalyticsDestinationType": "Dedicated"}
            azure.setting(cluster, "kube-audit", *(["guard"] if number else []), **logs)
        azure.subscription(41, "old", state="Disabled", group="corp")
        azure.subscription(42, "sandbox-1", group="corp")
        yield found


def scan(run: Run, emulator: AzureEmulator, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Scan, and give the report's accounts without what differs from run to run."""
    folder.mkdir(exist_ok=True)
    config = folder / "config.toml"
    config.write_text(CONFIG.format(emulator.endpoint))
    code, _, err = run("scan", "--config", str(config), "--output", str(folder / "out"), *arguments)
    assert code in (0, 1, 3), err
    return [] if arguments else accounts(folder / "out")


def accounts(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "report.json").read_text("utf-8"))["accounts"]
    for account in found:
        del account["seconds"]
    return found


def asked(emulator: AzureEmulator, end: str) -> int:
    return sum(count for (_, path), count in emulator.azure.calls.items() if path.endswith(end))


def test_every_subscription_is_in_the_report_and_few_are_asked(
    emulator: AzureEmulator, run: Run, tmp_path: Path
) -> None:
    found = {one["name"]: one for one in scan(run, emulator, tmp_path / "whole")}
    assert set(found) == {"corp", *(f"corp/{one}" for one in SUBSCRIPTIONS)}
    assert {name for name, one in found.items() if one["clusters"]} == {f"corp/{one}" for one in WITH_CLUSTERS}
    assert {one["completeness"] for one in found.values()} == {"complete"}
    assert [found[f"corp/{one}"]["status"] for one in WITH_CLUSTERS] == ["FAIL", "PASS", "PASS"]
    assert {note["text"].partition(":")[0] for note in found["corp"]["notes"]} == {
        "1 subscription is excluded by exclude_subscriptions",
        "1 subscription is not active",
        "accounts found",
    }
    assert asked(emulator, "/managedClusters") == asked(emulator, "/diagnosticSettings") == len(WITH_CLUSTERS)
    assert asked(emulator, "/workspaces/central") == 1


def test_shards_make_the_same_report(emulator: AzureEmulator, run: Run, tmp_path: Path) -> None:
    whole = scan(run, emulator, tmp_path / "whole")
    for shard in ("1/3", "2/3", "3/3"):
        scan(run, emulator, tmp_path / shard[0], "--shard", shard)
    folders = [str(tmp_path / number / "out") for number in "123"]
    code, _, err = run("report", "merge", *folders, "--output", str(tmp_path / "merged"))
    assert code == 1, err
    assert accounts(tmp_path / "merged") == whole


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", "Microsoft.ResourceGraph", status=403, code="AccessDenied"),
        Fault("status", "Microsoft.ResourceGraph", status=429, headers={"Retry-After": "0"}),
        Fault("status", "Microsoft.ResourceGraph", status=500),
        Fault("truncate", "Microsoft.ResourceGraph"),
        Fault("body", "Microsoft.ResourceGraph", status=200, body="<html>"),
        Fault("drop", "Microsoft.ResourceGraph"),
        Fault("status", "/permissions", status=403, code="AuthorizationFailed"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_graph_in_trouble_changes_no_finding(emulator: AzureEmulator, run: Run, tmp_path: Path, fault: Fault) -> None:
    calm = scan(run, emulator, tmp_path / "calm")
    emulator.azure.calls.clear()
    emulator.azure.faults.append(fault)
    found = scan(run, emulator, tmp_path / "storm")
    expected = {one["name"]: one["clusters"] for one in calm}
    stormy = {one["name"]: one["clusters"] for one in found}
    extra = "corp/00000041-3333-4444-5555-666677778888"
    assert {**stormy, extra: []} == {**expected, extra: []}
    assert asked(emulator, "/managedClusters") >= len(SUBSCRIPTIONS)
    [corp] = [one for one in found if one["name"] == "corp"]
    assert [note for note in corp["notes"] if "listed itself" in note["text"]]


def test_an_organisation_that_nobody_lists_is_unknown(emulator: AzureEmulator, run: Run, tmp_path: Path) -> None:
    emulator.azure.deny("*")
    [corp] = scan(run, emulator, tmp_path / "denied")
    assert (corp["name"], corp["completeness"], corp["status"]) == ("corp", "failed", "UNKNOWN")
    permissions = {one["permission"] for one in corp["failures"]}
    assert "Microsoft.Management/managementGroups/descendants/read" in permissions
