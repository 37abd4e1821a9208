"""What is at hand when one API server is read, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from providers.self_managed.files import HostFiles
from providers.self_managed.source import ApiServerSource, Place, PlaceKind
from scanner.apiserver import AuditConfiguration, Setting
from scanner.errors import CollectionError, NotFound
from scanner.model import ApiServer, Evidence, Note


@dataclass(frozen=True, slots=True)
class Window:
    """The look-back window, where observed records are asked for."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """One API server that is being read.

    Attributes:
        policy_copy: Where the audit policy can be read when it is not found on the host, and how the user wrote it.
        version: The Kubernetes version; None where it is not known.
        window: None where observed records are not asked for.
    """

    source: ApiServerSource
    host: HostFiles
    configuration: AuditConfiguration
    policy_copy: tuple[Path, str] | None
    version: str | None
    window: Window | None

    @property
    def unread(self) -> str:
        """Why flags may be missing from what was read; empty where all were read."""
        unread = self.configuration.flags.unread
        return unread[0].unread if unread else ""

    @property
    def unread_evidence(self) -> tuple[Evidence, ...]:
        """Where those flags would stand."""
        return tuple(
            Evidence(argument.source or self.source.file, self._line(argument.line), argument.unread)
            for argument in self.configuration.flags.unread
        )

    def place(self, setting: Setting) -> Place:
        """Find out where the file that a flag names really is."""
        return self.source.view.locate(setting.value)

    def read(self, place: Place) -> tuple[str, bytes]:
        """Read the file at a place: its name for a person, and what it holds; CollectionError where it cannot be."""
        if place.kind is not PlaceKind.HOST:
            raise NotFound(f"it is on {place.what}, which is not on the host")
        return self.host.show(place.host_path), self.host.read(place.host_path)

    @staticmethod
    def _line(line: int | None) -> str:
        return "kube-apiserver's flags" if line is None else f"line {line}"


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


def where_to_look(error: CollectionError) -> str:
    """Say what to do about a file that could not be read."""
    return f"{error.hint}, or set policy to a copy of the file" if error.hint else "set policy to a copy of the file"
