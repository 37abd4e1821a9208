"""The provider's face: its options and permissions; what reads files is loaded when an account is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from providers.self_managed.options import SelfManagedOptions
from scanner.errors import UsageError
from scanner.ports import AccountOptions, CollectContext

if TYPE_CHECKING:
    from scanner.model import Collected

_PERMISSIONS: Final = """\
The self_managed provider reads files and nothing else: it writes nothing, runs nothing and opens no connection.
The user that scans needs read access to

  - every file named under paths, and read and search access to the directories that a glob goes through;
  - below root, the file of --audit-policy-file and the directories above it
    (or, instead, the copy named under policy);
  - below root, the files of --audit-webhook-config-file and --authentication-config, where they are set;
  - below root, for systemd units: the drop-in directories and the files of EnvironmentFile=;
  - below root, with observe = true: the audit log itself, of which only the end is read.

On a kubeadm host the manifests are readable by root only (mode 0600). To scan as another user, give it read access:
  setfacl -m u:USER:r /etc/kubernetes/manifests/kube-apiserver.yaml
  setfacl -m u:USER:x /etc/kubernetes /etc/kubernetes/manifests
In a container, mount the host's / read-only and set root to where it is mounted.
What may not be read is reported as unknown, with the file's name.
"""


class SelfManagedProvider:
    """Clusters whose control plane is described by files: static pods, kubeadm, systemd."""

    kind: Final = "self_managed"
    title: Final = "self-managed Kubernetes"
    options: Final[type[AccountOptions]] = SelfManagedOptions

    def permissions(self, variant: str = "") -> str:
        """Say which files must be readable; there are no variants."""
        if variant:
            raise UsageError(f"there is no variant {variant!r}", where="--permissions", hint="leave it out")
        return _PERMISSIONS

    async def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read one cluster after the other, and the nodes of each at the same time."""
        if not isinstance(options, SelfManagedOptions):
            message = f"self_managed was handed {type(options).__name__}"
            raise TypeError(message)
        from providers.self_managed.collect import collect  # noqa: PLC0415 - only a scan needs the YAML readers

        async for item in collect(options, context):
            yield item
