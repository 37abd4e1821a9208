"""One cluster through its API: which API servers there are, with what flags they run, and what could not be seen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from providers.self_managed.composing import Composition, compose
from providers.self_managed.live.access import Access
from providers.self_managed.live.client import ApiClient, Object, Resource, connected
from providers.self_managed.live.drift import drift
from providers.self_managed.live.k3s import NODE_ARGUMENTS, look_at_node
from providers.self_managed.live.objects import NO_HOST, look_at_object, shown, text_at
from providers.self_managed.looking import Look
from providers.self_managed.paths import Found
from scanner.errors import CollectionError, NotFound
from scanner.model import Evidence, Fact, Note, NoteSeverity, ScanSettings, Unread

_Result = TypeVar("_Result")

VERSION: Final = Resource("/version")
GROUPS: Final = Resource("/apis")
NODES: Final = Resource("nodes")
PODS: Final = Resource("pods", namespace="kube-system")
KUBEADM: Final = Resource("configmaps", namespace="kube-system", name="kubeadm-config")
OPENSHIFT: Final = Resource("apiservers", name="cluster", group="config.openshift.io")

_CONTROL_PLANE: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
"""The labels of control-plane nodes: since Kubernetes 1.20, and before 1.24."""
_MIRROR: Final = "kubernetes.io/config.mirror"
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?)")
_CLOUDS: Final = {"-eks-": "eks", "-gke.": "gke"}


@dataclass
class Live:
    """What the API shows of one cluster.

    Attributes:
        version: The Kubernetes version of the API server that answered; None where it is not known.
        unread: What could not be read beside the API servers themselves.
    """

    composition: Composition
    facts: tuple[Fact, ...] = ()
    version: str | None = None
    unread: tuple[Unread, ...] = ()


@dataclass
class _Seen:
    """What was asked for, or the error in its place."""

    nodes: list[Object] | CollectionError
    pods: list[Object] | CollectionError
    kubeadm: Object | CollectionError
    looks: list[Look] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


async def read_cluster(access: Access, scan: ScanSettings, version: str | None) -> Live:
    """Read one cluster; CollectionError where its API server cannot be asked at all.

    Args:
        access: How it is reached.
        scan: Limits on time and tries.
        version: The Kubernetes version that the configuration gives; None to take the server's word.
    """
    async with connected(access, scan) as client:
        told = await client.get(VERSION)
        git_version = text_at(told, "gitVersion")
        found = _VERSION.match(git_version)
        running = found[1] if found else None
        evidence = Evidence(f"GET {access.server}{VERSION.path}", "gitVersion", git_version or "nothing")
        facts = (
            Fact("API server", access.server, Evidence(access.shown, "server", access.server)),
            Fact("server version", git_version or "not told", evidence),
        )
        groups = await client.get(GROUPS)
        names = {text_at(group, "name") for group in _listed(groups.get("groups"))}
        if OPENSHIFT.group in names:
            look = await _openshift(client, version or running)
            return Live(_composed([look], ()), facts, running)
        seen = await _ask(client)
    _read_nodes(seen, version or running, git_version)
    unread = _unread(seen)
    return Live(_composed(seen.looks, seen.notes), facts, running, unread)


async def _ask(client: ApiClient) -> _Seen:
    """Ask for everything at the same time."""
    nodes, pods, kubeadm = await asyncio.gather(
        _attempt(_control_plane(client)), _attempt(client.list_all(PODS, _may_be_server)), _attempt(client.get(KUBEADM))
    )
    return _Seen(nodes, pods, kubeadm)


async def _attempt(asked: Awaitable[_Result]) -> _Result | CollectionError:
    try:
        return await asked
    except CollectionError as error:
        return error


async def _control_plane(client: ApiClient) -> list[Object]:
    """List the control-plane nodes by either label; their kind is not in a list's items."""
    found: dict[str, Object] = {}
    for label in _CONTROL_PLANE:
        for node in await client.list_all(NODES, label_selector=label):
            found[text_at(node, "metadata", "name")] = {"apiVersion": "v1", "kind": "Node", **node}
    return [found[name] for name in sorted(found)]


async def _openshift(client: ApiClient, version: str | None) -> Look:
    """Read OpenShift's own object: its operator gives every API server the flags and the policy of that."""
    item = await _attempt(client.get(OPENSHIFT))
    if isinstance(item, CollectionError):
        return _unknown("kube-apiserver", item)
    return look_at_object(item, "kube-apiserver", version)


def _may_be_server(pod: Object) -> bool:
    """Say whether a pod runs a container that is called kube-apiserver, or its image is."""
    spec = pod.get("spec")
    for container in _listed(spec.get("containers") if isinstance(spec, dict) else None):
        image = PurePosixPath(text_at(container, "image")).name
        if "kube-apiserver" in {text_at(container, "name"), re.split("[:@]", image)[0]}:
            return True
    return False


