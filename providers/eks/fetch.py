"""Reads one AWS account: its regions, their clusters and log groups, all at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace

from providers.eks.calls import (
    ASSUME_ROLE,
    DESCRIBE_CLUSTER,
    DESCRIBE_REGIONS,
    GET_CALLER_IDENTITY,
    LIST_CLUSTERS,
    LIST_REGIONS,
    Calls,
)
from providers.eks.facts import (
    AccountFacts,
    ClusterFacts,
    LogGroup,
    Read,
    SeenCluster,
    T,
    enabled_log_types,
    log_group_name,
)
from providers.eks.failures import SDK_ERRORS, evidence, translate
from providers.eks.known import KnownAccount, Sightings, known_account
from providers.eks.normalise import normalise
from providers.eks.options import EksOptions
from providers.eks.organization_options import DiscoveredEksOptions
from providers.eks.session import Pool, Pools, home_regions
from scanner.errors import CollectionError, NotFound
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


async def collect(pools: Pools, options: EksOptions, context: CollectContext) -> AsyncGenerator[Collected, None]:
    """Read one account, yielding each cluster as soon as it is known."""
    async with aclosing(emitted(lambda emit: _read_account(pools, options, context, emit))) as items:
        async for item in items:
            yield item


async def _read_account(pools: Pools, options: EksOptions, context: CollectContext, emit: Emit) -> None:
    """Get into the account, then read its regions at the same time; one that an inventory knows to be empty is left."""
    pool = pools.get(context.scan)
    known = await _known(pool, options, context, emit)
    if known is not None and known.is_empty:
        emit(AccountIdentity(known.account_id))
        emit(known.as_empty())
        return
    entered = await enter(pool, options, context)
    if isinstance(entered, CollectionFailure):
        emit(entered)
        _emit_unread(known, entered, options, context, emit)
        return
    calls, account = entered
    emit(AccountIdentity(account.account_id))
    await _read_regions(calls, account, options, known, context, emit)


async def _known(pool: Pool, options: EksOptions, context: CollectContext, emit: Emit) -> KnownAccount | None:
    """Ask what inventories know of the account; None where none was asked."""
    origin = options.origin if isinstance(options, DiscoveredEksOptions) else None
    if origin is None or not isinstance(options, DiscoveredEksOptions):
        return None
    regions = options.regions if isinstance(options.regions, tuple) else None
    if regions is None:
        try:
            session = await pool.session(origin.hub.profile)
            hub = Calls(pool.caller(session, origin.hub, origin.home_region, context.limits), context.waits)
            regions = await hub.regions_of(options.account_id, origin.hub_account)
        except CollectionError as error:
            text = f"every region is listed, because {LIST_REGIONS} did not say which there are: {error.what}"
            emit(AccountNote(Note(NoteSeverity.WARNING, text, (evidence(error, LIST_REGIONS),))))
    return known_account(options, origin, regions)


def _emit_unread(
    known: KnownAccount | None, entered: CollectionFailure, options: EksOptions, context: CollectContext, emit: Emit
) -> None:
    """Report the clusters of an account that could not be entered, as far as an inventory names them."""
    if known is None:
        return
    account = AccountFacts(context.account, known.account_id, known.identity)
    error = CollectionError(entered.reason, where=entered.operation, hint=entered.hint, permission=entered.permission)
    for region, clusters in known.clusters.items():
        for name, seen in clusters.items():
            if options.wants(name):
                facts = ClusterFacts(account, region, name, error, error, seen=seen)
                emit(normalise(facts, context.rule, context.started))


async def enter(
    pool: Pool, options: EksOptions, context: CollectContext
) -> tuple[Calls, AccountFacts] | CollectionFailure:
    """Find credentials and whose they are, in the first region that answers; the first one's error if none does."""
    operation, who = (GET_CALLER_IDENTITY, "the source credentials")
    if options.role_arn is not None:
        operation, who = (ASSUME_ROLE, options.role_arn)
    context.waits(f"{operation} of {who}")
    try:
        session = await pool.session(options.profile)
        regions = home_regions(session, options)
    except SDK_ERRORS as error:
        return CollectionFailure.of(
            translate(error, operation, who), "account", operation=operation, whole_account=True
        )
    failures = []
    for region in regions:
        caller = pool.caller(session, options, region, context.limits)
        calls = Calls(caller, context.waits)
        step = operation
        try:
            await caller.keys.get()
            step = GET_CALLER_IDENTITY
            account_id, identity = await calls.identity()
        except (*SDK_ERRORS, CollectionError) as error:
            found = translate(error, step, f"{who} in {region}")
            failures.append(CollectionFailure.of(found, "account", operation=step, whole_account=True))
            continue
        return calls, AccountFacts(context.account, account_id, identity)
    return failures[0]


async def _read_regions(
    calls: Calls,
    account: AccountFacts,
    options: EksOptions,
    known: KnownAccount | None,
    context: CollectContext,
    emit: Emit,
) -> None:
    """Find out which regions there are, then read each in a task of its own."""
    try:
        to_list = await _regions(calls, options, known)
    except CollectionError as error:
        emit(CollectionFailure.of(error, "account", operation=DESCRIBE_REGIONS, whole_account=True))
        return
    clusters: Mapping[str, Sightings] = {} if known is None else known.clusters
    reading = []
    async with asyncio.TaskGroup() as tasks:
        for region in dict.fromkeys([*to_list, *clusters]):
            reader = _RegionReader(region, account, calls, options, context, emit, clusters.get(region, {}))
            reading.append(tasks.create_task(reader.read() if region in to_list else reader.read_seen()))
    listed = [reader.result() for reader in reading]
    # Of an organisation's accounts few have a cluster of some name: that one lacks it is no mistake.
    if None not in listed and not isinstance(options, DiscoveredEksOptions):
        found = frozenset[str]().union(*(names for names in listed if names))
        for name in options.missing_of(found):
            emit(_not_there(name))


