"""Puts what was read of a GKE cluster into the common model; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from providers.gke.audit_logs import admin_activity, exemptions, exported
from providers.gke.facts import Bucket, ClusterFacts, LogType, ProjectFacts
from providers.gke.routing import ADMIN_ACTIVITY, LIST_BUCKETS, LIST_SINKS, route
from scanner.errors import CollectionError
from scanner.model import (
    ApiServer,
    Authorizer,
    ClusterObservation,
    ClusterRef,
    Evidence,
    Fact,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    Note,
    NoteSeverity,
    Unread,
)

LIST_CLUSTERS: Final = "container:ListClusters"
_STATUS: Final = {
    0: "STATUS_UNSPECIFIED",
    1: "PROVISIONING",
    2: "RUNNING",
    3: "RECONCILING",
    4: "STOPPING",
    5: "ERROR",
    6: "DEGRADED",
}
"""``google.container.v1.Cluster.Status`` (google-cloud-container 2.67.0)."""
_COMPONENTS: Final = {
    0: "COMPONENT_UNSPECIFIED", 1: "SYSTEM_COMPONENTS", 2: "WORKLOADS", 3: "APISERVER", 4: "SCHEDULER",
    5: "CONTROLLER_MANAGER", 7: "KCP_SSHD", 8: "KCP_CONNECTION", 9: "KCP_HPA", 10: "KCP_VPA",
}  # fmt: skip
"""``google.container.v1.LoggingComponentConfig.Component`` (google-cloud-container 2.67.0)."""
_ANONYMOUS: Final = {0: "", 1: "ENABLED", 2: "LIMITED"}
_USUAL: Final = frozenset({"RUNNING", "RECONCILING"})
_NAMES: Final = {
    ADMIN_ACTIVITY: "Admin Activity audit log",
    LogType.ADMIN_READ: "Data Access audit log, ADMIN_READ",
    LogType.DATA_READ: "Data Access audit log, DATA_READ",
    LogType.DATA_WRITE: "Data Access audit log, DATA_WRITE",
}


def cluster_facts(project: ProjectFacts, cluster: Any) -> ClusterFacts:  # noqa: ANN401 - a raw message
    """Take the facts out of a raw ``google.container.v1.Cluster``."""
    components = None
    if cluster.HasField("logging_config"):
        numbers = cluster.logging_config.component_config.enable_components
        components = tuple(_COMPONENTS.get(number, str(number)) for number in numbers)
    mode = cluster.anonymous_authentication_config.mode
    return ClusterFacts(
        project=project,
        name=cluster.name,
        location=cluster.location or cluster.zone,
        self_link=cluster.self_link,
        status=_STATUS.get(cluster.status, str(cluster.status)),
        version=cluster.current_master_version,
        is_autopilot=cluster.autopilot.enabled,
        is_legacy_abac=cluster.legacy_abac.enabled,
        anonymous_mode=_ANONYMOUS.get(mode, str(mode)),
        logging_components=components,
        logging_service=cluster.logging_service,
    )


def normalise(facts: ClusterFacts, identity: str) -> ClusterObservation:
    """Put one cluster into the common model; `identity` is whom the scan runs as."""
    channels = tuple(_channel(facts, log) for log in (ADMIN_ACTIVITY, *LogType))
    version = Evidence(LIST_CLUSTERS, "clusters[].currentMasterVersion", facts.version or "absent")
    server = ApiServer("control plane", ManagedPolicy("gce", (version,)), channels, _authorizer(facts))
    project = facts.project
    return ClusterObservation(
        ref=ClusterRef(
            "gke", project.account, project.project_id, facts.location, facts.name, _id(facts), facts.version or None
        ),
        servers=(server,),
        facts=tuple(_facts(facts)),
        notes=(*_notes(facts), *exemptions(project), *_bucket_notes(project)),
        parameters={"project": project.project_id, "identity": identity},
        unread=tuple(_unread(project)),
    )


def _id(facts: ClusterFacts) -> str:
    """Give the cluster's full resource name."""
    return f"projects/{facts.project.project_id}/locations/{facts.location}/clusters/{facts.name}"


def _channel(facts: ClusterFacts, log: str) -> LogChannel:
    """Follow one log from the cluster to its stores."""
    routing = route(facts.project, log, facts.name, facts.location)
    switched_on = admin_activity() if log == ADMIN_ACTIVITY else exported(facts.project, LogType(log))
    delivered = routing.delivered
    if switched_on.state is LinkState.GAP:
        delivered = LinkCheck(LinkState.NOT_APPLICABLE, f"{_NAMES[log]} is not switched on, so nothing of it is routed")
    return LogChannel(
        log=log.lower(),
        name=_NAMES[log],
        exported=switched_on,
        delivered=delivered,
        retention=routing.retention,
        observed=LinkCheck(
            LinkState.UNKNOWN,
            "entries of Cloud Logging are not read: a reader without roles/logging.privateLogViewer sees fewer of them "
            "without being told",
            switched_on.evidence,
        ),
    )


