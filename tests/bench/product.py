"""The EKS provider under the engine, as a scan runs them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from providers import load
from scanner.engine import AccountPlan, EngineOutcome, scan_accounts
from scanner.journal import Journal, RunRecord
from scanner.model import RuleSettings, ScanSettings
from tests.bench.measure import report
from tests.bench.silent import Silent


async def _scan(journal: Journal) -> EngineOutcome:
    """Scan the one account."""
    provider = load("eks")
    return await scan_accounts(
        [AccountPlan("bench", provider, provider.options())],
        ScanSettings(),
        RuleSettings(),
        started=journal.run.started,
        progress=Silent(),
        stop=asyncio.get_running_loop().create_future(),
        spool=journal,
    )


def main() -> None:
    """Read and judge all clusters of the account, and print what it took."""
    began = time.perf_counter()
    run = RunRecord("bench", "", datetime.now(UTC), ScanSettings(), RuleSettings())
    with TemporaryDirectory() as folder:
        journal = Journal.begin(Path(folder) / "journal.jsonl", run, resume=False)
        [account] = asyncio.run(_scan(journal)).accounts
        if account.failures:
            raise SystemExit(str(account.failures))
        report(began, len(account.clusters))


if __name__ == "__main__":
    main()
