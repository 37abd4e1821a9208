"""Reads one account: its projects, and of each that has clusters all that their audit log depends on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta

from providers.gke.calls import LIST_CLUSTERS, LIST_FOLDERS, LIST_PROJECTS, Calls, outcome
from providers.gke.facts import ClusterFacts, Project
from providers.gke.failures import ServiceDisabledError
from providers.gke.known import KnownCalls, differences, nothing_there
from providers.gke.logs import LOG_IDS, entries_filter
from providers.gke.normalise import Normaliser, cluster_facts
from providers.gke.options import GkeOptions
from providers.gke.organization_options import DiscoveredGkeOptions, Known
from providers.gke.project import ProjectReader
from providers.gke.session import Connection, Connections
from scanner.errors import CollectionError
from scanner.model import (
    AccountIdentity,
    AccountNote,
    Collected,
    CollectionFailure,
    Evidence,
    FailureKind,
    Note,
    NoteSeverity,
)
from scanner.ports import CollectContext, Emit, emitted


async def collect(
    connections: Connections, options: GkeOptions, context: CollectContext
) -> AsyncGenerator[Collected, None]:
    """Read one account, yielding each cluster as soon as it is known."""
    async with aclosing(emitted(lambda emit: _read_account(connections, options, context, emit))) as items:
        async for item in items:
            yield item


async def _read_account(connections: Connections, options: GkeOptions, context: CollectContext, emit: Emit) -> None:
    """Connect, then read the projects at the same time; what an inventory shows to be empty is not asked."""
    known = options.known if isinstance(options, DiscoveredGkeOptions) else None
    if known is not None and known.is_empty:
        emit(AccountIdentity(options.scope))
        emit(nothing_there(known, options.named_projects[0]))
        return
    try:
        connection = await connections.take(options, context.scan)
    except CollectionError as error:
        emit(CollectionFailure.of(error, "account", operation="google.auth", whole_account=True))
        return
    try:
        emit(AccountIdentity(options.scope))
        await _AccountReader(connection, options, context, emit, known).read()
    finally:
        with suppress(asyncio.CancelledError):
            await connections.release(options, context.scan, connection)


class _AccountReader:
    """Reads the projects of one account."""

    def __init__(
        self, connection: Connection, options: GkeOptions, context: CollectContext, emit: Emit, known: Known | None
    ) -> None:
        """Know what to read and where to put it, and what an organisation's discovery found out before."""
        self._connection = connection
        self._known = known
        self._calls = Calls(connection, context) if known is None else KnownCalls(connection, context, known)
        self._projects_read = ProjectReader(self._calls, context.account)
        self._options = options
        self._context = context
        self._emit = emit
        self._names: set[str] = set()
        self._is_complete = True
        self._found = 0
        self._left_out: list[str] = []
        # Of thousands of projects only so many are in hand at once, so that memory does not grow with their number.
        self._in_hand = asyncio.Semaphore(2 * context.scan.max_calls)

    async def read(self) -> None:
        """Find the projects and read each as soon as it is known."""
        async with asyncio.TaskGroup() as tasks:
            async for name, project in self._projects():
                self._found += 1
                if not self._options.wants_project(name):
                    self._left_out.append(name)
                    continue
                await self._in_hand.acquire()
                task = tasks.create_task(self._read_project(name, project))
                task.add_done_callback(lambda _: self._in_hand.release())
        if self._left_out:
            text = (
                f"{len(self._left_out)} projects are left out by exclude_projects: {', '.join(sorted(self._left_out))}"
            )
            read = (Evidence(LIST_PROJECTS, "projects", ", ".join(sorted(self._left_out))),)
            self._emit(AccountNote(Note(NoteSeverity.INFO, text, read)))
        if self._is_complete and not self._found:
            text = f"no active project lies below {self._options.scope}, at any depth"
            self._emit(AccountNote(Note(NoteSeverity.WARNING, text, (Evidence(LIST_PROJECTS, "projects", "none"),))))
        if self._is_complete:
            for name in self._options.missing_of(frozenset(self._names)):
                self._emit(_not_there(name))

    async def _projects(self) -> AsyncIterator[tuple[str, Project | None]]:
        """Give the projects that are named, or all active ones at any depth below a folder or organisation."""
        for name in self._options.named_projects:
            yield name, None
        # A list that changes between its pages may show a project, or a folder, on two of them.
        seen: set[str] = set()
        root = self._options.scope
        waiting = [root] if self._options.folder or self._options.organization else []
        while waiting:
            parent = waiting.pop()
            try:
                async for project in self._calls.projects_below(parent):
                    if project.is_active and project.name not in seen:
                        seen.add(project.name)
                        yield project.project_id, project
            except CollectionError as error:
                self._fail(error, LIST_PROJECTS, parent, whole_account=parent == root)
                if parent == root:
                    return
            try:
                async for folder in self._calls.folders_below(parent):
                    if folder not in seen:
                        seen.add(folder)
                        waiting.append(folder)
            except CollectionError as error:
                self._fail(error, LIST_FOLDERS, f"folders of {parent}")

    def _fail(self, error: CollectionError, operation: str, scope: str, *, whole_account: bool = False) -> None:
        """Tell what is missing from the account."""
        self._is_complete = False
        self._emit(CollectionFailure.of(error, scope, operation=operation, whole_account=whole_account))

    async def _read_project(self, name: str, project: Project | None) -> None:
        """List a project's clusters; nothing else of it is read where it has none."""
        answer = await outcome(self._calls.clusters(name))
        if isinstance(answer, ServiceDisabledError) and await self._is_of(name, project, answer.consumer):
            text = f"project {name} has no GKE clusters: {answer.what}"
            read = (Evidence(LIST_CLUSTERS, f"projects/{name}", answer.said),)
            self._emit(AccountNote(Note(NoteSeverity.INFO, text, read)))
            for note in self._differences(name, ()):
                self._emit(note)
            return
        if isinstance(answer, CollectionError):
            for note in self._differences(name, None):
                self._emit(note)
            is_all = self._options.named_projects == (name,)
            self._fail(answer, LIST_CLUSTERS, f"project {name}", whole_account=is_all)
            return
        if answer.missing_zones:
            self._is_complete = False
            self._emit(_missing_zones(name, tuple(answer.missing_zones)))
        names = [cluster.name for cluster in answer.clusters]
        places = [(cluster.location or cluster.zone, cluster.name) for cluster in answer.clusters]
        for note in self._differences(name, places):
            self._emit(note)
        self._names.update(names)
        wanted = [cluster for cluster in answer.clusters if self._options.wants(cluster.name)]
        if len(wanted) < len(names):
            self._note_left_out(name, names)
        if not wanted:
            return
        facts = await self._projects_read.read(name, project)
        normaliser = Normaliser(facts, self._connection.identity, self._context.rule)
        for cluster in wanted:
            self._emit(normaliser.cluster(await self._newest(cluster_facts(facts, cluster))))

    def _differences(self, project: str, live: Iterable[tuple[str, str]] | None) -> Iterator[AccountNote]:
        """Say where an inventory and the project itself do not agree on its clusters."""
        return iter(()) if self._known is None else differences(self._known, project, live)

    async def _is_of(self, name: str, project: Project | None, consumer: str) -> bool:
        """Tell whether a project is the one that Google means, which may be that of the credentials instead."""
        if consumer == name:
            return True
        try:
            known = project or await self._calls.project(name)
        except CollectionError:
            return False  # so that nobody knows: the project is reported as not read
        return consumer in (known.project_id, known.name.removeprefix("projects/"))

    async def _newest(self, facts: ClusterFacts) -> ClusterFacts:
        """Look for recent entries of a cluster, where that is asked for."""
        if not self._context.rule.observe:
            return facts
        since = self._context.started - timedelta(hours=self._context.rule.lookback_hours)
        wanted = [entries_filter(facts, log_id, since) for log_id in LOG_IDS]
        project_id = facts.project.project_id
        found = await asyncio.gather(
            *(
                outcome(self._calls.newest_entry(project_id, log_id, one))
                for log_id, one in zip(LOG_IDS, wanted, strict=True)
            )
        )
        return replace(facts, newest=dict(zip(LOG_IDS, found, strict=True)))

    def _note_left_out(self, project: str, names: list[str]) -> None:
        """Say how many clusters the configuration leaves out, so that none is absent without a word."""
        left_out = sorted(name for name in names if not self._options.wants(name))
        text = (
            f"{len(left_out)} of {len(names)} clusters in project {project} are left out by clusters and"
            f" exclude_clusters: {', '.join(left_out)}"
        )
        read = (Evidence(LIST_CLUSTERS, "clusters", ", ".join(left_out)),)
        self._emit(AccountNote(Note(NoteSeverity.INFO, text, read), left_out=len(left_out)))


def _missing_zones(project: str, zones: tuple[str, ...]) -> CollectionFailure:
    """Say which zones did not answer: their clusters may be missing from the list."""
    listed = ", ".join(zones)
    return CollectionFailure(
        FailureKind.UNREACHABLE,
        f"project {project}, zones {listed}",
        LIST_CLUSTERS,
        f"Google did not list the clusters of {listed} (missingZones), so that clusters may be missing",
        hint="try again later",
    )


def _not_there(name: str) -> CollectionFailure:
    """Say that a cluster that is asked for by its full name is nowhere."""
    return CollectionFailure(
        FailureKind.NOT_FOUND,
        f"cluster {name}",
        LIST_CLUSTERS,
        f"no project of the account has a cluster {name}",
        hint="correct clusters in the configuration, or remove the name",
    )
