"""One made-up organisation through the engine, the journal and both reports."""

from __future__ import annotations

import os

from scanner.engine import OrganizationPlan
from scanner.model import ScanSettings
from tests.bench.organization import MadeUp, MadeUpOrganization
from tests.bench.whole_scan import scan_and_report

ACCOUNTS = "BENCH_ACCOUNTS"
CALLS_AT_ONCE = 128


def main() -> None:
    """Scan and report, and print what it took."""
    provider = MadeUp()
    plan = OrganizationPlan("corp", provider, MadeUpOrganization(accounts=int(os.environ[ACCOUNTS])))
    scan_and_report(plan, ScanSettings(max_calls=CALLS_AT_ONCE, concurrency=16), lambda: provider.calls)


if __name__ == "__main__":
    main()
