"""A fast fake of the AWS APIs that the EKS provider calls: ``python -m tests.bench.fake_eks``, a process of its own.

Every role can be assumed, in any account; each account has the same clusters. With ``tls DIRECTORY`` it speaks HTTPS
with the certificate in that directory. ``clusters N`` sets the number of clusters of each account.

It prints its port, answers each call after a fixed latency, and ends when its standard input does, printing how much
CPU time it took. Bodies are as large as real ones and made beforehand, so that it does not become the bottleneck.
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.bench.fake_http import Connection

LATENCY: Final = 0.040
REGIONS: Final = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
CLUSTERS: Final = 800
ACCOUNT: Final = "111122223333"
_PAGE: Final = 100
_GROUP_PAGE: Final = 50
_NEWEST: Final = 1_772_366_400_000
_REQUEST_LINE_PARTS: Final = 3


class Size:
    """How many clusters each account has; set once, before the first call."""

    clusters = CLUSTERS


def names(region: str) -> list[str]:
    """Give the names of a region's clusters."""
    return [f"{region}-cluster-{number:04}" for number in range(Size.clusters // len(REGIONS))]


def _answer(request_line: str, headers: dict[str, str], body: bytes) -> bytes:
    """Answer one request by its service and operation."""
    if target := headers.get("x-amz-target"):
        return _logs(target.rpartition(".")[2], _region(headers), json.loads(body))
    url = urlsplit(request_line.split(" ", _REQUEST_LINE_PARTS)[1])
    if url.path.startswith("/clusters"):
        return _eks(url.path, {key: found[0] for key, found in parse_qs(url.query).items()}, _region(headers))
    if b"AssumeRole" in body:
        return _http(_assumed(parse_qs(body.decode())["RoleArn"][0].split(":")[4]))
    if b"GetCallerIdentity" in body:
        account = _account(headers)
        arn = f"arn:aws:sts::{account}:assumed-role/audit-scanner/bench"
        fields = f"<Arn>{arn}</Arn><UserId>AROA</UserId><Account>{account}</Account>"
        return _http(
            f"<GetCallerIdentityResponse><GetCallerIdentityResult>{fields}</GetCallerIdentityResult>"
            "</GetCallerIdentityResponse>"
        )
    items = "".join(f"<item><regionName>{region}</regionName></item>" for region in REGIONS)
    return _http(f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>")


def _assumed(account: str) -> str:
    """Give credentials of a role whose key id holds the account."""
    expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = (
        f"<AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>{'s' * 40}</SecretAccessKey>"
        f"<SessionToken>{'t' * 300}</SessionToken><Expiration>{expires}</Expiration>"
    )
    result = f"<AssumeRoleResult><Credentials>{fields}</Credentials></AssumeRoleResult>"
    return f"<AssumeRoleResponse>{result}</AssumeRoleResponse>"


def _account(headers: dict[str, str]) -> str:
    """Give the account whose credentials signed a request."""
    key = headers["authorization"].partition("credential=")[2].partition("/")[0]
    return key[4:] if key.startswith("asia") else ACCOUNT


def _region(headers: dict[str, str]) -> str:
    """Give the region that a request is signed for."""
    return headers["authorization"].partition("credential=")[2].split("/")[2]


def _eks(path: str, query: dict[str, str], region: str) -> bytes:
    """Answer ListClusters or DescribeCluster."""
    if path == "/clusters":
        start = int(query.get("nexttoken") or query.get("nextToken") or 0)
        known = names(region)
        following = str(start + _PAGE) if start + _PAGE < len(known) else None
        return _http(json.dumps({"clusters": known[start : start + _PAGE], "nextToken": following}))
    return _http(_DESCRIBED.replace("{name}", path.rpartition("/")[2]).replace("{region}", region))


def _logs(operation: str, region: str, parameters: dict[str, object]) -> bytes:
    """Answer one of the three log calls."""
    if operation == "describeloggroups":
        start = int(str(parameters.get("nextToken") or 0))
        known = names(region)
        groups = [_log_group(name, region) for name in known[start : start + _GROUP_PAGE]]
        following = {"nextToken": str(start + _GROUP_PAGE)} if start + _GROUP_PAGE < len(known) else {}
        return _http(json.dumps({"logGroups": groups, **following}))
    group = str(parameters["logGroupName"])
    if operation == "describelogstreams":
        return _http(_STREAMS.replace("{group}", group).replace("{region}", region))
    filters = [
        {"filterName": "siem", "logGroupName": group, "filterPattern": "", "destinationArn": "arn:aws:firehose:::s"}
    ]
    return _http(json.dumps({"subscriptionFilters": filters}))


def _log_group(name: str, region: str) -> dict[str, object]:
    """Give a log group as DescribeLogGroups does."""
    arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/aws/eks/{name}/cluster"
    return {
        "logGroupName": f"/aws/eks/{name}/cluster",
        "creationTime": _NEWEST,
        "retentionInDays": 90,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": 123456789,
        "logGroupClass": "STANDARD",
    }


def _http(body: str) -> bytes:
    """Put a body into an answer."""
    content = body.encode()
    kind = "text/xml" if body.startswith("<") else "application/json"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


_DESCRIBED: Final = json.dumps(
    {
        "cluster": {
            "name": "{name}",
            "arn": f"arn:aws:eks:{{region}}:{ACCOUNT}:cluster/{{name}}",
            "createdAt": 1_700_000_000.123,
            "version": "1.34",
            "endpoint": "https://0123456789ABCDEF.gr7.{region}.eks.amazonaws.com",
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/eks",
            "resourcesVpcConfig": {
                "subnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"],
                "securityGroupIds": [],
                "clusterSecurityGroupId": "sg-0123456789abcdef0",
                "vpcId": "vpc-0123456789abcdef0",
                "endpointPublicAccess": True,
                "endpointPrivateAccess": True,
                "publicAccessCidrs": ["0.0.0.0/0"],
            },
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4"},
            "logging": {
                "clusterLogging": [
                    {"types": ["api", "audit", "authenticator"], "enabled": True},
                    {"types": ["controllerManager", "scheduler"], "enabled": False},
                ]
            },
            "identity": {"oidc": {"issuer": "https://oidc.eks.{region}.amazonaws.com/id/0123456789ABCDEF"}},
            "status": "ACTIVE",
            "certificateAuthority": {"data": "Q" * 1448},
            "platformVersion": "eks.7",
            "tags": {"team": "payments", "environment": "production"},
            "health": {"issues": []},
            "accessConfig": {"bootstrapClusterCreatorAdminPermissions": False, "authenticationMode": "API"},
            "upgradePolicy": {"supportType": "STANDARD"},
            "deletionProtection": False,
        }
    }
)
_STREAMS: Final = json.dumps(
    {
        "logStreams": [
            {
                "logStreamName": f"{prefix}{number:032x}",
                "creationTime": _NEWEST - 86_400_000,
                "firstEventTimestamp": _NEWEST - 86_400_000,
                "lastEventTimestamp": _NEWEST - 1000 * number,
                "lastIngestionTime": _NEWEST,
                "uploadSequenceToken": "49039859472345",
                "arn": f"arn:aws:logs:{{region}}:{ACCOUNT}:log-group:{{group}}:log-stream:{prefix}{number:032x}",
                "storedBytes": 0,
            }
            for number in range(2)
            for prefix in (
                "kube-apiserver-audit-",
                "kube-apiserver-",
                "authenticator-",
                "kube-controller-manager-",
                "kube-scheduler-",
            )
        ]
    }
)


async def _serve(options: dict[str, str]) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    context = None
    if "tls" in options:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{options['tls']}/server.pem")
    server = await loop.create_server(lambda: Connection(_answer, LATENCY), "127.0.0.1", 0, backlog=512, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(f"{usage.ru_utime + usage.ru_stime}\n")


if __name__ == "__main__":
    given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    Size.clusters = int(given.get("clusters", CLUSTERS))
    asyncio.run(_serve(given))
