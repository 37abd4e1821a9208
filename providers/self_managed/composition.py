"""One cluster as its files describe it."""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.self_managed.files import HostFiles
from providers.self_managed.source import ApiServerSource, Supply
from scanner.errors import CollectionError
from scanner.model import Note


@dataclass(frozen=True, slots=True)
class Described:
    """One API server that the files describe.

    Attributes:
        name: The node's name.
        title: The kind of the file that gives its flags.
        searched: True where a search came upon the file; False where the configuration names it.
    """

    source: ApiServerSource
    host: HostFiles
    name: str
    title: str
    searched: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """An API server of which nothing could be read."""

    name: str
    error: CollectionError


@dataclass
class Composition:
    """One cluster as its files describe it.

    Attributes:
        cluster: Its name as the files say it; empty where they do not, or where there is but one.
        supplies: Files that its API servers may read.
        skipped: The number of files that have nothing to do with an API server.
    """

    cluster: str = ""
    servers: list[Described | Unknown] = field(default_factory=list)
    supplies: list[Supply] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    skipped: int = 0
