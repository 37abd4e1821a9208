"""What the emulated Google Cloud holds: resources, policies, clusters, sinks and buckets, and the faults to show."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from google.cloud import container_v1, resourcemanager_v3
from google.cloud.logging_v2.types import LogBucket, LogEntry
from google.iam.v1 import policy_pb2
from google.protobuf import json_format

REQUIRED_FILTER = " OR ".join(
    f'LOG_ID("{kind}.googleapis.com/{log}")'
    for log in ("activity", "system_event", "access_transparency")
    for kind in ("cloudaudit", "externalaudit")
)
DEFAULT_FILTER = " AND ".join(
    f'NOT LOG_ID("{kind}.googleapis.com/{log}")'
    for log in ("activity", "system_event", "access_transparency")
    for kind in ("cloudaudit", "externalaudit")
)


@dataclass
class Fault:
    """Something that goes wrong.

    Attributes:
        kind: ``throttle``, ``unavailable``, ``internal``, ``hang``, ``drop``, ``malformed``, ``unauthenticated``,
            ``denied``, ``gone``, ``empty``, ``shape`` (REST: JSON of another one), ``truncate`` (half of the real
            answer), ``again`` (each page names the same next one) or ``lost`` (there is an error in its place).
        operation: Such as ``ListClusters``.
        resource: What is asked about; empty for anything.
        times: How often it goes wrong before it goes right again; -1 for ever.
        seconds: For how long a call hangs.
        transport: ``gRPC`` or ``REST``; empty for either.
    """

    kind: str
    operation: str
    resource: str = ""
    times: int = -1
    seconds: float = 60.0
    transport: str = ""


@dataclass
class Quota:
    """So many calls of an API by gRPC in so many seconds, which count for the caller's project whatever they are about.

    Attributes:
        refused: How many calls were too many.
    """

    calls: int
    seconds: float
    refused: int = 0
    _began: float = 0.0
    _used: int = 0

    def is_used_up(self) -> bool:
        """Count a call, and tell whether it is one too many."""
        if time.monotonic() - self._began >= self.seconds:
            self._began, self._used = time.monotonic(), 0
        self._used += 1
        self.refused += self._used > self.calls
        return self._used > self.calls


@dataclass
class Project:
    """A project as Resource Manager tells of it."""

    project_id: str
    number: str
    parent: str
    state: str


@dataclass
class Cloud:
    """The state that all services share; tests change it at any time.

    Attributes:
        unindexed: What Cloud Asset Inventory has not noticed yet, by the asset's name.
        outdated: Assets that it still has, though they are gone.
        entries: By the id of the project that they were written in, each with the fields that filters name.
        calls: How often each operation was asked for of each resource.
        seen: The same with the transport in front, each once.
        quotas: By the API's host.
        headers: Of the last call of each method by gRPC, with its service in front.
    """

    projects: dict[str, Project] = field(default_factory=dict)
    folders: dict[str, tuple[str, str]] = field(default_factory=dict)
    clusters: dict[str, list[Any]] = field(default_factory=dict)
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=dict)
    sinks: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: dict[str, list[tuple[dict[str, str], Any]]] = field(default_factory=dict)
    apis_off: set[tuple[str, str]] = field(default_factory=set)
    callers_apis_off: set[str] = field(default_factory=set)
    denied: set[tuple[str, str]] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    unindexed: set[str] = field(default_factory=set)
    outdated: list[dict[str, Any]] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    quotas: dict[str, Quota] = field(default_factory=dict)
    page_size: int = 1000
    latency: float = 0.0
    is_slow_to_find: bool = False
    is_looping: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def folder(self, number: str, parent: str, state: str = "ACTIVE") -> str:
        """Make a folder; gives its name."""
        self.folders[f"folders/{number}"] = (parent, state)
        return f"folders/{number}"

    def project(self, project_id: str, parent: str = "", *, state: str = "ACTIVE", number: str = "") -> str:
        """Make a project with the sinks and buckets that each one has; gives its name."""
        number = number or str(100_000_000_000 + len(self.projects))
        self.projects[project_id] = Project(project_id, number, parent, state)
        name = f"projects/{project_id}"
        for kind, found, days in (("_Required", REQUIRED_FILTER, 400), ("_Default", DEFAULT_FILTER, 30)):
            destination = self.bucket(project_id, kind, days=days, locked=kind == "_Required")
            self.sink(name, kind, f"logging.googleapis.com/{destination}", filter=found)
        return name

    def cluster(self, project_id: str, name: str, location: str = "europe-west1", **fields: Any) -> None:  # noqa: ANN401 - JSON
        """Make a cluster; `fields` as the REST API spells them."""
        link = f"https://container.googleapis.com/v1/projects/{project_id}/locations/{location}/clusters/{name}"
        body = {
            "name": name,
            "location": location,
            "selfLink": link,
            "status": "RUNNING",
            "currentMasterVersion": "1.34.1-gke.2037000",
            "loggingService": "logging.googleapis.com/kubernetes",
            "loggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"]}},
            **fields,
        }
        message = json_format.ParseDict(
            {key: value for key, value in body.items() if value is not None},
            container_v1.Cluster.pb(container_v1.Cluster()),
        )
        self.clusters.setdefault(project_id, []).append(message)

    def audit(self, resource: str, service: str, **log_types: tuple[str, ...]) -> None:
        """Add an audit configuration to a resource's policy: log types with their exempted members."""
        policy = self.policies.setdefault(resource, policy_pb2.Policy(version=1, etag=b"BwXE56QgxWk="))
        config = policy.audit_configs.add(service=service)
        for log_type, exempted in log_types.items():
            number = policy_pb2.AuditLogConfig.LogType.Value(log_type)
            config.audit_log_configs.add(log_type=number, exempted_members=exempted)

    def bind(self, resource: str, role: str, *members: str) -> None:
        """Bind members to a role in a resource's policy."""
        policy = self.policies.setdefault(resource, policy_pb2.Policy(version=1, etag=b"BwXE56QgxWk="))
        policy.bindings.add(role=role, members=members)

    def entry(self, project_id: str, cluster: str, log_id: str, when: datetime, location: str = "europe-west1") -> None:
        """Write an audit entry of a cluster."""
        name = f"projects/{project_id}/logs/{quote(log_id, safe='')}"
        labels = {"project_id": project_id, "location": location, "cluster_name": cluster}
        fields = {"logName": name, "resource.type": "k8s_cluster", "protoPayload.serviceName": "k8s.io"}
        fields |= {f"resource.labels.{key}": value for key, value in labels.items()}
        written = self.entries.setdefault(project_id, [])
        message = LogEntry(
            log_name=name,
            resource={"type": "k8s_cluster", "labels": labels},
            timestamp=when,
            insert_id=str(len(written)),
        )
        written.append((fields, message))

    def sink(self, parent: str, name: str, destination: str, **fields: Any) -> None:  # noqa: ANN401 - JSON
        """Make or replace a sink; `fields` as the REST API spells them."""
        body = {"name": name, "destination": destination, "resourceName": f"{parent}/sinks/{name}", **fields}
        self.sinks.setdefault(parent, {})[name] = body

    def bucket(self, project_id: str, name: str, *, location: str = "global", days: int = 30, **fields: Any) -> str:  # noqa: ANN401
        """Make or replace a log bucket; gives its full name."""
        full = f"projects/{project_id}/locations/{location}/buckets/{name}"
        fields = {"lifecycle_state": "ACTIVE", **fields}
        self.buckets.setdefault(project_id, {})[full] = LogBucket(name=full, retention_days=days, **fields)
        return full

    def deny(self, permission: str, resource: str = "") -> None:
        """Take a permission away, everywhere or on one resource."""
        self.denied.add((permission, resource))

    def fault(self, kind: str, operation: str, resource: str = "", *, times: int = -1, seconds: float = 60.0) -> None:
        """Let something go wrong."""
        self.faults.append(Fault(kind, operation, resource, times, seconds))

    def is_denied(self, permission: str, resource: str) -> bool:
        """Tell whether a permission is missing on a resource; remembers that it was asked for."""
        self.asked.add(permission)
        return (permission, "") in self.denied or (permission, resource) in self.denied

    def is_used_up(self, api: str) -> bool:
        """Count a call of an API, and tell whether it is one more than the quota has."""
        with self.lock:
            return api in self.quotas and self.quotas[api].is_used_up()

    def next_fault(self, operation: str, resource: str, transport: str = "gRPC") -> Fault | None:
        """Give what goes wrong with this call, and count it."""
        with self.lock:
            self.calls[operation, resource] += 1
            self.seen.add((transport, operation, resource))
            for fault in self.faults:
                if fault.operation != operation or fault.transport not in ("", transport):
                    continue
                if fault.resource in ("", resource) and fault.times:
                    fault.times -= 1
                    return fault
        return None

    def find_project(self, name: str) -> Project | None:
        """Find a project by its id or number."""
        name = name.removeprefix("projects/")
        return self.projects.get(name) or next((one for one in self.projects.values() if one.number == name), None)

    def canonical(self, resource: str) -> str:
        """Give a resource under its id, by which the state is kept, where it is named by its number."""
        project = self.find_project(resource) if resource.startswith("projects/") else None
        return f"projects/{project.project_id}" if project else resource

    def ancestors(self, resource: str) -> Iterator[str]:
        """Give what is above a resource, nearest first."""
        project = self.find_project(resource) if resource.startswith("projects/") else None
        parent = project.parent if project else self.folders.get(resource, ("", ""))[0]
        seen: set[str] = set()
        while parent and parent not in seen:
            yield parent
            seen.add(parent)
            parent = self.folders.get(parent, ("", ""))[0]

    def is_there(self, resource: str) -> bool:
        """Tell whether a resource exists."""
        if resource.startswith("projects/"):
            return self.find_project(resource) is not None
        parents = {one.parent for one in self.projects.values()} | {parent for parent, _ in self.folders.values()}
        return resource in self.folders or resource in parents or resource in self.policies

    def project_message(self, project: Project) -> resourcemanager_v3.Project:
        """Give a project as Resource Manager does."""
        return resourcemanager_v3.Project(
            name=f"projects/{project.number}", parent=project.parent, project_id=project.project_id, state=project.state
        )
