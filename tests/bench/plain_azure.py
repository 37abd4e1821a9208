"""What anyone would write first with the same SDK: typed lists, then each cluster's settings. The measure for AKS.

It reads workspaces, storage accounts and tables once, as the provider does, and keeps what they say.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable
from typing import Any

from azure.core.rest import HttpRequest
from azure.identity.aio import EnvironmentCredential
from azure.mgmt.containerservice.aio import ContainerServiceClient

from tests.bench.fake_azure import SUBSCRIPTIONS, subscription_id
from tests.bench.measure import report

_INSIGHTS = "providers/Microsoft.Insights/diagnosticSettings?api-version=2021-05-01-preview"


async def _read() -> int:
    """Read all clusters, and give how many have a setting."""
    host = f"https://{os.environ['BENCH_HOST']}"
    credential = EnvironmentCredential(authority=host, disable_instance_discovery=True)
    limit = asyncio.Semaphore(32)
    async with credential, ContainerServiceClient(credential, subscription_id(0), base_url=host) as client:

        async def get(path: str) -> Any:  # noqa: ANN401 - JSON
            async with limit:
                answer = await client.send_request(HttpRequest("GET", path))
                answer.raise_for_status()
                return answer.json()

        lists = [_clusters(credential, host, number, limit) for number in range(SUBSCRIPTIONS)]
        clusters = [cluster for found in await asyncio.gather(*lists) for cluster in found]
        settings = await asyncio.gather(*(get(f"{cluster.id}/{_INSIGHTS}") for cluster in clusters))
        places = {
            properties.get("workspaceId") or properties.get("storageAccountId")
            for answer in settings
            for properties in (one["properties"] for one in answer["value"])
        }
        reads: list[Awaitable[Any]] = [get(f"{place}?api-version=2023-09-01") for place in places]
        for place in places:
            if "/workspaces/" in place:
                reads.append(get(f"{place}/tables/AzureDiagnostics?api-version=2023-09-01"))
            else:
                reads.append(get(f"{place}/managementPolicies/default?api-version=2023-05-01"))
        await asyncio.gather(*reads)
    return sum(bool(answer["value"]) for answer in settings)


async def _clusters(credential: Any, host: str, number: int, limit: asyncio.Semaphore) -> list[Any]:  # noqa: ANN401
    """List the clusters of one subscription."""
    async with limit, ContainerServiceClient(credential, subscription_id(number), base_url=host) as client:
        return [cluster async for cluster in client.managed_clusters.list()]


def main() -> None:
    """Read all clusters of the subscriptions, and print what it took."""
    began = time.perf_counter()
    report(began, asyncio.run(_read()))


if __name__ == "__main__":
    main()
