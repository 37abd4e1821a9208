"""What the organisation of a fake AWS looks like: the same for the fake, and for those who count what is found in it.

A place is one region of one account, numbered through. Each kind of place comes at its own interval, so that any number
of accounts holds about the same share of each.
"""

from __future__ import annotations

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

_FIRST: Final = 100_000_000_000


def account_id(number: int) -> str:
    """Give an account's id."""
    return str(_FIRST + number)


def place_of(account: str, region: str) -> int:
    """Give the number of a place."""
    return (int(account) - _FIRST) * len(REGIONS) + REGIONS.index(region)


def is_closed_to_us(account: str) -> bool:
    """Tell whether the account's role cannot be assumed."""
    return int(account) % 97 == 3


def has_cluster(place: int) -> bool:
    """Tell whether there is a cluster: 5 % of the places have one."""
    return place % 20 == 0


def is_throttled(place: int) -> bool:
    """Tell whether the first call of each kind is throttled there; half of these places have a cluster."""
    return place % 100 in (0, 1)


def is_denied(place: int) -> bool:
    """Tell whether clusters may be neither listed nor described there; some of these places have one."""
    return place % 70 in (2, 60)


def is_recorded(place: int) -> bool:
    """Tell whether the inventory sees all clusters there; where it does not, no cluster is in it either."""
    return place % 90 != 7
