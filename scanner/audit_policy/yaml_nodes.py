"""YAML documents as trees of nodes, each with its place.

The scanner and parser are PyYAML's, by preference the C one, which is what goyaml was translated from. Trees are built
without recursion, and neither depth nor number of nodes is without limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from scanner.errors import PolicyError, PolicyLimitError

MAX_DEPTH: Final = 200
MAX_NODES: Final = 200_000
_YAML_VERSION: Final = (1, 1)


@dataclass(slots=True)
class ScalarNode:
    """A scalar; `plain` where it is neither quoted nor tagged, `style` its quotes or block sign where it has any."""

    line: int
    column: int
    tag: str
    text: str
    plain: bool
    style: str = ""


@dataclass(slots=True)
class SequenceNode:
    """A sequence."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode:
    """A mapping, its keys and values by turns."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Give the keys with their values."""
        return zip(self.items[::2], self.items[1::2], strict=True)


@dataclass(slots=True)
class AliasNode:
    """A reference to the node that an anchor named before."""

    line: int
    column: int
    anchor: str
    target: Node


Node = ScalarNode | SequenceNode | MappingNode | AliasNode


def compose(data: bytes) -> Node | None:
    """Read the first document; None where there is none. What follows it is never looked at.

    Raises:
        PolicyError: The text is no YAML.
        PolicyLimitError: It is deeper or larger than is read.
    """
    return next(compose_all(data, is_policy=True), None)


@dataclass(slots=True)
class Budget:
    """How many nodes may still be made; a document counts as one more."""

    left: int = MAX_NODES

    def take(self) -> None:
        """Count a node, or refuse it."""
        if self.left <= 0:
            raise PolicyLimitError(f"holds more than {MAX_NODES} YAML nodes, which is as much as is read")
        self.left -= 1


def compose_all(data: bytes, budget: Budget | None = None, *, is_policy: bool = False) -> Iterator[Node | None]:
    """Read the documents one after the other; None stands for an empty one.

    Args:
        data: The text.
        budget: How many nodes all documents together may hold.
        is_policy: Whether kube-apiserver reads the text, with a YAML library that takes a ``?`` in a flow collection
            for the sign of a key wherever it stands.

    Raises:
        PolicyError: The text is no YAML from here on.
        PolicyLimitError: It is deeper or larger than is read, or than the budget allows.
    """
    events = yaml.parse(data, Loader=getattr(yaml, "CLoader", yaml.Loader))
    composer = _Composer(budget or Budget(), is_policy=is_policy)
    try:
        for event in events:
            if isinstance(event, yaml.DocumentEndEvent):
                yield composer.finish()
            else:
                composer.consume(event)
    except yaml.MarkedYAMLError as error:
        mark: yaml.Mark | None = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else ""
        line = f"{where}: " if where else ""
        what = f"yaml: {line}{error.problem or error.context}"
        place = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise PolicyError(what, where=where, line=place[0], column=place[1]) from error
    except yaml.reader.ReaderError as error:
        raise PolicyError(f"yaml: {error.reason}") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise PolicyError(f"yaml: {error}") from error


class _Composer:
    """Builds trees from the parser's events."""

    def __init__(self, budget: Budget, *, is_policy: bool) -> None:
        """Begin without a root, open collections or anchors."""
        self._is_policy = is_policy
        self._flow_depth = 0
        self._root: Node | None = None
        self._open: list[SequenceNode | MappingNode] = []
        self._anchors: dict[str, Node] = {}
        self._budget = budget

    def consume(self, event: yaml.Event) -> None:
        """Take one event within a document."""
        if isinstance(event, yaml.DocumentStartEvent):
            _check_version(event)
            self._budget.take()
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._flow_depth -= bool(self._flow_depth)
        elif isinstance(event, yaml.NodeEvent):
            self._add(event)

    def finish(self) -> Node | None:
        """Give the document that ends here, and begin anew; anchors hold for one document only."""
        root, self._root = self._root, None
        self._anchors = {}
        return root

    def _add(self, event: yaml.NodeEvent) -> None:
        """Put a node where it belongs, and open it where it is a collection."""
        self._budget.take()
        node = self._node(event)
        if self._open:
            self._open[-1].items.append(node)
        else:
            self._root = node
        if event.anchor and not isinstance(node, AliasNode):
            self._anchors[event.anchor] = node
        if isinstance(node, SequenceNode | MappingNode):
            self._open.append(node)
            # What lies within a flow collection is in flow style, too.
            self._flow_depth += bool(self._flow_depth or getattr(event, "flow_style", False))
            if len(self._open) > MAX_DEPTH:
                what = f"nested deeper than {MAX_DEPTH} levels, which is as deep as is read"
                raise PolicyLimitError(what, where=f"line {node.line}", line=node.line, column=node.column)

    def _node(self, event: yaml.NodeEvent) -> Node:
        """Make the node of an event."""
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                what = f"yaml: unknown anchor '{event.anchor}' referenced"
                raise PolicyError(what, where=f"line {line}", line=line, column=column)
            return AliasNode(line, column, event.anchor, self._anchors[event.anchor])
        if isinstance(event, yaml.ScalarEvent):
            if self._is_policy and self._flow_depth and event.implicit[0] and not event.style and "?" in event.value:
                what = f"yaml: line {line}: did not find expected ',' or ']'"
                hint = "put what holds a ? between quotes, or write the list with a line for each"
                raise PolicyError(what, where=f"line {line}", hint=hint, line=line, column=column)
            return ScalarNode(line, column, event.tag or "", event.value, event.implicit[0], event.style or "")
        is_list = isinstance(event, yaml.SequenceStartEvent)
        return SequenceNode(line, column) if is_list else MappingNode(line, column)


def _check_version(event: yaml.DocumentStartEvent) -> None:
    """Refuse a ``%YAML`` directive for anything but 1.1, as goyaml does."""
    if event.version is not None and tuple(event.version) != _YAML_VERSION:
        raise PolicyError(
            "yaml: found incompatible YAML document",
            where="line 1",
            hint="remove the %YAML directive, or write 1.1",
            line=1,
            column=1,
        )
