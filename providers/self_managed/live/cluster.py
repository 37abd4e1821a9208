"""One cluster through its API: which API servers there are, with what flags they run, and what could not be seen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final, TypeVar

from providers.self_managed.composition import Composition, Described, Unknown
from providers.self_managed.drift import drift
from providers.self_managed.live.access import Access
from providers.self_managed.live.client import ApiClient, Object, Resource, connected
from providers.self_managed.live.k3s import look_at_node, tells_its_arguments
from providers.self_managed.live.objects import Looks, maps_at, shown, text_at
from scanner.errors import CollectionError, Malformed, NotFound
from scanner.model import Evidence, Fact, Note, NoteSeverity, ScanSettings, Unread

_Result = TypeVar("_Result")

VERSION: Final = Resource("/version")
GROUPS: Final = Resource("/apis")
NODES: Final = Resource("nodes")
PODS: Final = Resource("pods", namespace="kube-system")
KUBEADM: Final = Resource("configmaps", namespace="kube-system", name="kubeadm-config")
OPENSHIFT: Final = Resource("apiservers", name="cluster", group="config.openshift.io")
INFRASTRUCTURE: Final = Resource("infrastructures", name="cluster", group="config.openshift.io")

_HOSTED: Final = "External"
"""``status.controlPlaneTopology`` where the control plane runs in another cluster (``openshift/api`` config/v1)."""
_CONTROL_PLANE: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
"""The labels of control-plane nodes: since Kubernetes 1.20, and before 1.24."""
_MIRROR: Final = "kubernetes.io/config.mirror"
_SERVER: Final = "kube-apiserver"
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?)")
_CLOUDS: Final = {"-eks-": "eks", "-gke.": "gke"}


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was asked for, or the error in its place."""

    nodes: list[Object] | CollectionError
    pods: list[Object] | CollectionError
    kubeadm: Object | CollectionError


async def read_cluster(access: Access, scan: ScanSettings, version: str | None) -> Live:
    """Read one cluster; CollectionError where its API server cannot be asked at all.

    Args:
        access: How it is reached.
        scan: Limits on time and tries.
        version: The Kubernetes version that the configuration gives; None to take the server's word.
    """
    async with connected(access, scan) as client:
        git_version = text_at(await client.get(VERSION), "gitVersion")
        found = _VERSION.match(git_version)
        running = found[1] if found else None
        facts = _facts(access, git_version)
        answer = await client.get(GROUPS)
        if not isinstance(answer.get("groups"), list):
            raise Malformed("answers with no list of API groups", where=f"GET {access.server}{GROUPS.path}")
        groups = maps_at(answer, "groups")
        if OPENSHIFT.group in {text_at(group, "name") for group in groups}:
            return Live(await _openshift(client, version or running), facts, running)
        seen = await _ask(client)
    looks = Looks(version or running)
    strangers = _read_pods(looks, seen)
    _read_nodes(looks, seen, git_version)
    composition = looks.composed()
    composition.notes += [*strangers, *_drift(composition, seen, version or running)]
    if not isinstance(seen.kubeadm, CollectionError):
        composition.servers = [_of_kubeadm(one) for one in composition.servers]
    return Live(composition, facts, running, _unread(seen))


def _facts(access: Access, git_version: str) -> tuple[Fact, ...]:
    told = Evidence(f"GET {access.server}{VERSION.path}", "gitVersion", git_version or "nothing")
    return (
        Fact("API server", access.server, Evidence(access.shown, "server", access.server)),
        Fact("server version", git_version or "not told", told),
    )


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


async def _openshift(client: ApiClient, version: str | None) -> Composition:
    """Read OpenShift's own object: its operator gives every API server the flags and the policy of that.

    A hosted control plane has the same object, but its logs lie in another cluster.
    """
    looks = Looks(version)
    item, infrastructure = await asyncio.gather(_attempt(client.get(OPENSHIFT)), _attempt(client.get(INFRASTRUCTURE)))
    if isinstance(infrastructure, CollectionError):
        looks.unknown(_SERVER, infrastructure)
    elif text_at(infrastructure, "status", "controlPlaneTopology") == _HOSTED:
        what = f"has the controlPlaneTopology {_HOSTED}: its control plane runs in another cluster"
        hint = "read its HostedCluster from the management cluster as a file"
        looks.unknown(_SERVER, NotFound(what, where="Infrastructure cluster", hint=hint))
    elif isinstance(item, CollectionError):
        looks.unknown(_SERVER, item)
    else:
        kind = {"apiVersion": f"{OPENSHIFT.group}/{OPENSHIFT.version}", "kind": "APIServer"}
        looks.add({**item, **kind}, _SERVER)
    return looks.composed()


