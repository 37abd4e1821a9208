"""The GKE provider under the engine, with a whole organisation as its one account."""

from __future__ import annotations

import os
import time

from providers import load
from scanner.engine import AccountPlan
from tests.bench.gcp_shape import ORGANIZATION
from tests.bench.product import report_passing


def main() -> None:
    """Read and judge all clusters of the organisation, and print what it took."""
    began = time.perf_counter()
    provider = load("gke")
    grpc = os.environ["BENCH_GRPC"]
    options = {
        "organization": ORGANIZATION.removeprefix("organizations/"),
        "endpoints": {
            "container": grpc,
            "logging": grpc,
            "resource_manager": grpc,
            "logging_rest": os.environ["BENCH_REST"],
        },
    }
    report_passing(AccountPlan("bench", provider, provider.options.model_validate(options)), began)


if __name__ == "__main__":
    main()
