"""An organisation through the engine, the journal and both reports, as ``scan`` runs them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from scanner.cli.output import Output
from scanner.engine import EngineOutcome, OrganizationPlan, scan_accounts
from scanner.journal import Journal, RunRecord
from scanner.model import AccountResult, RuleSettings, ScanResult, ScanSettings
from tests.bench.measure import report
from tests.bench.silent import Silent

_TELL_EVERY: Final = 1_000


class _Counting(Silent):
    """Says on standard error how far a long run is."""

    def __init__(self) -> None:
        """Begin with no account."""
        self._began = time.perf_counter()
        self._done = 0

    def account_finished(self, result: AccountResult) -> None:  # noqa: ARG002 - only counted
        """Count an account."""
        self._done += 1
        if self._done % _TELL_EVERY == 0:
            sys.stderr.write(f"  {self._done:,} accounts after {time.perf_counter() - self._began:.0f} s\n")


async def _scan(plan: OrganizationPlan, journal: Journal) -> EngineOutcome:
    """Look through the organisation and scan what is found."""
    return await scan_accounts(
        [plan],
        journal.run.scan,
        journal.run.rule,
        started=journal.run.started,
        progress=_Counting(),
        stop=asyncio.get_running_loop().create_future(),
        spool=journal,
    )


def scan_and_report(plan: OrganizationPlan, settings: ScanSettings, calls: Callable[[], int] = lambda: 0) -> None:
    """Scan and report, and print what it took; `calls` tells afterwards how many there were, where that is known."""
    run = RunRecord("bench", "", datetime.now(UTC), settings, RuleSettings())
    began = time.perf_counter()
    with TemporaryDirectory() as folder:
        journal = Journal.begin(Path(folder) / "journal.jsonl", run, resume=False)
        outcome = asyncio.run(_scan(plan, journal))
        scanned = time.perf_counter() - began
        result = ScanResult("bench", run.started, datetime.now(UTC), run.rule, "", outcome.accounts)
        Output(folder).write_reports(result, ["json", "html"])
        sizes = {name: (Path(folder) / name).stat().st_size for name in ("journal.jsonl", "report.json", "report.html")}
        sys.stderr.write(f"  {', '.join(f'{name} {size / 1e6:.1f} MB' for name, size in sizes.items())}\n")
        report(began, result.summary.total_clusters, calls=calls(), scanned=scanned)
