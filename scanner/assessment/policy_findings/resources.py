"""Resources of rules that match nothing: wrong groups, names that are no plural, patterns that are none."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from scanner.assessment.grading_words import join
from scanner.assessment.policy_findings.dead import Dead
from scanner.assessment.policy_findings.words import finding, group_words, listed
from scanner.audit_policy.types import PolicyRule
from scanner.knowledge.resources import CORE_ALIASES, ApiResource, resource_knowledge
from scanner.model import PolicyFinding

_RBAC_ONLY: Final = {"": {"users", "groups", "uids"}, "authentication.k8s.io": {"userextras"}}
_BODIES: Final = {
    "tokenrequests": "serviceaccounts/token",
    "tokenrequest": "serviceaccounts/token",
    "evictions": "pods/eviction",
    "eviction": "pods/eviction",
}
"""Kinds that are only ever sent to a subresource."""
_NAMED_PATTERNS: Final = 'The patterns are "*", "pods/*" and "*/status"'


def resource_values(rule: PolicyRule, path: str, kubernetes_version: str | None) -> tuple[list[Dead], bool]:
    """Find what matches nothing in a rule's resources, and tell whether nothing else is left of them."""
    found: list[Dead] = []
    dead_entries = 0
    for number, entry in enumerate(rule.resources):
        here = f"{path}.resources[{number}]"
        group = _group(entry.group, f"{here}.group")
        if group is not None:
            found.append(group)
            dead_entries += 1
            continue
        dead = [
            one
            for at, spec in enumerate(entry.resources)
            if (one := _spec(entry.group, spec, f"{here}.resources[{at}]", kubernetes_version)) is not None
        ]
        found += dead
        dead_entries += bool(dead) and len([one for one in dead if one.is_certain]) == len(entry.resources)
        if entry.resource_names and rule.verbs == ("create",) and not any("/" in spec for spec in entry.resources):
            where = f"{here}.resourceNames"
            why = "a create names no object, so that resourceNames never match it"
            found.append(Dead("nameless-requests-missed", where, where, why, "Remove resourceNames", is_certain=False))
    return found, bool(rule.resources) and dead_entries == len(rule.resources)


def cluster_scoped(rule: PolicyRule, index: int) -> Iterator[PolicyFinding]:
    """Name cluster-scoped resources that a rule looks for in namespaces."""
    if not rule.namespaces or "" in rule.namespaces or not rule.resources:
        return
    known = resource_knowledge()
    specs = [
        (f"rules[{index}].resources[{number}].resources[{at}]", spec, known.find(entry.group, spec.partition("/")[0]))
        for number, entry in enumerate(rule.resources)
        for at, spec in enumerate(entry.resources or ("*",))
    ]
    found = [(path, spec) for path, spec, one in specs if one is not None and _has_no_namespace(one)]
    if not found:
        return
    names = listed([spec for _, spec in found])
    why = f"requests for {names} have no namespace"
    if len(found) == len(specs):
        message = f"rules[{index}] never matches: {why}"
    else:
        verb = "match" if len(found) > 1 else "matches"
        message = f"{names} in resources of rules[{index}] {verb} nothing: {why}"
    advice = f'Put {names} into a rule without namespaces, or add "" to rules[{index}].namespaces'
    yield finding("cluster-scoped-in-namespace", message, advice, found[0][0])


def _has_no_namespace(one: ApiResource) -> bool:
    """Tell whether requests for a resource have no namespace; a Namespace counts as its own."""
    return not one.namespaced and one.plural != "namespaces"


def _group(group: str, path: str) -> Dead | None:
    """Find an API group that cannot exist: one without a dot that is not Kubernetes' own."""
    known = resource_knowledge().groups
    if group in known or "." in group or group == "*":
        return None
    if group in CORE_ALIASES:
        why = 'there is no API group {values}; the core group is written ""'
        return Dead("unknown-group", group, path, why, 'Write group: ""')
    meant = next((one for one in known if one.partition(".")[0] == group), "")
    advice = f"Write group: {meant}" if meant else "Write the group's full name, such as networking.k8s.io"
    return Dead("unknown-group", group, path, "there is no API group {values}", advice)


