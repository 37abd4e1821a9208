"""Why a rule does not match a request: the first selector that fails, in the order of Kubernetes' own checker.

Source: ``k8s.io/apiserver/pkg/audit/policy/checker.go``, v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scanner.audit_policy.evaluator import path_matches, rule_matches
from scanner.audit_policy.types import GroupResources, Level, PolicyRule, RequestAttributes

_LONGEST_LIST: Final = 8
_CONNECT_VERBS: Final = {
    "exec": "exec",
    "attach": "attach",
    "portforward": "portforward",
    "port-forward": "portforward",
}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first selector of a rule that does not match a request.

    Attributes:
        selector: The field of the rule, such as ``verbs``; ``resourceNames`` within ``resources``.
        reason: Why it does not match, with the request's value and the rule's; no full stop.
        requested: The request's value; several groups, none for a request without a user.
        values: The rule's values.
        hints: Traps that may be why, sentences without a full stop.
    """

    selector: str
    reason: str
    requested: tuple[str, ...]
    values: tuple[str, ...]
    hints: tuple[str, ...] = ()


def mismatch(rule: PolicyRule, request: RequestAttributes) -> Mismatch | None:
    """Give the first selector that does not match, None where the rule matches."""
    found = _identity(rule, request)
    if found is None and rule.verbs and request.verb not in rule.verbs:
        found = _not_among("verbs", "the verb", (request.verb,), rule.verbs, tuple(_verb_hints(rule, request)))
    if found is not None:
        return found
    if rule.namespaces or rule.resources:
        return _resource(rule, request)
    if rule.non_resource_urls:
        return _path(rule, request)
    return None


def traps(rule: PolicyRule, request: RequestAttributes) -> tuple[str, ...]:
    """Say what is easily overlooked about a rule that matches a request."""
    plain = f"{request.resource}/*"
    by_resource = [spec for entry in rule.resources for spec in entry.resources]
    if request.is_resource and not request.subresource and plain in by_resource and request.resource not in by_resource:
        return (f"{plain} also matches plain {request.resource}",)
    return ()


def _identity(rule: PolicyRule, request: RequestAttributes) -> Mismatch | None:
    """Compare users and groups."""
    if request.user is None and (rule.users or rule.user_groups):
        field, values = ("users", rule.users) if rule.users else ("userGroups", rule.user_groups)
        reason = f"a failed authentication has no user and no groups, the rule asks for {_listed(values)}"
        return Mismatch(field, reason, (), values)
    if rule.users and request.user not in rule.users:
        return _not_among("users", "the user", (request.user or "",), rule.users, _wildcards("users", rule.users))
    if rule.user_groups and not any(group in rule.user_groups for group in request.groups):
        hints = _wildcards("userGroups", rule.user_groups)
        return _not_among("userGroups", "no group of the user", request.groups, rule.user_groups, hints)
    return None


def _resource(rule: PolicyRule, request: RequestAttributes) -> Mismatch | None:
    """Compare namespace, API group, name and resource."""
    if not request.is_resource:
        field = "namespaces" if rule.namespaces else "resources"
        values = rule.namespaces or _specs(rule.resources)
        reason = f"the request is for the path {_quoted(request.path)}, the rule for resources"
        return Mismatch(field, reason, (request.path,), values)
    if rule.namespaces and request.namespace not in rule.namespaces:
        hints = _wildcards("namespaces", rule.namespaces)
        if not request.namespace:
            hints += ("a request over all namespaces, or about what has none, has the empty namespace",)
        return _not_among("namespaces", "the namespace", (request.namespace,), rule.namespaces, hints)
    if not rule.resources:
        return None
    found = [_entry(entry, request) for entry in rule.resources]
    failed = [one for one in found if one is not None]
    return None if len(failed) < len(found) else _together(rule, failed, request)


def _together(rule: PolicyRule, failed: list[Mismatch], request: RequestAttributes) -> Mismatch:
    """Report the entry that comes closest: one of the right API group, and of these one of the right resource."""
    by_name = [one for one in failed if one.selector == "resourceNames"]
    if by_name:
        return by_name[0]
    if any(one.selector == "resources" for one in failed):
        values = tuple(value for one in failed if one.selector == "resources" for value in one.values)
        hints = tuple(dict.fromkeys(hint for one in failed if one.selector == "resources" for hint in one.hints))
        return _not_among("resources", "the resource", (_combined(request),), values, hints)
    groups = tuple(dict.fromkeys(entry.group for entry in rule.resources))
    hints = ('there is no API group "core": the core group is written ""',) if "core" in groups else ()
    return _not_among("group", "the API group", (request.api_group,), groups, hints)


