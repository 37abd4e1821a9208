"""The commands that mend a cluster's gaps, with its real names; the text around them is in ``scanner/knowledge``."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from providers.gke.audit_logs import EVERYBODY, SERVICE, SERVICES, levels
from providers.gke.facts import AuditLogConfig, Bucket, LogType, ProjectFacts, Sink
from providers.gke.filters import Entries
from providers.gke.logs import DATA_ACCESS
from providers.gke.routing import REQUIRED_DAYS, Routing
from providers.gke.sinks import Takes, bucket_named_by, leads_back, project_named_by, taken
from scanner.errors import CollectionError, NotFound
from scanner.model import LinkCheck, LinkState, RuleSettings

_ENTRIES: Final = f'(LOG_ID("{DATA_ACCESS}") AND resource.type="k8s_cluster")'
_NEEDED: Final = (LogType.ADMIN_READ, LogType.DATA_READ)


def steps(
    project: ProjectFacts, exported: Mapping[LogType, LinkCheck], routing: Routing, entries: Entries, rule: RuleSettings
) -> dict[str, str]:
    """Give the lines of shell code for each broken link, by the name under which the advice takes them in."""
    lines: dict[str, Iterable[str]] = {}
    if any(exported[log_type].state is not LinkState.OK for log_type in _NEEDED):
        lines["audit_block"] = _audit_block(project, exported)
        lines["above_steps"] = _above(project, exported)
    if routing.delivered.state is not LinkState.OK:
        lines["sink_steps"] = _sinks(project, routing, entries, rule)
    if routing.delivered.state is LinkState.UNKNOWN and _is_open_by_filter(project, routing, entries):
        lines["delivered_settled_by"] = ("filter",)
    if routing.retention.at_least < rule.min_retention_days or rule.min_retention_days > REQUIRED_DAYS:
        lines["bucket_steps"] = (*_of_required(rule), *_buckets(project, routing, rule))
    return {name: "\n".join(found) for name, found in lines.items()}


def _missing(exported: Mapping[LogType, LinkCheck]) -> list[LogType]:
    """Give the log types that are needed and not sure to be switched on."""
    return [log_type for log_type in _NEEDED if exported[log_type].state is not LinkState.OK]


def _exempting(project: ProjectFacts, missing: list[LogType]) -> list[tuple[AuditLogConfig, str]]:
    """Give the exemptions of everybody, each with its member: nothing that is switched on anywhere helps beside one."""
    return [
        (one, member)
        for level in levels(project)
        for one in level.audit
        if one.service in SERVICES and one.log_type in missing
        for member in one.exempted_members
        if member in EVERYBODY
    ]


def _to_add(project: ProjectFacts, exported: Mapping[LogType, LinkCheck]) -> list[LogType]:
    """Give the log types that no policy switches on."""
    missing = _missing(exported)
    blocked = {one.log_type for one, _ in _exempting(project, missing)}
    return [log_type for log_type in missing if log_type not in blocked]


def _audit_block(project: ProjectFacts, exported: Mapping[LogType, LinkCheck]) -> Iterator[str]:
    """Write how to change each policy that needs it: that of the project, and those that exempt everybody."""
    own = f"projects/{project.project_id}"
    changes: dict[str, list[str]] = {}
    for one, member in _exempting(project, _missing(exported)):
        line = f"# take {member} out of exemptedMembers of {one.service} {one.log_type} in the policy of {one.resource}"
        changes.setdefault(one.resource, []).append(line)
    if wanted := _to_add(project, exported):
        changes.setdefault(own, []).extend(_added(wanted))
    for resource, lines in changes.items():
        get, put = _policy_commands(resource)
        yield get
        yield from lines
        yield put


def _added(wanted: list[LogType]) -> Iterator[str]:
    """Write what to add to a policy, as comments."""
    yield "# add to policy.yaml, beside bindings, and leave its etag as it is:"
    yield "#   auditConfigs:"
    yield f"#   - service: {SERVICE}"
    yield "#     auditLogConfigs:"
    yield from (f"#     - logType: {log_type}" for log_type in wanted)


def _above(project: ProjectFacts, exported: Mapping[LogType, LinkCheck]) -> Iterator[str]:
    """Write where else to add it, as comments: what is above the project covers all projects below at once."""
    if not _to_add(project, exported):
        return
    yield "# or for all projects below a folder or the organisation at once:"
    for name in [one.name for one in project.known_ancestors] or ["organizations/ORGANIZATION_ID"]:
        yield from (f"#   {command}" for command in _policy_commands(name))


def _policy_commands(resource: str) -> tuple[str, str]:
    """Write the commands that read and replace the IAM policy of a project, folder or organisation."""
    kind, _, name = resource.partition("/")
    command = "gcloud resource-manager folders" if kind == "folders" else f"gcloud {kind}"
    quoted = shlex.quote(name)
    return (
        f"{command} get-iam-policy {quoted} --format=yaml > policy.yaml",
        f"{command} set-iam-policy {quoted} policy.yaml",
    )


def _sinks(project: ProjectFacts, routing: Routing, entries: Entries, rule: RuleSettings) -> Iterator[str]:
    """Write how to mend each sink that leaves the entries out, and the buckets that are not there."""
    sinks = _doubtful(project, routing)
    lines = [line for sink in sinks if sink.name != "_Required" for line in _of_sink(project, sink, entries, rule)]
    yield from dict.fromkeys(lines)
    leads_here = any(project.is_own(other) for sink in sinks if (other := project_named_by(sink)))
    own = () if isinstance(project.sinks, CollectionError) else project.sinks
    is_bare = own != () and all(sink.name == "_Required" for sink in own)
    if is_bare and (leads_here or not lines):
        home = shlex.quote(project.project_id)
        destination = f"logging.googleapis.com/projects/{project.project_id}/locations/global/buckets/_Default"
        yield f"gcloud logging sinks create k8s-audit {shlex.quote(destination)} --project={home} \\"
        yield f"  --log-filter={shlex.quote(_ENTRIES)}"


def _doubtful(project: ProjectFacts, routing: Routing) -> list[Sink]:
    """Give the sinks that are not sure to keep the entries, and those of the projects that they lead to."""
    sinks = [store.sink for store in routing.stores if store.sink and store.state is not LinkState.OK]
    return sinks + [one for found in project.elsewhere.values() if isinstance(found, tuple) for one in found]


def _is_open_by_filter(project: ProjectFacts, routing: Routing, entries: Entries) -> bool:
    """Tell whether a filter or an exclusion, which can be changed, is why it is open that a sink takes the entries."""
    return any(taken(sink, entries).takes is Takes.MAYBE for sink in _doubtful(project, routing))


def _of_sink(project: ProjectFacts, sink: Sink, entries: Entries, rule: RuleSettings) -> Iterator[str]:
    """Write how to mend one sink."""
    update = f"gcloud logging sinks update {shlex.quote(sink.name)} {_flag(sink.parent)}"
    if sink.disabled:
        yield f"{update} --no-disabled"
        return
    if leads_back(project, sink):
        bucket = f"logging.googleapis.com/{sink.parent}/locations/global/buckets/_Default"
        yield f"gcloud logging sinks update {shlex.quote(sink.name)} {shlex.quote(bucket)} {_flag(sink.parent)}"
    found = taken(sink, entries)
    if found.by_filter and sink.name == "_Default":
        wider = f"({sink.filter}) OR {_ENTRIES}" if sink.filter else _ENTRIES
        yield f"{update} \\\n  --log-filter={shlex.quote(wider)}"
    for exclusion in found.exclusions:
        yield f"{update} --remove-exclusions={shlex.quote(exclusion.name)}"
    name = bucket_named_by(sink)
    if name and not isinstance(project.buckets.get(name), Bucket) and project.unlisted is None:
        yield _bucket_command("create", name, rule)
    other = project_named_by(sink)
    if other and isinstance(project.elsewhere.get(other), NotFound):
        yield f"# project {shlex.quote(other)} does not exist: lead the sink to one that does, or delete it"
    if sink.intercept_children:
        yield f"gcloud logging sinks describe {shlex.quote(sink.name)} {_flag(sink.parent)}"


def _of_required(rule: RuleSettings) -> Iterator[str]:
    """Say, as comments, that no command makes the bucket of Admin Activity entries keep them longer."""
    if rule.min_retention_days > REQUIRED_DAYS:
        yield f"# log bucket _Required keeps Admin Activity entries {REQUIRED_DAYS} days, and nobody can change that:"
        yield "# no command meets a longer [rule] min_retention_days for these"


def _buckets(project: ProjectFacts, routing: Routing, rule: RuleSettings) -> Iterator[str]:
    """Write how to lengthen the retention of the log buckets that keep the entries."""
    sinks = [store.sink for store in routing.stores if store.sink and store.state is not LinkState.GAP]
    sinks += [one for found in project.elsewhere.values() if isinstance(found, tuple) for one in found]
    for name in dict.fromkeys(one for sink in sinks if (one := bucket_named_by(sink))):
        bucket = project.buckets.get(name)
        if name.endswith("/_Required") or (isinstance(bucket, Bucket) and _is_long_enough(bucket, rule)):
            continue
        if isinstance(bucket, Bucket) and bucket.lifecycle_state == "DELETE_REQUESTED":
            yield _command("undelete", name)
        if isinstance(bucket, Bucket) and bucket.locked:
            yield from _instead_of_locked(project, name, [one for one in sinks if bucket_named_by(one) == name], rule)
        else:
            yield _bucket_command("update", name, rule)


def _instead_of_locked(project: ProjectFacts, name: str, sinks: list[Sink], rule: RuleSettings) -> Iterator[str]:
    """Write how to lead the sinks that name a locked log bucket to one that keeps entries longer."""
    other = f"{name.rpartition('/')[0]}/k8s-audit"
    other = f"{name}-longer" if other in project.buckets else other
    yield "# a locked bucket keeps its retention as it is: create another one, and lead the sinks there"
    yield _bucket_command("create", other, rule)
    for sink in sinks:
        destination = shlex.quote(f"logging.googleapis.com/{other}")
        yield f"gcloud logging sinks update {shlex.quote(sink.name)} {destination} {_flag(sink.parent)}"


def _is_long_enough(bucket: Bucket, rule: RuleSettings) -> bool:
    """Tell whether nothing needs to be done about a bucket."""
    return bucket.retention_days >= rule.min_retention_days and bucket.lifecycle_state != "DELETE_REQUESTED"


def _bucket_command(verb: str, name: str, rule: RuleSettings) -> str:
    """Write a command that sets a bucket's retention."""
    return f"{_command(verb, name)} --retention-days={rule.min_retention_days}"


def _command(verb: str, name: str) -> str:
    """Write a command about one bucket."""
    _, project, _, location, _, bucket = name.split("/", 5)
    return (
        f"gcloud logging buckets {verb} {shlex.quote(bucket)} --project={shlex.quote(project)} "
        f"--location={shlex.quote(location)}"
    )


def _flag(parent: str) -> str:
    """Write the flag that names where a sink is defined."""
    kind, _, name = parent.partition("/")
    flag = {"projects": "project", "folders": "folder"}.get(kind, "organization")
    return f"--{flag}={shlex.quote(name)}"
