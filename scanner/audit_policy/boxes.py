"""Rules and classes of requests as boxes of bit masks.

In each dimension every value that a rule or class names has a bit, and bit 0 stands for all others. A path's bit
belongs to the most specific pattern that matches it: an exact one, or the longest prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scanner.audit_policy.classes import EVERY, RequestClass, Values, specificity
from scanner.audit_policy.types import GroupResources, Policy, PolicyRule

RESOURCE_DIMENSIONS: Final = ("verbs", "api_groups", "resources", "subresources", "namespaces", "names")
PATH_DIMENSIONS: Final = ("verbs", "paths")

Box = tuple[int, ...]
"""One mask for each dimension, in the order of RESOURCE_DIMENSIONS or PATH_DIMENSIONS."""

_OTHERS: Final = 1


class Axis:
    """One dimension: its named values and their bits."""

    def __init__(self, names: Iterable[str]) -> None:
        """Give each name a bit."""
        self.names = tuple(sorted(set(names)))
        self._bits = {name: 2 << index for index, name in enumerate(self.names)}
        self.all = (2 << len(self.names)) - 1

    def mask(self, values: Values) -> int:
        """Turn a set of values into a mask."""
        named = 0
        for name in values.names:
            named |= self._mask_of(name)
        return self.all & ~named if values.inverted else named

    def values(self, mask: int) -> Values:
        """Turn a mask into a set of values."""
        if mask & _OTHERS:
            return Values.all_but(*self._named(self.all & ~mask))
        return Values.only(*self._named(mask))

    def _mask_of(self, name: str) -> int:
        """Give the bits that a name stands for."""
        return self._bits[name]

    def _named(self, mask: int) -> list[str]:
        """Give the names of the bits that are set."""
        return [name for name, bit in self._bits.items() if mask & bit]


class PathAxis(Axis):
    """The dimension of paths, whose names are patterns."""

    def __init__(self, names: Iterable[str]) -> None:
        """Give each pattern a bit."""
        super().__init__(names)
        self._masks = self._lay_out()

    def mask(self, values: Values) -> int:
        """Turn a set of paths into a mask; for each value the most specific pattern that holds it decides."""
        patterns = sorted(values.names | values.exceptions, key=specificity)
        mask = self.all if values.inverted else 0
        for pattern in patterns:
            within = self._mask_of(pattern)
            mask = mask | within if (pattern in values.names) != values.inverted else mask & ~within
        return mask

    def values(self, mask: int) -> Values:
        """Turn a mask into a set of paths."""
        inverted = bool(mask & _OTHERS)
        names = self._named(self.all & ~mask if inverted else mask)
        opposite = self._named(mask if inverted else self.all & ~mask)
        inside = 0
        for name in names:
            inside |= self._mask_of(name)
        within = frozenset(name for name in opposite if self._bits[name] & inside)
        return Values(frozenset(names), inverted, within)

    def _mask_of(self, name: str) -> int:
        """Give the bits of all patterns that lie within this one."""
        return self._masks.get(name, self.all)

    def _lay_out(self) -> dict[str, int]:
        """Find, for each pattern, all patterns that lie within it."""
        masks = dict(self._bits)
        wide = {_prefix(name): name for name in self.names if name.endswith("*")}
        for name, bit in self._bits.items():
            text = _prefix(name)
            for end in range(1, len(text) + 1):
                outer = wide.get(text[:end])
                if outer is not None:
                    masks[outer] |= bit
        return masks


@dataclass(frozen=True, slots=True)
class Axes:
    """All dimensions of a policy and the classes that it is asked about."""

    by_name: dict[str, Axis]

    @classmethod
    def of(cls, policy: Policy, classes: Iterable[RequestClass]) -> Axes:
        """Gather every value that a rule or a class names."""
        names: dict[str, set[str]] = {name: set() for name in (*RESOURCE_DIMENSIONS, *PATH_DIMENSIONS)}
        for rule in policy.rules:
            for one in classes_of_rule(rule):
                _gather(one, names)
        for one in classes:
            _gather(one, names)
        for dimension in ("subresources", "namespaces", "names"):
            names[dimension].add("")
        axes: dict[str, Axis] = {name: Axis(values) for name, values in names.items() if name != "paths"}
        return cls(
            {**axes, "paths": PathAxis(name for name in names["paths"] if not name.endswith("*") or _prefix(name))}
        )

    def box(self, requests: RequestClass) -> Box:
        """Turn a class into a box."""
        return tuple(self.by_name[name].mask(getattr(requests, name)) for name in dimensions(requests.is_resource))

    def to_class(self, box: Box, *, is_resource: bool) -> RequestClass:
        """Turn a box into a class."""
        values = {
            name: self.by_name[name].values(mask) for name, mask in zip(dimensions(is_resource), box, strict=True)
        }
        return RequestClass(is_resource, **values)

    def sizes(self, is_resource: bool) -> tuple[int, ...]:  # noqa: FBT001 - the side, as in RequestClass
        """Give the mask of all values in each dimension."""
        return tuple(self.by_name[name].all for name in dimensions(is_resource))


def dimensions(is_resource: bool) -> Sequence[str]:  # noqa: FBT001 - the side, as in RequestClass
    """Give the dimensions of resource requests or of the others."""
    return RESOURCE_DIMENSIONS if is_resource else PATH_DIMENSIONS


def classes_of_rule(rule: PolicyRule) -> Iterator[RequestClass]:
    """Give the classes whose union is what a rule matches, users and groups left aside."""
    verbs = Values.only(*rule.verbs) if rule.verbs else EVERY
    namespaces = Values.only(*rule.namespaces) if rule.namespaces else EVERY
    if rule.resources:
        for groups, resources, subresources, names in _entries(rule.resources):
            yield RequestClass(True, verbs, groups, resources, subresources, namespaces, names)  # noqa: FBT003 - the side
        return
    if rule.namespaces or not rule.non_resource_urls:
        yield RequestClass(is_resource=True, verbs=verbs, namespaces=namespaces)
    if not rule.namespaces:
        paths = Values.only(*rule.non_resource_urls) if rule.non_resource_urls else EVERY
        yield RequestClass(is_resource=False, verbs=verbs, paths=paths)


_Entry = tuple[Values, Values, Values, Values]


def _entries(entries: tuple[GroupResources, ...]) -> Iterator[_Entry]:
    """Give API groups, resources, subresources and names of a rule's entries, those that differ in one thing as one."""
    by_rest: dict[tuple[Values, Values, Values], set[str]] = {}
    for entry in entries:
        names = Values.only(*entry.resource_names) if entry.resources and entry.resource_names else EVERY
        for resources, subresources in _resources(entry.resources):
            by_rest.setdefault((resources, subresources, names), set()).add(entry.group)
    for (resources, subresources, names), groups in by_rest.items():
        yield (EVERY if "*" in groups else Values.only(*groups)), resources, subresources, names


def _resources(specs: tuple[str, ...]) -> Iterator[tuple[Values, Values]]:
    """Give the resources and subresources that the specs of one entry match."""
    if not specs or "*" in specs:
        yield EVERY, EVERY
        return
    by_subresource: dict[str, set[str]] = {}
    wholes = set()
    for spec in specs:
        resource, slash, subresource = spec.partition("/")
        if not slash or subresource:
            by_subresource.setdefault(subresource, set()).add(resource)
        if spec.startswith("*/") and subresource:
            yield EVERY, Values.only(subresource)
        if spec.endswith("/*"):
            wholes.add(spec.removesuffix("/*"))
    for subresource, resources in by_subresource.items():
        yield Values.only(*resources), Values.only(subresource)
    if wholes:
        yield Values.only(*wholes), EVERY


def _gather(requests: RequestClass, names: dict[str, set[str]]) -> None:
    """Note every value that a class names."""
    for dimension in dimensions(requests.is_resource):
        names[dimension] |= getattr(requests, dimension).names


def _prefix(pattern: str) -> str:
    """Give the text that a pattern's paths begin with; all paths begin with ``/``, so that stands for nothing."""
    text = pattern.rstrip("*")
    return "" if text == "/" and pattern != "/" else text
