"""The JSON report: its text against a golden file, its structure against the schema that is shipped."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanner.model import (
    AccountStatus,
    Capability,
    FailureKind,
    Grade,
    Link,
    LinkState,
    Recorded,
    RequestCategory,
    ScanResult,
    Status,
)
from scanner.reports.json_report import FORMAT, SCHEMA_VERSION, schema
from tests.unit.reports.sample_result import (
    HOSTILE_BIDI,
    HOSTILE_NAME,
    eks,
    no_backend,
    sample_accounts,
    sample_result,
)

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "report.json"
DOCUMENT = ROOT / "docs" / "report.md"
Schema = dict[str, Any]
BEGIN, END = "<!-- fields: written from the schema -->\n", "<!-- end of fields -->\n"


def report(result: ScanResult | None = None) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads("".join(FORMAT.render(result or sample_result())))
    return loaded


def clusters(loaded: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cluster["name"]: cluster for account in loaded["accounts"] for cluster in account["clusters"]}


def test_the_report_is_the_golden_one() -> None:
    """Set UPDATE_GOLDEN=1 to write the file anew after a change that is meant."""
    text = "".join(FORMAT.render(sample_result(interrupted="SIGTERM")))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_schema_is_sound_and_the_golden_report_fits_it() -> None:
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema())
    loaded = json.loads(GOLDEN.read_text(encoding="utf-8"))
    validator(schema(), format_checker=validator.FORMAT_CHECKER).validate(loaded)
    assert loaded["schema_version"] == SCHEMA_VERSION == "1.0"


@pytest.mark.parametrize("path", [(), ("run",), ("accounts", 0), ("accounts", 0, "clusters", 0)])
def test_the_schema_refuses_a_field_it_does_not_know_and_a_missing_one(path: tuple[str | int, ...]) -> None:
    loaded = report()
    inner: Any = loaded
    for step in path:
        inner = inner[step]
    inner["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(loaded, schema())
    del inner["surprise"]
    inner.popitem()
    with pytest.raises(jsonschema.ValidationError, match="required"):
        jsonschema.validate(loaded, schema())


def objects(node: Schema, name: str) -> dict[str, Schema]:
    """Find each object type of the schema, by its path or its name among the definitions."""
    found: dict[str, Schema] = {}
    if node.get("type") == "object":
        found[name] = node
    for key, value in node.get("properties", {}).items():
        found |= objects(value, f"{name}.{key}" if name != "report" else key)
    for key, value in node.get("$defs", {}).items():
        found |= objects(value, key)
    return found


def test_every_object_is_closed_and_every_field_is_described_and_required() -> None:
    types = objects(schema(), "report")
    assert len(types) == 20
    for name, described in types.items():
        assert described["additionalProperties"] is False, name
        assert described["required"] == list(described["properties"]), name
        for key, field in described["properties"].items():
            assert field["description"].endswith("."), f"{name}.{key}"


def gather(node: Schema, at: object, seen: dict[str, list[object]], name: str) -> None:
    """Gather every value of the report under the schema's object type and field that it belongs to."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        node = schema()["$defs"][name]
    if isinstance(at, list):
        for item in at:
            gather(node["items"], item, seen, name)
    elif isinstance(at, dict):
        for key, value in at.items():
            seen.setdefault(f"{name}.{key}", []).append(value)
            gather(node["properties"][key], value, seen, key if name == "report" else f"{name}.{key}")


def test_every_field_of_the_schema_occurs_with_a_value_in_the_golden_report() -> None:
    """A field that no sample fills could be broken without a test that fails."""
    seen: dict[str, list[object]] = {}
    gather(schema(), json.loads(GOLDEN.read_text(encoding="utf-8")), seen, "report")
    types = objects(schema(), "report")
    assert set(seen) == {f"{name}.{key}" for name, described in types.items() for key in described["properties"]}
    assert [name for name, found in seen.items() if all(value in (None, []) for value in found)] == []


