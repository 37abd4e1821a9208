"""The logging query language, against entries one by one, and by example."""

from __future__ import annotations

import warnings
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.gke.filters import LONGEST, Entries, Match, matches
from tests.emulators.gcp import DEFAULT_FILTER

DATA_ACCESS = Entries.of("p", "europe-west1", "main", "cloudaudit.googleapis.com/data_access")
ACTIVITY = Entries.of("p", "europe-west1", "main", "cloudaudit.googleapis.com/activity")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Match.ALL),
        ("  -- nothing but a comment\n", Match.ALL),
        (DEFAULT_FILTER, Match.ALL),
        ('resource.type="k8s_cluster"', Match.ALL),
        ("resource.type=k8s_cluster", Match.ALL),
        ('resource.type = "K8S_CLUSTER"', Match.ALL),
        ('resource."type"="k8s_cluster"', Match.ALL),
        ("resource.type=k8s_*", Match.NONE),
        ('resource.type:"k8s"', Match.ALL),
        ("resource.type:*", Match.ALL),
        ('resource.type!="k8s_cluster"', Match.NONE),
        ('resource.type="k8s_container"', Match.NONE),
        ('resource.type=("k8s_container" OR "k8s_cluster")', Match.ALL),
        ('NOT resource.type=("k8s_container" OR "k8s_cluster")', Match.NONE),
        ('resource.type!=("k8s_cluster" OR "gce_instance")', Match.SOME),
        ('resource.type!=("k8s_container" AND "gce_instance")', Match.SOME),
        ('resource.type!~("k8s" OR "gce")', Match.SOME),
        ('resource.type="x" resource.type!=("k8s_cluster" OR "gce_instance")', Match.NONE),
        ('resource.type:("k8s" AND "cluster")', Match.ALL),
        ('resource.type:("k8s" AND NOT "cluster")', Match.NONE),
        ('resource.type=~"^k8s_"', Match.ALL),
        ('resource.type=~"^K8S_"', Match.NONE),
        ('resource.type!~"cluster$"', Match.NONE),
        ('resource.type=~"(a+)+$"', Match.NONE),
        ('resource.type=~"("', Match.SOME),
        ('resource.type=~"^k8s_[[:alpha:]]+$"', Match.SOME),
        ('resource.type!~"^k8s_[[:alpha:]]+$"', Match.SOME),
        ('logName=~"/cloudaudit\\.googleapis\\.com%2F(activity|data_access)$"', Match.ALL),
        ('logName=~"cloudaudit\\\\.googleapis"', Match.ALL),
        ('logName="projects/p/logs/cloudaudit.googleapis.com%2Fdata_access"', Match.ALL),
        ("logName:cloudaudit.googleapis.com", Match.ALL),
        ('logName:"activity"', Match.NONE),
        ('log_id("cloudaudit.googleapis.com/data_access")', Match.ALL),
        ('NOT LOG_ID("cloudaudit.googleapis.com/data_access")', Match.NONE),
        ('-resource.type="k8s_cluster"', Match.NONE),
        ('NOT NOT resource.type="k8s_cluster"', Match.ALL),
        ('resource.type="x" OR resource.type="k8s_cluster" AND resource.type="x"', Match.NONE),
        ('(resource.type="x" AND resource.type="y") OR resource.type="k8s_cluster"', Match.ALL),
        ('resource.type="k8s_cluster"\nresource.labels.cluster_name="main"', Match.ALL),
        ('resource.type="k8s_cluster"\nresource.labels.cluster_name="other"', Match.NONE),
        ('protoPayload.serviceName="k8s.io"', Match.ALL),
        ('protoPayload.@type="type.googleapis.com/google.cloud.audit.AuditLog"', Match.ALL),
        ('jsonPayload.message="x"', Match.NONE),
        ("textPayload:healthz", Match.NONE),
        ('jsonPayload.message!="x"', Match.SOME),
        ('protoPayload.methodName="io.k8s.core.v1.pods.list"', Match.SOME),
        ('protoPayload.methodName="io.k8s.coordination.v1.leases.get"', Match.NONE),
        ('protoPayload.methodName="IO.k8s.core.v1.events.list"', Match.NONE),
        ('protoPayload.methodName!="io.k8s.events.v1beta1.events.watch"', Match.ALL),
        ('protoPayload.methodName=("io.k8s.coordination.v1.leases.get" OR "io.k8s.core.v1.events.get")', Match.NONE),
        ('protoPayload.methodName=("io.k8s.coordination.v1.leases.get" OR "io.k8s.core.v1.pods.get")', Match.SOME),
        ('protoPayload.methodName:"io.k8s.coordination.v1.leases.get"', Match.SOME),
        ('protoPayload.methodName=~"leases"', Match.SOME),
        ('protoPayload.methodName="io.k8s.core.v1.events.deletecollection"', Match.SOME),
        ('protoPayload.methodName="io.example.coordination.v1.leases.get"', Match.SOME),
        ('resource.type="x" AND protoPayload.methodName:"list"', Match.NONE),
        ('resource.type="k8s_cluster" OR protoPayload.methodName:"list"', Match.ALL),
        ('resource.type="k8s_cluster" AND protoPayload.methodName:"list"', Match.SOME),
        ("severity>=DEFAULT", Match.ALL),
        ("severity<DEFAULT", Match.NONE),
        ("severity>=ERROR", Match.SOME),
        ('timestamp>"2026-01-01T00:00:00Z"', Match.SOME),
        ("resource.type>=k8s", Match.SOME),
        ("sample(insertId, 0.1)", Match.SOME),
        ("sample(insertId, 1)", Match.ALL),
        ("sample(insertId, 0)", Match.NONE),
        ('ip_in_net(protoPayload.requestMetadata.callerIp, "10.0.0.0/8")', Match.SOME),
        ("unicorn", Match.SOME),
        ('"unicorn"', Match.SOME),
        ("resource.type=", Match.SOME),
        ("resource.type=)", Match.SOME),
        ("(resource.type=x", Match.SOME),
        ("resource.type=x)", Match.SOME),
        ("=x", Match.SOME),
        ('resource.type="x', Match.SOME),
        ("log_id(", Match.SOME),
        ("(" * 5000, Match.SOME),
        ("NOT " * 4000 + "a", Match.SOME),
        ("x" * (LONGEST + 1), Match.SOME),
    ],
)
def test_data_access_entries(text: str, expected: Match) -> None:
    found = matches(text, DATA_ACCESS)
    assert found.match is expected
    assert bool(found.because) is (expected is Match.SOME)


