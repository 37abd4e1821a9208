"""Finds the projects of a Google Cloud organisation, and where an inventory knows them, their clusters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Final

from providers.gke.calls import LIST_FOLDERS, LIST_PROJECTS, Calls
from providers.gke.facts import ACTIVE, NOT_ACTIVE
from providers.gke.inventory import CLUSTER, LIST_ASSETS, PROJECT, Assets, Inventory, SeenProject
from providers.gke.organization_options import GkeOrganizationOptions, Known
from providers.gke.session import Connection, Connections
from scanner.errors import CollectionError
from scanner.model import AccountIdentity, AccountNote, CollectionFailure, Evidence, Note, NoteSeverity
from scanner.ports import CollectContext, Discovered, DiscoveredAccount

_MOST_TOLD: Final = 20


async def discover(
    connections: Connections, options: GkeOrganizationOptions, context: CollectContext
) -> AsyncGenerator[Discovered, None]:
    """List the projects, each as soon as it is known; where an inventory is asked, with what it knows of them."""
    base = options.base()
    try:
        connection = await connections.take(base, context.scan)
    except CollectionError as error:
        yield CollectionFailure.of(error, "organization", operation="google.auth", whole_account=True)
        return
    try:
        yield AccountIdentity(options.scope)
        async for item in _Finder(connection, options, context).found():
            yield item
    finally:
        with suppress(asyncio.CancelledError):
            await connections.release(base, context.scan, connection)


class _Finder:
    """Goes through one organisation or folder."""

    def __init__(self, connection: Connection, options: GkeOrganizationOptions, context: CollectContext) -> None:
        """Know whom to ask."""
        self._calls = Calls(connection, context)
        self._assets = Assets(connection, options.scope, context)
        self._options = options
        self._base = options.base()
        self._account = context.account
        self._seen: set[str] = set()
        self._excluded: list[str] = []
        self._below_excluded: list[str] = []
        self._not_active: list[str] = []
        self._unclear: list[str] = []
        self._is_any_read = False
        self._used: set[str] = set()
        self._source = LIST_PROJECTS
        self._is_complete = True

    async def found(self) -> AsyncIterator[Discovered]:
        """Give the projects, then what is to be said about the others."""
        inventory = Inventory()
        if self._options.inventory == "cloud-asset":
            try:
                inventory = await self._assets.clusters()
            except CollectionError as error:
                yield _not_asked(error, "which projects have clusters", "every project is listed and asked")
        async for item in self._by_inventory(inventory) if inventory.read else self._by_listing(inventory):
            self._is_complete &= not isinstance(item, CollectionFailure)
            yield item
        for note in self._told(inventory):
            yield note

    async def _by_inventory(self, inventory: Inventory) -> AsyncIterator[Discovered]:
        """Give the projects that the inventory knows, and those that Resource Manager lists beside them."""
        self._source = LIST_ASSETS
        async for note in self._sinks_and_policies(inventory):
            yield note
        numbers: set[str] = set()
        try:
            async for page, _ in self._assets.projects():
                for project in page:
                    numbers.add(project.number)
                    if self._wants(inventory, project):
                        yield self._discovered(inventory, project, is_seen=True)
        except CollectionError as error:
            yield _not_asked(error, "all projects", "those that it did not tell of are listed and asked")
            async for item in self._by_listing(inventory):
                yield item
            return
        # A project of which the inventory knows the clusters but not (yet, or any more) the project itself.
        for number in sorted(inventory.clusters.keys() - numbers):
            parents = _above(inventory, number)
            project = SeenProject(inventory.ids[number], number, ACTIVE, parents)
            if self._wants(inventory, project):
                yield self._discovered(inventory, project, is_seen=True)
        # It may be behind, and what it is silent of would look like nothing.
        async for item in self._by_listing(inventory, is_check=True):
            yield _unchecked(item) if isinstance(item, CollectionFailure) else item

    async def _sinks_and_policies(self, inventory: Inventory) -> AsyncIterator[AccountNote]:
        """Take in what the inventory knows beside clusters; what it does not is read project by project."""
        for what, instead, read in (
            ("the log sinks of projects", "those of each project with clusters are listed", self._assets.sinks),
            ("the IAM policies", "those that count for a project with clusters are read", self._assets.policies),
        ):
            try:
                await read(inventory)
            except CollectionError as error:
                yield _not_asked(error, what, instead)

    async def _by_listing(self, inventory: Inventory, *, is_check: bool = False) -> AsyncIterator[Discovered]:
        """Give the projects not seen yet as Resource Manager lists them, level by level.

        In a check of an inventory, folders that are left out as a whole were told of by their projects.
        """
        root = self._options.scope
        waiting: list[tuple[str, tuple[str, ...]]] = [(root, ())]
        while waiting:
            parent, above = waiting.pop()
            here = (parent, *above)
            try:
                async for project in self._calls.projects_below(parent):
                    number = project.name.removeprefix("projects/")
                    seen = SeenProject(project.project_id, number, project.state, here)
                    if seen.project_id not in self._seen and self._wants(inventory, seen):
                        yield self._discovered(inventory, seen, is_seen=False)
            except CollectionError as error:
                yield self._failed(error, LIST_PROJECTS, f"projects of {parent}", whole=parent == root)
                if parent == root:
                    return
            try:
                async for folder in self._calls.folders_below(parent):
                    if folder.removeprefix("folders/") not in self._options.exclude_folders:
                        waiting.append((folder, here))
                    else:
                        self._used.add(folder.removeprefix("folders/"))
                        self._below_excluded += [] if is_check else [f"all of {folder}"]
            except CollectionError as error:
                yield self._failed(error, LIST_FOLDERS, f"folders of {parent}")

    def _failed(self, error: CollectionError, operation: str, scope: str, *, whole: bool = False) -> CollectionFailure:
        """Tell which projects may be missing."""
        return CollectionFailure.of(error, scope, operation=operation, whole_account=whole and not self._seen)

    def _wants(self, inventory: Inventory, project: SeenProject) -> bool:
        """Sort out those that are left out."""
        self._seen.add(project.project_id)
        globs = [one for one in self._options.exclude_projects if fnmatchcase(project.project_id, one)]
        folders = [one for one in self._options.exclude_folders if f"folders/{one}" in project.above]
        self._used.update(globs, folders)
        if globs:
            self._excluded.append(project.project_id)
        elif folders:
            self._below_excluded.append(project.project_id)
        elif project.state in NOT_ACTIVE:
            clusters = ", ".join(one.name for one in inventory.seen_in(project.number))
            last_seen = f", in which clusters were seen: {clusters}" if clusters else ""
            self._not_active.append(f"{project.project_id}: {project.state}{last_seen}")
        else:
            if project.state != ACTIVE:
                self._unclear.append(f"{project.project_id}: {project.state or 'no state'}")
            self._is_any_read = True
            return True
        return False

    def _discovered(self, inventory: Inventory, project: SeenProject, *, is_seen: bool) -> DiscoveredAccount:
        """Give what reads one project."""
        clusters = inventory.seen_in(project.number) if is_seen else None
        parent = project.above[0] if project.above else ""
        known = Known(inventory, project.project_id, project.number, parent, clusters)
        return DiscoveredAccount(f"{self._account}/{project.project_id}", self._base.of(known))

    def _told(self, inventory: Inventory) -> Iterator[AccountNote]:
        """Say which projects are not read, so that none is absent without a word, and what was found nowhere."""
        if inventory.read:
            clusters = sum(map(len, inventory.clusters.values()))
            text = (
                f"Cloud Asset Inventory knows of {clusters} GKE clusters in {len(inventory.clusters)} projects below"
                f" {self._options.scope} as of {inventory.read}; projects without clusters were not asked, and what was"
                " made in the last minutes may be missing"
            )
            read = Evidence(LIST_ASSETS, CLUSTER, f"{clusters} clusters as of {inventory.read}")
            yield AccountNote(Note(NoteSeverity.INFO, text, (read,)))
        unclear = "in a state that is not known, and read all the same"
        for severity, what, names in (
            (NoteSeverity.INFO, "excluded by exclude_projects", self._excluded),
            (NoteSeverity.INFO, "excluded by exclude_folders", self._below_excluded),
            (NoteSeverity.INFO, "not active", self._not_active),
            (NoteSeverity.WARNING, unclear, self._unclear),
        ):
            if names:
                yield _counted(severity, what, names, self._source)
        if self._is_complete:
            yield from self._unused()
        if not self._is_any_read and self._is_complete:
            text = f"no active project lies below {self._options.scope}, at any depth"
            if self._excluded or self._below_excluded:
                text = f"no project is left to read: all below {self._options.scope} are excluded or not active"
            yield AccountNote(Note(NoteSeverity.WARNING, text, (Evidence(self._source, "projects", "none"),)))
        if inventory.read and self._is_complete:
            known = frozenset(one.name for seen in inventory.clusters.values() for one in seen)
            for name in self._base.unseen(known):
                text = f"clusters names {name}, which Cloud Asset Inventory does not know as of {inventory.read}"
                read = Evidence(LIST_ASSETS, CLUSTER, f"no {name} as of {inventory.read}")
                yield AccountNote(Note(NoteSeverity.WARNING, text, (read,)))

    def _unused(self) -> Iterator[AccountNote]:
        """Name what is to be left out and is nowhere: a typing mistake, or something that has been renamed."""
        options = self._options
        for key, what, given in (
            ("exclude_projects", "project", options.exclude_projects),
            ("exclude_folders", "folder", options.exclude_folders),
        ):
            idle = ", ".join(one for one in given if one not in self._used)
            if idle:
                text = f"{key} names {idle}, which no {what} below {options.scope} matches"
                read = Evidence(self._source, f"{what}s", "no match")
                yield AccountNote(Note(NoteSeverity.WARNING, text, (read,)))


def _above(inventory: Inventory, number: str) -> tuple[str, ...]:
    """Give what is above a project, from its parent on, as its clusters' entries tell."""
    found: list[str] = []
    parent = inventory.parents.get(f"projects/{number}", "")
    while parent and parent not in found:
        found.append(parent)
        parent = inventory.parents.get(parent, "")
    return tuple(found)


