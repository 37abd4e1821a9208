"""What a format makes of a file: kube-apiserver's arguments, and where the paths in them lie on the host."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from yaml.nodes import Node

from providers.self_managed.fields import Field
from providers.self_managed.files import HostFiles, list_directory, read_file
from providers.self_managed.yaml_nodes import compose_all
from scanner.apiserver import Argument
from scanner.errors import Malformed
from scanner.model import Evidence

CONTROL_PLANE: Final = "control plane"
"""The node's name where a file describes all nodes of a control plane alike."""


class PlaceKind(Enum):
    """Where a path of the API server really is."""

    HOST = auto()
    EPHEMERAL = auto()  # gone with the pod
    ABSENT = auto()  # no mount covers it
    CLUSTER_OBJECT = auto()  # a ConfigMap or the like: read-only, and not to be read from files
    CLAIM = auto()  # a PersistentVolumeClaim
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class ClusterObject:
    """A ConfigMap or Secret that a mount takes its files from.

    Attributes:
        kind: ``ConfigMap`` or ``Secret``.
        keys: The key of each path where the mount names them; empty where each key is its own path.
        namespace: Its namespace; empty where that is not said.
    """

    kind: str
    name: str
    keys: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path of the API server really is.

    Attributes:
        host_path: The path on the host, for a HOST place; within the object, for a CLUSTER_OBJECT.
        read_only: Whether the API server cannot write there.
        what: The mount in words; for an UNKNOWN place, why it is not known.
        object: What a CLUSTER_OBJECT is, where that is known.
        whole: True where the path itself is what is mounted, not a directory above it.
    """

    kind: PlaceKind
    what: str
    host_path: str = ""
    read_only: bool = False
    whole: bool = False
    evidence: tuple[Evidence, ...] = ()
    object: ClusterObject | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume mounted into the API server's container.

    Attributes:
        path: Where it is mounted.
        place: Where it really is; its `host_path` is that of the mount itself.
    """

    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class View:
    """The filesystem as the API server sees it.

    Attributes:
        mounts: The mounts of its container; None where it runs on the host itself.
        unread: Why the mounts are not fully known; empty where they are.
        working_directory: Where relative paths start.
        sandbox: What a service manager changes of the host's filesystem for it, where it runs on the host itself.
    """

    mounts: tuple[Mount, ...] | None
    unread: str = ""
    working_directory: str = "/"
    sandbox: tuple[Mount, ...] = ()

    def locate(self, path: str) -> Place:
        """Find out where a path really is: the mount with the longest path above it decides."""
        full = posixpath.normpath(posixpath.join(self.working_directory, path))
        mounts = self.sandbox if self.mounts is None else self.mounts
        covering = [mount for mount in mounts if PurePosixPath(full).is_relative_to(mount.path)]
        if not covering and self.mounts is None and not self.unread:
            return Place(PlaceKind.HOST, "the host itself", full)
        if not covering:
            if self.unread:
                return Place(PlaceKind.UNKNOWN, self.unread)
            return Place(PlaceKind.ABSENT, f"no volume mount covers {full}")
        mount = max(covering, key=lambda mount: len(PurePosixPath(mount.path).parts))
        below = posixpath.relpath(full, mount.path)
        place = mount.place
        host_path = posixpath.normpath(posixpath.join(place.host_path, below)) if place.host_path else ""
        return Place(place.kind, place.what, host_path, place.read_only, below == ".", place.evidence, place.object)


@dataclass(frozen=True, slots=True)
class GivenFile:
    """What a file of an API server holds, known without opening it on the host: from the settings, or by default.

    Exactly one of `data`, `published` and `unread` is given.

    Attributes:
        evidence: Where that stands, or whose default it is; source and locator name it for a person.
        data: What the file holds.
        published: The id in ``scanner/knowledge/policies`` of the audit policy that it holds.
        group_policies: For `published`: (user group, id) of policies whose own rules come first, for that group alone.
        unread: Why what it holds could not be read.
        if_absent: True where the tool writes it only if the host has no such file.
        above: For `data`: the lines above it in the file of the evidence.
    """

    evidence: Evidence
    data: bytes | None = None
    above: int = 0
    published: str = ""
    group_policies: tuple[tuple[str, str], ...] = ()
    unread: str = ""
    if_absent: bool = False

    @classmethod
    def of(cls, content: Field, what: str) -> GivenFile:
        """Take a file's content from a field: its text, or the YAML that stands there; `what` names it."""
        data, above = content.content()
        return cls(content.evidence(what), data, above)