def test_what_cannot_be_told_is_quoted() -> None:
    text = 'resource.type="k8s_cluster" AND protoPayload.methodName : "pods.list"'
    assert matches(text, DATA_ACCESS).because == 'protoPayload.methodName : "pods.list"'
    text = 'resource.type != ( "k8s_cluster" OR "gce_instance" )'
    assert matches(f"severity>=DEFAULT {text}", DATA_ACCESS).because == text
    assert matches("a =", DATA_ACCESS).because == "the filter could not be read: it ends too early"


def test_an_expression_that_is_not_understood_is_quoted_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = matches('resource.type=~"[[:alpha:]]+"', DATA_ACCESS)
    assert found.because == 'resource.type=~"[[:alpha:]]+"'


def test_admin_activity_is_in_another_log() -> None:
    assert matches(DEFAULT_FILTER, ACTIVITY).match is Match.NONE
    assert matches('LOG_ID("cloudaudit.googleapis.com/activity")', ACTIVITY).match is Match.ALL


VARYING = ("io.k8s.core.v1.pods.list", "io.k8s.core.v1.secrets.get", "other")
ATOMS = (
    ('resource.type="k8s_cluster"', lambda _: True),
    ('resource.type:"gce"', lambda _: False),
    ('protoPayload.serviceName=~"^k8s"', lambda _: True),
    ('protoPayload.methodName="io.k8s.core.v1.pods.list"', lambda method: method == VARYING[0]),
    ("protoPayload.methodName=io.k8s.coordination.v1.leases.get", lambda _: False),
    ("protoPayload.methodName:io.k8s", lambda method: "io.k8s" in method),
)
TREES = st.recursive(
    st.integers(0, len(ATOMS) - 1),
    lambda inner: st.one_of(
        st.tuples(st.just("NOT"), inner),
        st.tuples(st.sampled_from(("AND", "OR", "")), inner, inner),
    ),
    max_leaves=8,
)


def text_of(tree: object) -> str:
    if isinstance(tree, int):
        return ATOMS[tree][0]
    assert isinstance(tree, tuple)
    if tree[0] == "NOT":
        return f"NOT ({text_of(tree[1])})"
    return f"({text_of(tree[1])}) {tree[0]} ({text_of(tree[2])})"


def holds(tree: object, method: str) -> bool:
    if isinstance(tree, int):
        return ATOMS[tree][1](method)
    assert isinstance(tree, tuple)
    if tree[0] == "NOT":
        return not holds(tree[1], method)
    left, right = holds(tree[1], method), holds(tree[2], method)
    return left or right if tree[0] == "OR" else left and right


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_it_is_never_surer_than_the_entries_one_by_one(tree: object) -> None:
    answers = frozenset(holds(tree, method) for method in VARYING)
    found = matches(text_of(tree), DATA_ACCESS).match
    assert (found, answers) in {
        (Match.ALL, frozenset({True})),
        (Match.NONE, frozenset({False})),
        *((Match.SOME, some) for some in (frozenset({True}), frozenset({False}), frozenset({True, False}))),
    }


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="abc.\"'()=~:!<>-* \\\nANDORNT,%", max_size=60))
def test_any_text_is_answered(text: str) -> None:
    assert matches(text, DATA_ACCESS).match in Match


@pytest.mark.parametrize(("left", "right"), list(product(("AND", "OR"), repeat=2)))
def test_or_binds_closer_than_and(left: str, right: str) -> None:
    """A filter without parentheses means what it means with those that the documentation puts in."""
    yes, no = 'resource.type="k8s_cluster"', 'resource.type="x"'
    for a, b, c in product((yes, no), repeat=3):
        if (left, right) == ("AND", "OR"):
            grouped = f"{a} AND ({b} OR {c})"
        elif (left, right) == ("OR", "AND"):
            grouped = f"({a} OR {b}) AND {c}"
        else:
            grouped = f"({a} {left} {b}) {right} {c}"
        assert matches(f"{a} {left} {b} {right} {c}", DATA_ACCESS) == matches(grouped, DATA_ACCESS)
