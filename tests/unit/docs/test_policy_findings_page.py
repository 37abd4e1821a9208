"""The page on findings: each is explained, and its examples do what the page says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scanner.cli.policy.checking import Options, check
from scanner.cli.policy.inputs import Input
from scanner.knowledge.policy_findings import catalogue

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policy-findings.md"
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def sections() -> dict[str, str]:
    """Give the text of each finding's section."""
    parts = re.split(r"^###? (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {title: text for title, text in zip(parts[::2], parts[1::2], strict=True) if "```" in text}


def found(example: str) -> set[str]:
    """Give the ids that a review of an example finds."""
    result = check([Input("audit-policy.yaml", (HEAD + example).encode(), "", is_named=True)], Options())
    return {one.id for file in result.files for policy in file.policies for one in policy.findings}


def test_the_page_explains_each_finding_in_the_order_of_the_catalogue() -> None:
    assert list(sections()) == list(catalogue())


@pytest.mark.parametrize("entry", catalogue().values(), ids=lambda entry: entry.id)
def test_a_section_says_what_the_catalogue_says(entry: object) -> None:
    known = next(one for one in catalogue().values() if one is entry)
    text = " ".join(sections()[known.id].split())
    assert text.startswith(f"*{known.title}* ({known.severity}). {' '.join(known.why.split())}")
    assert known.help == f"docs/policy-findings.md#{known.id}"


@pytest.mark.parametrize("kind", catalogue())
def test_the_first_example_has_the_finding_and_the_second_one_has_not(kind: str) -> None:
    wrong, mended = re.findall(r"^```yaml\n(.*?)^```$", sections()[kind], re.MULTILINE | re.DOTALL)
    assert kind in found(wrong)
    assert kind not in found(mended)
    assert "policy-refused" not in found(mended)
