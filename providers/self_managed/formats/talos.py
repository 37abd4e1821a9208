"""Talos Linux: machine configurations, their newer documents and patches, and talhelper's talconfig.

Sources: ``siderolabs/talos`` internal/app/machined/pkg/controllers/k8s/control_plane_static_pod.go (manageAPIServer:
flags and mounts), pkg/machinery/config/types/k8s (apiserver.go, audit_policy.go, authentication.go; Talos 1.14 and
newer), ``budimanjojo/talhelper`` (talconfig.yaml).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from providers.self_managed.defaults import flag_of, with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.source import (
    ApiServerSource,
    Format,
    Fragment,
    GivenFile,
    ManifestFile,
    Mount,
    Part,
    Place,
    PlaceKind,
    Refused,
    View,
)
from providers.self_managed.yaml_nodes import compose_all
from scanner.apiserver import Argument
from scanner.errors import CollectionError
from scanner.model import Evidence

_POLICY: Final = "/system/config/kubernetes/kube-apiserver/auditpolicy.yaml"
_AUTHENTICATION: Final = "/system/config/kubernetes/kube-apiserver/authentication-config.yaml"
_CONFIG: Final = "/system/config/kubernetes/kube-apiserver"
_LOGS: Final = "/var/log/audit/kube"
_DEFAULTS: Final = (
    f"--audit-policy-file={_POLICY}",
    f"--audit-log-path={_LOGS}/kube-apiserver.log",
    "--audit-log-maxage=30",
    "--audit-log-maxbackup=10",
    "--audit-log-maxsize=100",
)
_ANONYMOUS: Final = "--anonymous-auth=false"
_DOCUMENTS: Final = frozenset(
    {"KubeAPIServerConfig", "KubeAuditPolicyConfig", "KubeAuthenticationConfig", "KubeAuthorizerConfig"}
)
_TAG: Final = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^:/@]*(?:@.*)?$")
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_MODES: Final = "Node,RBAC"
_MODE: Final = "authorization-mode"


class Talos:
    """Machine configurations of control planes, and what is merged into them."""

    title: Final = "Talos machine configuration"
    signs: Final = (b"apiServer", b"machine:", *(kind.encode() for kind in sorted(_DOCUMENTS)), b"clusterName")

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the documents that say something about the API server."""
        if any(_is_talconfig(document) for document in file.fields):
            return tuple(
                source for document in file.fields if _is_talconfig(document) for source in _nodes(file, document)
            )
        types = {kind for document in file.fields if (kind := document.get("machine", "type").text)}
        if types and not types & {"controlplane", "init"}:
            reason = "is the machine configuration of a worker, which runs no API server"
            return (Refused(file.shown, reason, "give that of a control-plane node"),)
        return tuple(Fragment(file, document, _assemble) for document in file.fields if _is_talos(document))


FORMAT: Final[Format] = Talos()


@dataclass
class _Machine:
    """What the documents of one node add up to; a later document counts before an earlier one.

    Attributes:
        extra: The extra arguments by name.
    """

    first: Field
    extra: dict[str, tuple[Argument, ...]] = field(default_factory=dict)
    policy: Field | None = None
    authentication: Field | None = None
    volumes: list[Field] = field(default_factory=list)
    modes: list[Argument] = field(default_factory=list)
    version: str | None = None
    cluster: str = ""
    node: str = ""

    def merge(self, document: Field) -> None:
        """Merge one document in."""
        kind = document.get("kind").text
        if kind in _DOCUMENTS:
            self._merge_document(kind, document)
            return
        server = document.get("cluster", "apiServer")
        self._merge_server(server)
        if server.get("auditPolicy"):
            self.policy = server.get("auditPolicy")
        self.cluster = document.get("cluster", "clusterName").text or self.cluster
        self.node = document.get("machine", "network", "hostname").text or self.node
        self.modes += [_mode(one) for one in server.get("authorizationConfig").items()]
        self.volumes += server.get("extraVolumes").items()

    def _merge_document(self, kind: str, document: Field) -> None:
        configuration = document.get("configuration")
        if kind == "KubeAPIServerConfig":
            self._merge_server(document)
        elif kind == "KubeAuditPolicyConfig" and configuration:
            self.policy = configuration
        elif kind == "KubeAuthenticationConfig" and configuration:
            self.authentication = configuration
        elif kind == "KubeAuthorizerConfig":
            self.modes.append(_mode(document))

    def _merge_server(self, server: Field) -> None:
        match = _TAG.search(server.get("image").text)
        self.version = match[1] if match else self.version
        for name, value in server.get("extraArgs").entries():
            self.extra[name] = tuple(word.argument(name) for word in value.words()) or (value.argument(name),)


