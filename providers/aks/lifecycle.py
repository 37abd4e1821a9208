"""For how long a storage account keeps a category's blobs, by the rules of its lifecycle policy.

Azure Monitor writes each category into a container of its own, ``insights-logs-<category>``, as append blobs (Azure
documentation, "Resource logs sent to Azure Storage"). The number of days within a diagnostic setting counts no more.
"""

from __future__ import annotations

import math
from typing import Final

from providers.aks.facts import Category, Destination, LifecycleRule, StorageAccount
from providers.aks.failures import evidence
from providers.aks.permissions import READ_LIFECYCLE
from scanner.errors import CollectionError
from scanner.model import Evidence, Retention

_CONTAINER: Final = "insights-logs-{}/"


def kept_in_storage(account: StorageAccount, destination: Destination, category: Category) -> Retention:
    """Say for how long a category's blobs are kept, as bounds: a rule that means only some of them is no upper one."""
    rules = account.rules
    if isinstance(rules, CollectionError):
        reason = f"how long {destination.name} keeps blobs could not be read: {rules.what}"
        return Retention.unknown(reason, evidence(rules, READ_LIFECYCLE), permission=rules.permission)
    container = _CONTAINER.format(category)
    touching = [rule for rule in rules if _may_delete(rule, container)]
    certain = [rule.days for rule in touching if _deletes_all(rule, container)]
    if not touching:
        read = Evidence(READ_LIFECYCLE, "properties.policy.rules", _text(rules))
        return Retention.exactly(None, f"{destination.name} deletes no blobs of {category}", read)
    at_least = min(rule.days for rule in touching)
    at_most = min(certain, default=math.inf)
    rule = min(touching, key=lambda one: one.days)
    some = "" if _deletes_all(rule, container) else "some of "
    reason = f"lifecycle rule {rule.name} of {destination.name} deletes {some}its blobs after {rule.days} days"
    return Retention(at_least, at_most, reason, (Evidence(READ_LIFECYCLE, "properties.policy.rules", _text(touching)),))


def _may_delete(rule: LifecycleRule, container: str) -> bool:
    """Tell whether a rule can mean blobs of a container."""
    return not rule.prefixes or any(
        container.startswith(prefix) or prefix.startswith(container) for prefix in rule.prefixes
    )


def _deletes_all(rule: LifecycleRule, container: str) -> bool:
    """Tell whether a rule means all blobs of a container."""
    return not rule.is_conditional and (
        not rule.prefixes or any(container.startswith(prefix) for prefix in rule.prefixes)
    )


def _text(rules: list[LifecycleRule] | tuple[LifecycleRule, ...]) -> str:
    """Give rules on one line."""
    return "; ".join(map(_rule_text, rules)) or "none that deletes append blobs"


def _rule_text(rule: LifecycleRule) -> str:
    """Give a rule compactly."""
    where = f" where prefixMatch is {', '.join(rule.prefixes)}" if rule.prefixes else ""
    return f"{rule.name}: delete after {rule.days} days{where}"
