"""What the emulated Azure holds: subscriptions, resources, diagnostic settings, roles, and the faults to show."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

TENANT: Final = "72f988bf-0000-41af-91ab-2d7cd011db47"
APPLICATION: Final = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
OBJECT_ID: Final = "00001111-aaaa-2222-bbbb-3333cccc4444"
CATEGORIES: Final = (
    "kube-apiserver", "kube-audit", "kube-audit-admin", "kube-controller-manager", "kube-scheduler",
    "cluster-autoscaler", "cloud-controller-manager", "guard",
)  # fmt: skip
GROUPS: Final = "/providers/Microsoft.Management/managementGroups"
MANAGED: Final = "Microsoft.ContainerService/managedClusters"
CONNECTED: Final = "Microsoft.Kubernetes/connectedClusters"


@dataclass
class Fault:
    """Something that goes wrong with requests whose path, body or token's tenant holds some text.

    Attributes:
        kind: ``status`` answers an error; ``hang`` nothing for a while; ``trickle`` a body byte by byte; ``drop`` cuts
            the connection; ``truncate`` ends a body early; ``body`` answers `body` as it is; ``again`` names the first
            page as the next one; ``lost`` a next one for which there is only a server error; ``short`` leaves out the
            last row of each page of Resource Graph.
        path: A part of the path, the body or the tenant, in any case; the path of a query of Resource Graph ends with
            the table it asks for.
        times: How often it goes wrong before it goes right again; -1 for ever.
        after: How often it goes right before.
        status: The status of ``status`` and ``body``.
        code: The code of ``status``.
        headers: Further headers of ``status``.
        operation: As `Asked.operation`; empty for any.
    """

    kind: str
    path: str
    times: int = -1
    status: int = 500
    code: str = "InternalServerError"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 60.0
    after: int = 0
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as faults see it.

    Attributes:
        operation: The action that it takes, such as ``Microsoft.ContainerService/managedClusters/read``.
        text: Its path, its body and the tenant of its token, in lower case.
    """

    operation: str
    text: str


@dataclass
class Role:
    """A role assignment of the one application that there is: actions at a scope and all below it."""

    scope: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def covers(self, scope: str) -> bool:
        """Say whether it holds at a scope."""
        mine = self.scope.rstrip("/").lower()
        return scope.lower() == mine or scope.lower().startswith(f"{mine}/")

    def allows(self, action: str) -> bool:
        """Say whether it allows an action."""
        wanted = action.lower()
        return any(fnmatchcase(wanted, one.lower()) for one in self.actions) and not any(
            fnmatchcase(wanted, one.lower()) for one in self.not_actions
        )