def _unchecked(failure: CollectionFailure) -> AccountNote:
    """Say that nobody tells whether the inventory lacks projects."""
    text = (
        f"whether Cloud Asset Inventory knows all projects was not checked: {failure.scope} could not be listed:"
        f" {failure.reason}"
    )
    read = Evidence(failure.operation, failure.scope, failure.reason)
    return AccountNote(Note(NoteSeverity.WARNING, text, (read,)))


def _not_asked(error: CollectionError, what: str, instead: str) -> AccountNote:
    """Say that the inventory did not answer, and what was done instead."""
    text = f"Cloud Asset Inventory could not tell {what}, so that {instead}: {error.what}"
    if error.hint:
        text = f"{text} ({error.hint})"
    return AccountNote(Note(NoteSeverity.WARNING, text, (Evidence(LIST_ASSETS, PROJECT, error.said or error.what),)))


def _counted(severity: NoteSeverity, what: str, names: Iterable[str], source: str) -> AccountNote:
    """Say something of some projects, of which the first are named."""
    listed = sorted(names)
    more = f" and {len(listed) - _MOST_TOLD} more" if len(listed) > _MOST_TOLD else ""
    shown = ", ".join(listed[:_MOST_TOLD]) + more
    plural = "project is" if len(listed) == 1 else "projects are"
    return AccountNote(
        Note(severity, f"{len(listed)} {plural} {what}: {shown}", (Evidence(source, "projects", shown),))
    )
