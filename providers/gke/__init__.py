"""Google GKE: reads clusters, audit configurations, log sinks and log buckets through the Google Cloud APIs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from providers.gke.options import GkeOptions
from providers.gke.organization_options import GkeOrganizationOptions
from providers.gke.permissions import VARIANTS, permissions
from scanner.errors import UsageError
from scanner.loading import loading
from scanner.ports import AccountOptions, CollectContext, Discovered, OrganizationOptions, OrganizationProvider

if TYPE_CHECKING:
    from providers.gke.session import Connections
    from scanner.model import Collected


_UNUSED: Final = ("aiohttp", "flask")
"""Google's libraries take the one for calls over REST, with two TLS contexts of all CAs, the other to write logs."""


class GkeProvider:
    """Reads the GKE clusters of projects; Google's libraries are loaded when the first account is read."""

    kind = "gke"
    title = "Google GKE"
    options = GkeOptions
    organization_options = GkeOrganizationOptions

    def __init__(self) -> None:
        """Start without connections: they are shared by all accounts that this provider reads."""
        self._connections: Connections | None = None

    def permissions(self, variant: str = "") -> str:
        """Give a custom role, or with `predefined` the predefined roles that hold its permissions."""
        if variant not in VARIANTS:
            raise UsageError(f"there is no variant {variant!r}", where="--permissions", hint="there is predefined")
        return permissions(variant)

    def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read one account, yielding each cluster as soon as it is known."""
        _quiet()
        with loading("providers.gke.fetch", without=_UNUSED):
            from providers.gke.fetch import collect  # noqa: PLC0415 - loads libraries that only a run that reads GKE needs

        if not isinstance(options, GkeOptions):
            message = f"expected GkeOptions, not {type(options).__name__}"
            raise TypeError(message)
        return collect(self._shared(), options, context)

    def discover(self, options: OrganizationOptions, context: CollectContext) -> AsyncIterator[Discovered]:
        """List the projects of an organisation, yielding each as soon as it is known."""
        _quiet()
        with loading("providers.gke.organization", without=_UNUSED):
            from providers.gke.organization import discover  # noqa: PLC0415 - loads Google's libraries

        if not isinstance(options, GkeOrganizationOptions):
            message = f"expected GkeOrganizationOptions, not {type(options).__name__}"
            raise TypeError(message)
        return discover(self._shared(), options, context)

    def _shared(self) -> Connections:
        """Give the connections of this provider."""
        from providers.gke.session import Connections  # noqa: PLC0415 - as for those that call this

        self._connections = self._connections or Connections()
        return self._connections


def _quiet() -> None:
    """Keep standard error for our own lines, before Google's libraries are loaded, which read this once."""
    # What gRPC writes there of itself stands in its errors as well.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # What Google's libraries log where this is set holds access tokens.
    os.environ.pop("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", None)


PROVIDER: Final[OrganizationProvider] = GkeProvider()
