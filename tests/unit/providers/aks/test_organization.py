"""Subscriptions and clusters that are found through Azure Resource Graph, over the real wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import pytest

from providers.aks import AksProvider
from providers.aks.organization_options import AksOrganizationOptions, DiscoveredAksOptions
from scanner.assessment import assess
from scanner.model import (
    AccountIdentity,
    AccountNote,
    CollectionFailure,
    FailureKind,
    RuleSettings,
    ScanSettings,
)
from scanner.ports import AccountOptions, CollectContext, Discovered, DiscoveredAccount, OrganizationOptions, made
from tests.emulators.azure import TENANT, Azure, AzureEmulator, Fault, Role
from tests.unit.providers.aks.builders import NOW
from tests.unit.providers.aks.conftest import Collection

GRAPH: Final = "/providers/Microsoft.ResourceGraph/resources"
CLUSTERS, CONTAINERS = f"{GRAPH}/resources", f"{GRAPH}/resourcecontainers"
DESCENDANTS: Final = "Microsoft.Management/managementGroups/descendants/read"
LIST: Final = "Microsoft.ContainerService/managedClusters/read"
ARC: Final = "Microsoft.Kubernetes/connectedClusters/read"
SUBSCRIPTIONS: Final = "Microsoft.Resources/subscriptions/read"
GROUP: Final = "/providers/Microsoft.Management/managementGroups/corp"


def quiet(what: str) -> None:
    """Take note of no wait."""
    del what


def context(account: str = "corp", **scan: object) -> CollectContext:
    settings = ScanSettings.model_validate({"retries": 0, "call_timeout": 5.0, **scan})
    return CollectContext(account, settings, RuleSettings(), NOW, quiet)


class Found:
    """What was discovered, sorted by kind; its accounts are read with the provider that found them."""

    def __init__(self, provider: AksProvider, items: list[Discovered]) -> None:
        self.provider = provider
        self.accounts = {item.name: made(item.options) for item in items if isinstance(item, DiscoveredAccount)}
        self.failures = [item for item in items if isinstance(item, CollectionFailure)]
        self.notes = [item.note for item in items if isinstance(item, AccountNote)]
        self.texts = [note.text for note in self.notes]
        self.identities = [item.account_id for item in items if isinstance(item, AccountIdentity)]

    @property
    def ids(self) -> list[str]:
        return sorted(name.removeprefix("corp/") for name in self.accounts)

    async def read(self, subscription: str, **scan: object) -> Collection:
        name = f"corp/{subscription}"
        found = self.provider.collect(self.accounts[name], context(name, **scan))
        return Collection([item async for item in found], [])

    async def read_all(self) -> dict[str, Collection]:
        return {one: await self.read(one) for one in self.ids}


Discover = Callable[..., Awaitable[Found]]


@pytest.fixture
def discover(emulator: AzureEmulator) -> Discover:
    async def run(scan: dict[str, Any] | None = None, **options: object) -> Found:
        given = {} if "tenant" in options else {"management_group": "corp"}
        merged = AksOrganizationOptions.model_validate({"endpoints": emulator.endpoints, **given, **options})
        provider = AksProvider()
        return Found(provider, [item async for item in provider.discover(merged, context(**(scan or {})))])

    return run


@pytest.fixture
def azure(emulator: AzureEmulator) -> Azure:
    """Five subscriptions of one management group, of which the first two have a cluster, and one workspace."""
    azure = emulator.azure
    for number in range(1, 6):
        azure.subscription(number, f"team-{number}", group="corp")
    workspace = azure.workspace(ONE)
    for subscription, name in ((ONE, "shop"), (TWO, "bank")):
        cluster = azure.cluster(subscription, name)
        azure.setting(cluster, "kube-audit", "guard", workspaceId=workspace, logAnalyticsDestinationType="Dedicated")
    return azure


def subscription(number: int) -> str:
    return f"{number:08d}-3333-4444-5555-666677778888"


ONE, TWO, THREE, FOUR, FIVE = (subscription(number) for number in range(1, 6))
EMPTY: Final = (
    "not asked itself: Resource Graph sees the subscription and no AKS clusters and no Arc-connected clusters in it,"
    " and the identity may list them there; one that was made within the last minutes may be missing"
)


def called(azure: Azure, end: str = "") -> int:
    """Count the calls whose path has some end."""
    return sum(count for (_, path), count in azure.calls.items() if path.endswith(end) and "oauth2" not in path)


def asked_itself(azure: Azure) -> list[str]:
    """Give the subscriptions whose clusters were listed."""
    return sorted(
        path.split("/")[2] for _, path in azure.calls if path.endswith("Microsoft.ContainerService/managedClusters")
    )


async def test_only_subscriptions_with_clusters_are_asked_anything(azure: Azure, discover: Discover) -> None:
    found = await discover()
    assert found.ids == [ONE, TWO, THREE, FOUR, FIVE]
    assert (found.failures, found.texts, found.identities) == ([], [], ["management group corp"])
    assert called(azure) == 4  # both queries, the list of subscriptions and the permissions
    read = await found.read_all()
    assert {one: sorted(got.clusters) for one, got in read.items()} == {
        ONE: ["shop"], TWO: ["bank"], THREE: [], FOUR: [], FIVE: []
    }  # fmt: skip
    assert asked_itself(azure) == [ONE, TWO]
    assert all(read[one].notes == [EMPTY] and read[one].account_ids == [one] for one in (THREE, FOUR, FIVE))
    assert all(not got.failures for got in read.values())
    assert read[ONE].clusters["shop"].ref.account == f"corp/{ONE}"
    [note] = [item.note for item in read[THREE].items if isinstance(item, AccountNote)]
    assert [(one.source, one.locator, one.value) for one in note.evidence] == [
        ("Microsoft.ResourceGraph/resources/read", f"resourcecontainers[/subscriptions/{THREE}].state", "Enabled"),
        ("Microsoft.ResourceGraph/resources/read", "resources", "no row of the subscription"),
        ("Microsoft.Authorization/permissions/read", f"management group corp, {SUBSCRIPTIONS}", "allowed"),
        ("Microsoft.Authorization/permissions/read", f"management group corp, {LIST}", "allowed"),
        ("Microsoft.Authorization/permissions/read", f"management group corp, {ARC}", "allowed"),
    ]


@pytest.mark.parametrize("subscriptions", [5, 60])
async def test_calls_grow_with_clusters_and_not_with_subscriptions(
    azure: Azure, discover: Discover, subscriptions: int
) -> None:
    for number in range(6, subscriptions + 1):
        azure.subscription(number, f"team-{number}", group="corp")
    found = await discover()
    assert len(found.accounts) == subscriptions
    await found.read_all()
    # The five of discovery with the permissions' own; of each cluster two lists and its settings; the shared workspace
    # and its two tables.
    assert called(azure) == 4 + 2 * 3 + 3


async def test_a_central_workspace_is_read_once_for_all_subscriptions(azure: Azure, discover: Discover) -> None:
    """They are read one after the other: the connection is closed in between, and what was read is kept."""
    found = await discover()
    await found.read_all()
    assert called(azure, "/workspaces/logs") == 1
    assert called(azure, "/tables/AKSAudit") == 1


async def test_accounts_that_ask_at_the_same_time_share_answers_and_no_trouble(
    azure: Azure, discover: Discover
) -> None:
    azure.faults.append(Fault("status", "/workspaces/logs/", 1, 503, "ServiceUnavailable"))
    found = await discover()
    read = await asyncio.gather(found.read(ONE), found.read(TWO))
    assert sorted(bool(unread([one])) for one in read) == [False, True]


async def test_only_so_many_answers_are_remembered(
    azure: Azure, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that nobody asks for any more none is kept, and the workspace that all send to always is."""
    monkeypatch.setattr("providers.aks.answers.MOST_REMEMBERED", 6)
    for number, one in enumerate((THREE, FOUR, FIVE)):
        cluster = azure.cluster(one, f"own-{number}")
        for workspace in (azure.workspace(one, f"own-{number}"), azure.workspace(ONE)):
            name = workspace.rpartition("/")[2]
            azure.setting(cluster, "kube-audit", "guard", name=name, workspaceId=workspace)
    found = await discover()
    read = await found.read_all()
    assert unread(read.values()) == []
    options = found.accounts[f"corp/{ONE}"]
    assert isinstance(options, DiscoveredAksOptions)
    assert len(options.known.origin.answers) <= 6
    assert called(azure, "/workspaces/logs") == 1


