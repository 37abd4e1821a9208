"""A fast fake of the Azure APIs that the AKS provider calls: ``python -m tests.bench.fake_azure DIRECTORY``.

A process of its own: HTTPS with the certificate in the directory. It prints its port, answers each call after a fixed
latency, and ends when its standard input does. Bodies are as large as real ones and made beforehand.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.bench.fake_http import Connection

LATENCY: Final = 0.020
SUBSCRIPTIONS: Final = 20
CLUSTERS: Final = 2000
MANAGEMENT_GROUP: Final = "bench"
WORKSPACES: Final = 5
_PAGE: Final = 50
_ROWS: Final = 1000
_REQUEST_LINE_PARTS: Final = 3


def subscription_id(number: int) -> str:
    """Give a subscription's id."""
    return f"{number:08}-1111-2222-3333-444455556666"


def _answer(request_line: str, headers: dict[str, str], body: bytes) -> bytes:
    """Answer one request by its path."""
    url = urlsplit(request_line.split(" ", _REQUEST_LINE_PARTS)[1])
    path = url.path
    if path.endswith("/diagnosticSettings"):
        return _settings(int(path.partition("/cluster-")[2].partition("/")[0]) % WORKSPACES)
    if path.endswith("/resources"):
        return _query(json.loads(body))
    if path.endswith("/managedClusters"):
        return _list(path.split("/")[2], int(parse_qs(url.query).get("$skiptoken", ["0"])[0]), headers["host"])
    kind = path.rpartition("/")[2] if "/tables/" not in path else "table"
    properties = {"customerId": "c", "retentionInDays": 90, "sku": {"name": "PerGB2018"}}
    return _ANSWERS.get(kind) or _http({"id": path, "properties": properties})


def _query(query: dict[str, Any]) -> bytes:
    """Answer a query of Resource Graph."""
    start = int(query["options"].get("$skipToken", "0"))
    return _subscriptions() if query["query"].startswith("resourcecontainers") else _rows(start)


@cache
def _subscriptions() -> bytes:
    """Give the subscriptions of the management group."""
    rows = [
        {"id": "", "name": f"team-{number}", "subscriptionId": subscription_id(number), "state": "Enabled"}
        for number in range(SUBSCRIPTIONS)
    ]
    return _http({"totalRecords": len(rows), "count": len(rows), "data": rows, "resultTruncated": "false"})


@cache
def _rows(start: int) -> bytes:
    """Give a page of clusters with the properties that are asked for."""
    rows = [_row(number) for number in range(start, min(start + _ROWS, CLUSTERS))]
    following = {"$skipToken": str(start + _ROWS)} if start + _ROWS < CLUSTERS else {}
    body = {"totalRecords": CLUSTERS, "count": len(rows), "data": rows, "resultTruncated": "false", **following}
    return _http(body)


@cache
def _list(subscription: str, start: int, host: str) -> bytes:
    """Give a page of a subscription's clusters in full."""
    numbers = range(int(subscription[:8]), CLUSTERS, SUBSCRIPTIONS)[start : start + _PAGE]
    link = f"https://{host}/subscriptions/{subscription}/providers/Microsoft.ContainerService/managedClusters"
    more = {"nextLink": f"{link}?$skiptoken={start + _PAGE}"} if start + _PAGE < CLUSTERS // SUBSCRIPTIONS else {}
    return _http({"value": [_cluster(number) for number in numbers], **more})


@cache
def _settings(workspace: int) -> bytes:
    """Give the diagnostic settings of a cluster: categories to one of the workspaces, a group to an archive."""
    place = f"/subscriptions/{subscription_id(0)}/resourceGroups/logs/providers"
    policy = {"enabled": False, "days": 0}
    names = ("kube-apiserver", "kube-audit", "kube-scheduler", "guard", "cluster-autoscaler")
    logs = [{"category": one, "categoryGroup": None, "enabled": True, "retentionPolicy": policy} for one in names]
    group = {"category": None, "categoryGroup": "audit", "enabled": True, "retentionPolicy": policy}
    found = {
        "audit": {"workspaceId": f"{place}/Microsoft.OperationalInsights/workspaces/w{workspace}", "logs": logs},
        "archive": {"storageAccountId": f"{place}/Microsoft.Storage/storageAccounts/s{workspace}", "logs": [group]},
    }
    return _http(
        {
            "value": [
                {
                    "id": f"/x/providers/microsoft.insights/diagnosticSettings/{name}",
                    "type": "Microsoft.Insights/diagnosticSettings",
                    "name": name,
                    "location": None,
                    "tags": None,
                    "identity": None,
                    "properties": {"metrics": [], "eventHubName": None, **properties},
                }
                for name, properties in found.items()
            ]
        }
    )


