"""Azure Resource Graph: clusters and subscriptions of many subscriptions with one query.

Source: Azure documentation, "Guidance for throttled requests in Azure Resource Graph" (15 queries in 5 seconds, headers
``x-ms-user-quota-*``), "Working with large data sets" (1000 rows a page) and "Paging results".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from providers.aks.calls import CONNECTED, MANAGED, read_cluster
from providers.aks.facts import Cluster, Read, Subscription
from providers.aks.failures import SDK_ERRORS, translate
from providers.aks.parsing import CLUSTER_FIELDS, subscription_of
from providers.aks.permissions import LIST_CLUSTERS, READ_SUBSCRIPTIONS
from providers.aks.session import Answer, Call, Connection
from providers.aks.shapes import objects, text
from scanner.errors import Malformed, PermissionDenied
from scanner.ports import Waits

T = TypeVar("T")

QUERY: Final = "Microsoft.ResourceGraph/resources/read"
_URL: Final = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
_ROWS: Final = 1000
MOST_SUBSCRIPTIONS: Final = 1000
"""A query takes this many subscriptions, which is what Azure's own tools send at most."""
_CUT: Final = "x-ms-tenant-subscription-limit-hit"
"""Source: Azure documentation, "Throttled requests in Azure Resource Graph" and the REST reference of its answers."""
_RESET: Final = re.compile(r"(\d+):(\d+):(\d+)")
_SUBSCRIPTIONS_QUERY: Final = (
    "resourcecontainers | where type =~ 'microsoft.resources/subscriptions'"
    " | project id, name, subscriptionId, tenantId, state=tostring(properties.state) | order by id asc"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query in Kusto's language, and where it is asked."""

    text: str
    scope: Mapping[str, list[str]]
    where: str
    permission: str


class ResourceGraph:
    """Asks Resource Graph; queries wait for one another when the quota of the identity runs out.

    Attributes:
        is_cut: True once an answer said that it looked at only some of the tenant's subscriptions.
    """

    def __init__(self, connection: Connection, waits: Waits) -> None:
        """Ask over a connection."""
        self.is_cut = False
        self._connection = connection
        self._waits = waits
        self._turn = asyncio.Lock()

    async def subscriptions(self, ids: Sequence[str], management_group: str | None) -> tuple[Subscription, ...]:
        """Give those of some subscriptions, or of all in a management group, that the identity may read."""
        found: list[Subscription] = []
        scopes = [{"managementGroups": [management_group]}] if management_group else _batches(ids)
        for scope in scopes:
            where = f"management group {management_group}" if management_group else _counted(ids)
            query = Query(_SUBSCRIPTIONS_QUERY, scope, where, READ_SUBSCRIPTIONS)
            # Resource Graph refuses a query only where it may show none of its subscriptions.
            with suppress(PermissionDenied):
                async for rows in self._pages(query, subscription_of):
                    found += rows
        return tuple(found)

    async def clusters(
        self, subscriptions: Mapping[str, Subscription], *, arc: bool
    ) -> AsyncIterator[tuple[Read[Cluster], ...]]:
        """Give the clusters of some subscriptions that the identity may read, page by page, each or why it is not."""

        def parse(row: Mapping[str, Any]) -> Read[Cluster]:
            owner = str(row.get("subscriptionId")).lower()
            if owner not in subscriptions:
                return Malformed.answer(QUERY, f"cluster {row.get('name')}", f"it is of subscription {owner}")
            return read_cluster(row, subscriptions[owner], QUERY)

        for scope in _batches(list(subscriptions)):
            query = Query(_clusters_query(arc=arc), scope, _counted(subscriptions), LIST_CLUSTERS)
            async for rows in self._pages(query, parse):
                yield rows

    async def all_subscriptions(self, group: str) -> AsyncIterator[tuple[Subscription, ...]]:
        """Give the subscriptions below a management group, or of the tenant, that the identity may read, in pages."""
        scope, where = _everything(group)
        async for rows in self._pages(Query(_SUBSCRIPTIONS_QUERY, scope, where, READ_SUBSCRIPTIONS), subscription_of):
            yield rows

    async def all_clusters(self, group: str, *, arc: bool) -> AsyncIterator[tuple[tuple[str, Read[Cluster]], ...]]:
        """Give the clusters below a management group, or of the tenant, in pages; each with its subscription's id."""

        def parse(row: Mapping[str, Any]) -> tuple[str, Read[Cluster]]:
            owner = str(row.get("subscriptionId") or "").lower()
            return owner, read_cluster(row, Subscription(owner), QUERY)

        scope, where = _everything(group)
        async for rows in self._pages(Query(_clusters_query(arc=arc), scope, where, LIST_CLUSTERS), parse):
            yield rows

    async def _pages(self, query: Query, parse: Callable[[Mapping[str, Any]], T]) -> AsyncIterator[tuple[T, ...]]:
        """Follow $skipToken from page to page, and see that as many rows came as were announced."""
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": _ROWS}
        seen: set[str] = set()
        rows_seen = 0
        while True:
            body = {**query.scope, "query": query.text, "options": options}
            answer = await self._ask(Call(_URL, QUERY, query.where, query.permission, body))
            rows, token, total = _page(answer, query.where, parse)
            rows_seen += len(rows)
            self.is_cut = self.is_cut or answer.headers.get(_CUT, "").lower() == "true"
            yield rows
            if not token:
                if rows_seen < total:
                    raise Malformed.answer(QUERY, query.where, f"it announces {total} rows and gives {rows_seen}")
                return
            if token in seen:
                raise Malformed.answer(QUERY, query.where, "its pages go round in a circle")
            seen.add(token)
            options = {**options, "$skipToken": token}

    async def _ask(self, call: Call) -> Answer:
        """Ask one query at a time; where it used up the quota, the next one waits for the reset that was announced."""
        async with self._turn:
            answer = await self._connection.call(call, self._waits)
            wait = _until_reset(answer.headers)
            if wait:
                self._waits(f"{call.where}: the quota of {QUERY} to be reset")
                await asyncio.sleep(wait)
            return answer


def _clusters_query(*, arc: bool) -> str:
    """Ask for clusters with no more of their properties than are looked at."""
    kinds = ", ".join(f"'{kind.lower()}'" for kind in ((MANAGED, CONNECTED) if arc else (MANAGED,)))
    bag = ", ".join(f"'{name}', properties.{name}" for name in CLUSTER_FIELDS)
    return (
        f"resources | where type in~ ({kinds}) | project id, name, type, kind, location, subscriptionId,"
        f" properties=bag_pack({bag}) | order by id asc"
    )


def _everything(group: str) -> tuple[dict[str, list[str]], str]:
    """Give the scope of a query for all of a management group, or of the tenant: a query that names none."""
    return ({"managementGroups": [group]}, f"management group {group}") if group else ({}, "the tenant")


def _counted(ids: Collection[str]) -> str:
    """Name one subscription, and count several."""
    return f"subscription {next(iter(ids))}" if len(ids) == 1 else f"{len(ids)} subscriptions"


def _batches(ids: Sequence[str]) -> list[dict[str, list[str]]]:
    """Divide subscriptions into as many as one query takes."""
    return [
        {"subscriptions": list(ids[start : start + MOST_SUBSCRIPTIONS])}
        for start in range(0, len(ids), MOST_SUBSCRIPTIONS)
    ]


def _page(answer: Answer, where: str, parse: Callable[[Mapping[str, Any]], T]) -> tuple[tuple[T, ...], str, int]:
    """Give a page's rows, the token of the next one, and how many rows there are in all."""
    body = answer.body
    try:
        if not isinstance(body.get("data"), list):
            raise TypeError("data is no list")
        total = int(body["totalRecords"])
        token = text(body, "$skipToken")
        if text(body, "resultTruncated").lower() == "true" and not token:
            raise TypeError("its result is truncated, and no further page is named")
        return tuple(parse(row) for row in objects(body, "data")), token, total
    except SDK_ERRORS as error:
        raise translate(error, QUERY, where) from error


def _until_reset(headers: Mapping[str, str]) -> float:
    """Give the seconds to wait before the next query: none while queries remain."""
    if headers.get("x-ms-user-quota-remaining") != "0":
        return 0
    found = _RESET.fullmatch(headers.get("x-ms-user-quota-resets-after", ""))
    hours, minutes, seconds = map(int, found.groups()) if found else (0, 0, 5)
    return hours * 3600 + minutes * 60 + seconds
