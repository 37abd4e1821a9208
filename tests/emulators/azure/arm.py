"""Azure Resource Manager and the query API of Log Analytics: paths, permissions, pages, errors and faults."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from tests.emulators.azure import graph
from tests.emulators.azure.identity import Issuer
from tests.emulators.azure.state import APPLICATION, GROUPS, OBJECT_ID, Asked, Azure, Fault

AUDIENCES: Final = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
    }
)
_LOGS: Final = frozenset({"https://api.loganalytics.azure.com", "https://api.loganalytics.us"})
_LIST: Final = re.compile(r"/subscriptions/([^/]+)/providers/(Microsoft\.\w+)/(\w+)", re.IGNORECASE)
_INSIGHTS: Final = re.compile(
    r"(/subscriptions/.+)/providers/Microsoft\.Insights/(diagnosticSettings\w*)", re.IGNORECASE
)
_TABLE: Final = re.compile(r"(/subscriptions/.+/workspaces/[^/]+)/tables/(\w+)", re.IGNORECASE)
_POLICY: Final = re.compile(r"(/subscriptions/.+/storageAccounts/[^/]+)/managementPolicies/default", re.IGNORECASE)
_PERMISSIONS: Final = re.compile(
    r"(/subscriptions/[^/]+|/providers/Microsoft\.Management/managementGroups/[^/]+)"
    r"/providers/Microsoft\.Authorization/permissions"
)
_DESCENDANTS: Final = re.compile(r"/providers/Microsoft\.Management/managementGroups/([^/]+)/descendants")
_SUBSCRIPTION: Final = re.compile(r"/subscriptions/([^/]+)")
_RESOURCES: Final = re.compile(r"/subscriptions/([^/]+)/resources")
_FILTER: Final = re.compile(r"resourceType eq '([^']+)' and name eq '([^']+)'")
_QUERY: Final = re.compile(r"/v1/workspaces/([^/]+)/query")
_TOKEN: Final = re.compile(r"/[^/]+/oauth2/v2\.0/token")
GRAPH: Final = "/providers/Microsoft.ResourceGraph/resources"
SIGN_IN: Final = "sign-in"
LOST: Final = "bG9zdA=="
"""The token of a page that there is not."""


class Manager:
    """Answers every request but those for tokens."""

    def __init__(self, azure: Azure, issuer: Issuer) -> None:
        """Answer from a state, to who has a token."""
        self._azure = azure
        self._issuer = issuer

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request: faults first, then its token, then what it asks for."""
        self._azure.calls[request.method, request.path] += 1
        fault = await self._fault_for(request)
        shown = await show(fault, request) if fault else None
        if shown is not None:
            return shown
        answer = await self._real(request)
        return answer if fault is None else _with_next_page(fault, request, answer)

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for a token: faults first."""
        fault = await self._fault_for(request)
        shown = await show(fault, request) if fault else None
        return await self._issuer.token(request) if shown is None else shown

    async def _fault_for(self, request: web.Request) -> Fault | None:
        """Take note of a request, and give the fault that it meets; a page that is lost is one in itself."""
        body = (await request.read()).decode()
        tenant = self._issuer.tenant_of(request.headers.get("Authorization", ""))
        asked = Asked(
            operation_of(request.method, request.path, body),
            f"{request.path}/{_table_of(request.path, body)} {body} {tenant}".lower(),
        )
        self._azure.asked.append(asked)
        fault = self._azure.fault_for(asked)
        is_lost = fault is not None and fault.kind == "lost" and LOST in f"{request.query_string} {body}"
        return Fault("status", "") if is_lost else fault

    async def _real(self, request: web.Request) -> web.Response:
        """Answer as Azure does."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        if request.method == "POST":
            return await self._post(request)
        if "api-version" not in request.query:
            return error(
                400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required."
            )
        return self._get(request)

    def _refused(self, request: web.Request) -> web.Response | None:
        """Check the token and its audience."""
        audience = self._issuer.audience_of(request.headers.get("Authorization", ""))
        wanted = _LOGS if _QUERY.fullmatch(request.path) else AUDIENCES
        if audience in wanted:
            return None
        code = "InvalidAuthenticationTokenAudience" if audience else "InvalidAuthenticationToken"
        challenge = {"WWW-Authenticate": 'Bearer authorization_uri="https://login.windows.net/", error="invalid_token"'}
        return error(401, code, "The access token is invalid.", challenge)

    async def _post(self, request: web.Request) -> web.Response:
        """Answer the two kinds of query."""
        body = json.loads(await request.read())
        found = _QUERY.fullmatch(request.path)
        if found:
            return self._records(found[1], body)
        if request.path == GRAPH:
            return graph.answer(self._azure, body, self._issuer.tenant_of(request.headers["Authorization"]))
        return error(405, "MethodNotAllowed", "Nothing is written here.")

    def _get(self, request: web.Request) -> web.Response:
        """Answer a read."""
        routes: tuple[tuple[re.Pattern[str], Callable[[web.Request, re.Match[str]], web.Response]], ...] = (
            (_INSIGHTS, self._insights),
            (_TABLE, self._table),
            (_POLICY, self._policy),
            (_PERMISSIONS, self._permissions),
            (_DESCENDANTS, self._descendants),
            (_RESOURCES, self._by_filter),
            (_SUBSCRIPTION, self._subscription),
            (_LIST, self._list),
        )
        if request.path == "/subscriptions":
            action = "Microsoft.Resources/subscriptions/read"
            tenant = self._issuer.tenant_of(request.headers["Authorization"])
            seen = [self._azure.subscriptions[one] for one in self._azure.of_tenant(tenant)]
            return self._pages(request, [one for one in seen if self._azure.allows(action, one["id"])])
        for pattern, handler in routes:
            found = pattern.fullmatch(request.path)
            if found:
                return handler(request, found)
        return self._resource(request)

    def _list(self, request: web.Request, found: re.Match[str]) -> web.Response:
        """List the resources of one type of a subscription, page by page."""
        subscription, namespace, kind = found.groups()
        if subscription not in self._azure.subscriptions:
            return error(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        if (subscription, namespace) in self._azure.unregistered:
            text = f"The subscription is not registered to use namespace '{namespace}'."
            return error(409, "MissingSubscriptionRegistration", text)
        denied = self._denied(f"{namespace}/{kind}/read", f"/subscriptions/{subscription}")
        return denied or self._pages(request, self._azure.below(subscription, f"{namespace}/{kind}"))

    def _pages(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        """Give a page, with a link to the next that leads to another host, as behind a private link it would."""
        token = request.query.get("$skiptoken", "0")
        start, size = int(token if token.isdigit() else 0), self._azure.page_size
        body: dict[str, Any] = {"value": items[start : start + size]}
        if start + size < len(items):
            following = 0 if self._azure.is_looping else start + size
            version = request.query["api-version"]
            body["nextLink"] = (
                f"https://management.azure.com{request.path}?api-version={version}&$skiptoken={following}"
            )
        return web.json_response(body)

    def _insights(self, _request: web.Request, found: re.Match[str]) -> web.Response:
        """Give diagnostic settings or categories of a cluster."""
        resource, kind = found[1], found[2]
        gone = self._gone(resource) or self._denied(f"Microsoft.Insights/{kind}/read", resource)
        if gone:
            return gone
        settings = self._azure.settings.get(resource.lower(), [])
        return web.json_response(
            {"value": settings if kind.lower() == "diagnosticsettings" else [*self._azure.categories()]}
        )

    def _table(self, _request: web.Request, found: re.Match[str]) -> web.Response:
        """Give a table of a workspace."""
        workspace, name = found.groups()
        refused = self._gone(workspace) or self._denied(
            "Microsoft.OperationalInsights/workspaces/tables/read", workspace
        )
        table = self._azure.tables.get((workspace.lower(), name))
        return refused or (web.json_response(table) if table else error(404, "ResourceNotFound", f"no table {name}"))

    def _policy(self, _request: web.Request, found: re.Match[str]) -> web.Response:
        """Give the lifecycle policy of a storage account."""
        action = "Microsoft.Storage/storageAccounts/managementPolicies/read"
        refused = self._gone(found[1]) or self._denied(action, found[1])
        policy = self._azure.lifecycle.get(found[1].lower())
        missing = error(404, "ManagementPolicyNotFound", "No ManagementPolicy found for account.")
        return refused or (web.json_response({"properties": {"policy": policy}}) if policy else missing)

    def _permissions(self, _request: web.Request, found: re.Match[str]) -> web.Response:
        """Give what the application may do at a subscription or a management group."""
        denied = self._denied("Microsoft.Authorization/permissions/read", found[1])
        return denied or web.json_response({"value": self._azure.permissions_at(found[1])})

    def _descendants(self, request: web.Request, found: re.Match[str]) -> web.Response:
        """List what is below a management group, a management group of its own first."""
        name = found[1]
        if name not in self._azure.management_groups:
            return error(404, "NotFound", f"'{name}' not found.")
        parent = {"id": f"{GROUPS}/{name}"}
        below: list[dict[str, Any]] = [
            {
                "id": f"{GROUPS}/{name}-below",
                "type": "Microsoft.Management/managementGroups",
                "name": f"{name}-below",
                "properties": {"displayName": "Below", "parent": parent},
            }
        ]
        below += [
            {
                "id": self._azure.subscriptions[one]["id"],
                "type": "/subscriptions",
                "name": one,
                "properties": {"displayName": self._azure.subscriptions[one]["displayName"], "parent": parent},
            }
            for one in self._azure.management_groups[name]
        ]
        denied = self._denied("Microsoft.Management/managementGroups/descendants/read", f"{GROUPS}/{name}")
        return denied or self._pages(request, below)

    def _by_filter(self, request: web.Request, found: re.Match[str]) -> web.Response:
        """List a subscription's resources by type and name; those that may not be read are left out without a word."""
        wanted = _FILTER.fullmatch(request.query.get("$filter", ""))
        if not wanted:
            return error(400, "InvalidFilterInQueryString", "Invalid $filter.")
        items = [one for one in self._azure.below(found[1], wanted[1]) if one["name"] == wanted[2]]
        return web.json_response(
            {"value": [one for one in items if self._azure.allows(f"{wanted[1]}/read", one["id"])]}
        )

    def _subscription(self, _request: web.Request, found: re.Match[str]) -> web.Response:
        """Give a subscription."""
        if found[1] not in self._azure.subscriptions:
            return error(404, "SubscriptionNotFound", f"The subscription '{found[1]}' could not be found.")
        denied = self._denied("Microsoft.Resources/subscriptions/read", found[0])
        return denied or web.json_response(self._azure.subscriptions[found[1]])

    def _resource(self, request: web.Request) -> web.Response:
        """Give any other resource by its id."""
        gone = self._gone(request.path)
        if gone:
            return gone
        body = self._azure.resources[request.path.lower()]
        return self._denied(f"{body['type']}/read", request.path) or web.json_response(body)

    def _records(self, customer: str, body: dict[str, Any]) -> web.Response:
        """Answer a query for the newest records of a workspace."""
        workspace = next(
            (one for one in self._azure.resources.values() if one["properties"].get("customerId") == customer), None
        )
        if workspace is None or "summarize newest=max(TimeGenerated)" not in body["query"]:
            return error(404, "WorkspaceNotFoundError", "The workspace could not be found.")
        if not self._azure.allows("Microsoft.OperationalInsights/workspaces/query/read", workspace["id"]):
            return error(403, "InsufficientAccessError", "The provided credentials have insufficient access.")
        columns = [{"name": name, "type": "string"} for name in ("id", "log", "newest")]
        rows = [list(row) for row in self._azure.records.get(customer, []) if self._is_queried(workspace["id"], row[1])]
        return web.json_response({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]})

    def _is_queried(self, workspace: str, log: str) -> bool:
        """Say whether a query reads the table of a log: those of the plans Basic and Auxiliary take a search."""
        name = {"kube-audit": "AKSAudit", "kube-audit-admin": "AKSAuditAdmin", "guard": "AKSControlPlane"}[log]
        table = self._azure.tables.get((workspace.lower(), name))
        return table is None or table["properties"]["plan"] == "Analytics"

    def _gone(self, resource: str) -> web.Response | None:
        """Say that there is no such resource."""
        if resource.lower() in self._azure.resources:
            return None
        return error(404, "ResourceNotFound", f"The Resource '{resource}' was not found.")

    def _denied(self, action: str, scope: str) -> web.Response | None:
        """Say that the application may not do something, in the words that Azure has for it."""
        if self._azure.allows(action, scope):
            return None
        text = (
            f"The client '{APPLICATION}' with object id '{OBJECT_ID}' does not have authorization to perform action"
            f" '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh"
            " your credentials."
        )
        return error(403, "AuthorizationFailed", text)


def _table_of(path: str, body: str) -> str:
    """Give the table that a query of Resource Graph asks for; nothing for other requests."""
    return str(json.loads(body)["query"]).partition(" ")[0] if path == GRAPH else ""


def operation_of(method: str, path: str, body: str) -> str:
    """Give the action that a request takes, as a role names it; for queries of Resource Graph also of what."""
    if _TOKEN.fullmatch(path):
        return SIGN_IN
    if path == GRAPH:
        return "Microsoft.ResourceGraph/resources/read" + (" of containers" if "resourcecontainers" in body else "")
    if method == "POST":
        return "Microsoft.OperationalInsights/workspaces/query/read"
    _, is_provider, below = path.rpartition("/providers/")
    if not is_provider:
        return "Microsoft.Resources/subscriptions/" + ("resources/read" if path.endswith("/resources") else "read")
    namespace, *rest = below.split("/")
    kinds = rest[:1] if _LIST.fullmatch(path) or _INSIGHTS.fullmatch(path) else rest[::2]
    return "/".join([namespace, *kinds, "read"])


def _with_next_page(fault: Fault, request: web.Request, answer: web.Response) -> web.Response:
    """Let an answer name a next page, which leads back to the first or nowhere; a fault that only waited does not."""
    if fault.kind == "short":
        body = json.loads(answer.body or b"{}")  # type: ignore[arg-type]
        return web.json_response({**body, "data": body["data"][:-1]}, headers=_quota(answer))
    if fault.kind not in ("again", "lost"):
        return answer
    token = LOST if fault.kind == "lost" else "MA=="  # which says 0
    link = f"https://management.azure.com{request.path}?api-version={request.query.get('api-version')}"
    more = {"$skipToken": token} if request.path == GRAPH else {"nextLink": f"{link}&$skiptoken={token}"}
    return web.json_response({**json.loads(answer.body or b"{}"), **more}, headers=_quota(answer))  # type: ignore[arg-type]


def _quota(answer: web.Response) -> dict[str, str]:
    """Give what an answer says of the quota of Resource Graph."""
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("x-ms-")}


async def show(fault: Fault, request: web.Request) -> web.StreamResponse | None:
    """Let a request go wrong; None where it only takes longer, or its answer is changed."""
    if fault.kind == "status":
        return error(fault.status, fault.code, "It went wrong.", fault.headers)
    if fault.kind == "body":
        return web.Response(status=fault.status, text=fault.body, content_type="text/html")
    if fault.kind in ("hang", "again", "lost", "short"):
        await asyncio.sleep(fault.seconds if fault.kind == "hang" else 0)
        return None
    if fault.kind == "drop":
        _cut(request)
        return web.Response()
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    if fault.kind == "truncate":
        await response.write(b'{"value": [')
        _cut(request)
        return response
    for _ in range(int(fault.seconds * 10)):
        await response.write(b" ")
        await asyncio.sleep(0.1)
    return response


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """Give an error as Azure Resource Manager writes it."""
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)


def _cut(request: web.Request) -> None:
    """Cut the connection."""
    if request.transport is not None:
        request.transport.abort()