async def test_trouble_of_one_account_with_what_is_shared_is_none_of_another(azure: Azure, discover: Discover) -> None:
    azure.faults.append(Fault("status", "/workspaces/logs/", 1, 503, "ServiceUnavailable"))
    found = await discover()
    read = await found.read_all()
    assert [one.permission for one in read[ONE].clusters["shop"].unread] != []
    assert read[TWO].clusters["bank"].unread == ()


@pytest.mark.parametrize("page_size", [1, 2, 100])
async def test_every_page_is_read(azure: Azure, discover: Discover, page_size: int) -> None:
    azure.page_size = page_size
    found = await discover()
    assert (found.ids, found.texts) == ([ONE, TWO, THREE, FOUR, FIVE], [])
    assert sorted(name for got in (await found.read_all()).values() for name in got.clusters) == ["bank", "shop"]


async def test_a_tenant_is_read_with_the_roles_of_its_root_group(azure: Azure, discover: Discover) -> None:
    azure.management_groups[TENANT] = [*azure.subscriptions]
    azure.roles = [Role(f"/providers/Microsoft.Management/managementGroups/{TENANT}", ("*/read",))]
    found = await discover(tenant=True)
    assert (found.ids, found.texts) == ([ONE, TWO, THREE, FOUR, FIVE], [])
    assert found.identities == [f"tenant {TENANT}"]
    assert (await found.read(FIVE)).notes == [EMPTY]


