"""Where the entries of an audit log end up: the sinks of a project and of all above it, and the buckets they name.

Sources: Google Cloud, "Routing and storage overview", "Aggregated sinks" and the REST reference of LogSink:
``_Required`` takes Admin Activity whatever the configuration and keeps it 400 days; a sink that intercepts leaves its
entries to no sink below but ``_Required``; exclusions of an aggregated sink count for that sink alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from providers.gke.facts import Bucket, LogType, ProjectFacts, Read, Sink
from providers.gke.filters import Entries, Match, matches
from scanner.errors import CollectionError, NotFound
from scanner.model import Evidence, LinkCheck, LinkState, Retention

LIST_SINKS: Final = "logging:ListSinks"
LIST_BUCKETS: Final = "logging:ListBuckets"
REQUIRED_DAYS: Final = 400
ACTIVITY: Final = "cloudaudit.googleapis.com/activity"
DATA_ACCESS: Final = "cloudaudit.googleapis.com/data_access"
ADMIN_ACTIVITY: Final = "admin_activity"

_BUCKET: Final = re.compile(r"logging\.googleapis\.com/(projects/[^/]+/locations/[^/]+/buckets/([^/]+))")
_PROJECT: Final = re.compile(r"logging\.googleapis\.com/projects/([^/]+)")
_BUILT_IN: Final = frozenset({"_Default", "_Required"})
_REQUIRED: Final = Evidence(
    "Google Cloud documentation",
    "log bucket _Required",
    f"Admin Activity entries, kept {REQUIRED_DAYS} days, not editable",
)
_MOST_SINKS_TOLD: Final = 6


@dataclass(frozen=True, slots=True)
class Routing:
    """Whether the entries of one log of one cluster reach a store, and for how long that keeps them."""

    delivered: LinkCheck
    retention: Retention


class _Takes(Enum):
    """Whether a sink exports the entries."""

    YES = LinkState.OK
    NO = LinkState.GAP
    MAYBE = LinkState.UNKNOWN


@dataclass(frozen=True, slots=True)
class _Store:
    """What one sink does for the entries; the retention is that of its destination."""

    state: LinkState
    reason: str
    evidence: Evidence
    retention: Retention
    permission: str = ""


def bucket_named_by(sink: Sink) -> str | None:
    """Give the log bucket that is a sink's destination, in full; None for another kind of destination."""
    found = _BUCKET.fullmatch(sink.destination)
    return found[1] if found else None


def route(project: ProjectFacts, log: str, cluster: str, location: str) -> Routing:
    """Follow the entries of one log of one cluster to their stores.

    Args:
        project: The cluster's project.
        log: ``admin_activity``, or one of `LogType`.
        cluster: The cluster's name.
        location: Its region or zone.
    """
    if log == ADMIN_ACTIVITY:
        reason = "Admin Activity entries always reach the log bucket _Required"
        kept = Retention.exactly(REQUIRED_DAYS, f"the log bucket _Required keeps them {REQUIRED_DAYS} days", _REQUIRED)
        return Routing(LinkCheck(LinkState.OK, reason, (_REQUIRED,)), kept)
    entries = Entries.of(project.project_id, location, cluster, DATA_ACCESS)
    stores = tuple(_stores(project, entries, LogType(log)))
    return Routing(_delivered(stores), _retained(stores))


def _stores(project: ProjectFacts, entries: Entries, log: LogType) -> Iterator[_Store]:
    """Give what each sink does, from the organisation down, as far as those above leave the entries to it."""
    blocked, by = LinkState.OK, ""
    unread = _unread_above(project)
    for ancestor in reversed(project.known_ancestors):
        for sink in () if isinstance(ancestor.sinks, CollectionError) else ancestor.sinks:
            takes, why = _takes(sink, entries)
            if sink.include_children or sink.intercept_children:
                yield _held_back(_store(project, sink, takes, why), blocked, by)
            intercepts, its_name = _intercepts(sink, takes)
            if intercepts is not LinkState.OK and blocked is not LinkState.GAP:
                blocked, by = intercepts, its_name
    if unread and blocked is LinkState.OK:
        blocked = LinkState.UNKNOWN
        by = f"sinks above the project, which could not be read ({unread[0].what}), may intercept them"
    permission = next((error.permission for error in unread if error.permission), "")
    if isinstance(project.sinks, CollectionError):
        yield _unread_sinks(project, project.sinks, log)
        return
    for sink in project.sinks:
        takes, why = _takes(sink, entries)
        yield _held_back(_store(project, sink, takes, why), blocked, by, permission)
    if not project.sinks:
        nothing = f"project {project.project_id} has no log sink"
        yield _store_of(LinkState.GAP, nothing, Evidence(LIST_SINKS, "sinks", "empty"))


