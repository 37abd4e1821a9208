"""kubeadm's ClusterConfiguration, as a file or in the ConfigMap kube-system/kubeadm-config.

The flags and mounts that it turns into are in `providers.self_managed.kubeadm_settings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.kubeadm_settings import (
    API_GROUP,
    kubeadm_arguments,
    kubeadm_view,
    kubernetes_version,
    refused_shape,
    server_settings,
)
from providers.self_managed.source import ApiServerSource, Format, ManifestFile, Part, Refused
from scanner.apiserver import Argument

_CONFIGURATIONS: Final = ("ClusterConfiguration", "MasterConfiguration")
_OTHERS: Final = ("JoinConfiguration", "NodeConfiguration")
_REMARK: Final = (
    "read from kubeadm's ClusterConfiguration: what kubeadm writes when it next writes the static pod, "
    "which may have been edited since"
)


class Kubeadm:
    """A ClusterConfiguration of kubeadm.k8s.io, or its predecessor MasterConfiguration."""

    title: Final = "kubeadm ClusterConfiguration"
    signs: Final = (b"kubeadm.k8s.io",)

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the API server that each ClusterConfiguration describes."""
        documents = [entry for document in file.fields for entry in _unwrapped(document)]
        node = next((name for document in documents if (name := _node_name(document))), "")
        patches = next((field for document in documents if (field := document.get("patches", "directory"))), None)
        sources = tuple(
            _source(document, node, patches) for document in documents if _is_kubeadm(document, *_CONFIGURATIONS)
        )
        if not sources and any(_is_kubeadm(document, *_OTHERS) for document in documents):
            reason = "holds the configuration of a node that joins, which takes the API server's from the cluster"
            return (Refused(file.shown, reason, "give the ClusterConfiguration, or the node's static pod manifest"),)
        return sources


FORMAT: Final[Format] = Kubeadm()


def _unwrapped(document: Field) -> Iterator[Field]:
    """Give a document, or the one within a ConfigMap."""
    inner = document.get("data").first(*_CONFIGURATIONS)
    if document.get("kind").text == "ConfigMap" and inner.is_text:
        yield from inner.documents()
    else:
        yield document


def _is_kubeadm(document: Field, *kinds: str) -> bool:
    return document.get("apiVersion").text.startswith(API_GROUP) and document.get("kind").text in kinds


def _node_name(document: Field) -> str:
    is_initial = _is_kubeadm(document, "InitConfiguration")
    return document.get("nodeRegistration", "name").text if is_initial else ""


def _source(document: Field, node: str, patches: Field | None) -> ApiServerSource:
    arguments = list(kubeadm_arguments(document))
    unread = refused_shape(document)
    if patches is not None:
        unread = "kubeadm applies patches to the static pod; give its manifest instead"
        arguments.append(Argument("", document.file, patches.line, unread, patches.path))
    server = server_settings(document)
    return ApiServerSource(
        file=document.file,
        line=server.line if server else document.line,
        arguments=tuple(arguments),
        view=kubeadm_view(document, unread),
        version=kubernetes_version(document),
        node=node,
        remark=_REMARK,
        tool="kubeadm",
    )
