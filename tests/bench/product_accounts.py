"""The EKS provider under the engine, with many accounts."""

from __future__ import annotations

import asyncio
import time

from providers import load
from scanner.engine import AccountPlan
from tests.bench.accounts import ACCOUNTS
from tests.bench.measure import report
from tests.bench.product import scan


def role_arn(number: int) -> str:
    """Give the role that is assumed in an account."""
    return f"arn:aws:iam::{100_000_000_000 + number}:role/audit-scanner"


def main() -> None:
    """Read and judge all clusters of all accounts, and print what it took."""
    began = time.perf_counter()
    provider = load("eks")
    plans = [
        AccountPlan(f"account-{number}", provider, provider.options.model_validate({"role_arn": role_arn(number)}))
        for number in range(ACCOUNTS)
    ]
    accounts = asyncio.run(scan(plans)).accounts
    failures = [failure for account in accounts for failure in account.failures]
    if failures:
        raise SystemExit(str(failures))
    report(began, sum(len(account.clusters) for account in accounts))


if __name__ == "__main__":
    main()
