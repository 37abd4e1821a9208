"""Pods with a kube-apiserver container: static pod manifests, and what makes such pods, alone or in a List."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from yaml.nodes import Node

from providers.self_managed.source import (
    ApiServerSource,
    ClusterObject,
    Format,
    ManifestFile,
    Mount,
    Place,
    PlaceKind,
    View,
)
from providers.self_managed.words import Environment, expand_container, server_arguments
from providers.self_managed.yaml_nodes import child, entries, items, line, text, truth
from scanner.apiserver import Argument
from scanner.model import Evidence

_TAG: Final = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^:/@]*(?:@.*)?")
_NAME: Final = "kube-apiserver"
_OBJECTS: Final = {"configMap": ("ConfigMap", "name"), "secret": ("Secret", "secretName")}
_READ_ONLY: Final = frozenset({*_OBJECTS, "projected", "downwardAPI"})
_TEMPLATES: Final = {
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "PodTemplate": ("template",),
}
_FOLLOWS: Final = re.compile(r"\btail\b[^\n;|&]*\s-[a-zA-Z]*[fF]")
"""A command that prints what is added to a file, for as long as it grows."""


class StaticPod:
    """A Pod whose container runs kube-apiserver."""

    title: Final = "static pod manifest"
    signs: Final = (b"apiserver",)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give each kube-apiserver container; command and args count together."""
        return tuple(
            source
            for document in file.documents
            for pod, namespace in _pods(document)
            for container in items(child(pod, "spec", "containers"))
            if (source := _source(file, pod, container, namespace)) is not None
        )


FORMAT: Final[Format] = StaticPod()


def _pods(document: Node) -> Iterator[tuple[Node, str]]:
    """Give the pods of a document with their namespaces: itself, the items of a list, or what a template makes."""
    kind = text(child(document, "kind"))
    namespace = text(child(document, "metadata", "namespace"))
    if kind == "Pod":
        yield document, namespace
    elif kind in _TEMPLATES:
        template = child(document, *_TEMPLATES[kind])
        if template is not None:
            yield template, namespace
    elif kind in {"List", "PodList"}:
        for item in items(child(document, "items")):
            if kind == "PodList":
                yield item, text(child(item, "metadata", "namespace"))
            elif text(child(item, "kind")) != "List":
                yield from _pods(item)


def _source(file: ManifestFile, pod: Node, container: Node, namespace: str) -> ApiServerSource | None:
    """Read one container; None where it does not run kube-apiserver."""
    environment = _environment(container)
    command = (*items(child(container, "command")), *items(child(container, "args")))
    words = [expand_container(Argument(text(node), file.shown, line(node)), environment) for node in command]
    arguments = server_arguments(words, environment)
    if arguments is None:
        if not _is_api_server(container):
            return None
        arguments = _entrypoint_arguments(file, container, words)
    return ApiServerSource(
        file=file.shown,
        line=line(command[0]) if command else line(container),
        arguments=arguments,
        view=_view(file, pod, container, environment, namespace),
        version=_version(container),
        node=text(child(pod, "spec", "nodeName")),
        carried=_carried(pod, container),
    )


def _carried(pod: Node, container: Node) -> str:
    """Name the container beside it that prints a log as it grows, and so passes it on; empty where there is none.

    HyperShift does so: its log lies on an emptyDir, and a container beside kube-apiserver writes it to its output.
    """
    shared = {text(child(mount, "name")) for mount in items(child(container, "volumeMounts"))}
    for other in items(child(pod, "spec", "containers")):
        command = "\n".join(text(word) for key in ("command", "args") for word in items(child(other, key)))
        mounted = {text(child(mount, "name")) for mount in items(child(other, "volumeMounts"))}
        if other is not container and shared & mounted and "audit" in command and _FOLLOWS.search(command):
            return f"the container {text(child(other, 'name'))} of the same pod"
    return ""


def _is_api_server(container: Node) -> bool:
    image = PurePosixPath(text(child(container, "image"))).name
    return text(child(container, "name")) == _NAME or re.split("[:@]", image)[0] == _NAME


def _entrypoint_arguments(file: ManifestFile, container: Node, words: list[Argument]) -> tuple[Argument, ...]:
    """Read a container named kube-apiserver whose command is the image's own, or a program that is not known."""
    if child(container, "command") is None and all(word.text.startswith("-") for word in words):
        return tuple(words)
    return (Argument("", file.shown, line(container), "the program that starts it is not kube-apiserver itself"),)


