"""Canonical Kubernetes: the configuration that ``k8s bootstrap`` takes, and ``k8s join-cluster`` on further nodes.

Source: ``canonical/k8s-snap`` docs/src/_parts (bootstrap_config.md, control_plane_join_config.md: arguments with their
dashes, null deletes one, extra files go to ``args/conf.d``) and src/k8s/pkg/k8sd/setup/kube_apiserver.go (what is set
beside them; auditing is not).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.source import ApiServerSource, Format, GivenFile, ManifestFile, View
from scanner.apiserver import Argument

_EXTRA: Final = "extra-node-kube-apiserver-args"
_FILES: Final = "extra-node-config-files"
_CONF: Final = "/var/snap/k8s/common/args/conf.d"
_OTHERS: Final = (
    "control-plane-taints",
    "datastore-type",
    "extra-node-",
    "k8s-dqlite-port",
    "pod-cidr",
    "service-cidr",
)
_REMARK: Final = (
    "read from the configuration of Canonical Kubernetes, which counts when a node is made: "
    "/var/snap/k8s/common/args/kube-apiserver on the node holds what is set now"
)
_OWN: Final = (
    ("--authorization-mode", "Node,RBAC"),
    ("--anonymous-auth", "false"),
    ("--etcd-servers", "unix:///var/snap/k8s/common/var/lib/k8s-dqlite/k8s-dqlite.sock"),
)


class CanonicalKubernetes:
    """A bootstrap or join configuration of a control-plane node."""

    title: Final = "Canonical Kubernetes configuration"
    signs: Final = (_EXTRA.encode(), b"cluster-config", b"k8s-dqlite-port")

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server of the node."""
        return tuple(_source(file, document) for document in file.fields if _is_ours(document))


FORMAT: Final[Format] = CanonicalKubernetes()


def _is_ours(document: Field) -> bool:
    """Tell a configuration by keys that it alone has; one of another tool has a kind."""
    if document.get("kind") or not document.is_map:
        return False
    return document.get(_EXTRA).is_map or (
        document.get("cluster-config").is_map and any(key.startswith(_OTHERS) for key, _ in document.entries())
    )


def _source(file: ManifestFile, settings: Field) -> ApiServerSource:
    extra = settings.get(_EXTRA)
    given = dict(extra.entries())
    own = f"{file.shown} (the default of Canonical Kubernetes)"
    defaults = tuple(Argument(f"{flag}={value}", own) for flag, value in _OWN if flag not in given)
    return ApiServerSource(
        file=file.shown,
        line=extra.line if extra else settings.line,
        arguments=(*defaults, *_arguments(extra)),
        view=View(None),
        remark=_REMARK,
        files=dict(_files(settings.get(_FILES))),
    )


def _arguments(extra: Field) -> Iterator[Argument]:
    """Give the arguments; one that is null is deleted, so that kube-apiserver's own default counts."""
    for flag, value in extra.entries():
        if not value.is_null:
            yield value.argument(flag.removeprefix("--"))


def _files(given: Field) -> Iterator[tuple[str, GivenFile]]:
    """Give the files that are put beside the arguments."""
    for name, content in given.entries():
        if content.is_text:
            yield f"{_CONF}/{name}", GivenFile(content.evidence("content"), content.text.encode())
