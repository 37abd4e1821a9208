"""Comparisons agree with the events that the requests themselves leave, asked one by one."""

from __future__ import annotations

from functools import cache
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assessment.policy_diff import ChangeKind, compare
from scanner.audit_policy.classes import implied_groups
from scanner.audit_policy.events import Outcome, expected, is_long_running
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes, Stage

NAMED_USERS = ("alice", "system:serviceaccount:a:b")
NAMED_GROUPS = ("dev", "ops", "system:authenticated", "system:unauthenticated", "system:serviceaccounts:a")


def some(values: tuple[str, ...], size: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=size, unique=True).map(tuple)


LEVELS = st.sampled_from([Level.NONE, Level.METADATA, Level.REQUEST])
STAGES = st.frozensets(st.sampled_from(list(Stage)), max_size=1)
SPECS = ("pods", "pods/exec", "secrets", "*", "*/exec")
ENTRIES = st.lists(
    st.builds(GroupResources, st.sampled_from(("", "apps")), some(SPECS, 2), some(("x",), 1)), max_size=2
).map(tuple)
RULES = st.one_of(
    st.builds(
        PolicyRule,
        LEVELS,
        some(NAMED_USERS, 1),
        some(NAMED_GROUPS, 2),
        some(("get", "create"), 2),
        ENTRIES,
        some(("a",), 1),
        omit_stages=STAGES,
    ),
    st.builds(
        PolicyRule,
        LEVELS,
        user_groups=some(NAMED_GROUPS, 1),
        verbs=some(("get",), 1),
        non_resource_urls=some(("/api*", "/metrics", "*"), 2),
        omit_stages=STAGES,
    ),
)
POLICIES = st.builds(Policy, st.lists(RULES, max_size=4).map(tuple), STAGES)

# The last one is long-running: its answer has two stages that carry the outcome.
PATHS = ("/api", "/apis", "/metrics", "/new", "/debug/pprof/profile")

SENDERS: list[tuple[str | None, tuple[str, ...]]] = [
    (None, ()),
    ("system:anonymous", ("system:unauthenticated",)),
    *((user, tuple(implied_groups(user))) for user in ("system:serviceaccount:a:b", "system:serviceaccount:z:z")),
    ("system:serviceaccount:a:z", tuple(implied_groups("system:serviceaccount:a:z"))),
    *(
        (user, ("system:authenticated", *groups))
        for user in ("alice", "somebody")
        for groups in ((), ("dev",), ("ops",), ("dev", "ops"))
    ),
]


@cache
def requests() -> tuple[RequestAttributes, ...]:
    """Give the requests of every sender that the policies here can tell apart, and no noise among them."""
    found = [
        RequestAttributes(verb, user, groups, True, group, resource, subresource, namespace, name)  # noqa: FBT003
        for (user, groups), verb, group, resource, subresource, namespace, name in product(
            SENDERS,
            ("get", "create", "patch", "watch"),
            ("", "apps", "batch"),
            ("pods", "secrets", "new"),
            ("", "exec", "log"),
            ("", "a", "b"),
            ("", "x"),
        )
    ]
    found += [
        RequestAttributes(verb, user, groups, is_resource=False, path=path)
        for (user, groups), verb, path in product(SENDERS, ("get", "post"), PATHS)
    ]
    return tuple(found)


def outcome(policy: Policy, request: RequestAttributes) -> frozenset[Stage]:
    """Give the stages at which a request leaves an event with its outcome."""
    long_running = is_long_running(request)
    answer = Outcome(200 if request.user else 401, authenticated=request.user is not None, long_running=long_running)
    carrying = {Stage.RESPONSE_COMPLETE} if request.user else {Stage.RESPONSE_STARTED}
    if long_running:
        carrying.add(Stage.RESPONSE_STARTED)
    return frozenset(event.stage for event in expected(policy, request, answer)) & carrying


@settings(max_examples=50, deadline=None)
@given(POLICIES, POLICIES)
def test_what_is_lost_and_gained_agrees_with_brute_force(old: Policy, new: Policy) -> None:
    before_after = [(outcome(old, request), outcome(new, request)) for request in requests()]
    found = compare(old, new)
    assert found.is_complete
    assert found.is_lost is any(before - after for before, after in before_after)
    kinds = {one.change.kind for one in found.differences}
    assert (ChangeKind.LOST in kinds) is any(before and not after for before, after in before_after)
    assert (ChangeKind.GAINED in kinds) is any(after and not before for before, after in before_after)


def test_what_only_people_with_several_identities_gain_is_told() -> None:
    old = Policy(())
    new = Policy((PolicyRule(Level.METADATA, users=("alice",), user_groups=("dev",)),))
    [gained] = compare(old, new).differences
    assert (gained.change.kind, gained.who) == (ChangeKind.GAINED, ("user alice in group dev",))
    assert gained.requests == ("every request",)


@settings(max_examples=15, deadline=None)
@given(POLICIES)
def test_a_policy_is_the_same_as_itself(policy: Policy) -> None:
    found = compare(policy, policy)
    assert found.is_same
    assert not found.is_lost
    assert (found.differences, found.noise, found.capabilities) == ((), (), ())