def _is_talos(document: Field) -> bool:
    """Recognise a machine configuration, one of the newer documents, or a patch of the cluster's API server."""
    kind = document.get("kind").text
    if kind:
        return kind in _DOCUMENTS and document.get("apiVersion").text == "v1alpha1"
    if document.get("apiVersion"):
        return False
    has_type = document.get("machine").is_map and document.get("cluster").is_map
    return has_type or document.get("cluster", "apiServer").is_map


def _assemble(fragments: Sequence[Fragment]) -> tuple[ApiServerSource, ...]:
    """Give each machine of a control plane: its own documents, then the patches that stand in files of their own."""
    by_file: dict[str, list[Field]] = {}
    for fragment in fragments:
        by_file.setdefault(fragment.manifest.shown, []).append(fragment.content)
    machines = {name: one for name, one in by_file.items() if any(part.get("machine", "type") for part in one)}
    patches = [part for name, one in by_file.items() if name not in machines for part in one]
    if not machines:
        return (_source(patches),)
    return tuple(_source([*documents, *patches]) for documents in machines.values())


def _source(documents: Sequence[Field], node: str = "", version: str | None = None) -> ApiServerSource:
    """Put the documents of one machine together."""
    machine = _Machine(documents[0])
    for document in documents:
        machine.merge(document)
    file = documents[0].file
    default = f"{file} (Talos' default)"
    arguments = [Argument(text, default) for text in _DEFAULTS]
    files = {_POLICY: _policy(machine, default)}
    if machine.authentication is not None:
        files[_AUTHENTICATION] = GivenFile.of(machine.authentication, "authentication configuration")
        arguments.append(machine.authentication.argument("authentication-config", _AUTHENTICATION))
    else:
        arguments.append(Argument(_ANONYMOUS, default))
    extra = [argument for values in machine.extra.values() for argument in values]
    added = [argument for argument in (*machine.modes, *extra) if flag_of(argument) == _MODE]
    extra = [argument for argument in extra if flag_of(argument) != _MODE]
    arguments += [Argument(f"--{_MODE}={_MODES}", default), *_further_modes(added)]
    arguments = list(with_defaults(arguments, extra))
    server = next((part.get("cluster", "apiServer") for part in documents if part.get("cluster", "apiServer")), None)
    return ApiServerSource(
        file=file,
        line=(server or documents[0]).line,
        arguments=tuple(arguments),
        view=View(tuple(_mounts(machine, default))),
        version=machine.version or version,
        node=node or machine.node,
        files=files,
        cluster=machine.cluster,
        tool="talos",
    )


def _further_modes(added: Sequence[Argument]) -> Iterator[Argument]:
    """Give the authorizers that are not among Talos' own: it adds the user's to them, each once."""
    met = set(_MODES.split(","))
    for argument in added:
        modes = [mode for mode in argument.text.partition("=")[2].split(",") if mode and mode not in met]
        met.update(modes)
        if modes:
            yield replace(argument, text=f"--{_MODE}={','.join(modes)}")


