"""YAML as a tree of nodes that know their lines; values stay the text that stood there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scanner.errors import Malformed

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH: Final = 100
_INDENTATION: Final = re.compile(r"^[ \t?-]+", re.MULTILINE)
_OTHER_BREAKS: Final = "\r\x85\u2028\u2029"
_NULL: Final = "tag:yaml.org,2002:null"


def compose_all(text: str, shown: str, above: int = 0) -> tuple[Node, ...]:
    """Read the documents of a YAML or JSON file; Malformed names the line, and never quotes the file.

    `above` is the number of lines above the text in the file, where it stands within another one.
    """
    try:
        _check_depth(text, shown)
        return tuple(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1 + above})" if mark is not None else ""
        raise Malformed(f"is not valid YAML{where}", where=shown) from error
    except yaml.YAMLError as error:
        raise Malformed("is not valid YAML", where=shown) from error


def child(node: Node | None, *keys: str) -> Node | None:
    """Follow keys down from a node; None where one is missing. The last of repeated keys counts."""
    for key in keys:
        node = _value(node, key, _MAX_DEPTH)
    return node


def entries(node: Node | None) -> Iterator[tuple[ScalarNode, Node]]:
    """Give the keys and values of a mapping; nothing for any other node."""
    if isinstance(node, MappingNode):
        yield from ((key, value) for key, value in node.value if isinstance(key, ScalarNode))


def items(node: Node | None) -> tuple[Node, ...]:
    """Give the items of a list; nothing for any other node."""
    return tuple(node.value) if isinstance(node, SequenceNode) else ()


def text(node: Node | None) -> str:
    """Give the text of a scalar; empty for null and for any other node."""
    if isinstance(node, ScalarNode) and not is_null(node):
        return str(node.value)
    return ""


def is_null(node: ScalarNode) -> bool:
    """Say whether a scalar is null."""
    return bool(node.tag == _NULL)


def truth(node: Node | None) -> bool:
    """Read a boolean the way YAML 1.1 writes it."""
    return text(node).lower() in {"true", "yes", "on", "y"}


def dump(node: Node) -> str:
    """Write a node as a YAML document of its own."""
    return str(yaml.serialize(node, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))


def line(node: Node) -> int:
    """Give the 1-based line at which a node begins."""
    return int(node.start_mark.line) + 1


def _value(node: Node | None, key: str, depth: int) -> Node | None:
    """Look a key up, then in what is merged in with ``<<``."""
    found: Node | None = None
    merged: list[Node] = []
    for name, value in entries(node):
        if name.value == key:
            found = value
        elif name.value == "<<":
            merged.extend(value.value if isinstance(value, SequenceNode) else [value])
    if found is not None or not depth:
        return found
    return next((below for part in merged if (below := _value(part, key, depth - 1)) is not None), None)


def _deepest(text: str) -> int:
    """Give a depth that the nesting of a text cannot exceed, without reading it as YAML.

    In block style at most two collections begin in one column: a mapping, and the list that is a value of it. In flow
    style each bracket begins one, or two where a pair stands in a list.
    """
    if any(character in text for character in _OTHER_BREAKS):
        return _MAX_DEPTH + 1
    columns = max(map(len, _INDENTATION.findall(text)), default=0) + 1
    return 2 * (columns + text.count("[") + text.count("{"))


def _check_depth(text: str, shown: str) -> None:
    """Refuse deep nesting before nodes are built: libyaml's composer recurses in C and would crash the process."""
    if _deepest(text) <= _MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise Malformed(f"is nested deeper than {_MAX_DEPTH} levels", where=shown)
