"""From the nodes of a YAML document to the value that they mean, as ``sigs.k8s.io/yaml`` makes it.

Sources: ``sigs.k8s.io/yaml`` (yaml.go, goyaml.v2/decode.go), v1.34 to v1.36.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.audit_policy.scalars import Scalar, resolve
from scanner.audit_policy.types import DuplicateKey, Position
from scanner.audit_policy.yaml_nodes import AliasNode, MappingNode, Node, ScalarNode, SequenceNode
from scanner.errors import PolicyError

_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_LOW, _HIGH = 400_000, 4_000_000
_MAX_INT64: Final = 2**63
_MAX_DUPLICATES: Final = 1000
_LONGEST_KEY: Final = 500


@dataclass(slots=True)
class Members:
    """The members of a JSON object in order, repeated keys included."""

    pairs: list[tuple[str, Value]]


Value = Members | list["Value"] | Scalar


@dataclass(frozen=True, slots=True)
class _Key:
    """A mapping's key, told apart by its type as well: 1, 1.0 and true are three keys."""

    kind: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a mapping: its value, and the nodes that key and value were made from."""

    value: Value
    key_node: Node
    value_node: Node


_Fields = dict[_Key, Field]


@dataclass(slots=True)
class _Built:
    """A value that was made, the fields of it where it is a mapping, and the number of steps that took."""

    value: Value
    fields: _Fields | None
    steps: int


class Constructor:
    """Makes values from nodes, counting its steps as goyaml does to refuse documents that are mostly aliases."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.duplicates: list[DuplicateKey] = []
        self._steps = 0
        self._alias_steps = 0
        self._built: dict[int, _Built] = {}
        self._open: set[int] = set()

    def fields(self, node: MappingNode) -> Mapping[str, Field]:
        """Give the fields of a mapping that was constructed, merged ones included, by their keys."""
        built = self._built.get(id(node))
        return {_key_text(key): field for key, field in (built.fields or {}).items()} if built else {}

    def construct(self, node: Node) -> Value:
        """Make the value of a node."""
        return self._build(node).value

    def _build(self, node: Node) -> _Built:
        """Make the value of a node, or take the one that was made for the same anchor."""
        if isinstance(node, AliasNode):
            return self._alias(node)
        before = self._steps
        self._count(1, 0)
        self._open.add(id(node))
        built = _Built(None, None, 0)
        if isinstance(node, ScalarNode):
            built.value = _scalar(node)
        elif isinstance(node, SequenceNode):
            built.value = [_finite(self.construct(item)) for item in node.items]
        else:
            built.fields = self._mapping(node)
            built.value = _members(built.fields)
        built.steps = self._steps - before
        self._open.discard(id(node))
        self._built[id(node)] = built
        return built

    def _alias(self, node: AliasNode) -> _Built:
        """Repeat what an anchor names; each of its steps counts as driven by an alias."""
        if id(node.target) in self._open:
            raise _error(f"yaml: anchor '{node.anchor}' value contains itself", node)
        # An anchor outside the part of a document that is constructed is made when it is first needed.
        built = self._built.get(id(node.target)) or self._build(node.target)
        self._count(1, 0)
        self._count(built.steps, built.steps)
        return built

    def _count(self, steps: int, alias_steps: int) -> None:
        """Refuse aliasing bombs by goyaml's own measure."""
        self._steps += steps
        self._alias_steps += alias_steps
        if self._alias_steps > 100 and self._steps > 1000:  # noqa: PLR2004 - goyaml's own figures
            share = min(max((self._steps - _LOW) / (_HIGH - _LOW), 0.0), 1.0)
            if self._alias_steps / self._steps > 0.99 - 0.89 * share:
                raise PolicyError("yaml: document contains excessive aliasing")

    def _mapping(self, node: MappingNode) -> _Fields:
        """Make the fields of a mapping; ``<<`` overrides what stands before it and is overridden by what follows."""
        fields: _Fields = {}
        merged: set[_Key] = set()
        for key_node, value_node in node.pairs():
            if _is_merge(key_node):
                merged |= self._merge(value_node, fields)
                continue
            key = self._key(key_node)
            field = Field(_finite(self.construct(value_node)), key_node, value_node)
            self._set(fields, key, field, key_node, is_merged=key in merged)
        return fields

    def _set(self, fields: _Fields, key: _Key, field: Field, stands: Node, *, is_merged: bool) -> None:
        """Set a field, and note it where it is already set; `stands` is where that is done."""
        if key in fields and len(self.duplicates) < _MAX_DUPLICATES:
            place = Position(stands.line, stands.column)
            self.duplicates.append(DuplicateKey(_go_literal(key), place, field.value_node.line, is_merged))
        fields[key] = field

    def _merge(self, node: Node, fields: _Fields) -> set[_Key]:
        """Merge a mapping, or several of which the first takes precedence; give the keys that they bring."""
        brought: set[_Key] = set()
        for source in reversed(node.items) if isinstance(node, SequenceNode) else [node]:
            target = source.target if isinstance(source, AliasNode) else source
            if not isinstance(target, MappingNode):
                raise _error("yaml: map merge requires map or sequence of maps as the value", node)
            for key, field in (self._build(source).fields or {}).items():
                self._set(fields, key, field, source, is_merged=True)
                brought.add(key)
        return brought

    def _key(self, node: Node) -> _Key:
        """Make a mapping's key, which must be a scalar."""
        value = self.construct(node)
        if isinstance(value, Members | list):
            raise _error("yaml: invalid map key: a mapping or a list", node)
        return _Key(type(value).__name__, value)


def _scalar(node: ScalarNode) -> Scalar:
    """Make a scalar's value; a float without a fraction becomes the integer that JSON writes for it."""
    if not node.tag and not node.plain:
        return node.text
    try:
        value = resolve(node.tag, node.text)
    except ValueError as error:
        raise _error(f"yaml: {error}", node) from error
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _finite(value: Value) -> Value:
    """Refuse a number that JSON cannot write."""
    if isinstance(value, float) and not math.isfinite(value):
        raise PolicyError(f"json: unsupported value: {value}")
    return value


def _is_merge(node: Node) -> bool:
    """Tell a merge key."""
    return isinstance(node, ScalarNode) and node.text == "<<" and (node.plain or node.tag == _MERGE_TAG)


def _members(fields: _Fields) -> Members:
    """Turn the fields into the JSON object that they become: keys as strings, in order."""
    pairs: dict[str, Value] = {}
    for key, field in fields.items():
        pairs[_key_text(key)] = field.value
    return Members(sorted(pairs.items(), key=lambda pair: pair[0].encode("utf-8", "surrogatepass")))


def _key_text(key: _Key) -> str:
    """Give a key as a string, as ``sigs.k8s.io/yaml`` does."""
    value = key.value
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, int) and not -_MAX_INT64 <= value < _MAX_INT64):
        raise PolicyError(f"unsupported map key of type {'nil' if value is None else 'big integer'}: {value}")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _go_literal(key: _Key) -> str:
    """Give a key as Go prints it, the beginning of it where it is long."""
    if isinstance(key.value, str):
        return json.dumps(key.value[:_LONGEST_KEY], ensure_ascii=False)
    return _key_text(key)[:_LONGEST_KEY]


def _error(what: str, node: Node) -> PolicyError:
    """Say at which node the document is refused."""
    return PolicyError(what, where=f"line {node.line}", line=node.line, column=node.column)
