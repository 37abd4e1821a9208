"""Reads one account: its subscriptions, their clusters, and all that the audit logs of each depend on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import datetime

from providers.aks.calls import Calls, outcome
from providers.aks.discovery import Discovery, kinds_of
from providers.aks.exports import exporters, names_groups
from providers.aks.facts import (
    Category,
    Cluster,
    ClusterFacts,
    Destination,
    DestinationKind,
    DiagnosticSetting,
    Read,
    Table,
    Workspace,
)
from providers.aks.failures import ResourceGoneError, evidence
from providers.aks.graph import QUERY
from providers.aks.normalise import normalise
from providers.aks.observed import Newest, newest_records
from providers.aks.options import AksOptions
from providers.aks.organization_options import DiscoveredAksOptions, KnownSubscription
from providers.aks.permissions import LIST_CLUSTERS, READ_SETTINGS
from providers.aks.session import SIGN_IN, Connection, Connections
from providers.aks.stores import table_name
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
    connections: Connections, options: AksOptions | DiscoveredAksOptions, context: CollectContext
) -> AsyncGenerator[Collected, None]:
    """Read one account, yielding each cluster as soon as it is known; one that is shown to have none is not asked."""
    known = None
    if isinstance(options, DiscoveredAksOptions):
        known, options = options.known, options.whole()
        if known.is_empty:
            yield AccountIdentity(known.subscription.id)
            yield _seen_to_be_empty(known)
            return
    whole = options
    async with aclosing(emitted(lambda emit: _read_account(connections, whole, known, context, emit))) as items:
        async for item in items:
            yield item


async def _read_account(
    connections: Connections,
    options: AksOptions,
    known: KnownSubscription | None,
    context: CollectContext,
    emit: Emit,
) -> None:
    """Connect, then read the clusters at the same time."""
    context.waits(f"{options.scope}: {SIGN_IN}")
    try:
        connection = await connections.take(options, context.scan, known.origin.answers if known else None)
    except CollectionError as error:
        emit(CollectionFailure.of(error, "account", operation=SIGN_IN, whole_account=True))
        return
    try:
        tenant = f"tenant {connection.tenant}" if options.tenant and connection.tenant else ""
        emit(AccountIdentity(tenant or options.scope))
        await _AccountReader(connection, options, context, emit).read(known)
    finally:
        with suppress(asyncio.CancelledError):
            await connections.release(options, context.scan, connection)


class _AccountReader:
    """Reads the clusters of one account."""

    def __init__(self, connection: Connection, options: AksOptions, context: CollectContext, emit: Emit) -> None:
        """Know what to read and where to put it."""
        self._connection = connection
        self._calls = Calls(connection, context)
        self._options = options
        self._context = context
        self._emit = emit
        self._names: set[str] = set()
        self._left_out: dict[str, list[str]] = {}
        self._listed: dict[str, int] = {}
        # Of thousands of clusters only so many are in hand at once, so that memory does not grow with their number.
        self._in_hand = asyncio.Semaphore(2 * context.scan.max_calls)

    async def read(self, known: KnownSubscription | None) -> None:
        """Find the clusters and read each as soon as it is known."""
        discovery = Discovery(self._connection, self._calls, self._options, self._emit, self._context.waits, known)
        async with asyncio.TaskGroup() as tasks:
            async for cluster in discovery.clusters():
                if not self._is_wanted(cluster):
                    continue
                await self._in_hand.acquire()
                task = tasks.create_task(self._read_cluster(cluster))
                task.add_done_callback(lambda _: self._in_hand.release())
        self._note_left_out()
        # Of an organisation's subscriptions few have a cluster of some name: that one lacks it is no mistake.
        if discovery.is_complete and known is None:
            for name in self._options.missing_of(frozenset(self._names)):
                self._emit(_not_there(name))

    def _is_wanted(self, cluster: Cluster) -> bool:
        """Say whether a cluster is to be read, and keep count of those that are not."""
        place = cluster.subscription.id
        self._names.add(cluster.name.lower())
        self._listed[place] = self._listed.get(place, 0) + 1
        wanted = self._options.wants(cluster.name)
        if not wanted:
            self._left_out.setdefault(place, []).append(cluster.name)
        return wanted

    async def _read_cluster(self, cluster: Cluster) -> None:
        """Read the settings of one cluster, then what they name, and emit what was observed."""
        settings = await outcome(self._calls.settings(cluster))
        if isinstance(settings, ResourceGoneError):
            self._emit(_deleted(settings, cluster))
            return
        facts = ClusterFacts(self._context.account, self._connection.identity, cluster, settings)
        if not isinstance(settings, CollectionError):
            facts = await self._follow(facts, settings)
        self._emit(normalise(facts, self._context.rule, self._context.started))

    async def _follow(self, facts: ClusterFacts, settings: tuple[DiagnosticSetting, ...]) -> ClusterFacts:
        """Read what the settings lead to: the members of groups, destinations, tables, transformations, records.

        One after the other: nearly all of it is shared with other clusters and at hand already.
        """
        if names_groups(settings):
            facts = replace(facts, groups=await self._calls.groups(facts.cluster))
        used = {
            (destination.key, table_name(facts.cluster, one.setting, category)): destination
            for category in Category
            for one in exporters(facts, category)
            for destination in one.setting.destinations
        }
        stores = {one.key: await self._calls.store(one) for one in used.values()}
        if not all(exporters(facts, one) for one in (Category.AUDIT, Category.GUARD)):
            # What is missing is best sent to a workspace that the cluster uses already, if that takes records.
            others = [one for setting in settings for one in setting.destinations if one.key not in stores]
            for one in others:
                if one.kind is DestinationKind.WORKSPACE:
                    stores[one.key] = await self._calls.store(one)
        tables: dict[tuple[str, str], Read[Table]] = {}
        rules: dict[str, Read[Mapping[str, str]]] = {}
        newest: dict[str, Read[Mapping[str, datetime]]] = {}
        for (key, name), destination in used.items():
            workspace = stores[key]
            if not isinstance(workspace, Workspace):
                continue
            tables[key, name] = await self._calls.table(destination, name)
            if workspace.rule_id:
                rules[workspace.rule_id.lower()] = await self._calls.transformations(workspace.rule_id)
            if self._context.rule.observe:
                newest[key] = await self._newest(facts.cluster, workspace, destination)
        observed = newest if self._context.rule.observe else None
        return replace(facts, stores=stores, tables=tables, transformations=rules, newest=observed)

    async def _newest(
        self, cluster: Cluster, workspace: Workspace, destination: Destination
    ) -> Read[Mapping[str, datetime]]:
        """Give a cluster's newest records in a workspace, which is asked once for all clusters."""
        hours = self._context.rule.lookback_hours
        found: Read[Newest] = await self._connection.answers.once(
            ("newest", destination.key, str(hours)),
            self._context.account,
            lambda: outcome(newest_records(self._connection, self._context.waits, workspace, destination.name, hours)),
        )
        return found if isinstance(found, CollectionError) else found.get(cluster.id.lower(), {})

    def _note_left_out(self) -> None:
        """Say how many clusters the configuration leaves out, so that none is absent without a word."""
        for place, names in sorted(self._left_out.items()):
            listed = ", ".join(sorted(names))
            text = (
                f"{len(names)} of {self._listed[place]} clusters in subscription {place} are left out by clusters and"
                f" exclude_clusters: {listed}"
            )
            self._emit(
                AccountNote(
                    Note(NoteSeverity.INFO, text, (Evidence(LIST_CLUSTERS, "value[].name", listed),)),
                    left_out=len(names),
                )
            )