def _spec(group: str, spec: str, path: str, kubernetes_version: str | None) -> Dead | None:
    """Find out why an item of an entry's resources matches nothing; None where it may match."""
    resource, slash, subresource = spec.partition("/")
    impossible = (
        spec == "*/*"
        or not resource
        or (slash and not subresource)
        or "/" in subresource
        or ("*" in resource and resource != "*")
        or ("*" in subresource and subresource != "*")
    )
    if impossible:
        why = "no resource fits {values}"
        advice = 'Write "*", which also means all subresources' if spec == "*/*" else _NAMED_PATTERNS
        return Dead("impossible-resource", spec or '""', path, why, advice)
    known = resource_knowledge()
    if group not in known.groups or spec == "*":
        return None
    if resource == "*":
        if any(subresource in one.subresources for one in known.groups[group]):
            return None
        why = f"nothing in {group_words(group)} has the subresource {{values}}"
        return Dead("unknown-subresource", spec, path, why, "Write a subresource that the group has, or remove it")
    one = known.find(group, resource)
    if one is None:
        return _unknown(group, spec, path)
    return _known(one, group, spec, path, kubernetes_version)


def _known(one: ApiResource, group: str, spec: str, path: str, kubernetes_version: str | None) -> Dead | None:
    """Check the subresource and the age of a resource that exists or existed."""
    subresource = spec.partition("/")[2]
    if one.is_gone(kubernetes_version):
        why = f"Kubernetes has had no {{values}} in {group_words(group)} since {one.gone}"
        now = [name for name in resource_knowledge().groups_of(one.plural) if _serves(name, one.plural)]
        advice = f"Name the group {join(now)} as well" if now else "Remove it once no older cluster uses the policy"
        return Dead("removed-resource", spec, path, why, advice, is_certain=False)
    if not subresource or subresource == "*" or subresource in one.subresources:
        return None
    having = f"they have {join(one.subresources)}" if one.subresources else "they have none"
    why = f"{one.plural} of {group_words(group)} have no such subresource; {having}"
    near = next(iter(difflib.get_close_matches(subresource.lower(), one.subresources, 1, 0.7)), "")
    advice = f"Write {one.plural}/{near} instead of {spec}" if near else "Name one that they have, or remove it"
    return Dead("unknown-subresource", spec, path, why, advice)


def _serves(group: str, plural: str) -> bool:
    """Tell whether a group serves a resource today."""
    found = resource_knowledge().find(group, plural)
    return found is not None and not found.gone


def _unknown(group: str, spec: str, path: str) -> Dead:
    """Say what is wrong with a resource that a group of Kubernetes' does not have."""
    known = resource_knowledge()
    resource, slash, subresource = spec.partition("/")
    if resource in _RBAC_ONLY.get(group, ()):
        why = "RBAC alone knows {values}, for impersonation; no request is about them"
        return Dead("unknown-resource", spec, path, why, "Remove it")
    groups = known.groups_of(resource)
    if groups:
        why = f"{{values}} belong to {_groups(groups)}, not to {group_words(group)}"
        return Dead("wrong-api-group", spec, path, why, f"Write group: {_quoted(groups[0])} for {spec}")
    named = known.named(resource)
    if named:
        own, one = next((pair for pair in named if pair[0] == group), named[0])
        also = "" if own == group else f" and group: {_quoted(own)}"
        why = f"there is no resource {{values}} in {group_words(group)}; the name is {one.plural}"
        return Dead("not-a-plural", spec, path, why, f"Write {one.plural}{slash}{subresource}{also} instead of {spec}")
    if resource in _BODIES:
        why = f"no request has {{values}} in its path; that is create of {_BODIES[resource]} in the core API group"
        return Dead("unknown-resource", spec, path, why, f'Write group: "" and {_BODIES[resource]}')
    parents = [one.plural for one in known.groups[group] if resource in one.subresources]
    near = f"{parents[0]}/{resource}" if parents and not slash else known.nearest(group, resource)
    advice = f"Write {near} instead of {spec}" if near else "Correct the name or the group, or remove it"
    return Dead("unknown-resource", spec, path, f"there is no resource {{values}} in {group_words(group)}", advice)


def _groups(groups: tuple[str, ...]) -> str:
    """Name the groups that have a resource."""
    return " and ".join(group_words(group) for group in groups)


def _quoted(group: str) -> str:
    """Write a group as YAML needs it."""
    return group or '""'
