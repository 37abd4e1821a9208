"""The HTML report in a real browser, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from scanner.reports import load
from tests.unit.reports.sample_result import large_result, sample_result

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed at /usr/bin/chromium: make browser"),
]


@dataclass
class Watched:
    """A page, and all that the browser asked for or complained about on its way to it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._request)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective))"
        )

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text}")

    def shown(self) -> list[str]:
        """Give the names of the clusters that are not filtered out, in order."""
        names: list[str] = self.page.locator("#list > article:visible h3").all_text_contents()
        return [name[:20] for name in names]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    text = "".join(load("html").render(sample_result(interrupted="SIGTERM after 17 seconds")))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield launched
        launched.close()


def open_report(browser: Browser, report: Path, **options: Any) -> Watched:  # noqa: ANN401 - Playwright's own options
    context: BrowserContext = browser.new_context(offline=True, **{"viewport": DESKTOP, **options})
    watched = Watched(context.new_page())
    watched.page.goto(report.as_uri())
    return watched


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Watched]:
    watched = open_report(browser, report)
    yield watched
    watched.page.context.close()


WORST_FIRST = [
    "<script>document.tit",
    "bare-metal",
    "shadowed",
    "batch",
    "prod⟨U+202E⟩gpj.exe⟨",
    "analytics",
    "x" * 20,
    "prod",
    "payments",
    "try",
]


def test_one_request_no_complaint_and_hostile_names_do_nothing(opened: Watched, report: Path) -> None:
    opened.page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    opened.page.wait_for_timeout(200)
    assert opened.requests == [report.as_uri()]
    assert opened.complaints == []
    assert opened.page.title() == "FAIL: Kubernetes audit coverage, 2026-11-02 07:00:00 UTC"
    assert opened.page.locator("img, iframe, object, embed, link").count() == 0
    assert opened.shown() == WORST_FIRST


def test_the_policy_stops_a_script_that_is_not_ours(browser: Browser, report: Path, tmp_path: Path) -> None:
    """The second line of defence: even markup that got through would not run."""
    injected = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    page = tmp_path / "injected.html"
    page.write_text(report.read_text(encoding="utf-8").replace("<main>", f"<main>{injected}"), encoding="utf-8")
    watched = open_report(browser, page)
    watched.page.wait_for_timeout(200)
    assert watched.page.title() != "owned"
    assert "error: CSP script-src-elem" in watched.complaints
    assert "error: CSP script-src-attr" in watched.complaints
    assert "error: CSP img-src" in watched.complaints
    watched.page.context.close()


@pytest.mark.parametrize(
    ("control", "value", "clusters", "counts"),
    [
        ("status", "UNKNOWN", ["prod⟨U+202E⟩gpj.exe⟨", "analytics"], "2 of 10 clusters, 4 of 6 accounts"),
        ("status", "SKIP", [], "0 of 10 clusters, 1 of 6 accounts"),
        ("provider", "self_managed", ["bare-metal", "shadowed"], "2 of 10 clusters, 1 of 6 accounts"),
        ("account", "sandbox", ["try"], "1 of 10 clusters, 1 of 6 accounts"),
        ("account", "acquired", [], "0 of 10 clusters, 1 of 6 accounts"),
    ],
)
def test_a_choice_filters_clusters_and_accounts(
    opened: Watched, control: str, value: str, clusters: list[str], counts: str
) -> None:
    opened.page.select_option(f"#filter [name={control}]", label=value)
    assert opened.shown() == clusters
    assert opened.page.inner_text("#filter output") == f"Showing {counts}"
    assert opened.page.locator("#none").is_visible() is (not clusters)


@pytest.mark.parametrize(
    ("text", "clusters"),
    [
        ("ANALYTICS", ["analytics"]),
        ("log types not enabled", ["batch"]),
        ("cluster/payments", ["payments"]),
        ("eu-west-1", ["batch", "payments"]),
        ("<script>", ["<script>document.tit"]),
        ("gap: exported", ["<script>document.tit", "bare-metal", "batch"]),
        ("nothing like it", []),
    ],
)
def test_words_filter_by_name_place_message_and_id(opened: Watched, text: str, clusters: list[str]) -> None:
    opened.page.fill("#filter [name=text]", text)
    assert opened.shown() == clusters
    opened.page.fill("#filter [name=text]", "")
    assert opened.shown() == WORST_FIRST


def test_clusters_sort_and_go_back(opened: Watched) -> None:
    opened.page.select_option("#filter [name=sort]", "name")
    assert opened.shown()[1:6] == ["analytics", "bare-metal", "batch", "payments", "prod"]
    opened.page.select_option("#filter [name=sort]", "account")
    assert opened.shown()[3:5] == ["bare-metal", "shadowed"]
    opened.page.select_option("#filter [name=sort]", "place")
    assert opened.shown()[-1] == "analytics"
    opened.page.select_option("#filter [name=sort]", "worst")
    assert opened.shown() == WORST_FIRST


