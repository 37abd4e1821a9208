"""The file of ``--openshift-config``, which holds most flags of an OpenShift API server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from providers.self_managed.defaults import default, with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.files import HostFiles
from providers.self_managed.openshift_config import ACCESS, config_arguments, is_config
from providers.self_managed.source import ApiServerSource, PlaceKind, Supply
from providers.self_managed.supplies import Wanted, supplied
from providers.self_managed.yaml_nodes import compose_all
from scanner.apiserver import Setting, parse_arguments
from scanner.errors import CollectionError, FlagError, Malformed, NotFound

_FLAG = "openshift-config"


def with_openshift_config(source: ApiServerSource, host: HostFiles, supplies: Sequence[Supply]) -> ApiServerSource:
    """Put the flags of the file behind those of the command line, as OpenShift does; unchanged where it is not read.

    What it leaves unchanged keeps its ``--openshift-config``, and so flags that are not fully known.
    """
    try:
        setting = parse_arguments(source.arguments).last(_FLAG)
        if setting is None:
            return source
        shown, data = _read(source, setting, host, supplies)
        text = data.decode("utf-8-sig", "replace")
        documents = [Field(shown, node, body=text) for node in compose_all(text, shown)]
    except (CollectionError, FlagError):
        return source
    configs = [document for document in documents if is_config(document)]
    if not configs:
        return source
    rest = [word for word in source.arguments if not word.text.startswith(f"--{_FLAG}")]
    access = [default(text, source.file, "OpenShift's") for text in ACCESS]
    return replace(source, arguments=with_defaults([*access, *rest], config_arguments(configs)))


def _read(source: ApiServerSource, setting: Setting, host: HostFiles, supplies: Sequence[Supply]) -> tuple[str, bytes]:
    """Read the file from the host, or from the cluster's other files."""
    place = source.view.locate(setting.value)
    if place.kind is PlaceKind.HOST and host.root is not None:
        return host.show(place.host_path), host.read(place.host_path)
    path = place.host_path if place.kind is PlaceKind.HOST else setting.value
    found = supplied(supplies, Wanted(path, place, source.file, host.root))
    if found is None or found[1].data is None:
        raise NotFound("it is not among the cluster's files", where=PurePosixPath(path).name)
    if found[1].unread:
        raise Malformed(found[1].unread, where=found[0].file)
    return found[0].file, found[1].data
