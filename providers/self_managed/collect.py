"""Reads the clusters of one ``self_managed`` account, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from providers.self_managed.composing import compose
from providers.self_managed.composition import Composition, Described, Unknown
from providers.self_managed.differences import differences, listed, shared_notes
from providers.self_managed.looking import Look, Where, look_at
from providers.self_managed.options import ClusterOptions, SelfManagedOptions
from providers.self_managed.paths import Found, unused_roots
from providers.self_managed.reading import Reading, Window
from providers.self_managed.server import Task, read_server, unknown_reading
from providers.self_managed.sources.names import is_web, shown_path
from providers.self_managed.sources.opening import Opened, missing_aiohttp, opened
from scanner.errors import CollectionError, NotFound
from scanner.model import ClusterObservation, ClusterRef, Collected, Evidence, Fact, Note, NoteSeverity, Unread
from scanner.ports import CollectContext

_BATCH: Final = 16
"""How many files one thread looks at, one after the other."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One cluster as it was read.

    Attributes:
        id: What identifies it: its API server's address, or the path that names it first.
        version: The version that its API server gives; None where it was not asked.
    """

    composition: Composition
    readings: Sequence[Reading]
    id: str
    version: str | None = None
    facts: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()
    unread: tuple[Unread, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


async def collect(options: SelfManagedOptions, context: CollectContext) -> AsyncIterator[Collected]:
    """Read one cluster after the other, and the nodes of each at the same time."""
    for cluster in options.cluster:
        for read in await _read(cluster, context):
            yield _observation(cluster, context.account, read)


async def _read(cluster: ClusterOptions, context: CollectContext) -> list[_Read]:
    """Read one cluster, or several where the files describe several; one that cannot be had at all is unknown."""
    remote = [shown_path(one) for one in (cluster.source, *cluster.paths, cluster.policy) if one and is_web(one)]
    if remote:
        context.waits(f"{cluster.name}: fetching {', '.join(remote)}")
    try:
        async with opened(cluster, context.scan) as files:
            if cluster.is_live:
                return [await _read_live(cluster, files, context)]
            return await _read_files(cluster, files, context)
    except CollectionError as error:
        return [_Read(Composition(), [unknown_reading(cluster.name, error)], cluster.id)]


async def _read_files(cluster: ClusterOptions, files: Opened, context: CollectContext) -> list[_Read]:
    """Look at all files of a cluster, and read the API servers that they describe."""
    context.waits(f"{cluster.name}: looking for {', '.join(map(shown_path, cluster.paths))}")
    found = await asyncio.to_thread(files.find)
    context.waits(f"{cluster.name}: reading {len(found)} file{'' if len(found) == 1 else 's'}")
    unused = await asyncio.to_thread(unused_roots, found, files.root, files.base) if found else ()
    notes = (*files.notes, *map(_unused_note, unused))
    compositions = compose(await _look_at_all(found, files))
    unmatched = await asyncio.to_thread(_unmatched, files)
    if unmatched and all(composition.cluster for composition in compositions):
        compositions = (*compositions, Composition())  # whose cluster the missing files are of is not known
    reads = []
    for composition in compositions:
        readings = await _read_all(composition, files, context)
        if not composition.cluster:
            readings += unmatched
            readings += _nothing_found(cluster, composition, readings)
        facts = (*files.facts, *_facts(cluster, composition, readings))
        reads.append(_Read(composition, readings, cluster.id, facts=facts, notes=notes))
    return reads


async def _read_live(cluster: ClusterOptions, files: Opened, context: CollectContext) -> _Read:
    """Ask the API of a cluster, and read the API servers that it shows."""
    context.waits(f"{cluster.name}: asking its API server")
    try:
        from providers.self_managed.live import access_of  # noqa: PLC0415 - loads aiohttp
        from providers.self_managed.live.cluster import read_cluster  # noqa: PLC0415 - the same
    except ImportError as error:
        raise missing_aiohttp(cluster.id) from error
    access = await asyncio.to_thread(access_of, cluster)
    live = await read_cluster(access, context.scan, cluster.version)
    readings = await _read_all(live.composition, files, context)
    evidence = Evidence(access.shown, "server", access.server)
    facts = (*live.facts, *_nodes(readings, evidence))
    return _Read(
        live.composition,
        readings,
        access.server,
        live.version,
        facts,
        tuple(files.notes),
        live.unread,
        {"identity": f"the identity of {access.shown}", "permissions_variant": "rbac"},
    )


async def _look_at_all(found: Sequence[Found], files: Opened) -> list[Look]:
    """Look at many files in batches: hosts that are slow to answer are read at the same time."""
    where = Where(files.base, files.root, files.cluster.version)
    batches = (found[start : start + _BATCH] for start in range(0, len(found), _BATCH))
    looks = await asyncio.gather(*(asyncio.to_thread(look_at, batch, where) for batch in batches))
    return [look for batch in looks for look in batch]


async def _read_all(composition: Composition, files: Opened, context: CollectContext) -> list[Reading]:
    """Read the API servers of a cluster, each with what it may find in the cluster's other files."""
    window = None
    if context.rule.observe:
        window = Window(context.started - timedelta(hours=context.rule.lookback_hours), context.started)
    return list(await asyncio.gather(*(_read_one(one, composition, files, window) for one in composition.servers)))


