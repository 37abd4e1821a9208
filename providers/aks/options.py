"""The keys of an ``[[account]]`` table with ``provider = "aks"``."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator

from providers.aks.reading_options import AksReading, ManagementGroup
from scanner.model import SHOWN_AS_SET, Names
from scanner.ports import AccountOptions

_WILDCARD: Final = re.compile(r"[*?\[]")
_SUBSCRIPTION: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class _Scope(AccountOptions):
    """Where an account begins to read; its keys come first."""

    subscription: str | None = Field(
        default=None,
        examples=["11112222-3333-4444-5555-666677778888"],
        description="The one subscription to read.",
        json_schema_extra=SHOWN_AS_SET,
    )
    subscriptions: Annotated[Names, Field(max_length=10_000)] = Field(
        default=(),
        examples=[["11112222-3333-4444-5555-666677778888", "99990000-aaaa-bbbb-cccc-ddddeeeeffff"]],
        description="Several subscriptions to read.",
    )
    management_group: ManagementGroup | None = Field(
        default=None, examples=["platform"], description="Management group whose subscriptions are read, at any depth."
    )
    tenant: bool = Field(default=False, description="Read every subscription that the identity may see.")


class AksOptions(AksReading, _Scope):
    """Which Azure subscriptions are read, as whom, and which of their clusters."""

    @field_validator("subscription")
    @classmethod
    def _is_a_subscription(cls, value: str | None) -> str | None:
        """Refuse what is no subscription's id; Azure compares them without regard to case."""
        if value is not None and not _SUBSCRIPTION.fullmatch(value):
            message = f"is {value!r}, which is no subscription id such as 11112222-3333-4444-5555-666677778888"
            raise ValueError(message)
        return value and value.lower()

    @field_validator("subscriptions")
    @classmethod
    def _are_subscriptions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no subscription's id, and one that stands twice."""
        for name, count in Counter(one.lower() for one in value).items():
            if not _SUBSCRIPTION.fullmatch(name):
                message = f"holds {name!r}, which is no subscription id such as 11112222-3333-4444-5555-666677778888"
                raise ValueError(message)
            if count > 1:
                message = f"holds {name} more than once"
                raise ValueError(message)
        return tuple(one.lower() for one in value)

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        """Ask for exactly one place to begin at."""
        keys = ("subscription", "subscriptions", "management_group", "tenant")
        given = [key for key in keys if getattr(self, key)]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            message = (
                "exactly one of subscription, subscriptions, management_group and tenant = true is needed:"
                f" there is {found}"
            )
            raise ValueError(message)
        return self

    @property
    def scope(self) -> str:
        """What is read, as a person names it; of several subscriptions their number."""
        if len(self.subscriptions) == 1:
            return self.subscriptions[0]
        if self.management_group:
            return f"management group {self.management_group}"
        if self.tenant:
            return f"tenant {self.tenant_id}" if self.tenant_id else "tenant"
        return self.subscription or f"{len(self.subscriptions)} subscriptions"

    def missing_of(self, names: frozenset[str]) -> tuple[str, ...]:
        """Give the clusters that are asked for by their full names and are not among some names, in lower case."""
        return tuple(glob for glob in self.clusters if glob.lower() not in names and not _WILDCARD.search(glob))
