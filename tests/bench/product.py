"""The EKS provider under the engine, as a scan runs them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from providers import load
from scanner.engine import AccountPlan, EngineOutcome, scan_accounts
from scanner.journal import Journal, RunRecord
from scanner.model import AccountResult, RuleSettings, ScanSettings
from tests.bench.measure import report
from tests.bench.silent import Silent


async def _scan(plans: Sequence[AccountPlan], journal: Journal) -> EngineOutcome:
    """Scan accounts with the usual settings."""
    return await scan_accounts(
        plans,
        ScanSettings(),
        RuleSettings(),
        started=journal.run.started,
        progress=Silent(),
        stop=asyncio.get_running_loop().create_future(),
        spool=journal,
    )


@contextmanager
def scanned(plans: Sequence[AccountPlan]) -> Iterator[Sequence[AccountResult]]:
    """Scan accounts with the usual settings, and give their results, which are read from the journal on disk."""
    run = RunRecord("bench", "", datetime.now(UTC), ScanSettings(), RuleSettings())
    with TemporaryDirectory() as folder:
        journal = Journal.begin(Path(folder) / "journal.jsonl", run, resume=False)
        yield asyncio.run(_scan(plans, journal)).accounts


def report_passing(plan: AccountPlan, began: float) -> None:
    """Scan an account all of which is read and passes, and print what it took; end the program where it is not so."""
    with scanned([plan]) as [account]:
        if account.failures:
            raise SystemExit(str(account.failures[:3]))
        strange = [cluster for cluster in account.clusters if cluster.status != "PASS"]
        if strange:
            raise SystemExit(strange[0].message)
        report(began, len(account.clusters))


def main() -> None:
    """Read and judge all clusters of the account, and print what it took."""
    began = time.perf_counter()
    provider = load("eks")
    with scanned([AccountPlan("bench", provider, provider.options())]) as [account]:
        if account.failures:
            raise SystemExit(str(account.failures))
        report(began, len(account.clusters))


if __name__ == "__main__":
    main()
