"""The form for other programs: versioned apart from the product's own types, the same for the same files.

Its structure is described by ``scanner/reports/schema/policy-check-1.schema.json``. Within version 1 fields are added,
never renamed or removed.
"""

from __future__ import annotations

import json
from typing import Any, Final

from scanner import __version__
from scanner.audit_policy.extraction import Unreadable
from scanner.audit_policy.types import Level
from scanner.cli.policy.checking import CheckedFile, CheckedPolicy, CheckResult
from scanner.model import CapabilityCoverage, CategoryCoverage, PolicyCoverage, PolicyFinding, PolicySeverity

SCHEMA_VERSION: Final = "1.0"
SCHEMA_FILE: Final = "policy-check-1.schema.json"

Json = dict[str, Any]


def render(result: CheckResult) -> str:
    """Give the result as one JSON object in ASCII, with a line break at its end."""
    return json.dumps(_result(result), allow_nan=False, indent=2) + "\n"


def shown(text: str) -> str:
    """Give a name that every JSON reader takes; bytes that are no UTF-8 are shown escaped."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _result(result: CheckResult) -> Json:
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": "k8s-audit-coverage",
        "tool_version": __version__,
        "options": {
            "grade": result.options.grade,
            "stages": result.options.stages,
            "kubernetes_version": result.options.kubernetes_version,
        },
        "summary": {
            "files_searched": result.files_read,
            "policies": result.policies,
            **{f"{severity.value}_findings": result.count(severity) for severity in PolicySeverity},
            "unreadable": result.unreadable,
        },
        "files": [_file(file) for file in result.files],
    }


def _file(file: CheckedFile) -> Json:
    return {
        "path": shown(file.path),
        "policies": [_policy(policy) for policy in file.policies],
        "unreadable": [_unreadable(part) for part in file.unreadable],
    }


def _unreadable(part: Unreadable) -> Json:
    return {
        "where": shown(part.where),
        "line": part.position.line,
        "column": part.position.column,
        "why": shown(part.why),
    }


def _policy(policy: CheckedPolicy) -> Json:
    return {
        "where": shown(policy.where),
        "line": policy.position.line,
        "column": policy.position.column,
        "loads": policy.policy is not None,
        "rules": len(policy.policy.rules) if policy.policy else None,
        "notices": list(policy.notices),
        "findings": [_finding(one) for one in policy.findings],
        "coverage": _coverage(policy.coverage) if policy.coverage else None,
    }


def _finding(finding: PolicyFinding) -> Json:
    position = finding.position
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "message": shown(finding.message),
        "advice": shown(finding.advice),
        "path": shown(finding.path),
        "line": position.line if position else None,
        "column": position.column if position else None,
    }


def _coverage(coverage: PolicyCoverage) -> Json:
    return {
        "categories": {category.value: _category(one) for category, one in coverage.categories.items()},
        "capabilities": {one.capability.value: _capability(one) for one in coverage.capabilities},
        "blind_spots": [
            {"identity": shown(spot.identity), "grave": spot.grave, "what": shown(spot.what)}
            for spot in coverage.blind_spots
        ],
    }


def _category(one: CategoryCoverage) -> Json:
    return {
        "grade": one.grade.label,
        "level": _level(one.level),
        "stages_kept": [stage.value for stage in one.stages_kept],
        "stages_omitted": [stage.value for stage in one.stages_omitted],
        "lacks": {grade.label: shown(text) for grade, text in one.lacks.items()},
    }


def _capability(one: CapabilityCoverage) -> Json:
    return {"recorded": one.recorded.value, "level": _level(one.level), "reason": shown(one.reason)}


def _level(level: Level | None) -> str | None:
    return None if level is None else level.label
