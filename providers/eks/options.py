"""The keys of an ``[[account]]`` table with ``provider = "eks"``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from providers.eks.partitions import HOME_REGIONS, partition_of_arn, partition_of_region
from scanner.model import FROM_LIST, Exclusions, Names, matching
from scanner.ports import AccountOptions

_ROLE_ARN: Final = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_WILDCARD: Final = re.compile(r"[*?\[]")
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+", re.ASCII)


def _refuse_strange_role(value: str) -> str:
    """Refuse what is no role's ARN before any call is made with it."""
    match = _ROLE_ARN.fullmatch(value)
    if match is None or match["partition"] not in HOME_REGIONS:
        message = f"is {value!r}, which is no role ARN: arn:aws:iam::111122223333:role/NAME is expected"
        raise ValueError(message)
    return value


def _refuse_other_words(value: object) -> object:
    """Refuse what is neither a list nor the one word that stands for all regions."""
    if value != "enabled" and not isinstance(value, list | tuple):
        message = f'is {value!r}: write a list of regions such as ["eu-west-1"], or "enabled" for all that are on'
        raise ValueError(message)
    if isinstance(value, list | tuple) and not all(isinstance(one, str) for one in value):
        message = f'is {list(value)!r}: regions are names such as "eu-west-1"'
        raise ValueError(message)
    return value


def _refuse_strange_regions(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Refuse an empty list, a name that is no region, and one that stands twice, by a ValueError."""
    if value == "enabled":
        return value
    if not value:
        message = 'is empty: name at least one region, or write "enabled" for all that the account has on'
        raise ValueError(message)
    for region, count in Counter(value).items():
        if not _REGION.fullmatch(region):
            message = f"holds {region!r}, which is no region name such as eu-west-1"
            raise ValueError(message)
        if count > 1:
            message = f"holds {region} more than once"
            raise ValueError(message)
    return value


def _refuse_strange_names(value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that is no region, and one that stands twice; there may be none."""
    if value:
        _refuse_strange_regions(value)
    return value


def not_of(partition: str, regions: Iterable[str]) -> str:
    """Name those of some regions that a partition does not have, as text; empty where there are none."""
    return ", ".join(region for region in regions if partition_of_region(region) != partition)


RoleArn = Annotated[str, AfterValidator(_refuse_strange_role)]
ExternalId = Annotated[
    str,
    Field(min_length=2, max_length=1224),
    matching(r"[\w+=,.@:/-]+", "which holds more than letters, digits and _+=,.@:/-"),
]
SessionName = Annotated[
    str,
    Field(min_length=2, max_length=64),
    matching(r"[\w+=,.@-]+", "which holds more than letters, digits and _+=,.@-"),
]
Profile = Annotated[str, Field(min_length=1), matching(r"[^\x00-\x1f\x7f]*", "which holds control characters")]
Region = Annotated[str, matching(_REGION.pattern, "which is no region name such as eu-west-1")]
Regions = Annotated[
    Literal["enabled"] | tuple[str, ...],
    FROM_LIST,
    BeforeValidator(_refuse_other_words),
    AfterValidator(_refuse_strange_regions),
]
RegionNames = Annotated[Names, AfterValidator(_refuse_strange_names)]


class EksOptions(AccountOptions):
    """How one AWS account is reached, and which of its clusters are read."""

    role_arn: RoleArn | None = Field(
        default=None,
        examples=["arn:aws:iam::111122223333:role/k8s-audit-coverage"],
        description="Role to assume in the account; without it the source credentials' own account is read.",
    )
    external_id: ExternalId | None = Field(
        default=None, examples=["audit-2026"], description="External id that the role's trust policy asks for."
    )
    session_name: SessionName = Field(
        default="k8s-audit-coverage", description="Name of the role's session, as CloudTrail shows it."
    )
    profile: Profile | None = Field(
        default=None,
        examples=["security-hub"],
        description="AWS profile to start from; without it the default credential chain is used.",
    )
    regions: Regions = Field(
        default="enabled", description='Regions to read: a list of names, or "enabled" for all that the account has on.'
    )
    clusters: Annotated[Names, Field(min_length=1)] = Field(
        default=("*",), description="Names of the clusters to read; *, ? and [...] are wildcards."
    )
    exclude_clusters: Exclusions = Field(
        default=(), description="Names of clusters to leave out, with the same wildcards; wins over clusters."
    )

    @model_validator(mode="after")
    def _role_keys_need_a_role(self) -> Self:
        """Refuse keys that would be ignored, and regions that the role's partition does not have."""
        for key in ("external_id", "session_name"):
            if self.role_arn is None and getattr(self, key) != type(self).model_fields[key].default:
                message = f"role_arn is missing: {key} is only used when a role is assumed"
                raise ValueError(message)
        if self.role_arn is not None and self.regions != "enabled":
            partition = partition_of_arn(self.role_arn)
            strangers = not_of(partition, self.regions)
            if strangers:
                message = f"regions holds {strangers}, but role_arn is of partition {partition}"
                raise ValueError(message)
        return self

    def missing_of(self, names: frozenset[str]) -> tuple[str, ...]:
        """Give the clusters that are asked for by their full names and are not among some names."""
        return tuple(glob for glob in self.clusters if glob not in names and not _WILDCARD.search(glob))

    def wants(self, cluster: str) -> bool:
        """Say whether a cluster of this name is to be read."""
        return any(fnmatchcase(cluster, glob) for glob in self.clusters) and not any(
            fnmatchcase(cluster, glob) for glob in self.exclude_clusters
        )
