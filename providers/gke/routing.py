"""Where the entries of an audit log end up: the sinks of a project and of all above it, and the stores they name.

Sources: Google Cloud, "Routing and storage overview", "Aggregated sinks" and the REST reference of LogSink:
``_Required`` takes Admin Activity whatever the configuration and keeps it 400 days; a sink that intercepts leaves its
entries to no sink below but ``_Required``; exclusions of an aggregated sink count for that sink alone; a project that
entries are routed to applies its own sinks to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from providers.gke.facts import ProjectFacts, Read, Sink, SinkLevel
from providers.gke.filters import Entries, principals
from providers.gke.logs import DATA_ACCESS
from providers.gke.sinks import Takes, called, intercepts, leads_back, project_named_by, taken
from providers.gke.stores import LIST_SINKS, Store, bucket_store, lost, other_store, store_elsewhere
from scanner.errors import CollectionError, NotFound
from scanner.model import Evidence, LinkCheck, LinkState, Retention

REQUIRED_DAYS: Final = 400
_REQUIRED: Final = Evidence(
    "Google Cloud documentation",
    "log bucket _Required",
    f"Admin Activity entries, kept {REQUIRED_DAYS} days, not editable",
)
_MOST_SINKS_TOLD: Final = 6


@dataclass(frozen=True, slots=True)
class Routing:
    """Whether the entries of one log of one cluster reach a store, for how long that keeps them, and by which sinks."""

    delivered: LinkCheck
    retention: Retention
    stores: tuple[Store, ...] = ()


@dataclass(frozen=True, slots=True)
class _Above:
    """What the sinks above leave of the entries: ok for all of them, a gap for none.

    Attributes:
        by: What takes them away, or may, in words.
        kept: The retention of where they go instead, where it is sure that they are kept there; None where it is not.
    """

    state: LinkState = LinkState.OK
    by: str = ""
    permission: str = ""
    kept: Retention | None = None


def route_admin_activity() -> Routing:
    """Give where Admin Activity entries go, which nobody can change."""
    reason = "Admin Activity entries always reach the log bucket _Required"
    kept = Retention.exactly(REQUIRED_DAYS, f"the log bucket _Required keeps them {REQUIRED_DAYS} days", _REQUIRED)
    return Routing(LinkCheck(LinkState.OK, reason, (_REQUIRED,)), kept)


def route_data_access(project: ProjectFacts, cluster: str, location: str, principal: str = "") -> Routing:
    """Follow the Data Access entries of one cluster to their stores.

    Args:
        project: The cluster's project.
        cluster: The cluster's name.
        location: Its region or zone.
        principal: Whose entries; empty for ordinary principals, whom no filter names.
    """
    entries = Entries.of(project.project_id, location, cluster, DATA_ACCESS, principal)
    stores = tuple(_stores(project, entries))
    return Routing(_delivered(stores), _retained(stores), stores)


def principals_named(project: ProjectFacts) -> list[str]:
    """Give the principals that filters of sinks and exclusions name one by one, in alphabetical order."""
    return sorted(frozenset[str]().union(*map(principals, _filters(project))))


def names_clusters(project: ProjectFacts) -> bool:
    """Tell whether a filter may treat some clusters of the project otherwise than others."""
    return any(word in text.lower() for text in _filters(project) for word in ("cluster", "location"))


def _filters(project: ProjectFacts) -> set[str]:
    """Give the texts of all filters of sinks and exclusions that entries of the project may meet."""
    own = () if isinstance(project.sinks, CollectionError) else project.sinks
    elsewhere = [one for found in project.elsewhere.values() if isinstance(found, tuple) for one in found]
    sinks = [sink for sink in (*project.above.sinks, *own, *elsewhere) if not sink.disabled]
    return {sink.filter for sink in sinks} | {one.filter for sink in sinks for one in sink.exclusions}


def _stores(project: ProjectFacts, entries: Entries) -> Iterator[Store]:
    """Give what each sink does, from the organisation down, as far as those above leave the entries to it."""
    above = _Above()
    for level in project.above.levels:
        if isinstance(level.sinks, CollectionError):
            store = _unread_level(level, level.sinks)
            yield _held_back(store, above)
            if above.state is not LinkState.GAP:
                above = _Above(LinkState.UNKNOWN, store.reason, store.permission)
            continue
        left = above
        for sink in level.sinks:
            if sink.include_children or sink.intercept_children:
                store = _store(project, sink, entries)
                yield _held_back(store, left)
                above = _further(above, sink, entries, store)
        if level.unseen:
            yield _held_back(_unseen_sinks(level, level.unseen), left)
    if isinstance(project.sinks, CollectionError):
        yield _unread_sinks(project, project.sinks)
        return
    for sink in project.sinks:
        yield _held_back(_store(project, sink, entries), above)
    if not project.sinks:
        nothing = f"project {project.project_id} has no log sink"
        yield lost(nothing, Evidence(LIST_SINKS, "sinks", "empty"))


def _further(above: _Above, sink: Sink, entries: Entries, store: Store) -> _Above:
    """Add what one more sink takes away from those below it."""
    state, by = intercepts(sink, taken(sink, entries).takes)
    if state is LinkState.OK or above.state is LinkState.GAP:
        return above
    if state is LinkState.UNKNOWN and store.kept_if_taken is not None:
        kept = store.kept_if_taken if above.kept is None else _either(above.kept, store.kept_if_taken)
        return above if above.by and above.kept is None else _Above(LinkState.UNKNOWN, by, "", kept)
    return _Above(state, by)


def _held_back(store: Store, above: _Above) -> Store:
    """Judge a store whose entries a sink above intercepts, or may."""
    if above.state is LinkState.OK or store.state is LinkState.GAP:
        return store
    if above.state is LinkState.GAP:
        return replace(
            store, state=LinkState.GAP, reason=above.by, retention=Retention.exactly(0, above.by, store.read)
        )
    if above.kept is not None:
        # An entry is kept either above or here: which of the two makes no difference but for how long.
        return replace(store, retention=_either(store.retention, above.kept))
    permission = above.permission or store.permission
    kept = Retention.unknown(above.by, store.read, permission=permission)
    return replace(store, state=LinkState.UNKNOWN, reason=above.by, retention=kept, permission=permission)


def _either(one: Retention, other: Retention) -> Retention:
    """Give the retention of entries that are kept in one place or another."""
    shorter = min(one, other, key=lambda kept: (kept.at_least, kept.at_most))
    evidence = tuple(dict.fromkeys((*one.evidence, *other.evidence)))
    return Retention(shorter.at_least, max(one.at_most, other.at_most), shorter.reason, evidence, shorter.permission)


def _store(project: ProjectFacts, sink: Sink, entries: Entries) -> Store:
    """Follow a sink to its destination."""
    found = taken(sink, entries)
    store = _destination(project, sink, entries)
    store = replace(store, kept_if_taken=store.retention if store.state is LinkState.OK else None)
    if found.takes is Takes.NO:
        return lost(found.why, store.read, sink)
    if found.takes is Takes.MAYBE and store.state is not LinkState.GAP:
        kept = Retention(0, store.retention.at_most, found.why, (store.read,), store.retention.permission)
        return replace(store, state=LinkState.UNKNOWN, reason=found.why, retention=kept)
    return store


def _destination(project: ProjectFacts, sink: Sink, entries: Entries) -> Store:
    """Judge the destination of a sink that exports the entries."""
    other = project_named_by(sink)
    if other is None:
        return bucket_store(project, sink) or other_store(sink)
    if leads_back(project, sink):
        return _led_back(sink)
    name = called(sink)
    sinks: Read[tuple[Sink, ...]] = project.sinks if project.is_own(other) else project.elsewhere.get(other, ())
    if isinstance(sinks, NotFound):
        return lost(
            f"{name} routes them to project {other}, which does not exist", store_elsewhere(sink, "").read, sink
        )
    if isinstance(sinks, CollectionError):
        reason = f"{name} routes them to project {other}, whose sinks could not be read: {sinks.what}"
        store = store_elsewhere(sink, f"routes them to project {other}")
        kept = Retention.unknown(reason, store.read, permission=sinks.permission)
        return replace(store, state=LinkState.UNKNOWN, reason=reason, retention=kept, permission=sinks.permission)
    stores = tuple(_hop(project, one, entries) for one in sinks)
    if not stores:
        return lost(
            f"{name} routes them to project {other}, which has no log sink", store_elsewhere(sink, "").read, sink
        )
    check = _delivered(stores)
    reason = f"{name} routes them to project {other}: {check.reason}"
    return Store(check.state, reason, store_elsewhere(sink, "").read, _retained(stores), check.permission, sink)


def _led_back(sink: Sink) -> Store:
    """Judge a sink whose destination is its own project: the entries are there already, and no store is named."""
    return lost(f"{called(sink)} routes them back to its own project", store_elsewhere(sink, "").read, sink)


def _hop(project: ProjectFacts, sink: Sink, entries: Entries) -> Store:
    """Judge a sink of a project that entries are routed to; nobody says that they may be routed on to a third one."""
    found = taken(sink, entries)
    store = bucket_store(project, sink) or other_store(sink)
    if found.takes is Takes.NO:
        return lost(found.why, store.read, sink)
    if leads_back(project, sink):
        return _led_back(sink)
    unsure = found.why
    if project_named_by(sink) is not None:
        unsure = f"whether {called(sink)} routes them on to {sink.destination} is not documented"
    if unsure and store.state is not LinkState.GAP:
        return replace(store, state=LinkState.UNKNOWN, reason=unsure, retention=Retention.unknown(unsure, store.read))
    return store


def _unread_level(level: SinkLevel, error: CollectionError) -> Store:
    """Say that the sinks of a level above are not known: they may keep the entries, or take them away."""
    what = f"what the sinks of {level.name} do with Data Access entries could not be read"
    return _unread(f"{what}: {error.what}", level.name, error)


def _unseen_sinks(level: SinkLevel, error: CollectionError) -> Store:
    """Say that a level above may have sinks that keep the entries beside those that the project shows."""
    what = f"whether sinks of {level.name} keep Data Access entries could not be read"
    return _unread(f"{what}: {error.what}", level.name, error)


def _unread_sinks(project: ProjectFacts, error: CollectionError) -> Store:
    """Say that the project's own sinks are not known."""
    what = f"where Data Access entries go could not be read: the sinks of project {project.project_id}"
    return _unread(f"{what}: {error.what}", f"projects/{project.project_id}", error)


