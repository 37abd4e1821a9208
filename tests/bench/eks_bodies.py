"""What the fakes of AWS answer: bodies as large as real ones and made beforehand, so that they cost little."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

NEWEST: Final = 1_772_366_400_000
"""When the newest records came, in milliseconds since 1970."""


def assumed(account: str) -> str:
    """Give credentials of a role whose key id holds the account."""
    expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = (
        f"<AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>{'s' * 40}</SecretAccessKey>"
        f"<SessionToken>{'t' * 300}</SessionToken><Expiration>{expires}</Expiration>"
    )
    result = f"<AssumeRoleResult><Credentials>{fields}</Credentials></AssumeRoleResult>"
    return f"<AssumeRoleResponse>{result}</AssumeRoleResponse>"


def identity(account: str) -> str:
    """Answer GetCallerIdentity."""
    arn = f"arn:aws:sts::{account}:assumed-role/audit-scanner/bench"
    fields = f"<Arn>{arn}</Arn><UserId>AROA</UserId><Account>{account}</Account>"
    return (
        f"<GetCallerIdentityResponse><GetCallerIdentityResult>{fields}</GetCallerIdentityResult>"
        "</GetCallerIdentityResponse>"
    )


def regions(names: Iterable[str]) -> str:
    """Answer DescribeRegions."""
    items = "".join(f"<item><regionName>{name}</regionName></item>" for name in names)
    return f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>"


def query_error(code: str, message: str) -> str:
    """Say no, as the services do that answer in XML."""
    fields = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return f"<ErrorResponse><Error>{fields}</Error></ErrorResponse>"


def described(name: str, account: str, region: str) -> str:
    """Answer DescribeCluster."""
    return _DESCRIBED.replace("{name}", name).replace("{account}", account).replace("{region}", region)


def log_group(name: str, account: str, region: str) -> dict[str, object]:
    """Give a cluster's log group as DescribeLogGroups does."""
    arn = f"arn:aws:logs:{region}:{account}:log-group:/aws/eks/{name}/cluster"
    return {
        "logGroupName": f"/aws/eks/{name}/cluster",
        "creationTime": NEWEST,
        "retentionInDays": 90,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": 123456789,
        "logGroupClass": "STANDARD",
    }


def streams(group: str, account: str, region: str) -> str:
    """Answer DescribeLogStreams."""
    return _STREAMS.replace("{group}", group).replace("{account}", account).replace("{region}", region)


def filters(group: str) -> str:
    """Answer DescribeSubscriptionFilters."""
    found = {"filterName": "siem", "logGroupName": group, "filterPattern": "", "destinationArn": "arn:aws:firehose:::s"}
    return json.dumps({"subscriptionFilters": [found]})


_DESCRIBED: Final = json.dumps(
    {
        "cluster": {
            "name": "{name}",
            "arn": "arn:aws:eks:{region}:{account}:cluster/{name}",
            "createdAt": 1_700_000_000.123,
            "version": "1.34",
            "endpoint": "https://0123456789ABCDEF.gr7.{region}.eks.amazonaws.com",
            "roleArn": "arn:aws:iam::{account}:role/eks",
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
                "creationTime": NEWEST - 86_400_000,
                "firstEventTimestamp": NEWEST - 86_400_000,
                "lastEventTimestamp": NEWEST - 1000 * number,
                "lastIngestionTime": NEWEST,
                "uploadSequenceToken": "49039859472345",
                "arn": f"arn:aws:logs:{{region}}:{{account}}:log-group:{{group}}:log-stream:{prefix}{number:032x}",
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