async def test_a_subscription_of_another_tenant_inherits_no_role_of_this_one(azure: Azure, discover: Discover) -> None:
    azure.subscriptions[FIVE]["tenantId"] = "99999999-0000-41af-91ab-2d7cd011db47"
    found = await discover(tenant=True)
    read = await found.read_all()
    assert asked_itself(azure) == [ONE, TWO, FIVE]
    assert (read[FOUR].notes, read[FIVE].notes) == ([EMPTY], [])


async def test_subscriptions_that_are_left_out_are_told(azure: Azure, discover: Discover) -> None:
    azure.subscriptions[THREE]["state"] = "Disabled"
    azure.subscriptions[FOUR]["state"] = "Deleted"
    azure.subscriptions[FIVE]["state"] = "Warned"
    found = await discover(exclude_subscriptions=["TEAM-1", "sandbox-*"])
    assert found.ids == [TWO, FIVE]
    assert found.texts == [
        f"1 subscription is excluded by exclude_subscriptions: team-1 ({ONE})",
        f"2 subscriptions are not active: team-3 ({THREE}): Disabled, team-4 ({FOUR}): Deleted",
        "exclude_subscriptions names sandbox-*, which no subscription matches",
    ]


async def test_of_very_many_that_are_left_out_the_first_are_named(azure: Azure, discover: Discover) -> None:
    for number in range(6, 40):
        azure.subscription(number, f"team-{number}", group="corp")
    found = await discover(exclude_subscriptions=["team-*"])
    assert found.accounts == {}
    assert found.texts[0].startswith("39 subscriptions are excluded by exclude_subscriptions: team-1 (")
    assert found.texts[0].endswith(" and 19 more")
    assert found.texts[1:] == ["no subscription is left to read: of 39 that are listed, all are excluded or not active"]


async def test_the_keys_of_the_organisation_hold_for_each_subscription(azure: Azure, discover: Discover) -> None:
    azure.connected(ONE, "edge")
    azure.cluster(ONE, "sandbox-1")
    found = await discover(arc=False, clusters=["*o*"], exclude_clusters=["sandbox-*"])
    read = await found.read_all()
    assert {one: sorted(got.clusters) for one, got in read.items() if got.clusters} == {ONE: ["shop"]}
    assert [text.partition(" are left")[0] for text in read[ONE].notes] == [f"1 of 2 clusters in subscription {ONE}"]
    assert called(azure, "/connectedClusters") == 0
    assert read[THREE].notes == [EMPTY.replace(" and no Arc-connected clusters", "")]


async def test_a_cluster_that_only_some_subscriptions_have_is_missed_in_none(azure: Azure, discover: Discover) -> None:
    assert azure.subscriptions
    found = await discover(clusters=["shop"])
    read = await found.read_all()
    assert [one for got in read.values() for one in got.failures] == []


# What Resource Graph is not taken for.


