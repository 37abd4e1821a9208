"""Files of this machine that a tool mounts into a node, where they lie beside the configuration that says so."""

from __future__ import annotations

import posixpath

from providers.self_managed.source import GivenFile, ManifestFile
from scanner.errors import CollectionError
from scanner.model import Evidence


def mounted_file(file: ManifestFile, host_path: str, locator: str, path: str) -> GivenFile | None:
    """Read one that is mounted at a path of the node.

    None where it lies elsewhere than beside the configuration, or is a directory: it is found by its name, or unknown.

    Args:
        file: The configuration.
        host_path: The path on this machine; one that leads away from the configuration's directory is not opened.
        locator: Where the configuration names it.
        path: The path on the node.
    """
    if posixpath.isabs(host_path) or ".." in host_path.split("/"):
        return None
    name = posixpath.normpath(host_path)
    try:
        data = file.read_beside(name)
    except CollectionError:
        return None
    return GivenFile(Evidence(file.show_beside(name), "file", f"mounted at {path} ({file.shown}, {locator})"), data)
