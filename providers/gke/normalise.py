"""Puts what was read of a GKE cluster into the common model; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from providers.gke.audit_logs import admin_activity, audit_notes, exported
from providers.gke.exemptions import blind_spots, unkept_principals
from providers.gke.facts import ClusterFacts, LogType, ProjectFacts
from providers.gke.filters import Entries
from providers.gke.logs import ADMIN_ACTIVITY, DATA_ACCESS, NAMES
from providers.gke.observed import LIST_ENTRIES, observed
from providers.gke.remarks import LIST_CLUSTERS, bucket_notes, cluster_notes, unread_destinations
from providers.gke.routing import Routing, names_clusters, route_admin_activity, route_data_access
from providers.gke.steps import steps
from providers.gke.stores import LIST_BUCKETS, LIST_SINKS
from scanner.errors import CollectionError, NotFound
from scanner.model import (
    ApiServer,
    Authorizer,
    BlindSpot,
    ClusterObservation,
    ClusterRef,
    Evidence,
    Fact,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    RuleSettings,
    Unread,
)

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


class Normaliser:
    """Puts the clusters of one project into the common model; what they have in common is worked out once."""

    def __init__(self, project: ProjectFacts, identity: str, rule: RuleSettings) -> None:
        """Judge nothing yet, but gather what is the same for every cluster.

        Args:
            project: What was read.
            identity: Whom the scan runs as.
            rule: Whether recent entries were asked for, and for how many days entries are to be kept.
        """
        self._project = project
        self._identity = identity
        self._rule = rule
        self._switched_on = {log: exported(project, log) for log in LogType}
        self._notes = (*audit_notes(project), *bucket_notes(project))
        self._exempted = blind_spots(project)
        self._unread = tuple(_unread_of_project(project))
        self._routings: dict[tuple[str, str], Routing] = {}
        self._channels: dict[tuple[str, str], tuple[LogChannel, ...]] = {}
        self._unkept: dict[tuple[str, str], tuple[BlindSpot, ...]] = {}
        self._servers: dict[tuple[tuple[str, str], str, bool, str], tuple[ApiServer]] = {}
        self._is_same_for_all = not names_clusters(project)

    def cluster(self, facts: ClusterFacts) -> ClusterObservation:
        """Put one cluster into the common model."""
        project, data_access = self._project, self._routing(facts)
        channels = self._channels_of(facts, data_access)
        entries = Entries.of(project.project_id, facts.location, facts.name, DATA_ACCESS)
        place = (project.account, project.project_id, facts.location)
        return ClusterObservation(
            ref=ClusterRef("gke", *place, facts.name, _id(facts), facts.version or None),
            servers=self._servers_of(facts, channels),
            facts=tuple(_facts(facts)),
            notes=(*cluster_notes(facts), *self._notes, *unread_destinations(project, data_access)),
            parameters={
                "project": project.project_id,
                "identity": self._identity,
                **steps(project, self._switched_on, data_access, entries, self._rule),
            },
            unread=(*self._unread, *_unread(LIST_ENTRIES, facts.newest.values())),
            blind_spots=(*self._exempted, *self._unkept_principals(facts, data_access)),
        )

    def _servers_of(self, facts: ClusterFacts, channels: tuple[LogChannel, ...]) -> tuple[ApiServer]:
        """Give the control plane: the same one for clusters that differ in nothing, so that it is judged once."""
        key = (self._channels_key(facts), facts.version, facts.is_legacy_abac, facts.anonymous_mode)
        if key not in self._servers:
            version = Evidence(LIST_CLUSTERS, "clusters[].currentMasterVersion", facts.version or "absent")
            authorizer = _authorizer(facts.is_legacy_abac, facts.anonymous_mode)
            self._servers[key] = (ApiServer("control plane", ManagedPolicy("gce", (version,)), channels, authorizer),)
        return self._servers[key]

    def _channels_of(self, facts: ClusterFacts, data_access: Routing) -> tuple[LogChannel, ...]:
        """Give Admin Activity and each kind of Data Access; those with recent entries are each cluster's own."""
        key = self._channels_key(facts)
        if key not in self._channels:
            first = _channel(facts, ADMIN_ACTIVITY, admin_activity(), route_admin_activity(), self._rule)
            others = (_channel(facts, log, check, data_access, self._rule) for log, check in self._switched_on.items())
            self._channels[key] = (first, *others)
        return self._channels[key]

    def _channels_key(self, facts: ClusterFacts) -> tuple[str, str]:
        """Give what a cluster's logs are told apart by: recent entries are each cluster's own."""
        return (facts.name, facts.location) if self._rule.observe else self._key(facts)

    def _routing(self, facts: ClusterFacts) -> Routing:
        """Follow a cluster's Data Access entries."""
        key = self._key(facts)
        if key not in self._routings:
            self._routings[key] = route_data_access(self._project, facts.name, facts.location)
        return self._routings[key]

    def _unkept_principals(self, facts: ClusterFacts, data_access: Routing) -> tuple[BlindSpot, ...]:
        """Name the principals whose entries are not kept, which are routed as the cluster's others are."""
        key = self._key(facts)
        if key not in self._unkept:
            self._unkept[key] = unkept_principals(facts, data_access)
        return self._unkept[key]

    def _key(self, facts: ClusterFacts) -> tuple[str, str]:
        """Give what a cluster's entries are routed by: the same for all clusters where no filter tells them apart."""
        return ("", "") if self._is_same_for_all else (facts.name, facts.location)


