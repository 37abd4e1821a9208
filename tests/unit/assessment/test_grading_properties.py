"""Grades agree with the evaluator, asked about every kind of request one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assessment.grading import grade_policy
from scanner.audit_policy.evaluator import evaluate
from scanner.audit_policy.events import is_long_running
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes, Stage
from scanner.model import Capability, Grade, Recorded, RequestCategory

WRITES = ("create", "update", "patch", "delete")
READS = ("get", "list", "watch")
GROUPS = ("", "apps", "events.k8s.io", "rbac.authorization.k8s.io", "new")
RESOURCES = (
    "secrets",
    "pods",
    "events",
    "roles",
    "clusterroles",
    "rolebindings",
    "clusterrolebindings",
    "serviceaccounts",
    "new",
)
SUBRESOURCES = ("", "attach", "exec", "portforward", "proxy", "log", "token", "new")
NAMESPACES = ("", "a")
NAMES = ("", "x")
PATHS = (
    "/api",
    "/api/",
    "/apis",
    "/apis/",
    "/apix",
    "/openapi/v3",
    "/metrics",
    "/debug/pprof/heap",
    "/debug/new",
    "/new",
    "/healthz",
)
METHODS = ("get", "head", "post", "put", "patch", "delete")
IDENTITIES: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "unauthenticated": (None, ()),
    "human": ("somebody", ("system:authenticated",)),
    "service_account": (
        "system:serviceaccount:ns:sa",
        ("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"),
    ),
    "anonymous": ("system:anonymous", ("system:unauthenticated",)),
}
PRINCIPALS = {
    RequestCategory.AUTHENTICATION: ("unauthenticated",),
    RequestCategory.API_CALLS: ("human", "service_account"),
    RequestCategory.RBAC_DENIALS: ("human", "service_account", "anonymous"),
}


def some(values: tuple[str, ...], size: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=size, unique=True).map(tuple)


LEVELS = st.sampled_from([Level.NONE, Level.METADATA, Level.REQUEST])
USER_GROUPS = some(("system:authenticated", "system:unauthenticated", "system:serviceaccounts"), 1)
STAGES = st.frozensets(st.sampled_from(list(Stage)), max_size=1)
SPECS = (*RESOURCES[:-1], "*", "pods/*", "*/exec", "pods/exec", "serviceaccounts/token", "pods/log")
ENTRIES = st.lists(st.builds(GroupResources, st.sampled_from(GROUPS[:-1]), some(SPECS, 3)), max_size=3).map(tuple)
RESOURCE_RULES = st.builds(
    PolicyRule, LEVELS, user_groups=USER_GROUPS, verbs=some((*WRITES, *READS, "deletecollection"), 5),
    resources=ENTRIES, namespaces=some(("a",), 1), omit_stages=STAGES,
)  # fmt: skip
PATH_RULES = st.builds(
    PolicyRule, LEVELS, user_groups=USER_GROUPS, verbs=some(METHODS, 3),
    non_resource_urls=some(("/api*", "/metrics", "/apis/*", "/openapi*", "*", "/debug/*"), 2), omit_stages=STAGES,
)  # fmt: skip
CATCH_ALLS = st.builds(PolicyRule, LEVELS, user_groups=USER_GROUPS, omit_stages=STAGES)
POLICIES = st.builds(
    lambda rules, last, omit: Policy((*rules, *last), omit),
    st.lists(st.one_of(RESOURCE_RULES, PATH_RULES), max_size=4),
    st.lists(CATCH_ALLS, max_size=1),
    STAGES,
)


def resource_requests(who: str, verbs: tuple[str, ...], **only: tuple[str, ...]) -> Iterator[RequestAttributes]:
    """Give the requests of a class for every combination of values, noise left out."""
    user, groups = IDENTITIES[who]
    dimensions = {
        "api_group": GROUPS,
        "resource": RESOURCES,
        "subresource": SUBRESOURCES,
        "namespace": NAMESPACES,
        "name": NAMES,
    }
    for verb, group, resource, subresource, namespace, name in product(verbs, *(dimensions | only).values()):
        if group != "events.k8s.io" and not (resource == "events" and group == ""):
            yield RequestAttributes(verb, user, groups, True, group, resource, subresource, namespace, name)  # noqa: FBT003 - positional


def path_requests(who: str) -> Iterator[RequestAttributes]:
    user, groups = IDENTITIES[who]
    for verb, path in product(METHODS, PATHS):
        if path != "/healthz":
            yield RequestAttributes(verb, user, groups, is_resource=False, path=path)


def minimum(who: str) -> Iterator[RequestAttributes]:
    yield from resource_requests(who, WRITES)
    yield from resource_requests(who, READS, api_group=("",), resource=("secrets",), subresource=("",))


def beyond(who: str) -> Iterator[RequestAttributes]:
    connect = ("attach", "exec", "portforward", "proxy")
    yield from resource_requests(who, READS, subresource=tuple(one for one in SUBRESOURCES if one not in connect))
    yield from resource_requests(who, ("deletecollection",))
    yield from resource_requests(who, ("get",), subresource=connect)
    yield from path_requests(who)


def is_recorded(policy: Policy, request: RequestAttributes, category: RequestCategory) -> bool:
    config = evaluate(policy, request)
    if category is RequestCategory.AUTHENTICATION:
        needed = {Stage.RESPONSE_STARTED}
    else:
        needed = {Stage.RESPONSE_COMPLETE} | ({Stage.RESPONSE_STARTED} if is_long_running(request) else set())
    return config.level >= Level.METADATA and config.omit_stages.isdisjoint(needed)


@settings(max_examples=25, deadline=None)
@given(POLICIES)
def test_grades_and_levels_agree_with_brute_force(policy: Policy) -> None:
    coverage = grade_policy(policy, stages="outcome")
    for category, principals in PRINCIPALS.items():
        asked = {False: [], True: []}  # type: dict[bool, list[RequestAttributes]]
        for who in principals:
            asked[False] += minimum(who)
            asked[True] += beyond(who)
        recorded = {side: [is_recorded(policy, one, category) for one in requests] for side, requests in asked.items()}
        if all(recorded[False]):
            grade = Grade.COMPLETE if all(recorded[True]) else Grade.MINIMUM
        else:
            grade = Grade.PARTIAL if any(recorded[False]) or any(recorded[True]) else Grade.NONE
        found = coverage.categories[category]
        assert found.grade is grade, category
        levels = [
            evaluate(policy, one).level
            for side, requests in asked.items()
            for one, kept in zip(requests, recorded[side], strict=True)
            if kept
        ]
        assert found.level == min(levels, default=None)
        assert set(found.lacks) == {above for above in Grade if above > grade}
        assert all(found.lacks.values())


CAPABILITIES: dict[Capability, tuple[tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    Capability.SECRET_READS: (READS, {"api_group": ("",), "resource": ("secrets",), "subresource": ("",)}),
    Capability.POD_CREATION: (("create",), {"api_group": ("",), "resource": ("pods",), "subresource": ("",)}),
    Capability.POD_EXEC: (
        ("create", "get"),
        {"api_group": ("",), "resource": ("pods",), "subresource": ("attach", "exec", "portforward")},
    ),
    Capability.RBAC_CHANGES: (
        WRITES,
        {
            "api_group": ("rbac.authorization.k8s.io",),
            "resource": ("roles", "clusterroles", "rolebindings", "clusterrolebindings"),
            "subresource": ("",),
        },
    ),
    Capability.TOKEN_REQUESTS: (
        ("create",),
        {"api_group": ("",), "resource": ("serviceaccounts",), "subresource": ("token",)},
    ),
    Capability.DELETECOLLECTION: (("deletecollection",), {}),
    Capability.IMPERSONATION: ((*WRITES, *READS, "deletecollection"), {}),
}
DISCOVERY_PATHS = ("/api", "/api/", "/apis", "/apis/", "/openapi/v3")


def capability_requests(capability: Capability, who: str) -> Iterator[RequestAttributes]:
    """Give the requests of a capability; discovery is the one that is about paths."""
    if capability is Capability.DISCOVERY:
        yield from (one for one in path_requests(who) if one.verb == "get" and one.path in DISCOVERY_PATHS)
    else:
        verbs, only = CAPABILITIES[capability]
        yield from resource_requests(who, verbs, **only)


@settings(max_examples=40, deadline=None)
@given(POLICIES)
def test_capabilities_agree_with_brute_force(policy: Policy) -> None:
    coverage = grade_policy(policy, stages="outcome")
    for found in coverage.capabilities:
        configs = [
            evaluate(policy, request)
            for who in ("human", "service_account")
            for request in capability_requests(found.capability, who)
        ]
        kept = [
            one for one in configs if one.level >= Level.METADATA and Stage.RESPONSE_COMPLETE not in one.omit_stages
        ]
        expected = Recorded.YES if len(kept) == len(configs) else Recorded.PARTLY if kept else Recorded.NO
        assert (found.recorded, found.level) == (expected, min((one.level for one in kept), default=None))