def _environment(container: Node) -> Environment:
    """Read the container's variables; what comes from elsewhere is known by name only."""
    values: dict[str, str] = {}
    unread: dict[str, str] = {}
    for variable in items(child(container, "env")):
        name = text(child(variable, "name"))
        if child(variable, "valueFrom") is not None:
            unread[name] = f"the environment variable {name} is set from elsewhere (valueFrom)"
            values.pop(name, None)
            continue
        known = Environment(values, unread)
        word = expand_container(Argument(text(child(variable, "value"))), known)
        if word.unread:
            unread[name] = word.unread
        else:
            values[name] = word.text
            unread.pop(name, None)
    rest = "the container's envFrom may set it" if items(child(container, "envFrom")) else ""
    return Environment(values, unread, rest)


def _version(container: Node) -> str | None:
    match = _TAG.search(text(child(container, "image")))
    return match[1] if match else None


def _view(file: ManifestFile, pod: Node, container: Node, environment: Environment, namespace: str) -> View:
    """Put volumes and mounts together."""
    volumes = {text(child(volume, "name")): volume for volume in items(child(pod, "spec", "volumes"))}
    mounts = tuple(
        Mount(text(child(mount, "mountPath")) or "/", _place(file, mount, volumes, environment))
        for mount in items(child(container, "volumeMounts"))
    )
    mounts = tuple(_in_namespace(mount, namespace) for mount in mounts)
    return View(mounts, working_directory=text(child(container, "workingDir")) or "/")


def _in_namespace(mount: Mount, namespace: str) -> Mount:
    """Say of which namespace the object of a mount is: a pod reads those of its own."""
    found = mount.place.object
    if found is None:
        return mount
    return replace(mount, place=replace(mount.place, object=replace(found, namespace=namespace)))


def _place(file: ManifestFile, mount: Node, volumes: dict[str, Node], environment: Environment) -> Place:
    """Find out where the files of one mount really are."""
    name = text(child(mount, "name"))
    read_only = truth(child(mount, "readOnly"))
    volume = volumes.get(name)
    path = text(child(mount, "mountPath"))
    if volume is None:
        return Place(PlaceKind.UNKNOWN, f"a volume {name} that the manifest does not define, mounted at {path}")
    sub_path = expand_container(
        Argument(text(child(mount, "subPathExpr")) or text(child(mount, "subPath"))), environment
    )
    if sub_path.unread:
        return Place(PlaceKind.UNKNOWN, f"the subPath of volume {name} could not be read: {sub_path.unread}")
    kind = next((key.value for key, _ in entries(volume) if key.value != "name"), "emptyDir")
    mode = "read-only" if read_only else "writable"
    host_path = text(child(volume, "hostPath", "path")) if kind == "hostPath" else ""
    backing = f"{kind} {host_path or _object_name(volume, kind)}".rstrip()
    what = f"volume {name} ({backing}), mounted {mode} at {path}"
    evidence = (Evidence(file.shown, f"line {line(mount)}", what),)
    if kind == "hostPath" and host_path:
        full = f"{host_path.rstrip('/')}/{sub_path.text}" if sub_path.text else host_path
        return Place(PlaceKind.HOST, what, full, read_only, evidence=evidence)
    if kind in _READ_ONLY:
        found = _object(volume, kind)
        within = f"/{sub_path.text}"
        return Place(PlaceKind.CLUSTER_OBJECT, what, within, read_only=True, evidence=evidence, object=found)
    kinds = {"emptyDir": PlaceKind.EPHEMERAL, "persistentVolumeClaim": PlaceKind.CLAIM}
    return Place(kinds.get(kind, PlaceKind.UNKNOWN), what, read_only=read_only, evidence=evidence)


def _object_name(volume: Node, kind: str) -> str:
    found = _object(volume, kind)
    return found.name if found is not None else ""


def _object(volume: Node, kind: str) -> ClusterObject | None:
    """Name the ConfigMap or Secret that a volume takes its files from; None where it is neither."""
    if kind not in _OBJECTS:
        return None
    name, key = _OBJECTS[kind]
    source = child(volume, kind)
    paths = {text(child(item, "path")): text(child(item, "key")) for item in items(child(source, "items"))}
    return ClusterObject(name, text(child(source, key)), paths)