@pytest.mark.parametrize(
    ("definition", "field", "expected"),
    [
        ("link", "link", list(Link)),
        ("link", "state", list(LinkState)),
        ("category", "category", list(RequestCategory)),
        ("category", "at_least", [grade.label for grade in Grade]),
        ("category", "grade", [*(grade.label for grade in Grade), "unknown"]),
        ("category", "status", list(Status)),
        ("capability", "capability", list(Capability)),
        ("capability", "recorded", list(Recorded)),
        ("failure", "kind", list(FailureKind)),
        ("account", "completeness", list(AccountStatus)),
    ],
)
def test_the_schema_allows_what_the_model_knows(definition: str, field: str, expected: list[str]) -> None:
    assert schema()["$defs"][definition]["properties"][field]["enum"] == expected


def test_the_text_is_the_same_whatever_the_order_in_which_accounts_answered() -> None:
    result = sample_result()
    shuffled = tuple(
        replace(account, clusters=account.clusters[::-1], failures=account.failures[::-1])
        for account in reversed(sample_accounts())
    )
    assert "".join(FORMAT.render(replace(result, accounts=shuffled))) == "".join(FORMAT.render(result))


def test_the_sentence_of_the_rule_is_quoted() -> None:
    bare = clusters(report())["bare-metal"]
    assert bare["message"] == (
        "Kubernetes audit logging is not configured. "
        "kube-apiserver does not specify --audit-log-path or --audit-policy-file."
    )
    assert bare["categories"][0]["links"][0] == {
        "link": "generated",
        "state": "gap",
        "reason": "kube-apiserver does not specify --audit-policy-file",
        "permission": None,
        "evidence": [
            {
                "source": "hosts/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml",
                "locator": "spec.containers[0].command",
                "value": "kube-apiserver --authorization-mode=Node,RBAC",
            }
        ],
    }


def test_an_open_grade_is_unknown_between_its_bounds() -> None:
    category = clusters(report())["analytics"]["categories"][0]
    assert (category["grade"], category["at_least"], category["at_most"]) == ("unknown", "none", "complete")
    assert category["level"] is None
    assert category["links"][2]["permission"] == "logs:DescribeLogGroups"


def test_times_are_utc_whatever_the_zone_they_were_taken_in() -> None:
    zone = timezone(timedelta(hours=2))
    run = report(replace(sample_result(), started=datetime(2026, 11, 2, 9, 0, tzinfo=zone)))["run"]
    assert run["started"] == "2026-11-02T07:00:00.000Z"
    assert run["interrupted"] is None


def test_names_that_are_hostile_on_a_terminal_are_escaped_and_read_back_whole() -> None:
    text = "".join(FORMAT.render(sample_result()))
    assert not set("\u202e\u2066\u200b\x1b\x00\ud800") & set(text)
    text.encode("utf-8")
    names = clusters(json.loads(text))
    assert HOSTILE_NAME in names
    assert HOSTILE_BIDI.replace("\ud800", "\\ud800") in names


def test_letters_of_any_script_stay_legible() -> None:
    accounts = (replace(sample_accounts()[0], clusters=(no_backend(eks("Zürich-東京")),)),)
    assert '"name": "Zürich-東京"' in "".join(FORMAT.render(replace(sample_result(), accounts=accounts)))


def test_infinity_cannot_be_written() -> None:
    accounts = (replace(sample_accounts()[0], seconds=float("inf")),)
    with pytest.raises(ValueError, match="Out of range float"):
        "".join(FORMAT.render(replace(sample_result(), accounts=accounts)))


def fields_markdown() -> str:
    """Write the schema's objects as tables, one for each."""
    parts = []
    for name, described in objects(schema(), "report").items():
        rows = "\n".join(
            f"| `{key}` | {kind(field)} | {field['description']} |" for key, field in described["properties"].items()
        )
        parts.append(
            f"### `{name}`\n\n{described['description']}\n\n| field | holds | meaning |\n|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def kind(field: Schema) -> str:
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if field.get("type") == "array":
        return f"list of {kind(field['items'])}"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    types = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return " or ".join(types)


def test_the_document_describes_every_field_as_the_schema_does() -> None:
    """Set UPDATE_GOLDEN=1 to write the tables anew after a change that is meant."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    tables, after = rest.split(END)
    if os.environ.get("UPDATE_GOLDEN"):
        tables = fields_markdown()
        DOCUMENT.write_text(f"{before}{BEGIN}{tables}{END}{after}", encoding="utf-8")
    assert tables == fields_markdown()
