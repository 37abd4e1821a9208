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
from scanner.apiserver import Argument, is_relevant
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
_OF_SERVER: Final = re.compile(r"(?:/cluster(?:/apiServer(?!/certSANs)(?:/.*)?)?)?/?$")
_ALONE: Final = "a patch is not the whole of a machine; give the machine configuration that it is merged into"
_MAYBE: Final = (
    "whether this patch was merged into the machine configuration is not said; name it in paths if it was, or leave it "
    "out, or give the machine configuration as talosctl get machineconfig shows it"
)
_MODES: Final = "Node,RBAC"
_MODE: Final = "authorization-mode"


class Talos:
    """Machine configurations of control planes, and what is merged into them."""

    title: Final = "Talos machine configuration"
    signs: Final = (b"apiServer", b"machine:", *(kind.encode() for kind in sorted(_DOCUMENTS)), b"clusterName")

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the documents that say something about the API server."""
        talconfigs = [document for document in file.fields if _is_talconfig(document)]
        if talconfigs:
            nodes = [source for document in talconfigs for source in _nodes(file, document)]
            return (*nodes, *(Fragment(file, document, _assemble) for document in talconfigs))
        types = {kind for document in file.fields if (kind := document.get("machine", "type").text)}
        if types and not types & {"controlplane", "init"}:
            reason = "is the machine configuration of a worker, which runs no API server"
            return (Refused(file.shown, reason, "give that of a control-plane node"),)
        return tuple(
            Fragment(file, document, _assemble)
            for document in file.fields
            if _is_talos(document) or _operations(document)
        )


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


def _operations(document: Field) -> tuple[Field, ...]:
    """Give the JSON operations of a patch that may change the API server."""
    return tuple(one for one in document.items() if one.get("op") and _OF_SERVER.match(one.get("path").text))


@dataclass(frozen=True)
class _File:
    """The documents of one file."""

    manifest: ManifestFile
    documents: tuple[Field, ...]

    @property
    def directory(self) -> str:
        """The directory, as a person names it."""
        return posixpath.dirname(self.manifest.shown)

    @property
    def is_talconfig(self) -> bool:
        """Whether talhelper reads it."""
        return any(_is_talconfig(document) for document in self.documents)

    @property
    def is_machine(self) -> bool:
        """Whether it is a machine configuration, and no patch of one."""
        return any(part.get("machine", "type") for part in self.documents)

    def may_patch(self, machine: _File) -> bool:
        """Say whether it lies with a machine's file: in its directory, below that, or above it."""
        return _is_below(self.directory, machine.directory) or _is_below(machine.directory, self.directory)


def _is_below(directory: str, other: str) -> bool:
    return not other or directory == other or directory.startswith(f"{other}/")


def _assemble(fragments: Sequence[Fragment]) -> tuple[ApiServerSource, ...]:
    """Give each machine of a control plane: its own documents, and those patches of which it is known that they count.

    A talconfig names its patches, so others beside it count nothing. A patch without any machine is one unknown node.
    """
    by_file: dict[str, _File] = {}
    for fragment in fragments:
        shown = fragment.manifest.shown
        documents = by_file[shown].documents if shown in by_file else ()
        by_file[shown] = _File(fragment.manifest, (*documents, fragment.content))
    files = list(by_file.values())
    talconfigs = [file for file in files if file.is_talconfig]
    machines = [file for file in files if file.is_machine and not file.is_talconfig]
    loose = [file for file in files if not file.is_machine and not file.is_talconfig]
    patches = [patch for patch in loose if not any(_is_below(patch.directory, one.directory) for one in talconfigs)]
    if not machines:
        return tuple(_alone(patch) for patch in patches)
    return tuple(_patched(machine, patches, machines) for machine in machines)


def _alone(patch: _File) -> ApiServerSource:
    """Give the unknown API server of a patch whose machine is not at hand."""
    first = patch.documents[0]
    source = _source([part for part in patch.documents if part.is_map] or [first])
    return replace(source, arguments=(*source.arguments, Argument("", first.file, first.line, _ALONE)))


def _patched(machine: _File, patches: Sequence[_File], machines: Sequence[_File]) -> ApiServerSource:
    """Merge the patches in that the configuration names; another one leaves the machine unknown if it changes it."""
    documents = list(machine.documents)
    open_ones: list[_File] = []
    for patch in patches:
        if not patch.may_patch(machine) and any(patch.may_patch(other) for other in machines):
            continue
        if patch.manifest.searched or any(part.is_list for part in patch.documents):
            open_ones.append(patch)
        else:
            documents += patch.documents
    source = _source(documents)
    changing = next((patch for patch in open_ones if _changes(source, documents, patch)), None)
    if changing is None:
        return source
    unread = Argument("", changing.documents[0].file, changing.documents[0].line, _MAYBE)
    return replace(source, arguments=(*source.arguments, unread))


def _changes(source: ApiServerSource, documents: Sequence[Field], patch: _File) -> bool:
    """Say whether a patch would change what is read of the API server: of JSON operations that is not known."""
    if any(part.is_list for part in patch.documents):
        return True
    changed = _source([*documents, *patch.documents])
    return _read_of(source) != _read_of(changed)


def _read_of(source: ApiServerSource) -> tuple[object, ...]:
    flags = sorted(argument.text for argument in source.arguments if is_relevant(flag_of(argument)))
    files = {path: (given.data, given.published) for path, given in source.files.items()}
    mounts = {(one.path, one.place.host_path, one.place.read_only) for one in source.view.mounts or ()}
    return flags, files, mounts


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
            part for place in _patches_of(document, node) for patch in place.items() for part in _patch(file, patch)
        ]
        unread = next((part for part in patches if part.is_text), None)
        source = _source([node, *(part for part in patches if part.is_map)], node.get("hostname").text, version)
        yield _with_unread(source, document.get("clusterName").text, unread)


def _patches_of(document: Field, node: Field) -> tuple[Field, ...]:
    """Give the lists of a node's patches; its own may stand in place of those of the control plane."""
    own = node.get("patches")
    group = () if own and node.get("overridePatches").truth else (document.get("controlPlane", "patches"),)
    return (document.get("patches"), *group, own)


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
