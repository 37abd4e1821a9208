"""The Azure clouds by name: where each has its token issuer, Azure Resource Manager and the query API of its logs.

Sources: azure-mgmt-core 1.6.0, ``azure.mgmt.core.tools.get_arm_endpoints``; azure-identity 1.27.0,
``AzureAuthorityHosts``; Azure documentation, "Azure Government endpoint mapping" and "Azure China endpoints" (Azure
operated by 21Vianet) for the query API of Log Analytics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

CloudName = Literal["AzurePublic", "AzureUSGovernment", "AzureChina"]


@dataclass(frozen=True, slots=True)
class Cloud:
    """Hosts of one cloud.

    Attributes:
        audience: The scope of tokens for Azure Resource Manager: it names the service, whatever endpoint they go to.
    """

    authority: str
    resource_manager: str
    audience: str
    log_analytics: str

    @property
    def log_analytics_audience(self) -> str:
        """The scope of tokens for the query API."""
        return f"https://{self.log_analytics}/.default"


CLOUDS: Final[dict[str, Cloud]] = {
    "AzurePublic": Cloud(
        authority="login.microsoftonline.com",
        resource_manager="management.azure.com",
        audience="https://management.azure.com/.default",
        log_analytics="api.loganalytics.azure.com",
    ),
    "AzureUSGovernment": Cloud(
        authority="login.microsoftonline.us",
        resource_manager="management.usgovcloudapi.net",
        audience="https://management.core.usgovcloudapi.net/.default",
        log_analytics="api.loganalytics.us",
    ),
    "AzureChina": Cloud(
        authority="login.chinacloudapi.cn",
        resource_manager="management.chinacloudapi.cn",
        audience="https://management.chinacloudapi.cn/.default",
        log_analytics="api.loganalytics.azure.cn",
    ),
}
