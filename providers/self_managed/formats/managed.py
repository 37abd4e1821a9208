"""Files that describe a managed cluster, whose control plane a cloud runs: understood, and refused with a pointer.

Sources: ``eksctl-io/eksctl`` pkg/apis/eksctl.io/v1alpha5, ``kubernetes-sigs/cluster-api-provider-aws``
controlplane/eks, ``kubernetes-sigs/cluster-api-provider-gcp`` exp/api, ``kubernetes-sigs/cluster-api-provider-azure``
api (also its AzureASOManagedControlPlane).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.source import Format, ManifestFile, Refused

_KINDS: Final = {
    ("eksctl.io/", "ClusterConfig"): ("an EKS cluster, whose control plane AWS runs", "eks"),
    ("controlplane.cluster.x-k8s.io/", "AWSManagedControlPlane"): (
        "an EKS cluster, whose control plane AWS runs",
        "eks",
    ),
    ("infrastructure.cluster.x-k8s.io/", "GCPManagedControlPlane"): (
        "a GKE cluster, whose control plane Google Cloud runs",
        "gke",
    ),
    ("infrastructure.cluster.x-k8s.io/", "AzureManagedControlPlane"): (
        "an AKS cluster, whose control plane Azure runs",
        "aks",
    ),
    ("infrastructure.cluster.x-k8s.io/", "AzureASOManagedControlPlane"): (
        "an AKS cluster, whose control plane Azure runs",
        "aks",
    ),
}


class Managed:
    """Objects of eksctl and of Cluster API for EKS, GKE and AKS."""

    title: Final = "managed cluster"
    signs: Final = (b"eksctl.io/", b"ManagedControlPlane")

    def read(self, file: ManifestFile) -> tuple[Refused, ...]:
        """Say once for each cloud where its clusters are read."""
        return tuple(dict.fromkeys(part for document in file.fields for part in _refused(file.shown, document)))


FORMAT: Final[Format] = Managed()


def _refused(shown: str, document: Field) -> Iterator[Refused]:
    version, kind = document.get("apiVersion").text, document.get("kind").text
    for (group, name), (what, provider) in _KINDS.items():
        if version.startswith(group) and kind.removesuffix("Template") == name:
            yield Refused(shown, f"describes {what}", f'read it with provider "{provider}"')
