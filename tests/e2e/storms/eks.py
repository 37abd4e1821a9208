"""AWS in a storm: accounts that are entered, and organisations whose accounts are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import botocore.session

from providers.eks import calls as product
from providers.eks import inventory, organization
from tests.e2e.storms.sky import PAGED, Place, Trouble
from tests.emulators.aws import AwsEmulator, Group, faults, role_arn, running
from tests.emulators.aws.faults import Answer
from tests.emulators.aws.organization import Organization

_REGIONS: Final = ("eu-west-1", "us-east-1")
_BOTH: Final = ("audit", "authenticator")
_GARBLED: Final = b'{"clusters": 7, "cluster": [], "logGroups": {}'
_FAULTS: Final[dict[str, Callable[[], Answer]]] = {
    "denied": faults.deny,
    "throttled": faults.throttle,
    "server error": faults.server_error,
    "no answer in time": lambda: faults.stall(90),
    "reset": faults.drop,
    "malformed": lambda: faults.body(_GARBLED),
    "another shape": lambda: faults.body(b'[["clusters", 7]]'),
    "empty": lambda: faults.body(b""),
    "empty object": lambda: faults.body(b"{}"),
    "truncated": faults.truncate,
    "expired": lambda: faults.error(
        403, "ExpiredTokenException", "The security token included in the request is expired"
    ),
}
_PAGED: Final[dict[str, Callable[[str], Answer]]] = {
    PAGED[0]: faults.repeat_page,
    PAGED[1]: faults.lose_page,
}


class EksSky:
    """AWS."""

    head: Final = ""
    shapes: Final = ("account", "organization", "units")
    named: Final = frozenset(
        value
        for module in (product, inventory, organization)
        for value in vars(module).values()
        if isinstance(value, str) and value.partition(":")[0] in {"account", "config", "ec2", "eks", "logs", "sts"}
    ) | {organization.LIST_ACCOUNTS, organization.LIST_ACCOUNTS_FOR_PARENT, organization.LIST_UNITS}
    beside: Final = frozenset(
        {
            # Where records are forwarded to, and when the newest came, are told beside the verdict.
            product.DESCRIBE_LOG_STREAMS,
            product.DESCRIBE_SUBSCRIPTION_FILTERS,
            # Without them every region of every account is listed, which a note of the organisation says.
            product.LIST_REGIONS,
            inventory.SELECT,
            inventory.SOURCES,
        }
    )

    covered: Final[frozenset[tuple[str, str]]] = frozenset()
    afresh: Final[frozenset[str]] = frozenset()
    replaced: Final[Mapping[str, frozenset[str]]] = {}
    everywhere: Final = frozenset({product.ASSUME_ROLE, product.GET_CALLER_IDENTITY})

    def __init__(self, aws: AwsEmulator) -> None:
        """Start without any account."""
        self._aws = aws
        self._newest = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads boto3 to the emulator."""
        return self._aws.environment

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What else may happen to accounts."""
        gone = faults.error(404, "ResourceNotFoundException", "No cluster found for name: main.")

        def deny_lists(place: Place) -> None:
            for one in (product.DESCRIBE_REGIONS, product.LIST_CLUSTERS, product.DESCRIBE_LOG_GROUPS):
                self._aws.inject(faults.deny(), one, account=place.key)

        return {
            "a cluster is deleted": Trouble(
                "account",
                lambda place: self._aws.inject(gone, product.DESCRIBE_CLUSTER, account=place.key),
                "SKIP",
                "was deleted while the account was read",
            ),
            "a region is denied": Trouble(
                "account",
                lambda place: self._aws.inject(
                    faults.deny(), product.LIST_CLUSTERS, account=place.key, region=_REGIONS[1]
                ),
                "UNKNOWN",
                f"region {_REGIONS[1]}",
            ),
            "every list is denied": Trouble(
                "account",
                deny_lists,
                "UNKNOWN",
                product.DESCRIBE_REGIONS,
            ),
            "the organisation is denied": Trouble(
                "organization",
                lambda place: self._aws.inject(faults.deny(), organization.LIST_ACCOUNTS, account=place.key),
                "UNKNOWN",
                organization.LIST_ACCOUNTS,
            ),
        }

    def add(self, shape: str, number: int, fault: str = "") -> Place:  # noqa: ARG002 - the same for every cloud
        """Make an account, or one that looks into the organisation."""
        account = f"{200_000_000_000 + number:012}"
        name = f"{shape}-{number:04}"
        role = f'name = "{name}"\nprovider = "eks"\nrole_arn = "{role_arn(account)}"\n'
        if shape == "account":
            self._aws.add_regions(account, *_REGIONS)
            self._add_cluster(account)
            return Place(name, f"[[account]]\n{role}", account)
        members = self._add_organization(account)
        key = 'config_aggregator = "organization"' if shape == "organization" else 'organizational_units = ["r-ab12"]'
        return Place(name, f'[[organization]]\n{role}account_role = "audit-scanner"\n{key}\n', account, members)

    def calls(self, place: Place) -> frozenset[str]:
        """Give the calls that an account's credentials signed, and the one that gave it these."""
        mine = (place.key, role_arn(place.key))
        return frozenset(
            call.action for call in tuple(self._aws.calls) if {call.account, call.parameters.get("RoleArn")} & {*mine}
        )

    def methods(self, calls: Iterable[str]) -> frozenset[str]:
        """Give the calls as the product names them."""
        return frozenset(calls)

    def faults(self, shape: str, call: str) -> Iterable[str]:  # noqa: ARG002 - the same for every cloud
        """Give the faults of any call, and those of calls whose answers have pages."""
        yield from _FAULTS
        if _token_of(call):
            yield from _PAGED

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a call go wrong; the source's account makes the one that assumes a role, which is known by the role."""
        by = {"role": role_arn(place.key)} if call == product.ASSUME_ROLE else {"account": place.key}
        answer = _PAGED[fault](_token_of(call)) if fault in _PAGED else _FAULTS[fault]()
        self._aws.inject(answer, call, **by)

    def spares(self, place: Place, call: str) -> frozenset[str]:  # noqa: ARG002 - the same for every cloud
        """Give none: whatever goes wrong is of the place's own account."""
        return frozenset()

    def spreads(self, call: str, fault: str) -> bool:  # noqa: ARG002 - the same for every cloud
        """Tell that none does: each call is hit by itself."""
        return False

    def words(self, call: str, fault: str) -> tuple[str, ...]:  # noqa: ARG002 - the same for every cloud
        """Give the call as IAM spells it, as the report does."""
        return (call,)

    def sources(self, call: str) -> tuple[str, ...]:
        """Give the call as evidence names it."""
        return (call,)

    def secrets(self) -> Iterable[str]:
        """Give the source's key and those of the roles."""
        yield from (self.environment["AWS_SECRET_ACCESS_KEY"], self.environment["AWS_ACCESS_KEY_ID"])
        yield from self._aws.given_keys()

    def _add_organization(self, hub: str) -> tuple[str, ...]:
        """Let an account look into an organisation of two more, of which one has a cluster and AWS Config knows it."""
        found = self._aws.organizations[hub] = Organization(page_size=1)
        members = [f"{first}{hub[1:]}" for first in (3, 4)]
        for member in members:
            found.add(member, f"member-{member}")
            found.record(member, *_REGIONS)
            self._aws.add_regions(member, *_REGIONS)
        found.unit(1)
        self._add_cluster(members[0])
        found.capture(members[0], "eu-west-1", "main", *_BOTH)
        found.sources += [{"SourceId": one, "SourceType": "ACCOUNT", "AwsRegion": "eu-north-1"} for one in members]
        return tuple(members)

    def _add_cluster(self, account: str) -> None:
        """Make a cluster whose newest streams are of something else, so that the wanted ones are on a second page."""
        group = Group(
            retention_days=90,
            streams=dict.fromkeys(_BOTH, self._newest),
            more_streams=50,
            filters={"siem": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/siem"},
        )
        self._aws.add_cluster(account, "eu-west-1", "main", enabled=_BOTH, group=group)


def _token_of(call: str) -> str:
    """Give the field that names the next page of a call's answers, by botocore's own models; empty without pages."""
    service, _, operation = call.partition(":")
    model = botocore.session.get_session().get_component("data_loader")
    try:
        found = model.load_service_model(service, "paginators-1")["pagination"]
    except botocore.exceptions.UnknownServiceError:
        return ""
    token = found.get(operation, {}).get("output_token", "")
    return token if isinstance(token, str) else ""


@contextmanager
def sky(_folder: Path) -> Iterator[EksSky]:
    """Run AWS."""
    with running() as aws:
        yield EksSky(aws)
