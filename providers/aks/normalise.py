"""Puts what was read of a cluster into the common model; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from providers.aks.exports import Exporter, exported, exporters, unread_settings
from providers.aks.facts import Category, Cluster, ClusterFacts, StorageAccount
from providers.aks.observed import observed
from providers.aks.permissions import (
    QUERY_LOGS,
    READ_CATEGORIES,
    READ_LIFECYCLE,
    READ_RULES,
    READ_SETTINGS,
    READ_TABLE,
)
from providers.aks.remarks import facts_of, notes_of
from providers.aks.remedies import parameters_of
from providers.aks.stores import Kept, delivered, retained, stores_of
from scanner.errors import CollectionError
from scanner.model import (
    ApiServer,
    Authorizer,
    ClusterObservation,
    ClusterRef,
    Evidence,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    PolicySource,
    Retention,
    RuleSettings,
    Unread,
    UnreadablePolicy,
)

_WITHOUT_ENTRA: Final = {Category.AUDIT: "kube-audit-without-entra", Category.GUARD: "guard-without-entra"}
"""How ``scanner/knowledge`` calls the logs of a cluster without Microsoft Entra ID: they carry other things."""
_EXTENSION: Final = "Microsoft.AKSArc.AzureMonitor"
"""What makes these logs on AKS enabled by Azure Arc; its documentation, "Monitor Kubernetes audit events"."""


def normalise(facts: ClusterFacts, rule: RuleSettings, started: datetime) -> ClusterObservation:
    """Put one cluster into the common model.

    Args:
        facts: What was read.
        rule: Says for how long records must be kept, and whether the newest are to be looked at.
        started: The end of the look-back window.
    """
    cluster = facts.cluster
    found = {one: exporters(facts, one) for one in Category}
    stores = {one: stores_of(facts, one, found[one]) for one in Category}
    channels = tuple(_channels(facts, found, stores, rule, started))
    server = ApiServer("control plane", _policy(cluster), channels, _authorizer(cluster))
    subscription = cluster.subscription.id
    return ClusterObservation(
        ref=ClusterRef(
            "aks", facts.account, subscription, cluster.location, cluster.name, cluster.id, cluster.version or None
        ),
        servers=(server,),
        facts=tuple(facts_of(facts)),
        notes=tuple(notes_of(facts, stores)),
        parameters=parameters_of(facts, stores, rule),
        unread=tuple(_unread(facts)),
    )


def _channels(
    facts: ClusterFacts,
    found: Mapping[Category, tuple[Exporter, ...]],
    stores: Mapping[Category, tuple[Kept, ...]],
    rule: RuleSettings,
    started: datetime,
) -> Iterator[LogChannel]:
    """Give the logs; kube-audit-admin only where it is exported, since without it nothing of kube-audit is lost."""
    for category in Category:
        if category is Category.AUDIT_ADMIN and not found[category]:
            continue
        yield LogChannel(
            log=category if facts.cluster.entra else _WITHOUT_ENTRA.get(category, category),
            name=f"AKS log category {category}",
            exported=_exported(facts, category, found[category]),
            delivered=_delivered(category, stores[category], facts),
            retention=_retained(category, stores[category], facts),
            observed=observed(facts, category, stores[category], rule, started) if rule.observe else None,
        )


def _exported(facts: ClusterFacts, category: Category, found: tuple[Exporter, ...]) -> LinkCheck:
    """Say whether a category is switched on; a setting of a cluster that Arc only connects switches on nothing."""
    cluster = facts.cluster
    check = exported(facts, category, found)
    if not cluster.is_arc:
        return check
    kind = _kind(cluster)
    if cluster.is_elsewhere:
        return LinkCheck(LinkState.UNKNOWN, _elsewhere(cluster), (kind, *check.evidence))
    if check.state is LinkState.OK:
        reason = f"{check.reason}, which takes the cluster extension {_EXTENSION}; whether it is installed was not read"
        return LinkCheck(LinkState.UNKNOWN, reason, (*check.evidence, kind))
    return check


def _delivered(category: Category, stores: tuple[Kept, ...], facts: ClusterFacts) -> LinkCheck:
    """Say whether the records reach a store that is there."""
    if facts.cluster.is_elsewhere:
        return LinkCheck(LinkState.UNKNOWN, _elsewhere(facts.cluster), (_kind(facts.cluster),))
    if stores:
        return delivered(stores)
    if isinstance(facts.settings, CollectionError):
        return unread_settings(facts.settings)
    return LinkCheck(LinkState.NOT_APPLICABLE, f"{category} is not exported, so nothing of it is delivered")


def _retained(category: Category, stores: tuple[Kept, ...], facts: ClusterFacts) -> Retention:
    """Say for how long records are kept; of what is not exported nothing is kept."""
    if facts.cluster.is_elsewhere:
        return Retention.unknown(_elsewhere(facts.cluster), _kind(facts.cluster))
    if stores:
        return retained(stores)
    if isinstance(facts.settings, CollectionError):
        unread = unread_settings(facts.settings)
        return Retention.unknown(unread.reason, *unread.evidence, permission=unread.permission)
    read = Evidence(READ_SETTINGS, "value", f"no entry for {category} that is enabled")
    return Retention.exactly(0, f"{category} is not exported, so nothing of it is kept", read)


def _policy(cluster: Cluster) -> PolicySource:
    """AKS runs its own policy in every control plane that is its own; Arc does not tell which one runs."""
    if not cluster.is_arc:
        return ManagedPolicy("aks", (_version(cluster),))
    if cluster.is_elsewhere:
        return UnreadablePolicy(_elsewhere(cluster), (_kind(cluster),))
    reason = "Microsoft does not publish the audit policy of AKS enabled by Azure Arc"
    return UnreadablePolicy(reason, (_kind(cluster),))


def _kind(cluster: Cluster) -> Evidence:
    """Give what tells AKS enabled by Azure Arc from any other cluster that Arc connects."""
    return Evidence(cluster.source, f"{cluster.name}.kind", cluster.kind or "absent")


def _elsewhere(cluster: Cluster) -> str:
    """Say why Azure cannot tell about a cluster that runs elsewhere."""
    where = " ".join(part for part in (cluster.more.get("distribution"), cluster.more.get("infrastructure")) if part)
    of = f" ({where})" if where else ""
    return (
        f"Azure Arc only connects this cluster{of}; its control plane runs elsewhere, so Azure cannot say; scan it with"
        " the provider of that place, or leave it out with arc = false or exclude_clusters"
    )


def _authorizer(cluster: Cluster) -> Authorizer:
    """Say whether Kubernetes RBAC is on, which cannot change in the life of an AKS cluster."""
    read = (Evidence(cluster.source, f"{cluster.name}.properties.enableRBAC", _shown(cluster.rbac)),)
    if cluster.is_arc:
        return Authorizer(None, None, "Azure Arc does not tell how the cluster authorizes", read)
    if cluster.rbac is None:
        return Authorizer(None, None, "Azure does not say whether Kubernetes RBAC is on (enableRBAC)", read)
    if not cluster.rbac:
        reason = (
            "Kubernetes RBAC is off (enableRBAC: false): every request is allowed, so that no denial can be recorded"
        )
        return Authorizer(can_deny=False, anonymous=None, reason=reason, evidence=read)
    reason = "Kubernetes RBAC is on; Microsoft does not say whether AKS serves anonymous requests"
    return Authorizer(can_deny=True, anonymous=None, reason=reason, evidence=read)


def _version(cluster: Cluster) -> Evidence:
    """Give the Kubernetes version as evidence."""
    locator = f"{cluster.name}.properties.currentKubernetesVersion"
    return Evidence(cluster.source, locator, cluster.version or "absent")


def _shown(value: bool | None) -> str:  # noqa: FBT001 - a value that was read
    """Give a switch as JSON writes it."""
    return "absent" if value is None else str(value).lower()


def _unread(facts: ClusterFacts) -> Iterator[Unread]:
    """Name the calls that gave nothing, and what their errors advise."""
    newest = facts.newest or {}
    outcomes: list[tuple[str, object]] = [
        (READ_SETTINGS, facts.settings),
        (READ_CATEGORIES, facts.groups),
        *((_operation(one), one) for one in facts.stores.values()),
        *((READ_LIFECYCLE, one.rules) for one in facts.stores.values() if isinstance(one, StorageAccount)),
        *((READ_TABLE, one) for one in facts.tables.values()),
        *((READ_RULES, one) for one in facts.transformations.values()),
        *((QUERY_LOGS, one) for one in newest.values()),
    ]
    for operation, found in outcomes:
        if isinstance(found, CollectionError):
            yield Unread(operation, found.permission, found.hint)


def _operation(found: object) -> str:
    """Give the call that a failure is about: its place begins with it."""
    return found.where.partition(" of ")[0] if isinstance(found, CollectionError) else ""
