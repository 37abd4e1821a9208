"""Where the fields and list members of a policy stand in its file.

A field stands where its key does, a list member where it begins. An alias stands where it is written; what lies within
it stands where the anchor has it, and a field merged by ``<<`` stands where the merged mapping has it. Lines are
counted as YAML counts them, in JSON by line feeds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from scanner.audit_policy.construction import Constructor
from scanner.audit_policy.types import Position
from scanner.audit_policy.yaml_nodes import AliasNode, MappingNode, Node, ScalarNode, SequenceNode

MAX_POSITIONS: Final = 200_000
"""Aliases can repeat a part very often; the places of more fields than this are left unknown."""
_MAX_PATH: Final = 1000
"""Nor are the members of what has a longer path looked for: each would hold a copy of it."""
_LAST_STEP: Final = re.compile(r"(?:\.[^.\[]*|\[\d+\])$|^[^.\[]*$")


def of(root: Node | None, constructor: Constructor) -> Mapping[str, Position]:
    """Give the place of each field and list member by its path; `constructor` has made the root's value."""
    plain: dict[str, Position] = {}
    # A key may hold the signs that join a path; such a one must not pass for another field.
    ambiguous: dict[str, Position] = {}
    waiting: list[tuple[str, Node, bool]] = [("", root, True)] if root is not None else []
    while waiting and len(plain) + len(ambiguous) <= MAX_POSITIONS:
        path, node, is_plain = waiting.pop()
        for step, stands, value in _members(node.target if isinstance(node, AliasNode) else node, constructor):
            here = f"{path}.{step}" if isinstance(step, str) and path else _first(path, step)
            clear = is_plain and not (isinstance(step, str) and set(step) & set(".[]"))
            (plain if clear else ambiguous)[here] = Position(stands.line, stands.column)
            if not isinstance(value, ScalarNode) and len(here) <= _MAX_PATH:
                waiting.append((here, value, clear))
    return {**ambiguous, **plain}


def nearest(path: str, known: Mapping[str, Position]) -> Position | None:
    """Give the place of a field, or of the nearest one that it lies in."""
    while path and path not in known:
        path = _LAST_STEP.sub("", path)
    return known.get(path)


def _members(node: Node, constructor: Constructor) -> list[tuple[str | int, Node, Node]]:
    """Give the members of a node: name or index, the node that stands for its place, and its value."""
    if isinstance(node, MappingNode):
        return [(name, field.key_node, field.value_node) for name, field in constructor.fields(node).items()]
    return [(index, item, item) for index, item in enumerate(node.items)] if isinstance(node, SequenceNode) else []


def _first(path: str, step: str | int) -> str:
    """Put an index behind a path, or begin one with a name."""
    return step if isinstance(step, str) else f"{path}[{step}]"
