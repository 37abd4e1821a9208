"""The analysis of whole classes agrees with the evaluator on every request that the policy can tell apart."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.audit_policy.analysis import PolicySpace, parts
from scanner.audit_policy.classes import EVERY, OTHER, Principal, RequestClass, Values
from scanner.audit_policy.evaluator import evaluate, first_match
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes, Stage

VERBS = ("get", "list", "create", "*")
GROUPS = ("", "apps", "*")
RESOURCES = ("pods", "secrets", "", "*")
SPECS = ("pods", "secrets", "pods/exec", "pods/*", "*/exec", "*", "*/*", "/*", "*/", "pods/", "")
SUBRESOURCES = ("", "exec", "log", "*")
NAMESPACES = ("", "default", "*")
NAMES = ("", "a", "*")
URLS = ("*", "/*", "/api", "/api*", "/api/*", "/apis*", "/healthz", "/api/v1*")
PATHS = ("/", "/api", "/api/", "/apix", "/apis", "/apis/apps", "/api/v1", "/api/v1/x", "/healthz", "/healthzz", "/else")
USERS = ("alice", "bob")
USER_GROUPS = ("dev", "system:authenticated")


def some(values: tuple[str, ...], size: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=size, unique=True).map(tuple)


STAGES = st.frozensets(st.sampled_from(list(Stage)), max_size=2)
ENTRIES = st.lists(
    st.builds(GroupResources, st.sampled_from(GROUPS), some(SPECS), some(NAMES, 1)), min_size=0, max_size=2
).map(tuple)
RESOURCE_RULES = st.builds(
    PolicyRule,
    st.sampled_from(Level),
    some(USERS, 1),
    some(USER_GROUPS, 1),
    some(VERBS),
    ENTRIES,
    some(NAMESPACES),
    omit_stages=STAGES,
)
PATH_RULES = st.builds(
    PolicyRule,
    st.sampled_from(Level),
    some(USERS, 1),
    some(USER_GROUPS, 1),
    some(VERBS),
    non_resource_urls=some(URLS, 3),
    omit_stages=STAGES,
)
POLICIES = st.builds(Policy, st.lists(st.one_of(RESOURCE_RULES, PATH_RULES), max_size=6).map(tuple), STAGES)
PRINCIPALS = st.one_of(
    st.just(Principal(None)),
    st.builds(
        Principal, st.one_of(st.sampled_from(USERS), st.just(OTHER)), st.frozensets(st.sampled_from(USER_GROUPS))
    ),
)


def sets(values: tuple[str, ...]) -> st.SearchStrategy[Values]:
    return st.one_of(
        st.just(EVERY), st.builds(Values, st.frozensets(st.sampled_from(values), max_size=2), st.booleans())
    )


CLASSES = st.one_of(
    st.builds(
        RequestClass,
        st.just(value=True),
        sets(VERBS),
        sets(GROUPS),
        sets(RESOURCES),
        sets(SUBRESOURCES),
        sets(NAMESPACES),
        sets(NAMES),
    ),
    st.builds(RequestClass, st.just(value=False), sets(VERBS), paths=sets(URLS)),
)


def requests(principal: Principal, *, is_resource: bool) -> list[RequestAttributes]:
    """Give a request for every combination of values, one unheard-of value in each dimension among them."""
    user = "somebody" if principal.user is OTHER else principal.user
    who = (user if isinstance(user, str) else None, tuple(principal.groups))
    if not is_resource:
        return [
            RequestAttributes(verb, *who, is_resource=False, path=path)
            for verb in (*VERBS, "new")
            for path in (*PATHS, "/new")
        ]
    return [
        RequestAttributes(verb, *who, True, group, resource, subresource, namespace, name)  # noqa: FBT003 - positional
        for verb in (*VERBS, "new")
        for group in (*GROUPS, "new")
        for resource in (*RESOURCES, "new")
        for subresource in (*SUBRESOURCES, "new")
        for namespace in (*NAMESPACES, "new")
        for name in (*NAMES, "new")
    ]


def holds(part: RequestClass, request: RequestAttributes) -> bool:
    """Tell whether a request is in a class."""
    if part.is_resource != request.is_resource or request.verb not in part.verbs:
        return False
    if not part.is_resource:
        return part.paths.has_path(request.path)
    return (
        request.api_group in part.api_groups
        and request.resource in part.resources
        and request.subresource in part.subresources
        and request.namespace in part.namespaces
        and request.name in part.names
    )


@settings(max_examples=120, deadline=None)
@given(POLICIES, PRINCIPALS, CLASSES)
def test_the_parts_of_a_class_are_disjoint_complete_and_decided_as_the_evaluator_does(
    policy: Policy, principal: Principal, asked: RequestClass
) -> None:
    found = parts(policy, principal, asked)
    for request in requests(principal, is_resource=asked.is_resource):
        here = [part for part in found if holds(part.requests, request)]
        if not holds(asked, request):
            assert here == []
            continue
        config = evaluate(policy, request)
        assert [(part.level, part.omit_stages, part.rule) for part in here] == [
            (config.level, config.omit_stages, config.rule)
        ]


@settings(max_examples=60, deadline=None)
@given(POLICIES, PRINCIPALS, CLASSES, CLASSES)
def test_ignored_requests_are_in_no_part(
    policy: Policy, principal: Principal, asked: RequestClass, ignored: RequestClass
) -> None:
    found = PolicySpace(policy, (asked,), (ignored,)).parts(principal, asked)
    for request in requests(principal, is_resource=asked.is_resource):
        wanted = holds(asked, request) and not holds(ignored, request)
        assert sum(holds(part.requests, request) for part in found) == wanted


@settings(max_examples=300, deadline=None)
@given(
    POLICIES,
    st.lists(
        st.builds(
            RequestAttributes,
            st.sampled_from(VERBS),
            st.sampled_from((None, *USERS, "somebody")),
            some(USER_GROUPS),
            st.booleans(),
            st.sampled_from(GROUPS),
            st.sampled_from(RESOURCES),
            st.sampled_from(SUBRESOURCES),
            st.sampled_from(NAMESPACES),
            st.sampled_from(NAMES),
            st.sampled_from(PATHS),
        ),
        min_size=1,
        max_size=30,
    ),
)
def test_the_compiled_evaluator_decides_as_the_plain_first_match(
    policy: Policy, requests: list[RequestAttributes]
) -> None:
    for attributes in [*requests, *requests]:
        assert evaluate(policy, attributes) == first_match(policy, attributes)
