"""The first YAML document of a file as a tree of nodes, each with its line.

The scanner and parser are PyYAML's, by preference the C one, which is what goyaml was translated from. Trees are built
without recursion, and neither depth nor number of nodes is without limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from scanner.errors import PolicyError

MAX_DEPTH: Final = 200
MAX_NODES: Final = 200_000
_YAML_VERSION: Final = (1, 1)


@dataclass(slots=True)
class ScalarNode:
    """A scalar; `plain` where it is neither quoted nor tagged."""

    line: int
    tag: str
    text: str
    plain: bool


@dataclass(slots=True)
class SequenceNode:
    """A sequence."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode:
    """A mapping, its keys and values by turns."""

    line: int
    items: list[Node] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Give the keys with their values."""
        return zip(self.items[::2], self.items[1::2], strict=True)


@dataclass(slots=True)
class AliasNode:
    """A reference to the node that an anchor named before."""

    line: int
    anchor: str
    target: Node


Node = ScalarNode | SequenceNode | MappingNode | AliasNode


def compose(data: bytes) -> Node | None:
    """Read the first document; None where there is none.

    Raises:
        PolicyError: The text is no YAML, or deeper or larger than any policy.
    """
    events = yaml.parse(data, Loader=getattr(yaml, "CLoader", yaml.Loader))
    try:
        return _Composer().run(events)
    except yaml.MarkedYAMLError as error:
        mark: yaml.Mark | None = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else ""
        line = f"{where}: " if where else ""
        raise PolicyError(f"yaml: {line}{error.problem or error.context}", where=where) from error
    except yaml.reader.ReaderError as error:
        raise PolicyError(f"yaml: {error.reason}") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise PolicyError(f"yaml: {error}") from error


class _Composer:
    """Builds the tree from the parser's events."""

    def __init__(self) -> None:
        """Begin without a root, open collections or anchors."""
        self._root: Node | None = None
        self._open: list[SequenceNode | MappingNode] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def run(self, events: Iterator[yaml.Event]) -> Node | None:
        """Consume events until the first document ends; what follows it is never looked at."""
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                _check_version(event)
            elif isinstance(event, yaml.DocumentEndEvent):
                break
            elif isinstance(event, yaml.CollectionEndEvent):
                self._open.pop()
            elif isinstance(event, yaml.NodeEvent):
                self._add(event)
        return self._root

    def _add(self, event: yaml.NodeEvent) -> None:
        """Put a node where it belongs, and open it where it is a collection."""
        self._count += 1
        if self._count > MAX_NODES:
            raise PolicyError(f"the document holds more than {MAX_NODES} nodes, more than any audit policy")
        node = self._node(event)
        if self._open:
            self._open[-1].items.append(node)
        else:
            self._root = node
        if event.anchor and not isinstance(node, AliasNode):
            self._anchors[event.anchor] = node
        if isinstance(node, SequenceNode | MappingNode):
            self._open.append(node)
            if len(self._open) > MAX_DEPTH:
                raise PolicyError(f"nested deeper than {MAX_DEPTH} levels", where=f"line {node.line}")

    def _node(self, event: yaml.NodeEvent) -> Node:
        """Make the node of an event."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise PolicyError(f"yaml: unknown anchor '{event.anchor}' referenced", where=f"line {line}")
            return AliasNode(line, event.anchor, self._anchors[event.anchor])
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(line, event.tag or "", event.value, event.implicit[0])
        return SequenceNode(line) if isinstance(event, yaml.SequenceStartEvent) else MappingNode(line)


def _check_version(event: yaml.DocumentStartEvent) -> None:
    """Refuse a ``%YAML`` directive for anything but 1.1, as goyaml does."""
    if event.version is not None and tuple(event.version) != _YAML_VERSION:
        raise PolicyError(
            "yaml: found incompatible YAML document", where="line 1", hint="remove the %YAML directive, or write 1.1"
        )
