"""Live Kubernetes clusters in a storm: kubeadm's and OpenShift's, asked by a user for each place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from providers.self_managed.live import cluster as product
from providers.self_managed.live.client import Resource
from tests.e2e.storms.sky import PAGED, Place, Trouble
from tests.emulators.kubernetes import KubernetesEmulator, faults, running
from tests.emulators.kubernetes.faults import Answer
from tests.emulators.kubernetes.objects import (
    kubeadm_config,
    node,
    openshift_api_server,
    openshift_infrastructure,
    server_pod,
)

_POLICY: Final = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
_SHAPE: Final = b'{"items": 7, "metadata": [], "data": 1, "groups": {}, "gitVersion": [], "spec": 2, "status": "on"}'
_FAULTS: Final[dict[str, Callable[[], Answer]]] = {
    "denied": lambda: faults.error(403, "Forbidden", "it is forbidden"),
    "throttled": faults.throttle,
    "server error": lambda: faults.body(b"<html><h1>500 Internal Server Error</h1></html>", 500, "text/html"),
    "no answer in time": lambda: faults.stall(90),
    "reset": faults.drop,
    "malformed": lambda: faults.body(b'{"items": ['),
    "another shape": lambda: faults.body(_SHAPE),
    "empty": lambda: faults.body(b""),
    "empty object": lambda: faults.body(b"{}"),
    "truncated": faults.cut_off,
    "expired": lambda: faults.error(401, "Unauthorized", "Unauthorized"),
}
_LISTS: Final = frozenset({product.NODES.path, product.PODS.path})
_FIRST: Final = b'{"kind": "List", "metadata": {"continue": "once-more"}, "items": []}'


class LiveSky:
    """Kubernetes."""

    head: Final = ""
    shapes: Final = ("kubeadm", "openshift")
    named: Final = frozenset(one.path for one in vars(product).values() if isinstance(one, Resource))
    beside: Final = frozenset(
        {
            # What kubeadm would write is compared with what runs, which counts.
            product.KUBEADM.path,
            # An answer without a version leaves that untold; any other fault leaves the cluster unknown.
            product.VERSION.path,
        }
    )
    covered: Final[frozenset[tuple[str, str]]] = frozenset()
    afresh: Final[frozenset[str]] = frozenset()
    replaced: Final[Mapping[str, frozenset[str]]] = {}
    everywhere: Final = frozenset({product.VERSION.path, product.GROUPS.path})

    def __init__(self, clusters: Mapping[str, KubernetesEmulator], folder: Path) -> None:
        """Make a cluster of each shape, which answers to the users of all places."""
        self._clusters = clusters
        self._folder = folder
        self._tokens: list[str] = []
        (folder / "policy.yaml").write_text(_POLICY)
        for cluster in clusters.values():
            cluster.rbac.open = True
        kubeadm, openshift = (clusters[shape] for shape in self.shapes)
        for name in ("cp-1", "cp-2"):
            kubeadm.store.put(node(name))
            kubeadm.store.put(server_pod(name))
        kubeadm.store.put(kubeadm_config())
        openshift.groups = ["config.openshift.io"]
        openshift.store.put(openshift_api_server("WriteRequestBodies"))
        openshift.store.put(openshift_infrastructure())

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing: the kubeconfig of each place leads to its cluster."""
        return {}

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What else may happen to clusters."""

        def deny_lists(place: Place) -> None:
            for path in _LISTS:
                self._clusters["kubeadm"].inject(_FAULTS["denied"](), path, user=place.key)

        return {"every list is denied": Trouble("kubeadm", deny_lists, "UNKNOWN", "list pods")}

    def add(self, shape: str, number: int, fault: str = "") -> Place:  # noqa: ARG002 - the same for every cloud
        """Make a user, with a token of his own, of the cluster of a shape."""
        name = f"{shape}-{number:04}"
        cluster = self._clusters[shape]
        token = f"s3cr3t-of-{name}"
        self._tokens.append(token)
        cluster.accept_token(token, name)
        path = cluster.write_kubeconfig(self._folder / f"{name}.kubeconfig", {"token": token})
        table = f'[[account]]\nname = "{name}"\nprovider = "self_managed"\n[[account.cluster]]\nname = "main"\n'
        policy = "" if shape == "openshift" else f'policy = "{self._folder}/policy.yaml"\n'
        return Place(name, f'{table}kubeconfig = "{path}"\n{policy}', name)

    def calls(self, place: Place) -> frozenset[str]:
        """Give the paths that its user asked for."""
        asked = [one for cluster in self._clusters.values() for one in tuple(cluster.requests)]
        return frozenset(one.path for one in asked if one.user == place.key)

    def methods(self, calls: Iterable[str]) -> frozenset[str]:
        """Give the calls as the product names them."""
        return frozenset(calls)

    def faults(self, shape: str, call: str) -> Iterable[str]:  # noqa: ARG002 - the same for every cloud
        """Give the faults of any request, and those of lists."""
        yield from (*_FAULTS, *(PAGED if call in _LISTS else ()))

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a path go wrong for one user."""
        for cluster in self._clusters.values():
            if fault in _FAULTS:
                cluster.inject(_FAULTS[fault](), call, user=place.key)
                continue
            if fault == PAGED[1]:
                cluster.inject(_FAULTS["server error"](), call, page=2, user=place.key)
            cluster.inject(faults.body(_FIRST), call, user=place.key)

    def spares(self, place: Place, call: str) -> frozenset[str]:  # noqa: ARG002 - the same for every cloud
        """Give none: whatever goes wrong is of the place's own account."""
        return frozenset()

    def spreads(self, call: str, fault: str) -> bool:  # noqa: ARG002 - the same for every cloud
        """Tell that none does: each call is hit by itself."""
        return False

    def words(self, call: str, fault: str) -> tuple[str, ...]:  # noqa: ARG002 - the same for every cloud
        """Give the path, which the report names with the server's address."""
        return (call,)

    def sources(self, call: str) -> tuple[str, ...]:
        """Give the path; evidence of objects names these instead."""
        return (call,)

    def secrets(self) -> Iterable[str]:
        """Give the users' tokens."""
        return self._tokens


@contextmanager
def sky(folder: Path) -> Iterator[LiveSky]:
    """Run both clusters."""
    with running() as kubeadm, running() as openshift:
        yield LiveSky({"kubeadm": kubeadm, "openshift": openshift}, folder)
