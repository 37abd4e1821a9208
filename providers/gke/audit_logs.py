"""Which Cloud Audit Logs are switched on for Kubernetes: the audit configurations of a project and all above it.

Sources: Google Cloud, "Configure Data Access audit logs" (logging/docs/audit/configure-data-access) and
GKE, "Audit logging" (2026-04): configurations are united over all levels and over allServices; none below can take
one back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from providers.gke.facts import AuditLogConfig, IamPolicy, LogType, ProjectFacts, Read
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState, Note, NoteSeverity

SERVICE: Final = "container.googleapis.com"
SERVICES: Final = (SERVICE, "allServices")
KUBERNETES: Final = "k8s.io"
GET_IAM_POLICY: Final = "resourcemanager:getIamPolicy"
LIST_ASSETS: Final = "cloudasset:ListAssets"
EVERYBODY: Final = frozenset({"allUsers", "allAuthenticatedUsers"})
_UNSURE: Final = f"no documentation says whether that counts: {SERVICE} is the service that it names"
_ADMIN_ACTIVITY: Final = Evidence(
    "Google Cloud documentation", "Cloud Audit Logs, Admin Activity", "always written; cannot be switched off"
)


@dataclass(frozen=True, slots=True)
class Level:
    """The IAM policy of one resource, or why it was not read."""

    resource: str
    policy: Read[IamPolicy]

    @property
    def audit(self) -> tuple[AuditLogConfig, ...]:
        """Its audit configuration; empty where it was not read."""
        return () if isinstance(self.policy, CollectionError) else self.policy.audit


def admin_activity() -> LinkCheck:
    """Give the state of Admin Activity, which Google writes for every project."""
    return LinkCheck(LinkState.OK, "Admin Activity audit logs are always on", (_ADMIN_ACTIVITY,))


def exported(project: ProjectFacts, log_type: LogType) -> LinkCheck:
    """Tell whether a kind of Data Access entries is switched on for Kubernetes."""
    found = tuple(levels(project))
    given = [(index, one) for index, one in _configs(found) if one.log_type == log_type]
    on = [(index, one) for index, one in given if one.service in SERVICES]
    unread = [level for level in found if isinstance(level.policy, CollectionError)]
    if on:
        check = _switched_on(log_type, on)
        return _perhaps_exempted(check, unread) if unread and check.state is LinkState.OK else check
    if unread:
        return _not_known(log_type, unread)
    other = [(index, one) for index, one in given if one.service == KUBERNETES]
    if other:
        reason = f"{log_type} is switched on for {KUBERNETES} only, and {_UNSURE}"
        return LinkCheck(LinkState.UNKNOWN, reason, tuple(evidence(index, one) for index, one in other))
    reason = f"Data Access audit logs of type {log_type} are not switched on for {SERVICE}"
    return LinkCheck(LinkState.GAP, reason, tuple(_without(level) for level in found))


def levels(project: ProjectFacts) -> Iterator[Level]:
    """Give the project and all that is above it; the part of the way up that is not known is an unread level."""
    yield Level(f"projects/{project.project_id}", project.policy)
    for ancestor in project.known_ancestors:
        yield Level(ancestor.name, ancestor.policy)
    if isinstance(project.ancestors, CollectionError):
        yield Level("what is above it", project.ancestors)


def audit_notes(project: ProjectFacts) -> Iterator[Note]:
    """Remark on settings that prove nothing, and on exemptions that may stand where nobody could look."""
    found = tuple(levels(project))
    unsure = tuple(evidence(index, one) for index, one in _configs(found) if one.service == KUBERNETES)
    if unsure:
        where = ", ".join(dict.fromkeys(one.resource for _, one in _configs(found) if one.service == KUBERNETES))
        yield Note(NoteSeverity.INFO, f"{where} has auditConfigs for {KUBERNETES}, and {_UNSURE}", unsure)
    unread = {level.resource: level.policy for level in found if isinstance(level.policy, CollectionError)}
    on = tuple(evidence(index, one) for index, one in _configs(found) if one.service in SERVICES)
    if on and unread:
        why = "; ".join(dict.fromkeys(error.what for error in unread.values()))
        text = f"whether {', '.join(unread)} exempts anybody from Data Access audit logs could not be read: {why}"
        refused = (Evidence(GET_IAM_POLICY, where, error.said or error.what) for where, error in unread.items())
        yield Note(NoteSeverity.WARNING, text, (*on, *refused))


def _configs(found: tuple[Level, ...]) -> Iterator[tuple[int, AuditLogConfig]]:
    """Give every log type of every level, with its number within its level."""
    for level in found:
        yield from enumerate(level.audit)


def _switched_on(log_type: LogType, on: list[tuple[int, AuditLogConfig]]) -> LinkCheck:
    """Say where a log type is switched on; one from which everybody is exempted is as good as off."""
    read = tuple(evidence(index, one) for index, one in on)
    exempted = sorted({member for _, one in on for member in one.exempted_members} & EVERYBODY)
    if exempted:
        reason = f"{log_type} is switched on, but {', '.join(exempted)} is exempted, so that nobody's requests are left"
        return LinkCheck(LinkState.GAP, reason, read)
    places = ", ".join(dict.fromkeys(f"{one.resource} for {one.service}" for _, one in on))
    return LinkCheck(LinkState.OK, f"Data Access audit logs of type {log_type} are switched on by {places}", read)


def _perhaps_exempted(check: LinkCheck, unread: list[Level]) -> LinkCheck:
    """Say that a log type is switched on, and that everybody may be exempted from it where nobody could look."""
    why = "; ".join(dict.fromkeys(level.policy.what for level in unread if isinstance(level.policy, CollectionError)))
    left_open = _unread(
        f"{check.reason}, but whether {_names(unread)} exempts everybody could not be read: {why}", unread
    )
    return replace(left_open, evidence=(*check.evidence, *left_open.evidence))


def _not_known(log_type: LogType, unread: list[Level]) -> LinkCheck:
    """Say which audit configurations could switch it on and were not read."""
    what = f"whether Data Access audit logs of type {log_type} are switched on by {_names(unread)} could not be read"
    return _unread(what, unread)


def _names(unread: list[Level]) -> str:
    return " or ".join(level.resource for level in unread)


def _unread(reason: str, unread: list[Level]) -> LinkCheck:
    """Leave a link open for policies that were not read."""
    errors = [(level.resource, level.policy) for level in unread if isinstance(level.policy, CollectionError)]
    read = tuple(Evidence(GET_IAM_POLICY, resource, error.said or error.what) for resource, error in errors)
    permission = next((error.permission for _, error in errors if error.permission), "")
    return LinkCheck(LinkState.UNKNOWN, reason, read, permission)


def evidence(index: int, one: AuditLogConfig) -> Evidence:
    """Point to one log type of an audit configuration."""
    exempted = f", exempted: {', '.join(one.exempted_members)}" if one.exempted_members else ""
    return Evidence(
        LIST_ASSETS if one.seen else GET_IAM_POLICY,
        f"{one.resource} auditConfigs[{index}]",
        f"{one.service}: {one.log_type}{exempted}{_when(one.seen)}",
    )


def _without(level: Level) -> Evidence:
    """Point to an audit configuration that does not switch it on."""
    stood = "; ".join(f"{one.service}: {one.log_type}" for one in level.audit) or "absent"
    seen = "" if isinstance(level.policy, CollectionError) else level.policy.seen
    source = LIST_ASSETS if seen else GET_IAM_POLICY
    return Evidence(source, f"{level.resource} auditConfigs", stood + _when(seen))


def _when(seen: str) -> str:
    """Say when an inventory saw a policy."""
    return f" ({seen})" if seen else ""
