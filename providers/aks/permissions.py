"""The least permissions that reading subscriptions needs: a custom role, or the built-in roles that hold them."""

from __future__ import annotations

import json
from typing import Final

VARIANTS: Final = ("", "observe", "organization", "builtin")

LIST_CLUSTERS: Final = "Microsoft.ContainerService/managedClusters/read"
LIST_CONNECTED: Final = "Microsoft.Kubernetes/connectedClusters/read"
READ_SUBSCRIPTIONS: Final = "Microsoft.Resources/subscriptions/read"
READ_RESOURCES: Final = "Microsoft.Resources/subscriptions/resources/read"
"""Not in the role: Azure lists to everybody what he may read; a partner's resource takes its own type's read."""
LIST_DESCENDANTS: Final = "Microsoft.Management/managementGroups/descendants/read"
READ_PERMISSIONS: Final = "Microsoft.Authorization/permissions/read"
READ_SETTINGS: Final = "Microsoft.Insights/diagnosticSettings/read"
READ_CATEGORIES: Final = "Microsoft.Insights/diagnosticSettingsCategories/read"
READ_RULES: Final = "Microsoft.Insights/dataCollectionRules/read"
READ_WORKSPACE: Final = "Microsoft.OperationalInsights/workspaces/read"
READ_TABLE: Final = "Microsoft.OperationalInsights/workspaces/tables/read"
READ_STORAGE: Final = "Microsoft.Storage/storageAccounts/read"
READ_LIFECYCLE: Final = "Microsoft.Storage/storageAccounts/managementPolicies/read"
READ_EVENT_HUBS: Final = "Microsoft.EventHub/namespaces/read"
QUERY_LOGS: Final = "Microsoft.OperationalInsights/workspaces/query/read"

_ACTIONS: Final = (
    LIST_CLUSTERS,
    LIST_CONNECTED,
    READ_SUBSCRIPTIONS,
    READ_PERMISSIONS,
    READ_SETTINGS,
    READ_CATEGORIES,
    READ_RULES,
    READ_WORKSPACE,
    READ_TABLE,
    READ_STORAGE,
    READ_LIFECYCLE,
    READ_EVENT_HUBS,
)
_QUERY_ACTIONS: Final = (
    QUERY_LOGS,
    "Microsoft.OperationalInsights/workspaces/query/AKSAudit/read",
    "Microsoft.OperationalInsights/workspaces/query/AKSAuditAdmin/read",
    "Microsoft.OperationalInsights/workspaces/query/AKSControlPlane/read",
    "Microsoft.OperationalInsights/workspaces/query/ArcK8sAudit/read",
    "Microsoft.OperationalInsights/workspaces/query/ArcK8sAuditAdmin/read",
    "Microsoft.OperationalInsights/workspaces/query/ArcK8sControlPlane/read",
    "Microsoft.OperationalInsights/workspaces/query/AzureDiagnostics/read",
)
_SUBSCRIPTION_SCOPE: Final = "/subscriptions/SUBSCRIPTION"
_GROUP_SCOPE: Final = "/providers/Microsoft.Management/managementGroups/MANAGEMENT_GROUP"
_BUILTIN: Final = """\
Reader                acdd72a7-3385-48ef-bd42-f606fba81ae7
    all that is read without [rule] observe, of an organization too, and far more (*/read)
Log Analytics Reader  73c42c96-874c-492b-b04d-ab87d138a893
    the same, and queries of every log in every workspace, for [rule] observe
"""


def permissions(variant: str) -> str:
    """Give the permissions in one of the `VARIANTS`.

    Sources: Azure documentation, "Azure permissions" by resource provider and "Azure built-in roles".
    """
    if variant == "builtin":
        return _BUILTIN
    if variant == "organization":
        return custom_role((*_ACTIONS, LIST_DESCENDANTS), _GROUP_SCOPE)
    return custom_role(_ACTIONS + (_QUERY_ACTIONS if variant == "observe" else ()))


def custom_role(actions: tuple[str, ...], scope: str = _SUBSCRIPTION_SCOPE) -> str:
    """Give a custom role with some actions in the form that ``az role definition create --role-definition`` takes."""
    what = "reads no records" if QUERY_LOGS not in actions else "reads when the newest audit records arrived"
    role = {
        "Name": "k8s-audit-coverage",
        "IsCustom": True,
        "Description": f"Reads clusters, diagnostic settings and where they lead to; {what}, no credentials.",
        "Actions": list(actions),
        "NotActions": [],
        "AssignableScopes": [scope],
    }
    return json.dumps(role, indent=2) + "\n"
