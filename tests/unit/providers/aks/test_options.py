from __future__ import annotations

import pytest
from pydantic import ValidationError

from providers.aks.options import AksOptions

ONE = "11112222-3333-4444-5555-666677778888"
OTHER = "99990000-AAAA-bbbb-cccc-ddddeeeeffff"


def test_every_key_has_a_default_and_a_description() -> None:
    options = AksOptions(subscription=ONE)
    assert (options.cloud, options.credential, options.clusters, options.arc) == (
        "AzurePublic",
        "default",
        ("*",),
        True,
    )
    assert all(field.description for field in AksOptions.model_fields.values())


@pytest.mark.parametrize(
    ("keys", "scope"),
    [
        ({"subscription": OTHER}, OTHER.lower()),
        ({"subscriptions": [ONE, OTHER]}, "2 subscriptions"),
        ({"management_group": "platform"}, "management group platform"),
        ({"tenant": True}, "tenant"),
        ({"tenant": True, "tenant_id": "contoso.onmicrosoft.com"}, "tenant contoso.onmicrosoft.com"),
    ],
)
def test_each_scope_has_a_name(keys: dict[str, object], scope: str) -> None:
    assert AksOptions.model_validate(keys).scope == scope


def test_ids_are_compared_without_their_case() -> None:
    options = AksOptions.model_validate({"subscriptions": [OTHER], "exclude_subscriptions": ["*TEST*"]})
    assert options.subscriptions == (OTHER.lower(),)
    assert options.wants_subscription(ONE, "Payments")
    assert not options.wants_subscription(ONE, "Payments-Test-1")
    assert not AksOptions(tenant=True, exclude_subscriptions=("9999*",)).wants_subscription(OTHER, "x")


def test_names_of_clusters_have_no_case() -> None:
    options = AksOptions(subscription=ONE, clusters=("Prod-*", "edge"), exclude_clusters=("prod-9",))
    assert options.wants("PROD-1")
    assert not options.wants("Prod-9")
    assert not options.wants("test")
    assert options.missing_of(frozenset({"prod-1"})) == ("edge",)
    assert options.missing_of(frozenset({"edge"})) == ()


@pytest.mark.parametrize(
    ("cloud", "host", "audience"),
    [
        ("AzurePublic", "management.azure.com", "https://management.azure.com/.default"),
        ("AzureUSGovernment", "management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net/.default"),
        ("AzureChina", "management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
    ],
)
def test_a_cloud_has_hosts_and_an_audience_of_its_own(cloud: str, host: str, audience: str) -> None:
    options = AksOptions.model_validate({"subscription": ONE, "cloud": cloud})
    assert (options.resource_manager, options.cloud_hosts.audience) == (host, audience)
    led_elsewhere = AksOptions.model_validate(
        {"subscription": ONE, "cloud": cloud, "endpoints": {"resource_manager": "127.0.0.1:8443"}}
    )
    assert (led_elsewhere.resource_manager, led_elsewhere.cloud_hosts.audience) == ("127.0.0.1:8443", audience)


def test_the_hosts_are_those_that_azures_own_library_knows() -> None:
    from azure.core import AzureClouds  # noqa: PLC0415
    from azure.mgmt.core.tools import get_arm_endpoints  # noqa: PLC0415

    from providers.aks.clouds import CLOUDS  # noqa: PLC0415

    names = {
        "AzurePublic": AzureClouds.AZURE_PUBLIC_CLOUD,
        "AzureUSGovernment": AzureClouds.AZURE_US_GOVERNMENT,
        "AzureChina": AzureClouds.AZURE_CHINA_CLOUD,
    }
    for name, cloud in CLOUDS.items():
        known = get_arm_endpoints(names[name])
        assert known["resource_manager"] == f"https://{cloud.resource_manager}/"
        assert known["credential_scopes"] == [cloud.audience]


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({}, "exactly one of subscription, subscriptions, management_group and tenant = true is needed: there is none"),
        ({"subscription": ONE, "tenant": True}, "there is subscription and tenant"),
        ({"subscription": "payments"}, "is 'payments', which is no subscription id such as 1111"),
        ({"subscriptions": [ONE, "x"]}, "holds 'x', which is no subscription id"),
        ({"subscriptions": [OTHER, OTHER.lower()]}, f"holds {OTHER.lower()} more than once"),
        ({"management_group": "a/b"}, "is 'a/b', which is no id of a management group"),
        ({"tenant": "contoso"}, "should be a valid boolean"),
        ({"tenant": True, "cloud": "Azure"}, "'AzurePublic', 'AzureUSGovernment' or 'AzureChina'"),
        ({"tenant": True, "credential": "password"}, "'managed_identity'"),
        (
            {"tenant": True, "credential": "client_secret"},
            'client_secret_file is needed with credential = "client_secret"',
        ),
        (
            {"tenant": True, "credential": "client_certificate"},
            'certificate_file is needed with credential = "client_certificate"',
        ),
        (
            {"tenant": True, "certificate_file": "a.pem"},
            'certificate_file is read with credential = "client_certificate" only, and credential is "default"',
        ),
        (
            {"tenant": True, "credential": "environment", "client_id": "a"},
            'tenant_id and client_id are AZURE_TENANT_ID and AZURE_CLIENT_ID with credential = "environment"',
        ),
        (
            {"tenant": True, "endpoints": {"resource_manager": "http://arm.example.com"}},
            "which is no host, with or without a port",
        ),
        ({"tenant": True, "clusters": []}, "at least 1 item"),
        ({"tenant": True, "client_secret": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_used_is_refused(keys: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AksOptions.model_validate(keys)
    assert complaint in str(refused.value)