def _entry(entry: GroupResources, request: RequestAttributes) -> Mismatch | None:
    """Compare with one entry of ``resources``."""
    if entry.group not in ("*", request.api_group):
        return Mismatch("group", "", (request.api_group,), (entry.group,))
    if not entry.resources:
        return None
    if not any(_resource_matches(spec, request) for spec in entry.resources):
        hints = tuple(_resource_hints(entry.resources, request))
        return Mismatch("resources", "", (_combined(request),), entry.resources, hints)
    if entry.resource_names and request.name not in entry.resource_names:
        hints = _wildcards("resourceNames", entry.resource_names)
        if not request.name:
            hints += ("resourceNames never match a request that names no object, such as a list or a create",)
        return _not_among("resourceNames", "the name", (request.name,), entry.resource_names, hints)
    return None


def _resource_matches(spec: str, request: RequestAttributes) -> bool:
    """Match one spec as the evaluator does, whatever the rest of the request."""
    alone = PolicyRule(Level.METADATA, resources=(GroupResources(request.api_group, (spec,)),))
    resource = RequestAttributes(
        request.verb, api_group=request.api_group, resource=request.resource, subresource=request.subresource
    )
    return rule_matches(alone, resource)


def _path(rule: PolicyRule, request: RequestAttributes) -> Mismatch | None:
    """Compare the path of a non-resource request."""
    values = rule.non_resource_urls
    if request.is_resource:
        reason = "the request is for a resource, the rule for other paths"
        by_path = any(path_matches(request.path, spec) for spec in values)
        why = ("nonResourceURLs never match a request for a resource, whatever its path",) if by_path else ()
        return Mismatch("nonResourceURLs", reason, (_combined(request),), values, why)
    if any(path_matches(request.path, spec) for spec in values):
        return None
    hints = tuple(
        f"{spec} does not match {request.path} itself" for spec in values if spec == request.path.rstrip("/") + "/*"
    ) + tuple(
        f"{spec} matches that path only: what lies below it is {spec.rstrip('/')}/*"
        for spec in values
        if not spec.endswith("*") and request.path.startswith(spec.rstrip("/") + "/")
    )
    return _not_among("nonResourceURLs", "the path", (request.path,), values, hints)


def _verb_hints(rule: PolicyRule, request: RequestAttributes) -> Iterator[str]:
    """Name the traps in a rule's verbs."""
    if "*" in rule.verbs:
        yield "verbs has no wildcard: leave verbs out to match every verb"
    for verb in rule.verbs:
        if verb in _CONNECT_VERBS:
            name = _CONNECT_VERBS[verb]
            yield f"no request has the verb {verb}: {name} is create (SPDY) or get (WebSocket) on pods/{name}"
        elif verb != verb.lower() and verb.lower() == request.verb:
            yield f"verbs are lower case: {verb} matches no request"


def _resource_hints(specs: Iterable[str], request: RequestAttributes) -> Iterator[str]:
    """Name the traps in an entry's resources."""
    for spec in specs:
        if spec == "*/*":
            yield '*/* matches nothing: "*" matches everything'
        elif request.subresource and spec == request.resource:
            yield f"{spec} does not match its subresources: those are {spec}/{request.subresource} or {spec}/*"
        elif spec and spec.lower() != request.resource and f"{spec.lower()}s" == request.resource:
            yield f"resources are named in the plural: {request.resource}, not {spec}"


def _wildcards(field: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Say that a star is no wildcard, where one stands."""
    starred = next((value for value in values if "*" in value), None)
    return () if starred is None else (f"{field} has no wildcard: {_quoted(starred)} is only a name",)


def _not_among(
    selector: str, what: str, requested: tuple[str, ...], values: tuple[str, ...], hints: tuple[str, ...]
) -> Mismatch:
    """Say that a request's value is not one of a rule's."""
    if what.startswith("no "):
        reason = f"{what} ({_listed(requested)}) is among {_listed(values)}"
    else:
        reason = f"{what} {_listed(requested)} is not {'among ' if len(values) > 1 else ''}{_listed(values)}"
    return Mismatch(selector, reason, requested, values, hints)


def _specs(entries: tuple[GroupResources, ...]) -> tuple[str, ...]:
    """Give all resources that a rule names, a whole API group as its name and a star."""
    return tuple(
        f"{spec}.{entry.group}" if entry.group else spec for entry in entries for spec in entry.resources or ("*",)
    )


def _combined(request: RequestAttributes) -> str:
    """Give resource and subresource as a rule writes them."""
    return f"{request.resource}/{request.subresource}" if request.subresource else request.resource


def _listed(values: tuple[str, ...]) -> str:
    """List values, the end of a long list as a number."""
    if not values:
        return "none"
    shown = [_quoted(value) for value in values[:_LONGEST_LIST]]
    if len(values) > _LONGEST_LIST:
        shown.append(f"and {len(values) - _LONGEST_LIST} more")
    return ", ".join(shown)


def _quoted(value: str) -> str:
    """Show an empty value as two quotes."""
    return value or '""'
