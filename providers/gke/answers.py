"""Google's answers as facts; pure."""

from __future__ import annotations

from typing import Any, Final

from google.iam.v1 import policy_pb2

from providers.gke.facts import ACTIVE, AuditLogConfig, Bucket, Exclusion, IamPolicy, Project, Sink

POWERFUL_ROLES: Final = frozenset(
    {
        "roles/owner",
        "roles/editor",
        "roles/container.admin",
        "roles/container.clusterAdmin",
        "roles/container.developer",
        "roles/iam.securityAdmin",
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.serviceAccountAdmin",
        "roles/resourcemanager.organizationAdmin",
        "roles/resourcemanager.folderAdmin",
        "roles/resourcemanager.folderIamAdmin",
        "roles/resourcemanager.projectIamAdmin",
    }
)
"""Predefined roles that give power over clusters, or over who has it; what a custom role gives is not read.

Source: Google Cloud, "IAM roles and permissions index" (docs.cloud.google.com/iam/docs/roles-permissions).
"""

_LOG_TYPES: Final = policy_pb2.AuditLogConfig.LogType
_DEFAULT_DAYS: Final = 30
_STATES: Final = {0: "ACTIVE", 1: "ACTIVE", 2: "DELETE_REQUESTED", 3: "UPDATING", 4: "CREATING", 5: "FAILED"}
"""``google.logging.v2.LifecycleState`` (google-cloud-logging 3.17.0); a bucket of which none is said is in use."""
_PROJECT_STATES: Final = {0: "STATE_UNSPECIFIED", 1: ACTIVE, 2: "DELETE_REQUESTED"}
"""``google.cloud.resourcemanager.v3.Project.State`` (google-cloud-resource-manager 1.19.0)."""


def project_of(project: Any) -> Project:  # noqa: ANN401 - a raw message
    """Turn a raw ``google.cloud.resourcemanager.v3.Project`` into facts."""
    state = _PROJECT_STATES.get(project.state, str(project.state))
    return Project(project.name, project.project_id, project.parent, state)


def iam_policy(resource: str, policy: Any) -> IamPolicy:  # noqa: ANN401 - a message of a library without types
    """Take out of a ``google.iam.v1.Policy`` its audit configuration, and who holds power by it."""
    audit = tuple(
        AuditLogConfig(resource, config.service, _log_type(log.log_type), tuple(log.exempted_members))
        for config in policy.audit_configs
        for log in config.audit_log_configs
    )
    powers: dict[str, tuple[str, ...]] = {}
    for binding in policy.bindings:
        if binding.role in POWERFUL_ROLES:
            for member in binding.members:
                powers[member] = (*powers.get(member, ()), binding.role)
    return IamPolicy(audit, powers)


def sink_of(parent: str, sink: Any) -> Sink:  # noqa: ANN401 - a raw message
    """Turn a raw ``google.logging.v2.LogSink`` into facts; a project has nothing below it to intercept."""
    exclusions = tuple(Exclusion(one.name, one.filter, one.disabled) for one in sink.exclusions)
    return Sink(parent, sink.name, sink.destination, sink.filter, sink.disabled, exclusions, sink.include_children)


def rest_sink(parent: str, sink: dict[str, Any]) -> Sink:
    """Turn a sink as REST gives it into facts; its own full name says where it is defined."""
    resource = str(sink.get("resourceName") or "")
    home = resource.partition("/sinks/")[0] if "/sinks/" in resource else parent
    return Sink(
        parent=home,
        name=str(sink["name"]),
        destination=str(sink["destination"]),
        filter=str(sink.get("filter") or ""),
        disabled=bool(sink.get("disabled", False)),
        exclusions=tuple(
            Exclusion(str(one["name"]), str(one["filter"]), bool(one.get("disabled", False)))
            for one in sink.get("exclusions", [])
        ),
        include_children=bool(sink.get("includeChildren", False)),
        intercept_children=bool(sink.get("interceptChildren", False)),
    )


def bucket_of(bucket: Any) -> Bucket:  # noqa: ANN401 - a message of a library without types
    """Turn a raw ``google.logging.v2.LogBucket`` into facts; Google keeps entries 30 days where no number is set."""
    state = bucket.lifecycle_state
    return Bucket(
        name=bucket.name,
        retention_days=bucket.retention_days or _DEFAULT_DAYS,
        locked=bucket.locked,
        kms_key=bucket.cmek_settings.kms_key_name,
        restricted_fields=tuple(bucket.restricted_fields),
        lifecycle_state=_STATES.get(state, str(state)),
    )


def _log_type(number: int) -> str:
    """Name a log type; one that this version of the library does not know keeps its number."""
    return _LOG_TYPES.Name(number) if number in _LOG_TYPES.values() else str(number)
