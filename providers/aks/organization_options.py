"""The keys of an ``[[organization]]`` table with ``provider = "aks"``, and what they make of each subscription."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import Field, PrivateAttr, model_validator

from providers.aks.facts import Cluster, Subscription
from providers.aks.options import AksOptions
from providers.aks.reading_options import AksReading, ManagementGroup
from scanner.model import SHOWN_AS_SET
from scanner.ports import AccountOptions, OrganizationOptions

if TYPE_CHECKING:
    from providers.aks.answers import Answers
    from scanner.model import Evidence


class _Scope(OrganizationOptions):
    """Where an organisation's subscriptions are looked for; its keys come first."""

    management_group: ManagementGroup | None = Field(
        default=None,
        examples=["platform"],
        description="Management group whose subscriptions become accounts, at any depth.",
        json_schema_extra=SHOWN_AS_SET,
    )
    tenant: bool = Field(default=False, description="Every subscription that the identity may see becomes an account.")


class AksOrganizationOptions(AksReading, _Scope):
    """Where the subscriptions of an organisation are found, and how each of them is read."""

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        """Ask for exactly one place to look."""
        if bool(self.management_group) == self.tenant:
            found = "both" if self.tenant else "neither"
            message = f"exactly one of management_group and tenant = true is needed: there is {found}"
            raise ValueError(message)
        return self

    @property
    def scope(self) -> str:
        """Where is looked, as a person names it."""
        return f"management group {self.management_group}" if self.management_group else "the tenant"

    def account(self, subscription_id: str) -> AksOptions:
        """Give what reads one subscription."""
        given = {name: getattr(self, name) for name in AksReading.model_fields if name != "exclude_subscriptions"}
        return AksOptions.model_validate({**given, "subscription": subscription_id})


class DiscoveredAksOptions(AccountOptions):
    """One subscription of an organisation. Ten thousand are in memory at once: what they share is in their origin."""

    subscription: str

    _known: KnownSubscription = PrivateAttr()

    @property
    def known(self) -> KnownSubscription:
        """What is known of it before it is read."""
        return self._known

    @classmethod
    def of(cls, known: KnownSubscription) -> DiscoveredAksOptions:
        """Give what reads a subscription of which something is known."""
        found = cls(subscription=known.subscription.id)
        found._known = known
        return found

    def whole(self) -> AksOptions:
        """Give the options of an account that is this subscription."""
        return self.known.origin.options.model_copy(update={"subscription": self.subscription})


@dataclass(frozen=True, slots=True)
class Origin:
    """What all subscriptions of an organisation have in common; one object for all of them.

    Attributes:
        options: What reads a subscription; which one is each account's own.
        sight: What shows that Resource Graph hides no cluster; empty where nothing does.
        answers: What clusters of several subscriptions have in common, such as a central workspace.
    """

    options: AksOptions
    sight: tuple[Evidence, ...]
    answers: Answers


@dataclass(frozen=True, slots=True)
class KnownSubscription:
    """What is known of a subscription before it is read.

    Attributes:
        clusters: Those that Resource Graph names.
        is_graphed: Whether Resource Graph was asked for its clusters and gave all of its answer.
        is_seen: Whether Resource Graph is shown to hide none of its clusters.
    """

    origin: Origin
    subscription: Subscription
    clusters: tuple[Cluster, ...] = ()
    is_graphed: bool = False
    is_seen: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it is shown to have no cluster, so that nothing is left to be asked."""
        return self.is_seen and not self.clusters
