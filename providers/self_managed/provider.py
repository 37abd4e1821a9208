"""The provider's face: its options and permissions; what reads files is loaded when an account is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from providers.self_managed.options import SelfManagedOptions
from providers.self_managed.permissions import VARIANTS
from scanner.errors import UsageError
from scanner.ports import AccountOptions, CollectContext

if TYPE_CHECKING:
    from scanner.model import Collected


class SelfManagedProvider:
    """Clusters whose control plane is described by files, or by their own API."""

    kind: Final = "self_managed"
    title: Final = "self-managed Kubernetes"
    options: Final[type[AccountOptions]] = SelfManagedOptions

    def permissions(self, variant: str = "") -> str:
        """Say which files must be readable; the variant ``rbac`` is a manifest for live clusters."""
        chosen = VARIANTS.get(variant or "files")
        if chosen is None:
            hint = f"there are {', '.join(VARIANTS)}"
            raise UsageError(f"there is no variant {variant!r}", where="--permissions", hint=hint)
        return chosen

    async def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read one cluster after the other, and the nodes of each at the same time."""
        if not isinstance(options, SelfManagedOptions):
            message = f"self_managed was handed {type(options).__name__}"
            raise TypeError(message)
        from providers.self_managed.collect import collect  # noqa: PLC0415 - only a scan needs the YAML readers

        async for item in collect(options, context):
            yield item
