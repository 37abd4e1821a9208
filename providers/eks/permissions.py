"""The least permissions that reading an account needs, as an IAM policy."""

from __future__ import annotations

import json
from typing import Final

_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ListRegionsAndClusters",
            "Effect": "Allow",
            "Action": ["ec2:DescribeRegions", "eks:ListClusters"],
            "Resource": "*",
        },
        {
            "Sid": "ReadClusters",
            "Effect": "Allow",
            "Action": ["eks:DescribeCluster"],
            "Resource": "arn:$partition:eks:*:*:cluster/*",
        },
        {
            "Sid": "ListLogGroups",
            "Effect": "Allow",
            "Action": ["logs:DescribeLogGroups"],
            "Resource": "arn:$partition:logs:*:*:log-group:*",
        },
        {
            "Sid": "ReadControlPlaneLogGroups",
            "Effect": "Allow",
            "Action": ["logs:DescribeLogStreams", "logs:DescribeSubscriptionFilters"],
            "Resource": "arn:$partition:logs:*:*:log-group:/aws/eks/*",
        },
    ],
}


_HUB: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ListAccounts",
            "Effect": "Allow",
            "Action": [
                "account:ListRegions",
                "organizations:ListAccounts",
                "organizations:ListAccountsForParent",
                "organizations:ListOrganizationalUnitsForParent",
            ],
            "Resource": "*",
        },
        {
            "Sid": "AskTheAggregator",
            "Effect": "Allow",
            "Action": [
                "config:DescribeConfigurationAggregatorSourcesStatus",
                "config:SelectAggregateResourceConfig",
            ],
            "Resource": "*",
        },
        {
            "Sid": "AskTelemetryConfig",
            "Effect": "Allow",
            "Action": [
                "observabilityadmin:GetTelemetryEvaluationStatusForOrganization",
                "observabilityadmin:ListResourceTelemetryForOrganization",
            ],
            "Resource": "*",
        },
        {
            "Sid": "EnterAccounts",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole"],
            "Resource": "arn:aws:iam::*:role/k8s-audit-coverage",
        },
    ],
}


def hub_policy() -> str:
    """Give the policy of the role that lists an organisation's accounts, as JSON.

    The second statement is needed with ``config_aggregator`` only, the third with ``telemetry_config``, and
    ``account:ListRegions`` with either; the last statement belongs to whoever runs the scan.
    Source: AWS Service Authorization Reference for AWS Organizations, AWS Account Management, AWS Config and Amazon
    CloudWatch Observability Admin.
    """
    return json.dumps(_HUB, indent=2) + "\n"


def iam_policy(partition: str = "aws") -> str:
    """Give the policy of the role that is assumed in each account of a partition, as JSON.

    Resources are narrowed where the service supports it: ``ec2:DescribeRegions`` and ``eks:ListClusters`` take none,
    and ``logs:DescribeLogGroups`` is authorized on the group of an empty name, whatever the prefix that is asked for.
    Source: AWS Service Authorization Reference for Amazon EC2, Amazon EKS and Amazon CloudWatch Logs.
    """
    return json.dumps(_POLICY, indent=2).replace("$partition", partition) + "\n"
