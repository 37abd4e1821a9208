"""kind: the Cluster configuration with its kubeadm patches and the mounts of its nodes.

Sources: ``kubernetes-sigs/kind`` pkg/apis/config/v1alpha4 (types.go), site/content/docs/user/auditing.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from providers.self_managed.defaults import with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.kubeadm_settings import kubeadm_arguments, kubeadm_view, kubernetes_version
from providers.self_managed.mounted import mounted_file
from providers.self_managed.source import ApiServerSource, Format, GivenFile, ManifestFile, Mount, View
from scanner.apiserver import Argument

_GROUP: Final = "kind.x-k8s.io/"
_OLD_GROUP: Final = "kind.sigs.k8s.io/"
_TAG: Final = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^:/@]*(?:@.*)?$")
_OF_SERVER: Final = re.compile(r"/apiServer/extra(?:Args|Volumes)/")
_OF_SERVER_WHOLE: Final = re.compile(r"/(?:apiServer/)?")
_JSON_PATCH: Final = "patches of JSON operations are not read; give the static pod manifest of the node instead"

_DIRECTORY: Final = "kubeadm applies patches to the static pod; give its manifest instead"


class Kind:
    """A Cluster of kind.x-k8s.io; every control-plane node has an API server."""

    title: Final = "kind Cluster"
    signs: Final = (_GROUP.encode(), _OLD_GROUP.encode())

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server of each control-plane node; without nodes there is one."""
        return tuple(source for document in file.fields if _is_kind(document) for source in _sources(file, document))


FORMAT: Final[Format] = Kind()


def _is_kind(document: Field) -> bool:
    version = document.get("apiVersion").text
    return version.startswith((_GROUP, _OLD_GROUP)) and document.get("kind").text == "Cluster"


def _sources(file: ManifestFile, cluster: Field) -> Iterator[ApiServerSource]:
    """Read the nodes: kubeadm takes the cluster's settings from the first control-plane node."""
    nodes = [node for node in cluster.get("nodes").items() if node.get("role").text in {"control-plane", ""}]
    first = nodes[0] if nodes else None
    patches = [patch for place in (cluster, first) if place is not None for patch in _patches(place)]
    arguments = _arguments(cluster, first, patches)
    for number, node in enumerate(nodes or [cluster], start=1):
        match = _TAG.search(node.get("image").text)
        version = next((found for patch in patches if (found := kubernetes_version(patch))), None)
        yield ApiServerSource(
            file=file.shown,
            line=node.line,
            arguments=arguments,
            view=_view(cluster, patches),
            version=match[1] if match else version,
            node=f"control-plane{number if number > 1 else ''}",
            files=dict(_mounted(file, node)),
            cluster=cluster.get("name").text,
            tool="kind",
        )


def _patches(place: Field) -> Iterator[Field]:
    """Give the patches of a ClusterConfiguration; a patch is a text, and names the kind that it changes."""
    for patch in place.get("kubeadmConfigPatches").items():
        for document in patch.documents():
            if document.get("kind").text == "ClusterConfiguration":
                yield document


def _arguments(cluster: Field, first: Field | None, patches: Sequence[Field]) -> tuple[Argument, ...]:
    """Give kubeadm's own flags and those of the patches; a later patch counts before an earlier one."""
    found = [argument for patch in patches for argument in kubeadm_arguments(patch)]
    own = [argument for argument in found if argument.line is not None]
    defaults = [argument for argument in found if argument.line is None]
    if not patches:
        defaults = list(kubeadm_arguments(cluster.get("kubeadmConfigPatches")))
    places = [place for place in (cluster, first) if place is not None]
    return (*with_defaults(defaults[:1], own), *(unread for place in places for unread in _unread(place)))


def _unread(place: Field) -> Iterator[Argument]:
    """Give the patches of the API server that are not read: JSON operations, and a directory of kubeadm's patches."""
    for patch in place.get("kubeadmConfigPatchesJSON6902").items():
        if _changes_server(patch):
            yield Argument("", place.file, patch.line, _JSON_PATCH, patch.path)
    for patch in place.get("kubeadmConfigPatches").items():
        for document in patch.documents():
            directory = document.get("patches", "directory")
            if directory:
                yield Argument("", place.file, directory.line, _DIRECTORY, directory.path)


def _changes_server(patch: Field) -> bool:
    """Say whether JSON operations may change flags or mounts of the API server."""
    operations = [one for document in patch.get("patch").documents() for one in document.items()]
    paths = [f"{one.get('path').text}/" for one in operations]
    is_cluster = patch.get("kind").text == "ClusterConfiguration"
    return is_cluster and any(_OF_SERVER.match(path) or _OF_SERVER_WHOLE.fullmatch(path) for path in paths)


def _view(cluster: Field, patches: Sequence[Field]) -> View:
    """Put the mounts of all patches together."""
    views = [kubeadm_view(patch) for patch in patches] or [kubeadm_view(cluster.get("kubeadmConfigPatches"))]
    mounts: list[Mount] = [mount for view in views for mount in view.mounts or ()]
    return View(tuple(mounts))


def _mounted(file: ManifestFile, node: Field) -> Iterator[tuple[str, GivenFile]]:
    """Read the files of this machine that kind mounts into a node, where they lie beside the configuration.

    kind starts relative paths where it is run, which most often is that directory.
    """
    for mount in node.get("extraMounts").items():
        host_path, path = mount.get("hostPath").text, mount.get("containerPath").text
        given = mounted_file(file, host_path, mount.locator, path) if path else None
        if given is not None:
            yield path, given
