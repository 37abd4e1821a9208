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


def iam_policy(partition: str = "aws") -> str:
    """Give the policy of the role that is assumed in each account of a partition, as JSON.

    Resources are narrowed where the service supports it: ``ec2:DescribeRegions`` and ``eks:ListClusters`` take none,
    and ``logs:DescribeLogGroups`` is authorized on the group of an empty name, whatever the prefix that is asked for.
    Source: AWS Service Authorization Reference for Amazon EC2, Amazon EKS and Amazon CloudWatch Logs.
    """
    return json.dumps(_POLICY, indent=2).replace("$partition", partition) + "\n"
