"""kubeadm's ClusterConfiguration, as a file or in the ConfigMap kube-system/kubeadm-config.

Source: ``k8s.io/kubernetes/cmd/kubeadm/app/phases/controlplane`` (manifests.go, volumes.go): what kubeadm writes into
the static pod beside what the user asks for. ``extraArgs`` is a map up to v1beta3 and a list, with repeats, in v1beta4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from providers.self_managed.source import ApiServerSource, Format, ManifestFile, Mount, Place, PlaceKind, View
from providers.self_managed.yaml_nodes import child, compose_all, entries, items, line, text, truth
from scanner.apiserver import Argument
from scanner.model import Evidence

_VERSION: Final = re.compile(r"(?:v|stable-|latest-)?(1\.\d+(?:\.\d+)?).*")
_MAP_VERSIONS: Final = frozenset({"v1alpha1", "v1alpha2", "v1alpha3", "v1beta1", "v1beta2", "v1beta3"})
_DEFAULT_CERTIFICATES: Final = "/etc/kubernetes/pki"
_DEFAULT_MOUNTS: Final = (
    "/etc/ssl/certs",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)
_DEFAULT_AUTHORIZATION: Final = "--authorization-mode=Node,RBAC"
_REMARK: Final = (
    "read from kubeadm's ClusterConfiguration: what kubeadm writes when it next writes the static pod, "
    "which may have been edited since"
)


class Kubeadm:
    """A ClusterConfiguration of kubeadm.k8s.io."""

    title: Final = "kubeadm ClusterConfiguration"
    signs: Final = (b"kubeadm.k8s.io",)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server that each ClusterConfiguration describes."""
        documents = [entry for document in file.documents for entry in _unwrapped(file, document)]
        node = next((name for document, _ in documents if (name := _node_name(document))), "")
        patches = next((place for document, first in documents if (place := _patches(document, first))), None)
        return tuple(
            _source(file, document, first, node, patches)
            for document, first in documents
            if _is_kubeadm(document, "ClusterConfiguration")
        )


FORMAT: Final[Format] = Kubeadm()


def _unwrapped(file: ManifestFile, document: Node) -> Iterator[tuple[Node, int]]:
    """Give a document, or the one within a ConfigMap, and the number of lines above it in the file."""
    inner = child(document, "data", "ClusterConfiguration")
    if text(child(document, "kind")) == "ConfigMap" and isinstance(inner, ScalarNode):
        above = line(inner) if inner.style in {"|", ">"} else line(inner) - 1
        yield from ((node, above) for node in compose_all(text(inner), file.shown))
    else:
        yield document, 0


def _is_kubeadm(document: Node, kind: str) -> bool:
    version = text(child(document, "apiVersion"))
    return version.startswith("kubeadm.k8s.io/") and text(child(document, "kind")) == kind


def _node_name(document: Node) -> str:
    return text(child(document, "nodeRegistration", "name")) if _is_kubeadm(document, "InitConfiguration") else ""


def _patches(document: Node, above: int) -> int | None:
    """Give the line at which patches are named that may change the static pod."""
    patches = child(document, "patches", "directory")
    return above + line(patches) if patches is not None and text(patches) else None


def _source(file: ManifestFile, document: Node, above: int, node: str, patches: int | None) -> ApiServerSource:
    server = child(document, "apiServer")
    arguments = [*_arguments(file, child(server, "extraArgs"), above)]
    unread = _refused_shape(document, child(server, "extraArgs"))
    if unread:
        arguments.append(Argument("", file.shown, above + line(child(server, "extraArgs") or document), unread))
    if patches is not None:
        unread = "kubeadm applies patches to the static pod; give its manifest instead"
        arguments.append(Argument("", file.shown, patches, unread))
    match = _VERSION.fullmatch(text(child(document, "kubernetesVersion")))
    return ApiServerSource(
        file=file.shown,
        line=above + line(server if server is not None else document),
        arguments=tuple(arguments),
        view=View(tuple(_mounts(file, document, server, above)), unread),
        version=match[1] if match else None,
        node=node,
        remark=_REMARK,
    )


def _refused_shape(document: Node, extra: Node | None) -> str:
    """Say why kubeadm refuses the shape of extraArgs: a map up to v1beta3, a list from v1beta4 on; else empty."""
    version = text(child(document, "apiVersion")).partition("/")[2]
    wanted, other = ("a map", SequenceNode) if version in _MAP_VERSIONS else ("a list", MappingNode)
    if isinstance(extra, other):
        return f"kubeadm refuses the file: extraArgs of {version} is {wanted}"
    return ""


def _arguments(file: ManifestFile, extra: Node | None, above: int) -> Iterator[Argument]:
    """Give kubeadm's own authorization mode, unless it is overridden, and the extra arguments."""
    pairs = [
        (text(name), text(value), above + line(name))
        for name, value in (entries(extra) if isinstance(extra, MappingNode) else _listed(extra))
    ]
    if not {"authorization-mode", "authorization-config"} & {name for name, _, _ in pairs}:
        yield Argument(_DEFAULT_AUTHORIZATION, f"{file.shown} (kubeadm's default)")
    for name, value, number in pairs:
        yield Argument(f"--{name}={value}", file.shown, number)


def _listed(extra: Node | None) -> Iterator[tuple[Node, Node | None]]:
    for item in items(extra):
        name = child(item, "name")
        if name is not None:
            yield name, child(item, "value")


def _mounts(file: ManifestFile, document: Node, server: Node | None, above: int) -> Iterator[Mount]:
    """Give the extra volumes, and what kubeadm always mounts, read-only."""
    certificates = text(child(document, "certificatesDir")) or _DEFAULT_CERTIFICATES
    for path in (certificates, *_DEFAULT_MOUNTS):
        yield Mount(path, Place(PlaceKind.HOST, f"{path}, which kubeadm mounts read-only", path, read_only=True))
    for volume in items(child(server, "extraVolumes")):
        read_only = truth(child(volume, "readOnly"))
        path = text(child(volume, "mountPath")) or "/"
        mode = "read-only" if read_only else "writable"
        host_path = text(child(volume, "hostPath"))
        what = f"volume {text(child(volume, 'name'))} (hostPath {host_path}), mounted {mode} at {path}"
        evidence = (Evidence(file.shown, f"line {above + line(volume)}", what),)
        yield Mount(path, Place(PlaceKind.HOST, what, host_path, read_only, evidence=evidence))
