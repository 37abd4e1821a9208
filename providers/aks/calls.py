"""The calls that reading a subscription takes, each with the permission that it needs; answers become facts here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from providers.aks.facts import (
    Cluster,
    Destination,
    DestinationKind,
    DiagnosticSetting,
    Existing,
    Groups,
    LifecycleRule,
    Read,
    StorageAccount,
    Store,
    Subscription,
    Table,
    Workspace,
    part_of,
)
from providers.aks.failures import NO_POLICY, NO_RESOURCE, SDK_ERRORS, ResourceGoneError, translate
from providers.aks.parsing import (
    cluster_of,
    descendant_of,
    groups_of,
    lifecycle_of,
    namespace_of,
    namespace_state_of,
    setting_of,
    storage_of,
    subscription_of,
    table_of,
    transformations_of,
    workspace_of,
)
from providers.aks.permissions import (
    LIST_CLUSTERS,
    LIST_CONNECTED,
    LIST_DESCENDANTS,
    READ_CATEGORIES,
    READ_EVENT_HUBS,
    READ_LIFECYCLE,
    READ_PERMISSIONS,
    READ_RESOURCES,
    READ_RULES,
    READ_SETTINGS,
    READ_STORAGE,
    READ_SUBSCRIPTIONS,
    READ_TABLE,
    READ_WORKSPACE,
)
from providers.aks.session import Answer, Call, Connection
from providers.aks.shapes import name_of, objects, text, texts
from scanner.errors import CollectionError, Malformed
from scanner.ports import CollectContext, Limits

T = TypeVar("T")

MANAGED: Final = "Microsoft.ContainerService/managedClusters"
CONNECTED: Final = "Microsoft.Kubernetes/connectedClusters"
_VERSIONS: Final = {
    MANAGED: "2025-05-01",
    CONNECTED: "2024-01-01",
    READ_SUBSCRIPTIONS: "2022-12-01",
    LIST_DESCENDANTS: "2020-05-01",
    READ_RESOURCES: "2021-04-01",
    READ_PERMISSIONS: "2022-04-01",
    READ_SETTINGS: "2021-05-01-preview",
    READ_CATEGORIES: "2021-05-01-preview",
    READ_RULES: "2023-03-11",
    READ_WORKSPACE: "2023-09-01",
    READ_TABLE: "2023-09-01",
    READ_STORAGE: "2023-05-01",
    READ_LIFECYCLE: "2023-05-01",
    READ_EVENT_HUBS: "2024-01-01",
}
"""The api-version of each call; diagnostic settings have had no other than this preview since 2021."""
_PATHS: Final = {
    READ_SETTINGS: "/providers/Microsoft.Insights/diagnosticSettings",
    READ_CATEGORIES: "/providers/Microsoft.Insights/diagnosticSettingsCategories",
}
_GROUPS: Final = "/providers/Microsoft.Management/managementGroups"
_NAMESPACES: Final = "microsoft.eventhub/namespaces"
_LISTS: Final = {MANAGED: LIST_CLUSTERS, CONNECTED: LIST_CONNECTED}


class Calls:
    """All calls of one account to Azure Resource Manager."""

    def __init__(self, connection: Connection, context: CollectContext) -> None:
        """Make them over a connection, for an account: within its limits those that no other one waits for."""
        self._connection = connection
        self._waits = context.waits
        self._limits = context.limits
        self._account = context.account

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """List the subscriptions that the identity may see."""
        return tuple([one async for page in self.subscription_pages() for one in page])

    async def subscription_pages(self) -> AsyncIterator[tuple[Subscription, ...]]:
        """List the subscriptions that the identity may see, page by page."""
        url = f"/subscriptions?api-version={_VERSIONS[READ_SUBSCRIPTIONS]}"
        async for nodes in self._pages(Call(url, READ_SUBSCRIPTIONS, "the tenant", READ_SUBSCRIPTIONS)):
            yield _parsed(lambda nodes=nodes: map(subscription_of, nodes), READ_SUBSCRIPTIONS, "the tenant")  # type: ignore[misc]

    async def descendants(self, group: str) -> AsyncIterator[tuple[Subscription, ...]]:
        """List the subscriptions below a management group at any depth, page by page; their state is not said.

        Source: REST reference, "Management Groups - Get Descendants".
        """
        where = f"management group {group}"
        url = f"{_GROUPS}/{quote(group)}/descendants?api-version={_VERSIONS[LIST_DESCENDANTS]}"
        async for nodes in self._pages(Call(url, LIST_DESCENDANTS, where, LIST_DESCENDANTS)):
            found = _parsed(lambda nodes=nodes: map(descendant_of, nodes), LIST_DESCENDANTS, where)  # type: ignore[misc]
            yield tuple(one for one in found if one is not None)

    async def subscription(self, subscription_id: str) -> Subscription:
        """Read the name and the state of a subscription."""
        place = f"/subscriptions/{subscription_id}"
        where = f"subscription {subscription_id}"
        return await self._get(place, READ_SUBSCRIPTIONS, where, subscription_of, self._limits)

    async def clusters(self, subscription: Subscription, kind: str) -> AsyncIterator[tuple[Read[Cluster], ...]]:
        """List the clusters of one kind of one subscription, page by page, each or why it is not understood."""
        permission = _LISTS[kind]
        where = f"subscription {subscription.id}"
        url = f"/subscriptions/{subscription.id}/providers/{kind}?api-version={_VERSIONS[kind]}"
        async for nodes in self._pages(Call(url, permission, where, permission), self._limits):
            yield tuple(read_cluster(node, subscription, permission) for node in nodes)

    async def allowed(self, subscription_id: str) -> tuple[Mapping[str, Any], ...]:
        """Give what the identity may do at a subscription, one entry a role that it holds there."""
        return await self._allowed(f"/subscriptions/{subscription_id}", f"subscription {subscription_id}")

    async def allowed_below(self, group: str) -> tuple[Mapping[str, Any], ...]:
        """Give what the identity may do at a management group, and so at all that is below it."""
        return await self._allowed(f"{_GROUPS}/{quote(group)}", f"management group {group}")

    async def _allowed(self, scope: str, where: str) -> tuple[Mapping[str, Any], ...]:
        """Give what the identity may do at a scope, one entry a role that it holds there or above."""
        url = f"{scope}/providers/Microsoft.Authorization/permissions"
        call = Call(f"{url}?api-version={_VERSIONS[READ_PERMISSIONS]}", READ_PERMISSIONS, where, READ_PERMISSIONS)
        found: list[Mapping[str, Any]] = []
        async for nodes in self._pages(call, self._limits):
            found += nodes
        return _parsed(
            lambda: ({key: texts(node, key) for key in ("actions", "notActions")} for node in found),
            READ_PERMISSIONS,
            where,
        )

    async def settings(self, cluster: Cluster) -> tuple[DiagnosticSetting, ...]:
        """Read the diagnostic settings of a cluster."""
        return await self._get(
            f"{cluster.id}{_PATHS[READ_SETTINGS]}",
            READ_SETTINGS,
            f"cluster {cluster.name}",
            lambda node: tuple(map(setting_of, objects(_with_list(node), "value"))),
            self._limits,
        )

    async def groups(self, cluster: Cluster) -> Read[Groups]:
        """Read which categories each category group holds, once for the clusters of a kind, subscription and place."""
        key = ("groups", cluster.subscription.id, CONNECTED if cluster.is_arc else MANAGED, cluster.location.lower())
        asked = False

        def read() -> Coroutine[Any, Any, Groups]:
            nonlocal asked
            asked = True
            return self._get(
                f"{cluster.id}{_PATHS[READ_CATEGORIES]}",
                READ_CATEGORIES,
                f"cluster {cluster.name}",
                lambda node: groups_of(objects(_with_list(node), "value")),
            )

        found = await self._once(key, read)
        if not isinstance(found, CollectionError) or asked:
            return found
        # What one cluster may not tell, or tells wrongly, another one may: only success holds for them all.
        found = await outcome(read())
        if not isinstance(found, CollectionError):
            self._connection.answers.keep(key, found)
        return found

    async def store(self, destination: Destination) -> Read[Store]:
        """Read a destination, once for all clusters that send logs there."""
        readers: dict[DestinationKind, Callable[[Destination], Coroutine[Any, Any, Store]]] = {
            DestinationKind.WORKSPACE: self._workspace,
            DestinationKind.STORAGE: self._storage,
            DestinationKind.EVENT_HUB: self._event_hubs,
            DestinationKind.PARTNER: self._partner,
            DestinationKind.SERVICE_BUS: _no_reader,
        }
        key = ("store", destination.kind, destination.key)
        return await self._once(key, lambda: readers[destination.kind](destination))

    async def table(self, workspace: Destination, name: str) -> Read[Table]:
        """Read a table of a workspace, once for all clusters whose records it holds."""

        def read() -> Coroutine[Any, Any, Table]:
            return self._get(f"{workspace.id}/tables/{name}", READ_TABLE, f"{workspace.name}, table {name}", table_of)

        return await self._once(("table", workspace.key, name), read)

    async def transformations(self, rule_id: str) -> Read[Mapping[str, str]]:
        """Read what a data collection rule does to records, once for all clusters."""

        def read() -> Coroutine[Any, Any, Mapping[str, str]]:
            where = f"data collection rule {rule_id.rpartition('/')[2]}"
            return self._get(rule_id, READ_RULES, where, transformations_of)

        return await self._once(("rule", rule_id.lower()), read)

    async def _workspace(self, destination: Destination) -> Workspace:
        """Read a Log Analytics workspace."""
        return await self._get(destination.id, READ_WORKSPACE, destination.name, _same(destination, workspace_of))

    async def _storage(self, destination: Destination) -> StorageAccount:
        """Read a storage account, then its lifecycle policy."""
        account = await self._get(destination.id, READ_STORAGE, destination.name, _same(destination, storage_of))
        return replace(account, rules=await outcome(self._lifecycle(destination)))

    async def _lifecycle(self, destination: Destination) -> tuple[LifecycleRule, ...]:
        """Read the lifecycle policy of a storage account; one that has none keeps blobs for ever."""
        place = f"{destination.id}/managementPolicies/default"
        try:
            return await self._get(place, READ_LIFECYCLE, destination.name, lifecycle_of)
        except ResourceGoneError as error:
            if error.code in (NO_POLICY, NO_RESOURCE):
                return ()
            raise

    async def _event_hubs(self, destination: Destination) -> Existing:
        """See whether an Event Hubs namespace is there, and takes records."""
        if namespace_of(destination.id).lower() != _NAMESPACES:
            raise CollectionError(
                f"{destination.id!r} is no id of an event hub's authorization rule",
                where=f"{READ_EVENT_HUBS} of {destination.name}",
            )
        parse = _same(destination, namespace_state_of)
        return await self._get(destination.id, READ_EVENT_HUBS, destination.name, parse)

    async def _partner(self, destination: Destination) -> Existing:
        """See whether the resource of a partner is there: the list of resources tells it for every resource type."""
        subscription, kind = part_of(destination.id, "subscriptions"), namespace_of(destination.id)
        name = destination.id.rstrip("/").rpartition("/")[2]
        wanted = quote(f"resourceType eq '{kind}' and name eq '{name}'")
        url = f"/subscriptions/{subscription}/resources?$filter={wanted}&api-version={_VERSIONS[READ_RESOURCES]}"
        async for nodes in self._pages(Call(url, READ_RESOURCES, destination.name, f"{kind}/read")):
            if any(str(node.get("id")).lower() == destination.key for node in nodes):
                return Existing(destination.id)
        raise CollectionError(
            f"{destination.name} is not among the resources that the identity may read: it was deleted, or"
            f" {kind}/read is not allowed",
            where=f"{READ_RESOURCES} of {destination.name}",
            permission=f"{kind}/read",
        )

    async def _get(
        self,
        path: str,
        permission: str,
        where: str,
        parse: Callable[[Mapping[str, Any]], T],
        limits: Limits | None = None,
    ) -> T:
        """Read one resource, or a list that has no pages; within limits only what no other account waits for."""
        url = f"{quote(path)}?api-version={_VERSIONS[permission]}"
        answer = await self._connection.call(Call(url, permission, where, permission), self._waits, limits)
        try:
            return parse(answer.body)
        except SDK_ERRORS as error:
            raise translate(error, permission, where) from error

    async def _pages(self, call: Call, limits: Limits | None = None) -> AsyncIterator[tuple[Mapping[str, Any], ...]]:
        """Follow nextLink from page to page; one that comes again, or that leads elsewhere, ends it with an error."""
        seen: set[str] = set()
        while True:
            answer = await self._connection.call(call, self._waits, limits)
            nodes, link = _page(answer, call)
            yield nodes
            if not link:
                return
            if link in seen:
                raise Malformed.answer(call.operation, call.where, "its pages go round in a circle")
            seen.add(link)
            call = replace(call, url=link)

    async def _once(self, key: tuple[str, ...], read: Callable[[], Coroutine[Any, Any, T]]) -> Read[T]:
        """Ask once and keep what came of it; a failure only for the account that asked."""
        return await self._connection.answers.once(key, self._account, lambda: outcome(read()))


async def outcome(reading: Coroutine[Any, Any, T]) -> Read[T]:
    """Give what was read, or why it could not be."""
    try:
        return await reading
    except CollectionError as error:
        return error


def _same(destination: Destination, parse: Callable[[Mapping[str, Any]], T]) -> Callable[[Mapping[str, Any]], T]:
    """Refuse an answer about another resource than the one that was asked for."""

    def read(node: Mapping[str, Any]) -> T:
        found = name_of(node, "id")
        if found.strip("/").lower() != destination.key.strip("/"):
            raise TypeError(f"id is {found}, which was not asked for")
        return parse(node)

    return read


async def _no_reader(destination: Destination) -> Store:
    """Say that a Service Bus rule, which settings of before 2018 may name, is not looked at."""
    raise CollectionError(f"whether {destination.name} still takes records is not known", where=destination.id)


def read_cluster(node: Mapping[str, Any], subscription: Subscription, operation: str) -> Read[Cluster]:
    """Read one cluster of a list, or give the error that names it: the others of its page do not suffer for it."""
    try:
        return cluster_of(node, subscription, operation)
    except SDK_ERRORS as error:
        name = str(node.get("name") or node.get("id") or "without a name")
        return translate(error, operation, f"cluster {name} in subscription {subscription.id}")


def _page(answer: Answer, call: Call) -> tuple[tuple[Mapping[str, Any], ...], str]:
    """Give a page's resources, and path and query of the next one: no link leads a token to another host."""
    try:
        nodes = objects(_with_list(answer.body), "value")
        link = text(answer.body, "nextLink")
    except SDK_ERRORS as error:
        raise translate(error, call.operation, call.where) from error
    parts = urlsplit(link)
    return nodes, f"{parts.path}?{parts.query}" if link else ""


def _with_list(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse an answer without a list: an empty one would read as no clusters, or no settings."""
    if not isinstance(node.get("value"), list):
        raise TypeError("value is no list")
    return node


def _parsed(parse: Callable[[], Any], operation: str, where: str) -> tuple[Any, ...]:
    """Run a parser over an answer.

    Raises:
        CollectionError: The answer has an unexpected shape.
    """
    try:
        return tuple(parse())
    except SDK_ERRORS as error:
        raise translate(error, operation, where) from error
