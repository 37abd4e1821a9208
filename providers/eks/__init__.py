"""Amazon EKS: reads clusters, their control plane logging and its log groups through the AWS APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from providers.eks.options import EksOptions
from providers.eks.partitions import HOME_REGIONS
from providers.eks.permissions import iam_policy
from scanner.errors import UsageError
from scanner.ports import AccountOptions, CollectContext, Provider

if TYPE_CHECKING:
    from providers.eks.session import Pools
    from scanner.model import Collected


class EksProvider:
    """Reads the EKS clusters of one AWS account; botocore is loaded when the first account is read."""

    kind = "eks"
    title = "Amazon EKS"
    options = EksOptions

    def __init__(self) -> None:
        """Start without sessions and connections: they are shared by all accounts that this provider reads."""
        self._pools: Pools | None = None

    def permissions(self, variant: str = "") -> str:
        """Give the IAM policy of the role that is assumed in each account; `variant` is its partition."""
        if variant and variant not in HOME_REGIONS:
            hint = f"there are {', '.join(HOME_REGIONS)}"
            raise UsageError(f"there is no partition {variant!r}", where="--permissions", hint=hint)
        return iam_policy(variant or "aws")

    async def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read one account, yielding each cluster as soon as it is known."""
        from providers.eks.fetch import collect  # noqa: PLC0415 - loads botocore, which only a run that reads AWS needs
        from providers.eks.session import Pools  # noqa: PLC0415 - the same

        if not isinstance(options, EksOptions):
            message = f"expected EksOptions, not {type(options).__name__}"
            raise TypeError(message)
        if self._pools is None:
            self._pools = Pools()
        async with aclosing(collect(self._pools, options, context)) as items:
            async for item in items:
                yield item


PROVIDER: Final[Provider] = EksProvider()
