"""Reads a project of which an organisation's discovery found out something before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from providers.gke.calls import Calls
from providers.gke.facts import ACTIVE, IamPolicy, Project, Sink
from providers.gke.inventory import CLUSTER, LIST_ASSETS, SeenCluster
from providers.gke.organization_options import Known
from providers.gke.session import Connection
from scanner.errors import NotFound, PermissionDenied
from scanner.model import AccountNote, Evidence, Note, NoteSeverity
from scanner.ports import CollectContext

T = TypeVar("T")


class KnownCalls(Calls):
    """The calls of one project; what an inventory has of it, and of what is above it, is not asked again."""

    def __init__(self, connection: Connection, context: CollectContext, known: Known) -> None:
        """Make them over a connection, for an account."""
        super().__init__(connection, context)
        self._known = known
        self._inventory = known.inventory

    async def project(self, name: str) -> Project:
        """Give a project's names and parent."""
        known = self._known
        if not known.parent:
            return await super().project(name)
        number = f"projects/{known.number}"
        return Project(number, name, known.parent, ACTIVE)

    async def parent_of_folder(self, name: str) -> str:
        """Give the folder or organisation above a folder."""
        return self._inventory.parents.get(name) or await super().parent_of_folder(name)

    async def iam_policy(self, resource: str, *, is_shared: bool = False) -> IamPolicy:
        """Give the policy of a project, folder or organisation."""
        own = self._is_own(resource)
        found = self._inventory.policies.get(f"projects/{self._known.number}" if own else resource)
        if found is None:
            return await super().iam_policy(resource, is_shared=is_shared)
        return replace(found, audit=tuple(replace(one, resource=resource) for one in found.audit))

    async def sinks(self, project_id: str, *, is_shared: bool = False) -> tuple[Sink, ...]:
        """List a project's own sinks."""
        parent = f"projects/{project_id}"
        own = self._is_own(parent)
        found = self._inventory.sinks.get(f"projects/{self._known.number}" if own else parent)
        if found is None:
            return await super().sinks(project_id, is_shared=is_shared)
        return tuple(replace(one, parent=parent) for one in found)

    async def shared(self, key: tuple[str, str], read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask once for all projects of the organisation; what failed in passing is asked again for the next one."""
        tasks = self._inventory.shared
        task = tasks.get(key)
        if task is None or _has_passed(task):
            task = tasks[key] = asyncio.create_task(read())
        found: T = await asyncio.shield(task)
        return found

    def _is_own(self, resource: str) -> bool:
        """Tell whether a resource is the project that is read, under its id or its number."""
        return resource in (f"projects/{self._known.number}", f"projects/{self._known.project_id}")


def _has_passed(task: asyncio.Task[Any]) -> bool:
    """Tell whether a question ended without an answer that stays true."""
    if not task.done():
        return False
    return task.cancelled() or not isinstance(task.exception(), PermissionDenied | NotFound | None)


def nothing_there(known: Known, project: str) -> AccountNote:
    """Say that an inventory saw no cluster in a project, which therefore was not asked."""
    read = known.inventory.read
    text = (
        f"Cloud Asset Inventory knows of no GKE clusters in project {project} as of {read}; the project was not asked"
    )
    return AccountNote(Note(NoteSeverity.INFO, text, (Evidence(LIST_ASSETS, CLUSTER, f"none as of {read}"),)))


def differences(known: Known, project: str, live: Iterable[tuple[str, str]] | None) -> Iterator[AccountNote]:
    """Say where an inventory and a project's own list do not agree; the list counts.

    Args:
        known: What the inventory saw.
        project: The project's id.
        live: Locations and names of the clusters that the project has; None where it could not be listed.
    """
    if known.clusters is None:
        return
    seen = {(one.location, one.name): one for one in known.clusters}
    if live is None:
        names = ", ".join(map(_told, seen.values()))
        yield _note(known, f"Cloud Asset Inventory knows of clusters in project {project}: {names}", names)
        return
    there = set(live)
    gone = ", ".join(_told(one) for place, one in seen.items() if place not in there)
    if gone:
        text = f"Cloud Asset Inventory still knows of clusters that project {project} does not list: {gone}"
        yield _note(known, text, gone)
    new = ", ".join(f"{name} in {location}" for location, name in sorted(there - seen.keys()))
    if new:
        yield _note(known, f"Cloud Asset Inventory does not know of clusters in project {project} yet: {new}", "absent")


def _told(cluster: SeenCluster) -> str:
    """Name a cluster, and when its entry last changed."""
    updated = f", updated {cluster.updated}" if cluster.updated else ""
    return f"{cluster.name} in {cluster.location}{updated}"


def _note(known: Known, text: str, value: str) -> AccountNote:
    """Write a note with the time as of which the inventory knows."""
    read = known.inventory.read
    evidence = Evidence(LIST_ASSETS, CLUSTER, f"{value} (as of {read})")
    return AccountNote(Note(NoteSeverity.INFO, f"{text} (as of {read})", (evidence,)))