def _unread(reason: str, where: str, error: CollectionError) -> Store:
    """Build the store that sinks which were not read may be."""
    read = Evidence(LIST_SINKS, where, error.said or error.what)
    kept = Retention.unknown(reason, read, permission=error.permission)
    return Store(LinkState.UNKNOWN, reason, read, kept, error.permission)


def _delivered(stores: tuple[Store, ...]) -> LinkCheck:
    """Combine the stores: one that takes the entries is enough; a gap needs all of them to be one."""
    for state in (LinkState.OK, LinkState.UNKNOWN):
        some = [store for store in stores if store.state is state]
        if some:
            missing = next((store.permission for store in some if store.permission), "")
            read = tuple(dict.fromkeys(store.read for store in some))
            return LinkCheck(state, _told(some), read, "" if state is LinkState.OK else missing)
    # That _Required takes other logs only is how it is everywhere, and explains nothing.
    told = [store for store in stores if not (store.sink and store.sink.name == "_Required")] or stores
    read = tuple(dict.fromkeys(store.read for store in told))
    return LinkCheck(LinkState.GAP, f"no sink keeps Data Access entries: {_told(told)}", read)


def _told(stores: Iterable[Store]) -> str:
    """Join the reasons of some stores, each once."""
    reasons = list(dict.fromkeys(store.reason for store in stores))
    more = len(reasons) - _MOST_SINKS_TOLD
    return "; ".join(reasons[:_MOST_SINKS_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _retained(stores: tuple[Store, ...]) -> Retention:
    """Take the longest of the stores that keep the entries; those that may be one raise the upper bound only."""
    sure = [store.retention for store in stores if store.state is LinkState.OK]
    possible = [store.retention for store in stores if store.state is LinkState.UNKNOWN]
    if not (sure or possible):
        return stores[0].retention
    best = max(sure or possible, key=lambda one: (one.at_least, one.at_most))
    at_least = best.at_least if sure else 0
    longest = max((*sure, *possible), key=lambda one: one.at_most)
    reasons = dict.fromkeys([best.reason, *([longest.reason] if longest.at_most > best.at_most else [])])
    read = tuple(dict.fromkeys(item for one in (best, longest) for item in one.evidence))
    permission = best.permission or longest.permission
    return Retention(at_least, longest.at_most, "; ".join(reasons), read, permission)
