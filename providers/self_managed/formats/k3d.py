"""k3d: the configuration of a cluster of k3s nodes in containers.

Source: ``k3d-io/k3d`` pkg/config/v1alpha5 (SimpleConfig): ``options.k3s.extraArgs`` for the nodes that ``nodeFilters``
choose, ``volumes`` that are mounted into them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.k3s_settings import ARGUMENT, Product, Settings, server
from providers.self_managed.mounted import mounted_file
from providers.self_managed.source import (
    ApiServerSource,
    Format,
    GivenFile,
    ManifestFile,
    Mount,
    Place,
    PlaceKind,
    View,
)
from scanner.apiserver import Argument

_GROUP: Final = "k3d.io/"
_NODE: Final = "the container that is the node, and is lost with it"
_TAG: Final = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^:/@]*(?:@.*)?$")
_FILTER: Final = re.compile(
    r"(?P<role>servers?|agents?|loadbalancer|all)(?::(?P<subset>\*|\d+(?:,\d+)*|\d*-\d*)(?::[a-z]+)?)?"
)
_OTHERS: Final = frozenset({"agent", "agents", "loadbalancer"})
_MOST: Final = 50
"""More servers than anyone runs: etcd wants few."""


class K3d:
    """A SimpleConfig of k3d.io."""

    title: Final = "k3d configuration"
    signs: Final = (_GROUP.encode(),)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API servers of the cluster's servers."""
        return tuple(source for document in file.fields if _is_k3d(document) for source in _sources(file, document))


FORMAT: Final[Format] = K3d()


def _is_k3d(document: Field) -> bool:
    return document.get("apiVersion").text.startswith(_GROUP) and document.get("kind").text == "Simple"


def _sources(file: ManifestFile, config: Field) -> tuple[ApiServerSource, ...]:
    """Give the API server of each server; a single one stands for all where they get the same."""
    count = int(text) if (text := config.get("servers").text).isdecimal() else 1
    sources = [_source(file, config, number) for number in range(min(count, _MOST) or 1)]
    if all(_got(source) == _got(sources[0]) for source in sources) and count <= _MOST:
        return (sources[0],)
    if count > _MOST:
        why = f"only the first {_MOST} of {count} servers are read"
        rest = Argument("", file.shown, config.get("servers").line, why, "servers")
        sources[-1] = replace(sources[-1], arguments=(*sources[-1].arguments, rest))
    return tuple(replace(source, node=f"server-{number}") for number, source in enumerate(sources))


def _got(source: ApiServerSource) -> tuple[object, ...]:
    return source.arguments, source.files


def _source(file: ManifestFile, config: Field, number: int) -> ApiServerSource:
    found = server(_settings(config, number), Product.K3S, file.shown)
    match = _TAG.search(config.get("image").text)
    return ApiServerSource(
        file=file.shown,
        line=config.get("options", "k3s", "extraArgs").line,
        arguments=(*found.arguments, *_unread(config)),
        view=View((Mount("/", Place(PlaceKind.HOST, _NODE, "/")),)),
        version=match[1] if match else None,
        files=dict(_mounted(file, config, number)),
        cluster=config.get("metadata", "name").text or config.get("name").text,
        tool="k3d",
    )


def _settings(config: Field, number: int) -> Settings:
    """Read the arguments that go to a server; one without a filter goes to every node."""
    settings: dict[str, tuple[Argument, ...]] = {}
    for entry in config.get("options", "k3s", "extraArgs").items():
        if not _is_for(entry, number):
            continue
        argument = entry.get("arg")
        name, equals, value = argument.text.lstrip("-").partition("=")
        added = Argument(value if equals else "true", argument.file, argument.line, key=argument.path)
        settings[name] = (*settings.get(name, ()), added) if name == ARGUMENT else (added,)
    return settings


def _is_for(entry: Field, number: int) -> bool:
    """Say whether a server gets an entry; what a filter that is not understood chooses is unread elsewhere."""
    filters = [one.text for one in entry.get("nodeFilters").items()]
    return not filters or any(_chooses(text, number) for text in filters)


def _chooses(text: str, number: int) -> bool:
    """Say whether a filter chooses a server: ``server:0``, ``server:0,2``, ``server:1-2``, ``server:*``, ``all``."""
    match = _FILTER.fullmatch(text)
    if match is None or match["role"] in _OTHERS:
        return False
    subset = match["subset"] or "*"
    if match["role"] == "all" or subset == "*":
        return True
    bounds = [part.partition("-") for part in subset.split(",")]
    return any(
        int(low or 0) <= number <= (int(high) if high else _MOST if dash else int(low)) for low, dash, high in bounds
    )


def _unread(config: Field) -> Iterator[Argument]:
    """Leave servers open where a filter may choose them in a way that is not read."""
    for entry in (*config.get("options", "k3s", "extraArgs").items(), *config.get("volumes").items()):
        for one in entry.get("nodeFilters").items():
            if not _FILTER.fullmatch(one.text):
                yield Argument("", one.file, one.line, "which nodes this filter chooses is not known", one.path)


def _mounted(file: ManifestFile, config: Field, number: int) -> Iterator[tuple[str, GivenFile]]:
    """Read the files beside the configuration that k3d mounts into servers: ``HOST:NODE[:OPTIONS]``."""
    for entry in config.get("volumes").items():
        host_path, _, rest = entry.get("volume").text.partition(":")
        path = rest.partition(":")[0]
        given = mounted_file(file, host_path, entry.locator, path) if path and _is_for(entry, number) else None
        if given is not None:
            yield path, given
