"""Reads one account: its projects, and of each that has clusters all that their audit log depends on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress

from google.cloud import resourcemanager_v3

from providers.gke.calls import LIST_CLUSTERS, LIST_PROJECTS, Calls, is_denied, outcome
from providers.gke.facts import Ancestor, Bucket, ProjectFacts, Read, Sink
from providers.gke.failures import ServiceDisabledError
from providers.gke.normalise import cluster_facts, normalise
from providers.gke.options import GkeOptions
from providers.gke.routing import bucket_named_by
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
from scanner.ports import CollectContext

Emit = Callable[[Collected], None]

_DEEPEST = 12
"""Folders lie at most ten deep; a longer way up is no real one."""


async def collect(
    connections: Connections, options: GkeOptions, context: CollectContext
) -> AsyncGenerator[Collected, None]:
    """Read one account, yielding each cluster as soon as it is known."""
    queue: asyncio.Queue[Collected | None] = asyncio.Queue()
    reader = asyncio.create_task(_read_account(connections, options, context, queue.put_nowait))
    reader.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (item := await queue.get()) is not None:
            yield item
        await reader  # raises what the reader ended with: a bug
    finally:
        reader.cancel()
        await asyncio.wait([reader])


async def _read_account(connections: Connections, options: GkeOptions, context: CollectContext, emit: Emit) -> None:
    """Connect, then read the projects at the same time."""
    try:
        connection = await connections.take(options, context.scan)
    except CollectionError as error:
        emit(CollectionFailure.of(error, "account", operation="google.auth", whole_account=True))
        return
    try:
        emit(AccountIdentity(options.scope))
        await _AccountReader(connection, options, context, emit).read()
    finally:
        with suppress(asyncio.CancelledError):
            await connections.release(options, context.scan, connection)


class _AccountReader:
    """Reads the projects of one account."""

    def __init__(self, connection: Connection, options: GkeOptions, context: CollectContext, emit: Emit) -> None:
        """Know what to read and where to put it."""
        self._connection = connection
        self._calls = Calls(connection, context.waits)
        self._options = options
        self._context = context
        self._emit = emit
        self._names: set[str] = set()
        self._is_complete = True
        self._left_out: list[str] = []
        # Of thousands of projects only so many are in hand at once, so that memory does not grow with their number.
        self._in_hand = asyncio.Semaphore(2 * context.scan.max_calls)

    async def read(self) -> None:
        """Find the projects and read each as soon as it is known."""
        async with asyncio.TaskGroup() as tasks:
            async for name, project in self._projects():
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
        if self._is_complete:
            for name in self._options.missing_of(frozenset(self._names)):
                self._emit(_not_there(name))

    async def _projects(self) -> AsyncIterator[tuple[str, resourcemanager_v3.Project | None]]:
        """Give the projects that are named, or all active ones at any depth below a folder or organisation."""
        for name in self._options.named_projects:
            yield name, None
        root = self._options.scope
        waiting = [root] if self._options.folder or self._options.organization else []
        while waiting:
            parent = waiting.pop()
            try:
                async for project in self._calls.projects_below(parent):
                    if project.state == resourcemanager_v3.Project.State.ACTIVE:
                        yield project.project_id, project
            except CollectionError as error:
                self._fail(error, parent, whole_account=parent == root)
                if parent == root:
                    return
            try:
                async for folder in self._calls.folders_below(parent):
                    waiting.append(folder)  # noqa: PERF401 - a failure half way must keep what was found
            except CollectionError as error:
                self._fail(error, f"folders of {parent}")

    def _fail(self, error: CollectionError, scope: str, *, whole_account: bool = False) -> None:
        """Tell what is missing from the account."""
        self._is_complete = False
        self._emit(CollectionFailure.of(error, scope, whole_account=whole_account))

    async def _read_project(self, name: str, project: resourcemanager_v3.Project | None) -> None:
        """List a project's clusters; nothing else of it is read where it has none."""
        answer = await outcome(self._calls.clusters(name))
        if isinstance(answer, ServiceDisabledError):
            text = f"project {name} has no GKE clusters: {answer.what}"
            read = (Evidence(LIST_CLUSTERS, f"projects/{name}", answer.said),)
            self._emit(AccountNote(Note(NoteSeverity.INFO, text, read)))
            return
        if isinstance(answer, CollectionError):
            is_all = self._options.named_projects == (name,)
            self._fail(answer, f"project {name}", whole_account=is_all)
            return
        if answer.missing_zones:
            self._is_complete = False
            self._emit(_missing_zones(name, tuple(answer.missing_zones)))
        names = [cluster.name for cluster in answer.clusters]
        self._names.update(names)
        self._note_left_out(name, names)
        wanted = [cluster for cluster in answer.clusters if self._options.wants(cluster.name)]
        if not wanted:
            return
        facts = await self._project_facts(name, project)
        for cluster in wanted:
            self._emit(normalise(cluster_facts(facts, cluster), self._connection.identity))

    async def _project_facts(self, name: str, project: resourcemanager_v3.Project | None) -> ProjectFacts:
        """Read all that the clusters of a project have in common, at the same time."""
        async with asyncio.TaskGroup() as tasks:
            audit = tasks.create_task(outcome(self._calls.audit_configs(f"projects/{name}")))
            sinks = tasks.create_task(outcome(self._calls.sinks(name)))
            buckets = tasks.create_task(outcome(self._calls.buckets(name)))
            above = tasks.create_task(self._above(name, project))
        number, ancestors, known = above.result()
        known = await self._seen_from_below(name, known)
        listed = buckets.result()
        own = {} if isinstance(listed, CollectionError) else listed
        every_sink = [sinks.result(), *(one.sinks for one in known)]
        return ProjectFacts(
            account=self._context.account,
            project_id=name,
            number=number,
            audit=audit.result(),
            sinks=sinks.result(),
            buckets=own | await self._buckets_elsewhere(name, number, every_sink),
            unlisted=listed if isinstance(listed, CollectionError) else None,
            ancestors=known if not isinstance(ancestors, CollectionError) else ancestors,
            known_ancestors=known,
        )

    async def _above(
        self, name: str, project: resourcemanager_v3.Project | None
    ) -> tuple[str, Read[tuple[Ancestor, ...]], tuple[Ancestor, ...]]:
        """Walk up to the organisation; gives the project's number, and what is above it as far as it could be found."""
        try:
            found = project or await self._calls.project(name)
        except CollectionError as error:
            return "", error, ()
        number = found.name.removeprefix("projects/")
        names: list[str] = []
        parent, lost = found.parent, None
        while parent and len(names) < _DEEPEST:
            names.append(parent)
            if not parent.startswith("folders/"):
                break
            try:
                parent = await self._calls.parent_of_folder(parent)
            except CollectionError as error:
                lost = error
                break
        known = tuple(await asyncio.gather(*(self._ancestor(one) for one in names)))
        return number, lost or known, known

    async def _ancestor(self, name: str) -> Ancestor:
        """Read a folder or organisation."""
        audit, sinks = await asyncio.gather(
            outcome(self._calls.shared_audit_configs(name)), outcome(self._calls.ancestor_sinks(name))
        )
        return Ancestor(name, audit, sinks)

    async def _seen_from_below(self, name: str, known: tuple[Ancestor, ...]) -> tuple[Ancestor, ...]:
        """Ask the project itself for sinks above it, where those above may not be asked; those that intercept show."""
        if not any(is_denied(one.sinks) for one in known):
            return known
        seen = await outcome(self._calls.sinks_above(name))
        if isinstance(seen, CollectionError):
            return known
        return tuple(
            Ancestor(one.name, one.audit, tuple(sink for sink in seen if sink.parent == one.name))
            if is_denied(one.sinks)
            else one
            for one in known
        )

    async def _buckets_elsewhere(
        self, name: str, number: str, every_sink: list[Read[tuple[Sink, ...]]]
    ) -> dict[str, Read[Bucket]]:
        """Read the log buckets of other projects that sinks name."""
        named = {
            bucket
            for sinks in every_sink
            if not isinstance(sinks, CollectionError)
            for sink in sinks
            if not sink.disabled and (bucket := bucket_named_by(sink)) is not None
        }
        others = sorted(one for one in named if one.split("/")[1] not in (name, number))
        found = await asyncio.gather(*(outcome(self._calls.bucket(one)) for one in others))
        return dict(zip(others, found, strict=True))

    def _note_left_out(self, project: str, names: list[str]) -> None:
        """Say how many clusters the configuration leaves out, so that none is absent without a word."""
        left_out = sorted(name for name in names if not self._options.wants(name))
        if left_out:
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
