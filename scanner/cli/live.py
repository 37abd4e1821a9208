"""The live display of a scan on a terminal, drawn by rich."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from scanner.cli.estimate import Estimate, worded
from scanner.model import AccountResult, AccountStatus, ClusterResult, ScanResult, Status
from scanner.model.summary import Summary, ordered_accounts, ordered_clusters, verdict

_STYLES = {Status.PASS: "green", Status.FAIL: "bold red", Status.UNKNOWN: "yellow", Status.SKIP: "dim"}
_ACCOUNT_STYLES = {AccountStatus.COMPLETE: "green", AccountStatus.PARTIAL: "yellow", AccountStatus.FAILED: "bold red"}
_WAITS_SHOWN = 6
_LINES_SHOWN = 20


@contextlib.contextmanager
def live_display(stream: IO[str]) -> Iterator[LiveDisplay]:
    """Draw the display until the scan is done."""
    shown = LiveDisplay(Console(file=stream, stderr=True))
    shown.start()
    try:
        yield shown
    finally:
        shown.end()


class LiveDisplay:
    """Accounts done, clusters found, and what is being waited for now."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._console = console
        self._estimate = Estimate()
        self._statuses: Counter[Status] = Counter()
        self._waits: dict[str, str] = {}
        self._stopping = ""
        self._lock = threading.Lock()
        self._bar = Progress(
            TextColumn("accounts"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._task = self._bar.add_task("accounts", total=None, left="")
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=8, transient=True)

    def start(self) -> None:
        """Begin to draw."""
        self._live.start()

    def end(self) -> None:
        """Take the display away; ending it twice is harmless."""
        self._live.stop()

    def accounts_known(self, number: int, *, all_of_them: bool) -> None:
        """Count towards so many accounts."""
        self._estimate.accounts_known(number, all_of_them=all_of_them)
        self._bar.update(self._task, total=number)

    def resumed(self, journal: str, finished: int) -> None:
        """Keep on the screen that an earlier scan is gone on with."""
        self._console.print(Text(f"goes on with {journal}: accounts finished already: {finished:,}"))

    def started_anew(self, journal: str, was: str) -> None:
        """Keep on the screen that what an earlier scan left is not gone on with."""
        self._console.print(Text(f"starts anew: {journal} was {was}", style="yellow"))

    def account_started(self, account: str) -> None:
        """Show that an account is being read."""
        with self._lock:
            self._estimate.account_started(account)
        self.waiting(account, "starting")

    def waiting(self, account: str, what: str) -> None:
        """Show what an account waits for."""
        with self._lock:
            self._waits[account] = what

    def cluster_found(self, account: str, cluster: ClusterResult) -> None:
        """Count a cluster."""
        with self._lock:
            self._statuses[cluster.status] += 1
            self._waits[account] = f"{cluster.ref.location}: {cluster.ref.name}".removeprefix(": ")

    def account_finished(self, result: AccountResult) -> None:
        """Count an account, and keep what could not be read of it on the screen."""
        with self._lock:
            self._waits.pop(result.name, None)
            self._estimate.account_done(result.name)
        self._bar.update(self._task, advance=1)
        for failure in result.failures:
            line = Text(f"{result.name}: {failure.scope}: {failure.operation}: {failure.reason}", style="yellow")
            self._console.print(line)

    def bug(self, account: str, trace: str) -> None:
        """Show the traceback of a mistake of ours."""
        self._console.print(Text(f"{account}: a bug in k8s-audit-coverage\n{trace}", style="red"))

    def stopping(self, signal_name: str) -> None:
        """Show that the scan is being stopped."""
        self._stopping = f"{signal_name}: stopping; the report will say what was not scanned (again to quit at once)"

    def summary(self, result: ScanResult, written: Sequence[str], code: int) -> None:
        """Print what the scan came to: the verdict, the worst clusters, where the reports are."""
        self.end()
        counts = result.summary
        self._console.print(Text(verdict(counts, result.interrupted), style="bold"))
        self._console.print(_counts(counts))
        for account, cluster in _worst(result, _LINES_SHOWN):
            place = "/".join(part for part in (account, cluster.ref.location, cluster.ref.name) if part)
            line = Text(f"{cluster.status.value:8}", style=_STYLES[cluster.status])
            self._console.print(line.append(f"{place}: ", style="bold").append(cluster.message, style="default"))
        bad = counts.clusters[Status.FAIL] + counts.clusters[Status.UNKNOWN]
        if bad > _LINES_SHOWN:
            self._console.print(f"… and {bad - _LINES_SHOWN:,} more in the report")
        for path in written:
            self._console.print(Text(f"report: {path}"), soft_wrap=True)
        if code:
            self._console.print(Text(f"exit code {int(code)}", style="dim"))

    def _draw(self) -> Group:
        """Draw the bar, the clusters found, and the waits."""
        table = Table.grid(padding=(0, 2))
        with self._lock:
            statuses, waits = dict(self._statuses), list(self._waits.items())
            left = self._estimate.seconds_left()
        self._bar.update(self._task, left="" if left is None else f"about {worded(left)} left")
        found = Text(f"clusters {sum(statuses.values())}")
        for status in Status:
            if statuses.get(status):
                found.append(f"  {statuses[status]} {status.value}", style=_STYLES[status])
        for account, what in waits[:_WAITS_SHOWN]:
            table.add_row(Text(account, style="cyan", overflow="ellipsis"), Text(what, overflow="ellipsis"))
        if len(waits) > _WAITS_SHOWN:
            table.add_row(Text(f"… {len(waits) - _WAITS_SHOWN} more", style="dim"))
        stopping = [Text(self._stopping, style="bold yellow")] if self._stopping else []
        return Group(self._bar, found, table, *stopping)


def _worst(result: ScanResult, most: int) -> list[tuple[str, ClusterResult]]:
    """Give the first few clusters that fail, then of those that are unknown, each with its account's name."""
    found: list[tuple[str, ClusterResult]] = []
    for status in (Status.FAIL, Status.UNKNOWN):
        for account in ordered_accounts(result):
            if account.statuses.get(status) and len(found) < most:
                of_it = ((account.name, one) for one in ordered_clusters(account) if one.status is status)
                found += islice(of_it, most - len(found))
    return found


def _counts(summary: Summary) -> Text:
    """Write the counts on one line."""
    line = Text("clusters:")
    for status, number in summary.clusters.items():
        if number:
            line.append(f" {number} {status.value}", style=_STYLES[status])
    line.append("  accounts:", style="default")
    for state, number in summary.completeness.items():
        if number:
            line.append(f" {number} {state.value}", style=_ACCOUNT_STYLES[state])
    return line
