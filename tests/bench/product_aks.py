"""The AKS provider under the engine, with a whole management group as its one account."""

from __future__ import annotations

import os
import time

from providers import load
from scanner.engine import AccountPlan
from tests.bench.fake_azure import MANAGEMENT_GROUP
from tests.bench.product import report_passing


def main() -> None:
    """Read and judge all clusters of the management group, and print what it took."""
    began = time.perf_counter()
    provider = load("aks")
    host = os.environ["BENCH_HOST"]
    options = {"management_group": MANAGEMENT_GROUP, "endpoints": {"resource_manager": host, "authority": host}}
    report_passing(AccountPlan("bench", provider, provider.options.model_validate(options)), began)


if __name__ == "__main__":
    main()