def _read_nodes(seen: _Seen, version: str | None, git_version: str) -> None:
    """Give each control-plane node its API server, or say why it is not known."""
    pods = [] if isinstance(seen.pods, CollectionError) else seen.pods
    mirrors = [pod for pod in pods if text_at(pod, "metadata", "annotations", _MIRROR)]
    for pod in mirrors:
        seen.looks.append(look_at_object({"apiVersion": "v1", "kind": "Pod", **pod}, _node_of(pod), version))
    seen.notes += [_stranger(pod) for pod in pods if pod not in mirrors]
    seen.notes += [note for pod in mirrors if (note := _not_ready(pod)) is not None]
    if not isinstance(seen.kubeadm, CollectionError):
        configured = look_at_object({"apiVersion": "v1", "kind": "ConfigMap", **seen.kubeadm}, "", version)
        seen.notes += drift(seen.looks, configured)
    if isinstance(seen.nodes, CollectionError):
        seen.looks.append(_unknown("further control-plane nodes", seen.nodes))
        if isinstance(seen.pods, CollectionError):
            seen.looks.append(_unknown("kube-apiserver", seen.pods))
        return
    shown_nodes = {look.name for look in seen.looks}
    for node in seen.nodes:
        name = text_at(node, "metadata", "name")
        if name not in shown_nodes:
            seen.looks.append(_without_pod(node, name, seen, version))
    if not seen.looks:
        seen.looks.append(_unknown("kube-apiserver", _nothing(seen.pods, git_version)))


def _without_pod(node: Object, name: str, seen: _Seen, version: str | None) -> Look:
    """Read what a node says about itself: k3s runs its API server within its own process, where no pod shows it."""
    if text_at(node, "metadata", "annotations", NODE_ARGUMENTS):
        return look_at_node(node, version)
    if isinstance(seen.pods, CollectionError):
        return _unknown(name, seen.pods)
    what = f"is a control-plane node, and no kube-apiserver pod in {PODS.namespace} runs on it"
    hint = "read the node's own files with paths and root"
    return _unknown(name, NotFound(what, where=shown(node), hint=hint))


def _nothing(pods: list[Object] | CollectionError, git_version: str) -> CollectionError:
    """Say why no API server is seen at all."""
    if isinstance(pods, CollectionError):
        return pods
    hint = "read the files of the machine that it runs on with paths and root"
    for sign, provider in _CLOUDS.items():
        if sign in git_version:
            hint = f'its version {git_version} is a managed one: read it with provider "{provider}"'
    what = "shows no control-plane node and no kube-apiserver pod: its control plane runs elsewhere"
    return NotFound(what, where="the Kubernetes API", hint=hint)


def _unknown(name: str, error: CollectionError) -> Look:
    return Look(Found(Path("/"), name), NO_HOST, name, error=error)


def _node_of(pod: Object) -> str:
    return text_at(pod, "spec", "nodeName") or text_at(pod, "metadata", "name")


def _stranger(pod: Object) -> Note:
    """Mention a pod that looks like an API server and was made through the API, by whoever may create pods there."""
    where = f"Pod {PODS.namespace}/{text_at(pod, 'metadata', 'name')}"
    text = f"{where} runs kube-apiserver and is no mirror of a static pod: it is taken for another cluster's"
    return Note(NoteSeverity.WARNING, text, (Evidence(where, f"metadata.annotations.{_MIRROR}", "not there"),))


def _not_ready(pod: Object) -> Note | None:
    """Say of an API server that is not ready that its flags may never have worked."""
    status = pod.get("status")
    containers = _listed(status.get("containerStatuses") if isinstance(status, dict) else None)
    for container in containers:
        if text_at(container, "name") == "kube-apiserver" and container.get("ready") is False:
            where = f"Pod {PODS.namespace}/{text_at(pod, 'metadata', 'name')}"
            text = f"kube-apiserver on {_node_of(pod)} is not ready: it may not work with the flags that it has"
            return Note(NoteSeverity.WARNING, text, (Evidence(where, "status.containerStatuses.ready", "false"),))
    return None


def _unread(seen: _Seen) -> tuple[Unread, ...]:
    """Name what could not be read beside the chain itself; a cluster that kubeadm did not make has no ConfigMap."""
    error = seen.kubeadm
    if not isinstance(error, CollectionError) or isinstance(error, NotFound):
        return ()
    return (Unread(error.where, error.permission, error.hint),)


def _composed(looks: Sequence[Look], notes: Sequence[Note]) -> Composition:
    """Put one cluster together, whatever its objects call it."""
    first, *others = compose(looks)
    for other in others:
        first.servers += other.servers
    first.cluster = ""
    first.notes += notes
    return first


def _listed(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
