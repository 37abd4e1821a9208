"""JSON as the same tree of nodes as YAML, each with its place; a line ends with a line feed."""

from __future__ import annotations

import json
import re
from typing import Final

from scanner.audit_policy.yaml_nodes import MAX_DEPTH, Budget, MappingNode, Node, ScalarNode, SequenceNode
from scanner.errors import PolicyLimitError

_PART: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]\n]|[^\s{}\[\]",:]+')


def compose(text: str, budget: Budget | None = None) -> Node | None:
    """Read a text that a JSON parser has accepted.

    Raises:
        PolicyLimitError: It is deeper or larger than is read.
    """
    root: Node | None = None
    opened: list[SequenceNode | MappingNode] = []
    line, start = 1, 0
    budget = budget or Budget()
    for match in _PART.finditer(text):
        part = match[0]
        if part == "\n":
            line, start = line + 1, match.end()
            continue
        if part in "}]":
            opened.pop()
            continue
        node = _node(part, line, match.start() - start + 1)
        if opened:
            opened[-1].items.append(node)
        else:
            root = node
        if not isinstance(node, ScalarNode):
            opened.append(node)
        budget.take()
        if len(opened) > MAX_DEPTH:
            raise PolicyLimitError(
                f"nested deeper than {MAX_DEPTH} levels, which is as deep as is read", where=f"line {line}", line=line
            )
    return root


def _node(part: str, line: int, column: int) -> ScalarNode | SequenceNode | MappingNode:
    """Make the node that a part begins."""
    if part == "{":
        return MappingNode(line, column)
    if part == "[":
        return SequenceNode(line, column)
    if part.startswith('"'):
        return ScalarNode(line, column, "", json.loads(part, strict=False), plain=False, style='"')
    return ScalarNode(line, column, "", part, plain=True)