async def _regions(calls: Calls, options: EksOptions, known: KnownAccount | None) -> tuple[str, ...]:
    """Give the regions whose clusters are to be listed."""
    if known is not None and known.to_list is not None:
        return known.to_list
    return options.regions if isinstance(options.regions, tuple) else await calls.regions()


class _RegionReader:
    """Reads the clusters of one region of one account."""

    def __init__(
        self,
        region: str,
        account: AccountFacts,
        calls: Calls,
        options: EksOptions,
        context: CollectContext,
        emit: Emit,
        seen: Sightings,
    ) -> None:
        """Know what to read, where to put it, and what inventories saw of it."""
        self._region = region
        self._account = account
        self._calls = calls
        self._options = options
        self._context = context
        self._emit = emit
        self._seen = seen
        self._log_groups: asyncio.Task[Read[dict[str, LogGroup]]] | None = None
        self._is_behind = False

    async def read(self, done: frozenset[str] = frozenset()) -> frozenset[str] | None:
        """List the clusters, and read each as soon as its name is known, then those that only an inventory knows.

        Gives the names of all clusters, None where not all of them could be listed; those `done` are not read again.
        """
        names: set[str] = set()
        complete = True
        async with asyncio.TaskGroup() as tasks:
            try:
                async for page in self._calls.cluster_names(self._region):
                    self._start(tasks, [name for name in page if name not in names and name not in done])
                    names.update(page)
            except CollectionError as error:
                complete = False
                self._emit(CollectionFailure.of(error, f"region {self._region}", operation=LIST_CLUSTERS))
            self._start(tasks, [name for name in self._seen if name not in names and name not in done])
        self._note_left_out(names)
        return frozenset(names) if complete else None

    async def read_seen(self) -> frozenset[str] | None:
        """Read the clusters that inventories saw; where one of them is gone, they are behind, and all are listed."""
        async with asyncio.TaskGroup() as tasks:
            self._start(tasks, self._seen)
        if self._is_behind:
            return await self.read(done=frozenset(self._seen))
        self._note_left_out(set(self._seen))
        return frozenset(self._seen)

    def _start(self, tasks: asyncio.TaskGroup, names: Iterable[str]) -> None:
        """Begin to read the wanted ones of some clusters, and beside them, once, the region's log groups."""
        for name in names:
            if self._options.wants(name):
                self._log_groups = self._log_groups or tasks.create_task(self._read_log_groups())
                tasks.create_task(self._read_cluster(name, self._log_groups))

    async def _read_cluster(self, name: str, log_groups: asyncio.Task[Read[dict[str, LogGroup]]]) -> None:
        """Read one cluster and all that belongs to it, and emit what was observed."""
        seen = self._seen.get(name, ())
        cluster = await _outcome(self._calls.cluster(self._region, name))
        if isinstance(cluster, NotFound):
            self._is_behind |= bool(seen)
            self._emit(_deleted(cluster, name, self._region, seen))
            return
        groups = await log_groups
        group = groups if isinstance(groups, CollectionError) else groups.get(log_group_name(name))
        facts = ClusterFacts(self._account, self._region, name, cluster, group, seen=seen)
        if not isinstance(cluster, CollectionError) and isinstance(group, LogGroup) and enabled_log_types(cluster):
            wanted = enabled_log_types(cluster)
            filters, streams = await asyncio.gather(
                _outcome(self._calls.subscription_filters(self._region, group.name)),
                _outcome(self._calls.streams(self._region, group.name, wanted)),
            )
            facts = replace(facts, filters=filters, streams=streams)
        self._emit(normalise(facts, self._context.rule, self._context.started))

    async def _read_log_groups(self) -> Read[dict[str, LogGroup]]:
        """List the region's log groups, or say why they could not be listed."""
        return await _outcome(self._calls.log_groups(self._region))

    def _note_left_out(self, names: set[str]) -> None:
        """Say how many clusters the configuration leaves out, so that none is absent without a word."""
        left_out = sorted(name for name in names if not self._options.wants(name))
        if left_out:
            text = (
                f"{len(left_out)} of {len(names)} clusters in {self._region} are left out by clusters and"
                f" exclude_clusters: {', '.join(left_out)}"
            )
            read = (Evidence(LIST_CLUSTERS, "clusters", ", ".join(left_out)),)
            self._emit(AccountNote(Note(NoteSeverity.INFO, text, read), left_out=len(left_out)))


async def _outcome(call: Awaitable[T]) -> Read[T]:
    """Make a call whose failure costs only a part of a cluster, and give the failure instead of raising it."""
    try:
        return await call
    except CollectionError as error:
        return error


def _not_there(name: str) -> CollectionFailure:
    """Report a cluster that the configuration names, and that no region has."""
    return CollectionFailure(
        kind=FailureKind.NOT_FOUND,
        scope=f"cluster {name}",
        operation=LIST_CLUSTERS,
        reason=f"no region that was read lists a cluster {name}, which the account's clusters ask for",
        hint="correct the name, or the regions that are read",
    )


def _deleted(error: NotFound, name: str, region: str, seen: tuple[SeenCluster, ...]) -> AccountNote:
    """Note a cluster that was deleted after it was listed, or after an inventory saw it."""
    text = f"cluster {name} in {region} was deleted while the account was read"
    if seen:
        had = " and ".join(f"{one.inventory.name} had {one.when}" for one in seen)
        text = f"cluster {name} in {region}, which {had}, is gone: the region is listed"
    return AccountNote(Note(NoteSeverity.INFO, text, (evidence(error, DESCRIBE_CLUSTER),)))
