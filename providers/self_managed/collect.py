"""Reads the clusters of one ``self_managed`` account, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from providers.self_managed.composing import Composition, Described, Unknown, compose
from providers.self_managed.differences import differences, listed, shared_notes
from providers.self_managed.looking import Look, Where, look_at
from providers.self_managed.options import ClusterOptions, SelfManagedOptions
from providers.self_managed.paths import Found, expand, unused_roots
from providers.self_managed.reading import Reading, Window
from providers.self_managed.server import Task, read_server, unknown_reading
from scanner.errors import NotFound
from scanner.model import ClusterObservation, ClusterRef, Collected, Evidence, Fact, Note, NoteSeverity
from scanner.ports import CollectContext

_BATCH: Final = 16
"""How many files one thread looks at, one after the other."""


async def collect(options: SelfManagedOptions, context: CollectContext) -> AsyncIterator[Collected]:
    """Read one cluster after the other, and the nodes of each at the same time."""
    window = None
    if context.rule.observe:
        window = Window(context.started - timedelta(hours=context.rule.lookback_hours), context.started)
    for cluster in options.cluster:
        context.waits(f"{cluster.name}: looking for {', '.join(cluster.paths)}")
        found = await asyncio.to_thread(_find, cluster)
        context.waits(f"{cluster.name}: reading {len(found)} file{'' if len(found) == 1 else 's'}")
        for composition in compose(await _look_at_all(found, cluster)):
            readings = await _read_all(composition, cluster, window)
            if not composition.cluster:
                readings += await asyncio.to_thread(_unmatched, cluster)
                readings += _nothing_found(cluster, composition, readings)
            unused = await asyncio.to_thread(unused_roots, found, cluster.root, cluster.base) if found else ()
            yield _observation(cluster, context.account, composition, readings, unused)


async def _look_at_all(found: Sequence[Found], cluster: ClusterOptions) -> list[Look]:
    """Look at many files in batches: hosts that are slow to answer are read at the same time."""
    where = Where(cluster.base, cluster.root, cluster.version)
    batches = (found[start : start + _BATCH] for start in range(0, len(found), _BATCH))
    looks = await asyncio.gather(*(asyncio.to_thread(look_at, batch, where) for batch in batches))
    return [look for batch in looks for look in batch]


async def _read_all(composition: Composition, cluster: ClusterOptions, window: Window | None) -> list[Reading]:
    """Read the API servers of a cluster, each with what it may find in the cluster's other files."""
    return list(await asyncio.gather(*(_read_one(one, composition, cluster, window) for one in composition.servers)))


async def _read_one(
    one: Described | Unknown, composition: Composition, cluster: ClusterOptions, window: Window | None
) -> Reading:
    if isinstance(one, Unknown):
        return unknown_reading(one.name, one.error)
    task = Task(one, composition.supplies, cluster.base, cluster.policy, cluster.version, window)
    return await asyncio.to_thread(read_server, task)


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


def _nothing_found(cluster: ClusterOptions, composition: Composition, readings: Sequence[Reading]) -> list[Reading]:
    """Give an unknown API server where no file describes one: what was found instead is said."""
    if readings:
        return []
    files = f"{composition.skipped} file{'' if composition.skipped == 1 else 's'}"
    others = sorted({supply.title for supply in composition.supplies})
    what = f"none of {files} describes an API server" if composition.skipped else "no file describes an API server"
    found = f"; found was: {', '.join(others)}" if others else ""
    hint = "add the file that holds kube-apiserver's flags or settings to paths"
    return [unknown_reading(cluster.name, NotFound(f"{what}{found}", where=", ".join(cluster.paths), hint=hint))]


def _observation(
    cluster: ClusterOptions,
    account: str,
    composition: Composition,
    readings: Sequence[Reading],
    unused: Sequence[str],
) -> ClusterObservation:
    versions = sorted({reading.version for reading in readings if reading.version}, key=_version_order)
    ref = ClusterRef(
        provider="self_managed",
        account=account,
        account_id="",
        location=cluster.location,
        name=f"{cluster.name}/{composition.cluster}" if composition.cluster else cluster.name,
        id=cluster.paths[0],
        version=cluster.version or (versions[0] if versions else None),
    )
    return ClusterObservation(
        ref=ref,
        servers=tuple(reading.server for reading in readings),
        facts=_facts(cluster, composition, readings),
        notes=(*differences(readings), *shared_notes(readings), *composition.notes, *map(_unused_note, unused)),
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


def _facts(cluster: ClusterOptions, composition: Composition, readings: Sequence[Reading]) -> tuple[Fact, ...]:
    """Say what was read, and which file gave what."""
    evidence = Evidence("configuration", "paths", ", ".join(cluster.paths))
    facts = [Fact("control-plane nodes", listed([reading.server.name for reading in readings]), evidence)]
    titles = sorted({reading.title for reading in readings if reading.title})
    if titles:
        facts.append(Fact("read from", listed(titles), evidence))
    used = {item.source for reading in readings for item in reading.server.policy.evidence}
    facts += [Fact(f"{one.title} from", one.file, evidence) for one in composition.supplies if one.file in used]
    if composition.skipped:
        text = f"{composition.skipped} that have nothing to do with an API server"
        facts.append(Fact("files left out", text, evidence))
    return tuple(facts)


def _version_order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