async def test_roles_at_the_subscriptions_alone_have_each_of_them_listed(azure: Azure, discover: Discover) -> None:
    """Resource Graph shows the third subscription and hides its cluster."""
    azure.cluster(THREE, "hidden")
    azure.roles = [
        Role(GROUP, (DESCENDANTS, "Microsoft.Authorization/permissions/read")),
        *(Role(f"/subscriptions/{one}", ("*/read",)) for one in (ONE, TWO, FOUR, FIVE)),
        Role(f"/subscriptions/{THREE}", (SUBSCRIPTIONS,)),
    ]
    found = await discover()
    assert found.texts == [
        (
            f"no role at management group corp allows {SUBSCRIPTIONS}, {LIST}, {ARC}; Resource Graph leaves out"
            " what the identity may not read, so that each subscription is listed itself"
        )
    ]
    read = await found.read_all()
    assert asked_itself(azure) == [ONE, TWO, THREE, FOUR, FIVE]
    assert [(one.scope, one.permission, one.whole_account) for one in read[THREE].failures] == [
        (f"AKS clusters of subscription {THREE}", LIST, True),
        (f"Arc-connected clusters of subscription {THREE}", ARC, True),
    ]
    assert all(read[one].failures == [] and read[one].notes == [] for one in (FOUR, FIVE))


async def test_a_token_that_names_no_tenant_proves_nothing(
    azure: Azure, emulator: AzureEmulator, discover: Discover
) -> None:
    emulator.issuer.tenant = ""
    found = await discover(tenant=True)
    assert found.texts == [
        (
            "the identity's token does not name its tenant; Resource Graph leaves out what the identity may not read,"
            " so that each subscription is listed itself"
        )
    ]
    await found.read_all()
    assert asked_itself(azure) == [ONE, TWO, THREE, FOUR, FIVE]


async def test_a_cluster_of_no_subscription_proves_nothing(azure: Azure, discover: Discover) -> None:
    body = '{"data": [{"id": "/x", "name": "stray", "properties": {}}], "totalRecords": 1}'
    azure.faults.append(Fault("body", CLUSTERS, status=200, body=body))
    found = await discover()
    assert found.texts == [
        "Resource Graph names a cluster of no subscription, so that each subscription is listed itself"
    ]
    read = await found.read_all()
    assert asked_itself(azure) == [ONE, TWO, THREE, FOUR, FIVE]
    assert sorted(name for got in read.values() for name in got.clusters) == ["bank", "shop"]


@pytest.mark.parametrize(("status", "said"), [(403, "is denied"), (404, "finds nothing"), (500, "still answered")])
async def test_permissions_that_cannot_be_read_have_each_subscription_listed(
    azure: Azure, discover: Discover, status: int, said: str
) -> None:
    azure.faults.append(Fault("status", f"{GROUP}/providers/Microsoft.Authorization", status=status))
    found = await discover()
    [text] = found.texts
    assert said in text
    assert text.startswith("what the identity may read in management group corp could not be read: ")
    await found.read_all()
    assert asked_itself(azure) == [ONE, TWO, THREE, FOUR, FIVE]


async def test_a_subscription_that_only_one_of_both_has_is_listed_itself(azure: Azure, discover: Discover) -> None:
    """The first two come with clusters: one is not in the graph yet, one is not in the list any more."""
    azure.cluster(FOUR, "brand-new")
    azure.graph_lacks.add(FOUR)
    azure.graph_lacks.update(one for one in azure.resources if FOUR in one)
    found = await discover()
    assert found.ids == [ONE, TWO, THREE, FOUR, FIVE]
    assert found.texts == [
        f"1 subscription is not in Resource Graph, which is behind or may not show them, and listed each: {FOUR}"
    ]
    read = await found.read_all()
    assert sorted(read[FOUR].clusters) == ["brand-new"]
    assert asked_itself(azure) == [ONE, TWO, FOUR]


async def test_a_subscription_that_is_gone_from_the_list_is_read_all_the_same(azure: Azure, discover: Discover) -> None:
    azure.faults.append(Fault("body", "/descendants", status=200, body='{"value": []}'))
    found = await discover()
    assert found.ids == [ONE, TWO, THREE, FOUR, FIVE]
    assert found.texts[0].startswith(f"5 subscriptions are no longer in {DESCENDANTS}, and listed each: ")
    await found.read_all()
    assert asked_itself(azure) == found.ids


