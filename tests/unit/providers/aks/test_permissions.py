from __future__ import annotations

import importlib
import json

import pytest

from providers.aks import PROVIDER
from scanner.errors import UsageError


def test_the_custom_role_is_what_the_azure_cli_takes() -> None:
    role = json.loads(PROVIDER.permissions())
    assert set(role) == {"Name", "IsCustom", "Description", "Actions", "NotActions", "AssignableScopes"}
    assert all(action.endswith("/read") and "*" not in action for action in role["Actions"])
    assert not any("listCluster" in action for action in role["Actions"])


def test_every_permission_that_a_call_may_lack_is_in_the_role() -> None:
    """That of a partner's resource has the partner's name, which nobody knows beforehand; the list takes none."""
    named = {
        value
        for name, value in vars(importlib.import_module("providers.aks.permissions")).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }
    unneeded = {"Microsoft.Resources/subscriptions/resources/read"}
    observing, organization = (
        set(json.loads(PROVIDER.permissions(one))["Actions"]) for one in ("observe", "organization")
    )
    assert named - unneeded <= observing | organization


def test_the_role_of_an_organization_is_the_usual_one_and_its_list_at_a_management_group() -> None:
    usual, found = json.loads(PROVIDER.permissions()), json.loads(PROVIDER.permissions("organization"))
    more = set(found["Actions"]) - set(usual["Actions"])
    assert more == {"Microsoft.Management/managementGroups/descendants/read"}
    assert set(usual["Actions"]) < set(found["Actions"])
    assert found["AssignableScopes"] == ["/providers/Microsoft.Management/managementGroups/MANAGEMENT_GROUP"]


def test_only_observe_reads_records() -> None:
    plain = set(json.loads(PROVIDER.permissions())["Actions"])
    more = set(json.loads(PROVIDER.permissions("observe"))["Actions"]) - plain
    assert all(action.startswith("Microsoft.OperationalInsights/workspaces/query/") for action in more)
    assert len(more) > 1


def test_built_in_roles_are_named_with_their_ids() -> None:
    assert "acdd72a7-3385-48ef-bd42-f606fba81ae7" in PROVIDER.permissions("builtin")


def test_another_variant_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        PROVIDER.permissions("mars")
    assert (refused.value.where, refused.value.hint) == ("--permissions", "there are observe, organization, builtin")
