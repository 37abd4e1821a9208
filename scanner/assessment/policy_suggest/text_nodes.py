"""A policy file's text as a tree of nodes that know exactly from which character to which they reach."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NO_YAML: Final = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True, eq=False)
class TextNode:
    """A node of the first document.

    Attributes:
        start: Its first character, the anchor or tag in front of it included; a block sequence's may be its first dash.
        end: The character behind its last one; that of a block collection is the end of its last member.
        is_flow: Whether it is written in brackets or braces, or, a scalar, in quotes.
        is_named: Whether an anchor or a tag stands in front of it, so that its own text is not all that counts.
        members: The members of a sequence, or the keys and values of a mapping by turns.
        target: What an alias stands for.
    """

    kind: str
    start: int
    end: int
    is_flow: bool = False
    is_named: bool = False
    text: str = ""
    members: list[TextNode] = field(default_factory=list)
    target: TextNode | None = None

    def pairs(self) -> Iterator[tuple[TextNode, TextNode]]:
        """Give the keys of a mapping with their values."""
        return zip(self.members[::2], self.members[1::2], strict=True)

    def real(self) -> TextNode:
        """Give what an alias stands for, and any other node itself."""
        return self.target or self

    def find(self, name: str) -> tuple[TextNode, TextNode] | None:
        """Find the key and value that count for a field, also through ``<<``; the last one does."""
        found = None
        for key, value in self.pairs():
            if key.kind == "scalar" and key.text == name:
                found = (key, value)
            elif key.kind == "scalar" and key.text == "<<":
                sources = value.real().members if value.real().kind == "sequence" else [value]
                for source in reversed(sources):
                    found = (source.real().find(name) if source.real().kind == "mapping" else None) or found
        return found


@dataclass(frozen=True, slots=True)
class TextTree:
    """The tree of a file's first document.

    Attributes:
        dashes: Where the entries of block sequences begin, in order.
        scalars: From where to where scalars reach.
    """

    root: TextNode
    dashes: tuple[int, ...]
    scalars: tuple[tuple[int, int], ...]

    def dash(self, member: TextNode) -> int:
        """Give the dash of a block sequence's member."""
        return self.dashes[bisect_left(self.dashes, member.start) - 1]

    def in_scalar(self, index: int) -> bool:
        """Tell whether a character stands inside a scalar, where no comment can."""
        at = bisect_left(self.scalars, (index, index))
        return at > 0 and self.scalars[at - 1][1] > index


def read_tree(text: str, *, is_json: bool = False) -> TextTree | None:
    """Read the first document; None where there is none, or where its places cannot be told.

    The text must be one that kube-apiserver loads, so that it is neither too deep nor too large. JSON is YAML but for a
    few characters that strings may hold; others of the same length stand for them.
    """
    if is_json:
        text = _NO_YAML.sub("?", _SURROGATE.sub(r"\\u003f", text))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = _compose(yaml.parse(text, Loader=loader))
        if root is None:
            return None
        dashes = []
        for token in yaml.scan(text, Loader=loader):
            if token.start_mark.index > root.end:
                break
            if isinstance(token, yaml.BlockEntryToken):
                dashes.append(token.start_mark.index)
    except yaml.YAMLError:
        return None
    return TextTree(root, tuple(dashes), tuple(sorted(_scalars(root))))


def _compose(events: Iterator[yaml.Event]) -> TextNode | None:
    """Build the tree of the first document from the parser's events."""
    root: TextNode | None = None
    waiting: list[TextNode] = []
    anchors: dict[str, TextNode] = {}
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.CollectionEndEvent):
            node = waiting.pop()
            node.end = _place(event)[1] if node.is_flow else max([node.start, *(one.end for one in node.members)])
        elif isinstance(event, yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionStartEvent):
            node = _node(event, anchors)
            if waiting:
                waiting[-1].members.append(node)
            root = root or node
            if isinstance(event, yaml.CollectionStartEvent):
                waiting.append(node)
    return root


def _node(
    event: yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionStartEvent, anchors: dict[str, TextNode]
) -> TextNode:
    """Make the node of an event."""
    start, end = _place(event)
    if isinstance(event, yaml.AliasEvent):
        return TextNode("alias", start, end, target=anchors[event.anchor or ""])
    is_named = bool(event.anchor) or bool(event.tag)
    if isinstance(event, yaml.ScalarEvent):
        node = TextNode("scalar", start, end, event.style in ("'", '"'), is_named, event.value)
    else:
        kind = "sequence" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
        node = TextNode(kind, start, end, bool(event.flow_style), is_named)
    if event.anchor:
        anchors[event.anchor] = node
    return node


def _place(event: yaml.Event) -> tuple[int, int]:
    """Give an event's first character and the one behind its last."""
    begin, end = event.start_mark, event.end_mark
    return (begin.index, end.index) if begin and end else (0, 0)


def _scalars(node: TextNode) -> Iterator[tuple[int, int]]:
    """Give the places of all scalars."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        waiting += one.members
        if one.kind == "scalar":
            yield one.start, one.end
