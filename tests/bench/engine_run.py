"""One made-up organisation through the engine, the journal and both reports, as ``scan`` runs them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from scanner.cli.output import Output
from scanner.engine import EngineOutcome, OrganizationPlan, scan_accounts
from scanner.journal import Journal, RunRecord
from scanner.model import RuleSettings, ScanResult, ScanSettings
from tests.bench.measure import report
from tests.bench.organization import MadeUp, MadeUpOrganization
from tests.bench.silent import Silent

ACCOUNTS = "BENCH_ACCOUNTS"
CALLS_AT_ONCE = 128


async def _scan(provider: MadeUp, journal: Journal) -> EngineOutcome:
    """Look through the organisation and scan what is found."""
    plan = OrganizationPlan("corp", provider, MadeUpOrganization(accounts=int(os.environ[ACCOUNTS])))
    return await scan_accounts(
        [plan],
        journal.run.scan,
        journal.run.rule,
        started=journal.run.started,
        progress=Silent(),
        stop=asyncio.get_running_loop().create_future(),
        spool=journal,
    )


def main() -> None:
    """Scan and report, and print what it took."""
    settings = ScanSettings(max_calls=CALLS_AT_ONCE, concurrency=16)
    run = RunRecord("bench", "", datetime.now(UTC), settings, RuleSettings())
    provider = MadeUp()
    began = time.perf_counter()
    with TemporaryDirectory() as folder:
        journal = Journal.begin(Path(folder) / "journal.jsonl", run, resume=False)
        outcome = asyncio.run(_scan(provider, journal))
        scanned = time.perf_counter() - began
        result = ScanResult("bench", run.started, datetime.now(UTC), run.rule, "", outcome.accounts)
        Output(folder).write_reports(result, ["json", "html"])
        sizes = {name: (Path(folder) / name).stat().st_size for name in ("journal.jsonl", "report.json", "report.html")}
        sys.stderr.write(f"  {', '.join(f'{name} {size / 1e6:.1f} MB' for name, size in sizes.items())}\n")
        report(began, result.summary.total_clusters, calls=provider.calls, scanned=scanned)


if __name__ == "__main__":
    main()
