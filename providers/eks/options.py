"""The keys of an ``[[account]]`` table with ``provider = "eks"``."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from providers.eks.partitions import HOME_REGIONS, partition_of_arn, partition_of_region
from scanner.model import FROM_LIST, Names
from scanner.ports import AccountOptions

_ROLE_ARN: Final = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_WILDCARD: Final = re.compile(r"[*?\[]")
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+", re.ASCII)


Regions = Annotated[Literal["enabled"] | tuple[str, ...], FROM_LIST]


def refuse_strange_regions(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
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


class EksOptions(AccountOptions):
    """How one AWS account is reached, and which of its clusters are read."""

    role_arn: str | None = Field(
        default=None,
        examples=["arn:aws:iam::111122223333:role/k8s-audit-coverage"],
        description="Role to assume in the account; without it the source credentials' own account is read.",
    )
    external_id: Annotated[str, Field(min_length=2, max_length=1224, pattern=r"^[\w+=,.@:/-]+$")] | None = Field(
        default=None, examples=["audit-2026"], description="External id that the role's trust policy asks for."
    )
    session_name: Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[\w+=,.@-]+$")] = Field(
        default="k8s-audit-coverage", description="Name of the role's session, as CloudTrail shows it."
    )
    profile: Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = Field(
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
    exclude_clusters: Names = Field(
        default=(), description="Names of clusters to leave out, with the same wildcards; wins over clusters."
    )

    @field_validator("role_arn")
    @classmethod
    def _role_arn_is_one(cls, value: str | None) -> str | None:
        """Refuse what is no role's ARN before any call is made with it."""
        if value is None:
            return None
        match = _ROLE_ARN.fullmatch(value)
        if match is None or match["partition"] not in HOME_REGIONS:
            message = f"is {value!r}, which is no role ARN: arn:aws:iam::111122223333:role/NAME is expected"
            raise ValueError(message)
        return value

    @field_validator("regions")
    @classmethod
    def _regions_are_names(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Refuse an empty list, a name that is no region, and one that stands twice."""
        return refuse_strange_regions(value)

    @model_validator(mode="after")
    def _role_keys_need_a_role(self) -> Self:
        """Refuse keys that would be ignored, and regions that the role's partition does not have."""
        for key in ("external_id", "session_name"):
            if self.role_arn is None and getattr(self, key) != type(self).model_fields[key].default:
                message = f"role_arn is missing: {key} is only used when a role is assumed"
                raise ValueError(message)
        if self.role_arn is not None and self.regions != "enabled":
            partition = partition_of_arn(self.role_arn)
            strangers = [region for region in self.regions if partition_of_region(region) != partition]
            if strangers:
                message = f"regions holds {', '.join(strangers)}, but role_arn is of partition {partition}"
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
