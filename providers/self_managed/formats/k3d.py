"""k3d: the configuration of a cluster of k3s nodes in containers.

Source: ``k3d-io/k3d`` pkg/config/v1alpha5 (SimpleConfig): ``options.k3s.extraArgs`` for the nodes that ``nodeFilters``
choose, ``volumes`` that are mounted into them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.k3s_settings import ARGUMENT, Product, Settings, server
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
from scanner.errors import CollectionError
from scanner.model import Evidence

_GROUP: Final = "k3d.io/"
_NODE: Final = "the container that is the node, and is lost with it"
_TAG: Final = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^:/@]*(?:@.*)?$")


class K3d:
    """A SimpleConfig of k3d.io."""

    title: Final = "k3d configuration"
    signs: Final = (_GROUP.encode(),)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server of the cluster's servers, which all get the same."""
        return tuple(_source(file, document) for document in file.fields if _is_k3d(document))


FORMAT: Final[Format] = K3d()


def _is_k3d(document: Field) -> bool:
    return document.get("apiVersion").text.startswith(_GROUP) and document.get("kind").text == "Simple"


def _source(file: ManifestFile, config: Field) -> ApiServerSource:
    found = server(_settings(config), Product.K3S, file.shown)
    match = _TAG.search(config.get("image").text)
    return ApiServerSource(
        file=file.shown,
        line=config.get("options", "k3s", "extraArgs").line,
        arguments=found.arguments,
        view=View((Mount("/", Place(PlaceKind.HOST, _NODE, "/")),)),
        version=match[1] if match else None,
        files=dict(_mounted(file, config)),
        cluster=config.get("metadata", "name").text or config.get("name").text,
    )


def _settings(config: Field) -> Settings:
    """Read the arguments that go to servers; one without a filter goes to every node."""
    settings: dict[str, tuple[Argument, ...]] = {}
    for entry in config.get("options", "k3s", "extraArgs").items():
        if not _for_servers(entry):
            continue
        argument = entry.get("arg")
        name, equals, value = argument.text.lstrip("-").partition("=")
        added = Argument(value if equals else "true", argument.file, argument.line, key=argument.path)
        settings[name] = (*settings.get(name, ()), added) if name == ARGUMENT else (added,)
    return settings


def _for_servers(entry: Field) -> bool:
    filters = [one.text for one in entry.get("nodeFilters").items()]
    return not filters or any(name.startswith(("server", "all")) for name in filters)


def _is_elsewhere(path: str) -> bool:
    """Say whether a path leads away from the configuration's directory, so that the file is not opened."""
    return posixpath.isabs(path) or ".." in path.split("/")


def _mounted(file: ManifestFile, config: Field) -> Iterator[tuple[str, GivenFile]]:
    """Read the files beside the configuration that k3d mounts into servers: ``HOST:NODE[:OPTIONS]``."""
    for entry in config.get("volumes").items():
        host_path, _, rest = entry.get("volume").text.partition(":")
        path = rest.partition(":")[0]
        if not path or _is_elsewhere(host_path) or not _for_servers(entry):
            continue
        try:
            data = file.read_beside(posixpath.normpath(host_path))
        except CollectionError:
            continue  # a directory, or a file that lies elsewhere: found by its name, or unknown
        shown = file.show_beside(posixpath.normpath(host_path))
        yield path, GivenFile(Evidence(shown, "file", f"mounted at {path} ({file.shown}, {entry.locator})"), data)
