"""What a review calls dead is never the deciding rule, whoever asks for whatever exists."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assessment.policy_findings import review
from scanner.audit_policy.evaluator import evaluate, rule_matches
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes
from scanner.knowledge.resources import resource_knowledge

NEVER = re.compile(r"rules\[(\d+)\] (never matches|is never reached|is reached by no real user)")
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
WRONG_VERBS = ("exec", "GET", "*", "impersonate", "POST", "put", "")
METHODS = ("get", "head", "post", "put", "patch", "delete")
PEOPLE: dict[str | None, tuple[str, ...]] = {
    None: (),
    "alice": ("dev", "system:authenticated"),
    "root": ("system:masters", "system:authenticated"),
    "system:anonymous": ("system:unauthenticated",),
    "system:kube-proxy": ("system:authenticated",),
    "system:serviceaccount:a:b": ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"),
}
USERS = ("alice", "system:anonymous", "system:masters", "system:serviceaccount:a:b", "*")
GROUPS = ("system:authenticated", "system:unauthenticated", "system:masters", "system:serviceaccounts", "alice", "*")
API_GROUPS = ("", "apps", "core", "rbac", "batch", "extensions", "rbac.authorization.k8s.io", "example.com")
SPECS = (
    "pods", "pods/exec", "pods/*", "pods/logs", "pod", "Pod", "po", "secrets", "deployments", "deployments/scale",
    "nodes", "namespaces", "jobs", "roles", "clusterroles", "*", "*/*", "*/status", "*/frob", "pod*", "pods/", "events",
    "tokenrequests",
)  # fmt: skip
PATHS = ("/api", "/api/v1", "/apis/apps/v1", "/healthz", "/metrics", "/openapi/v3", "/")
URLS = ("/api*", "/api/v1/pods*", "/api/v1/*", "/apis/apps/v1/deployments", "/healthz", "/metrics*", "*")


def some(values: tuple[str, ...], size: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=size, unique=True).map(tuple)


ENTRIES = st.lists(
    st.builds(GroupResources, st.sampled_from(API_GROUPS), some(SPECS, 3)), max_size=2
).map(tuple)  # fmt: skip
WHO = {"users": some(USERS, 1), "user_groups": some(GROUPS, 1)}
RULES = st.one_of(
    st.builds(
        PolicyRule,
        st.sampled_from(list(Level)),
        verbs=some((*VERBS, *WRONG_VERBS), 2),
        resources=ENTRIES,
        namespaces=some(("a", "", "*", "b"), 2),
        **WHO,
    ),
    st.builds(
        PolicyRule,
        st.sampled_from(list(Level)),
        verbs=some((*METHODS, "list", "GET", "create"), 2),
        non_resource_urls=some(URLS, 2),
        **WHO,
    ),
)
POLICIES = st.lists(RULES, min_size=1, max_size=5).map(lambda rules: Policy(tuple(rules)))


@st.composite
def requests(draw: st.DrawFn) -> RequestAttributes:
    """Draw a request as a client of a real API server sends it."""
    user = draw(st.sampled_from(list(PEOPLE)))
    if draw(st.integers(0, 4)) == 0:
        verb, path = draw(st.sampled_from(METHODS)), draw(st.sampled_from(PATHS))
        return RequestAttributes(verb, user, PEOPLE[user], is_resource=False, path=path)
    known = resource_knowledge()
    group = draw(st.sampled_from([*API_GROUPS[:2], *API_GROUPS[4:5], *API_GROUPS[6:7], "events.k8s.io"]))
    resource = draw(st.sampled_from([one for one in known.groups[group] if not one.gone]))
    verb = draw(st.sampled_from(VERBS))
    name = "" if verb in ("list", "create", "deletecollection") else "a"
    namespace = draw(st.sampled_from(["a", "b"] if name or verb == "create" else ["a", "b", ""]))
    if not resource.namespaced:
        namespace = name if resource.plural == "namespaces" else ""
    subresource = draw(st.sampled_from(["", *resource.subresources]))
    return RequestAttributes(
        verb,
        user,
        PEOPLE[user],
        is_resource=True,
        api_group=group,
        resource=resource.plural,
        subresource=subresource,
        namespace=namespace,
        name=name if not subresource else "a",
    )


@settings(max_examples=250, deadline=None)
@given(POLICIES, st.lists(requests(), min_size=20, max_size=40))
def test_a_rule_that_never_matches_is_never_the_deciding_one(policy: Policy, asked: list[RequestAttributes]) -> None:
    dead = {int(match[1]): match[2] for one in review(policy) if (match := NEVER.match(one.message))}
    for request in asked:
        assert evaluate(policy, request).rule not in dead, (request, dead)
        matching = {index for index, rule in enumerate(policy.rules) if rule_matches(rule, request)}
        assert matching.isdisjoint(index for index, why in dead.items() if why == "never matches"), (request, dead)
