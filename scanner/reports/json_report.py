"""The JSON report: for other programs, versioned apart from the product's own types.

Its structure is described by ``schema/report-1.schema.json``. Within version 1 fields are added, never renamed or
removed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

from scanner.model import (
    AccountResult,
    BlindSpot,
    CapabilityCoverage,
    ClusterResult,
    CollectionFailure,
    Evidence,
    Fact,
    Finding,
    Link,
    LinkCheck,
    Note,
    Remediation,
    RuleSettings,
    ScanResult,
)
from scanner.model.check import CHECK
from scanner.model.summary import (
    MissingPermission,
    Summary,
    ordered_accounts,
    ordered_clusters,
    ordered_failures,
)
from scanner.ports import ReportFormat

SCHEMA_VERSION: Final = "1.0"
SCHEMA_FILE: Final = "report-1.schema.json"

Json = dict[str, Any]

# Characters that would act on a terminal or reorder a line when the file is shown; JSON's own escapes say the same.
_ACTING: Final = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# Lone surrogates stand for the bytes of a file name that is not UTF-8, and have no place in JSON.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class JsonReport:
    """The format ``json``."""

    name = "json"
    filename = "report.json"

    def render(self, result: ScanResult) -> Iterator[str]:
        """Give the report as one JSON object, indented, with a line break at its end; a cluster is one piece."""
        yield from _object_with_list(_head(result), "accounts", map(_account_pieces, ordered_accounts(result)), 0)
        yield "\n"


FORMAT: Final[ReportFormat] = JsonReport()


def schema() -> Json:
    """Give the JSON Schema (2020-12) of the report."""
    text = (resources.files("scanner.reports") / "schema" / SCHEMA_FILE).read_text(encoding="utf-8")
    loaded: Json = json.loads(text)
    return loaded


def _object_with_list(head: Json, name: str, items: Iterable[Iterable[str]], depth: int) -> Iterator[str]:
    """Write an object whose last field is a list of things that come in pieces, as ``json.dumps`` would."""
    indent = "  " * depth
    closing = f"\n{indent}}}"
    yield f'{_text(head, depth).removesuffix(closing)},\n{indent}  "{name}": ['
    separator, end = f"\n{indent}    ", "]"
    for pieces in items:
        yield separator
        yield from pieces
        separator, end = f",\n{indent}    ", f"\n{indent}  ]"
    yield f"{end}{closing}"


def _text(value: Json, depth: int) -> str:
    """Write a value as it stands at some depth; text in JSON holds no line break, so every one is the layout's."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).replace("\n", "\n" + "  " * depth)
    text = _SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text)
    return _ACTING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _account_pieces(account: AccountResult) -> Iterator[str]:
    """Write one account, a cluster at a time."""
    clusters = ([_text(_cluster(cluster), 4)] for cluster in ordered_clusters(account))
    return _object_with_list(_account(account), "clusters", clusters, 2)


def _head(result: ScanResult) -> Json:
    summary = result.summary
    return {
        "schema_version": SCHEMA_VERSION,
        "check": _check(),
        "run": _run(result),
        "rule": _rule(result.rule),
        "status": result.status.value,
        "summary": _summary(summary),
        "permissions_missing": [_missing_permission(missing) for missing in summary.permissions_missing],
    }


def _check() -> Json:
    return {
        "id": CHECK.id,
        "title": CHECK.title,
        "severity": CHECK.severity,
        "severity_reason": CHECK.severity_reason,
        "references": [
            {"standard": reference.standard, "control": reference.control, "title": reference.title}
            for reference in CHECK.references
        ],
    }


def _run(result: ScanResult) -> Json:
    return {
        "tool": "k8s-audit-coverage",
        "tool_version": result.tool_version,
        "started": _time(result.started),
        "finished": _time(result.finished),
        "config_digest": result.config_digest,
        "interrupted": result.interrupted or None,
    }


def _rule(rule: RuleSettings) -> Json:
    return {
        "grade": rule.grade,
        "stages": rule.stages,
        "min_retention_days": rule.min_retention_days,
        "links": [link.value for link in rule.links],
        "observe": rule.observe,
        "lookback_hours": rule.lookback_hours,
    }


