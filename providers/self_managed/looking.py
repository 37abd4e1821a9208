"""One file after the other: what each is, or why it is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from providers.self_managed.files import HostFiles, may_be_text
from providers.self_managed.formats import may_be_known, recognise, why_unknown
from providers.self_managed.paths import Found, host_files, node_name
from providers.self_managed.source import ManifestFile, Part, Refused
from scanner.errors import CollectionError, Malformed

_SPEAKS_OF_A_SERVER: Final = re.compile(
    rb"\bkube-apiserver\b|\baudit-(?:policy-file|log-path|webhook-config-file)\b|\baudit(?:Policy|LogPath|PolicyFile)\b"
)

_OTHER_CONTROL_PLANES: Final = re.compile(
    rb"\bkind\b\W{1,4}(?:[A-Za-z0-9]+ControlPlane(?:Template)?|ClusterClass)\b|\bk0s(?:ctl)?\.k0sproject\.io/"
)
"""Kinds that describe a control plane, of which not every one is read here."""
_WORDS: Final = (b"kube-apiserver", b"audit", b"ControlPlane", b"ClusterClass", b"k0sproject")
"""What the expressions above find holds one of these, which are faster to look for."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one file turned out to be.

    Attributes:
        name: The node that it is named after; empty where nothing names it.
        parts: What it describes, each with the kind of file; none for a file that has nothing to do with an API server.
        error: Why it is not known what it describes; None where it is.
        puzzles: True for a file that speaks of an API server and is of no kind that is known.
    """

    found: Found
    host: HostFiles
    name: str
    parts: tuple[tuple[str, Part], ...] = ()
    error: CollectionError | None = None
    puzzles: bool = False

    @property
    def is_skipped(self) -> bool:
        """Whether the file has nothing to do with an API server."""
        return not self.parts and self.error is None and not self.puzzles


@dataclass(frozen=True, slots=True)
class Where:
    """The options of a cluster that decide how its files are read."""

    base: Path
    root: str | None
    version: str | None


def look_at(found: Iterable[Found], where: Where) -> tuple[Look, ...]:
    """Look at files; blocking. Every file gives a look, whatever is wrong with it."""
    return tuple(_look(item, where) for item in found)


def _look(found: Found, where: Where) -> Look:
    host = host_files(found, where.root, where.base)
    name = node_name(found, host, where.root)
    if found.error is not None or (found.searched and not may_be_text(found.path)):
        return Look(found, host, name, error=found.error)
    try:
        file = ManifestFile.load(found.path, found.shown, host, where.version)
    except CollectionError as error:
        return Look(found, host, name, error=error)
    file.searched = found.searched
    return _searched(found, host, name, file) if found.searched else _named(found, host, name, file)


def _searched(found: Found, host: HostFiles, name: str, file: ManifestFile) -> Look:
    """Look at a file that a search came upon: most have nothing to do with an API server."""
    if not may_be_known(file.data):
        return Look(found, host, name, puzzles=_puzzles(file.data))
    try:
        parts = recognise(file)
    except CollectionError as error:
        known = _SPEAKS_OF_A_SERVER.search(file.data)
        return Look(found, host, name, error=error if known else None)
    if not parts and file.yaml_error is not None and _SPEAKS_OF_A_SERVER.search(file.data):
        return Look(found, host, name, error=file.yaml_error)
    return Look(found, host, name, parts, puzzles=not parts and _puzzles(file.data))


def _puzzles(data: bytes) -> bool:
    """Say whether a file that is not recognised speaks of an API server, or describes a control plane."""
    if not any(word in data for word in _WORDS):
        return False
    return any(expression.search(data) for expression in (_SPEAKS_OF_A_SERVER, _OTHER_CONTROL_PLANES))


def _named(found: Found, host: HostFiles, name: str, file: ManifestFile) -> Look:
    """Look at a file that the configuration names: whoever named it took it for an API server's."""
    try:
        return Look(found, host, name, recognise_named(file))
    except CollectionError as error:
        return Look(found, host, name, error=error)


def recognise_named(file: ManifestFile) -> tuple[tuple[str, Part], ...]:
    """Give what a file describes that is taken for an API server's; CollectionError where it is nothing of the kind."""
    parts = recognise(file)
    if not parts:
        raise why_unknown(file)
    refused = [part for _, part in parts if isinstance(part, Refused)]
    if len(refused) == len(parts):
        raise Malformed(refused[0].reason, where=file.shown, hint=refused[0].hint)
    return parts