def _cluster(number: int) -> dict[str, Any]:
    """Give a cluster of usual size."""
    subscription, name = subscription_id(number % SUBSCRIPTIONS), f"cluster-{number}"
    group = f"/subscriptions/{subscription}/resourceGroups/platform"
    pools = [
        {
            "name": pool, "count": 3, "vmSize": "Standard_D4s_v5", "osDiskSizeGB": 128, "osDiskType": "Managed",
            "kubeletDiskType": "OS", "maxPods": 110, "type": "VirtualMachineScaleSets", "mode": "System",
            "availabilityZones": ["1", "2", "3"], "enableAutoScaling": True, "minCount": 3, "maxCount": 9,
            "provisioningState": "Succeeded", "powerState": {"code": "Running"}, "orchestratorVersion": "1.34",
            "currentOrchestratorVersion": "1.34.1", "osType": "Linux", "osSKU": "AzureLinux", "enableFIPS": False,
            "vnetSubnetID": f"{group}/providers/Microsoft.Network/virtualNetworks/v/subnets/{pool}",
            "nodeImageVersion": "AKSAzureLinux-V3gen2-202602.13.0", "upgradeSettings": {"maxSurge": "10%"},
        }
        for pool in ("system", "workers")
    ]  # fmt: skip
    properties = {
        "provisioningState": "Succeeded", "powerState": {"code": "Running"}, "kubernetesVersion": "1.34",
        "currentKubernetesVersion": "1.34.1", "dnsPrefix": name, "fqdn": f"{name}.hcp.westeurope.azmk8s.io",
        "azurePortalFQDN": f"{name}.portal.hcp.westeurope.azmk8s.io", "agentPoolProfiles": pools,
        "nodeResourceGroup": f"MC_platform_{name}_westeurope", "enableRBAC": True, "disableLocalAccounts": True,
        "aadProfile": {"managed": True, "enableAzureRBAC": True, "tenantID": subscription},
        "networkProfile": {"networkPlugin": "azure", "networkPluginMode": "overlay", "podCidr": "10.244.0.0/16"},
        "oidcIssuerProfile": {"enabled": True}, "autoUpgradeProfile": {"upgradeChannel": "patch"},
    }  # fmt: skip
    return {
        "id": f"{group}/providers/Microsoft.ContainerService/managedClusters/{name}",
        "name": name,
        "type": "Microsoft.ContainerService/ManagedClusters",
        "location": "westeurope",
        "tags": {"team": "payments", "environment": "production"},
        "sku": {"name": "Base", "tier": "Standard"},
        "identity": {"type": "SystemAssigned", "principalId": subscription, "tenantId": subscription},
        "properties": properties,
    }


def _row(number: int) -> dict[str, Any]:
    """Give a cluster as Resource Graph projects it."""
    cluster = _cluster(number)
    names = ("agentPoolProfiles", "networkProfile", "dnsPrefix", "oidcIssuerProfile", "autoUpgradeProfile")
    kept = {name: value for name, value in cluster["properties"].items() if name not in names}
    absent = dict.fromkeys(("privateFQDN", "apiServerAccessProfile", "distribution", "connectivityStatus"))
    head = {name: cluster[name] for name in ("id", "name", "location")}
    return {
        **head,
        "type": "microsoft.containerservice/managedclusters",
        "kind": "",
        "subscriptionId": subscription_id(number % SUBSCRIPTIONS),
        "properties": {**kept, **absent},
    }


def _http(body: dict[str, Any]) -> bytes:
    """Put a body into an answer."""
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


_GROUPS: Final = {"categoryType": "Logs", "categoryGroups": ["audit", "allLogs"]}
_ANSWERS: Final = {
    "token": _http({"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600}),
    "permissions": _http({"value": [{"actions": ["*/read"], "notActions": []}]}),
    "diagnosticSettingsCategories": _http(
        {"value": [{"name": name, "properties": _GROUPS} for name in ("kube-audit", "guard")]}
    ),
    "table": _http({"properties": {"plan": "Analytics", "retentionInDays": 90, "totalRetentionInDays": 365}}),
}


async def _serve(folder: Path) -> None:
    """Serve until standard input ends; what takes time to make is made before."""
    for start in range(0, CLUSTERS, _ROWS):
        _rows(start)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(_answer, LATENCY), "127.0.0.1", 0, backlog=512, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