def _policy(machine: _Machine, default: str) -> GivenFile:
    if machine.policy is not None:
        return GivenFile.of(machine.policy, "audit policy")
    evidence = Evidence(default, _POLICY, "Talos records every request at level Metadata")
    return GivenFile(evidence, published="talos-default")


def _mode(authorizer: Field) -> Argument:
    """Give the mode of one structured authorizer; kube-apiserver adds repeated modes up."""
    kind = authorizer.first("type", "authorizerType")
    return kind.argument(_MODE, kind.text or "Webhook")


def _mounts(machine: _Machine, default: str) -> Iterator[Mount]:
    """Give what Talos mounts by itself, and the extra volumes."""
    config = Place(PlaceKind.HOST, f"{_CONFIG}, which Talos mounts read-only", _CONFIG, read_only=True)
    yield Mount(_CONFIG, config)
    what = f"{_LOGS} on the node, which Talos mounts writable"
    yield Mount(_LOGS, Place(PlaceKind.HOST, what, _LOGS, evidence=(Evidence(default, _LOGS, what),)))
    for volume in machine.volumes:
        read_only = volume.first("readonly", "readOnly").truth
        path = volume.get("mountPath").text or "/"
        host_path = volume.get("hostPath").text
        mode = "read-only" if read_only else "writable"
        what = f"hostPath {host_path}, mounted {mode} at {path}"
        yield Mount(path, Place(PlaceKind.HOST, what, host_path, read_only, evidence=(volume.evidence(what),)))


def _is_talconfig(document: Field) -> bool:
    return document.get("clusterName").is_text and document.get("nodes").is_list and not document.get("kind")


def _nodes(file: ManifestFile, document: Field) -> Iterator[ApiServerSource]:
    """Give the control-plane nodes of a talconfig: patches of all, of the control plane, of the node, in that order."""
    match = _VERSION.fullmatch(document.get("kubernetesVersion").text)
    version = match[1] if match else None
    for node in document.get("nodes").items():
        if not node.get("controlPlane").truth:
            continue
        patches = [
            part
            for place in (document.get("patches"), document.get("controlPlane", "patches"), node.get("patches"))
            for patch in place.items()
            for part in _patch(file, patch)
        ]
        unread = next((part for part in patches if part.is_text), None)
        source = _source([node, *(part for part in patches if part.is_map)], node.get("hostname").text, version)
        yield _with_unread(source, document.get("clusterName").text, unread)


def _patch(file: ManifestFile, patch: Field) -> tuple[Field, ...]:
    """Read a patch: a text, or a file below the talconfig's directory, named by ``@``; only strategic merges are read.

    What is not read is given as the patch itself, which is a text.
    """
    parts: tuple[Field, ...] = (patch,)
    if patch.text.startswith("@"):
        parts = _patch_file(file, posixpath.normpath(patch.text[1:])) or (patch,)
    elif patch.is_text:
        parts = patch.documents()
    return tuple(patch if part.is_list else part for part in parts)


def _patch_file(file: ManifestFile, path: str) -> tuple[Field, ...]:
    """Read the file of a patch; nothing where it lies elsewhere, is not there or is no YAML."""
    if posixpath.isabs(path) or path.startswith(".."):
        return ()
    try:
        text = file.read_beside(path).decode("utf-8-sig", "replace")
        shown = file.show_beside(path)
        return tuple(Field(shown, node, body=text) for node in compose_all(text, shown))
    except CollectionError:
        return ()


def _with_unread(source: ApiServerSource, cluster: str, unread: Field | None) -> ApiServerSource:
    """Name the cluster, and say which patch may change anything."""
    arguments = source.arguments
    if unread is not None:
        why = (
            "a patch of JSON operations, or in a file that is not at hand, is not read; give the machine configuration"
        )
        arguments = (*arguments, Argument("", unread.file, unread.line, why, unread.path))
    return replace(source, arguments=arguments, cluster=cluster)
