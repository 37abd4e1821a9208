from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from providers.gke.options import GkeOptions


def test_every_key_has_a_description_and_a_scope_is_all_that_is_needed() -> None:
    options = GkeOptions.model_validate({"project": "payments-prod"})
    assert (options.named_projects, options.scope, options.clusters) == (
        ("payments-prod",),
        "projects/payments-prod",
        ("*",),
    )
    assert all(field.description for field in GkeOptions.model_fields.values())
    assert options.endpoints.container == "container.googleapis.com"


@pytest.mark.parametrize(
    ("keys", "scope"),
    [
        ({"projects": ["payments-prod"]}, "projects/payments-prod"),
        ({"projects": ["payments-prod", "example.com:legacy-one", "123456789012"]}, "3 projects"),
        ({"folder": "10"}, "folders/10"),
        ({"organization": "900"}, "organizations/900"),
        ({"organization": 900}, "organizations/900"),
    ],
)
def test_a_scope_is_named_as_google_names_it(keys: dict[str, Any], scope: str) -> None:
    assert GkeOptions.model_validate(keys).scope == scope


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({}, "exactly one of project, projects, folder and organization is needed: there is none of them"),
        ({"folder": "1", "organization": "2"}, "there is folder and organization"),
        ({"project": "Payments"}, "is 'Payments', which is no project id such as payments-prod"),
        ({"projects": ["payments-prod", "x"]}, "holds 'x', which is no project id such as payments-prod"),
        ({"projects": ["payments-prod", "payments-prod"]}, "holds payments-prod more than once"),
        ({"project": "payments-prod", "quota_project": "no/such"}, "is 'no/such', which is no project id"),
        ({"folder": "folders/1"}, "is 'folders/1', which is no number such as 987654321098"),
        ({"organization": "example.com"}, "is 'example.com', which is no number such as 987654321098"),
        ({"organization": -1}, "is '-1', which is no number such as 987654321098"),
        ({"organization": True}, "Input should be a valid string"),
        (
            {"project": "payments-prod", "endpoints": {"logging": "http://localhost"}},
            "which is no host, with or without a port",
        ),
        (
            {"project": "payments-prod", "impersonate": "somebody"},
            "which is no service account's address",
        ),
        ({"project": "payments-prod", "regions": ["eu"]}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=r"validation error") as caught:
        GkeOptions.model_validate(keys)
    assert complaint in str(caught.value)


def test_wildcards_choose_projects_and_clusters() -> None:
    options = GkeOptions.model_validate(
        {
            "folder": "1",
            "exclude_projects": ["sandbox-*"],
            "clusters": ["prod-*", "main"],
            "exclude_clusters": ["*-old"],
        }
    )
    assert [options.wants_project(name) for name in ("sandbox-1", "payments")] == [False, True]
    assert [options.wants(name) for name in ("prod-1", "main", "prod-old", "test")] == [True, True, False, False]
    assert options.missing_of(frozenset({"prod-1"})) == ("main",)
