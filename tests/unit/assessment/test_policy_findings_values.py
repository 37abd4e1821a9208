"""Values of rules that match nothing, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scanner.assessment.policy_findings import review
from scanner.audit_policy.reader import load
from scanner.model import PolicyFinding, PolicySeverity

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("value_findings.yaml").read_text("utf-8"))
OF_THE_WHOLE = {"category-below-grade", "capability-not-recorded", "no-catch-all", "secrets-in-log"}


def reviewed(rule: str, version: str | None = None) -> list[PolicyFinding]:
    """Give the findings on a rule in front of a catch-all, those on the policy as a whole left out."""
    text = f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {rule}\n- level: Metadata\n"
    return [one for one in review(load(text.encode()), kubernetes_version=version) if one.id not in OF_THE_WHOLE]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_a_value_that_matches_nothing_is_named_with_the_reason_and_what_to_write(case: dict[str, Any]) -> None:
    found = [
        {"id": one.id, "severity": one.severity.value, "path": one.path, "message": one.message, "advice": one.advice}
        for one in reviewed(case["rule"])
    ]
    assert found == case["findings"]


def test_a_resource_that_an_older_kubernetes_still_has_is_left_alone() -> None:
    rule = "{level: Request, resources: [{group: policy, resources: [podsecuritypolicies]}]}"
    assert reviewed(rule, "v1.24.3") == []
    assert [(one.id, one.severity) for one in reviewed(rule, "1.25")] == [("removed-resource", PolicySeverity.INFO)]


def test_any_api_group_is_told_of_only_where_no_version_is_known() -> None:
    rule = '{level: Metadata, resources: [{group: apps}, {group: "*", resources: [secret, pods]}]}'
    assert [(one.id, one.path) for one in reviewed(rule)] == [("needs-newer-kubernetes", "rules[0].resources[1].group")]
    assert reviewed(rule, "1.36") == []