def test_accounts_sort_by_their_headers_with_the_keyboard(opened: Watched) -> None:
    header = opened.page.get_by_role("columnheader", name="Status")
    header.get_by_role("button").focus()
    opened.page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert opened.page.locator("#account-table tbody th").first.inner_text().startswith("empty")
    opened.page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    statuses = opened.page.locator("#account-table tbody .badge").all_inner_texts()
    assert statuses == ["FAIL", "FAIL", "FAIL", "UNKNOWN", "UNKNOWN", "SKIP"]


def test_details_open_with_the_keyboard(opened: Watched) -> None:
    cluster = opened.page.locator("article", has=opened.page.locator("h3", has_text="batch"))
    code = cluster.get_by_text("aws eks update-cluster-config")
    assert not code.is_visible()
    cluster.locator("summary").first.focus()
    opened.page.keyboard.press("Enter")
    assert code.is_visible()
    evidence = cluster.get_by_text("eks:DescribeCluster").first
    assert not evidence.is_visible()
    cluster.get_by_text("Evidence", exact=True).click()
    assert evidence.is_visible()


def test_a_link_to_a_cluster_opens_it(opened: Watched) -> None:
    opened.page.locator(".todo a", has_text="analytics").click()
    target = opened.page.locator("article:target")
    assert target.locator("h3").inner_text() == "analytics"
    assert target.locator("table.chain").is_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, report: Path, *, javascript: bool) -> None:
    text = report.read_text(encoding="utf-8").replace("<details", "<details open")
    unfolded = report.with_name(f"unfolded-{javascript}.html")
    unfolded.write_text(text, encoding="utf-8")
    for path in (report, unfolded):
        watched = open_report(
            browser, path, viewport=PHONE, is_mobile=True, has_touch=True, java_script_enabled=javascript
        )
        width = watched.page.locator("html").evaluate("html => html.scrollWidth")
        assert width == PHONE["width"]
        watched.page.context.close()


def test_without_javascript_all_is_there_but_the_filter(browser: Browser, report: Path) -> None:
    watched = open_report(browser, report, java_script_enabled=False)
    assert not watched.page.locator("#filter").is_visible()
    assert watched.shown() == WORST_FIRST
    watched.page.locator("article summary").nth(0).click()
    assert watched.page.locator("article table.chain").first.is_visible()
    watched.page.context.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_print_unfolds_everything_and_leaves_the_filter_out(
    browser: Browser, report: Path, *, javascript: bool
) -> None:
    watched = open_report(browser, report, java_script_enabled=javascript)
    hidden = watched.page.get_by_text("the policy that EKS runs makes an event").first
    assert hidden.bounding_box() is None or not hidden.is_visible()
    watched.page.emulate_media(media="print")
    assert hidden.is_visible()
    assert not watched.page.locator("#filter").is_visible()
    assert watched.page.locator("article table.chain:visible").count() == len(WORST_FIRST)
    watched.page.context.close()


def test_a_browser_that_cannot_unfold_by_style_unfolds_by_script_and_folds_again(opened: Watched) -> None:
    folded = opened.page.locator("details:not([open])")
    before = folded.count()
    opened.page.evaluate("CSS.supports = () => false; dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == 0
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() == before > 10


def test_dark_and_light_follow_the_reader(browser: Browser, report: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        watched = open_report(browser, report, color_scheme=scheme)
        grounds.append(watched.page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))
        watched.page.context.close()
    assert grounds == ["rgb(252, 252, 251)", "rgb(20, 23, 26)"]


def test_each_state_has_a_shape_of_its_own(opened: Watched) -> None:
    """Colour alone must not tell a gap from what is sound."""
    shapes = [
        opened.page.locator(f".key i.{state}").evaluate(
            "i => ['borderRadius', 'clipPath', 'transform', 'backgroundSize'].map(k => getComputedStyle(i)[k]).join()"
        )
        for state in "ogun"
    ]
    assert len(set(shapes)) == 4


def test_thousands_of_clusters_filter_while_one_types(browser: Browser, tmp_path: Path) -> None:
    """2,000 clusters: a keystroke is answered well within a second even on a slow machine."""
    path = tmp_path / "large.html"
    path.write_text("".join(load("html").render(large_result(2_000))), encoding="utf-8")
    watched = open_report(browser, path)
    measured: list[float] = watched.page.evaluate(
        """() => ["c", "cluster-00", "eu-west-1 gap"].map((text) => {
             const input = document.querySelector("[name=text]"), start = performance.now();
             input.value = text;
             input.dispatchEvent(new Event("input", { bubbles: true }));
             document.body.offsetHeight;
             return performance.now() - start;
           })"""
    )
    assert watched.page.inner_text("#filter output") == "Showing 325 of 2,000 clusters, 25 of 50 accounts"
    assert max(measured) < 1_000
    watched.page.context.close()
