"""Azure Resource Graph: answers the shapes of query that there are by really filtering, projecting and ordering."""

from __future__ import annotations

import base64
import re
from time import monotonic
from typing import Any, Final

from aiohttp import web

from tests.emulators.azure.state import Azure

_TYPES: Final = re.compile(r"where type in~ \(([^)]*)\)")
_BAG: Final = re.compile(r"'(\w+)', properties\.(\w+)")
_MOST: Final = 1000


def answer(azure: Azure, query: dict[str, Any], tenant: str) -> web.Response:
    """Answer one query to an identity of a tenant; rows of what it may not read are left out without a word."""
    if azure.quota is not None and azure.quota <= 0 and monotonic() < azure.quota_back_at:
        return web.json_response(
            {"error": {"code": "RateLimiting", "message": "Please retry after the quota resets."}},
            status=429,
            headers={"Retry-After": "1", "x-ms-user-quota-remaining": "0"},
        )
    scope = _scope(azure, query, tenant)
    if not scope:
        return web.json_response(
            {
                "error": {
                    "code": "AccessDenied",
                    "message": "The subscriptions or management groups are not accessible.",
                }
            },
            status=403,
        )
    limit = azure.subscription_limit
    is_cut = limit is not None and len(scope) > limit
    scope = scope[:limit]
    text = str(query["query"])
    rows = _subscriptions(azure, scope) if text.startswith("resourcecontainers") else _resources(azure, scope, text)
    found = _page(azure, rows, query["options"])
    found.headers["x-ms-tenant-subscription-limit-hit"] = str(is_cut).lower()
    return found


def _scope(azure: Azure, query: dict[str, Any], tenant: str) -> list[str]:
    """Give the subscriptions of a query that the application may read; where none are named, all of the tenant."""
    is_scoped = "subscriptions" in query or "managementGroups" in query
    wanted = list(query["subscriptions"]) if "subscriptions" in query else []
    wanted += [] if is_scoped else azure.of_tenant(tenant)
    for group in query.get("managementGroups", []):
        wanted += azure.management_groups.get(group, [])
    action = "Microsoft.Resources/subscriptions/read"
    return [one for one in wanted if one in azure.subscriptions and azure.allows(action, f"/subscriptions/{one}")]


def _subscriptions(azure: Azure, scope: list[str]) -> list[dict[str, Any]]:
    """Give subscriptions as resource containers."""
    return [
        {
            "id": azure.subscriptions[one]["id"],
            "name": azure.subscriptions[one]["displayName"],
            "subscriptionId": one,
            "tenantId": azure.subscriptions[one]["tenantId"],
            "state": azure.subscriptions[one]["state"],
        }
        for one in sorted(scope)
        if one not in azure.graph_lacks
    ]


def _resources(azure: Azure, scope: list[str], text: str) -> list[dict[str, Any]]:
    """Give resources of the types that a query names, with the properties that it packs; absent ones are null."""
    found = _TYPES.search(text)
    kinds = re.findall(r"'([^']+)'", found[1]) if found else []
    rows = []
    for subscription in scope:
        for kind in kinds:
            for one in azure.below(subscription, kind) + _kept(azure, subscription, kind):
                if one["id"].lower() not in azure.graph_lacks and azure.allows(f"{one['type']}/read", one["id"]):
                    bag = {name: one["properties"].get(source) for name, source in _BAG.findall(text)}
                    head = {name: one.get(name, "") for name in ("id", "name", "kind", "location")}
                    rows.append({**head, "type": kind, "subscriptionId": subscription, "properties": bag})
    return sorted(rows, key=lambda row: str(row["id"]))


def _kept(azure: Azure, subscription: str, kind: str) -> list[dict[str, Any]]:
    """Give the resources of one type of a subscription that are not there any more."""
    found = [one for one in azure.graph_keeps.values() if str(one["type"]).lower() == kind.lower()]
    return [one for one in found if str(one["id"]).startswith(f"/subscriptions/{subscription}/")]


def _page(azure: Azure, rows: list[dict[str, Any]], options: dict[str, Any]) -> web.Response:
    """Give one page and the token of the next."""
    size = min(options.get("$top", _MOST), _MOST, azure.page_size)
    token = options.get("$skipToken")
    start = int(base64.b64decode(token)) if token else 0
    page = rows[start : start + size]
    body: dict[str, Any] = {"totalRecords": len(rows), "count": len(page), "resultTruncated": "false", "data": page}
    if azure.is_truncated:
        return web.json_response({**body, "totalRecords": len(page), "resultTruncated": "true"})
    if start + size < len(rows):
        following = start if azure.is_looping and token else start + size
        body["$skipToken"] = base64.b64encode(str(following).encode()).decode()
    elif azure.lost_rows:
        body["data"] = page[azure.lost_rows :]
    left = 15
    if azure.quota is not None:
        azure.quota = max(azure.quota - 1, 0)
        left = azure.quota
        azure.quota_back_at = monotonic() + 1
    headers = {"x-ms-user-quota-remaining": str(left), "x-ms-user-quota-resets-after": "00:00:01"}
    return web.json_response(body, headers=headers)
