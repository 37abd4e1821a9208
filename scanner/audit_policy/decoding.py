"""From the value in a policy file to the typed policy object, as kube-apiserver's JSON decoder makes it.

Field names are case-sensitive; unknown and repeated ones are strictness errors, wrong types are fatal; a repeated
object is merged into what stands there.

Sources: ``sigs.k8s.io/json`` and ``k8s.io/apiserver/pkg/apis/audit/v1`` (types.go).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.audit_policy.construction import Members, Value
from scanner.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `go` is the type's name in messages."""

    go: str = "string"


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    go: str = "bool"


@dataclass(frozen=True, slots=True)
class Integer:
    """A 64-bit integer."""

    go: str = "int64"


@dataclass(frozen=True, slots=True)
class Time:
    """A string in RFC 3339."""

    go: str = "string"


@dataclass(frozen=True, slots=True)
class Anything:
    """A value that is kept as it is."""

    go: str = "any"


@dataclass(frozen=True, slots=True)
class TextMap:
    """A mapping to strings."""

    go: str = "map[string]string"


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct and its fields."""

    name: str
    fields: Mapping[str, Kind]

    @property
    def go(self) -> str:
        """The type's name in messages."""
        return f"v1.{self.name}"


@dataclass(frozen=True, slots=True)
class Array:
    """A list of one kind."""

    of: Kind

    @property
    def go(self) -> str:
        """The type's name in messages."""
        return f"[]{self.of.go}"


Kind = Text | Flag | Integer | Time | Anything | TextMap | Struct | Array

_TEXTS: Final = Array(Text())
_STAGES: Final = Array(Text("v1.Stage"))

_OWNER: Final = Struct(
    "OwnerReference",
    {
        **dict.fromkeys(("apiVersion", "kind", "name", "uid"), Text()),
        **dict.fromkeys(("controller", "blockOwnerDeletion"), Flag()),
    },
)
_MANAGED_FIELDS: Final = Struct(
    "ManagedFieldsEntry",
    {
        **dict.fromkeys(("manager", "operation", "apiVersion", "fieldsType", "subresource"), Text()),
        "time": Time(),
        "fieldsV1": Anything(),
    },
)
_METADATA: Final = Struct(
    "ObjectMeta",
    {
        **dict.fromkeys(("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"), Text()),
        **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), Integer()),
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), Time()),
        **dict.fromkeys(("labels", "annotations"), TextMap()),
        "ownerReferences": Array(_OWNER),
        "finalizers": _TEXTS,
        "managedFields": Array(_MANAGED_FIELDS),
    },
)
_GROUP_RESOURCES: Final = Struct("GroupResources", {"group": Text(), "resources": _TEXTS, "resourceNames": _TEXTS})
_RULE: Final = Struct(
    "PolicyRule",
    {
        "level": Text("v1.Level"),
        **dict.fromkeys(("users", "userGroups", "verbs", "namespaces", "nonResourceURLs"), _TEXTS),
        "resources": Array(_GROUP_RESOURCES),
        "omitStages": _STAGES,
        "omitManagedFields": Flag(),
    },
)
POLICY: Final = Struct(
    "Policy",
    {
        **dict.fromkeys(("kind", "apiVersion"), Text()),
        "metadata": _METADATA,
        "rules": Array(_RULE),
        "omitStages": _STAGES,
        "omitManagedFields": Flag(),
    },
)
"""The fields of ``Policy`` in audit.k8s.io/v1; v1beta1 and v1alpha1 had the same."""

_RFC3339: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T"
    r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})"
)
_MAX_INT64: Final = 2**63
_MAX_STRICT_ERRORS: Final = 100
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Items:
    """A decoded list with the memory behind it, which a repeated list of the same name is decoded into."""

    memory: list[Decoded]
    length: int

    def values(self) -> list[Decoded]:
        """Give the members."""
        return self.memory[: self.length]


Decoded = dict[str, "Decoded"] | Items | str | int | float | bool | Value


@dataclass(slots=True)
class Place:
    """Where in the document a value stands."""

    path: str
    plain: str = ""
    struct: str = ""

    def member(self, name: str, struct: str) -> Place:
        """Give the place of a field."""
        return Place(_join(self.path, name), _join(self.plain, name), struct)

    def item(self, index: int) -> Place:
        """Give the place of a list's member."""
        return Place(f"{self.path}[{index}]", self.plain, self.struct)


