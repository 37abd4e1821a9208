from __future__ import annotations

import pytest
from pydantic import ValidationError

from providers.eks.options import EksOptions

ROLE = "arn:aws:iam::111122223333:role/audit-scanner"


def test_every_key_has_a_default_and_a_description() -> None:
    assert EksOptions() == EksOptions(
        role_arn=None,
        external_id=None,
        session_name="k8s-audit-coverage",
        profile=None,
        regions="enabled",
        clusters=("*",),
        exclude_clusters=(),
    )
    assert all(field.description for field in EksOptions.model_fields.values())


def test_lists_as_toml_writes_them_are_accepted() -> None:
    options = EksOptions.model_validate({"regions": ["eu-west-1", "us-gov-west-1"], "clusters": ["prod-*"]})
    assert options.regions == ("eu-west-1", "us-gov-west-1")
    assert options.clusters == ("prod-*",)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        (
            {"role_arn": "audit-scanner"},
            "is 'audit-scanner', which is no role ARN: arn:aws:iam::111122223333:role/NAME",
        ),
        ({"role_arn": "arn:aws:iam::111122223333:user/bob"}, "which is no role ARN"),
        ({"role_arn": "arn:aws:iam::1111222233:role/short"}, "which is no role ARN"),
        ({"role_arn": "arn:aws-moon:iam::111122223333:role/x"}, "which is no role ARN"),
        ({"external_id": "tenant-7"}, "role_arn is missing: external_id is only used when a role is assumed"),
        ({"session_name": "audit"}, "role_arn is missing: session_name is only used when a role is assumed"),
        ({"role_arn": ROLE, "external_id": "x"}, "at least 2 characters"),
        ({"role_arn": ROLE, "session_name": "has space"}, "is 'has space', which holds more than letters, digits and"),
        ({"profile": ""}, "at least 1 character"),
        ({"regions": []}, 'is empty: name at least one region, or write "enabled" for all that the account has on'),
        ({"regions": ["Ireland"]}, "holds 'Ireland', which is no region name such as eu-west-1"),
        ({"regions": ["eu-west-1", "eu-west-1"]}, "holds eu-west-1 more than once"),
        ({"regions": "all"}, "is 'all': write a list of regions such as"),
        (
            {"role_arn": ROLE, "regions": ["eu-west-1", "cn-north-1", "us-gov-west-1"]},
            "regions holds cn-north-1, us-gov-west-1, but role_arn is of partition aws",
        ),
        ({"clusters": []}, "at least 1 item"),
        ({"region": ["eu-west-1"]}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_used_is_refused(keys: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        EksOptions.model_validate(keys)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("role", "regions"),
    [
        ("arn:aws-cn:iam::111122223333:role/audit", ["cn-north-1", "cn-northwest-1"]),
        ("arn:aws-us-gov:iam::111122223333:role/path/audit", ["us-gov-east-1"]),
        ("arn:aws-iso:iam::111122223333:role/audit", ["us-iso-east-1"]),
        ("arn:aws-iso-b:iam::111122223333:role/audit", ["us-isob-east-1"]),
        ("arn:aws-eusc:iam::111122223333:role/audit", ["eusc-de-east-1"]),
        (ROLE, ["mx-central-1", "ap-southeast-7"]),
    ],
)
def test_each_partition_takes_its_own_regions(role: str, regions: list[str]) -> None:
    assert EksOptions.model_validate({"role_arn": role, "regions": regions}).regions == tuple(regions)


@pytest.mark.parametrize(
    ("clusters", "exclude", "wanted"),
    [
        (["*"], [], ["prod-1", "prod-2", "test"]),
        (["prod-?"], [], ["prod-1", "prod-2"]),
        (["*"], ["prod-*"], ["test"]),
        (["prod-1", "test"], ["prod-1"], ["test"]),
        (["PROD-*"], [], []),
    ],
)
def test_names_are_matched_with_case_and_exclusion_wins(
    clusters: list[str], exclude: list[str], wanted: list[str]
) -> None:
    options = EksOptions.model_validate({"clusters": clusters, "exclude_clusters": exclude})
    assert [name for name in ("prod-1", "prod-2", "test") if options.wants(name)] == wanted