async def test_where_the_list_and_the_graph_differ_the_list_counts(azure: Azure, discover: Discover) -> None:
    gone = azure.cluster(ONE, "gone")
    azure.graph_keeps[gone.lower()] = azure.resources.pop(gone.lower())
    azure.graph_lacks.add(azure.cluster(ONE, "new").lower())
    found = await discover()
    read = await found.read(ONE)
    assert sorted(read.clusters) == ["new", "shop"]
    assert read.failures == []
    assert read.notes == [
        (
            f"1 cluster is in Resource Graph and not in the list of subscription {ONE}, which counts, as Resource Graph"
            " may be behind: gone"
        ),
        (
            f"1 cluster is not in Resource Graph, and in the list of subscription {ONE}, which counts, as Resource"
            " Graph may be behind: new"
        ),
    ]


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_list_that_fails_leaves_what_the_graph_names(azure: Azure, discover: Discover, status: int) -> None:
    found = await discover()
    calm = await found.read(ONE)
    azure.faults.append(Fault("status", f"/subscriptions/{ONE}/providers/Microsoft.ContainerService", status=status))
    read = await found.read(ONE)
    assert sorted(read.clusters) == ["shop"]
    assert [(one.scope, one.whole_account) for one in read.failures] == [(f"AKS clusters of subscription {ONE}", False)]
    assert read.notes == []
    here, there = (assess(one.clusters["shop"], RuleSettings()) for one in (calm, read))
    assert (here.status, here.message) == (there.status, there.message)


async def test_a_row_that_is_not_understood_has_its_subscription_listed(azure: Azure, discover: Discover) -> None:
    azure.graph_keeps["odd"] = {
        "id": f"/subscriptions/{FOUR}/resourceGroups/x/providers/Microsoft.ContainerService/managedClusters/odd",
        "type": "Microsoft.ContainerService/managedClusters", "name": "", "properties": {},
    }  # fmt: skip
    found = await discover()
    await found.read_all()
    assert asked_itself(azure) == [ONE, TWO, FOUR]


async def test_a_cluster_of_a_list_that_is_not_understood_is_read_as_the_graph_has_it(
    azure: Azure, discover: Discover
) -> None:
    found = await discover()
    shop = next(one for one in azure.resources.values() if one["name"] == "shop")
    shop["properties"]["enableRBAC"] = "yes"
    read = await found.read(ONE)
    assert sorted(read.clusters) == ["shop"]
    assert [(one.kind, one.scope) for one in read.failures] == [
        (FailureKind.MALFORMED, f"cluster shop in subscription {ONE}")
    ]
    assert read.notes == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", CLUSTERS, status=403, code="AccessDenied"),
        Fault("status", CLUSTERS, status=429, code="RateLimiting", headers={"Retry-After": "0"}),
        Fault("status", CLUSTERS, status=503),
        Fault("status", CLUSTERS, status=503, after=1),
        Fault("drop", CLUSTERS),
        Fault("truncate", CLUSTERS),
        Fault("body", CLUSTERS, status=200, body="<html>"),
        Fault("body", CLUSTERS, status=200, body="{}"),
        Fault("body", CLUSTERS, status=200, body='{"data": [], "totalRecords": 2}'),
        Fault("body", CLUSTERS, status=200, body='{"data": [], "totalRecords": 0, "resultTruncated": "true"}'),
        Fault("hang", CLUSTERS),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.after}-{fault.body[:30]}",
)
async def test_clusters_that_the_graph_does_not_give_are_listed(azure: Azure, discover: Discover, fault: Fault) -> None:
    calm = {one: {**got.clusters} for one, got in (await (await discover()).read_all()).items()}
    azure.calls.clear()
    azure.page_size = 1
    azure.faults.append(Fault(**vars(fault)))
    found = await discover(scan={"call_timeout": 1.0})
    assert (found.ids, found.failures) == ([ONE, TWO, THREE, FOUR, FIVE], [])
    [text] = found.texts
    assert text.startswith("Resource Graph did not give all clusters, so that each subscription is listed itself: ")
    read = await found.read_all()
    assert {one: {**got.clusters} for one, got in read.items()} == calm
    assert all((got.notes, got.failures) == ([], []) for got in read.values())
    assert asked_itself(azure) == found.ids


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", CONTAINERS, status=403, code="AccessDenied"),
        Fault("status", CONTAINERS, status=429, code="RateLimiting", headers={"Retry-After": "0"}),
        Fault("status", CONTAINERS, status=503, after=2),
        Fault("truncate", CONTAINERS),
        Fault("body", CONTAINERS, status=200, body='{"data": [{}], "totalRecords": 1}'),
        Fault("body", CONTAINERS, status=200, body='{"data": [], "totalRecords": 0, "resultTruncated": "true"}'),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.body[:30]}",
)
async def test_subscriptions_that_the_graph_does_not_give_are_listed(
    azure: Azure, discover: Discover, fault: Fault
) -> None:
    azure.page_size = 1
    azure.faults.append(Fault(**vars(fault)))
    found = await discover()
    assert (found.ids, found.failures) == ([ONE, TWO, THREE, FOUR, FIVE], [])
    assert found.texts[0].startswith(f"Resource Graph did not give all subscriptions, so that {DESCENDANTS} counts: ")
    read = await found.read_all()
    seen = fault.after
    assert asked_itself(azure) == sorted({ONE, TWO, *found.ids[seen:]})
    assert sorted(name for got in read.values() for name in got.clusters) == ["bank", "shop"]


