"""Azure AKS: reads clusters, diagnostic settings and where they lead to through Azure Resource Manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from providers.aks.options import AksOptions
from providers.aks.organization_options import AksOrganizationOptions, DiscoveredAksOptions
from providers.aks.permissions import VARIANTS, permissions
from scanner.errors import UsageError
from scanner.loading import loading
from scanner.ports import AccountOptions, CollectContext, Discovered, OrganizationOptions, OrganizationProvider

if TYPE_CHECKING:
    from providers.aks.session import Connections
    from scanner.model import Collected


class AksProvider:
    """Reads the AKS clusters of subscriptions; Azure's libraries are loaded when the first account is read."""

    kind = "aks"
    title = "Azure AKS"
    options = AksOptions
    organization_options = AksOrganizationOptions

    def __init__(self) -> None:
        """Start without connections: they are shared by all accounts that this provider reads."""
        self._connections: Connections | None = None

    def permissions(self, variant: str = "") -> str:
        """Give a custom role, that of an `organization` too, or with `builtin` the built-in roles that hold it."""
        if variant not in VARIANTS:
            names = ", ".join(name for name in VARIANTS if name)
            raise UsageError(f"there is no variant {variant!r}", where="--permissions", hint=f"there are {names}")
        return permissions(variant)

    def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read one account, yielding each cluster as soon as it is known."""
        with loading("providers.aks.fetch"):
            from providers.aks.fetch import collect  # noqa: PLC0415 - loads libraries that only a run that reads AKS needs

        if not isinstance(options, AksOptions | DiscoveredAksOptions):
            message = f"expected AksOptions, not {type(options).__name__}"
            raise TypeError(message)
        return collect(self._shared(), options, context)

    def discover(self, options: OrganizationOptions, context: CollectContext) -> AsyncIterator[Discovered]:
        """List the subscriptions of a management group or a tenant, yielding each as soon as it is known."""
        with loading("providers.aks.organization"):
            from providers.aks.organization import discover  # noqa: PLC0415 - loads libraries that only a run needs

        if not isinstance(options, AksOrganizationOptions):
            message = f"expected AksOrganizationOptions, not {type(options).__name__}"
            raise TypeError(message)
        return discover(self._shared(), options, context)

    def _shared(self) -> Connections:
        """Give the connections of this provider."""
        from providers.aks.session import Connections  # noqa: PLC0415 - as for those that call this

        self._connections = self._connections or Connections()
        return self._connections


PROVIDER: Final[OrganizationProvider] = AksProvider()
