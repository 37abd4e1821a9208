"""What k3s and RKE2 write about themselves on their nodes: k3s runs kube-apiserver in its own process, without a pod.

Source: ``k3s-io/k3s`` pkg/nodeconfig/nodeconfig.go: the annotation holds the command line as a JSON list, with what
config.yaml adds, flags and values as words of their own, and secrets taken out.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Final

from providers.self_managed.k3s_settings import Product, server
from providers.self_managed.live.client import Object
from providers.self_managed.live.objects import NO_HOST, shown, text_at
from providers.self_managed.looking import Look
from providers.self_managed.paths import Found
from providers.self_managed.source import ApiServerSource
from scanner.apiserver import Argument
from scanner.errors import Malformed

_ANNOTATIONS: Final = {"k3s.io/node-args": Product.K3S, "rke2.io/node-args": Product.RKE2}
_WITHOUT: Final = "disable-apiserver"


def tells_its_arguments(node: Object) -> bool:
    """Say whether k3s or RKE2 wrote its command line on a node."""
    return any(text_at(node, "metadata", "annotations", key) for key in _ANNOTATIONS)


def look_at_node(node: Object, version: str | None) -> Look:
    """Read the API server of a k3s or RKE2 server from its node."""
    key = next(key for key in _ANNOTATIONS if text_at(node, "metadata", "annotations", key))
    name, where = text_at(node, "metadata", "name"), shown(node)
    found = Found(Path("/"), where)
    try:
        words = json.loads(text_at(node, "metadata", "annotations", key))
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        error = Malformed(f"has an annotation {key} that is no list of words", where=where)
        return Look(found, NO_HOST, name, error=error)
    product = _ANNOTATIONS[key]
    settings = _settings(words, where, f"metadata.annotations.{key}")
    one = server(settings, product, where, *_without_server(settings))
    tool = product.value.lower()
    source = ApiServerSource(where, 1, one.arguments, one.view, version, name, files=one.files, tool=tool)
    return Look(found, NO_HOST, name, ((f"{product}'s annotation of its node", source),))


def _settings(words: list[str], where: str, key: str) -> dict[str, tuple[Argument, ...]]:
    """Give the values of each flag, in order; a flag that another one follows is switched on."""
    settings: dict[str, tuple[Argument, ...]] = {}
    for flag, value in pairwise((*words, "--")):
        if flag.startswith("--") and len(flag) > len("--"):
            text = "true" if value.startswith("--") else value
            name = flag.removeprefix("--")
            settings[name] = (*settings.get(name, ()), Argument(text, where, key=key))
    return settings


def _without_server(settings: dict[str, tuple[Argument, ...]]) -> list[Argument]:
    """Say that a server without an API server takes it from another one."""
    off = settings.get(_WITHOUT, ())
    if not off or off[-1].text.lower() not in {"true", "1"}:
        return []
    unread = f"{_WITHOUT} is set: this server runs no API server, and another one does"
    return [Argument("", off[-1].source, None, unread, off[-1].key)]
