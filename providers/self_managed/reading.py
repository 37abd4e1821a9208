"""What is at hand when one API server is read, and what comes out of it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from providers.self_managed.evidence import locator_of
from providers.self_managed.files import HostFiles
from providers.self_managed.source import ApiServerSource, GivenFile, Place, PlaceKind, Supply
from providers.self_managed.supplies import Wanted, namesakes, supplied
from scanner.apiserver import AuditConfiguration, Setting
from scanner.errors import CollectionError, Malformed, NotFound
from scanner.model import ApiServer, Evidence, Note


@dataclass(frozen=True, slots=True)
class Window:
    """The look-back window, where observed records are asked for."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds that a flag names.

    Attributes:
        shown: The file, as a person names it.
        given: What stands in place of a file of the host; None for a file of the host itself.
    """

    shown: str
    data: bytes
    given: GivenFile | None = None

    @classmethod
    def of(cls, given: GivenFile) -> Content:
        """Take what the settings say; Malformed where they leave it open."""
        if given.unread:
            raise Malformed(given.unread, where=given.evidence.source)
        return cls(given.evidence.source, given.data or b"", given)


@dataclass(frozen=True, slots=True)
class Situation:
    """One API server that is being read.

    Attributes:
        policy_copy: Where the audit policy can be read when it is not found on the host, and how the user wrote it.
        version: The Kubernetes version; None where it is not known.
        window: None where observed records are not asked for.
        supplies: Other files of the cluster that it may read.
    """

    source: ApiServerSource
    host: HostFiles
    configuration: AuditConfiguration
    policy_copy: tuple[Path, str] | None
    version: str | None
    window: Window | None
    supplies: Sequence[Supply] = ()

    @property
    def unread(self) -> str:
        """Why flags may be missing from what was read; empty where all were read."""
        unread = self.configuration.flags.unread
        return unread[0].unread if unread else ""

    @property
    def unread_evidence(self) -> tuple[Evidence, ...]:
        """Where those flags would stand."""
        return tuple(
            Evidence(argument.source or self.source.file, locator_of(argument), argument.unread)
            for argument in self.configuration.flags.unread
        )

    def place(self, setting: Setting) -> Place:
        """Find out where the file that a flag names really is."""
        return self.source.view.locate(setting.value)

    def missing(self, setting: Setting, place: Place) -> str:
        """Say why kube-apiserver cannot find a file, and so does not start; empty where it may find it."""
        if place.kind is not PlaceKind.ABSENT or self.given(setting, place) is not None:
            return ""
        return f"--{setting.flag} names {setting.value}, and no volume mount brings that file into its container"

    def given(self, setting: Setting, place: Place) -> GivenFile | None:
        """Give what the settings themselves say about the file that a flag names; None where they do not."""
        return self.source.files.get(self._path(setting, place))

    def read(self, setting: Setting, place: Place) -> Content:
        """Read the file that a flag names: as the settings give it, from the host, or from the cluster's other files.

        CollectionError says why it cannot be read; then it is the host's own error, where there is one. What the host
        has and does not let read is not looked for elsewhere.
        """
        given = self.given(setting, place)
        if given is not None and not given.if_absent:
            return Content.of(given)
        try:
            return self._on_host(place)
        except NotFound as error:
            wanted = Wanted(self._path(setting, place), place, self.source.file, self.host.root)
            found = supplied(self.supplies, wanted)
            if found is not None:
                return Content.of(found[1])
            if given is not None and self.host.root is not None:
                return Content.of(given)
            raise _with_namesakes(error, namesakes(self.supplies, wanted)) from error

    def _on_host(self, place: Place) -> Content:
        if place.kind is PlaceKind.UNKNOWN:
            raise NotFound(f"it is not known where it is: {place.what}")
        if place.kind is PlaceKind.ABSENT:
            raise NotFound(f"it is not in the container: {place.what}")
        if place.kind is not PlaceKind.HOST:
            raise NotFound(f"it is on {place.what}, which is not on the host")
        return Content(self.host.show(place.host_path), self.host.read(place.host_path))

    def _path(self, setting: Setting, place: Place) -> str:
        """Give the path by which a file is known outside of the container."""
        if place.kind is PlaceKind.HOST:
            return place.host_path
        return posixpath.normpath(posixpath.join(self.source.view.working_directory, setting.value))


@dataclass(frozen=True, slots=True)
class Compared:
    """The value of something in which the nodes of a cluster must agree, and where it stands."""

    value: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One API server as it was read.

    Attributes:
        notes: Remarks about it alone, without its name.
        compared: Settings in which the nodes of a cluster must agree; None where it could not be read.
        version: The Kubernetes version as its file says it.
        parameters: Values for remediation texts.
    """

    server: ApiServer
    notes: tuple[Note, ...] = ()
    compared: Mapping[str, Compared] | None = None
    version: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


def _with_namesakes(error: NotFound, names: Sequence[str]) -> NotFound:
    """Add to the hint which files have the same name, and may be the one that was not found."""
    if not names:
        return error
    hint = f"check whether it is {' or '.join(names)}"
    return NotFound(error.what, where=error.where, hint=f"{error.hint}, {hint}" if error.hint else hint)


def where_to_look(error: CollectionError) -> str:
    """Say what to do about a file that could not be read."""
    return f"{error.hint}, or set policy to a copy of the file" if error.hint else "set policy to a copy of the file"
