"""The rules that a suggestion puts in: as wide as a grade asks for, or cut to what one rule drops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Final

from scanner.audit_policy.boxes import classes_of_rule
from scanner.audit_policy.classes import RequestClass, Values
from scanner.audit_policy.evaluator import path_matches
from scanner.audit_policy.types import GroupResources, Level, PolicyRule, Stage
from scanner.knowledge.request_classes import GradedClass, request_knowledge

_VERB_ORDER: Final = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_RESOURCE_SETS: Final = ("verbs", "api_groups", "resources", "subresources", "namespaces", "names")

EVERYTHING: Final = PolicyRule(Level.METADATA)
"""The catch-all."""


def rule_of_class(known: GradedClass) -> PolicyRule:
    """Give the narrowest rule that holds a class: its verbs, and its resources where they are named.

    A class that names what it leaves out, or that is of paths, has the catch-all: no rule can say "all but".
    """
    leaves_out = known.subresources.inverted and known.subresources.names
    if known.paths is not None or leaves_out or known.verbs.inverted:
        return EVERYTHING
    verbs = tuple(sorted(known.verbs.names, key=_VERB_ORDER.index))
    if known.api_groups.inverted or known.resources.inverted:
        return PolicyRule(Level.METADATA, verbs=verbs)
    resources = tuple(sorted(known.resources.names))
    groups = tuple(GroupResources(group, resources) for group in sorted(known.api_groups.names))
    return PolicyRule(Level.METADATA, verbs=verbs, resources=groups)


def cut(wanted: PolicyRule, dropping: PolicyRule, principals: Iterable[str]) -> PolicyRule:
    """Cut a wanted rule to what a dropping rule matches of it, without known noise that the latter names by itself.

    Args:
        wanted: Without users, namespaces and paths.
        dropping: A rule that matches some requests of the wanted one.
        principals: The ids of the principals whose requests are needed; users and groups of others are left out.
    """
    users, groups = _names_of(principals)
    return PolicyRule(
        Level.METADATA,
        users=tuple(user for user in dropping.users if user in users),
        user_groups=tuple(group for group in dropping.user_groups if group in groups),
        verbs=_common_verbs(wanted.verbs, dropping.verbs),
        resources=_common_resources(wanted.resources, dropping),
        namespaces=dropping.namespaces,
        non_resource_urls=tuple(url for url in dropping.non_resource_urls if not _is_noise(_only_url(url)))
        or dropping.non_resource_urls,
        omit_stages=wanted.omit_stages,
    )


def spares(dropping: PolicyRule, principals: Iterable[str]) -> bool:
    """Tell whether a dropping rule also names what a grade does not ask for: further identities, or known noise."""
    users, groups = _names_of(principals)
    is_about_others = not users.issuperset(dropping.users) or not groups.issuperset(dropping.user_groups)
    return is_about_others or _without_noise(dropping) != dropping.resources


def is_whole(cut_rule: PolicyRule, dropping: PolicyRule) -> bool:
    """Tell whether nothing was cut away, so that the dropping rule's level can be raised instead."""
    return _selectors(cut_rule) == _selectors(dropping)


def overlap(one: PolicyRule, other: PolicyRule) -> bool:
    """Tell whether two rules can match the same request, users and groups left aside."""
    return any(_meet(mine, theirs) for mine, theirs in product(classes_of_rule(one), classes_of_rule(other)))


def covers(wanted: PolicyRule, other: PolicyRule) -> bool:
    """Tell whether a rule without users takes every request of another one."""
    mine = list(classes_of_rule(wanted))
    return all(any(_within(one, whole) for whole in mine) for one in classes_of_rule(other))


def usual_omitted(rules: Iterable[PolicyRule]) -> frozenset[Stage]:
    """Give RequestReceived where every rule that records anything omits it, so that a new one does, too."""
    recording = [rule for rule in rules if rule.level is not Level.NONE]
    usual = bool(recording) and all(Stage.REQUEST_RECEIVED in rule.omit_stages for rule in recording)
    return frozenset({Stage.REQUEST_RECEIVED}) if usual else frozenset()


def _selectors(rule: PolicyRule) -> PolicyRule:
    """Leave aside what does not select requests."""
    return replace(rule, level=Level.NONE, omit_stages=frozenset(), omit_managed_fields=None, line=None)


def _names_of(principals: Iterable[str]) -> tuple[set[str], set[str]]:
    """Give the user names and groups of some principals."""
    users: set[str] = set()
    groups: set[str] = set()
    for name in principals:
        principal = request_knowledge().principals[name].principal()
        groups |= principal.groups
        if isinstance(principal.user, str):
            users.add(principal.user)
    return users, groups


