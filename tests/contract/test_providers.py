"""What every provider must hold to, whichever it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

import providers
from scanner.errors import UsageError
from scanner.knowledge import provider_knowledge
from scanner.model import Grade, Link, RequestCategory
from scanner.ports import AccountOptions, OrganizationOptions, OrganizationProvider

SDKS = ("boto3", "botocore", "google", "azure", "aiohttp", "grpc")
KINDS = providers.kinds()


def test_there_are_providers() -> None:
    assert {"aks", "eks", "self_managed"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is(kind: str) -> None:
    provider = providers.load(kind)
    assert provider.kind == kind
    assert provider.title.casefold() == provider_knowledge(kind).title.casefold()
    assert issubclass(provider.options, AccountOptions)
    assert provider.permissions().strip()


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_is_described(kind: str) -> None:
    undescribed = [name for name, field in providers.load(kind).options.model_fields.items() if not field.description]
    assert undescribed == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_an_organization_is_described(kind: str) -> None:
    provider = providers.load(kind)
    if isinstance(provider, OrganizationProvider):
        options = provider.organization_options
        assert issubclass(options, OrganizationOptions)
        assert [name for name, field in options.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("kind", ["aks", "eks"])
def test_those_whose_cloud_lists_its_accounts_find_them(kind: str) -> None:
    assert isinstance(providers.load(kind), OrganizationProvider)


@pytest.mark.parametrize("kind", KINDS)
def test_loading_it_loads_no_sdk(kind: str) -> None:
    code = f"import sys, providers; providers.load({kind!r}); print([m for m in {SDKS!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "[]"


def test_loading_one_provider_loads_no_other() -> None:
    code = "import sys, providers; providers.load('self_managed'); print('providers.eks' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "False"


def test_a_provider_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"there is no provider 'nomad' \(there are aks, eks, "):
        providers.load("nomad")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_known_of_it_is_sourced_and_consistent(kind: str) -> None:
    knowledge = provider_knowledge(kind)
    assert knowledge.provider == kind
    assert knowledge.sources
    assert {log for one in knowledge.together for log in one.logs} <= set(knowledge.logs)
    assert {name.partition("_")[0] for name in knowledge.remediation} <= {*Link, "authorizer", "start"}
    for category in RequestCategory:
        everything = frozenset(knowledge.logs)
        assert knowledge.carried(everything, category, Grade.COMPLETE) is Grade.COMPLETE
        assert knowledge.carried(frozenset(), category, Grade.COMPLETE) is Grade.NONE
        for log in knowledge.relevant(category):
            assert knowledge.logs[log].without.get(category), f"{log} says nothing about {category} without it"
