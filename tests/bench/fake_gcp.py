"""A fast fake of the Google Cloud APIs that the GKE provider calls: ``python -m tests.bench.fake_gcp DIRECTORY``.

A process of its own: gRPC and REST over TLS with the certificate in the directory. It prints both ports, answers each
call after a fixed latency, and ends when its standard input does. Answers are made beforehand from the packages' own
messages, and differ between projects only in the names that stand in them.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import grpc
from google.cloud import container_v1, resourcemanager_v3
from google.cloud.logging_v2.types import ListBucketsResponse, ListSinksResponse
from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from tests.bench.gcp_shape import CLUSTERS, FOLDERS, LATENCY, ORGANIZATION, PROJECTS

_PAGE: Final = 200
_PLACEHOLDER: Final = "PROJECT-ID00"
"""Stands for a project's id in an answer that is made beforehand, and is as long as one."""


def project_id(number: int) -> str:
    """Give a project's id."""
    return f"bench-{number:06}"


async def _list_clusters(request: bytes) -> bytes:
    """Answer ListClusters with five clusters of usual size."""
    parent = container_v1.ListClustersRequest.deserialize(request).parent
    return _clusters(parent.split("/")[1])


@cache
def _template() -> str:
    """Make the clusters of one project once: a real cluster's answer has some 100 fields."""
    clusters = [
        {
            "name": f"cluster-{number}",
            "location": "europe-west1",
            "selfLink": f"https://container.googleapis.com/v1/projects/{_PLACEHOLDER}/locations/europe-west1/clusters/{number}",
            "status": "RUNNING",
            "currentMasterVersion": "1.34.1-gke.2037000",
            "currentNodeVersion": "1.34.1-gke.2037000",
            "endpoint": "10.0.0.2",
            "network": "default",
            "subnetwork": "default",
            "clusterIpv4Cidr": "10.4.0.0/14",
            "servicesIpv4Cidr": "10.8.0.0/20",
            "loggingService": "logging.googleapis.com/kubernetes",
            "monitoringService": "monitoring.googleapis.com/kubernetes",
            "loggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"]}},
            "masterAuth": {"clusterCaCertificate": "Q" * 1448},
            "addonsConfig": {"httpLoadBalancing": {}, "horizontalPodAutoscaling": {}},
            "resourceLabels": {"team": "payments", "environment": "production"},
            "nodePools": [
                {
                    "name": f"pool-{pool}",
                    "version": "1.34.1-gke.2037000",
                    "status": "RUNNING",
                    "config": {
                        "machineType": "e2-standard-4",
                        "diskSizeGb": 100,
                        "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
                        "serviceAccount": "default",
                        "labels": {"pool": str(pool)},
                    },
                }
                for pool in range(3)
            ],
        }
        for number in range(CLUSTERS)
    ]
    return json.dumps({"clusters": clusters})


@cache
def _clusters(project: str) -> bytes:
    """Make the answer for one project."""
    message = container_v1.ListClustersResponse.pb(container_v1.ListClustersResponse())
    json_format.Parse(_template().replace(_PLACEHOLDER, project), message)
    answer: bytes = message.SerializeToString()
    return answer


async def _list_sinks(request: bytes) -> bytes:
    """Answer ListSinks with the two sinks that each project has."""
    return _of_project(_SINKS, request)


async def _list_buckets(request: bytes) -> bytes:
    """Answer ListBuckets with the two buckets that each project has."""
    return _of_project(_BUCKETS, request)


def _of_project(answer: bytes, request: bytes) -> bytes:
    """Put the name of the project that is asked for into an answer; all names are of one length."""
    start = request.index(b"projects/") + len(b"projects/")
    return answer.replace(_PLACEHOLDER.encode(), request[start : start + len(_PLACEHOLDER)])


async def _policy(request: bytes) -> bytes:
    """Answer GetIamPolicy: the organisation has Data Access on; every policy has a page of bindings."""
    return bytes(_ORGANIZATION_POLICY if ORGANIZATION.encode() in request else _PROJECT_POLICY)


async def _projects(request: bytes) -> bytes:
    """Answer ListProjects page by page: each folder has as many projects as the next."""
    asked = resourcemanager_v3.ListProjectsRequest.deserialize(request)
    folder = asked.parent.removeprefix("folders/")
    numbers = range(int(folder), PROJECTS, FOLDERS) if folder.isdigit() else range(0)
    start = int(asked.page_token or 0)
    page = [
        resourcemanager_v3.Project(
            name=f"projects/{100_000 + number}", parent=asked.parent, project_id=project_id(number), state="ACTIVE"
        )
        for number in numbers[start : start + _PAGE]
    ]
    more = str(start + _PAGE) if start + _PAGE < len(numbers) else ""
    answer: bytes = resourcemanager_v3.ListProjectsResponse.serialize(
        resourcemanager_v3.ListProjectsResponse(projects=page, next_page_token=more)
    )
    return answer


