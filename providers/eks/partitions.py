"""AWS partitions: which one a region belongs to, and where in it the account-wide calls are made."""

from __future__ import annotations

from typing import Final

_BY_REGION_PREFIX: Final = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)

HOME_REGIONS: Final = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-eusc": "eusc-de-east-1",
}
"""A region of each partition that no account can switch off. Source: botocore's ``partitions.json``."""


def partition_of_region(region: str) -> str:
    """Give the partition of a region, by the prefix of its name."""
    return next((partition for prefix, partition in _BY_REGION_PREFIX if region.startswith(prefix)), "aws")


def partition_of_arn(arn: str) -> str:
    """Give the partition that stands in an ARN."""
    return arn.split(":", 2)[1]
