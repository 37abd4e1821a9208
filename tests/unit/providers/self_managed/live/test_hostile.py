"""Answers and kubeconfigs that make no sense: each is read or refused, and nothing crashes."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.self_managed.live.client import ApiClient, Resource
from providers.self_managed.live.cluster import read_cluster
from providers.self_managed.live.kubeconfig import Kubeconfig, load_access
from scanner.errors import CollectionError, Malformed
from scanner.model import ScanSettings
from tests.emulators.kubernetes import KubernetesEmulator, Object, faults
from tests.emulators.kubernetes.objects import k3s_node, kubeadm_config, openshift_api_server, server_pod
from tests.unit.providers.self_managed.live.conftest import TOKEN, Ask

STRANGE: tuple[Any, ...] = (None, True, 0, -1.5, "", "x", "\x00\x7f\ud800", "a\nb", [], [[]], {}, {"": None}, ["--x"])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - any JSON
    """Give the path of every value within a value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*path, key)
        yield from places(value[key], (*path, key))


def broken(whole: Object, count: int) -> Iterator[Object]:
    """Give copies in which some value is something else, the same ones every time."""
    chance = random.Random(11)  # noqa: S311 - the same every time
    where = list(places(whole))
    for _ in range(count):
        item = copy.deepcopy(whole)
        *above, last = chance.choice(where)
        inner: Any = item
        for key in above:
            inner = inner[key]
        inner[last] = chance.choice(STRANGE)
        yield item


async def read(cluster: KubernetesEmulator, tmp_path: Path) -> int:
    """Read the cluster, and count its API servers."""
    cluster.write_kubeconfig(tmp_path / "kubeconfig", {"token": TOKEN})
    access = load_access(Kubeconfig("kubeconfig", "", tmp_path), {})
    return len((await read_cluster(access, ScanSettings(retries=0), None)).composition.servers)


def listing(items: list[Object]) -> bytes:
    return json.dumps({"kind": "List", "metadata": {}, "items": items}).encode()


async def test_pods_that_make_no_sense(cluster: KubernetesEmulator, tmp_path: Path) -> None:
    pods: list[Any] = [*broken(server_pod("cp-1"), 400), *STRANGE]
    cluster.inject(faults.body(listing(pods)), "/api/v1/namespaces/kube-system/pods")
    assert await read(cluster, tmp_path) > 100


async def test_nodes_that_make_no_sense(cluster: KubernetesEmulator, tmp_path: Path) -> None:
    nodes: list[Any] = [*broken(k3s_node("s-1", "--kube-apiserver-arg", "audit-log-path=/x"), 200), *STRANGE]
    cluster.inject(faults.body(listing(nodes)), "/api/v1/nodes")
    assert await read(cluster, tmp_path) >= 1


@pytest.mark.parametrize("item", [*broken(kubeadm_config(), 30)])
async def test_a_kubeadm_config_that_makes_no_sense(cluster: KubernetesEmulator, tmp_path: Path, item: Object) -> None:
    cluster.store.put(server_pod("cp-1"))
    path = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
    cluster.inject(faults.body(json.dumps(item).encode()), path)
    assert await read(cluster, tmp_path) == 1


@pytest.mark.parametrize("item", [*broken(openshift_api_server("Default"), 30)])
async def test_an_openshift_object_that_makes_no_sense(
    cluster: KubernetesEmulator, tmp_path: Path, item: Object
) -> None:
    cluster.groups.append("config.openshift.io")
    root = "/apis/config.openshift.io/v1"
    cluster.inject(faults.body(json.dumps(item).encode()), f"{root}/apiservers/cluster")
    cluster.inject(faults.body(b'{"status": {"controlPlaneTopology": 1}}'), f"{root}/infrastructures/cluster")
    assert await read(cluster, tmp_path) == 1


@pytest.mark.parametrize("path", ["/version", "/apis"])
@pytest.mark.parametrize("strange", STRANGE)
async def test_discovery_that_makes_no_sense(
    cluster: KubernetesEmulator, tmp_path: Path, path: str, strange: object
) -> None:
    cluster.store.put(server_pod("cp-1"))
    cluster.inject(faults.body(json.dumps({"gitVersion": strange, "groups": strange}).encode()), path)
    if path == "/apis" and not isinstance(strange, list):
        with pytest.raises(Malformed, match="answers with no list of API groups"):
            await read(cluster, tmp_path)
    else:
        assert await read(cluster, tmp_path) == 1


@pytest.mark.parametrize("path", ["/version", "/apis", "/api/v1/nodes"])
async def test_a_message_that_is_none(ask: Ask, cluster: KubernetesEmulator, path: str) -> None:
    cluster.inject(faults.body(b'{"kind": "Status", "message": {"a": 1}}', 403), path)

    async def all_of(client: ApiClient) -> None:
        with pytest.raises(CollectionError):
            await client.get(Resource(path))

    await ask(all_of)


def test_kubeconfigs_that_make_no_sense(tmp_path: Path) -> None:
    certificate = {"client-certificate-data": "eA==", "client-key-data": "eA=="}
    plugin = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "p", "args": ["a"], "env": []}}
    for user in ({"token": "t", "as": "a", "as-groups": ["g"], "as-user-extra": {"k": ["v"]}, **certificate}, plugin):
        whole = {
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": "https://h:6443", "proxy-url": "http://p:1"}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        }
        for item in broken(whole, 300):
            (tmp_path / "kubeconfig").write_text(json.dumps(item), "utf-8")
            with contextlib.suppress(CollectionError):
                load_access(Kubeconfig("kubeconfig", "", tmp_path, allow_exec=True), {})
