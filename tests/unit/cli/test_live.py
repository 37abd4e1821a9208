"""The live display: what a person at a terminal sees."""

from __future__ import annotations

import io
import json

from rich.console import Console

from scanner.assessment import assess
from scanner.cli.live import LiveDisplay
from scanner.cli.progress import LogLines
from scanner.model import AccountResult, ClusterResult, CollectionFailure, FailureKind, RuleSettings, ScanResult
from tests.unit.assessment.build import channel, eks
from tests.unit.test_engine import STARTED

RULE = RuleSettings()
DENIED = CollectionFailure(
    FailureKind.PERMISSION,
    "region eu-west-1",
    "eks:ListClusters",
    "AccessDeniedException",
    permission="eks:ListClusters",
)


def live(accounts: int = 2) -> tuple[LiveDisplay, Console, io.StringIO]:
    """Build a display on a terminal that is a string."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system=None, width=160, height=40, legacy_windows=False)
    display = LiveDisplay(console)
    display.accounts_known(accounts, all_of_them=True)
    return display, console, stream


def passing() -> ClusterResult:
    return assess(eks(channel("audit"), channel("authenticator")), RULE)


def failing(name: str = "bad") -> ClusterResult:
    off = [channel(log, exported="gap", delivered="n/a") for log in ("audit", "authenticator")]
    return assess(eks(*off, name=name), RULE)


def drawn(display: LiveDisplay, console: Console) -> str:
    """Draw the display as it stands now."""
    with console.capture() as capture:
        console.print(display._draw())
    return capture.get()


def test_it_shows_accounts_done_clusters_found_and_waits() -> None:
    display, console, _ = live()
    display.account_started("prod")
    display.waiting("prod", "eu-west-1: eks:ListClusters")
    assert "eu-west-1: eks:ListClusters" in drawn(display, console)
    assert "0/2" in drawn(display, console)
    display.cluster_found("prod", passing())
    display.cluster_found("prod", failing())
    assert "clusters 2  1 PASS  1 FAIL" in drawn(display, console)
    assert "eu-west-1: bad" in drawn(display, console)
    display.account_finished(AccountResult("prod", "eks", "", (passing(), failing()), (), (), 1.0))
    text = drawn(display, console)
    assert "1/2" in text
    assert "eu-west-1: bad" not in text


def test_it_shows_no_more_waits_than_fit() -> None:
    display, console, _ = live(9)
    for number in range(9):
        display.account_started(f"account-{number}")
    text = drawn(display, console)
    assert "account-5" in text
    assert "account-6" not in text
    assert "… 3 more" in text


def test_markup_in_names_is_text() -> None:
    display, console, _ = live()
    display.waiting("[red]x[/red]", "[bold]y")
    assert "[red]x[/red]" in drawn(display, console)


def test_it_says_that_it_is_stopping() -> None:
    display, console, _ = live()
    display.stopping("SIGINT")
    assert "SIGINT: stopping; the report will say what was not scanned" in drawn(display, console)


def test_failures_and_bugs_stay_on_the_screen() -> None:
    display, _, stream = live()
    display.account_finished(AccountResult("prod", "eks", "", (), (DENIED,), (), 1.0))
    display.bug("prod", "Traceback …")
    assert "prod: region eu-west-1: eks:ListClusters: AccessDeniedException" in stream.getvalue()
    assert "prod: a bug in k8s-audit-coverage\nTraceback …" in stream.getvalue()


def test_the_summary_names_the_worst_first_and_the_reports() -> None:
    display, _, stream = live()
    display.start()
    clusters = (passing(), *(failing(f"bad-{number:02}") for number in range(25)))
    account = AccountResult("prod", "eks", "", clusters, (), (), 1.0)
    result = ScanResult("1", STARTED, STARTED, RULE, "d", (account,))
    display.summary(result, ["reports/report.html"], 1)
    text = stream.getvalue()
    assert "In 25 of 26 clusters the audit log would not show a break-in." in text
    assert "clusters: 1 PASS 25 FAIL  accounts: 1 complete" in text
    assert "FAIL    prod/eu-west-1/bad-00: Kubernetes audit logging is not configured." in text
    assert "bad-20" not in text
    assert "… and 5 more in the report" in text
    assert "report: reports/report.html" in text
    assert "exit code 1" in text


def test_it_says_how_long_the_rest_will_take_once_that_can_be_told() -> None:
    display, console, _ = live(40)
    assert "left" not in drawn(display, console)
    display._estimate._began -= 30
    for number in range(10):
        display.account_finished(AccountResult(f"a-{number}", "eks", "", (), (), (), 1.0))
    text = drawn(display, console)
    assert "10/40" in text
    assert "about 1 min 30 s left" in text


def test_it_says_nothing_more_of_the_rest_while_an_account_hangs() -> None:
    display, console, _ = live(11)
    display.account_started("hangs")
    display._estimate._began -= 30
    for number in range(10):
        display.account_finished(AccountResult(f"a-{number}", "eks", "", (), (), (), 1.0))
    assert "about 3 s left" in drawn(display, console)
    display._estimate._under_way["hangs"] -= 10
    text = drawn(display, console)
    assert "10/11" in text
    assert "left" not in text


def test_it_says_what_it_goes_on_with() -> None:
    display, _, stream = live()
    display.resumed("reports/journal.jsonl", 1200)
    display.started_anew("reports/journal.jsonl", "of a scan that began at 2026-11-02 05:30:00 UTC")
    assert "goes on with reports/journal.jsonl: accounts finished already: 1,200" in stream.getvalue()
    assert "starts anew: reports/journal.jsonl was of a scan that began at 2026-11-02 05:30:00 UTC" in stream.getvalue()


def test_the_log_says_how_many_are_done_and_how_long_the_rest_will_take() -> None:
    stream = io.StringIO()
    log = LogLines(stream)
    log.accounts_known(8, all_of_them=False)
    log._estimate._began -= 8
    for number in range(4):
        if number == 3:
            log.accounts_known(20, all_of_them=True)
        log.account_finished(AccountResult(f"a-{number}", "eks", "", (), (), (), 1.0))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["done"], line["of"]) for line in lines] == [(1, 8), (2, 8), (3, 8), (4, 20)]
    assert [line.get("seconds_left") for line in lines] == [None, None, None, 32]
