"""What anyone would write first: Google's asyncio clients, 32 calls at once. The measure for the GKE provider."""

from __future__ import annotations

import asyncio
import os
import time

from google.api_core.client_options import ClientOptions
from google.cloud import container_v1, resourcemanager_v3
from google.cloud.logging_v2.services.config_service_v2 import ConfigServiceV2AsyncClient
from google.iam.v1 import iam_policy_pb2

from tests.bench.gcp_shape import ORGANIZATION
from tests.bench.measure import report


class _Script:
    """The clients, and what was counted."""

    def __init__(self) -> None:
        """Make the clients."""
        options = ClientOptions(api_endpoint=os.environ["BENCH_GRPC"])
        self.clusters = container_v1.ClusterManagerAsyncClient(client_options=options)
        self.logging = ConfigServiceV2AsyncClient(client_options=options)
        self.projects = resourcemanager_v3.ProjectsAsyncClient(client_options=options)
        self.folders = resourcemanager_v3.FoldersAsyncClient(client_options=options)
        self.organizations = resourcemanager_v3.OrganizationsAsyncClient(client_options=options)
        self.limit = asyncio.Semaphore(32)
        self.seen = 0

    async def run(self) -> None:
        """Walk the organisation."""
        await self.organizations.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=ORGANIZATION))
        folders = await self.folders.list_folders(parent=ORGANIZATION)
        names = [folder.name async for folder in folders]
        for name in names:
            await self.folders.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=name))
        tasks = []
        for name in names:
            pages = await self.projects.list_projects(parent=name)
            tasks += [asyncio.create_task(self.read(project.project_id)) async for project in pages]
        await asyncio.gather(*tasks)

    async def read(self, project: str) -> None:
        """Read one project."""
        async with self.limit:
            found = await self.clusters.list_clusters(parent=f"projects/{project}/locations/-")
        for cluster in found.clusters:
            self.seen += bool(cluster.status.value and cluster.logging_config.component_config.enable_components)
        async with self.limit:
            policy = await self.projects.get_iam_policy(
                request=iam_policy_pb2.GetIamPolicyRequest(resource=f"projects/{project}")
            )
        list(policy.audit_configs)
        async with self.limit:
            [sink.filter async for sink in await self.logging.list_sinks(parent=f"projects/{project}")]
        async with self.limit:
            buckets = await self.logging.list_buckets(parent=f"projects/{project}/locations/-")
            [bucket.retention_days async for bucket in buckets]


async def _main() -> int:
    """Run the script within one loop, which its clients belong to."""
    script = _Script()
    await script.run()
    return script.seen


def main() -> None:
    """Read all projects, and print what it took."""
    began = time.perf_counter()
    report(began, asyncio.run(_main()))


if __name__ == "__main__":
    main()
