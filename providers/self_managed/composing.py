"""The files of a cluster put together: its API servers, and what else they may read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from providers.self_managed.composition import Composition, Described, Unknown
from providers.self_managed.configured import set_aside
from providers.self_managed.looking import Look
from providers.self_managed.source import ApiServerSource, Assemble, Fragment, Refused, Supply
from scanner.errors import CollectionError, Malformed
from scanner.model import Evidence, Note, NoteSeverity

_MOST: Final = 10
"""How many files that were not recognised are named."""


def compose(looks: Sequence[Look]) -> tuple[Composition, ...]:
    """Put looks together: one cluster, or several where the files name different ones."""
    assembled = list(_assembled(looks))
    servers = [*_servers(looks), *(one for one in assembled if not isinstance(one, Refused))]
    clusters = {one.source.cluster for one in servers if isinstance(one, Described) and one.source.cluster}
    supplies = [
        replace(part, root=look.host.root, searched=look.found.searched)
        for look in looks
        for _, part in look.parts
        if isinstance(part, Supply)
    ]
    apart = len(clusters) > 1
    compositions: dict[str, Composition] = {}
    for one in servers:
        cluster = one.source.cluster if apart and isinstance(one, Described) else ""
        compositions.setdefault(cluster, Composition(cluster, supplies=supplies)).servers.append(one)
    for composition in compositions.values():
        set_aside(composition)
        composition.servers = list(_told_apart(composition.servers))
    first = next(iter(compositions.values()), Composition(supplies=supplies))
    refused = [part for look in looks for _, part in look.parts if isinstance(part, Refused)]
    refused += [one for one in assembled if isinstance(one, Refused)]
    first.notes += map(_refusal, refused)
    first.notes += _puzzling([look.found.shown for look in looks if look.puzzles])
    first.skipped = sum(look.is_skipped for look in looks)
    return tuple(compositions.values()) or (first,)


def _servers(looks: Sequence[Look]) -> Iterator[Described | Unknown]:
    """Give the API servers that single files describe, and those whose file could not be read."""
    for look in looks:
        if look.error is not None:
            yield Unknown(look.name or look.found.shown, look.error)
        yield from _named([(title, part) for title, part in look.parts if isinstance(part, ApiServerSource)], look)


def _assembled(looks: Sequence[Look]) -> Iterator[Described | Unknown | Refused]:
    """Give the API servers that several files describe together, and files that turn out to describe none.

    Such a file is unknown where the configuration names it: whoever named it took it for an API server's.
    """
    by_file = {look.found.shown: look for look in looks}
    groups: dict[Assemble, list[Fragment]] = {}
    titles: dict[object, str] = {}
    for look in looks:
        for title, part in look.parts:
            if isinstance(part, Fragment):
                groups.setdefault(part.assemble, []).append(part)
                titles.setdefault(part.assemble, title)
    for assemble, fragments in groups.items():
        try:
            parts = assemble(fragments)
        except CollectionError as error:
            yield Unknown(fragments[0].manifest.shown, error)
            continue
        yield from (_refused(part, by_file[part.file]) for part in parts if isinstance(part, Refused))
        sources = [part for part in parts if isinstance(part, ApiServerSource)]
        for file in dict.fromkeys(source.file for source in sources):
            those = [(titles[assemble], source) for source in sources if source.file == file]
            yield from _named(those, by_file.get(file, by_file[fragments[0].manifest.shown]))


def _refused(part: Refused, look: Look) -> Unknown | Refused:
    """Give a file that describes no API server as what it is, depending on how it was found."""
    if look.found.searched:
        return part
    return Unknown(look.name or part.file, Malformed(part.reason, where=part.file, hint=part.hint))


def _named(sources: Sequence[tuple[str, ApiServerSource]], look: Look) -> Iterator[Described]:
    """Name the API servers of one file: after the node, or what the file is named by."""
    own = [source.node for _, source in sources]
    tell = len(sources) > 1 and all(own) and len(set(own)) == len(own)
    for number, (title, source) in enumerate(sources, start=1):
        name = look.name or source.node or look.found.shown
        if tell:
            name = f"{look.name} {source.node}" if look.name else source.node
        elif len(sources) > 1:
            name = f"{name} #{number}"
        yield Described(source, look.host, name, title, look.found.searched)


def _told_apart(servers: Sequence[Described | Unknown]) -> Iterator[Described | Unknown]:
    """Number nodes that would have the same name."""
    counts = Counter(one.name for one in servers)
    met: Counter[str] = Counter()
    for one in servers:
        met[one.name] += 1
        yield replace(one, name=f"{one.name} ({met[one.name]})") if counts[one.name] > 1 else one


def _puzzling(files: Sequence[str]) -> Iterator[Note]:
    """Name the files that a search came upon, that speak of an API server, and that nothing could be made of."""
    if files:
        shown = ", ".join(files[:_MOST]) + (f" and {len(files) - _MOST} more" if len(files) > _MOST else "")
        what = "speaks" if len(files) == 1 else "speak"
        text = f"{shown} {what} of an API server and could not be recognised as a file that describes one: not read"
        evidence = tuple(Evidence(file, "file", "not recognised") for file in files[:_MOST])
        yield Note(NoteSeverity.INFO, text, evidence)


def _refusal(part: Refused) -> Note:
    """Mention a file that a search came upon and that belongs elsewhere."""
    return Note(
        NoteSeverity.INFO, f"{part.file} {part.reason}: {part.hint}", (Evidence(part.file, "kind", part.reason),)
    )
