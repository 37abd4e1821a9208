"""Finds the clusters of an account: in one subscription by its lists, in many through Azure Resource Graph."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final

from providers.aks.calls import CONNECTED, MANAGED, Calls, outcome
from providers.aks.facts import Cluster, Read, Subscription
from providers.aks.failures import NotRegisteredError, evidence
from providers.aks.graph import QUERY, ResourceGraph
from providers.aks.options import AksOptions
from providers.aks.organization_options import KnownSubscription
from providers.aks.permissions import LIST_CLUSTERS, LIST_CONNECTED, READ_PERMISSIONS, READ_SUBSCRIPTIONS
from providers.aks.session import Connection
from scanner.errors import CollectionError, NotFound, PermissionDenied
from scanner.model import (
    AccountNote,
    CollectionFailure,
    Evidence,
    FailureKind,
    Note,
    NoteSeverity,
)
from scanner.ports import Emit, Waits

_NAMED: Final = 10
"""How many subscriptions a sentence names."""
_LISTS: Final = {MANAGED: (LIST_CLUSTERS, "AKS clusters"), CONNECTED: (LIST_CONNECTED, "Arc-connected clusters")}


def kinds_of(*, arc: bool) -> Mapping[str, tuple[str, str]]:
    """Give the kinds of clusters that are read: the action that lists each, and what a person calls it."""
    return _LISTS if arc else {MANAGED: _LISTS[MANAGED]}


class Discovery:
    """Finds clusters, and says what may be missing from them.

    Attributes:
        is_complete: False once some clusters may be missing.
    """

    def __init__(
        self,
        connection: Connection,
        calls: Calls,
        options: AksOptions,
        emit: Emit,
        waits: Waits,
        known: KnownSubscription | None = None,
    ) -> None:
        """Know where to look and whom to tell, and what Resource Graph said of the one subscription of an account."""
        self.is_complete = True
        self._is_unclear = False
        self._known = known
        self._calls = calls
        self._graph = ResourceGraph(connection, waits)
        self._options = options
        self._emit = emit
        self._seen: set[str] = set()

    async def clusters(self) -> AsyncIterator[Cluster]:
        """Give the clusters one by one, each as soon as it is known."""
        found = self._of_one(self._options.subscription) if self._options.subscription else self._of_many()
        async for cluster in found:
            yield cluster

    async def _of_one(self, subscription_id: str) -> AsyncIterator[Cluster]:
        """List the clusters of one subscription, of either kind."""
        subscription = await self._known_or_named(subscription_id)
        if subscription is None:
            return
        failures: dict[str, CollectionError] = {}
        is_anything_read = self._known is not None and bool(self._known.clusters)
        listed: dict[str, str] = {}
        for kind in kinds_of(arc=self._options.arc):
            try:
                async for page in self._calls.clusters(subscription, kind):
                    is_anything_read = is_anything_read or bool(page)
                    for cluster in self._understood(page):
                        listed[cluster.id.lower()] = cluster.name
                        yield cluster
                is_anything_read = is_anything_read or kind == MANAGED
            except NotRegisteredError as error:
                is_anything_read = is_anything_read or kind == MANAGED
                self._emit(_not_registered(error, subscription, kind))
            except CollectionError as error:
                failures[kind] = error
        for kind, failure in failures.items():
            scope = f"{_LISTS[kind][1]} of subscription {subscription.id}"
            self._fail(failure, scope, whole_account=not is_anything_read)
        for cluster in self._compared(subscription, listed, frozenset(failures)):
            yield cluster

    def _compared(
        self, subscription: Subscription, listed: Mapping[str, str], failed: frozenset[str]
    ) -> Iterator[Cluster]:
        """Tell where Resource Graph differs from the lists, which count; give what it names where these failed."""
        known = self._known
        if known is None:
            return
        named = {one.id.lower(): one for one in known.clusters}
        more = [one for key, one in named.items() if key not in listed]
        if self._is_unclear:
            failed = frozenset(_LISTS)
        gone = [one for one in more if (CONNECTED if one.is_arc else MANAGED) not in failed]
        new = [name for key, name in listed.items() if key not in named]
        if gone:
            what = "in Resource Graph and not in the list"
            self._emit(_differing([one.name for one in gone], subscription, what, QUERY))
        if new and known.is_graphed:
            what = "not in Resource Graph, and in the list"
            self._emit(_differing(new, subscription, what, LIST_CLUSTERS))
        for cluster in more:
            if cluster not in gone:
                yield replace(cluster, subscription=subscription)

    async def _known_or_named(self, subscription_id: str) -> Subscription | None:
        """Give the subscription, of which Resource Graph may have told all there is; None where there is none."""
        is_known = self._known is not None and bool(self._known.subscription.state)
        found = self._known.subscription if self._known and is_known else await self._named(subscription_id)
        if found is not None and not found.is_active:
            self._emit(_inactive([found], "read all the same"))
        return found

    async def _named(self, subscription_id: str) -> Subscription | None:
        """Read the subscription's name and state; without the permission to, its clusters are listed all the same."""
        found = await outcome(self._calls.subscription(subscription_id))
        if isinstance(found, NotFound):
            self._fail(found, f"subscription {subscription_id}", whole_account=True)
            return None
        if isinstance(found, CollectionError):
            text = f"name and state of subscription {subscription_id} could not be read: {found.what}"
            self._emit(AccountNote(Note(NoteSeverity.INFO, text, (evidence(found, READ_SUBSCRIPTIONS),))))
            return Subscription(subscription_id)
        return found

    async def _of_many(self) -> AsyncIterator[Cluster]:
        """Ask Resource Graph for the clusters of many subscriptions, then what it may have hidden."""
        try:
            subscriptions = self._chosen(await self._subscriptions())
        except CollectionError as error:
            self._fail(error, self._options.scope, whole_account=True)
            return
        if not subscriptions:
            self._look_for_limit()
            return
        try:
            async for page in self._graph.clusters(subscriptions, arc=self._options.arc):
                for cluster in self._understood(page):
                    yield cluster
        except CollectionError as error:
            self._fail(error, f"clusters of {self._options.scope}")
        self._look_for_limit()
        await self._look_for_hidden(tuple(subscriptions))

    def _understood(self, page: Sequence[Read[Cluster]]) -> Iterator[Cluster]:
        """Give the clusters of a page, and tell of each that could not be understood.

        A list that changes between its pages may show a cluster on two of them.
        """
        for cluster in page:
            if isinstance(cluster, CollectionError):
                self._is_unclear = True
                self._fail(cluster, cluster.where.partition(" of ")[2])
            elif cluster.id.lower() not in self._seen:
                self._seen.add(cluster.id.lower())
                yield cluster

    def _look_for_limit(self) -> None:
        """Say where Resource Graph looked at some subscriptions only: of very many it takes the first."""
        if self._graph.is_cut:
            what = "Resource Graph looked at some of the subscriptions only, as there are more than one query covers"
            hint = "divide them into accounts with fewer subscriptions, named in subscriptions"
            self._fail(CollectionError(what, where=f"{QUERY} of it", hint=hint), f"clusters of {self._options.scope}")

    async def _subscriptions(self) -> tuple[Subscription, ...]:
        """Find the subscriptions to read; those that are asked for by id and not to be seen are told.

        Raises:
            CollectionError: They could not be read, or there are none.
        """
        if self._options.tenant:
            found = await self._calls.subscriptions()
        else:
            found = await self._graph.subscriptions(self._options.subscriptions, self._options.management_group)
        if not found:
            raise PermissionDenied(
                _none_seen(self._options),
                where=READ_SUBSCRIPTIONS,
                permission=READ_SUBSCRIPTIONS,
                hint=f"grant {READ_SUBSCRIPTIONS} there, or correct the scope",
            )
        seen = {one.id for one in found}
        for missing in (one for one in self._options.subscriptions if one not in seen):
            what = "it does not exist, or the identity may not read it"
            hint = f"grant {READ_SUBSCRIPTIONS} there, or correct the id"
            error = PermissionDenied(what, where=QUERY, permission=READ_SUBSCRIPTIONS, hint=hint)
            self._fail(error, f"subscription {missing}")
        return found

    def _chosen(self, found: Sequence[Subscription]) -> Mapping[str, Subscription]:
        """Leave out what the configuration excludes, and what is not active unless it is asked for by its id."""
        excluded = [one for one in found if not self._options.wants_subscription(one.id, one.name)]
        wanted = [one for one in found if one not in excluded]
        inactive = [one for one in wanted if not one.is_active]
        if excluded:
            self._emit(_excluded(excluded))
        for glob in self._options.idle_exclusions((one.id, one.name) for one in found):
            self._emit(_idle(glob))
        if inactive:
            by_name = bool(self._options.subscriptions)
            self._emit(_inactive(inactive, "read all the same" if by_name else "left out"))
            wanted = [one for one in wanted if one.is_active or by_name]
            if not wanted:
                what = "none of its subscriptions is active, so that their clusters were not read"
                hint = "name them in subscriptions to have them read all the same"
                error = CollectionError(what, where=READ_SUBSCRIPTIONS, hint=hint)
                self._fail(error, self._options.scope, whole_account=True)
        return {one.id: one for one in wanted}

    async def _look_for_hidden(self, subscription_ids: tuple[str, ...]) -> None:
        """Say where Resource Graph may hide clusters: it leaves out what the identity may not read, without a word."""
        answers = await asyncio.gather(*(outcome(self._calls.allowed(one)) for one in subscription_ids))
        for subscription_id, allowed in zip(subscription_ids, answers, strict=True):
            for action, clusters in kinds_of(arc=self._options.arc).values():
                failure = _hidden(allowed, action, f"{clusters} of subscription {subscription_id}")
                if failure is not None:
                    self.is_complete = False
                    self._emit(failure)

    def _fail(self, error: CollectionError, scope: str, *, whole_account: bool = False) -> None:
        """Tell what is missing from the account."""
        self.is_complete = False
        operation = error.where.partition(" of ")[0]
        self._emit(CollectionFailure.of(error, scope, operation=operation, whole_account=whole_account))


