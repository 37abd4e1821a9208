"""The EKS provider under the engine, as a scan runs them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from providers import load
from scanner.engine import AccountPlan, EngineOutcome, scan_accounts
from scanner.model import AccountResult, ClusterResult, RuleSettings, ScanSettings
from tests.bench.measure import report


class _Silent:
    """Progress that is shown to nobody."""

    def account_started(self, account: str) -> None: ...

    def waiting(self, account: str, what: str) -> None: ...

    def cluster_found(self, account: str, cluster: ClusterResult) -> None: ...

    def account_finished(self, result: AccountResult) -> None: ...

    def bug(self, account: str, trace: str) -> None:
        raise SystemExit(f"{account}: {trace}")


async def scan(plans: list[AccountPlan]) -> EngineOutcome:
    """Scan accounts with the usual settings."""
    return await scan_accounts(
        plans,
        ScanSettings(),
        RuleSettings(),
        started=datetime.now(UTC),
        progress=_Silent(),
        stop=asyncio.get_running_loop().create_future(),
    )


def main() -> None:
    """Read and judge all clusters of the account, and print what it took."""
    began = time.perf_counter()
    provider = load("eks")
    [account] = asyncio.run(scan([AccountPlan("bench", provider, provider.options())])).accounts
    if account.failures:
        raise SystemExit(str(account.failures))
    report(began, len(account.clusters))


if __name__ == "__main__":
    main()
