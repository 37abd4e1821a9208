"""Finds the subscriptions of an organisation, and their clusters, through Azure Resource Graph.

Azure Resource Manager's own list stands beside it: it is current, and takes the graph's place where that may not be
asked. Both take a call for each page, however many subscriptions there are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from providers.aks.answers import Answers
from providers.aks.calls import Calls
from providers.aks.facts import Subscription
from providers.aks.failures import evidence
from providers.aks.graph import QUERY, ResourceGraph
from providers.aks.inventory import Inventory, take_inventory
from providers.aks.organization_options import AksOrganizationOptions, DiscoveredAksOptions, KnownSubscription, Origin
from providers.aks.permissions import LIST_DESCENDANTS, READ_SUBSCRIPTIONS
from providers.aks.session import SIGN_IN, Connection, Connections
from scanner.errors import CollectionError, PermissionDenied
from scanner.model import AccountIdentity, AccountNote, CollectionFailure, Evidence, Note, NoteSeverity
from scanner.ports import CollectContext, Discovered, DiscoveredAccount

_MOST_TOLD: Final = 20
_ANY: Final = "00000000-0000-0000-0000-000000000000"
"""Takes the place of the subscription in what all of them have in common."""


async def discover(
    connections: Connections, options: AksOrganizationOptions, context: CollectContext
) -> AsyncGenerator[Discovered, None]:
    """List the subscriptions, each as soon as it is known, with what Resource Graph knows of its clusters."""
    context.waits(f"{options.scope}: {SIGN_IN}")
    answers = Answers()
    try:
        connection = await connections.take(options, context.scan, answers)
    except CollectionError as error:
        yield CollectionFailure.of(error, "account", operation=SIGN_IN, whole_account=True)
        return
    try:
        tenant = f"tenant {connection.tenant}" if options.tenant and connection.tenant else ""
        yield AccountIdentity(tenant or options.scope)
        async for item in _Finder(connection, options, context, answers).found():
            yield item
    finally:
        await connections.release(options, context.scan, connection)


@dataclass(slots=True)
class _Listed:
    """The subscriptions that a list gave, and why it gave no more."""

    operation: str
    found: dict[str, Subscription] = field(default_factory=dict)
    error: CollectionError | None = None


class _Finder:
    """Goes through one organisation."""

    def __init__(
        self, connection: Connection, options: AksOrganizationOptions, context: CollectContext, answers: Answers
    ) -> None:
        """Know whom to ask."""
        self._connection = connection
        self._calls = Calls(connection, context)
        self._graph = ResourceGraph(connection, context.waits)
        self._options = options
        self._context = context
        self._answers = answers
        self._group = options.management_group or ""
        self._live = _Listed(LIST_DESCENDANTS if self._group else READ_SUBSCRIPTIONS)
        self._graphed = _Listed(QUERY)
        self._all: list[tuple[str, str]] = []
        self._excluded: list[str] = []
        self._inactive: list[str] = []
        self._stray: list[str] = []
        self._is_any_read = False

    async def found(self) -> AsyncIterator[Discovered]:
        """Give the subscriptions, then what is to be said about the others."""
        await self._list_live()
        root = self._group or self._connection.tenant
        inventory = await take_inventory(self._graph, self._calls, self._group, root, arc=self._options.arc)
        origin = Origin(self._options.account(_ANY), inventory.sight, self._answers)
        async for subscription in self._subscriptions(inventory):
            self._all.append((subscription.id, subscription.name))
            if self._wants(subscription):
                self._is_any_read = True
                yield self._account(subscription, inventory, origin)
        failures = tuple(self._failures(is_all_seen=bool(inventory.sight)))
        for note in (*inventory.notes, *self._left_out(is_complete=not failures), *self._differences()):
            yield note
        for failure in failures:
            yield failure

    async def _subscriptions(self, inventory: Inventory) -> AsyncIterator[Subscription]:
        """Give each subscription once: as Resource Graph sees it, as it is listed, or as the owner of a cluster."""
        found = self._graphed.found
        try:
            async for page in self._graph.all_subscriptions(self._group):
                for subscription in page:
                    if subscription.id not in found:
                        found[subscription.id] = subscription
                        yield subscription
        except CollectionError as error:
            self._graphed.error = error
        for subscription in self._live.found.values():
            if subscription.id not in found:
                yield subscription
        self._stray = [one for one in inventory.owners if one not in found and one not in self._live.found]
        for subscription_id in self._stray:
            yield Subscription(subscription_id)

    async def _list_live(self) -> None:
        """List the subscriptions with Azure Resource Manager."""
        pages = self._calls.descendants(self._group) if self._group else self._calls.subscription_pages()
        try:
            async for page in pages:
                self._live.found |= {one.id: one for one in page}
        except CollectionError as error:
            self._live.error = error

    def _wants(self, found: Subscription) -> bool:
        """Sort out those that are left out."""
        shown = f"{found.name} ({found.id})" if found.name else found.id
        if not self._options.wants_subscription(found.id, found.name):
            self._excluded.append(shown)
            return False
        if not found.is_active:
            self._inactive.append(f"{shown}: {found.state}")
            return False
        return True

    def _account(self, found: Subscription, inventory: Inventory, origin: Origin) -> DiscoveredAccount:
        """Give what reads one subscription."""
        clusters = tuple(inventory.clusters.get(found.id, ()))
        is_graphed = inventory.is_whole and found.id in self._graphed.found
        is_seen = is_graphed and self._is_settled(found) and inventory.shows(found.id)
        known = KnownSubscription(origin, found, clusters, is_graphed, is_seen)
        return DiscoveredAccount(f"{self._context.account}/{found.id}", DiscoveredAksOptions.of(known))

    def _is_settled(self, subscription: Subscription) -> bool:
        """Say whether a subscription is where Resource Graph sees it: below the management group whose roles count."""
        is_listed = self._live.error is not None or subscription.id in self._live.found
        return (
            is_listed and bool(subscription.tenant) and subscription.tenant.lower() == self._connection.tenant.lower()
        )

    def _left_out(self, *, is_complete: bool) -> Iterator[AccountNote]:
        """Say which subscriptions are not read, so that none is absent without a word."""
        operation = QUERY if self._graphed.found else self._live.operation
        for what, names in (("excluded by exclude_subscriptions", self._excluded), ("not active", self._inactive)):
            if names:
                yield _told(NoteSeverity.INFO, names, f"{what}: ", operation)
        if not is_complete:
            return
        idle = self._options.idle_exclusions(self._all)
        if idle:
            text = f"exclude_subscriptions names {', '.join(idle)}, which no subscription matches"
            read = (Evidence(operation, "subscriptions", "no match"),)
            yield AccountNote(Note(NoteSeverity.WARNING, text, read))
        if not self._is_any_read:
            text = (
                f"no subscription is left to read: of {len(self._all)} that are listed, all are excluded or not active"
            )
            read = (Evidence(operation, "subscriptions", f"{len(self._all)} subscriptions"),)
            yield AccountNote(Note(NoteSeverity.WARNING, text, read))

    def _differences(self) -> Iterator[AccountNote]:
        """Say where the list and Resource Graph differ, and where one of them takes the place of both."""
        live, graphed = self._live, self._graphed
        if graphed.error is not None and live.found:
            text = (
                f"Resource Graph did not give all subscriptions, so that {live.operation} counts: {graphed.error.what}"
            )
            yield AccountNote(Note(NoteSeverity.WARNING, text, (evidence(graphed.error, QUERY),)))
        if live.error is not None and graphed.found:
            text = (
                f"{live.operation} did not list all subscriptions, so that one that was made within the last minutes"
                f" may be missing: {live.error.what}"
            )
            yield AccountNote(Note(NoteSeverity.INFO, text, (evidence(live.error, live.operation),)))
        if graphed.error is None:
            names = [one for one in live.found if one not in graphed.found]
            if names:
                what = "not in Resource Graph, which is behind or may not show them, and listed each: "
                yield _told(NoteSeverity.INFO, names, what, live.operation)
        if self._stray:
            what = "known by a cluster in Resource Graph alone, and listed each: "
            yield _told(NoteSeverity.INFO, self._stray, what, QUERY)
        if live.error is None:
            names = [one for one in graphed.found if one not in live.found]
            if names:
                yield _told(NoteSeverity.INFO, names, f"no longer in {live.operation}, and listed each: ", QUERY)

    def _failures(self, *, is_all_seen: bool) -> Iterator[CollectionFailure]:
        """Say where subscriptions may be missing: where neither of both gave all of them."""
        live, graphed = self._live, self._graphed
        place = self._options.scope
        scope = f"subscriptions of {place}"
        if graphed.error is not None or self._graph.is_cut or not graphed.found or not is_all_seen:
            error = live.error
            if error is None and not self._all:
                what = f"no subscription of {place} is to be seen: it has none, or the identity may read none"
                hint = f"grant {READ_SUBSCRIPTIONS} there, or correct the scope"
                error = PermissionDenied(what, where=READ_SUBSCRIPTIONS, permission=READ_SUBSCRIPTIONS, hint=hint)
            if error is not None:
                yield CollectionFailure.of(error, scope, operation=live.operation, whole_account=not self._all)
                if graphed.error is not None:
                    yield CollectionFailure.of(graphed.error, scope, operation=QUERY, whole_account=not self._all)


def _told(severity: NoteSeverity, names: Sequence[str], what: str, operation: str) -> AccountNote:
    """Say something of some subscriptions, of which the first are named."""
    shown = ", ".join(sorted(names)[:_MOST_TOLD])
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    count = "1 subscription is" if len(names) == 1 else f"{len(names)} subscriptions are"
    text = f"{count} {what}{shown}{more}"
    return AccountNote(Note(severity, text, (Evidence(operation, "subscriptions", shown + more),)))
