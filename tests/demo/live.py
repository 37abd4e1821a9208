"""The demo's live cluster, and the files that it serves at a URL and in an archive; all on loopback."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.emulators import files, kubernetes
from tests.emulators.kubernetes.objects import AUDITED, kubeadm_config, node, other_pod, server_pod

_MANIFESTS: Final = Path(__file__).resolve().parent / "manifests"
_TOKEN: Final = "demo-token"
_SCANNER: Final = "system:serviceaccount:k8s-audit-coverage:k8s-audit-coverage"
_RIGHTS: Final = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "rbac.yaml"


@contextmanager
def start() -> Iterator[dict[str, str]]:
    """Run the cluster and the file server, and give the environment that leads the demo's configuration to them."""
    with (
        TemporaryDirectory() as directory,
        kubernetes.running() as cluster,
        files.running() as server,
    ):
        folder = Path(directory)
        populate(cluster)
        server.authority.cert_pem.write_to_path(folder / "ca.pem")
        server.files["/r1/kube-apiserver.yaml"] = _read("r1/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml")
        server.files["/r1/audit-policy.yaml"] = _read("r1/cp-1/etc/kubernetes/audit-policy.yaml")
        with tarfile.open(folder / "hosts.tar.gz", "w:gz") as archive:
            archive.add(_MANIFESTS / "good", "hosts")
        yield {
            "KUBECONFIG": str(cluster.write_kubeconfig(folder / "kubeconfig", {"token": _TOKEN})),
            "AUDIT_DEMO_URL": server.url,
            "AUDIT_DEMO_DIRECTORY": directory,
        }


def populate(cluster: kubernetes.KubernetesEmulator) -> None:
    """Make three control-plane nodes, whose audit flags kubeadm would not write again; the scanner may read no more."""
    cluster.accept_token(_TOKEN, _SCANNER)
    cluster.rbac.apply(_RIGHTS.read_text("utf-8"))
    for name in ("cp-1", "cp-2", "cp-3"):
        cluster.store.put(node(name))
        cluster.store.put(server_pod(name))
    cluster.store.put(node("worker-1", role=None))
    for number in range(300):
        cluster.store.put(other_pod(f"csi-{number}"))
    cluster.store.put(kubeadm_config([flag for flag in AUDITED if not flag.startswith("--audit-")]))


def _read(path: str) -> bytes:
    return (_MANIFESTS / path).read_bytes()