def may(allowed: Sequence[Mapping[str, Sequence[str]]], action: str) -> bool:
    """Say whether roles allow an action: one of them must, and what another one leaves out does not count."""
    wanted = action.lower()
    return any(
        any(fnmatchcase(wanted, glob.lower()) for glob in one["actions"])
        and not any(fnmatchcase(wanted, glob.lower()) for glob in one["notActions"])
        for one in allowed
    )


def _hidden(allowed: Read[tuple[Mapping[str, Any], ...]], action: str, scope: str) -> CollectionFailure | None:
    """Report that clusters may be missing from what Resource Graph gave; None where the identity may read them all."""
    so = "Resource Graph leaves out what the identity may not read, so that clusters may be missing"
    if isinstance(allowed, CollectionError):
        failure = CollectionFailure.of(allowed, scope)
        return CollectionFailure(
            failure.kind,
            scope,
            READ_PERMISSIONS,
            f"whether the identity may read them all could not be read: {failure.reason}; {so}",
            failure.hint,
            allowed.permission,
        )
    if may(allowed, action):
        return None
    hint = f"grant {action} at the subscription"
    reason = f"{action} is not allowed at the subscription; {so}"
    return CollectionFailure(FailureKind.PERMISSION, scope, QUERY, reason, hint, action)


