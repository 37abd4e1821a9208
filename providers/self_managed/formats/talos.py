"""Talos Linux: machine configurations, their newer documents and patches, and talhelper's talconfig.

Sources: ``siderolabs/talos`` internal/app/machined/pkg/controllers/k8s/control_plane_static_pod.go (manageAPIServer:
flags and mounts), pkg/machinery/config/types/k8s (apiserver.go, audit_policy.go, authentication.go; Talos 1.14 and
newer), ``budimanjojo/talhelper`` (talconfig.yaml).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from providers.self_managed.defaults import flag_of
from providers.self_managed.fields import Field
from providers.self_managed.source import (
    ApiServerSource,
    Format,
    Fragment,
    ManifestFile,
    Part,
    Refused,
)
from providers.self_managed.talos_machine import DOCUMENTS, machine_source
from providers.self_managed.yaml_nodes import compose_all
from scanner.apiserver import Argument, is_relevant
from scanner.errors import CollectionError

_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_OF_SERVER: Final = re.compile(r"(?:/cluster(?:/apiServer(?!/certSANs)(?:/.*)?)?)?/?$")
_ALONE: Final = "a patch is not the whole of a machine; give the machine configuration that it is merged into"
_OPERATIONS: Final = "a patch of JSON operations is not read; give the machine configuration as talosctl shows it"
_MAYBE: Final = (
    "whether this patch was merged into the machine configuration is not said; name it in paths if it was, or leave it "
    "out, or give the machine configuration as talosctl get machineconfig shows it"
)


class Talos:
    """Machine configurations of control planes, and what is merged into them."""

    title: Final = "Talos machine configuration"
    signs: Final = (b"apiServer", b"machine:", *(kind.encode() for kind in sorted(DOCUMENTS)), b"clusterName")

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


def _is_talos(document: Field) -> bool:
    """Recognise a machine configuration, one of the newer documents, or a patch of the cluster's API server."""
    kind = document.get("kind").text
    if kind:
        return kind in DOCUMENTS and document.get("apiVersion").text == "v1alpha1"
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
    source = machine_source([part for part in patch.documents if part.is_map] or [first])
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
    source = machine_source(documents)
    changing = next((patch for patch in open_ones if _changes(source, documents, patch)), None)
    if changing is None:
        return source
    why = _MAYBE if changing.manifest.searched else _OPERATIONS
    unread = Argument("", changing.documents[0].file, changing.documents[0].line, why)
    return replace(source, arguments=(*source.arguments, unread))


def _changes(source: ApiServerSource, documents: Sequence[Field], patch: _File) -> bool:
    """Say whether a patch would change what is read of the API server: of JSON operations that is not known."""
    if any(part.is_list for part in patch.documents):
        return True
    changed = machine_source([*documents, *patch.documents])
    return _read_of(source) != _read_of(changed)


def _read_of(source: ApiServerSource) -> tuple[object, ...]:
    flags = sorted(argument.text for argument in source.arguments if is_relevant(flag_of(argument)))
    files = {path: (given.data, given.published) for path, given in source.files.items()}
    mounts = {(one.path, one.place.host_path, one.place.read_only) for one in source.view.mounts or ()}
    return flags, files, mounts


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
        source = machine_source([node, *(part for part in patches if part.is_map)], node.get("hostname").text, version)
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
