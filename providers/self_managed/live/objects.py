"""Objects of the API as the files that the formats read; evidence names the object and the field in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from yaml.nodes import MappingNode, Node, SequenceNode

from providers.self_managed.composing import compose
from providers.self_managed.composition import Composition, Described
from providers.self_managed.files import HostFiles
from providers.self_managed.looking import Look, recognise_named
from providers.self_managed.paths import Found
from providers.self_managed.source import ApiServerSource, ManifestFile, Mount
from providers.self_managed.yaml_nodes import entries, items, line
from scanner.apiserver import Argument
from scanner.errors import CollectionError
from scanner.model import Evidence

NO_HOST: Final = HostFiles(None, why_not="the API shows no files of a node: read them with paths and root instead")
_NOISE: Final = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})


@dataclass
class Looks:
    """Looks at the objects of one cluster, which come to a composition.

    Attributes:
        all: The looks so far.
    """

    version: str | None
    all: list[Look] = field(default_factory=list)
    _places: dict[str, Mapping[int, str]] = field(default_factory=dict)

    def add(self, item: Mapping[str, Any], name: str) -> None:
        """Look at an object as if it were a file: what it describes, or why that is not known.

        Args:
            item: The object, with its kind and apiVersion.
            name: The node that it belongs to; empty where it belongs to none.
        """
        where = shown(item)
        found = Found(Path("/"), where)
        text = json.dumps(_without_noise(item), indent=1, ensure_ascii=False)
        # Half of a surrogate pair cannot be written as UTF-8, and JSON can hold one.
        file = ManifestFile(Path("/"), where, NO_HOST, text.encode("utf-8", "replace"), self.version)
        try:
            parts = recognise_named(file)
        except CollectionError as error:
            self.all.append(Look(found, NO_HOST, name, error=error))
            return
        self._places[where] = dict(_lines(file.documents[0], ""))
        self.all.append(Look(found, NO_HOST, name, parts))

    def unknown(self, name: str, error: CollectionError) -> None:
        """Add an API server of which nothing could be read."""
        self.all.append(Look(Found(Path("/"), name), NO_HOST, name, error=error))

    def composed(self) -> Composition:
        """Put one cluster together, whatever its objects call it; places are fields, not lines of a text."""
        first, *others = compose(self.all)
        servers = [*first.servers, *(one for other in others for one in other.servers)]
        first.cluster = ""
        first.servers = [self._placed(one) if isinstance(one, Described) else one for one in servers]
        return first

    def _placed(self, one: Described) -> Described:
        places = self._places.get(one.source.file)
        return one if places is None else replace(one, source=_placed_source(one.source, places))


def shown(item: Mapping[str, Any]) -> str:
    """Name an object: ``Pod kube-system/kube-apiserver-cp-1``."""
    namespace = text_at(item, "metadata", "namespace")
    name = text_at(item, "metadata", "name")
    return f"{text_at(item, 'kind')} {namespace}/{name}" if namespace else f"{text_at(item, 'kind')} {name}"


def text_at(item: object, *keys: str) -> str:
    """Follow keys down to a text; empty where there is none."""
    for key in keys:
        item = item.get(key) if isinstance(item, Mapping) else None
    return item if isinstance(item, str) else ""


def maps_at(item: object, *keys: str) -> Sequence[Mapping[str, Any]]:
    """Follow keys down to a list, and give the objects in it; nothing where there is none."""
    for key in keys:
        item = item.get(key) if isinstance(item, Mapping) else None
    return [one for one in item if isinstance(one, Mapping)] if isinstance(item, list) else []


def _without_noise(item: object) -> object:
    """Leave out what nothing reads and what may be large."""
    if isinstance(item, Mapping):
        return {key: _without_noise(value) for key, value in item.items() if key not in _NOISE}
    return [_without_noise(one) for one in item] if isinstance(item, list) else item


def _lines(node: Node, path: str) -> Iterator[tuple[int, str]]:
    """Give the field that stands in each line of the text; each value has a line of its own."""
    if isinstance(node, MappingNode):
        for key, value in entries(node):
            below = f"{path}.{key.value}" if path else str(key.value)
            yield line(key), below
            yield from _lines(value, below)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(items(node)):
            yield line(value), f"{path}[{index}]"
            yield from _lines(value, f"{path}[{index}]")


def _placed_source(source: ApiServerSource, places: Mapping[int, str]) -> ApiServerSource:
    """Let an API server name fields of its object where it names lines of a text that nobody has."""
    mounts = source.view.mounts
    if mounts is not None:
        mounts = tuple(_placed_mount(mount, places) for mount in mounts)
    return replace(
        source,
        arguments=tuple(_placed_argument(one, places) for one in source.arguments),
        view=replace(source.view, mounts=mounts),
        files={
            path: replace(given, evidence=_placed_evidence(given.evidence, places))
            for path, given in source.files.items()
        },
    )


def _placed_argument(argument: Argument, places: Mapping[int, str]) -> Argument:
    if argument.line is None:
        return argument
    return replace(argument, line=None, key=argument.key or places.get(argument.line, ""))


def _placed_mount(mount: Mount, places: Mapping[int, str]) -> Mount:
    evidence = tuple(_placed_evidence(one, places) for one in mount.place.evidence)
    return replace(mount, place=replace(mount.place, evidence=evidence))


def _placed_evidence(evidence: Evidence, places: Mapping[int, str]) -> Evidence:
    """Replace ``line 12`` or ``line 12, spec.x`` by the field."""
    if not evidence.locator.startswith("line "):
        return evidence
    number, _, key = evidence.locator.removeprefix("line ").partition(", ")
    place = places.get(int(number)) if number.isdigit() else None
    return replace(evidence, locator=key or place or evidence.locator)
