"""Which Cloud Audit Logs are switched on for Kubernetes: the audit configurations of a project and all above it.

Sources: Google Cloud, "Configure Data Access audit logs" (cloud.google.com/logging/docs/audit/configure-data-access) and
GKE, "Audit logging" (2026-04): configurations are united over all levels and over allServices; none below can take
one back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from providers.gke.facts import AuditLogConfig, LogType, ProjectFacts
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState, Note, NoteSeverity

SERVICE: Final = "container.googleapis.com"
ALL_SERVICES: Final = "allServices"
_KUBERNETES: Final = "k8s.io"
_EVERYBODY: Final = frozenset({"allUsers", "allAuthenticatedUsers"})
_MOST_MEMBERS: Final = 20
_ADMIN_ACTIVITY: Final = Evidence(
    "Google Cloud documentation", "Cloud Audit Logs, Admin Activity", "always written; cannot be switched off"
)


@dataclass(frozen=True, slots=True)
class _Level:
    """The audit configuration of one resource, or why it was not read."""

    resource: str
    audit: tuple[AuditLogConfig, ...] | CollectionError


def admin_activity() -> LinkCheck:
    """Give the state of Admin Activity, which Google writes for every project."""
    return LinkCheck(LinkState.OK, "Admin Activity audit logs are always on", (_ADMIN_ACTIVITY,))


def exported(project: ProjectFacts, log_type: LogType) -> LinkCheck:
    """Tell whether a kind of Data Access entries is switched on for Kubernetes."""
    levels = tuple(_levels(project))
    given = [
        (index, one)
        for level in levels
        if not isinstance(level.audit, CollectionError)
        for index, one in enumerate(level.audit)
        if one.log_type == log_type
    ]
    on = [(index, one) for index, one in given if one.service in (SERVICE, ALL_SERVICES)]
    if on:
        return _switched_on(log_type, on)
    unread = [level for level in levels if isinstance(level.audit, CollectionError)]
    if unread:
        return _not_known(log_type, unread)
    other = [(index, one) for index, one in given if one.service == _KUBERNETES]
    if other:
        reason = (
            f"{log_type} is switched on for {_KUBERNETES} only, and no documentation says whether that counts: "
            f"{SERVICE} is the service that it names"
        )
        return LinkCheck(LinkState.UNKNOWN, reason, tuple(_evidence(index, one) for index, one in other))
    reason = f"Data Access audit logs of type {log_type} are not switched on for {SERVICE}"
    return LinkCheck(LinkState.GAP, reason, tuple(_without(level) for level in levels))


def exemptions(project: ProjectFacts) -> tuple[Note, ...]:
    """Name those whose reads are left out although the log type is on; a group or service account may be many."""
    found: dict[tuple[str, str], list[Evidence]] = {}
    for level in _levels(project):
        for index, one in enumerate(() if isinstance(level.audit, CollectionError) else level.audit):
            if one.service in (SERVICE, ALL_SERVICES) and one.log_type in set(LogType):
                for member in one.exempted_members:
                    found.setdefault((one.resource, member), []).append(_evidence(index, one))
    notes = [_exempted(resource, member, tuple(read)) for (resource, member), read in found.items()]
    if len(notes) > _MOST_MEMBERS:
        rest = len(notes) - _MOST_MEMBERS
        several = tuple(read[0] for read in list(found.values())[_MOST_MEMBERS:])
        text = f"{rest} more members are exempted from Data Access audit logs"
        return (*notes[:_MOST_MEMBERS], Note(NoteSeverity.WARNING, text, several))
    return tuple(notes)


def _levels(project: ProjectFacts) -> Iterator[_Level]:
    """Give the project and all that is above it; the part of the way up that is not known is an unread level."""
    yield _Level(f"projects/{project.project_id}", project.audit)
    for ancestor in project.known_ancestors:
        yield _Level(ancestor.name, ancestor.audit)
    if isinstance(project.ancestors, CollectionError):
        yield _Level("what is above it", project.ancestors)


def _switched_on(log_type: LogType, on: list[tuple[int, AuditLogConfig]]) -> LinkCheck:
    """Say where a log type is switched on; one from which everybody is exempted is as good as off."""
    read = tuple(_evidence(index, one) for index, one in on)
    exempted = sorted({member for _, one in on for member in one.exempted_members} & _EVERYBODY)
    if exempted:
        reason = f"{log_type} is switched on, but {', '.join(exempted)} is exempted, so that nobody's requests are left"
        return LinkCheck(LinkState.GAP, reason, read)
    places = ", ".join(dict.fromkeys(f"{one.resource} for {one.service}" for _, one in on))
    return LinkCheck(LinkState.OK, f"Data Access audit logs of type {log_type} are switched on by {places}", read)


def _not_known(log_type: LogType, unread: list[_Level]) -> LinkCheck:
    """Say which audit configurations could switch it on and were not read."""
    errors = [level.audit for level in unread if isinstance(level.audit, CollectionError)]
    names = ", ".join(level.resource for level in unread)
    reason = f"whether Data Access audit logs of type {log_type} are switched on by {names} could not be read"
    read = tuple(
        Evidence("resourcemanager:getIamPolicy", level.resource, error.said or error.what)
        for level, error in zip(unread, errors, strict=True)
    )
    return LinkCheck(LinkState.UNKNOWN, reason, read, next((one.permission for one in errors if one.permission), ""))


def _exempted(resource: str, member: str, read: tuple[Evidence, ...]) -> Note:
    """Say what an exemption hides; the more people a member can be, the graver."""
    kind = member.partition(":")[0]
    what = {
        "group": "everybody in that group",
        "domain": "everybody of that domain",
        "serviceAccount": "that service account and whoever gets hold of its key or may impersonate it",
        "principalSet": "every workload of that set",
    }.get(kind, "that user and whoever gets hold of the account")
    text = (
        f"blind spot: {member} is exempted from Data Access audit logs in {resource}; reads of {what} are not recorded"
    )
    return Note(NoteSeverity.WARNING, text, read)


def _evidence(index: int, one: AuditLogConfig) -> Evidence:
    """Point to one log type of an audit configuration."""
    exempted = f", exempted: {', '.join(one.exempted_members)}" if one.exempted_members else ""
    return Evidence(
        "resourcemanager:getIamPolicy",
        f"{one.resource} auditConfigs[{index}]",
        f"{one.service}: {one.log_type}{exempted}",
    )


def _without(level: _Level) -> Evidence:
    """Point to an audit configuration that does not switch it on."""
    audit = () if isinstance(level.audit, CollectionError) else level.audit
    stood = "; ".join(f"{one.service}: {one.log_type}" for one in audit) or "absent"
    return Evidence("resourcemanager:getIamPolicy", f"{level.resource} auditConfigs", stood)