@dataclass
class Azure:
    """The state that all services share; tests change it at any time.

    Attributes:
        resources: By their ids in lower case.
        settings: Diagnostic settings by the cluster's id in lower case.
        groups: Category groups by category, ``...`` where a category has no such field.
        tables: By the workspace's id in lower case and the table's name.
        records: Rows of the query API's answer, by the workspace's customer id.
        denied: Actions that no role gives at a scope and below it, as if a narrower one had been assigned.
        unregistered: Subscriptions with the resource providers that they do not use.
        calls: How often each path was asked for, by method.
        asked: Every request, in order.
        tenants: The subscriptions of tenants beside `TENANT`, whose identities see these only.
        quota: How many queries Resource Graph answers before its quota is used up; it never is where that is None.
        subscription_limit: How many subscriptions a query of Resource Graph looks at; all where that is None.
        quota_back_at: When it answers again, in seconds of the monotonic clock.
        graph_lacks: Ids of subscriptions and resources, in lower case, that Resource Graph does not know yet.
        graph_keeps: Resources that Resource Graph still shows, by their ids in lower case.
        is_truncated: Whether Resource Graph truncates its answers and names no further page.
    """

    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    management_groups: dict[str, list[str]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    tables: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    lifecycle: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    unregistered: set[tuple[str, str]] = field(default_factory=set)
    roles: list[Role] = field(default_factory=lambda: [Role("/", ("*/read",))])
    denied: list[Role] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    asked: list[Asked] = field(default_factory=list)
    tenants: dict[str, list[str]] = field(default_factory=dict)
    page_size: int = 100
    quota: int | None = None
    quota_back_at: float = 0.0
    is_looping: bool = False
    lost_rows: int = 0
    subscription_limit: int | None = None
    graph_lacks: set[str] = field(default_factory=set)
    graph_keeps: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_truncated: bool = False

    def subscription(self, number: int = 1, name: str = "", state: str = "Enabled", group: str = "root") -> str:
        """Make a subscription within a management group; gives its id."""
        subscription_id = f"{number:08d}-3333-4444-5555-666677778888"
        self.subscriptions[subscription_id] = {
            "id": f"/subscriptions/{subscription_id}",
            "subscriptionId": subscription_id,
            "tenantId": TENANT,
            "displayName": name or f"subscription-{number}",
            "state": state,
        }
        self.management_groups.setdefault(group, []).append(subscription_id)
        return subscription_id

    def of_tenant(self, tenant: str) -> list[str]:
        """Give the ids of the subscriptions that an identity of a tenant sees."""
        return [*self.tenants.get(tenant, self.subscriptions)]

    def resource(self, subscription: str, resource_type: str, name: str, **fields: Any) -> str:  # noqa: ANN401 - JSON
        """Make a resource of any type; gives its id."""
        resource_id = f"/subscriptions/{subscription}/resourceGroups/platform/providers/{resource_type}/{name}"
        body = {"id": resource_id, "name": name, "type": resource_type, "location": "westeurope", **fields}
        self.resources[resource_id.lower()] = {key: value for key, value in body.items() if value is not ...}
        return resource_id

    def cluster(self, subscription: str, name: str, **properties: Any) -> str:  # noqa: ANN401 - JSON
        """Make an AKS cluster with Entra integration; a property that is ``...`` is left out. Gives its id."""
        found = {
            "provisioningState": "Succeeded",
            "powerState": {"code": "Running"},
            "kubernetesVersion": "1.34",
            "currentKubernetesVersion": "1.34.1",
            "enableRBAC": True,
            "disableLocalAccounts": True,
            "aadProfile": {"managed": True, "enableAzureRBAC": True},
            "fqdn": f"{name}.hcp.westeurope.azmk8s.io",
            "nodeResourceGroup": f"MC_platform_{name}_westeurope",
            "agentPoolProfiles": [{"name": "system", "count": 3, "vmSize": "Standard_D4s_v5"}],
            **properties,
        }
        known = {key: value for key, value in found.items() if value is not ...}
        return self.resource(subscription, MANAGED, name, sku={"name": "Base", "tier": "Standard"}, properties=known)

    def connected(self, subscription: str, name: str, kind: Any = ...) -> str:  # noqa: ANN401 - JSON
        """Make a cluster that is connected to Azure Arc; gives its id."""
        properties = {
            "provisioningState": "Succeeded", "connectivityStatus": "Connected", "distribution": "k3s",
            "infrastructure": "generic", "kubernetesVersion": "1.33.5", "agentVersion": "1.29.3",
        }  # fmt: skip
        return self.resource(subscription, CONNECTED, name, kind=kind, properties=properties)

    def setting(self, cluster: str, *logs: str, name: str = "audit", **properties: Any) -> None:  # noqa: ANN401 - JSON
        """Add a diagnostic setting; ``-`` before a category switches it off, ``@`` makes it a category group."""
        entries = [_entry(log) for log in logs]
        self.settings.setdefault(cluster.lower(), []).append(
            {
                "id": f"{cluster.lower()}/providers/microsoft.insights/diagnosticSettings/{name}",
                "type": "Microsoft.Insights/diagnosticSettings",
                "name": name,
                "location": None,
                "properties": {
                    "storageAccountId": None, "workspaceId": None, "eventHubName": None,
                    "eventHubAuthorizationRuleId": None, "logAnalyticsDestinationType": None, "metrics": [],
                    "logs": entries, **properties,
                },
            }
        )  # fmt: skip

    def workspace(self, subscription: str, name: str = "logs", days: int = 90, **properties: Any) -> str:  # noqa: ANN401
        """Make a Log Analytics workspace with the tables that AKS writes to; gives its id."""
        found = self.resource(
            subscription,
            "Microsoft.OperationalInsights/workspaces",
            name,
            properties={
                "customerId": f"customer-{name}",
                "retentionInDays": days,
                "sku": {"name": "PerGB2018"},
                "workspaceCapping": {"dailyQuotaGb": -1.0, "dataIngestionStatus": "RespectQuota"},
                **properties,
            },
        )
        for table in ("AKSAudit", "AKSAuditAdmin", "AKSControlPlane", "AzureDiagnostics", "ArcK8sAudit"):
            self.table(found, table)
        return found

    def table(self, workspace: str, name: str, plan: str = "Analytics", days: int = -1, total: int = -1) -> None:
        """Make a table of a workspace, or change it."""
        self.tables[workspace.lower(), name] = {
            "id": f"{workspace}/tables/{name}",
            "name": name,
            "properties": {"plan": plan, "retentionInDays": days, "totalRetentionInDays": total},
        }

    def delete(self, resource_id: str) -> None:
        """Delete a resource."""
        del self.resources[resource_id.lower()]

    def deny(self, action: str, scope: str = "/") -> None:
        """Take an action away from the application, at a scope and all below it."""
        self.denied.append(Role(scope, (action,)))

    def allows(self, action: str, scope: str) -> bool:
        """Say whether the application may do something."""
        scopes = self._scopes(scope)
        return any(role.allows(action) and any(map(role.covers, scopes)) for role in self.roles) and not any(
            role.allows(action) and any(map(role.covers, scopes)) for role in self.denied
        )

    def permissions_at(self, scope: str) -> list[dict[str, list[str]]]:
        """Give what the application may do at a scope, as Azure tells it who asks for its own permissions."""
        scopes = self._scopes(scope)
        lost = [action for role in self.denied if any(map(role.covers, scopes)) for action in role.actions]
        return [
            {"actions": [*role.actions], "notActions": [*role.not_actions, *lost], "dataActions": []}
            for role in self.roles
            if any(map(role.covers, scopes))
        ]

    def _scopes(self, scope: str) -> list[str]:
        """Give a scope with the management groups above it, whose roles it inherits."""
        subscription = scope.split("/")[2] if scope.startswith("/subscriptions/") else ""
        groups = [name for name, below in self.management_groups.items() if subscription in below]
        return [scope, *(f"{GROUPS}/{name}" for name in groups)]

    def below(self, subscription: str, kind: str) -> list[dict[str, Any]]:
        """Give copies of a subscription's resources of one type, by their ids."""
        start = f"/subscriptions/{subscription}/".lower()
        found = [key for key in self.resources if key.startswith(start)]
        mine = (self.resources[key] for key in sorted(found))
        return [copy.deepcopy(one) for one in mine if str(one["type"]).lower() == kind.lower()]

    def fault_for(self, asked: Asked) -> Fault | None:
        """Give the fault that a request meets, and count it."""
        for fault in self.faults:
            if fault.operation in ("", asked.operation) and fault.path.lower() in asked.text and fault.times:
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def categories(self) -> Iterator[dict[str, Any]]:
        """Give the diagnostic categories as Azure Monitor lists them."""
        for name in CATEGORIES:
            properties = {"categoryType": "Logs"}
            groups = self.groups.get(name, ["allLogs"])
            yield {
                "name": name,
                "properties": properties if groups is ... else {**properties, "categoryGroups": groups},
            }
        yield {"name": "AllMetrics", "properties": {"categoryType": "Metrics", "categoryGroups": None}}


def _entry(log: str) -> dict[str, Any]:
    """Give an entry of a diagnostic setting."""
    enabled = not log.startswith("-")
    name = log.lstrip("-@")
    policy = {"enabled": False, "days": 0}
    if log.lstrip("-").startswith("@"):
        return {"category": None, "categoryGroup": name, "enabled": enabled, "retentionPolicy": policy}
    return {"category": name, "categoryGroup": None, "enabled": enabled, "retentionPolicy": policy}