def _none_seen(options: AksOptions) -> str:
    """Say that no subscription is to be seen, naming those that the configuration names."""
    if not options.subscriptions:
        return f"no subscription of {options.scope} is to be seen: it has none, or the identity may read none"
    first = ", ".join(options.subscriptions[:_NAMED])
    more = len(options.subscriptions) - _NAMED
    listed = f"{first} and {more} more" if more > 0 else first
    one = len(options.subscriptions) == 1
    return (
        f"subscription {listed} is not to be seen: it does not exist, or the identity may not read it"
        if one
        else f"none of the subscriptions {listed} is to be seen: they do not exist, or the identity may read none"
    )


def _excluded(subscriptions: Sequence[Subscription]) -> AccountNote:
    """Say which subscriptions the configuration leaves out."""
    listed = ", ".join(sorted(one.name or one.id for one in subscriptions))
    text = f"{_counted(subscriptions)} left out by exclude_subscriptions: {listed}"
    return AccountNote(Note(NoteSeverity.INFO, text, (Evidence(READ_SUBSCRIPTIONS, "subscriptions", listed),)))


def _idle(glob: str) -> AccountNote:
    """Say that an entry of exclude_subscriptions leaves out nothing: it may be misspelt."""
    text = f"{glob} in exclude_subscriptions leaves out no subscription: none has that id or name"
    return AccountNote(Note(NoteSeverity.INFO, text, (Evidence(READ_SUBSCRIPTIONS, "subscriptions", "no match"),)))


def _inactive(subscriptions: Sequence[Subscription], what: str) -> AccountNote:
    """Say which subscriptions Azure has switched off, and what becomes of them."""
    listed = ", ".join(sorted(f"{one.name or one.id} ({one.state})" for one in subscriptions))
    text = f"{_counted(subscriptions)} not active, and {what}: {listed}"
    return AccountNote(Note(NoteSeverity.INFO, text, (Evidence(READ_SUBSCRIPTIONS, "state", listed),)))


def _differing(names: Sequence[str], subscription: Subscription, what: str, operation: str) -> AccountNote:
    """Say which clusters Resource Graph and the subscription's own list do not agree on: that list is current."""
    listed = ", ".join(sorted(names))
    count = "1 cluster is" if len(names) == 1 else f"{len(names)} clusters are"
    text = f"{count} {what} of subscription {subscription.id}, which counts, as Resource Graph may be behind: {listed}"
    return AccountNote(Note(NoteSeverity.INFO, text, (Evidence(operation, "name", listed),)))


def _not_registered(error: NotRegisteredError, subscription: Subscription, kind: str) -> AccountNote:
    """Say that a subscription does not use a resource provider, so that it has no cluster of the kind."""
    action, clusters = _LISTS[kind]
    text = f"subscription {subscription.id} has no {clusters}: it does not use {kind.partition('/')[0]}"
    return AccountNote(Note(NoteSeverity.INFO, text, (evidence(error, action),)))


def _counted(subscriptions: Sequence[Subscription]) -> str:
    """Begin a sentence about some subscriptions."""
    return "1 subscription is" if len(subscriptions) == 1 else f"{len(subscriptions)} subscriptions are"