def _authorizer(facts: ClusterFacts) -> Authorizer:
    """GKE runs the RBAC authorizer in every cluster, legacy ABAC beside it where that is on."""
    read = (
        Evidence(LIST_CLUSTERS, "clusters[].legacyAbac.enabled", str(facts.is_legacy_abac).lower()),
        Evidence(LIST_CLUSTERS, "clusters[].anonymousAuthenticationConfig.mode", facts.anonymous_mode or "absent"),
    )
    limited = facts.anonymous_mode == "LIMITED"
    reason = "GKE runs the RBAC authorizer in every cluster; " + (
        "anonymous requests reach the health paths only"
        if limited
        else "anonymous requests are served where RBAC allows"
    )
    return Authorizer(can_deny=True, anonymous=not limited, reason=reason, evidence=read)


def _facts(facts: ClusterFacts) -> Iterator[Fact]:
    """Give what a reader wants to know beside the verdict."""
    components = facts.logging_components
    shown = "absent" if components is None else ", ".join(components) or "none"
    values = {
        "status": ("status", facts.status),
        "mode": ("autopilot.enabled", "Autopilot" if facts.is_autopilot else "Standard"),
        "component logging": ("loggingConfig.componentConfig.enableComponents", shown),
        "legacy logging service": ("loggingService", facts.logging_service or "absent"),
    }
    for name, (field, value) in values.items():
        yield Fact(name, value, Evidence(LIST_CLUSTERS, f"clusters[].{field}", value))


def _notes(facts: ClusterFacts) -> Iterator[Note]:
    """Give the remarks on the cluster itself."""
    status = Evidence(LIST_CLUSTERS, "clusters[].status", facts.status)
    if facts.status not in _USUAL:
        yield Note(NoteSeverity.INFO, f"the cluster is {facts.status}: it may not serve requests now", (status,))
    components = facts.logging_components or ()
    read = Evidence(
        LIST_CLUSTERS, "clusters[].loggingConfig.componentConfig.enableComponents", ", ".join(components) or "none"
    )
    text = (
        "component logging is not the audit log: Kubernetes audit entries are Cloud Audit Logs, whatever it is set to"
    )
    yield Note(NoteSeverity.INFO, text, (read,))
    if facts.is_legacy_abac:
        text = "legacy ABAC is on: it allows requests that RBAC alone would deny, so that they are no denials"
        yield Note(NoteSeverity.WARNING, text, (Evidence(LIST_CLUSTERS, "clusters[].legacyAbac.enabled", "true"),))
    text = (
        "Google does not say which audit log carries requests that fail authentication (401); reads among them are "
        "taken to be Data Access"
    )
    yield Note(NoteSeverity.INFO, text, (Evidence("Google Cloud documentation", "GKE audit logging", "not stated"),))


def _bucket_notes(project: ProjectFacts) -> Iterator[Note]:
    """Give the remarks on log buckets: what they lock, encrypt or hide, and that one is about to go."""
    for name, bucket in project.buckets.items():
        if isinstance(bucket, Bucket) and not name.endswith("/buckets/_Required"):
            yield from _notes_of_bucket(name, bucket)


def _notes_of_bucket(name: str, bucket: Bucket) -> Iterator[Note]:
    """Give the remarks on one bucket."""
    if bucket.locked:
        text = f"log bucket {name} is locked: its retention can no longer be shortened"
        yield Note(NoteSeverity.INFO, text, (Evidence(LIST_BUCKETS, f"{name}.locked", "true"),))
    if bucket.kms_key:
        text = f"log bucket {name} is encrypted with {bucket.kms_key}: without that key nobody reads it"
        yield Note(
            NoteSeverity.INFO, text, (Evidence(LIST_BUCKETS, f"{name}.cmekSettings.kmsKeyName", bucket.kms_key),)
        )
    if bucket.restricted_fields:
        fields = ", ".join(bucket.restricted_fields)
        text = f"log bucket {name} hides {fields} from readers without logging.fields.access"
        yield Note(NoteSeverity.WARNING, text, (Evidence(LIST_BUCKETS, f"{name}.restrictedFields", fields),))
    if bucket.lifecycle_state == "DELETE_REQUESTED":
        text = f"log bucket {name} is about to be deleted: it takes no new entries once that is done"
        yield Note(NoteSeverity.WARNING, text, (Evidence(LIST_BUCKETS, f"{name}.lifecycleState", "DELETE_REQUESTED"),))


def _unread(project: ProjectFacts) -> Iterator[Unread]:
    """Name the calls that gave nothing, and what their errors advise."""
    outcomes: list[tuple[str, object]] = [
        ("resourcemanager:getIamPolicy", project.audit),
        ("resourcemanager:GetProject", project.ancestors),
        *(("resourcemanager:getIamPolicy", one.audit) for one in project.known_ancestors),
        (LIST_SINKS, project.sinks),
        *((LIST_SINKS, one.sinks) for one in project.known_ancestors),
        (LIST_BUCKETS, project.unlisted),
        *((LIST_BUCKETS, one) for one in project.buckets.values()),
    ]
    for operation, found in outcomes:
        if isinstance(found, CollectionError):
            yield Unread(operation, found.permission, found.hint)
