"""The demo's two AWS accounts, with clusters in every state that matters, on an emulator on loopback.

Each cluster is named after what it stands for in the table below; the roles to assume are `ROLES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.emulators.aws import ABSENT, AwsEmulator, Group, faults, role_arn, running

PRODUCTION: Final = "111122223333"
STAGING: Final = "444455556666"
LOCKED_OUT: Final = "999999999999"
"""An account whose role may not be assumed."""
CORPORATION: Final = {
    "500000000001": "payments",
    "500000000002": "website",
    "500000000003": "warehouse",
    "500000000004": "research",
    "500000000005": "analytics",
}
"""The accounts of an organisation that the scan finds by itself."""
ROLES: Final = {PRODUCTION: role_arn(PRODUCTION), STAGING: role_arn(STAGING)}
KMS_KEY: Final = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SIEM: Final = "arn:aws:firehose:eu-west-1:111122223333:deliverystream/siem"

_ALL: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_BOTH: Final = ("audit", "authenticator")


@contextmanager
def start(now: datetime | None = None) -> Iterator[dict[str, str]]:
    """Run the emulated accounts, and give the environment that leads any AWS client to them.

    Args:
        now: When the scan is to think the newest records were written, five minutes before; the present by default.
    """
    newest = (now or datetime.now(UTC)).replace(second=0, microsecond=0) - timedelta(minutes=5)
    with running() as aws:
        populate(aws, newest)
        yield aws.environment


def populate(aws: AwsEmulator, newest: datetime) -> None:
    """Make both accounts; `newest` is the time of the newest record of each log."""
    aws.add_regions(PRODUCTION, "ap-southeast-2", "eu-central-1", "eu-west-1", "us-east-1")
    aws.add_regions(STAGING, "eu-west-1", "us-east-1")
    aws.inject(faults.deny(), "sts:AssumeRole", role=role_arn(LOCKED_OUT))
    _production_ireland(aws, newest)
    _production_virginia(aws, newest)
    _production_elsewhere(aws, newest)
    _staging(aws, newest)
    _corporation(aws, newest)


def _production_ireland(aws: AwsEmulator, newest: datetime) -> None:
    """Make the clusters whose log types differ."""
    region = _Region(aws, PRODUCTION, "eu-west-1", newest)
    region.add("all-types", _ALL, retention_days=365, kms_key=KMS_KEY, filters={"siem": SIEM})
    region.add("api-only", ("api",), retention_days=90)
    region.add("audit-and-authenticator", _BOTH, retention_days=90)
    region.add("audit-only", ("audit",), retention_days=90)
    region.add("never-expires", _BOTH)
    region.add("no-types", (), version="1.31", has_group=False)
    several = [{"types": [log_type], "enabled": True} for log_type in _BOTH]
    several += [{"types": ["api", "controllerManager", "scheduler"], "enabled": False}]
    region.add("several-entries", _BOTH, retention_days=90, fields={"logging": {"clusterLogging": several}})


def _production_virginia(aws: AwsEmulator, newest: datetime) -> None:
    """Make the clusters whose records get lost, or that are hard to read."""
    region = _Region(aws, PRODUCTION, "us-east-1", newest)
    region.add("describe-denied", _BOTH, retention_days=90)
    aws.inject(faults.deny(), "eks:DescribeCluster", account=PRODUCTION, cluster="describe-denied")
    region.add("log-group-missing", _BOTH, has_group=False)
    region.add("seven-days", _BOTH, retention_days=7)
    region.add("throttled", _BOTH, retention_days=90)
    aws.inject(faults.throttle(), "eks:DescribeCluster", account=PRODUCTION, cluster="throttled", times=2)


def _production_elsewhere(aws: AwsEmulator, newest: datetime) -> None:
    """Make a region whose log groups must not be listed, and one whose clusters must not."""
    _Region(aws, PRODUCTION, "eu-central-1", newest).add("log-groups-denied", _BOTH, retention_days=90)
    aws.inject(faults.deny(), "logs:DescribeLogGroups", account=PRODUCTION, region="eu-central-1")
    _Region(aws, PRODUCTION, "ap-southeast-2", newest).add("never-listed", _BOTH, retention_days=90)
    by_organisation = "an explicit deny in a service control policy"
    aws.inject(faults.deny(by_organisation), "eks:ListClusters", account=PRODUCTION, region="ap-southeast-2")


def _staging(aws: AwsEmulator, newest: datetime) -> None:
    """Make the clusters that come, go, change, or are none of EKS' own; the account's other region is empty."""
    region = _Region(aws, STAGING, "eu-west-1", newest)
    region.add("deleted-meanwhile", _BOTH, retention_days=90)
    gone = faults.error(404, "ResourceNotFoundException", "No cluster found for name: deleted-meanwhile.")
    aws.inject(gone, "eks:DescribeCluster", account=STAGING, cluster="deleted-meanwhile")
    region.add("null-logging", (), has_group=False, fields={"logging": None})
    registered = {"connectorConfig": {"provider": "EKS_ANYWHERE"}, "logging": ABSENT, "version": ABSENT}
    region.add("registered-only", (), has_group=False, fields={**registered, "accessConfig": ABSENT})
    region.add("silent-audit", _BOTH, retention_days=90, streams={"authenticator": newest})
    region.add("updating", _BOTH, retention_days=90, fields={"status": "UPDATING"})


def _corporation(aws: AwsEmulator, newest: datetime) -> None:
    """Make an organisation whose accounts nobody names: inventories know some of their clusters, and not the others."""
    for account, name in CORPORATION.items():
        aws.organization.add(account, name)
        aws.add_regions(account, "eu-west-1", "us-east-1")
    aws.organization.add("500000000009", "closed-last-year", State="SUSPENDED")
    aws.organization.add("500000000010", "sandbox-10")
    known, empty, behind, unrecorded, evaluated = CORPORATION
    for account in (known, empty, behind):
        aws.organization.record(account, "eu-west-1", "us-east-1")
    seen = (newest - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for account, name in (
        (known, "found-by-config"),
        (behind, "changed-since"),
        (unrecorded, "found-by-listing"),
        (evaluated, "found-by-telemetry"),
    ):
        _Region(aws, account, "eu-west-1", newest).add(name, _BOTH, retention_days=90)
    aws.telemetry.start("us-east-1", "eu-west-1")
    aws.telemetry.vpc(evaluated, "eu-west-1", "us-east-1")
    aws.telemetry.cluster(evaluated, "eu-west-1", "found-by-telemetry", *_BOTH)
    aws.organization.capture(known, "eu-west-1", "found-by-config", *_BOTH, at=seen)
    aws.organization.capture(behind, "eu-west-1", "changed-since", "api", at=seen)


class _Region:
    """One region of one account, to add clusters to."""

    def __init__(self, aws: AwsEmulator, account: str, region: str, newest: datetime) -> None:
        """Know where the clusters belong, and when their newest records were written."""
        self._aws = aws
        self._account = account
        self._region = region
        self._newest = newest

    def add(
        self,
        name: str,
        enabled: Sequence[str],
        *,
        retention_days: int | None = None,
        version: str = "1.34",
        has_group: bool = True,
        fields: Mapping[str, object] | None = None,
        **group_fields: Any,  # noqa: ANN401 - the fields of Group
    ) -> None:
        """Add a cluster; its log group has a stream of each enabled type, unless `streams` says otherwise."""
        group = Group(retention_days, **{"streams": dict.fromkeys(enabled, self._newest), **group_fields})
        self._aws.add_cluster(
            self._account,
            self._region,
            name,
            enabled=enabled,
            version=version,
            group=group if has_group else None,
            fields=fields,
        )
