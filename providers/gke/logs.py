"""The logs that carry a cluster's audit entries, and the filter that finds those of one cluster."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import quote

from providers.gke.facts import ClusterFacts, LogType

ACTIVITY: Final = "cloudaudit.googleapis.com/activity"
DATA_ACCESS: Final = "cloudaudit.googleapis.com/data_access"
LOG_IDS: Final = (ACTIVITY, DATA_ACCESS)
ADMIN_ACTIVITY: Final = "admin_activity"
NAMES: Final = {
    ADMIN_ACTIVITY: "Admin Activity audit log",
    LogType.ADMIN_READ: "Data Access audit log, ADMIN_READ",
    LogType.DATA_READ: "Data Access audit log, DATA_READ",
    LogType.DATA_WRITE: "Data Access audit log, DATA_WRITE",
}
"""What a person calls each log, by the ids of ``scanner/knowledge`` in capitals or small letters."""


def entries_filter(cluster: ClusterFacts, log_id: str, since: datetime) -> str:
    """Write the filter for the Kubernetes entries of one log of a cluster, none older than `since`.

    Source: Google Cloud, GKE, "Audit logging" (how-to/audit-logging): resource and service of the entries.
    """
    project = cluster.project.project_id
    comparisons = {
        "logName": f"projects/{project}/logs/{quote(log_id, safe='')}",
        "resource.type": "k8s_cluster",
        "resource.labels.location": cluster.location,
        "resource.labels.cluster_name": cluster.name,
        "protoPayload.serviceName": "k8s.io",
    }
    parts = [f'{name}="{_escaped(value)}"' for name, value in comparisons.items()]
    return " AND ".join([*parts, f'timestamp>="{since.isoformat()}"'])


def _escaped(value: str) -> str:
    """Write a value between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