def _may_be_server(pod: Object) -> bool:
    """Say whether a pod runs a container that is called kube-apiserver, or whose image is."""
    for container in maps_at(pod, "spec", "containers"):
        image = PurePosixPath(text_at(container, "image")).name
        if _SERVER in {text_at(container, "name"), re.split("[:@]", image)[0]}:
            return True
    return False


def _read_pods(looks: Looks, seen: _Seen) -> list[Note]:
    """Read the mirror pods of kube-apiserver; give what to know about these and about pods that only look so."""
    notes: list[Note] = []
    for pod in [] if isinstance(seen.pods, CollectionError) else seen.pods:
        where = f"Pod {PODS.namespace}/{text_at(pod, 'metadata', 'name')}"
        if not text_at(pod, "metadata", "annotations", _MIRROR):
            text = f"{where} runs kube-apiserver and mirrors no static pod: it is taken for another cluster's"
            evidence = Evidence(where, f"metadata.annotations.{_MIRROR}", "not there")
            notes.append(Note(NoteSeverity.WARNING, text, (evidence,)))
            continue
        looks.add({**pod, "apiVersion": "v1", "kind": "Pod"}, _node_of(pod))
        for status in maps_at(pod, "status", "containerStatuses"):
            if text_at(status, "name") == _SERVER and status.get("ready") is False:
                text = f"kube-apiserver on {_node_of(pod)} is not ready: it may not work with the flags that it has"
                evidence = Evidence(where, "status.containerStatuses.ready", "false")
                notes.append(Note(NoteSeverity.WARNING, text, (evidence,)))
    return notes


def _read_nodes(looks: Looks, seen: _Seen, git_version: str) -> None:
    """Give each control-plane node without such a pod its API server, too, or say why it is not known."""
    if isinstance(seen.nodes, CollectionError):
        looks.unknown("further control-plane nodes", seen.nodes)
        if isinstance(seen.pods, CollectionError):
            looks.unknown("kube-apiserver", seen.pods)
        return
    with_pod = {look.name for look in looks.all}
    for node in seen.nodes:
        name = text_at(node, "metadata", "name")
        if name in with_pod:
            continue
        if tells_its_arguments(node):
            looks.all.append(look_at_node(node, looks.version))
        elif isinstance(seen.pods, CollectionError):
            looks.unknown(name, seen.pods)
        else:
            what = f"is a control-plane node, and no kube-apiserver pod in {PODS.namespace} runs on it"
            hint = "read the node's own files with paths and root"
            looks.unknown(name, NotFound(what, where=shown(node), hint=hint))
    if not looks.all:
        looks.unknown("kube-apiserver", _nothing(seen.pods, git_version))


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


def _drift(composition: Composition, seen: _Seen, version: str | None) -> tuple[Note, ...]:
    """Compare what runs with what kubeadm would write."""
    if isinstance(seen.kubeadm, CollectionError):
        return tuple(_drift_unknown(seen.kubeadm))
    looks = Looks(version)
    looks.add({**seen.kubeadm, "apiVersion": "v1", "kind": "ConfigMap"}, "")
    configured = looks.composed().servers[0]
    running = [one for one in composition.servers if isinstance(one, Described)]
    return drift(running, configured) if isinstance(configured, Described) else ()


def _drift_unknown(error: CollectionError) -> Iterator[Note]:
    """Say that the comparison was not made; a cluster that kubeadm did not make has nothing to compare with."""
    if isinstance(error, NotFound):
        return
    text = f"whether kubeadm would write the same flags again is not known: {error.where} {error.what}"
    yield Note(NoteSeverity.INFO, text, (Evidence(error.where, "error", error.said or error.what),))


def _of_kubeadm(one: Described | Unknown) -> Described | Unknown:
    """Say that kubeadm writes the flags, so that advice is about its configuration: a static pod's edits get lost."""
    if isinstance(one, Unknown) or one.source.tool:
        return one
    return replace(one, source=replace(one.source, tool="kubeadm"))


def _node_of(pod: Object) -> str:
    return text_at(pod, "spec", "nodeName") or text_at(pod, "metadata", "name")


def _unread(seen: _Seen) -> tuple[Unread, ...]:
    """Name what could not be read beside the chain itself; a cluster that kubeadm did not make has no ConfigMap."""
    error = seen.kubeadm
    if not isinstance(error, CollectionError) or isinstance(error, NotFound):
        return ()
    return (Unread(error.where, error.permission, error.hint),)