def _seen_to_be_empty(known: KnownSubscription) -> AccountNote:
    """Say why a subscription was not asked, and what shows that there is nothing to be asked for."""
    kinds = " and no ".join(clusters for _, clusters in kinds_of(arc=known.origin.options.arc).values())
    text = (
        f"not asked itself: Resource Graph sees the subscription and no {kinds} in it, and the identity may list them"
        " there; one that was made within the last minutes may be missing"
    )
    place = f"resourcecontainers[/subscriptions/{known.subscription.id}].state"
    seen = Evidence(QUERY, place, known.subscription.state or "absent")
    read = (seen, Evidence(QUERY, "resources", "no row of the subscription"), *known.origin.sight)
    return AccountNote(Note(NoteSeverity.INFO, text, read))


def _not_there(name: str) -> CollectionFailure:
    """Report a cluster that the configuration names, and that no subscription has."""
    return CollectionFailure(
        kind=FailureKind.NOT_FOUND,
        scope=f"cluster {name}",
        operation=LIST_CLUSTERS,
        reason=f"no subscription that was read lists a cluster {name}, which the account's clusters ask for",
        hint="correct the name, or the subscriptions that are read",
    )


def _deleted(error: ResourceGoneError, cluster: Cluster) -> AccountNote:
    """Note a cluster that was deleted after it was listed."""
    text = f"cluster {cluster.name} in subscription {cluster.subscription.id} was deleted while the account was read"
    return AccountNote(Note(NoteSeverity.INFO, text, (evidence(error, READ_SETTINGS),)))
