"""The documentation says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import providers
from providers.aks.clouds import CLOUDS
from providers.self_managed.options import ClusterOptions
from scanner.config import OutputSettings
from scanner.model import Grade, Link, RequestCategory, RuleSettings, ScanSettings, Settings, Status
from scanner.reports import formats

REPOSITORY = Path(__file__).resolve().parents[3]
PAGES = sorted([REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *(REPOSITORY / "docs").glob("*.md")])


def text(name: str) -> str:
    return (REPOSITORY / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("table", "model"), [("scan", ScanSettings), ("rule", RuleSettings), ("output", OutputSettings)]
)
def test_every_setting_stands_in_the_configuration_page_with_its_default(table: str, model: type[Settings]) -> None:
    part = text("docs/configuration.md").split(f"## `[{table}]`")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", part, re.MULTILINE))
    expected = {}
    for name, field in model.model_fields.items():
        default = [str(one) for one in field.default] if isinstance(field.default, tuple | list) else field.default
        shown = str(default).lower() if isinstance(default, bool | int | float) else f"`{default!r}`".replace("'", '"')
        expected[name] = shown
    if model is OutputSettings:
        expected["formats"] = '`["json", "html"]`'
    assert rows == expected


@pytest.mark.parametrize("kind", providers.kinds())
def test_every_option_of_a_provider_stands_in_its_page(kind: str) -> None:
    page = text(f"docs/{kind.replace('_', '-')}.md")
    missing = [name for name in providers.load(kind).options.model_fields if f"`{name}`" not in page]
    assert missing == []


def test_the_page_of_aks_names_every_cloud_with_its_hosts() -> None:
    page = text("docs/aks.md")
    rows = {
        name: [
            one.strip(" `")
            for one in next(line for line in page.splitlines() if line.startswith(f"| `{name}` |")).split("|")[2:-1]
        ]
        for name in CLOUDS
    }
    assert rows == {
        name: [
            cloud.resource_manager,
            cloud.authority,
            cloud.audience.removesuffix(".default"),
            cloud.log_analytics,
        ]
        for name, cloud in CLOUDS.items()
    }


def test_every_key_of_a_self_managed_cluster_stands_in_its_page() -> None:
    page = text("docs/self-managed.md")
    assert [name for name in ClusterOptions.model_fields if f"`{name}`" not in page] == []


def test_the_rule_page_names_every_word_of_the_model() -> None:
    page = text("docs/rule.md")
    words = [*RequestCategory, *Link, *Status, *(grade.label for grade in Grade)]
    assert [word for word in words if str(word) not in page] == []


def test_every_format_is_named_in_the_readme() -> None:
    readme = text("README.md").lower()
    assert [name for name in formats() if name not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert missing == []


def test_the_readme_has_two_commands_that_are_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", text("README.md"), re.MULTILINE))
    assert named == {"demo", "test"}
    assert named <= targets