@dataclass(frozen=True, slots=True)
class ApiServerSource:
    """One kube-apiserver as a file, or several files together, describe it.

    Attributes:
        file: The file, as a person wrote it.
        line: Where its command or settings begin.
        arguments: The words after ``kube-apiserver``, or the flags that the settings turn into.
        version: The Kubernetes version, such as ``1.34.2``; None where the file does not say it.
        node: The host's name, where the file says it.
        remark: What to know about this kind of file; empty where there is nothing.
        files: Files that it reads, by their path on the host (or in its container, where `view` has no mounts).
        cluster: The cluster's name, where the file says it; API servers of different ones are never put together.
        tool: The tool that writes the flags, such as ``kops``: ``scanner/knowledge`` words advice by it. Empty where
            they are written by hand.
        carried: Where a log path leads to that the host does not keep, such as a sidecar that prints it.
    """

    file: str
    line: int
    arguments: tuple[Argument, ...]
    view: View
    version: str | None = None
    node: str = ""
    remark: str = ""
    files: Mapping[str, GivenFile] = field(default_factory=dict)
    cluster: str = ""
    carried: str = ""
    tool: str = ""

    @property
    def locator(self) -> str:
        """The line as evidence names it."""
        return f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Supply:
    """A file that describes no API server, but that API servers of its cluster may read.

    Attributes:
        file: The file, as a person wrote it.
        title: What a person calls it: ``audit policy``.
        path: Its path; an API server finds it by the names at the path's end. Empty for an object.
        object: What it is in the API, such as a ConfigMap; None for a plain file.
        files: What it holds: by key for an object, under "" for a plain file.
        root: The mounted host that it lies on; None where it lies on none.
        searched: True where a search came upon it; False where the configuration names it.
    """

    file: str
    title: str
    files: Mapping[str, GivenFile]
    path: str = ""
    object: ClusterObject | None = None
    root: Path | None = None
    searched: bool = False


@dataclass(frozen=True, slots=True)
class Fragment:
    """Settings that count only together with those of other files of the same host, or of the same cluster.

    Attributes:
        manifest: The file.
        content: The document, or the settings within it.
        assemble: Puts all fragments of one kind and cluster together; called once, with those whose `assemble` is the
            same function, in the order of the files. Gives API servers, and what turns out to be none.
    """

    manifest: ManifestFile
    content: Field
    assemble: Assemble


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is understood, and that is not for this provider or says nothing that can be judged.

    Attributes:
        reason: What it is, and why it is not read; a sentence without its subject: ``describes an EKS cluster``.
        hint: What to give instead.
    """

    file: str
    reason: str
    hint: str


Assemble = Callable[[Sequence[Fragment]], Sequence[ApiServerSource | Refused]]
"""Puts fragments together."""

Part = ApiServerSource | Supply | Fragment | Refused
"""What a format makes of a file."""


@dataclass
class ManifestFile:
    """A file to be recognised, and the host that it lies on.

    Attributes:
        version: The Kubernetes version that the configuration gives; it counts before what the file says.
        searched: True where a search came upon it; False where the configuration names it.
    """

    path: Path
    shown: str
    host: HostFiles
    data: bytes
    version: str | None = None
    searched: bool = False
    yaml_error: Malformed | None = field(default=None, init=False)

    @classmethod
    def load(cls, path: Path, shown: str, host: HostFiles, version: str | None = None) -> ManifestFile:
        """Read a file, within its host where that is mounted; CollectionError says why it could not be read."""
        below = host_path_of(path, host)
        data = read_file(path, shown) if below is None else host.read(below)
        return cls(path, shown, host, data, version)

    @cached_property
    def text(self) -> str:
        """The file as text; Malformed where it is none."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Malformed("is not UTF-8 text", where=self.shown) from error

    @cached_property
    def documents(self) -> tuple[Node, ...]:
        """The YAML documents; none, with `yaml_error` set, where it is not YAML."""
        try:
            return compose_all(self.text, self.shown)
        except Malformed as error:
            self.yaml_error = error
            return ()

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The YAML documents as fields; none where it is not YAML."""
        return tuple(Field(self.shown, document, body=self.text) for document in self.documents)

    def list_beside(self, name: str) -> tuple[str, ...]:
        """List a directory beside the file; CollectionError says why it could not be listed."""
        below = host_path_of(self.path.with_name(name), self.host)
        if below is None:
            return list_directory(self.path.with_name(name), self.show_beside(name))
        return self.host.list(below)

    def read_beside(self, name: str) -> bytes:
        """Read a file at a path relative to this file's directory; CollectionError as for any file."""
        path = self.path.parent / name
        below = host_path_of(path, self.host)
        return read_file(path, self.show_beside(name)) if below is None else self.host.read(below)

    def show_beside(self, name: str) -> str:
        """Name a path relative to this file's directory the way a person reaches it."""
        if "://" in self.shown:  # a path would lose a slash of it
            return posixpath.join(posixpath.dirname(self.shown), posixpath.normpath(name))
        return str(PurePosixPath(self.shown).parent / name)


class Format(Protocol):
    """Recognises one kind of file by its content."""

    @property
    def title(self) -> str:
        """What a person calls it: ``static pod manifest``."""
        ...

    @property
    def signs(self) -> tuple[bytes, ...]:
        """Words of which every file of this kind holds one: a file without any is not looked at further."""
        ...

    def read(self, file: ManifestFile) -> Sequence[Part]:
        """Give what the file describes; nothing where it is not of this kind."""
        ...


def host_path_of(path: Path, host: HostFiles) -> str | None:
    """Give the path within the host filesystem; None where the host is not mounted."""
    return None if host.root is None else f"/{path.relative_to(host.root)}"
