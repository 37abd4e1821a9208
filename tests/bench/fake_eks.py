"""A fast fake of the AWS APIs that the EKS provider calls: ``python -m tests.bench.fake_eks``, a process of its own.

Every role can be assumed, in any account; each account has the same clusters. With ``tls DIRECTORY`` it speaks HTTPS
with the certificate in that directory. ``clusters N`` sets the number of clusters of each account.

It prints its port, answers each call after a fixed latency, and ends when its standard input does, printing what it
served.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.bench import eks_bodies as bodies
from tests.bench.fake_http import answered, serve

REGIONS: Final = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
CLUSTERS: Final = 800
ACCOUNT: Final = "111122223333"
_PAGE: Final = 100
_GROUP_PAGE: Final = 50
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
        return answered(bodies.assumed(parse_qs(body.decode())["RoleArn"][0].split(":")[4]))
    if b"GetCallerIdentity" in body:
        return answered(bodies.identity(_account(headers)))
    return answered(bodies.regions(REGIONS))


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
        return answered(json.dumps({"clusters": known[start : start + _PAGE], "nextToken": following}))
    return answered(bodies.described(path.rpartition("/")[2], ACCOUNT, region))


def _logs(operation: str, region: str, parameters: dict[str, object]) -> bytes:
    """Answer one of the three log calls."""
    if operation == "describeloggroups":
        start = int(str(parameters.get("nextToken") or 0))
        known = names(region)
        groups = [bodies.log_group(name, ACCOUNT, region) for name in known[start : start + _GROUP_PAGE]]
        following = {"nextToken": str(start + _GROUP_PAGE)} if start + _GROUP_PAGE < len(known) else {}
        return answered(json.dumps({"logGroups": groups, **following}))
    group = str(parameters["logGroupName"])
    if operation == "describelogstreams":
        return answered(bodies.streams(group, ACCOUNT, region))
    return answered(bodies.filters(group))


if __name__ == "__main__":
    given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    Size.clusters = int(given.get("clusters", CLUSTERS))
    asyncio.run(serve(_answer, given.get("tls")))
