"""Amazon EKS: reads clusters, their control plane logging and its log groups through the AWS APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from providers.eks.options import EksOptions
from providers.eks.organization_options import EksOrganizationOptions
from providers.eks.partitions import HOME_REGIONS
from providers.eks.permissions import hub_policy, iam_policy
from scanner.errors import UsageError
from scanner.loading import loading
from scanner.ports import AccountOptions, CollectContext, Discovered, OrganizationOptions, OrganizationProvider

if TYPE_CHECKING:
    from providers.eks.session import Pools
    from scanner.model import Collected


class EksProvider:
    """Reads the EKS clusters of one AWS account; botocore is loaded when the first account is read."""

    kind = "eks"
    title = "Amazon EKS"
    options = EksOptions

    organization_options = EksOrganizationOptions

    def __init__(self) -> None:
        """Start without sessions and connections: they are shared by all accounts that this provider reads."""
        self._pools: Pools | None = None

    def permissions(self, variant: str = "") -> str:
        """Give the IAM policy of the role that is assumed in each account.

        `variant` is its partition, or ``organization`` for the policy of the role that lists the accounts of one.
        """
        if variant == "organization":
            return hub_policy()
        if variant and variant not in HOME_REGIONS:
            hint = f"there are {', '.join(HOME_REGIONS)}, and organization"
            raise UsageError(f"there is no partition {variant!r}", where="--permissions", hint=hint)
        return iam_policy(variant or "aws")

    def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read one account, yielding each cluster as soon as it is known."""
        with loading("providers.eks.fetch"):
            from providers.eks.fetch import collect  # noqa: PLC0415 - loads botocore, which only a run that reads AWS needs

        if not isinstance(options, EksOptions):
            message = f"expected EksOptions, not {type(options).__name__}"
            raise TypeError(message)
        return collect(self._shared(), options, context)

    def discover(self, options: OrganizationOptions, context: CollectContext) -> AsyncIterator[Discovered]:
        """List the accounts of an organisation, yielding each as soon as it is known."""
        with loading("providers.eks.organization"):
            from providers.eks.organization import discover  # noqa: PLC0415 - loads botocore

        if not isinstance(options, EksOrganizationOptions):
            message = f"expected EksOrganizationOptions, not {type(options).__name__}"
            raise TypeError(message)
        return discover(self._shared(), options, context)

    def _shared(self) -> Pools:
        """Give the pools of this provider."""
        from providers.eks.session import Pools  # noqa: PLC0415 - as for those that call this

        self._pools = self._pools or Pools()
        return self._pools


PROVIDER: Final[OrganizationProvider] = EksProvider()
