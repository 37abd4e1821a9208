"""From the bytes of a policy file to the value that they hold, as kube-apiserver's decoders read it.

A document that begins with ``{`` is strict JSON, all else is YAML 1.1, of which only the first document counts.
Sources: ``k8s.io/apimachinery/pkg/runtime/serializer`` (recognizer, json) and ``sigs.k8s.io/yaml`` (yaml.go,
goyaml.v2/decode.go), v1.34 to v1.36.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final

from scanner.audit_policy.scalars import Scalar, resolve
from scanner.audit_policy.yaml_nodes import AliasNode, MappingNode, Node, ScalarNode, SequenceNode, compose
from scanner.errors import PolicyError

MAX_BYTES: Final = 1024 * 1024
_GO_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_LOW, _HIGH = 400_000, 4_000_000
_MAX_UINT64: Final = 2**64
_MAX_INT64: Final = 2**63
_MAX_DIGITS: Final = 4000


@dataclass(slots=True)
class Members:
    """The members of a JSON object in order, repeated keys included."""

    pairs: list[tuple[str, Value]]


Value = Members | list["Value"] | Scalar


@dataclass(slots=True)
class Document:
    """What a file holds.

    Attributes:
        duplicates: What kube-apiserver says of keys that stand twice in a YAML mapping; the last one counts.
        rule_lines: The line at which each member of the top-level key ``rules`` begins; empty where that is not known.
    """

    value: Value
    duplicates: tuple[str, ...]
    rule_lines: tuple[int, ...]


def read(data: bytes) -> Document:
    """Read the first document of a file.

    Raises:
        PolicyError: It is neither JSON nor YAML, or larger or deeper than any policy.
    """
    if len(data) > MAX_BYTES:
        raise PolicyError(f"the file is larger than {MAX_BYTES} bytes, larger than any audit policy")
    text = data.decode("utf-8", "replace")
    if text.lstrip(_GO_SPACE).startswith("{"):
        return Document(_parse_json(text), (), _json_rule_lines(data))
    root = compose(data)
    constructor = _Constructor()
    value = None if root is None else constructor.construct(root)
    return Document(value, tuple(constructor.duplicates), _rule_lines(root))


def _parse_json(text: str) -> Value:
    """Parse JSON as strictly as Go does."""
    prefix = "couldn't get version/kind; json parse error: "
    try:
        value: Value = json.loads(text, object_pairs_hook=Members, parse_int=_integer, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise PolicyError(f"{prefix}{error.msg}", where=f"line {error.lineno}") from error
    except RecursionError as error:
        raise PolicyError(f"{prefix}exceeded max depth") from error
    return value


def _integer(text: str) -> int:
    """Read an integer; of one that is too long for Python to convert only the beginning matters."""
    return int(text[:_MAX_DIGITS])


def _refuse_constant(name: str) -> Value:
    """Refuse ``NaN`` and ``Infinity``, which Python's parser would take."""
    raise PolicyError(f"couldn't get version/kind; json parse error: invalid character '{name[0]}'")


def _json_rule_lines(data: bytes) -> tuple[int, ...]:
    """Find the lines of the rules in JSON, which nearly always is YAML as well."""
    try:
        return _rule_lines(compose(data))
    except PolicyError:
        return ()


def _rule_lines(root: Node | None) -> tuple[int, ...]:
    """Give the lines of the members of the last top-level ``rules``."""
    found: Node | None = None
    if isinstance(root, MappingNode):
        for key, value in root.pairs():
            if isinstance(key, ScalarNode) and key.text == "rules":
                found = value.target if isinstance(value, AliasNode) else value
    return tuple(item.line for item in found.items) if isinstance(found, SequenceNode) else ()


@dataclass(frozen=True, slots=True)
class _Key:
    """A mapping's key, told apart by its type as well: 1, 1.0 and true are three keys."""

    kind: str
    value: Scalar


_Fields = dict[_Key, tuple["Value", int]]


@dataclass(slots=True)
class _Built:
    """A value that was made, the fields of it where it is a mapping, and the number of steps that took."""

    value: Value
    fields: _Fields | None
    steps: int


class _Constructor:
    """Makes values from nodes, counting its steps as goyaml does to refuse documents that are mostly aliases."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.duplicates: list[str] = []
        self._steps = 0
        self._alias_steps = 0
        self._built: dict[int, _Built] = {}

    def construct(self, node: Node) -> Value:
        """Make the value of a node."""
        return self._build(node).value

    def _build(self, node: Node) -> _Built:
        """Make the value of a node, or take the one that was made for the same anchor."""
        if isinstance(node, AliasNode):
            return self._alias(node)
        before = self._steps
        self._count(1, 0)
        built = _Built(None, None, 0)
        if isinstance(node, ScalarNode):
            built.value = _scalar(node)
        elif isinstance(node, SequenceNode):
            built.value = [_finite(self.construct(item)) for item in node.items]
        else:
            built.fields = self._mapping(node)
            built.value = _members(built.fields)
        built.steps = self._steps - before
        self._built[id(node)] = built
        return built

    def _alias(self, node: AliasNode) -> _Built:
        """Repeat what an anchor names; each of its steps counts as driven by an alias."""
        built = self._built.get(id(node.target))
        if built is None:
            raise PolicyError(f"yaml: anchor '{node.anchor}' value contains itself", where=f"line {node.line}")
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
        for key_node, value_node in node.pairs():
            if _is_merge(key_node):
                self._merge(value_node, fields)
                continue
            key = self._key(key_node)
            self._set(fields, key, _finite(self.construct(value_node)), value_node.line)
        return fields

    def _set(self, fields: _Fields, key: _Key, value: Value, line: int) -> None:
        """Set a field, and note it where it is already set."""
        if key in fields:
            self.duplicates.append(f"line {line}: key {_go_literal(key)} already set in map")
        fields[key] = (value, line)

    def _merge(self, node: Node, fields: _Fields) -> None:
        """Merge a mapping, or several of which the first takes precedence."""
        for source in reversed(node.items) if isinstance(node, SequenceNode) else [node]:
            target = source.target if isinstance(source, AliasNode) else source
            if not isinstance(target, MappingNode):
                raise PolicyError(
                    "yaml: map merge requires map or sequence of maps as the value", where=f"line {node.line}"
                )
            for key, (value, line) in (self._build(source).fields or {}).items():
                self._set(fields, key, value, line)

    def _key(self, node: Node) -> _Key:
        """Make a mapping's key, which must be a scalar."""
        value = self.construct(node)
        if isinstance(value, Members | list):
            raise PolicyError("yaml: invalid map key: a mapping or a list", where=f"line {node.line}")
        return _Key(type(value).__name__, value)


def _scalar(node: ScalarNode) -> Scalar:
    """Make a scalar's value; a float without a fraction becomes the integer that JSON writes for it."""
    if not node.tag and not node.plain:
        return node.text
    try:
        value = resolve(node.tag, node.text)
    except ValueError as error:
        raise PolicyError(f"yaml: {error}", where=f"line {node.line}") from error
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
    for key, (value, _) in fields.items():
        pairs[_key_text(key)] = value
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
    """Give a key as Go prints it."""
    return json.dumps(key.value, ensure_ascii=False) if isinstance(key.value, str) else _key_text(key)
