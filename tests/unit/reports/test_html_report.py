"""The HTML report: all of it is there without a browser's help, and nothing in it acts."""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import closing
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scanner.journal import Journal, RunRecord
from scanner.model import AccountResult, RuleSettings, ScanResult, ScanSettings, Status
from scanner.reports import formats, load
from scanner.reports.html_report import FORMAT
from scanner.reports.html_report.view import build
from tests.unit.reports.page import Page
from tests.unit.reports.sample_result import (
    HOSTILE_ACCOUNT,
    HOSTILE_BIDI,
    HOSTILE_NAME,
    LONG_NAME,
    POLICY_ADVICE,
    eks,
    large_result,
    not_switched_on,
    sample_accounts,
    sample_result,
    short_retention,
    sound_cluster,
)


@pytest.fixture(scope="module")
def html() -> str:
    return "".join(FORMAT.render(sample_result(interrupted="SIGTERM after 17 seconds")))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def result_of(*accounts: AccountResult) -> ScanResult:
    return replace(sample_result(), accounts=accounts)


def one_account(name: str = "one", **changes: object) -> AccountResult:
    account = AccountResult(name, "eks", "", (), (), (), 1.0)
    return replace(account, **changes)  # type: ignore[arg-type] # a field of any type, in tests


def sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_allows_the_one_style_sheet_and_the_one_script_by_hash(page: Page) -> None:
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    style, script = sha256(page.raw["style"]), sha256(page.raw["script"])
    rest = "base-uri 'none'; form-action 'none'"
    assert policies == [f"default-src 'none'; style-src '{style}'; script-src '{script}'; {rest}"]
    assert page.tags.count("style") == page.tags.count("script") == 1


def test_nothing_is_loaded_and_nothing_acts(page: Page) -> None:
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "style", "action", "ping", "data", "poster"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert attributes.get("href", "#").startswith("#"), tag
    assert not re.search(r"url\(|@import|https?:", page.raw["style"])
    assert not re.search(r"fetch|XMLHttp|innerHTML|eval|https?:", page.raw["script"])


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {link["href"].removeprefix("#") for link in page.all("a")}
    labelled = {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes}
    assert links | labelled <= set(ids)
    assert {"c1", "r1"} <= links


def test_every_element_is_closed_where_it_was_opened(page: Page) -> None:
    assert page.unclosed == []