def _unread_above(project: ProjectFacts) -> list[CollectionError]:
    """Give why sinks above a project are not known."""
    lost = [project.ancestors] if isinstance(project.ancestors, CollectionError) else []
    return lost + [one.sinks for one in project.known_ancestors if isinstance(one.sinks, CollectionError)]


def _takes(sink: Sink, entries: Entries) -> tuple[_Takes, str]:
    """Tell whether a sink exports the entries, and why where it does not or may not."""
    name = f"sink {sink.name} of {sink.parent}"
    if sink.disabled:
        return _Takes.NO, f"{name} is disabled"
    found = matches(sink.filter, entries)
    if found.match is Match.NONE:
        return _Takes.NO, f"the filter of {name} leaves them out: {_short(sink.filter)}"
    unsure = f"whether the filter of {name} matches them depends on {found.because}" if found.because else ""
    for exclusion in sink.exclusions:
        hit = Match.NONE if exclusion.disabled else matches(exclusion.filter, entries).match
        quoted = f"exclusion {exclusion.name} of {name}: {_short(exclusion.filter)}"
        if hit is Match.ALL:
            return _Takes.NO, f"they are left out by {quoted}"
        if hit is Match.SOME:
            unsure = unsure or f"some of them may be left out by {quoted}"
    return (_Takes.MAYBE, unsure) if unsure else (_Takes.YES, "")


def _intercepts(sink: Sink, takes: _Takes) -> tuple[LinkState, str]:
    """Tell whether a sink keeps entries from those below it: OK where it does not, GAP where it does."""
    if sink.intercept_children is False or takes is _Takes.NO:
        return LinkState.OK, ""
    if sink.intercept_children and takes is _Takes.YES:
        return LinkState.GAP, f"sink {sink.name} of {sink.parent} intercepts them"
    return LinkState.UNKNOWN, f"sink {sink.name} of {sink.parent} may intercept them"


def _held_back(store: _Store, blocked: LinkState, by: str, permission: str = "") -> _Store:
    """Judge a store whose entries a sink above intercepts, or may."""
    if blocked is LinkState.OK or store.state is LinkState.GAP:
        return store
    kept = Retention.unknown(by, store.evidence, permission=permission)
    if blocked is LinkState.GAP:
        return _Store(LinkState.GAP, by, store.evidence, Retention.exactly(0, by, store.evidence))
    return _Store(LinkState.UNKNOWN, by, store.evidence, kept, permission or store.permission)


def _store(project: ProjectFacts, sink: Sink, takes: _Takes, why: str) -> _Store:
    """Follow a sink to its destination."""
    read = Evidence(LIST_SINKS, f"{sink.parent}/sinks/{sink.name}", _sink_text(sink))
    if takes is _Takes.NO:
        return _store_of(LinkState.GAP, why, read)
    store = _destination(project, sink, read)
    if takes is _Takes.MAYBE and store.state is not LinkState.GAP:
        return _Store(LinkState.UNKNOWN, why, read, Retention.unknown(why, read))
    return store


def _destination(project: ProjectFacts, sink: Sink, read: Evidence) -> _Store:
    """Judge the destination of a sink that exports the entries."""
    name = f"sink {sink.name} of {sink.parent}"
    found = _BUCKET.fullmatch(sink.destination)
    if found:
        return _bucket(project, found[1], found[2], name, read)
    to_project = _PROJECT.fullmatch(sink.destination)
    if to_project and to_project[1] not in (project.project_id, project.number):
        reason = f"{name} routes them to project {to_project[1]}, whose sinks decide and are not read"
        return _Store(LinkState.UNKNOWN, reason, read, Retention.unknown(reason, read))
    reason = f"{name} exports them to {sink.destination}"
    kept = Retention.unknown(f"how long {sink.destination} keeps them is not read", read)
    return _Store(LinkState.OK, reason, read, kept)


