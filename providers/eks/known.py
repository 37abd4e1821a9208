"""What an organisation's inventories know of one account: what is there, and which regions need not be listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from providers.eks.facts import InventorySource, SeenCluster
from providers.eks.organization_options import DiscoveredEksOptions, Origin
from scanner.model import AccountNote, Evidence, Note, NoteSeverity

Sightings = Mapping[str, tuple[SeenCluster, ...]]
"""What was seen in one region of an account, by the clusters' names."""

_CLUSTER_TYPE: Final = "AWS::EKS::Cluster"


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What inventories know of one account.

    Attributes:
        identity: The ARN of the identity that asked them.
        regions: The regions that are read; where they are not told, those in which clusters were seen.
        clusters: The clusters that were seen, by region; a region that has to be listed may be among them.
        to_list: The regions that no inventory sees all of; None for all that the account has, where they are not told.
        by: The inventories that see all of the other regions.
    """

    account_id: str
    identity: str
    regions: tuple[str, ...]
    clusters: Mapping[str, Sightings]
    to_list: tuple[str, ...] | None
    by: tuple[InventorySource, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read: no cluster, and no region to list."""
        return self.to_list == () and not self.clusters

    def as_empty(self) -> AccountNote:
        """Say why such an account was not entered."""
        names = " and ".join(one.name for one in self.by)
        record, have = ("records", "has") if len(self.by) == 1 else ("record", "have")
        behind = self.by[0].behind if len(self.by) == 1 else "lately"
        text = (
            f"not entered: {names} {record} EKS clusters in all {len(self.regions)} regions that are read, and {have}"
            f" seen none; one that was made {behind} may be missing there"
        )
        read = tuple(Evidence(one.call, _CLUSTER_TYPE, "no rows") for one in self.by)
        return AccountNote(Note(NoteSeverity.INFO, text, read))


def known_account(options: DiscoveredEksOptions, origin: Origin, told: tuple[str, ...] | None) -> KnownAccount:
    """Divide an account's regions, where they are told, into those that an inventory sees all of and those to list.

    The inventories forget the account with that, of which they are asked once.
    """
    account, inventories = options.account_id, origin.inventories
    regions = inventories.regions_of(account) if told is None else told
    covered = {one: inventories.covering(account, one) for one in regions}
    seen = {one: inventories.seen(account, one) for one in regions}
    inventories.forget(account)
    return KnownAccount(
        account,
        origin.identity,
        regions,
        {region: clusters for region, clusters in seen.items() if clusters},
        None if told is None else tuple(region for region, by in covered.items() if not by),
        tuple(dict.fromkeys(source for by in covered.values() for source in by)),
    )
