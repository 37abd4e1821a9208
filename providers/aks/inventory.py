"""What Azure Resource Graph says of an organisation's clusters, and how far that can be taken for the whole of them.

It saves listing every subscription. It is never taken for more than it is: it shows what the identity may read and
leaves out the rest without a word, and it is brought up to date minutes after a change. So a subscription without
clusters counts as seen only where the identity is shown to be allowed to list clusters in all of the management group.

Sources: Azure documentation, "What is Azure Resource Graph?" (permissions, how current it is), "What are Azure
management groups?" (roles are inherited by all that is below), "List Azure deny assignments".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.aks.calls import Calls, outcome
from providers.aks.discovery import kinds_of, may
from providers.aks.facts import Cluster
from providers.aks.failures import evidence
from providers.aks.graph import QUERY, ResourceGraph
from providers.aks.permissions import READ_PERMISSIONS, READ_SUBSCRIPTIONS
from scanner.errors import CollectionError
from scanner.model import AccountNote, Evidence, Note, NoteSeverity


@dataclass(slots=True)
class Inventory:
    """What Resource Graph knows.

    Attributes:
        clusters: By the id of their subscription.
        unclear: Subscriptions of which it names something that is not understood.
        is_whole: Whether all of its answer was read.
        sight: What shows that it hides no subscription and no cluster; empty where nothing does.
        notes: Why it is not relied upon.
    """

    clusters: dict[str, list[Cluster]] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)
    is_whole: bool = False
    sight: tuple[Evidence, ...] = ()
    notes: list[AccountNote] = field(default_factory=list)

    @property
    def owners(self) -> list[str]:
        """The ids of the subscriptions that it names a cluster of."""
        return sorted({*self.clusters, *self.unclear} - {""})

    def shows(self, subscription_id: str) -> bool:
        """Tell whether a subscription that it sees has no clusters but those that it names."""
        return bool(self.sight) and subscription_id not in self.unclear


async def take_inventory(graph: ResourceGraph, calls: Calls, group: str, root: str, *, arc: bool) -> Inventory:
    """Ask Resource Graph for all clusters; what it does not answer is left to the subscriptions' own lists.

    Args:
        graph: Where to ask.
        calls: Where to ask for the identity's permissions.
        group: The management group; empty for the tenant.
        root: The management group that holds all that is looked at; empty where it is not known.
        arc: Whether clusters that are connected to Azure Arc are asked for, too.
    """
    found = Inventory()
    try:
        async for rows in graph.all_clusters(group, arc=arc):
            for owner, cluster in rows:
                _take(found, owner, cluster)
    except CollectionError as error:
        text = f"Resource Graph did not give all clusters, so that each subscription is listed itself: {error.what}"
        found.notes.append(AccountNote(Note(NoteSeverity.WARNING, text, (evidence(error, QUERY),))))
        return found
    if graph.is_cut:
        text = "Resource Graph looked at some of the subscriptions only, so that each of them is listed itself"
        read = (Evidence(QUERY, "x-ms-tenant-subscription-limit-hit", "true"),)
        found.notes.append(AccountNote(Note(NoteSeverity.WARNING, text, read)))
        return found
    if "" in found.unclear:
        text = "Resource Graph names a cluster of no subscription, so that each subscription is listed itself"
        read = (Evidence(QUERY, "data[].subscriptionId", "absent"),)
        found.notes.append(AccountNote(Note(NoteSeverity.WARNING, text, read)))
        return found
    found.is_whole = True
    actions = [READ_SUBSCRIPTIONS, *(action for action, _ in kinds_of(arc=arc).values())]
    await _look_for_sight(found, calls, root, actions)
    return found


def _take(found: Inventory, owner: str, cluster: Cluster | CollectionError) -> None:
    """Take note of a row."""
    if isinstance(cluster, CollectionError) or not owner:
        found.unclear.add(owner)
    else:
        found.clusters.setdefault(owner, []).append(cluster)


async def _look_for_sight(found: Inventory, calls: Calls, root: str, actions: Sequence[str]) -> None:
    """See whether the identity may list all clusters below a management group: roles are inherited by what is below."""
    so = "Resource Graph leaves out what the identity may not read, so that each subscription is listed itself"
    if not root:
        text = f"the identity's token does not name its tenant; {so}"
        read = (Evidence("azure.identity", "tid", "absent"),)
        found.notes.append(AccountNote(Note(NoteSeverity.INFO, text, read)))
        return
    where = f"management group {root}"
    allowed = await outcome(calls.allowed_below(root))
    if isinstance(allowed, CollectionError):
        text = f"what the identity may read in {where} could not be read: {allowed.what}; {so}"
        found.notes.append(AccountNote(Note(NoteSeverity.INFO, text, (evidence(allowed, READ_PERMISSIONS),))))
        return
    lacking = [action for action in actions if not may(allowed, action)]
    if lacking:
        text = f"no role at {where} allows {', '.join(lacking)}; {so}"
        refused = tuple(Evidence(READ_PERMISSIONS, f"{where}, {action}", "not allowed") for action in lacking)
        found.notes.append(AccountNote(Note(NoteSeverity.INFO, text, refused)))
        return
    found.sight = tuple(Evidence(READ_PERMISSIONS, f"{where}, {action}", "allowed") for action in actions)
