"""An audit policy made ready for many requests: one look-up for each thing that a rule asks about.

Every rule has a bit, the first rule the lowest. For each value that rules name, the bits of the rules that it satisfies
are worked out once; what all look-ups of a request have in common are the rules that match it, and the lowest of them
decides. The answers are those of ``scanner.audit_policy.evaluator.first_match``, which says the same rule by rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes, RequestAuditConfig

MOST_REMEMBERED: Final = 1024
"""So many resources, and so many paths, are remembered for a policy before it starts to remember anew."""

MOST_POLICIES: Final = 128
"""So many policies are kept ready by `evaluator_of`; the one that came first goes first."""

_ANY_RESOURCE: Final = ("*",)
_NO_NAMES: Final[Mapping[str, int]] = {}

_ready: dict[int, Evaluator] = {}


def evaluator_of(policy: Policy) -> Evaluator:
    """Give the evaluator of a policy, the same one as long as the policy is among the last `MOST_POLICIES`.

    It is found by the identity of the policy, for a policy's hash takes longer than a decision. An evaluator holds its
    policy, so that no other object can have that identity in the meantime.
    """
    found = _ready.get(id(policy))
    if found is None:
        found = Evaluator(policy)
        while len(_ready) >= MOST_POLICIES:
            _ready.pop(next(iter(tuple(_ready)), 0), None)
        _ready[id(policy)] = found
    return found


class Evaluator:
    """Decides on requests by one policy. Threads may share it."""

    __slots__ = (
        "_configs",
        "_groups",
        "_namespaces",
        "_no_group",
        "_no_namespace",
        "_no_user",
        "_no_verb",
        "_nobody",
        "_paths",
        "_resources",
        "_seen_paths",
        "_seen_resources",
        "_users",
        "_verbs",
        "policy",
    )

    def __init__(self, policy: Policy) -> None:
        """Work out the rules' bits."""
        rules = policy.rules
        self.policy = policy
        self._configs = (_config(policy, None), *(_config(policy, index) for index in range(len(rules))))
        self._users, self._no_user = _by_value(rule.users for rule in rules)
        self._groups, self._no_group = _by_value(rule.user_groups for rule in rules)
        self._nobody = self._no_user & self._no_group
        self._verbs, self._no_verb = _by_value(rule.verbs for rule in rules)
        self._namespaces, self._no_namespace = _by_value(rule.namespaces for rule in rules)
        self._resources = _Resources(rules)
        self._paths = _Paths(rules)
        self._seen_resources: dict[tuple[str, str, str], tuple[int, Mapping[str, int]]] = {}
        self._seen_paths: dict[str, int] = {}

    def evaluate(self, attributes: RequestAttributes) -> RequestAuditConfig:
        """Give the first matching rule's decision; without one level None and the policy's own stages."""
        alive = self._verbs.get(attributes.verb, self._no_verb)
        user = attributes.user
        if user is None:
            alive &= self._nobody
        else:
            alive &= self._users.get(user, self._no_user)
            if self._groups:
                member = self._no_group
                for group in attributes.groups:
                    if group in self._groups:
                        member |= self._groups[group]
                alive &= member
        if not alive:
            return self._configs[0]
        if attributes.is_resource:
            alive &= self._namespaces.get(attributes.namespace, self._no_namespace)
            key = (attributes.api_group, attributes.resource, attributes.subresource)
            found = self._seen_resources.get(key) or self._remember_resource(key)
            alive &= found[0] | found[1].get(attributes.name, 0) if found[1] else found[0]
        else:
            matching = self._seen_paths.get(attributes.path)
            alive &= self._remember_path(attributes.path) if matching is None else matching
        return self._configs[(alive & -alive).bit_length()]

    def _remember_resource(self, key: tuple[str, str, str]) -> tuple[int, Mapping[str, int]]:
        """Find the rules for a resource, and remember them."""
        found = self._resources.find(*key)
        if len(self._seen_resources) >= MOST_REMEMBERED:
            self._seen_resources.clear()
        self._seen_resources[key] = found
        return found

    def _remember_path(self, path: str) -> int:
        """Find the rules for a path, and remember them."""
        found = self._paths.find(path)
        if len(self._seen_paths) >= MOST_REMEMBERED:
            self._seen_paths.clear()
        self._seen_paths[path] = found
        return found


