"""Objects of the API as the files that the formats read; evidence names the object and the field in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from yaml.nodes import MappingNode, Node, SequenceNode

from providers.self_managed.files import HostFiles
from providers.self_managed.formats import recognise, why_unknown
from providers.self_managed.live.client import Object
from providers.self_managed.looking import Look
from providers.self_managed.paths import Found
from providers.self_managed.source import ApiServerSource, ManifestFile, Mount, Part
from providers.self_managed.yaml_nodes import entries, items, line
from scanner.apiserver import Argument
from scanner.errors import CollectionError
from scanner.model import Evidence

NO_HOST: Final = HostFiles(None, why_not="the API shows no files of a node: read them with paths and root instead")
_NOISE: Final = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})


def shown(item: Object) -> str:
    """Name an object: ``Pod kube-system/kube-apiserver-cp-1``."""
    namespace = text_at(item, "metadata", "namespace")
    name = text_at(item, "metadata", "name")
    return f"{text_at(item, 'kind')} {namespace}/{name}" if namespace else f"{text_at(item, 'kind')} {name}"


def text_at(item: object, *keys: str) -> str:
    """Follow keys down to a text; empty where there is none."""
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return item if isinstance(item, str) else ""


def look_at_object(item: Object, name: str, version: str | None) -> Look:
    """Look at an object as if it were a file: what it describes, or why that is not known.

    Args:
        item: The object, with its kind and apiVersion.
        name: The node that it belongs to; empty where it belongs to none.
        version: The Kubernetes version that the configuration gives.
    """
    where = shown(item)
    found = Found(Path("/"), where)
    text = json.dumps(_without_noise(item), indent=1, ensure_ascii=False)
    # Half of a surrogate pair cannot be written as UTF-8, and JSON can hold one.
    file = ManifestFile(Path("/"), where, NO_HOST, text.encode("utf-8", "replace"), version)
    try:
        parts = recognise(file)
        if not parts:
            raise why_unknown(file)
    except CollectionError as error:
        return Look(found, NO_HOST, name, error=error)
    places = dict(_places(file.documents[0], ""))
    return Look(found, NO_HOST, name, tuple((title, _placed(part, places)) for title, part in parts))


def _without_noise(item: object) -> object:
    """Leave out what nothing reads and what may be large."""
    if isinstance(item, dict):
        return {key: _without_noise(value) for key, value in item.items() if key not in _NOISE}
    return [_without_noise(one) for one in item] if isinstance(item, list) else item


def _places(node: Node, path: str) -> Iterator[tuple[int, str]]:
    """Give the path of what stands in each line of the text; each value has a line of its own."""
    if isinstance(node, MappingNode):
        for key, value in entries(node):
            below = f"{path}.{key.value}" if path else str(key.value)
            yield line(key), below
            yield from _places(value, below)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(items(node)):
            yield line(value), f"{path}[{index}]"
            yield from _places(value, f"{path}[{index}]")


def _placed(part: Part, places: Mapping[int, str]) -> Part:
    """Let a part name the fields of the object where it names lines of a text that nobody has."""
    if not isinstance(part, ApiServerSource):
        return part
    arguments = tuple(_placed_argument(one, places) for one in part.arguments)
    mounts = part.view.mounts
    if mounts is not None:
        mounts = tuple(_placed_mount(mount, places) for mount in mounts)
    files = {
        path: replace(given, evidence=_placed_evidence(given.evidence, places)) for path, given in part.files.items()
    }
    return replace(part, arguments=arguments, view=replace(part.view, mounts=mounts), files=files)


def _placed_argument(argument: Argument, places: Mapping[int, str]) -> Argument:
    if argument.line is None:
        return argument
    return replace(argument, line=None, key=argument.key or places.get(argument.line, ""))


def _placed_mount(mount: Mount, places: Mapping[int, str]) -> Mount:
    evidence = tuple(_placed_evidence(one, places) for one in mount.place.evidence)
    return replace(mount, place=replace(mount.place, evidence=evidence))


def _placed_evidence(evidence: Evidence, places: Mapping[int, str]) -> Evidence:
    """Replace ``line 12`` or ``line 12, spec.x`` by the field."""
    number, _, key = evidence.locator.removeprefix("line ").partition(", ")
    field: Any = key or (places.get(int(number)) if number.isdigit() else None)
    return replace(evidence, locator=field or evidence.locator)