async def _read_one(
    one: Described | Unknown, composition: Composition, files: Opened, window: Window | None
) -> Reading:
    if isinstance(one, Unknown):
        return unknown_reading(one.name, one.error)
    task = Task(one, composition.supplies, files.policy, files.cluster.version, window)
    return await asyncio.to_thread(read_server, task)


def _unmatched(files: Opened) -> list[Reading]:
    """Give an unknown API server for each path that nothing was found for: a node whose files are not here."""
    cluster = files.cluster
    within = f" in {files.prefix.rstrip('/')}" if files.prefix else ""
    return [
        unknown_reading(
            pattern if len(cluster.paths) > 1 else cluster.name,
            NotFound(f"no file matches {pattern}{within}", hint="correct paths, or mount the hosts' filesystems"),
        )
        for pattern in cluster.paths
        if not files.matches(pattern)
    ]


def _nothing_found(cluster: ClusterOptions, composition: Composition, readings: Sequence[Reading]) -> list[Reading]:
    """Give an unknown API server where no file describes one: what was found instead is said."""
    if readings:
        return []
    others = sorted({supply.title for supply in composition.supplies})
    what = f"holds no API server; found was: {', '.join(others)}" if others else "holds no API server"
    if composition.skipped:
        what += f"; {composition.skipped} file{' has' if composition.skipped == 1 else 's have'} nothing to do with one"
    hint = "add the file that holds kube-apiserver's flags or settings to paths"
    return [unknown_reading(cluster.name, NotFound(what, where=", ".join(map(shown_path, cluster.paths)), hint=hint))]


def _observation(cluster: ClusterOptions, account: str, read: _Read) -> ClusterObservation:
    composition, readings = read.composition, read.readings
    versions = sorted({reading.version for reading in readings if reading.version}, key=_version_order)
    ref = ClusterRef(
        provider="self_managed",
        account=account,
        account_id="",
        location=cluster.location,
        name=f"{cluster.name}/{composition.cluster}" if composition.cluster else cluster.name,
        id=read.id,
        version=cluster.version or (versions[0] if versions else read.version),
    )
    return ClusterObservation(
        ref=ref,
        servers=tuple(reading.server for reading in readings),
        facts=read.facts,
        notes=(*differences(readings), *shared_notes(readings), *composition.notes, *read.notes),
        parameters={**_parameters(readings), **read.parameters},
        unread=read.unread,
    )


def _parameters(readings: Sequence[Reading]) -> dict[str, str]:
    """Take the values of the first API server that has any, and say what a further one refuses."""
    given = [reading.parameters for reading in readings if reading.parameters]
    refused = [parameters for parameters in given if "refused" in parameters]
    if not refused:
        return dict(given[0]) if given else {}
    every = {"refused_by_all": "yes"} if len(refused) == len(readings) else {}
    return {**given[0], **refused[0], **every}


def _unused_note(root: str) -> Note:
    text = f"no file was found in {root}: a worker node, or a control-plane node that is not mounted there?"
    return Note(NoteSeverity.WARNING, text, (Evidence("configuration", "root", root),))


def _facts(cluster: ClusterOptions, composition: Composition, readings: Sequence[Reading]) -> tuple[Fact, ...]:
    """Say what was read, and which file gave what."""
    evidence = Evidence("configuration", "paths", ", ".join(map(shown_path, cluster.paths)))
    facts = _nodes(readings, evidence)
    used = {item.source for reading in readings for item in reading.server.policy.evidence}
    facts += [Fact(f"{one.title} from", one.file, evidence) for one in composition.supplies if one.file in used]
    if composition.skipped:
        text = f"{composition.skipped} that have nothing to do with an API server"
        facts.append(Fact("files left out", text, evidence))
    return tuple(facts)


def _nodes(readings: Sequence[Reading], evidence: Evidence) -> list[Fact]:
    """Name the nodes, and the kinds of files or objects that they were read from."""
    facts = [Fact("control-plane nodes", listed([reading.server.name for reading in readings]), evidence)]
    titles = sorted({reading.title for reading in readings if reading.title})
    return [*facts, Fact("read from", listed(titles), evidence)] if titles else facts


def _version_order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
