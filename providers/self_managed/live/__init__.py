"""The live reader: a cluster through its own Kubernetes API."""

from __future__ import annotations

from providers.self_managed.live.access import Access
from providers.self_managed.live.in_cluster import in_cluster_access
from providers.self_managed.live.kubeconfig import Kubeconfig, load_access
from providers.self_managed.options import ClusterOptions


def access_of(cluster: ClusterOptions) -> Access:
    """Find out how a live cluster is reached, and as whom; blocking. CollectionError says what is missing."""
    if cluster.in_cluster:
        return in_cluster_access(cluster.service_account)
    wanted = Kubeconfig(
        path=cluster.kubeconfig,
        context=cluster.context or "",
        base=cluster.base,
        allow_exec=cluster.allow_exec,
        allow_insecure_tls=cluster.allow_insecure_tls,
    )
    return load_access(wanted)
