"""Objects as the kubelet, kubeadm, k3s and OpenShift make them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.emulators.kubernetes.store import Object

AUDITED = (
    "--authorization-mode=Node,RBAC",
    "--audit-policy-file=/etc/kubernetes/audit-policy.yaml",
    "--audit-log-path=/var/log/kubernetes/audit.log",
    "--audit-log-maxage=30",
    "--audit-log-maxbackup=10",
    "--audit-log-maxsize=100",
)
"""Flags of an API server whose audit log works."""
_PATHS = (("audit-policy", "/etc/kubernetes/audit-policy.yaml"), ("audit-log", "/var/log/kubernetes"))


def node(name: str, *, role: str | None = "control-plane", annotations: dict[str, str] | None = None) -> Object:
    """Build a node; one without a role is a worker."""
    labels = {"kubernetes.io/hostname": name}
    if role is not None:
        labels[f"node-role.kubernetes.io/{role}"] = ""
    metadata = {"name": name, "labels": labels, "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


def k3s_node(name: str, *words: str, product: str = "k3s") -> Object:
    """Build the node of a k3s or RKE2 server."""
    return node(name, annotations={f"{product}.io/node-args": json.dumps(["server", *words])})


def server_pod(
    node_name: str,
    flags: Sequence[str] = AUDITED,
    *,
    version: str = "v1.34.2",
    mirror: bool = True,
    ready: bool = True,
) -> Object:
    """Build the mirror pod of a static pod of kube-apiserver."""
    annotations = {"kubernetes.io/config.hash": "5f3a", "kubernetes.io/config.source": "file"}
    if mirror:
        annotations["kubernetes.io/config.mirror"] = "5f3a"
    container = {
        "name": "kube-apiserver",
        "image": f"registry.k8s.io/kube-apiserver:{version}",
        "command": ["kube-apiserver", "--advertise-address=10.0.0.1", *flags],
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in _PATHS],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"kube-apiserver-{node_name}",
            "namespace": "kube-system",
            "labels": {"component": "kube-apiserver", "tier": "control-plane"},
            "annotations": annotations,
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {
            "nodeName": node_name,
            "hostNetwork": True,
            "containers": [container],
            "volumes": [{"name": name, "hostPath": {"path": path}} for name, path in _PATHS],
        },
        "status": {"phase": "Running", "containerStatuses": [{"name": "kube-apiserver", "ready": ready}]},
    }


def other_pod(name: str) -> Object:
    """Build a pod that has nothing to do with an API server."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"nodeName": "worker-1", "containers": [{"name": name, "image": f"registry.example/{name}:1.0"}]},
    }


def kubeadm_config(flags: Sequence[str] = AUDITED) -> Object:
    """Build the ConfigMap in which kubeadm keeps its ClusterConfiguration."""
    pairs = [flag.removeprefix("--").partition("=") for flag in flags]
    extra = "".join(f"    - name: {name}\n      value: {json.dumps(value)}\n" for name, _, value in pairs)
    text = (
        "apiServer:\n  extraArgs:\n" + extra + "apiVersion: kubeadm.k8s.io/v1beta4\n"
        "kind: ClusterConfiguration\nkubernetesVersion: v1.34.2\n"
    )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": text},
    }


def openshift_api_server(profile: str | None) -> Object:
    """Build OpenShift's APIServer object."""
    spec = {} if profile is None else {"audit": {"profile": profile}}
    return {
        "apiVersion": "config.openshift.io/v1",
        "kind": "APIServer",
        "metadata": {"name": "cluster"},
        "spec": spec,
    }


def openshift_infrastructure(topology: str = "HighlyAvailable") -> Object:
    """Build OpenShift's Infrastructure object."""
    return {
        "apiVersion": "config.openshift.io/v1",
        "kind": "Infrastructure",
        "metadata": {"name": "cluster"},
        "status": {"controlPlaneTopology": topology, "infrastructureTopology": "HighlyAvailable"},
    }
