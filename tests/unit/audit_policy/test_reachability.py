"""Rules that nothing reaches: against brute force over the evaluator, and by example."""

from __future__ import annotations

from itertools import chain, combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.audit_policy.classes import implied_groups
from scanner.audit_policy.evaluator import evaluate
from scanner.audit_policy.reachability import Unreachable, unreachable
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes

USERS = ("alice", "system:anonymous", "system:serviceaccount:a:b")
GROUPS = ("dev", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:serviceaccounts:a")
SERVICE_ACCOUNT_GROUPS = {"system:serviceaccounts", "system:serviceaccounts:a", "system:serviceaccounts:z"}


def some(values: tuple[str, ...], size: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=size, unique=True).map(tuple)


ENTRIES = st.lists(
    st.builds(
        GroupResources, st.sampled_from(("", "*")), some(("pods", "pods/exec", "pods/*", "*/*"), 2), some(("x",), 1)
    ),
    max_size=2,
).map(tuple)
RULES = st.one_of(
    st.builds(
        PolicyRule,
        st.sampled_from(Level),
        some(USERS, 2),
        some(GROUPS, 2),
        some(("get", "list"), 2),
        ENTRIES,
        some(("", "ns"), 2),
    ),
    st.builds(
        PolicyRule,
        st.sampled_from(Level),
        some(USERS, 1),
        some(GROUPS, 2),
        some(("get",), 1),
        non_resource_urls=some(("*", "/api", "/api*", "/healthz"), 2),
    ),
)
POLICIES = st.builds(Policy, st.lists(RULES, max_size=5).map(tuple))

RESOURCE_REQUESTS = [
    {"verb": verb, "api_group": group, "resource": resource, "subresource": sub, "namespace": namespace, "name": name}
    for verb, group, resource, sub, namespace, name in product(
        ("get", "list", "other"),
        ("", "apps"),
        ("pods", "other", "*"),
        ("", "exec", "log", "*"),
        ("", "ns", "other"),
        ("", "x"),
    )
]
PATH_REQUESTS = [
    {"verb": verb, "path": path, "is_resource": False}
    for verb, path in product(("get", "other"), ("/", "/api", "/apis", "/healthz", "/other"))
]


def subsets(values: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(values, size) for size in range(len(values) + 1)))


ANYBODY: list[tuple[str | None, tuple[str, ...]]] = [(None, ())]
ANYBODY += [(user, groups) for user in (*USERS, "somebody") for groups in subsets(GROUPS) if len(groups) <= 2]
REAL: list[tuple[str | None, tuple[str, ...]]] = [
    (None, ()),
    ("system:anonymous", ("system:unauthenticated",)),
    ("system:serviceaccount:a:b", tuple(implied_groups("system:serviceaccount:a:b"))),
    ("system:serviceaccount:a:c", tuple(implied_groups("system:serviceaccount:a:c"))),
    ("system:serviceaccount:z:c", tuple(implied_groups("system:serviceaccount:z:c"))),
    *((user, ("system:authenticated", *groups)) for user in ("alice", "somebody") for groups in ((), ("dev",))),
]


def reached(policy: Policy, who: list[tuple[str | None, tuple[str, ...]]]) -> set[int]:
    """Ask the evaluator about every request that the policies here can tell apart."""
    found: set[int] = set()
    for user, groups in who:
        for request in (*RESOURCE_REQUESTS, *PATH_REQUESTS):
            attributes = RequestAttributes(user=user, groups=groups, **request)  # type: ignore[arg-type]
            rule = evaluate(policy, attributes).rule
            if rule is not None:
                found.add(rule)
    return found


@settings(max_examples=60, deadline=None)
@given(POLICIES)
def test_it_agrees_with_brute_force(policy: Policy) -> None:
    never = {one.rule for one in unreachable(policy)}
    assert never == set(range(len(policy.rules))) - reached(policy, ANYBODY)


@settings(max_examples=60, deadline=None)
@given(POLICIES)
def test_for_real_users_it_claims_no_rule_that_one_of_them_reaches(policy: Policy) -> None:
    """The converse does not hold for the few users here: a person may also be in a group of service accounts."""
    never = {one.rule for one in unreachable(policy, real_users=True)}
    assert never.isdisjoint(reached(policy, REAL))
    assert {one.rule for one in unreachable(policy)} <= never


@pytest.mark.parametrize(
    ("rules", "never", "really_never"),
    [
        ("[{level: Metadata}, {level: Request, verbs: [get]}]", [(1, (0,))], [(1, (0,))]),
        ("[{level: Metadata, verbs: [get]}, {level: Request, verbs: [get, list]}]", [], []),
        (
            "[{level: None, verbs: [get]}, {level: None, verbs: [list]}, {level: Request, verbs: [get, list]}]",
            [(2, (0, 1))],
            [(2, (0, 1))],
        ),
        ("[{level: None, resources: [{group: '', resources: ['*/*']}]}, {level: Metadata}]", [], []),
        (
            "[{level: None, userGroups: ['system:authenticated']}, {level: Metadata, users: [alice]}]",
            [],
            [(1, (0,))],
        ),
        (
            (
                "[{level: None, userGroups: ['system:serviceaccounts:kube-system']},"
                " {level: Metadata, users: ['system:serviceaccount:kube-system:x']}]"
            ),
            [],
            [(1, (0,))],
        ),
        ("[{level: None, users: ['system:anonymous'], userGroups: [dev]}]", [], [(0, ())]),
        (
            "[{level: None, users: ['system:serviceaccount:a:b'], userGroups: ['system:unauthenticated']}]",
            [],
            [(0, ())],
        ),
        ("[{level: None, users: [alice], userGroups: [dev]}]", [], []),
        (
            "[{level: None, userGroups: ['system:authenticated', 'system:unauthenticated']}, {level: Metadata}]",
            [],
            [],
        ),
        (
            "[{level: None, users: ['system:anonymous']}, {level: Metadata, userGroups: ['system:unauthenticated']}]",
            [],
            [(1, (0,))],
        ),
        (
            (
                "[{level: None, userGroups: ['system:serviceaccounts']},"
                " {level: Metadata, userGroups: ['system:serviceaccounts:a']}]"
            ),
            [],
            [(1, (0,))],
        ),
    ],
)
def test_examples(
    rules: str, never: list[tuple[int, tuple[int, ...]]], really_never: list[tuple[int, tuple[int, ...]]]
) -> None:
    policy = load(f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: {rules}\n".encode())
    assert unreachable(policy) == tuple(Unreachable(*one) for one in never)
    assert unreachable(policy, real_users=True) == tuple(Unreachable(*one) for one in really_never)