def test_a_reader_finds_language_headings_landmarks_and_table_headers(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    headings = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    assert [page.tags.count(tag) for tag in ("header", "main", "footer")] == [1, 1, 1]
    assert {header.get("scope") for header in page.all("th")} == {"row", "col"}


def test_hostile_names_are_text(page: Page) -> None:
    assert HOSTILE_NAME in page.text
    assert HOSTILE_ACCOUNT in page.text
    assert LONG_NAME in page.text
    assert "img" not in page.tags
    assert page.tags.count("svg") == 1


def test_characters_that_hide_or_reorder_are_shown_by_number(html: str, page: Page) -> None:
    assert "prod⟨U+202E⟩gpj.exe⟨U+2066⟩⟨U+001B⟩[31m⟨U+0000⟩⟨U+000A⟩second line⟨U+200B⟩⟨U+D800⟩" in page.text
    assert not set("\u202e\u2066\u200b\x1b\x00\ud800") & set(html)
    html.encode("utf-8")


def poisoned(value: object, text: str) -> Any:  # noqa: ANN401 - the same type as it was given
    """Replace every text in a result, wherever it stands; enums and numbers stay."""
    if isinstance(value, str) and not isinstance(value, StrEnum):
        return text
    if isinstance(value, tuple):
        return tuple(poisoned(item, text) for item in value)
    if isinstance(value, dict):
        return {key: poisoned(item, text) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changes = {item.name: poisoned(getattr(value, item.name), text) for item in fields(value)}
        return replace(value, **changes)
    return value


def shape(result: ScanResult) -> list[tuple[str, tuple[str, ...]]]:
    page = Page("".join(FORMAT.render(result)))
    assert page.unclosed == []
    return [(tag, tuple(attributes)) for tag, attributes in page.elements]


HARMLESS = shape(poisoned(sample_result(interrupted="x"), "x"))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(min_size=1, max_size=30))
@example(HOSTILE_NAME)
@example(HOSTILE_ACCOUNT)
@example(HOSTILE_BIDI)
@example("--><!--]]>{% raw %}{{ view }}")
@example("' \" ` = onclick=1 data-x")
def test_no_text_from_outside_changes_the_structure_of_the_page(text: str) -> None:
    """Whatever stands in all texts at once, the elements and their attributes' names are those of a harmless one."""
    assert shape(poisoned(sample_result(interrupted="x"), text)) == HARMLESS


def test_every_message_reason_and_value_is_in_the_page(page: Page) -> None:
    missing = [
        text
        for account in sample_accounts()
        for cluster in account.clusters
        for text in (
            cluster.message,
            *(finding.message for finding in cluster.findings),
            *(finding.lacks for finding in cluster.findings),
            *(link.reason for finding in cluster.findings for link in finding.links.values()),
            *(e.value for finding in cluster.findings for link in finding.links.values() for e in link.evidence),
            *(remedy.code for remedy in cluster.remediations),
            *(remedy.text for remedy in cluster.remediations),
            *(spot.what for spot in cluster.blind_spots),
            *(note.text for note in cluster.notes),
            *(fact.value for fact in cluster.facts),
            *(capability.reason for capability in cluster.capabilities),
        )
        if text not in page.text
    ]
    assert missing == []


def test_the_summary_says_what_the_scan_comes_to(page: Page) -> None:
    assert "In 4 of 10 clusters the audit log would not show a break-in." in page.text
    assert (
        "For 2 more it could not be told. 1 account could not be read. 1 account could be read only in part. "
        "The scan ended early."
    ) in page.text
    assert "The scan was interrupted: SIGTERM after 17 seconds." in page.text
    assert "FAIL: Kubernetes audit coverage, 2026-11-02 07:00:00 UTC" in page.text


def test_the_bar_divides_by_status_and_shows_even_one_of_many() -> None:
    shares = {share.status: (share.count, share.start, share.width) for share in build(sample_result()).bar}
    assert shares == {Status.FAIL: (4, 0, 400), Status.UNKNOWN: (2, 400, 200), Status.PASS: (4, 600, 400)}
    many = (not_switched_on(eks("bad")), *(sound_cluster(eks(f"good-{number}")) for number in range(999)))
    widths = [share.width for share in build(result_of(one_account(clusters=many))).bar]
    assert widths == [8, 0, 999]


def test_what_to_do_first_mends_the_worst_and_the_most() -> None:
    actions = build(sample_result()).actions
    assert [(action.status.value, action.clusters, action.accounts, action.title) for action in actions] == [
        ("FAIL", 3, 2, "Give kube-apiserver an audit policy that records the missing requests"),
        ("FAIL", 1, 1, "Switch on the missing control-plane log types"),
        ("UNKNOWN", 2, 2, "Let the scan read what is missing"),
        ("PASS", 1, 1, "Keep the records long enough"),
    ]
    assert [action.shared for action in actions] == ["r1", "", "r2", ""]


def test_an_action_names_a_few_clusters_and_counts_the_others() -> None:
    clusters = tuple(not_switched_on(eks(f"c-{number}")) for number in range(8))
    (action,) = build(result_of(one_account(clusters=clusters))).actions
    assert [name for _, name in action.links] == ["c-0", "c-1", "c-2", "c-3", "c-4", "c-5"]
    assert (action.clusters, action.more) == (8, 2)
    assert "and 2 more" in "".join(FORMAT.render(result_of(one_account(clusters=clusters))))


def test_clusters_come_worst_first() -> None:
    order = [cluster.status.value for cluster in build(sample_result()).clusters]
    assert order == ["FAIL"] * 4 + ["UNKNOWN"] * 2 + ["PASS"] * 4


def test_a_remedy_that_several_clusters_share_stands_in_the_page_once(page: Page) -> None:
    assert page.text.count(POLICY_ADVICE.code) == 1
    assert page.text.count("Written out once below") == 5


def test_what_is_said_of_several_categories_is_said_once() -> None:
    view = {cluster.ref.name: cluster for cluster in build(sample_result()).clusters}
    assert [(one.link, one.categories) for one in view["batch"].statements] == [
        ("Generated", ""),
        ("Exported", ""),
        ("Delivered", ""),
        ("Retained", ""),
        ("Observed", ""),
    ]
    assert [(one.link, one.bead.state, one.categories) for one in view["shadowed"].statements][:3] == [
        ("Generated", "ok", "Authentication attempts"),
        ("Generated", "gap", "API calls"),
        ("Generated", "gap", "RBAC denials"),
    ]
    assert [chain.short for chain in view["shadowed"].chains] == [
        "complete; unknown: retained",
        "partial; gap: generated; unknown: retained",
        "none; gap: generated; unknown: retained",
    ]
    assert view["analytics"].chains[0].grade == "none to complete"
    assert [(one.titles, one.recorded) for one in view["batch"].recordings] == [
        (
            (
                "Secret reads, pod creation, pod exec, RBAC changes, token requests, deletion of whole collections, "
                "requests under another identity, discovery"
            ),
            "no",
        )
    ]


def test_what_the_next_grade_lacks_is_said_once() -> None:
    """Where the message quotes it already, it does not stand there again."""
    finding = replace(sample_accounts()[0].clusters[2].findings[0], lacks="everything", message="Lacks everything.")
    said = replace(sample_accounts()[0].clusters[2], findings=(finding,))
    assert "Next grade lacks" not in "".join(FORMAT.render(result_of(one_account(clusters=(said,)))))
    unsaid = replace(said, findings=(replace(finding, message="Not covered."),))
    assert "Next grade lacks: everything." in "".join(FORMAT.render(result_of(one_account(clusters=(unsaid,)))))


def test_grave_blind_spots_come_first_and_say_so(page: Page) -> None:
    view = {cluster.ref.name: cluster for cluster in build(sample_result()).clusters}
    assert [spot.identity for spot in view["shadowed"].blind_spots] == ["group system:masters", "user alice"]
    assert "grave group system:masters: every request" in page.text
    assert "grave user alice" not in page.text


def test_remarks_on_accounts_and_accounts_without_clusters_are_in_their_rows(page: Page) -> None:
    assert "cluster blue-green-7 was deleted while it was read" in page.text
    assert page.text.count("no Kubernetes clusters") == 1
    assert "warning node cp-3 differs: --audit-log-path is not set" in page.text


def test_accounts_that_could_not_be_read_at_all_come_before_those_read_in_part() -> None:
    unread = [(one.account, one.failure.scope) for one in build(sample_result()).unread]
    assert unread == [("acquired", "account"), ("sandbox", "region ap-southeast-2"), ("sandbox", "region us-east-1")]


def test_the_page_is_the_same_whatever_the_order_in_which_accounts_answered() -> None:
    result = sample_result()
    shuffled = tuple(
        replace(account, clusters=account.clusters[::-1], failures=account.failures[::-1])
        for account in reversed(result.accounts)
    )
    assert "".join(FORMAT.render(replace(result, accounts=shuffled))) == "".join(FORMAT.render(result))


def test_a_scan_that_found_nothing_has_no_bar_and_no_empty_sections() -> None:
    page = Page("".join(FORMAT.render(result_of(one_account()))))
    assert "No Kubernetes cluster was found." in page.text
    assert "svg" not in page.tags
    for heading in ("Not read", "What to do first", "Missing permissions", "How to do it", "interrupted"):
        assert heading not in page.text


def test_a_cluster_of_a_provider_no_account_names_still_shows() -> None:
    """The list of providers to filter by is that of the accounts; a cluster must not fall out over it."""
    cluster = sound_cluster(replace(eks("stray"), provider="other"))
    page = Page("".join(FORMAT.render(result_of(one_account(clusters=(cluster,))))))
    assert [article["data-p"] for article in page.all("article")] == [""]


def test_the_rule_that_was_used_is_named() -> None:
    result = result_of(one_account(clusters=(short_retention(eks("a")),)))
    text = Page("".join(FORMAT.render(result))).text
    assert "grade minimum, stages outcome, at least 31 days of retention, observed within 48 hours" in text
    rule = RuleSettings(min_retention_days=1, grade="complete", stages="all")
    text = Page("".join(FORMAT.render(replace(result, rule=rule)))).text
    assert "grade complete, stages all, at least 1 day of retention" in text
    assert "observed within" not in text


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_has_the_contrast_that_wcag_aa_asks_for(page: Page, theme: int) -> None:
    """Each colour of text against each ground that it stands on: 4.5 to 1."""
    blocks = re.findall(r":root \{([^}]*)\}", page.raw["style"])
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", blocks[0] + (blocks[theme] if theme else "")))
    pairs = [
        (ink, ground)
        for ground in ("paper", "panel", "wash", "unknown-wash")
        for ink in ("ink", "soft", "link", "unknown", "pass", "skip", "fail")
    ]
    poor = [pair for pair in [*pairs, ("paper", "fail")] if contrast(colours[pair[0]], colours[pair[1]]) < 4.5]
    assert poor == []


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_cluster_takes_little_room() -> None:
    """Thousands of clusters must still be a file that a browser opens: under 6 kB each."""
    large = "".join(FORMAT.render(large_result(300)))
    small = "".join(FORMAT.render(large_result(100)))
    assert (len(large.encode()) - len(small.encode())) / 200 < 6_000


def test_a_page_that_would_be_too_long_gives_the_last_clusters_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is absent, each keeps its place and its anchor, and the page says where the rest stands."""
    result = large_result(60)
    whole = Page("".join(FORMAT.render(result)))
    monkeypatch.setattr("scanner.reports.html_report.view.LAID_OUT", 20)
    page = Page("".join(FORMAT.render(result)))
    rows = [one for one in page.all("article") if one["id"].startswith("c")]
    assert rows == [one for one in whole.all("article") if one["id"].startswith("c")]
    assert [one["id"] for one in rows] == [f"c{number}" for number in range(1, 61)]
    assert len([one for one in page.all("details") if one.get("class") == "c"]) == 20
    assert len([one for one in page.all("p") if one.get("class") == "line"]) == 40
    assert "the last 40 clusters of this order have a line each; their evidence stands in the JSON report" in page.text
    assert all(f"cluster-{number:05}" in page.text for number in range(60))
    assert "have a line each" not in whole.text


def test_a_page_lists_no_more_of_what_was_not_read_than_one_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.reports.html_report.view._UNREAD_SHOWN", 2)
    monkeypatch.setattr("scanner.reports.html_report.view._NAMES_SHOWN", 1)
    failures = sample_result().summary.failures
    text = Page("".join(FORMAT.render(sample_result()))).text
    assert f"{failures - 2} more stand in the JSON report" in text
    assert re.search(r"logs:DescribeLogGroups.* and \d more", text, re.DOTALL)
    monkeypatch.undo()
    assert "more stand in the JSON report" not in Page("".join(FORMAT.render(sample_result()))).text


def test_results_that_are_kept_on_disk_give_the_same_reports(tmp_path: Path) -> None:
    """The journal's results are read when they are asked for; the reports must not tell."""
    result = large_result(40)
    run = RunRecord("0", "", result.started, ScanSettings(), result.rule)
    with closing(Journal.begin(tmp_path / "journal.jsonl", run, resume=False)) as journal:
        for account in reversed((*result.accounts, *sample_accounts())):
            journal.account_began(account.name, account.provider)
            for cluster in reversed(account.clusters):
                journal.cluster(account.name, cluster)
            journal.account_ended(account, final=True)
        kept = replace(result, accounts=journal.accounts())
        memory = replace(result, accounts=(*result.accounts, *sample_accounts()))
        for name in formats():
            assert "".join(load(name).render(kept)) == "".join(load(name).render(memory))