async def _folders(request: bytes) -> bytes:
    """Answer ListFolders: ten below the organisation, none below these."""
    parent = resourcemanager_v3.ListFoldersRequest.deserialize(request).parent
    numbers = range(FOLDERS) if parent == ORGANIZATION else range(0)
    found = [resourcemanager_v3.Folder(name=f"folders/{one}", parent=ORGANIZATION, state="ACTIVE") for one in numbers]
    answer: bytes = resourcemanager_v3.ListFoldersResponse.serialize(
        resourcemanager_v3.ListFoldersResponse(folders=found)
    )
    return answer


async def _folder(request: bytes) -> bytes:
    """Answer GetFolder."""
    name = resourcemanager_v3.GetFolderRequest.deserialize(request).name
    answer: bytes = resourcemanager_v3.Folder.serialize(
        resourcemanager_v3.Folder(name=name, parent=ORGANIZATION, state="ACTIVE")
    )
    return answer


def _made(response: Any, body: dict[str, object]) -> bytes:  # noqa: ANN401 - a class of a library without types
    """Make an answer from JSON."""
    message = response.pb(response())
    json_format.ParseDict(body, message)
    answer: bytes = message.SerializeToString()
    return answer


_BUCKETS_OF: Final = f"projects/{_PLACEHOLDER}/locations/global/buckets"
_SINKS: Final = _made(
    ListSinksResponse,
    {
        "sinks": [
            {
                "name": "_Required",
                "destination": f"logging.googleapis.com/{_BUCKETS_OF}/_Required",
                "filter": 'LOG_ID("cloudaudit.googleapis.com/activity")',
            },
            {
                "name": "_Default",
                "destination": f"logging.googleapis.com/{_BUCKETS_OF}/_Default",
                "filter": 'NOT LOG_ID("cloudaudit.googleapis.com/activity")',
            },
        ]
    },
)
_BUCKETS: Final = _made(
    ListBucketsResponse,
    {
        "buckets": [
            {"name": f"{_BUCKETS_OF}/_Default", "retentionDays": 30, "lifecycleState": "ACTIVE"},
            {"name": f"{_BUCKETS_OF}/_Required", "retentionDays": 400, "lifecycleState": "ACTIVE"},
        ]
    },
)
_BINDINGS: Final = [
    policy_pb2.Binding(role=f"roles/role{number}", members=[f"user:person{one}@example.com" for one in range(5)])
    for number in range(20)
]
_PROJECT_POLICY: Final = policy_pb2.Policy(version=1, bindings=_BINDINGS).SerializeToString()
_ORGANIZATION_POLICY: Final = policy_pb2.Policy(
    version=1,
    bindings=_BINDINGS,
    audit_configs=[
        policy_pb2.AuditConfig(
            service="allServices",
            audit_log_configs=[policy_pb2.AuditLogConfig(log_type=1), policy_pb2.AuditLogConfig(log_type=3)],
        )
    ],
).SerializeToString()

_METHODS: Final[dict[str, dict[str, Callable[[bytes], Awaitable[bytes]]]]] = {
    "google.container.v1.ClusterManager": {"ListClusters": _list_clusters},
    "google.logging.v2.ConfigServiceV2": {"ListSinks": _list_sinks, "ListBuckets": _list_buckets},
    "google.cloud.resourcemanager.v3.Projects": {"ListProjects": _projects, "GetIamPolicy": _policy},
    "google.cloud.resourcemanager.v3.Folders": {
        "ListFolders": _folders,
        "GetFolder": _folder,
        "GetIamPolicy": _policy,
    },
    "google.cloud.resourcemanager.v3.Organizations": {"GetIamPolicy": _policy},
}


def _handler(answer: Callable[[bytes], Awaitable[bytes]]) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Answer after the latency, bytes in and bytes out."""

    async def late(request: bytes, _context: object) -> bytes:
        await asyncio.sleep(LATENCY)
        return await answer(request)

    return grpc.unary_unary_rpc_method_handler(late)


async def _rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every REST call, of which there is one kind: no sink of the organisation or a folder."""
    body = b'{"sinks": []}'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(LATENCY)
            writer.write(head + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve(folder: Path) -> None:
    """Serve until standard input ends."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    for service, methods in _METHODS.items():
        handlers = {name: _handler(answer) for name, answer in methods.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    key, chain = (folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    await server.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    rest = await asyncio.start_server(_rest, "127.0.0.1", 0, ssl=context)
    sys.stdout.write(f"{port} {rest.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
