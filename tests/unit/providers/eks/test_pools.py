"""What the accounts of one run share: a hub's role is assumed once, however the accounts come."""

from __future__ import annotations

from providers.eks import EksProvider
from providers.eks.options import EksOptions
from providers.eks.session import Pool, Sessions
from scanner.model import RuleSettings, ScanSettings
from scanner.ports import CollectContext, DiscoveredAccount, Unlimited, made
from tests.emulators.aws import AwsEmulator
from tests.unit.providers.eks.conftest import NOW, Collection

HUB = "arn:aws:iam::999988887777:role/hub"
ACCOUNTS = ("100000000001", "100000000002", "100000000003")
REGION = "eu-west-1"


def quiet(what: str) -> None:
    """Take note of no wait."""
    del what


async def test_a_hub_role_is_assumed_once_for_accounts_one_after_the_other(aws: AwsEmulator) -> None:
    """As with a concurrency of 1: at no time is there an account before and after which no other one is read."""
    for account in ACCOUNTS:
        aws.organization.add(account, account)
        aws.organization.record(account, REGION)
        aws.add_regions(account, REGION)
    aws.add_cluster(ACCOUNTS[0], REGION, "prod")
    aws.organization.capture(ACCOUNTS[0], REGION, "prod")
    provider = EksProvider()
    given = {"role_arn": HUB, "account_role": "audit-scanner", "config_aggregator": "organization"}
    context = CollectContext("corp", ScanSettings(retries=0, concurrency=1), RuleSettings(), NOW, quiet)
    options = provider.organization_options.model_validate(given)
    found = [item async for item in provider.discover(options, context)]
    accounts = [made(item.options) for item in found if isinstance(item, DiscoveredAccount)]
    got = [Collection([item async for item in provider.collect(one, context)], []) for one in accounts]
    assert [set(one.clusters) for one in got] == [{"prod"}, set(), set()]
    assert len(aws.called("account:ListRegions")) == 3
    assert [call.parameters["RoleArn"] for call in aws.called("sts:AssumeRole")] == [
        HUB,
        f"arn:aws:iam::{ACCOUNTS[0]}:role/audit-scanner",
    ]


async def test_of_many_roles_those_in_use_are_kept() -> None:
    """The hub's role is asked for with each account, so that it is never forgotten; an account's own is, in time."""
    pool = Pool(Sessions(), ScanSettings())
    session = await pool.session(None)

    def keys(role: str) -> object:
        return pool.caller(session, EksOptions(role_arn=role), REGION, Unlimited()).keys

    hub, first = keys(HUB), keys(f"arn:aws:iam::{100_000_000_000}:role/audit")
    for number in range(1, 400):
        assert keys(HUB) is hub
        latest = keys(f"arn:aws:iam::{100_000_000_000 + number}:role/audit")
        assert keys(f"arn:aws:iam::{100_000_000_000 + number}:role/audit") is latest
    assert keys(f"arn:aws:iam::{100_000_000_000}:role/audit") is not first
    await pool.close()
