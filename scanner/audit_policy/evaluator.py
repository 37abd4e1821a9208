"""First match: what an audit policy decides for one request.

The functions, their names and the order of their tests are those of Kubernetes' own checker, so that a reader can lay
the two side by side.

Source: ``k8s.io/apiserver/pkg/audit/policy/checker.go``, v1.36 (``group: "*"`` is a wildcard since then; before, no
policy with it loads).
"""

from __future__ import annotations

from scanner.audit_policy.compiled import evaluator_of
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes, RequestAuditConfig


def evaluate(policy: Policy, attributes: RequestAttributes) -> RequestAuditConfig:
    """Give the first matching rule's decision; without one level None and the policy's own stages.

    The omitted stages are those of the policy and of the rule together. The decision is that of `first_match`; a policy
    that is asked again and again is kept ready for it (``scanner.audit_policy.compiled``).
    """
    return evaluator_of(policy).evaluate(attributes)


def first_match(policy: Policy, attributes: RequestAttributes) -> RequestAuditConfig:
    """Decide as `evaluate` does, rule by rule as Kubernetes' checker goes."""
    for index, rule in enumerate(policy.rules):
        if rule_matches(rule, attributes):
            managed_fields = rule.omit_managed_fields
            if managed_fields is None:
                managed_fields = policy.omit_managed_fields
            return RequestAuditConfig(rule.level, policy.omit_stages | rule.omit_stages, managed_fields, index)
    return RequestAuditConfig(Level.NONE, policy.omit_stages, policy.omit_managed_fields, None)


def rule_matches(rule: PolicyRule, attributes: RequestAttributes) -> bool:
    """Tell whether a rule matches a request; a request without a user matches no rule that names users or groups."""
    if rule.users and (attributes.user is None or attributes.user not in rule.users):
        return False
    if rule.user_groups and (
        attributes.user is None or not any(group in rule.user_groups for group in attributes.groups)
    ):
        return False
    if rule.verbs and attributes.verb not in rule.verbs:
        return False
    if rule.namespaces or rule.resources:
        return _rule_matches_resource(rule, attributes)
    if rule.non_resource_urls:
        return _rule_matches_non_resource(rule, attributes)
    return True


def path_matches(path: str, spec: str) -> bool:
    """Match a non-resource path against ``*``, an exact path, or a prefix that ends in ``*``."""
    if spec in ("*", path):
        return True
    return spec.endswith("*") and path.startswith(spec.rstrip("*"))


def _rule_matches_non_resource(rule: PolicyRule, attributes: RequestAttributes) -> bool:
    """Match the path of a non-resource request."""
    if attributes.is_resource:
        return False
    return any(path_matches(attributes.path, spec) for spec in rule.non_resource_urls)


def _rule_matches_resource(rule: PolicyRule, attributes: RequestAttributes) -> bool:
    """Match namespace, group, resource and name; a resource without a namespace has the namespace ``""``."""
    if not attributes.is_resource:
        return False
    if rule.namespaces and attributes.namespace not in rule.namespaces:
        return False
    if not rule.resources:
        return True
    return any(_group_resources_match(entry, attributes) for entry in rule.resources)


def _group_resources_match(entry: GroupResources, attributes: RequestAttributes) -> bool:
    """Match one entry of ``resources``; no resource named means all of the group."""
    if entry.group not in ("*", attributes.api_group):
        return False
    if not entry.resources:
        return True
    if entry.resource_names and attributes.name not in entry.resource_names:
        return False
    return any(_resource_matches(spec, attributes.resource, attributes.subresource) for spec in entry.resources)


def _resource_matches(spec: str, resource: str, subresource: str) -> bool:
    """Match ``*``, ``resource``, ``resource/subresource``, ``*/subresource`` or ``resource/*``."""
    combined = f"{resource}/{subresource}" if subresource else resource
    if spec in ("*", combined):
        return True
    if subresource and spec.startswith("*/") and subresource == spec.removeprefix("*/"):
        return True
    return spec.endswith("/*") and resource == spec.removesuffix("/*")
