"""Values of a YAML document that know where they stand: file, line and key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from providers.self_managed import yaml_nodes
from scanner.apiserver import Argument
from scanner.errors import Malformed
from scanner.model import Evidence

_MERGE = "<<"
_MAX_MERGES = 20


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a document, or the place where it would stand.

    Attributes:
        file: The file, as a person names it.
        node: What stands there; None where nothing does.
        path: The keys down to it from the top of its file, such as ``spec.kubeAPIServer.auditLogPath``.
        above: The lines above its document in the file: a document may stand within another one.
        number: The line of its key, or of the nearest thing above it that is there.
        body: The text of its document, with all before it.
    """

    file: str
    node: Node | None
    path: str = ""
    above: int = 0
    number: int = 0
    body: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        """Say whether something stands there; null counts as nothing."""
        return self.node is not None and not self.is_null

    @property
    def line(self) -> int:
        """The 1-based line in the file."""
        if self.number:
            return self.number
        return self.above + (yaml_nodes.line(self.node) if self.node is not None else 1)

    @property
    def locator(self) -> str:
        """The place as evidence names it: ``line 12, spec.kubeAPIServer.auditLogPath``."""
        return f"line {self.line}, {self.path}" if self.path else f"line {self.line}"

    @property
    def text(self) -> str:
        """The text of a scalar; empty for null and for what is none."""
        return yaml_nodes.text(self.node)

    @property
    def truth(self) -> bool:
        """The value as a boolean; False where it is none."""
        return yaml_nodes.truth(self.node)

    @property
    def is_null(self) -> bool:
        """Whether null is written there."""
        return isinstance(self.node, ScalarNode) and yaml_nodes.is_null(self.node)

    @property
    def is_text(self) -> bool:
        """Whether it is a scalar other than null."""
        return isinstance(self.node, ScalarNode) and not self.is_null

    @property
    def is_map(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.node, MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, SequenceNode)

    def get(self, *keys: str) -> Field:
        """Follow keys down; what is not there is a field without a value, which still names its place."""
        here = self
        for key in keys:
            found = _lookup(here.node, key, _MAX_MERGES)
            here = here._missing(key) if found is None else here._child(*found)
        return here

    def first(self, *keys: str) -> Field:
        """Give the first of several members that is there, else the place of the first name."""
        return next((found for key in keys if (found := self.get(key))), self.get(keys[0]))

    def entries(self) -> Iterator[tuple[str, Field]]:
        """Give the members of a mapping by name, the last of repeated ones, with what ``<<`` merges in."""
        for key, (name, node) in _members(self.node, _MAX_MERGES).items():
            yield key, self._child(name, node)

    def items(self) -> tuple[Field, ...]:
        """Give the items of a list; nothing for what is none."""
        return tuple(
            Field(self.file, node, f"{self.path}[{index}]", self.above, 0, self.body)
            for index, node in enumerate(yaml_nodes.items(self.node))
        )

    def words(self) -> tuple[Field, ...]:
        """Give the texts of a list, or a single text as a list of one: many tools take both."""
        return (self,) if self.is_text else tuple(item for item in self.items() if item.is_text)

    def evidence(self, value: str = "") -> Evidence:
        """Build evidence of what stands there; without `value` its text is quoted, so it must be no secret."""
        return Evidence(self.file, self.locator, value or self.text or "nothing")

    def argument(self, flag: str, value: str | None = None, *, unread: str = "") -> Argument:
        """Build the argument of kube-apiserver that this field stands for; `value` is its text unless given."""
        given = self.text if value is None else value
        return Argument(f"--{flag}={given}", self.file, self.line, unread, self.path)

    def documents(self) -> tuple[Field, ...]:
        """Read a text as YAML documents within this one, with their lines in the outer file; Malformed as for a file.

        The lines of a text that is no block literal are those at which it begins.
        """
        if not isinstance(self.node, ScalarNode):
            return ()
        nodes = yaml_nodes.compose_all(self.text, self.file, self._above_text())
        path = f"{self.path}: " if self.path else ""
        return tuple(Field(self.file, node, path, self._above_text(), 0, self.text) for node in nodes)

    def content(self) -> tuple[bytes, int]:
        """Give what a file with this as its content would hold, and the lines above that in this file.

        A text is the content itself; of anything else it is the YAML that stands there.
        """
        if isinstance(self.node, ScalarNode) or self.node is None:
            return self.text.encode(), self._above_text()
        first, last = self.node.start_mark, self.node.end_mark
        written = self.body.split("\n")
        lines = written[first.line : last.line + 1]
        if lines:
            if last.line < len(written):  # else the last line has no break, and libyaml's mark is on the line below it
                lines[-1] = lines[-1][: last.column]
            lines[0] = lines[0][first.column :]
            rest = (line[first.column :] if not line[: first.column].strip() else line for line in lines[1:])
            text = "\n".join([lines[0], *rest])
            try:
                if len(yaml_nodes.compose_all(text, self.file)) == 1:
                    return _as_yaml(text).encode(), self.above + first.line
            except Malformed:
                pass  # it uses an anchor that stands elsewhere
        return _as_yaml(yaml_nodes.dump(self.node)).encode(), self.line - 1

    def _above_text(self) -> int:
        """Count the lines above the text of a scalar; of one that is no block literal, those above its first line."""
        if not isinstance(self.node, ScalarNode):
            return self.line - 1
        return self.above + yaml_nodes.line(self.node) - (0 if self.node.style in {"|", ">"} else 1)

    def _below(self, key: str) -> str:
        joint = "" if not self.path or self.path.endswith(" ") else "."
        return f"{self.path}{joint}{key}"

    def _missing(self, key: str) -> Field:
        return Field(self.file, None, self._below(key), self.above, self.line, self.body)

    def _child(self, key: ScalarNode, node: Node) -> Field:
        line = self.above + yaml_nodes.line(key)
        return Field(self.file, node, self._below(str(key.value)), self.above, line, self.body)


def _as_yaml(text: str) -> str:
    """Mark a mapping in YAML's flow style as YAML: kube-apiserver takes what begins with a brace for JSON."""
    if not text.startswith("{"):
        return text
    try:
        json.loads(text)
    except ValueError:
        return f"--- {text}"
    return text


def _lookup(node: Node | None, key: str, merges: int) -> tuple[ScalarNode, Node] | None:
    """Find one member of a mapping: the last of that name, else what is merged in."""
    found: tuple[ScalarNode, Node] | None = None
    merged: list[Node] = []
    for name, value in yaml_nodes.entries(node):
        if name.value == key:
            found = (name, value)
        elif name.value == _MERGE:
            merged.extend(value.value if isinstance(value, SequenceNode) else [value])
    if found is not None or not merges:
        return found
    return next((below for part in merged if (below := _lookup(part, key, merges - 1)) is not None), None)


def _members(node: Node | None, merges: int) -> dict[str, tuple[ScalarNode, Node]]:
    """Give a mapping's own members over those that are merged in."""
    own: dict[str, tuple[ScalarNode, Node]] = {}
    merged: dict[str, tuple[ScalarNode, Node]] = {}
    for key, value in yaml_nodes.entries(node):
        if key.value != _MERGE:
            own[str(key.value)] = (key, value)
        elif merges:
            for part in reversed(value.value if isinstance(value, SequenceNode) else [value]):
                merged |= _members(part, merges - 1)
    return merged | own
