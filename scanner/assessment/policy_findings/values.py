"""Verbs, identities, namespaces and paths of rules that match nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from scanner.assessment.policy_findings.dead import Dead, dead_findings
from scanner.assessment.policy_findings.resources import cluster_scoped, resource_values
from scanner.assessment.policy_identities import is_group, is_pattern, is_user
from scanner.audit_policy.types import Level, Policy, PolicyRule
from scanner.knowledge.request_classes import RequestVerbs
from scanner.model import PolicyFinding, PolicySeverity

_RBAC_ONLY: Final = frozenset({"approve", "attest", "bind", "escalate", "impersonate", "sign", "use"})
_COMMANDS: Final = {
    "exec": "create (SPDY) or get (WebSocket) of pods/exec",
    "attach": "create (SPDY) or get (WebSocket) of pods/attach",
    "portforward": "create (SPDY) or get (WebSocket) of pods/portforward",
    "port-forward": "create (SPDY) or get (WebSocket) of pods/portforward",
    "log": "get of pods/log",
    "logs": "get of pods/log",
    "evict": "create of pods/eviction",
    "scale": "update or patch of deployments/scale and the like",
    "apply": "patch, or create",
    "edit": "patch",
    "connect": "create or get of pods/exec, services/proxy and the like",
    "login": "not a request of its own: failed logins match rules without users, userGroups and verbs",
}
_METHODS: Final = {"post": "create", "put": "update", "get": "get", "head": "get", "patch": "patch", "delete": "delete"}
_OF_RESOURCES: Final = {"list": "get", "watch": "get", "create": "post", "update": "put", "deletecollection": "delete"}
_IMPERSONATION: Final = (
    "Leave it out: a request with impersonation headers is matched by its original user and its own verb"
)
_RESOURCE_PATH: Final = re.compile(r"/(api/[^/*]+/[^/*]+|apis/[^/*]+/[^/*]+/[^/*]+)")
_API_PREFIX: Final = re.compile(r"/apis?(/[^/*]*){0,3}/?\*")


def value_findings(policy: Policy, verbs: RequestVerbs, kubernetes_version: str | None) -> Iterator[PolicyFinding]:
    """Name the values that no request has; where a field holds no other one, its rule never matches."""
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        for field, values, dead in (
            ("verbs", rule.verbs, [*_verbs(rule, verbs, path)]),
            ("users", rule.users, [*_users(rule.users, f"{path}.users")]),
            ("userGroups", rule.user_groups, [*_user_groups(rule.user_groups, f"{path}.userGroups")]),
            ("namespaces", rule.namespaces, [*_namespaces(rule.namespaces, f"{path}.namespaces")]),
            ("nonResourceURLs", rule.non_resource_urls, [*_paths(rule, f"{path}.nonResourceURLs")]),
            ("resourceNames", _all_names(rule), [*_names(rule, f"{path}.resources")]),
        ):
            certain = {one.path for one in dead if one.is_certain}
            yield from dead_findings(index, dead, is_whole=len(certain) == len(values), rest=field)
        found, is_whole = resource_values(rule, path, kubernetes_version)
        yield from dead_findings(index, found, is_whole=is_whole, rest="resources")
        yield from cluster_scoped(rule, index)


def _verbs(rule: PolicyRule, verbs: RequestVerbs, path: str) -> Iterator[Dead]:
    """Find the verbs that no request has which the rule is about."""
    possible = frozenset[str]()
    if not rule.non_resource_urls:
        possible |= verbs.resource
    if not (rule.resources or rule.namespaces):
        possible |= verbs.path
    for number, verb in enumerate(rule.verbs):
        if verb not in possible:
            kind, why, advice = _verb(verb, possible)
            yield Dead(kind, verb, f"{path}.verbs[{number}]", why, advice)


def _verb(verb: str, possible: frozenset[str]) -> tuple[str, str, str]:
    """Say why no request has a verb, and what to write."""
    if is_pattern(verb):
        return "no-wildcard", '"*" is no wildcard in verbs', "Leave verbs out to match all of them"
    if verb.lower() in _RBAC_ONLY:
        advice = _IMPERSONATION if verb.lower() == "impersonate" else "Leave it out, and match the requests themselves"
        return "impossible-verb", "no request that it is about has the verb {values}, which RBAC alone knows", advice
    if verb.lower() in _COMMANDS:
        why = f"no request that it is about has the verb {{values}}; that is {_COMMANDS[verb.lower()]}"
        return "impossible-verb", why, "Write the verbs and the subresource that the requests have"
    meant = verb.lower() if verb.lower() in possible else _METHODS.get(verb.lower(), "")
    if meant not in possible:
        meant = _OF_RESOURCES.get(verb.lower(), "")
    if meant not in possible:
        meant = next(iter(difflib.get_close_matches(verb.lower(), sorted(possible), 1, 0.7)), "")
    why = "no request that it is about has the verb {values}"
    if meant:
        return "impossible-verb", why, f"Write {meant} instead of {verb}"
    return "impossible-verb", why, f"Choose from {', '.join(sorted(possible))}"


def _users(users: tuple[str, ...], path: str) -> Iterator[Dead]:
    """Find wildcards and groups among users."""
    for number, user in enumerate(users):
        where = f"{path}[{number}]"
        if is_pattern(user):
            advice = "Leave users out to match everybody, or name a group in userGroups"
            yield Dead("no-wildcard", user, where, '"*" is no wildcard in users', advice)
        elif is_group(user):
            yield Dead(
                "swapped-identity", user, where, "{values} {is} {a }group, not {a }user", "Write it under userGroups"
            )


def _user_groups(groups: tuple[str, ...], path: str) -> Iterator[Dead]:
    """Find wildcards and users among groups."""
    for number, group in enumerate(groups):
        where = f"{path}[{number}]"
        if is_pattern(group):
            advice = "Leave userGroups out to match everybody, or name system:authenticated"
            yield Dead("no-wildcard", group, where, '"*" is no wildcard in userGroups', advice)
        elif is_user(group):
            yield Dead(
                "swapped-identity", group, where, "{values} {is} {a }user, not {a }group", "Write it under users"
            )


def _namespaces(namespaces: tuple[str, ...], path: str) -> Iterator[Dead]:
    """Find wildcards among namespaces."""
    for number, namespace in enumerate(namespaces):
        if is_pattern(namespace):
            advice = "Leave namespaces out to match all of them, or name each"
            yield Dead("no-wildcard", namespace, f"{path}[{number}]", '"*" is no wildcard in namespaces', advice)


def _names(rule: PolicyRule, path: str) -> Iterator[Dead]:
    """Find wildcards among the names of objects."""
    advice = "Leave resourceNames out to match all objects, or name each"
    for number, entry in enumerate(rule.resources):
        for at, name in enumerate(entry.resource_names):
            if is_pattern(name):
                where = f"{path}[{number}].resourceNames[{at}]"
                yield Dead("no-wildcard", name, where, '"*" is no wildcard in resourceNames', advice)


def _all_names(rule: PolicyRule) -> tuple[str, ...]:
    """Give the names of objects of all entries; for an entry without any an empty one, which stands for all."""
    return tuple(name for entry in rule.resources for name in entry.resource_names or ("",))


def _paths(rule: PolicyRule, path: str) -> Iterator[Dead]:
    """Find the paths of resources, which nonResourceURLs never match."""
    advice = "Name the resources under resources, with their API group"
    for number, url in enumerate(rule.non_resource_urls):
        where = f"{path}[{number}]"
        if _RESOURCE_PATH.match(url):
            yield Dead(
                "resource-path", url, where, "nonResourceURLs match no request for a resource, such as {values}", advice
            )
        elif rule.level is not Level.NONE and _API_PREFIX.fullmatch(url):
            why = "{values} {match} discovery only, no request for a resource"
            yield Dead("resource-path", url, where, why, advice, is_certain=False, severity=PolicySeverity.INFO)