def _config(policy: Policy, index: int | None) -> RequestAuditConfig:
    """Give what the policy decides where a rule, or none, is the first that matches."""
    if index is None:
        return RequestAuditConfig(Level.NONE, policy.omit_stages, policy.omit_managed_fields, None)
    rule = policy.rules[index]
    managed_fields = policy.omit_managed_fields if rule.omit_managed_fields is None else rule.omit_managed_fields
    return RequestAuditConfig(rule.level, policy.omit_stages | rule.omit_stages, managed_fields, index)


def _by_value(selectors: Iterable[tuple[str, ...]]) -> tuple[dict[str, int], int]:
    """Give the rules that each named value satisfies, and those that every other value does."""
    named: dict[str, int] = {}
    everything = 0
    bit = 1
    for values in selectors:
        if not values:
            everything |= bit
        for value in values:
            named[value] = named.get(value, 0) | bit
        bit <<= 1
    for value in named:
        named[value] |= everything
    return named, everything


class _Resources:
    """The rules for each resource: those for all objects of it, and those for some names."""

    __slots__ = ("_by_group", "_plain")

    def __init__(self, rules: tuple[PolicyRule, ...]) -> None:
        """Sort the entries by API group and spec; an entry without resources is kept with the spec ``*``."""
        self._plain = 0
        self._by_group: dict[str, dict[str, tuple[int, dict[str, int]]]] = {}
        for index, rule in enumerate(rules):
            bit = 1 << index
            if not rule.resources and (rule.namespaces or not rule.non_resource_urls):
                self._plain |= bit
            for entry in rule.resources:
                self._add(entry, bit)

    def _add(self, entry: GroupResources, bit: int) -> None:
        """Note the rule with this bit for an entry; resource names count only beside resources."""
        table = self._by_group.setdefault(entry.group, {})
        for spec in entry.resources or _ANY_RESOURCE:
            rules, names = table.get(spec) or (0, {})
            if entry.resources and entry.resource_names:
                for name in entry.resource_names:
                    names[name] = names.get(name, 0) | bit
                table[spec] = rules, names
            else:
                table[spec] = rules | bit, names

    def find(self, group: str, resource: str, subresource: str) -> tuple[int, Mapping[str, int]]:
        """Give the rules that match whatever the object's name, and those that further match for a name.

        A spec can be ``*``, ``resource``, ``resource/subresource``, ``*/subresource`` or ``resource/*``.
        """
        tables = [table for table in (self._by_group.get(group), self._by_group.get("*")) if table]
        if not tables:
            return self._plain, _NO_NAMES
        combined = f"{resource}/{subresource}" if subresource else resource
        specs = ("*", combined, f"{resource}/*", *((f"*/{subresource}",) if subresource else ()))
        always, named = self._plain, dict[str, int]()
        for table in tables:
            for spec in specs:
                if spec in table:
                    rules, names = table[spec]
                    always |= rules
                    for name, bits in names.items():
                        named[name] = named.get(name, 0) | bits
        return always, named


class _Paths:
    """The rules for each path: by the paths and by the prefixes that they name."""

    __slots__ = ("_exact", "_lengths", "_plain", "_prefixes")

    def __init__(self, rules: tuple[PolicyRule, ...]) -> None:
        """Tell paths from prefixes, which end in ``*``."""
        self._plain = 0
        self._exact: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        for index, rule in enumerate(rules):
            if rule.namespaces or rule.resources:
                continue
            if not rule.non_resource_urls:
                self._plain |= 1 << index
            for spec in rule.non_resource_urls:
                known, text = (self._prefixes, spec.rstrip("*")) if spec.endswith("*") else (self._exact, spec)
                known[text] = known.get(text, 0) | 1 << index
        self._lengths = tuple(sorted({len(prefix) for prefix in self._prefixes}))

    def find(self, path: str) -> int:
        """Give the rules that match a path."""
        found = self._plain | self._exact.get(path, 0)
        for length in self._lengths:
            if length > len(path):
                break
            found |= self._prefixes.get(path[:length], 0)
        return found