async def test_a_disabled_subscription_that_is_only_listed_says_so_itself(azure: Azure, discover: Discover) -> None:
    azure.subscriptions[FIVE]["state"] = "Disabled"
    azure.faults.append(Fault("status", GRAPH, status=403, code="AccessDenied"))
    found = await discover()
    assert FIVE in found.ids
    assert (await found.read(FIVE)).notes == ["1 subscription is not active, and read all the same: team-5 (Disabled)"]


async def test_an_answer_for_some_subscriptions_proves_nothing(azure: Azure, discover: Discover) -> None:
    azure.subscription_limit = 3
    found = await discover()
    assert (found.ids, found.failures) == ([ONE, TWO, THREE, FOUR, FIVE], [])
    assert (
        "Resource Graph looked at some of the subscriptions only, so that each of them is listed itself" in found.texts
    )
    await found.read_all()
    assert asked_itself(azure) == found.ids


async def test_an_answer_for_some_subscriptions_without_a_list_is_partial(azure: Azure, discover: Discover) -> None:
    azure.subscription_limit = 3
    azure.deny(DESCENDANTS)
    found = await discover()
    assert len(found.ids) == 3
    assert [(one.permission, one.whole_account) for one in found.failures] == [(DESCENDANTS, False)]


async def test_a_list_that_may_not_be_asked_is_told(azure: Azure, discover: Discover) -> None:
    azure.deny(DESCENDANTS)
    found = await discover()
    assert (found.ids, found.failures) == ([ONE, TWO, THREE, FOUR, FIVE], [])
    assert found.texts == [
        (
            f"{DESCENDANTS} did not list all subscriptions, so that one that was made within the last minutes may be"
            f" missing: {DESCENDANTS} is denied"
        )
    ]
    await found.read_all()
    assert asked_itself(azure) == [ONE, TWO]


async def test_subscriptions_that_the_graph_may_hide_and_nobody_lists_are_not_known(
    azure: Azure, discover: Discover
) -> None:
    """The identity has a role at the first alone, and may not list what is below the management group."""
    azure.roles = [Role(f"/subscriptions/{ONE}", ("*/read",))]
    found = await discover()
    assert found.ids == [ONE]
    assert [(one.scope, one.permission, one.whole_account) for one in found.failures] == [
        ("subscriptions of management group corp", DESCENDANTS, False)
    ]


async def test_a_subscription_that_only_a_cluster_names_is_listed_itself(azure: Azure, discover: Discover) -> None:
    azure.graph_lacks.add(TWO)
    body = json.dumps({"value": [{"id": f"/subscriptions/{ONE}", "type": "/subscriptions", "name": ONE}]})
    azure.faults.append(Fault("body", "/descendants", status=200, body=body))
    found = await discover()
    assert f"1 subscription is known by a cluster in Resource Graph alone, and listed each: {TWO}" in found.texts
    assert sorted((await found.read(TWO)).clusters) == ["bank"]


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_where_neither_answers_nothing_is_known(azure: Azure, discover: Discover, status: int) -> None:
    azure.faults += [Fault("status", GRAPH, status=status), Fault("status", "/descendants", status=status)]
    found = await discover()
    assert found.accounts == {}
    assert [(one.operation, one.whole_account) for one in found.failures] == [
        (DESCENDANTS, True),
        ("Microsoft.ResourceGraph/resources/read", True),
    ]


