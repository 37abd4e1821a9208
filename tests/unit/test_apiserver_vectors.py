"""What kube-apiserver 1.36.2 did with 35 combinations of flags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.apiserver import Argument, configure
from scanner.errors import FlagError

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "apiserver_flags.json").read_text(encoding="utf-8")
)
OF_FILES = {  # refused for what a file holds, or for its absence: not a matter of flags
    "bad-level",
    "empty-file",
    "invalid-policy-no-backend",
    "log-path-is-dir",
    "missing-file",
    "v1beta1",
    "webhook-config-missing",
    "zero-rules",
}


def test_there_are_35_cases() -> None:
    assert len(CASES) == 35


@pytest.mark.parametrize("case", [case for case in CASES if case["started"]], ids=lambda case: str(case["case"]))
def test_flags_with_which_it_starts(case: dict[str, Any]) -> None:
    configuration = configure([Argument(flag) for flag in case["flags"]], "1.36.2")
    recorded = sum(len(probe["events"]) for probe in case["probe"])
    carried = recorded + case.get("webhook_events", 0) + (case["log_bytes"] or 0)
    assert configuration.records is bool(carried) or case["case"] == "policy-and-webhook-dead"
    assert (configuration.log is not None and configuration.log.path.value != "-") is case["log_exists"]


@pytest.mark.parametrize("case", [case for case in CASES if not case["started"]], ids=lambda case: str(case["case"]))
def test_flags_with_which_it_does_not_start(case: dict[str, Any]) -> None:
    arguments = [Argument(flag) for flag in case["flags"]]
    if case["case"] in OF_FILES:
        assert configure(arguments, "1.36.2").policy_file is not None
        return
    with pytest.raises(FlagError) as caught:
        configure(arguments, "1.36.2")
    said = " ".join(case["stderr_tail"]).replace("\\", "").replace("a/directory/", "")
    assert caught.value.what in said