def _bucket(project: ProjectFacts, full_name: str, short: str, name: str, read: Evidence) -> _Store:
    """Judge a log bucket; those that every project has cannot be deleted."""
    bucket = _find(full_name, project)
    reason = f"{name} exports them to log bucket {full_name}"
    if isinstance(bucket, NotFound) or bucket is None:
        reason = f"{reason}, which does not exist"
        return _store_of(LinkState.GAP, reason, Evidence(LIST_BUCKETS, full_name, "absent"))
    if isinstance(bucket, CollectionError):
        error = Evidence(LIST_BUCKETS, full_name, bucket.said or bucket.what)
        kept = Retention.unknown(f"{full_name} could not be read: {bucket.what}", error, permission=bucket.permission)
        state = LinkState.OK if short in _BUILT_IN else LinkState.UNKNOWN
        unsure = "" if short in _BUILT_IN else f", which could not be read: {bucket.what}"
        return _Store(state, f"{reason}{unsure}", read, kept, "" if state is LinkState.OK else bucket.permission)
    at = Evidence(LIST_BUCKETS, f"{full_name}.retentionDays", str(bucket.retention_days))
    if bucket.lifecycle_state == "FAILED":
        reason = f"{reason}, which is in state FAILED"
        return _store_of(LinkState.GAP, reason, Evidence(LIST_BUCKETS, full_name, "FAILED"))
    days = "1 day" if bucket.retention_days == 1 else f"{bucket.retention_days} days"
    return _Store(
        LinkState.OK, reason, read, Retention.exactly(bucket.retention_days, f"{full_name} keeps them {days}", at)
    )


def _find(full_name: str, project: ProjectFacts) -> Read[Bucket] | None:
    """Find a bucket under its project's id or number: sinks may name either."""
    _, home, rest = full_name.split("/", 2)
    is_own = home in (project.project_id, project.number)
    homes = (project.project_id, project.number) if is_own else (home,)
    names = [f"projects/{one}/{rest}" for one in homes]
    found = next((project.buckets[name] for name in names if name in project.buckets), None)
    return project.unlisted if found is None and is_own else found


def _store_of(state: LinkState, reason: str, read: Evidence) -> _Store:
    """Build a store that keeps nothing."""
    return _Store(state, reason, read, Retention.exactly(0, reason, read))


def _unread_sinks(project: ProjectFacts, error: CollectionError, log: LogType) -> _Store:
    """Say that the project's own sinks are not known."""
    reason = f"where {log} entries go could not be read: the sinks of project {project.project_id}: {error.what}"
    read = Evidence(LIST_SINKS, f"projects/{project.project_id}", error.said or error.what)
    kept = Retention.unknown(reason, read, permission=error.permission)
    return _Store(LinkState.UNKNOWN, reason, read, kept, error.permission)


def _delivered(stores: tuple[_Store, ...]) -> LinkCheck:
    """Combine the stores: one that takes the entries is enough; a gap needs all of them to be one."""
    for state in (LinkState.OK, LinkState.UNKNOWN):
        some = [store for store in stores if store.state is state]
        if some:
            reasons = "; ".join(dict.fromkeys(store.reason for store in some[:_MOST_SINKS_TOLD]))
            read = tuple(dict.fromkeys(store.evidence for store in some))
            missing = next((store.permission for store in some if store.permission), "")
            return LinkCheck(state, reasons, read, "" if state is LinkState.OK else missing)
    reasons = "; ".join(dict.fromkeys(store.reason for store in stores[:_MOST_SINKS_TOLD]))
    return LinkCheck(LinkState.GAP, f"no sink keeps them: {reasons}", tuple(store.evidence for store in stores))


def _retained(stores: tuple[_Store, ...]) -> Retention:
    """Take the longest of the stores that keep the entries; those that may be one raise the upper bound only."""
    sure = [store.retention for store in stores if store.state is LinkState.OK]
    possible = [store.retention for store in stores if store.state is LinkState.UNKNOWN]
    if not (sure or possible):
        return stores[0].retention
    best = max(sure or possible, key=lambda one: (one.at_least, one.at_most))
    at_least = best.at_least if sure else 0
    at_most = max(one.at_most for one in (*sure, *possible))
    read = tuple(dict.fromkeys(item for one in (best, *possible) for item in one.evidence))
    permission = best.permission or next((one.permission for one in possible if one.permission), "")
    return Retention(at_least, at_most, best.reason, read, permission)


def _sink_text(sink: Sink) -> str:
    """Give a sink's fields on one line."""
    parts = [f"destination: {sink.destination}", f"filter: {_short(sink.filter) or 'none'}"]
    parts += ["disabled"] if sink.disabled else []
    parts += [
        f"exclusion {one.name}: {_short(one.filter)}{' (disabled)' if one.disabled else ''}" for one in sink.exclusions
    ]
    parts += ["includeChildren"] if sink.include_children else []
    parts += ["interceptChildren"] if sink.intercept_children else []
    return "; ".join(parts)


def _short(text: str) -> str:
    """Shorten a filter for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300]}…"  # noqa: PLR2004 - a line's worth