@dataclass(slots=True)
class Decoder:
    """Decodes one document and gathers its strictness errors."""

    strict_errors: list[str] = field(default_factory=list)

    def decode(self, kind: Kind, value: Value, old: Decoded, place: Place) -> Decoded:
        """Decode a value into what stands there already.

        Raises:
            PolicyError: The value's type does not fit.
        """
        if isinstance(kind, Anything):
            return value
        if value is None:
            return None if isinstance(kind, Array | TextMap) else old
        if isinstance(kind, Struct):
            return self._struct(kind, value, old, place)
        if isinstance(kind, Array):
            return self._array(kind, value, old, place)
        if isinstance(kind, TextMap):
            return self._text_map(kind, value, old, place)
        return _scalar(kind, value, place)

    def _warn(self, text: str) -> None:
        """Keep a strictness error: each once, and no more than kube-apiserver keeps."""
        if len(self.strict_errors) < _MAX_STRICT_ERRORS and text not in self.strict_errors:
            self.strict_errors.append(text)

    def _struct(self, kind: Struct, value: Value, old: Decoded, place: Place) -> Decoded:
        """Decode the fields of an object, in order."""
        if not isinstance(value, Members):
            raise _type_error(value, kind, place)
        fields = dict(old) if isinstance(old, dict) else {}
        seen: set[str] = set()
        for name, member in value.pairs:
            here = place.member(name, kind.name)
            if name not in kind.fields:
                self._warn(f'unknown field "{here.path}"')
                continue
            if name in seen:
                self._warn(f'duplicate field "{here.path}"')
            seen.add(name)
            fields[name] = self.decode(kind.fields[name], member, fields.get(name), here)
        return fields

    def _array(self, kind: Array, value: Value, old: Decoded, place: Place) -> Decoded:
        """Decode the members of a list, each into the one that stood there before."""
        if not isinstance(value, list):
            raise _type_error(value, kind, place)
        memory = list(old.memory) if isinstance(old, Items) and value else []
        for index, member in enumerate(value):
            if index >= len(memory):
                memory.append(None)
            memory[index] = self.decode(kind.of, member, memory[index], place.item(index))
        return Items(memory, len(value))

    def _text_map(self, kind: TextMap, value: Value, old: Decoded, place: Place) -> Decoded:
        """Decode a mapping to strings."""
        if not isinstance(value, Members):
            raise _type_error(value, kind, place)
        texts = dict(old) if isinstance(old, dict) else {}
        seen: set[str] = set()
        for name, member in value.pairs:
            if name in seen:
                self._warn(f'duplicate field "{place.path}.{name}"')
            seen.add(name)
            texts[name] = "" if member is None else _scalar(Text(), member, place)
        return texts


def _scalar(kind: Text | Flag | Integer | Time, value: Value, place: Place) -> Decoded:
    """Decode a value without members."""
    match kind, value:
        case Text(), str():
            return _SURROGATE.sub("\ufffd", value)
        case Flag(), bool():
            return value
        case Integer(), int() if not isinstance(value, bool) and -_MAX_INT64 <= value < _MAX_INT64:
            return value
        case Time(), str() if _RFC3339.fullmatch(value):
            return value
        case Time(), str():
            raise PolicyError(f'{place.path}: parsing time "{value[:80]}": not in RFC 3339', where=place.path)
        case _:
            raise _type_error(value, kind, place)


def _type_error(value: Value, kind: Kind, place: Place) -> PolicyError:
    """Say in kube-apiserver's words that a type does not fit."""
    target = f"field {place.struct}.{place.plain} of type {kind.go}" if place.struct else f"value of type {kind.go}"
    return PolicyError(f"json: cannot unmarshal {_json_type(value)} into Go struct {target}", where=place.path)


def _json_type(value: Value) -> str:
    """Name the JSON type of a value."""
    names = {Members: "object", list: "array", str: "string", bool: "bool"}
    return names.get(type(value), "number")


def _join(path: str, name: str) -> str:
    """Put a field's name behind a path."""
    return f"{path}.{name}" if path else name