def normalise(facts: ClusterFacts, identity: str, rule: RuleSettings) -> ClusterObservation:
    """Put one cluster into the common model, by itself; the arguments are those of `Normaliser`."""
    return Normaliser(facts.project, identity, rule).cluster(facts)


def _id(facts: ClusterFacts) -> str:
    """Give the cluster's full resource name."""
    return f"projects/{facts.project.project_id}/locations/{facts.location}/clusters/{facts.name}"


def _channel(facts: ClusterFacts, log: str, switched_on: LinkCheck, routing: Routing, rule: RuleSettings) -> LogChannel:
    """Put one log together with the state of its links."""
    delivered = routing.delivered
    if switched_on.state is LinkState.GAP:
        delivered = LinkCheck(LinkState.NOT_APPLICABLE, f"{NAMES[log]} is not switched on, so nothing of it is routed")
    return LogChannel(
        log=log.lower(),
        name=NAMES[log],
        exported=switched_on,
        delivered=delivered,
        retention=routing.retention,
        observed=observed(facts, log, switched_on, rule),
    )


@lru_cache(maxsize=16)
def _authorizer(is_legacy_abac: bool, anonymous_mode: str) -> Authorizer:  # noqa: FBT001 - a cache key
    """GKE runs the RBAC authorizer in every cluster, legacy ABAC beside it where that is on."""
    read = (
        Evidence(LIST_CLUSTERS, "clusters[].legacyAbac.enabled", str(is_legacy_abac).lower()),
        Evidence(LIST_CLUSTERS, "clusters[].anonymousAuthenticationConfig.mode", anonymous_mode or "absent"),
    )
    limited = anonymous_mode == "LIMITED"
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
    yield _fact("status", "status", facts.status)
    yield _fact("mode", "autopilot.enabled", "Autopilot" if facts.is_autopilot else "Standard")
    yield _fact("component logging", "loggingConfig.componentConfig.enableComponents", shown)
    yield _fact("legacy logging service", "loggingService", facts.logging_service or "absent")


@lru_cache(maxsize=256)
def _fact(name: str, field: str, value: str) -> Fact:
    """Give one of them; thousands of clusters have the same few values, and need no copies of them."""
    return Fact(name, value, Evidence(LIST_CLUSTERS, f"clusters[].{field}", value))


def _unread_of_project(project: ProjectFacts) -> Iterator[Unread]:
    """Name the calls about a project that gave nothing, and what their errors advise."""
    policies = (project.policy, *(one.policy for one in project.known_ancestors))
    yield from _unread("resourcemanager:getIamPolicy", policies)
    yield from _unread("resourcemanager:GetProject", (project.ancestors,))
    # That a destination is not there is an answer: a gap, and nothing that a reader is missing.
    elsewhere = [one for one in project.elsewhere.values() if not isinstance(one, NotFound)]
    buckets = [one for one in project.buckets.values() if not isinstance(one, NotFound)]
    yield from _unread(LIST_SINKS, (project.sinks, *project.above.unread, *elsewhere))
    yield from _unread(LIST_BUCKETS, (project.unlisted, *buckets))


def _unread(operation: str, outcomes: Iterable[object]) -> Iterator[Unread]:
    """Name a call for each outcome that is an error."""
    for found in outcomes:
        if isinstance(found, CollectionError):
            yield Unread(operation, found.permission, found.hint)
