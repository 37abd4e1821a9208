"""What a sink's destination does for the entries that it gets: log buckets are read, other stores are not."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from providers.gke.facts import Bucket, ProjectFacts, Read, Sink
from providers.gke.sinks import bucket_named_by, called, sink_text
from scanner.errors import CollectionError, NotFound
from scanner.model import Evidence, LinkState, Retention

LIST_SINKS: Final = "logging:ListSinks"
LIST_BUCKETS: Final = "logging:ListBuckets"
LIST_ASSETS: Final = "cloudasset:ListAssets"
GET_BUCKET: Final = "logging:GetBucket"
_BUILT_IN: Final = ("/buckets/_Default", "/buckets/_Required")
_OTHER_KINDS: Final = re.compile(
    r"bigquery\.googleapis\.com/projects/[^/]+/datasets/[^/]+"
    r"|storage\.googleapis\.com/[^/]+"
    r"|pubsub\.googleapis\.com/projects/[^/]+/topics/[^/]+"
)
"""Matches the destinations that are no log bucket and no project.

Source: Google Cloud, REST reference of LogSink, on ``destination``.
"""
_DAYS_PENDING: Final = 7
"""For how many days a log bucket that is being deleted keeps what it has, and takes more.

Source: Google Cloud, "Configure log buckets", on deleting one.
"""


@dataclass(frozen=True, slots=True)
class Store:
    """What one sink does for the entries.

    Attributes:
        read: The sink, or why it is not known.
        retention: That of its destination.
        sink: None where it is not known.
        kept_if_taken: The retention of the destination where it surely keeps whatever it gets, else None.
    """

    state: LinkState
    reason: str
    read: Evidence
    retention: Retention
    permission: str = ""
    sink: Sink | None = None
    kept_if_taken: Retention | None = None


def lost(reason: str, read: Evidence, sink: Sink | None = None) -> Store:
    """Build a store that keeps nothing."""
    return Store(LinkState.GAP, reason, read, Retention.exactly(0, reason, read), sink=sink)


def store_elsewhere(sink: Sink, does: str) -> Store:
    """Build the store of a destination that is not read: BigQuery, Cloud Storage, Pub/Sub or a project."""
    text = sink_text(sink) + (f" ({sink.seen})" if sink.seen else "")
    read = Evidence(LIST_ASSETS if sink.seen else LIST_SINKS, f"{sink.parent}/sinks/{sink.name}", text)
    kept = Retention.unknown(f"how long {sink.destination} keeps them is not read", read)
    return Store(LinkState.OK, f"{called(sink)} {does}", read, kept, sink=sink)


def other_store(sink: Sink) -> Store:
    """Judge a destination that is no log bucket of a project: ok for the other kinds that Google documents.

    A log bucket of a folder or an organisation is not read, and what is of no known form may not be there at all.
    """
    store = store_elsewhere(sink, f"exports them to {sink.destination}")
    if _OTHER_KINDS.fullmatch(sink.destination):
        return store
    where = f"to {sink.destination}" if sink.destination else "to a destination that is empty"
    reason = f"{called(sink)} exports them {where}, and whether that is there and keeps them is not read"
    return replace(store, state=LinkState.UNKNOWN, reason=reason, retention=Retention.unknown(reason, store.read))


def bucket_store(project: ProjectFacts, sink: Sink) -> Store | None:
    """Judge the log bucket that is a sink's destination; None for another kind of destination."""
    name = bucket_named_by(sink)
    if name is None:
        return None
    bucket = _find(name, project)
    # A project's own buckets are listed; those of others are read one by one.
    call = LIST_BUCKETS if project.is_own(name.split("/")[1]) else GET_BUCKET
    store = store_elsewhere(sink, f"exports them to log bucket {name}")
    if isinstance(bucket, NotFound) or bucket is None:
        return lost(f"{store.reason}, which does not exist", Evidence(call, name, "absent"), sink)
    if isinstance(bucket, CollectionError):
        return _unread(name, bucket, store, call)
    if bucket.lifecycle_state == "FAILED":
        return lost(f"{store.reason}, which is in state FAILED", Evidence(call, name, "FAILED"), sink)
    return Store(LinkState.OK, store.reason, store.read, _retention(name, bucket, call), sink=sink)


def _unread(name: str, error: CollectionError, store: Store, call: str) -> Store:
    """Judge a log bucket that could not be read; those that every project has cannot be deleted."""
    read = Evidence(call, name, error.said or error.what)
    kept = Retention.unknown(f"{name} could not be read: {error.what}", read, permission=error.permission)
    if name.endswith(_BUILT_IN):
        return Store(LinkState.OK, store.reason, store.read, kept, sink=store.sink)
    reason = f"{store.reason}, which could not be read: {error.what}"
    return Store(LinkState.UNKNOWN, reason, store.read, kept, error.permission, store.sink)


def _retention(name: str, bucket: Bucket, call: str) -> Retention:
    """Give how long a log bucket keeps its entries."""
    days = "1 day" if bucket.retention_days == 1 else f"{bucket.retention_days} days"
    if bucket.lifecycle_state == "DELETE_REQUESTED":
        reason = f"{name} is being deleted: it keeps them {_DAYS_PENDING} days at most, whatever its retention ({days})"
        read = Evidence(call, f"{name}.lifecycleState", bucket.lifecycle_state)
        return Retention(0, min(_DAYS_PENDING, bucket.retention_days), reason, (read,))
    read = Evidence(call, f"{name}.retentionDays", str(bucket.retention_days))
    return Retention.exactly(bucket.retention_days, f"{name} keeps them {days}", read)


def _find(name: str, project: ProjectFacts) -> Read[Bucket] | None:
    """Find a bucket under its project's id or number: sinks may name either."""
    _, home, rest = name.split("/", 2)
    is_own = project.is_own(home)
    homes = (project.project_id, project.number) if is_own else (home,)
    names = [f"projects/{one}/{rest}" for one in homes]
    found = next((project.buckets[one] for one in names if one in project.buckets), None)
    return project.unlisted if found is None and is_own else found
