"""The keys of an AWS organisation: what is refused before any call is made, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers import load
from providers.eks.organization_options import EksOrganizationOptions
from scanner.config import load_config
from scanner.errors import ConfigError
from scanner.ports import AccountOptions

HUB = 'role_arn = "arn:aws:iam::999988887777:role/hub"\n'
HUB_OF_CHINA = HUB.replace("aws", "aws-cn")


def _options(kind: str) -> type[AccountOptions]:
    return load(kind).options


def _refusal(folder: Path, keys: str) -> str:
    path = folder / "config.toml"
    path.write_text(f'[[organization]]\nname = "corp"\nprovider = "eks"\n{keys}', encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(path, _options, {}, organization_for=lambda _: EksOrganizationOptions)
    return str(refused.value).removeprefix(f"{path}: organization[0]")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            'role_arn = "nonsense"',
            ".role_arn: is 'nonsense', which is no role ARN: arn:aws:iam::111122223333:role/NAME is expected",
        ),
        (
            'role_arn = ""',
            ".role_arn: is '', which is no role ARN: arn:aws:iam::111122223333:role/NAME is expected",
        ),
        (
            'role_arn = "arn:aws:iam::999988887777:user/x"',
            (
                ".role_arn: is 'arn:aws:iam::999988887777:user/x', which is no role ARN:"
                " arn:aws:iam::111122223333:role/NAME is expected"
            ),
        ),
        (
            HUB_OF_CHINA + 'regions = ["eu-west-1"]',
            ": regions holds eu-west-1, but role_arn is of partition aws-cn",
        ),
        (
            HUB + 'config_aggregator = "a"\nconfig_region = "cn-north-1"',
            ": config_region holds cn-north-1, but role_arn is of partition aws",
        ),
        (
            HUB + 'telemetry_config = true\ntelemetry_regions = ["eu-west-1", "us-gov-west-1"]',
            ": telemetry_regions holds us-gov-west-1, but role_arn is of partition aws",
        ),
        (
            'regions = ["eu-west-1", "cn-north-1"]',
            ": regions holds cn-north-1, but eu-west-1 in regions is of partition aws",
        ),
        (
            'regions = ["cn-north-1"]\nconfig_aggregator = "a"\nconfig_region = "eu-west-1"',
            ": config_region holds eu-west-1, but cn-north-1 in regions is of partition aws-cn",
        ),
        (
            'config_region = "us-east-1"',
            ": config_aggregator is missing: config_region is only used with it",
        ),
        (
            'telemetry_regions = ["us-east-1"]',
            ": telemetry_config is not true: telemetry_regions is only used with it",
        ),
        (
            'regions = "all"',
            '.regions: is \'all\': write a list of regions such as ["eu-west-1"], or "enabled" for all that are on',
        ),
        ("regions = [3]", '.regions: is [3]: regions are names such as "eu-west-1"'),
        ('organizational_units = "r-abcd"', '.organizational_units: must be a list, not "r-abcd"'),
        (
            'organizational_units = ["r-abcd", "Sales"]',
            (
                ".organizational_units[1]: is 'Sales', which is no id of a root or an organizational unit,"
                " such as r-ab12 or ou-ab12-11111111"
            ),
        ),
        ('exclude_accounts = "sandbox"', '.exclude_accounts: must be a list, not "sandbox"'),
        ('exclude_accounts = [""]', ".exclude_accounts[0]: must not be empty"),
        (
            'exclude_accounts = ["sandbox-*", "**"]',
            ".exclude_accounts: holds '**', which leaves out everything, so that nothing would be read",
        ),
        (
            'exclude_clusters = ["*"]',
            ".exclude_clusters: holds '*', which leaves out everything, so that nothing would be read",
        ),
        (
            'account_role = "/path/role"',
            (
                ".account_role: is '/path/role', which is no role's name: write NAME or PATH/NAME, without arn:… and"
                " without a / in front"
            ),
        ),
        (
            'account_role = "Prüfer"',
            (
                ".account_role: is 'Prüfer', which is no role's name: write NAME or PATH/NAME, without arn:… and"
                " without a / in front"
            ),
        ),
        (
            'config_aggregator = "a/b"',
            (
                ".config_aggregator: is 'a/b', which is no aggregator's name: letters, digits, _ and - are allowed,"
                " and no ARN"
            ),
        ),
        (
            'config_aggregator = "a"\nconfig_region = "Ireland"',
            ".config_region: is 'Ireland', which is no region name such as eu-west-1",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(tmp_path: Path, keys: str, said: str) -> None:
    assert _refusal(tmp_path, keys) == said


@pytest.mark.parametrize(
    "keys",
    [
        {"account_role": "path/to/role"},
        {"organizational_units": ["r-ab12", "ou-ab12-11111111"]},
        {"role_arn": "arn:aws-cn:iam::999988887777:role/hub", "regions": ["cn-north-1"]},
        {"regions": ["cn-north-1"], "config_aggregator": "a", "config_region": "cn-northwest-1"},
    ],
)
def test_what_is_taken_makes_accounts(keys: dict[str, object]) -> None:
    options = EksOrganizationOptions.model_validate(keys)
    partition = "aws-cn" if options.named_regions else "aws"
    found = options.account("100000000001", partition, None)
    assert found.account_id == "100000000001"
    assert found.regions == options.regions
    assert options.hub().role_arn == options.role_arn