@pytest.mark.parametrize("status", [403, 429])
async def test_no_exclusion_is_called_unused_where_not_all_subscriptions_were_listed(
    azure: Azure, discover: Discover, status: int
) -> None:
    """Only the owners of clusters are known: that no other one is called so, nobody has seen."""
    azure.faults += [Fault("status", CONTAINERS, status=status), Fault("status", "/descendants", status=status)]
    found = await discover(exclude_subscriptions=["sandbox-*", ONE, TWO])
    assert (found.accounts, len(found.failures)) == ({}, 2)
    assert not [text for text in found.texts if "matches" in text or "left to read" in text]


async def test_where_both_end_midway_what_was_found_is_read_and_the_rest_unknown(
    azure: Azure, discover: Discover
) -> None:
    azure.page_size = 2
    azure.faults += [
        Fault("status", CONTAINERS, status=503, after=1),
        Fault("status", "/descendants", status=503, after=2),
    ]
    found = await discover()
    assert found.ids == [ONE, TWO, THREE]
    assert [(one.operation, one.kind, one.whole_account) for one in found.failures] == [
        (DESCENDANTS, FailureKind.UNREACHABLE, False),
        ("Microsoft.ResourceGraph/resources/read", FailureKind.UNREACHABLE, False),
    ]


async def test_a_graph_that_knows_no_subscription_is_no_empty_organisation(azure: Azure, discover: Discover) -> None:
    azure.graph_lacks.update(azure.subscriptions)
    found = await discover()
    assert (found.ids, found.failures) == ([ONE, TWO, THREE, FOUR, FIVE], [])
    assert found.texts[0].startswith("5 subscriptions are not in Resource Graph, which is behind or may not show them")


async def test_a_group_without_subscriptions_is_no_empty_organisation(azure: Azure, discover: Discover) -> None:
    azure.management_groups["none"] = []
    found = await discover(management_group="none")
    [failed, _] = found.failures
    assert (failed.kind, failed.whole_account) == (FailureKind.PERMISSION, True)
    assert "no subscription of management group none is to be seen" in failed.reason


async def test_a_group_that_is_not_there_is_told(azure: Azure, discover: Discover) -> None:
    assert azure.subscriptions
    found = await discover(management_group="mistyped")
    assert {one.whole_account for one in found.failures} == {True}
    assert (found.failures[0].kind, found.accounts) == (FailureKind.NOT_FOUND, {})


async def test_the_quota_is_waited_for(azure: Azure, discover: Discover) -> None:
    azure.quota = 1
    found = await discover(scan={"retries": 3})
    assert (found.ids, found.failures) == ([ONE, TWO, THREE, FOUR, FIVE], [])


async def test_credentials_that_are_of_no_use_are_told_once(
    azure: Azure, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert azure.subscriptions
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    found = await discover()
    assert [(one.kind, one.scope, one.whole_account) for one in found.failures] == [
        (FailureKind.CREDENTIALS, "account", True)
    ]


async def test_the_role_of_an_organisation_is_enough(azure: Azure, discover: Discover) -> None:
    role = json.loads(AksProvider().permissions("organization"))
    azure.roles = [Role(GROUP, tuple(role["Actions"]))]
    found = await discover()
    assert (found.texts, found.failures) == ([], [])
    read = await found.read_all()
    assert all(not got.failures for got in read.values())
    assert unread(read.values()) == []


def unread(read: Iterable[Collection]) -> list[object]:
    return [one for got in read for cluster in got.clusters.values() for one in cluster.unread]


async def test_one_subscription_costs_little_memory(azure: Azure, discover: Discover) -> None:
    """All that they share is one object."""
    assert azure.subscriptions
    found = await discover()
    options = [one for one in found.accounts.values() if isinstance(one, DiscoveredAksOptions)]
    assert len(options) == 5
    assert len({id(one.known.origin) for one in options}) == 1
    assert set(vars(options[0])) == {"subscription"}


async def test_other_options_are_refused() -> None:
    with pytest.raises(TypeError, match="expected AksOrganizationOptions, not OrganizationOptions"):
        await anext(AksProvider().discover(OrganizationOptions(), context()))
    with pytest.raises(TypeError, match="expected AksOptions, not AccountOptions"):
        await anext(AksProvider().collect(AccountOptions(), context()))


@pytest.mark.parametrize(("keys", "found"), [({}, "neither"), ({"management_group": "corp", "tenant": True}, "both")])
def test_exactly_one_place_is_looked_at(keys: dict[str, object], found: str) -> None:
    with pytest.raises(ValueError, match=f"exactly one of management_group and tenant = true is needed: .* {found}"):
        AksOrganizationOptions.model_validate(keys)
