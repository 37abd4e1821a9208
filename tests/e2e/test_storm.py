"""A storm of faults over an organisation: the accounts that it misses are reported as on a calm day, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.aws import AwsEmulator, Group, faults, role_arn, running
from tests.emulators.aws.faults import Answer
from tests.unit.cli.test_commands import Run, run

__all__ = ["run"]  # the fixture

CALM = ("100000000001", "500000000005", "900000000009")
LISTS = ("sts:AssumeRole", "sts:GetCallerIdentity", "ec2:DescribeRegions", "eks:ListClusters")
READS = ("eks:DescribeCluster", "logs:DescribeLogGroups", "logs:DescribeSubscriptionFilters", "logs:DescribeLogStreams")
FAULTS: dict[str, Callable[[], Answer]] = {
    "denied": faults.deny,
    "throttled": faults.throttle,
    "server error": faults.server_error,
    "no answer in time": lambda: faults.stall(60),
    "reset": faults.drop,
    "malformed": lambda: faults.body(b'{"clusters": 7, "cluster": [], "logGroups": {}', 200),
    "empty": lambda: faults.body(b"{}"),
    "expired": lambda: faults.error(
        403, "ExpiredTokenException", "The security token included in the request is expired"
    ),
}
STORM = {
    (action, fault): f"{number:012}"
    for number, (action, fault) in enumerate(
        ((action, fault) for action in (*LISTS, *READS) for fault in FAULTS), start=200_000_000_000
    )
}
"""Each call meets each fault in an account of its own."""

# The time a call may take is long enough for every call that is answered at all, on a machine with much else to do.
HEAD = "[scan]\nretries = 0\ncall_timeout = 10.0\nconcurrency = 32\nmax_calls = 32\n[rule]\nobserve = true\n"


@pytest.fixture
def aws() -> Iterator[AwsEmulator]:
    with running() as emulator:
        for account in (*CALM, *STORM.values()):
            group = Group(retention_days=90)
            emulator.add_regions(account, "eu-west-1")
            emulator.add_cluster(account, "eu-west-1", "main", enabled=["audit", "authenticator"], group=group)
        yield emulator


def scanned(run: Run, folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Scan accounts, and give what the report says of each, but for how long it took."""
    config = folder / "config.toml"
    tables = (
        f'[[account]]\nname = "{account}"\nprovider = "eks"\nrole_arn = "{role_arn(account)}"\n' for account in names
    )
    config.write_text(HEAD + "".join(tables))
    _, out, err = run("scan", "--config", str(config), "--format", "json", "--output", "-")
    bugs = [json.loads(line) for line in err.splitlines() if '"event": "bug"' in line]
    assert bugs == []
    report = json.loads(out)
    return {account["name"]: {**account, "seconds": 0} for account in report["accounts"]}


def test_a_storm_changes_no_finding_of_the_accounts_that_it_misses(
    run: Run, aws: AwsEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    calm = scanned(run, tmp_path, CALM)
    for (action, fault), account in STORM.items():
        # The hub's account makes the call that assumes a role, so that one is known by the role.
        hit_by = {"role": role_arn(account)} if action == "sts:AssumeRole" else {"account": account}
        aws.inject(FAULTS[fault](), action, **hit_by)
    stormy = scanned(run, tmp_path, [*CALM, *STORM.values()])
    assert list(stormy) == sorted([*CALM, *STORM.values()])
    for account in CALM:
        assert json.dumps(stormy[account], indent=2) == json.dumps(calm[account], indent=2)
        assert stormy[account]["clusters"]
    for (action, fault), account in STORM.items():
        hit = stormy[account]
        assert hit["status"] == "UNKNOWN" or _is_beside_the_verdict(action, hit), (action, fault, hit["status"])
        said = json.dumps(hit)
        assert action in said, (action, fault)


def _is_beside_the_verdict(action: str, hit: dict[str, Any]) -> bool:
    """Say whether what could not be read decides nothing, and is unknown where it is reported."""
    return action in READS and '"unknown"' in json.dumps(hit)
