"""From the bytes of a policy file to the value that they hold, as kube-apiserver's decoders read it.

A document that begins with ``{`` is strict JSON, all else is YAML 1.1, of which only the first document counts.
Sources: ``k8s.io/apimachinery/pkg/runtime/serializer`` (recognizer, json) and ``sigs.k8s.io/yaml``, v1.34 to v1.36.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.audit_policy import json_nodes, positions
from scanner.audit_policy.construction import Constructor, Members, Value
from scanner.audit_policy.types import DuplicateKey, Position
from scanner.audit_policy.yaml_nodes import Node, compose
from scanner.errors import PolicyError, PolicyLimitError

MAX_BYTES: Final = 1024 * 1024
_GO_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_MAX_DIGITS: Final = 4000
_HINT: Final = "shorten its comments, or leave out what is not part of the policy"


@dataclass(slots=True)
class Document:
    """What a file holds.

    Attributes:
        duplicates: The keys that stand twice in a YAML mapping; the last one counts.
        positions: Where each field and list member stands, by its path; empty where that is not known.
    """

    value: Value
    duplicates: tuple[DuplicateKey, ...]
    positions: Mapping[str, Position]


def read(data: bytes) -> Document:
    """Read the first document of a file.

    Raises:
        PolicyError: It is neither JSON nor YAML.
        PolicyLimitError: It is larger or deeper than is read.
    """
    if len(data) > MAX_BYTES:
        raise PolicyLimitError(f"larger than {MAX_BYTES} bytes, which is as much as is read", hint=_HINT)
    text = data.decode("utf-8", "replace")
    if is_json(text):
        return Document(_parse_json(text), (), _json_positions(text))
    return from_node(compose(data))


def from_node(root: Node | None) -> Document:
    """Take a YAML document, or a part of one, for a file of its own; places stay those of the whole."""
    constructor = Constructor()
    value = None if root is None else constructor.construct(root)
    return Document(value, tuple(constructor.duplicates), positions.of(root, constructor))


def is_json(text: str) -> bool:
    """Tell whether kube-apiserver takes a text for JSON."""
    return text.lstrip(_GO_SPACE).startswith("{")


def _parse_json(text: str) -> Value:
    """Parse JSON as strictly as Go does."""
    prefix = "couldn't get version/kind; json parse error: "
    try:
        value: Value = json.loads(text, object_pairs_hook=Members, parse_int=_integer, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}"
        raise PolicyError(f"{prefix}{error.msg}", where=where, line=error.lineno, column=error.colno) from error
    except RecursionError as error:
        raise PolicyLimitError("nested deeper than is read") from error
    return value


def _integer(text: str) -> int:
    """Read an integer; of one that is too long for Python to convert only the beginning matters."""
    return int(text[:_MAX_DIGITS])


def _refuse_constant(name: str) -> Value:
    """Refuse ``NaN`` and ``Infinity``, which Python's parser would take."""
    raise PolicyError(f"couldn't get version/kind; json parse error: invalid character '{name[0]}'")


def _json_positions(text: str) -> Mapping[str, Position]:
    """Find the places in JSON that was parsed; none where it is deeper than they are looked for."""
    try:
        return from_node(json_nodes.compose(text)).positions
    except PolicyError:
        return {}
