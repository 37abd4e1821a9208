"""SARIF 2.1.0, which code scanning services read.

Source: OASIS, *Static Analysis Results Interchange Format Version 2.1.0*; where GitHub asks for more than it, GitHub's
*SARIF support for code scanning*.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from scanner import __version__
from scanner.audit_policy.types import Position
from scanner.cli.policy.checking import CheckedFile, CheckedPolicy, CheckResult
from scanner.cli.policy.inputs import STDIN_NAME
from scanner.cli.policy.rendering.json_form import shown
from scanner.knowledge.policy_findings import CatalogueEntry, catalogue
from scanner.model import PolicyFinding, PolicySeverity

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {
    PolicySeverity.ERROR: "error",
    PolicySeverity.WARNING: "warning",
    PolicySeverity.INFO: "note",
}
_ROOT: Final = "%SRCROOT%"
_FINGERPRINT: Final = "k8sAuditCoverage/v1"

Json = dict[str, Any]


def render(result: CheckResult) -> str:
    """Give the result as one SARIF log in ASCII, with a line break at its end."""
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": list(_notifications(result))}],
        "results": list(_results(result)),
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, allow_nan=False, indent=2) + "\n"


def _driver() -> Json:
    """Describe the tool and everything that it can find."""
    return {
        "name": "k8s-audit-coverage",
        "semanticVersion": __version__,
        "rules": [_rule(entry) for entry in catalogue().values()],
    }


def _rule(entry: CatalogueEntry) -> Json:
    """Describe one kind of finding."""
    return {
        "id": entry.id,
        "name": "".join(word.capitalize() for word in entry.id.split("-")),
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.why},
        "help": {"text": f"{entry.why} See {entry.help}."},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
        "properties": {"tags": ["kubernetes", "audit", "security"], "documentation": entry.help},
    }


def _results(result: CheckResult) -> Iterator[Json]:
    """Give a result for each finding."""
    numbers = {name: index for index, name in enumerate(catalogue())}
    seen: Counter[str] = Counter()
    for file in result.files:
        for policy in file.policies:
            for one in policy.findings:
                identity = "\0".join((_uri(file.path), policy.where, one.id, one.path, one.message))
                seen[identity] += 1
                yield {
                    "ruleId": one.id,
                    "ruleIndex": numbers[one.id],
                    "level": _LEVELS[one.severity],
                    "message": {"text": _message(policy, one)},
                    "locations": [_location(file, policy.place(one))],
                    "partialFingerprints": {_FINGERPRINT: _digest(f"{identity}\0{seen[identity]}")},
                }


def _message(policy: CheckedPolicy, finding: PolicyFinding) -> str:
    """Say what is wrong, in which part of the file, and how to mend it."""
    where = f"{policy.where}: " if policy.where else ""
    return shown(f"{where}{finding.message}. {finding.advice}.")


def _digest(identity: str) -> str:
    """Give a fingerprint that stays the same while lines move."""
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _notifications(result: CheckResult) -> Iterator[Json]:
    """Say what could not be read, and what is to be said of a policy's place."""
    for file in result.files:
        for part in file.unreadable:
            where = f"{part.where}: " if part.where else ""
            text = shown(f"{file.path}: {where}{part.why}")
            yield {"level": "warning", "message": {"text": text}, "locations": [_location(file, part.position)]}
        for policy in file.policies:
            for notice in policy.notices:
                text = shown(f"{file.path}: {notice}")
                yield {"level": "note", "message": {"text": text}, "locations": [_location(file, policy.position)]}


def _location(file: CheckedFile, position: Position) -> Json:
    """Point into a file."""
    uri = _uri(file.path)
    artifact = {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": _ROOT}
    region = {"startLine": position.line, "startColumn": position.column}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _uri(path: str) -> str:
    """Give a file's URI: relative to the working directory where it lies below it."""
    if path == STDIN_NAME:
        return quote(path)
    relative = os.path.relpath(path)
    if relative == os.pardir or relative.startswith(os.pardir + os.sep):
        return f"file://{quote(os.fsencode(Path(path).absolute()))}"
    return quote(os.fsencode(relative))
