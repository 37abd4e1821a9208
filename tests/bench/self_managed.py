"""A directory of 5,000 manifests in one pass, beside reading and parsing the same files and nothing else; and pods.

Every fiftieth manifest is a kube-apiserver's; the others are what a GitOps repository holds. Files are in the page
cache for both sides, which take turns in this process.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml

from providers import load
from scanner.model import ClusterObservation, RuleSettings, ScanSettings
from scanner.ports import CollectContext
from tests.emulators import kubernetes
from tests.emulators.kubernetes.objects import AUDITED, node, other_pod, server_pod

FILES: Final = 5000
SERVERS: Final = 100
PODS: Final = 5000
ROUNDS: Final = 3
MOST: Final = 1.0
"""The whole scan may take as long as reading and parsing every file alone: most files need no parsing."""
_MANIFEST: Final = Path(__file__).parents[1] / "demo/manifests/good/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml"


def main() -> bool:
    """Time all, print the figures, and say whether the targets are met."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        _write(root)
        rounds = [(_seconds(lambda: _parse(root)), _seconds(lambda: _scan(root))) for _ in range(ROUNDS)]
    parsing, scanning = (statistics.median(one[side] for one in rounds) for side in (0, 1))
    print(f"self_managed: {FILES} manifests in one directory, {SERVERS} of them API servers, median of {ROUNDS} runs")
    print(f"  reading and parsing alone {FILES / parsing:8.0f} files/s")
    print(f"  the product               {FILES / scanning:8.0f} files/s")
    print(f"  ratio                     {scanning / parsing:8.2f} of the time   (at most {MOST})")
    return scanning / parsing <= MOST and _live()


def _write(root: Path) -> None:
    """Write the manifests, in directories of fifty."""
    server = _MANIFEST.read_text("utf-8")
    for number in range(FILES):
        folder = root / f"team-{number // 50:03}"
        folder.mkdir(exist_ok=True)
        text = server if number % (FILES // SERVERS) == 0 else _other(number)
        (folder / f"manifest-{number:04}.yaml").write_text(text, "utf-8")


def _other(number: int) -> str:
    """Write a Deployment with its Service, as a repository has them by the thousand."""
    labels = f"{{app: shop-{number}, team: team-{number // 50}}}"
    variables = "".join(
        f"        - name: SETTING_{index}\n          value: '{number * index}'\n" for index in range(12)
    )
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop-{number}\n  labels: {labels}\nspec:\n"
        f"  replicas: 3\n  selector:\n    matchLabels: {labels}\n"
        f"  template:\n    metadata:\n      labels: {labels}\n"
        f"    spec:\n      containers:\n      - name: shop\n        image: registry.example/shop:{number}\n"
        "        env:\n"
        f"{variables}        ports:\n        - containerPort: 8080\n        resources:\n          limits:\n"
        f"            memory: 256Mi\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: shop-{number}\nspec:\n"
        f"  selector: {labels}\n  ports:\n  - port: 80\n    targetPort: 8080\n"
    )


def _parse(root: Path) -> None:
    """Read and parse every file, as any tool must that looks into each."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = sorted(root.rglob("*.yaml"))
    nodes = sum(len(tuple(yaml.compose_all(path.read_bytes(), Loader=loader))) for path in files)
    if nodes != 2 * FILES - SERVERS:
        raise SystemExit(f"{nodes} documents were parsed")


def _scan(root: Path) -> None:
    """Read the directory as one cluster."""
    found = _collected({"name": "fleet", "paths": [str(root)]})
    if len(found.servers) != SERVERS:
        raise SystemExit(f"{len(found.servers)} API servers were found, not {SERVERS}")


def _live() -> bool:
    """Time a live cluster whose kube-system holds thousands of pods."""
    with TemporaryDirectory() as directory, kubernetes.running() as cluster:
        cluster.accept_token("token", "auditor")
        cluster.rbac.open = True
        for name in ("cp-1", "cp-2", "cp-3"):
            cluster.store.put(node(name))
            cluster.store.put(server_pod(name, AUDITED))
        for number in range(PODS):
            cluster.store.put(other_pod(f"pod-{number:05}"))
        path = cluster.write_kubeconfig(Path(directory) / "kubeconfig", {"token": "token"})
        counts: list[int] = []

        def scan() -> None:
            counts.append(len(_collected({"name": "live", "kubeconfig": str(path)}).servers))

        seconds = statistics.median(_seconds(scan) for _ in range(ROUNDS))
    print(f"self_managed: a live cluster with {PODS} pods in kube-system: {seconds:.2f} s, {PODS / seconds:.0f} pods/s")
    return counts == [3] * ROUNDS


def _collected(cluster: dict[str, object]) -> ClusterObservation:
    """Read one cluster with the provider."""
    provider = load("self_managed")
    options = provider.options.model_validate({"cluster": [cluster]})
    context = CollectContext("bench", ScanSettings(), RuleSettings(), datetime.now(UTC), lambda _what: None)

    async def collect() -> ClusterObservation:
        (found,) = [item async for item in provider.collect(options, context)]
        if not isinstance(found, ClusterObservation):
            raise SystemExit(repr(found))
        return found

    return asyncio.run(collect())


def _seconds(what: Callable[[], None]) -> float:
    """Time one run."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began
