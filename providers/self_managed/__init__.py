"""Self-managed clusters, read from the files of their control plane or through their own API."""

from typing import Final

from providers.self_managed.provider import SelfManagedProvider
from scanner.ports import Provider

PROVIDER: Final[Provider] = SelfManagedProvider()
