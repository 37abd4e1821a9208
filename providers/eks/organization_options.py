"""The keys of an ``[[organization]]`` table with ``provider = "eks"``, and what they make of each account."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PrivateAttr, model_validator

from providers.eks.options import (
    EksOptions,
    ExternalId,
    Profile,
    Region,
    RegionNames,
    Regions,
    RoleArn,
    SessionName,
    not_of,
)
from providers.eks.partitions import partition_of_arn, partition_of_region
from scanner.model import FROM_LIST, Exclusions, Names, matching
from scanner.ports import OrganizationOptions

if TYPE_CHECKING:
    from providers.eks.inventory import Inventories

_RoleName = Annotated[
    str,
    matching(
        r"[\w+=,.@-]+(/[\w+=,.@-]+)*",
        "which is no role's name: write NAME or PATH/NAME, without arn:… and without a / in front",
    ),
]
_Unit = Annotated[
    str,
    matching(
        r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}",
        "which is no id of a root or an organizational unit, such as r-ab12 or ou-ab12-11111111",
    ),
]
_Aggregator = Annotated[
    str,
    Field(max_length=256),
    matching(r"[\w-]+", "which is no aggregator's name: letters, digits, _ and - are allowed, and no ARN"),
]


class EksOrganizationOptions(OrganizationOptions):
    """Where the accounts of an AWS organisation are listed, and how each of them is reached."""

    role_arn: RoleArn | None = Field(
        default=None,
        examples=["arn:aws:iam::999988887777:role/k8s-audit-coverage-hub"],
        description="Role of the management account, or a delegated administrator, that may list the accounts.",
    )
    account_role: _RoleName = Field(
        default="k8s-audit-coverage", description="Name, with its path if it has one, of the role in each account."
    )
    external_id: ExternalId | None = Field(
        default=None, examples=["audit-2026"], description="External id that the roles' trust policies ask for."
    )
    session_name: SessionName = Field(
        default="k8s-audit-coverage", description="Name of the roles' sessions, as CloudTrail shows it."
    )
    profile: Profile | None = Field(
        default=None,
        examples=["security-hub"],
        description="AWS profile to start from; without it the default credential chain is used.",
    )
    organizational_units: Annotated[tuple[_Unit, ...], FROM_LIST] = Field(
        default=(),
        examples=[["ou-ab12-11111111"]],
        description="Organizational units or roots whose accounts are read, at any depth; without it all accounts.",
    )
    exclude_accounts: Exclusions = Field(
        default=(), description="Ids or names of accounts to leave out; *, ? and [...] are wildcards."
    )
    regions: Regions = Field(
        default="enabled", description='Regions to read: a list of names, or "enabled" for all that an account has on.'
    )
    clusters: Annotated[Names, Field(min_length=1)] = Field(
        default=("*",), description="Names of the clusters to read, with the same wildcards."
    )
    exclude_clusters: Exclusions = Field(default=(), description="Names of clusters to leave out; wins over clusters.")
    config_aggregator: _Aggregator | None = Field(
        default=None,
        examples=["organization"],
        description="AWS Config aggregator that knows the organisation's clusters, so that not every region is asked.",
    )
    config_region: Region | None = Field(
        default=None, examples=["eu-west-1"], description="Region of the aggregator; without it the home region."
    )
    telemetry_config: bool = Field(
        default=False,
        description="Whether CloudWatch telemetry config, which evaluates the organisation, is asked for clusters.",
    )
    telemetry_regions: RegionNames = Field(
        default=(),
        examples=[["eu-west-1"]],
        description="Regions in which telemetry evaluation was turned on; without it the home region.",
    )

    @model_validator(mode="after")
    def _keys_that_need_another(self) -> Self:
        """Refuse keys that would be ignored."""
        if self.telemetry_regions and not self.telemetry_config:
            message = "telemetry_config is not true: telemetry_regions is only used with it"
            raise ValueError(message)
        if self.config_region is not None and self.config_aggregator is None:
            message = "config_aggregator is missing: config_region is only used with it"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _one_partition(self) -> Self:
        """Refuse regions of another partition than the role's or, without one, than each other's."""
        named = {
            "regions": self.named_regions,
            "config_region": () if self.config_region is None else (self.config_region,),
            "telemetry_regions": self.telemetry_regions,
        }
        first = next(((key, region) for key, regions in named.items() for region in regions), None)
        if first is None:
            return self
        partition, why = partition_of_region(first[1]), f"{first[1]} in {first[0]}"
        if self.role_arn is not None:
            partition, why = partition_of_arn(self.role_arn), "role_arn"
        for key, regions in named.items():
            strangers = not_of(partition, regions)
            if strangers:
                message = f"{key} holds {strangers}, but {why} is of partition {partition}"
                raise ValueError(message)
        return self

    @property
    def named_regions(self) -> tuple[str, ...]:
        """The regions to read that are named; none where all are read that an account has on."""
        return self.regions if isinstance(self.regions, tuple) else ()

    def left_out_by(self, account_id: str, name: str) -> tuple[str, ...]:
        """Give the patterns by which an account is left out, for its id or its name; none where it is wanted."""
        return tuple(glob for glob in self.exclude_accounts if fnmatchcase(account_id, glob) or fnmatchcase(name, glob))

    def hub(self) -> EksOptions:
        """Give what enters the account in which the organisation's accounts are listed."""
        given: dict[str, object] = {"role_arn": self.role_arn, "profile": self.profile}
        if self.role_arn is not None:
            given["session_name"] = self.session_name
            given |= {} if self.external_id is None else {"external_id": self.external_id}
        return EksOptions.model_validate(given)

    def account(self, account_id: str, partition: str, origin: Origin | None) -> DiscoveredEksOptions:
        """Give what reads one account; `origin` is what inventories know of the organisation that it is part of."""
        given: dict[str, object] = {
            "role_arn": f"arn:{partition}:iam::{account_id}:role/{self.account_role}",
            "session_name": self.session_name,
            "profile": self.profile,
            "regions": self.regions,
            "clusters": self.clusters,
            "exclude_clusters": self.exclude_clusters,
        }
        if self.external_id is not None:
            given["external_id"] = self.external_id
        found = DiscoveredEksOptions.model_validate(given)
        found._origin = origin  # noqa: SLF001 - of this module
        return found


class DiscoveredEksOptions(EksOptions):
    """How one account of an organisation is read."""

    _origin: Origin | None = PrivateAttr(default=None)

    @property
    def origin(self) -> Origin | None:
        """What an inventory knows of the organisation; None where none was asked."""
        return self._origin

    @property
    def account_id(self) -> str:
        """The account's id, which its role names."""
        return str(self.role_arn).split(":")[4]


@dataclass(frozen=True, slots=True)
class Members:
    """What reads the accounts of one organisation, but for their ids; one object for all of them."""

    options: EksOrganizationOptions
    partition: str
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Member:
    """One account that waits for its turn: as little as can be, for ten thousand of them may."""

    members: Members
    account_id: str

    def __call__(self) -> DiscoveredEksOptions:
        """Give what reads it."""
        return self.members.options.account(self.account_id, self.members.partition, self.members.origin)


@dataclass(frozen=True, slots=True)
class Origin:
    """What all accounts of an organisation have in common; one object for all of them.

    Attributes:
        inventories: What is known of its clusters.
        hub: What enters the account in which the organisation's accounts are listed.
        home_region: Where that account is asked.
        hub_account: Its id.
        identity: The ARN of the identity that asked.
    """

    inventories: Inventories
    hub: EksOptions
    home_region: str
    hub_account: str
    identity: str