def _summary(summary: Summary) -> Json:
    return {
        "clusters": {
            "total": summary.total_clusters,
            **{status.value: count for status, count in summary.clusters.items()},
        },
        "accounts": {
            "total": summary.total_accounts,
            **{status.value: count for status, count in summary.accounts.items()},
            **{completeness.value: count for completeness, count in summary.completeness.items()},
        },
        "gap_links": summary.gap_links,
        "unknown_links": summary.unknown_links,
        "failures": summary.failures,
    }


def _missing_permission(missing: MissingPermission) -> Json:
    return {
        "permission": missing.permission,
        "provider": missing.provider,
        "accounts": list(missing.accounts),
        "clusters": missing.clusters,
    }


def _account(account: AccountResult) -> Json:
    return {
        "name": account.name,
        "provider": account.provider,
        "account_id": account.account_id or None,
        "status": account.status.value,
        "completeness": account.completeness.value,
        "seconds": round(account.seconds, 3),
        "failures": [_failure(failure) for failure in ordered_failures(account)],
        "notes": [_note(note.note) for note in account.notes],
    }


def _failure(failure: CollectionFailure) -> Json:
    return {
        "kind": failure.kind.value,
        "scope": failure.scope,
        "operation": failure.operation,
        "reason": failure.reason,
        "hint": failure.hint or None,
        "permission": failure.permission or None,
        "whole_account": failure.whole_account,
    }


def _cluster(cluster: ClusterResult) -> Json:
    ref = cluster.ref
    return {
        "provider": ref.provider,
        "account": ref.account,
        "account_id": ref.account_id or None,
        "location": ref.location,
        "name": ref.name,
        "id": ref.id,
        "version": ref.version,
        "status": cluster.status.value,
        "message": cluster.message,
        "categories": [_category(finding) for finding in cluster.findings],
        "capabilities": [_capability(coverage) for coverage in cluster.capabilities],
        "blind_spots": [_blind_spot(spot) for spot in cluster.blind_spots],
        "facts": [_fact(fact) for fact in cluster.facts],
        "notes": [_note(note) for note in cluster.notes],
        "remediation": [_remediation(remediation) for remediation in cluster.remediations],
    }


def _category(finding: Finding) -> Json:
    return {
        "category": finding.category.value,
        "status": finding.status.value,
        "grade": "unknown" if finding.grade is None else finding.grade.label,
        "at_least": finding.at_least.label,
        "at_most": finding.at_most.label,
        "level": None if finding.level is None else finding.level.label,
        "stages_kept": [stage.value for stage in finding.stages_kept],
        "stages_omitted": [stage.value for stage in finding.stages_omitted],
        "lacks": finding.lacks or None,
        "message": finding.message,
        "links": [_link(link, finding.links[link]) for link in Link],
    }


def _link(link: Link, check: LinkCheck) -> Json:
    return {
        "link": link.value,
        "state": check.state.value,
        "reason": check.reason,
        "permission": check.permission or None,
        "evidence": _evidence(check.evidence),
    }


def _capability(coverage: CapabilityCoverage) -> Json:
    return {
        "capability": coverage.capability.value,
        "recorded": coverage.recorded.value,
        "level": None if coverage.level is None else coverage.level.label,
        "reason": coverage.reason,
    }


def _blind_spot(spot: BlindSpot) -> Json:
    return {
        "identity": spot.identity,
        "grave": spot.grave,
        "what": spot.what,
        "evidence": _evidence([spot.evidence]),
    }


def _fact(fact: Fact) -> Json:
    return {"name": fact.name, "value": fact.value, "evidence": _evidence([fact.evidence])}


def _note(note: Note) -> Json:
    return {"severity": note.severity.value, "text": note.text, "evidence": _evidence(note.evidence)}


def _remediation(remediation: Remediation) -> Json:
    return {
        "title": remediation.title,
        "text": remediation.text,
        "code": remediation.code or None,
        "language": remediation.language,
    }


def _evidence(evidence: Iterable[Evidence]) -> list[Json]:
    return [{"source": item.source, "locator": item.locator, "value": item.value} for item in evidence]


def _time(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