def _common_verbs(wanted: tuple[str, ...], dropped: tuple[str, ...]) -> tuple[str, ...]:
    """Give what two lists of verbs have in common; an empty one means all."""
    if not wanted or not dropped:
        return wanted or dropped
    return tuple(verb for verb in wanted if verb in dropped)


def _common_resources(wanted: tuple[GroupResources, ...], dropping: PolicyRule) -> tuple[GroupResources, ...]:
    """Give what the wanted resources and those of a dropping rule have in common; none at all means all."""
    if dropping.non_resource_urls:
        return ()
    if not wanted:
        return _without_noise(dropping)
    if not dropping.resources:
        return wanted
    found: dict[GroupResources, None] = {}
    for mine, theirs in product(wanted, dropping.resources):
        if theirs.group in ("*", mine.group):
            names = theirs.resource_names if theirs.resources else ()
            kept = tuple(one for one in mine.resources if _names_resource(theirs.resources, one))
            if kept:
                found[GroupResources(mine.group, kept, names)] = None
    return tuple(found)


def _names_resource(specs: tuple[str, ...], resource: str) -> bool:
    """Tell whether an entry's specs hold a plain resource."""
    return not specs or not {"*", resource, f"{resource}/*"}.isdisjoint(specs)


def _without_noise(rule: PolicyRule) -> tuple[GroupResources, ...]:
    """Leave out the resources of a rule that are known noise, whoever asks for them."""
    found = []
    for entry in rule.resources:
        kept = tuple(
            spec
            for spec in entry.resources
            if not _is_noise(replace(rule, resources=(replace(entry, resources=(spec,)),)))
        )
        if kept or not entry.resources:
            found.append(replace(entry, resources=kept))
    return tuple(found) or rule.resources


def _only_url(url: str) -> PolicyRule:
    """Give the rule of one path."""
    return PolicyRule(Level.NONE, non_resource_urls=(url,))


def _is_noise(rule: PolicyRule) -> bool:
    """Tell whether everything that a rule matches is known noise."""
    noise = [one.requests() for one in request_knowledge().noise]
    return all(any(_within(one, known) for known in noise) for one in classes_of_rule(rule))


def _within(one: RequestClass, other: RequestClass) -> bool:
    """Tell whether a class lies in another one; False where that is hard to tell."""
    if one.is_resource is not other.is_resource:
        return False
    if not one.is_resource:
        return _subset(one.verbs, other.verbs) and _paths_within(one.paths, other.paths)
    return all(_subset(getattr(one, name), getattr(other, name)) for name in _RESOURCE_SETS)


def _subset(one: Values, other: Values) -> bool:
    """Tell whether a set of values lies in another one."""
    if other.inverted:
        return other.names <= one.names if one.inverted else other.names.isdisjoint(one.names)
    return not one.inverted and one.names <= other.names


def _paths_within(one: Values, other: Values) -> bool:
    """Tell whether every path pattern of a set lies in a pattern of another one."""
    if other.inverted:
        return not other.names
    return not one.inverted and all(_covered(path, other) for path in one.names)


def _covered(path: str, other: Values) -> bool:
    """Tell whether a path or a prefix lies in a pattern."""
    prefix = path.rstrip("*")
    return any(
        path == known or (known.endswith("*") and path_matches(prefix, known)) or known == "*" for known in other.names
    )


def _meet(one: RequestClass, other: RequestClass) -> bool:
    """Tell whether two classes have a request in common."""
    if one.is_resource is not other.is_resource:
        return False
    if not one.is_resource:
        return _intersect(one.verbs, other.verbs) and _paths_meet(one.paths, other.paths)
    return all(_intersect(getattr(one, name), getattr(other, name)) for name in _RESOURCE_SETS)


def _intersect(one: Values, other: Values) -> bool:
    """Tell whether two sets of values have one in common."""
    if one.inverted and other.inverted:
        return True
    if one.inverted or other.inverted:
        named, rest = (other, one) if one.inverted else (one, other)
        return not named.names <= rest.names
    return not one.names.isdisjoint(other.names)


def _paths_meet(one: Values, other: Values) -> bool:
    """Tell whether two sets of path patterns have a path in common."""
    if one.inverted or other.inverted:
        return True
    return any(
        _covered(mine, Values.only(theirs)) or _covered(theirs, Values.only(mine))
        for mine, theirs in product(one.names, other.names)
    )
