"""What k3s writes about itself on its node: it runs kube-apiserver within its own process, where no pod shows it.

Source: ``k3s-io/k3s`` pkg/nodeconfig/nodeconfig.go (the annotation holds the command line as a JSON list, with what
config.yaml adds, and secrets taken out) and pkg/daemons/control/server.go (the flags that k3s sets by itself).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from providers.self_managed.live.client import Object
from providers.self_managed.live.objects import NO_HOST, shown, text_at
from providers.self_managed.looking import Look
from providers.self_managed.paths import Found
from providers.self_managed.source import ApiServerSource, View
from scanner.apiserver import Argument
from scanner.errors import Malformed

NODE_ARGUMENTS: Final = "k3s.io/node-args"
_FLAG: Final = "--kube-apiserver-arg"
_DEFAULTS: Final = ("--anonymous-auth=false", "--authorization-mode=Node,RBAC")


def look_at_node(node: Object, version: str | None) -> Look:
    """Read the API server of a k3s server from its node."""
    name, where = text_at(node, "metadata", "name"), shown(node)
    found = Found(Path("/"), where)
    try:
        words = json.loads(text_at(node, "metadata", "annotations", NODE_ARGUMENTS))
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        error = Malformed(f"has an annotation {NODE_ARGUMENTS} that is no list of words", where=where)
        return Look(found, NO_HOST, name, error=error)
    source = ApiServerSource(where, 1, tuple(_arguments(words, where)), View(None), version, name)
    return Look(found, NO_HOST, name, (("k3s node annotation", source),))


def _arguments(words: list[str], where: str) -> Iterator[Argument]:
    """Give what k3s sets by itself, then what it was told to add: a flag and its value are two words of the list."""
    for default in _DEFAULTS:
        yield Argument(default, f"{where} (k3s's default)")
    key = f"metadata.annotations.{NODE_ARGUMENTS}"
    for flag, value in pairwise(words):
        if flag == _FLAG:
            yield Argument(f"--{value.lstrip('-')}", where, key=key)
