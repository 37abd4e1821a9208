"""A whole AWS organisation: the EKS provider's discovery and reading, the engine, the journal and both reports."""

from __future__ import annotations

import os
from typing import Final

from scanner.cli.configs import organization_provider
from scanner.engine import OrganizationPlan
from scanner.model import ScanSettings
from tests.bench.whole_scan import scan_and_report

OPTIONS: Final = "BENCH_ORGANIZATION"
"""The environment variable that holds the organisation's keys, as JSON."""

CALLS_AT_ONCE: Final = 64
ACCOUNTS_AT_ONCE: Final = 32


def main() -> None:
    """Scan and report, and print what it took."""
    provider = organization_provider("eks")
    options = provider.organization_options.model_validate_json(os.environ[OPTIONS])
    settings = ScanSettings(max_calls=CALLS_AT_ONCE, concurrency=ACCOUNTS_AT_ONCE)
    scan_and_report(OrganizationPlan("corp", provider, options), settings)


if __name__ == "__main__":
    main()
