"""What the organisation of a fake AWS looks like: the same for the fake, and for those who count what is found in it.

A place is one region of one account, numbered through. Each kind of place comes at its own interval, so that any number
of accounts holds about the same share of each.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

REGIONS: Final = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
AGGREGATOR: Final = "organization"
HUB: Final = "999988887777"
ROWS_ON_A_PAGE: Final = 100
ACCOUNTS_ON_A_PAGE: Final = 20

CLUSTER_IN: Final = 20
"""One of so many places has a cluster, unless a run is about another share."""

_FIRST: Final = 100_000_000_000


class Cause(StrEnum):
    """What a call is made for. With an inventory, none is for `NOTHING`."""

    PAGES = "pages"
    """Pages of the organisation's accounts and of its inventory."""
    REGIONS = "regions"
    """Which regions an account has on."""
    CLUSTERS = "clusters"
    """A cluster, or entering its account."""
    GAPS = "gaps"
    """A region that the inventory does not see, or entering its account for such regions alone."""
    THROTTLED = "throttled"
    """A call that was throttled, and is made again."""
    NOTHING = "nothing"
    """A region, or an account, without a cluster and without a gap."""


def account_id(number: int) -> str:
    """Give an account's id."""
    return str(_FIRST + number)


def place_of(account: str, region: str) -> int:
    """Give the number of a place."""
    return (int(account) - _FIRST) * len(REGIONS) + REGIONS.index(region)


def is_closed_to_us(account: str) -> bool:
    """Tell whether the account's role cannot be assumed."""
    return int(account) % 97 == 3


def places_of(account: str) -> range:
    """Give the numbers of an account's places."""
    first = (int(account) - _FIRST) * len(REGIONS)
    return range(first, first + len(REGIONS))


def has_cluster(place: int, cluster_in: int = CLUSTER_IN) -> bool:
    """Tell whether there is a cluster: as it is, 5 % of the places have one."""
    return place % cluster_in == 0


def is_throttled(place: int) -> bool:
    """Tell whether the first call of each kind is throttled there; half of these places have a cluster."""
    return place % 100 in (0, 1)


def is_denied(place: int) -> bool:
    """Tell whether clusters may be neither listed nor described there; some of these places have one."""
    return place % 70 in (2, 60)


def is_recorded(place: int) -> bool:
    """Tell whether the inventory sees all clusters there; where it does not, it names none either, if there is one."""
    return place % 89 != 7


def why_entered(account: str, cluster_in: int) -> Cause:
    """Tell for what an account is entered: a cluster that the inventory knows, else a place that it does not see."""
    seen = [place for place in places_of(account) if is_recorded(place)]
    if any(has_cluster(place, cluster_in) for place in seen):
        return Cause.CLUSTERS
    return Cause.GAPS if len(seen) < len(REGIONS) else Cause.NOTHING


def why_listed(place: int) -> Cause:
    """Tell for what the clusters of a place are listed."""
    return Cause.NOTHING if is_recorded(place) else Cause.GAPS


def why_read(place: int, cluster_in: int) -> Cause:
    """Tell for what a cluster or a log group of a place is read."""
    return Cause.CLUSTERS if has_cluster(place, cluster_in) else Cause.NOTHING
