"""Reads the clusters of one ``self_managed`` account, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from providers.self_managed.differences import differences, listed, shared_notes
from providers.self_managed.options import ClusterOptions, SelfManagedOptions
from providers.self_managed.paths import Found, expand, unused_roots
from providers.self_managed.reading import Reading, Window
from providers.self_managed.server import Task, read_servers, unknown_reading
from scanner.errors import NotFound
from scanner.model import ClusterObservation, ClusterRef, Collected, Evidence, Fact, Note, NoteSeverity
from scanner.ports import CollectContext


async def collect(options: SelfManagedOptions, context: CollectContext) -> AsyncIterator[Collected]:
    """Read one cluster after the other, and the nodes of each at the same time."""
    window = None
    if context.rule.observe:
        window = Window(context.started - timedelta(hours=context.rule.lookback_hours), context.started)
    for cluster in options.cluster:
        context.waits(f"{cluster.name}: looking for {', '.join(cluster.paths)}")
        found = await asyncio.to_thread(_find, cluster)
        context.waits(f"{cluster.name}: reading {len(found)} file{'' if len(found) == 1 else 's'}")
        tasks = (Task(item, cluster.root, cluster.base, cluster.policy, cluster.version, window) for item in found)
        groups = await asyncio.gather(*(asyncio.to_thread(read_servers, task) for task in tasks))
        readings = [reading for group in groups for reading in group]
        readings += await asyncio.to_thread(_unmatched, cluster)
        unused = await asyncio.to_thread(unused_roots, found, cluster.root, cluster.base) if found else ()
        yield _observation(cluster, context.account, readings, unused)


def _find(cluster: ClusterOptions) -> tuple[Found, ...]:
    """Expand all paths of a cluster; a file that two of them name is read once."""
    found: dict[Path, Found] = {}
    for pattern in cluster.paths:
        for item in expand(pattern, cluster.base):
            found.setdefault(item.path, item)
    return tuple(found.values())


def _unmatched(cluster: ClusterOptions) -> list[Reading]:
    """Give an unknown API server for each path that nothing was found for: a node whose files are not here."""
    return [
        unknown_reading(
            pattern if len(cluster.paths) > 1 else cluster.name,
            NotFound(f"no file matches {pattern}", hint="correct paths, or mount the hosts' filesystems"),
        )
        for pattern in cluster.paths
        if not expand(pattern, cluster.base)
    ]


def _observation(
    cluster: ClusterOptions, account: str, readings: Sequence[Reading], unused: Sequence[str]
) -> ClusterObservation:
    readings = _told_apart(readings)
    versions = sorted({reading.version for reading in readings if reading.version}, key=_version_order)
    ref = ClusterRef(
        provider="self_managed",
        account=account,
        account_id="",
        location=cluster.location,
        name=cluster.name,
        id=cluster.paths[0],
        version=cluster.version or (versions[0] if versions else None),
    )
    return ClusterObservation(
        ref=ref,
        servers=tuple(reading.server for reading in readings),
        facts=_facts(cluster, readings),
        notes=(*differences(readings), *shared_notes(readings), *map(_unused_note, unused)),
        parameters=_parameters(readings),
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


def _told_apart(readings: Sequence[Reading]) -> list[Reading]:
    """Number nodes that would have the same name."""
    names = [reading.server.name for reading in readings]
    return [
        replace(reading, server=replace(reading.server, name=f"{name} ({names[: index + 1].count(name)})"))
        if names.count(name) > 1
        else reading
        for index, (name, reading) in enumerate(zip(names, readings, strict=True))
    ]


def _facts(cluster: ClusterOptions, readings: Sequence[Reading]) -> tuple[Fact, ...]:
    evidence = Evidence("configuration", "paths", ", ".join(cluster.paths))
    names = Fact("control-plane nodes", listed([reading.server.name for reading in readings]), evidence)
    titles = sorted({reading.title for reading in readings if reading.title})
    return (names, Fact("read from", listed(titles), evidence)) if titles else (names,)


def _version_order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
