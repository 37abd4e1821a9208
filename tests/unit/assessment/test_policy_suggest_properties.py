"""Suggestions for generated and real policies: the grade is reached, no coverage is lost, other text stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assessment.grading import grade_policy
from scanner.assessment.policy_findings import review
from scanner.assessment.policy_suggest import GradeName, StagesName, suggest
from scanner.audit_policy.evaluator import evaluate
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule, RequestAttributes, Stage
from scanner.errors import PolicyError
from scanner.knowledge.policies import names, published
from scanner.model import Grade, PolicySeverity, RequestCategory

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "policies"
GRADES: tuple[GradeName, ...] = ("minimum", "complete")
STAGES: tuple[StagesName, ...] = ("outcome", "all")

VERBS = ("get", "list", "watch", "create", "update", "delete", "deletecollection")
METHODS = ("get", "post", "delete")
PAIRS = (
    ("", "secrets"),
    ("", "pods"),
    ("", "configmaps"),
    ("", "events"),
    ("apps", "deployments"),
    ("coordination.k8s.io", "leases"),
    ("new", "things"),
)
PATHS = ("/api", "/apis/apps", "/healthz", "/healthz/etcd", "/metrics", "/version", "/other")
IDENTITIES: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    (None, ()),
    ("somebody", ("system:authenticated",)),
    ("alice", ("system:authenticated", "dev")),
    ("alice", ("system:authenticated", "system:masters")),
    ("system:serviceaccount:ns:sa", ("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated")),
    ("system:anonymous", ("system:unauthenticated",)),
    ("system:kube-proxy", ("system:authenticated", "system:nodes")),
)


def universe() -> Iterator[RequestAttributes]:
    """Give every request that the generated policies can tell apart, and more."""
    for user, groups in IDENTITIES:
        for verb, (group, resource), subresource, namespace, name in product(
            VERBS, PAIRS, ("", "exec", "status"), ("", "a"), ("", "x", "controller-leader")
        ):
            yield RequestAttributes(verb, user, groups, True, group, resource, subresource, namespace, name)  # noqa: FBT003 - positional
        for verb, path in product(METHODS, PATHS):
            yield RequestAttributes(verb, user, groups, is_resource=False, path=path)


UNIVERSE = tuple(universe())


def some(values: tuple[str, ...], size: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=size, unique=True).map(tuple)


LEVELS = st.sampled_from([Level.NONE, Level.NONE, Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE])
USERS = some(("alice", "system:anonymous", "system:kube-proxy"), 2)
GROUPS = some(("system:authenticated", "system:unauthenticated", "system:serviceaccounts", "dev", "system:nodes"), 2)
OMITTED = st.frozensets(st.sampled_from(list(Stage)), max_size=2)
SPECS = ("secrets", "pods", "configmaps", "events", "*", "pods/*", "*/exec", "pods/exec", "deployments", "leases")
ENTRIES = st.lists(
    st.one_of(
        st.builds(GroupResources, st.sampled_from(["", "apps", "coordination.k8s.io"]), some(SPECS, 3)),
        st.builds(
            GroupResources,
            st.just(""),
            st.sampled_from([("configmaps",), ("secrets", "configmaps")]),
            some(("x", "controller-leader"), 2),
        ),
    ),
    max_size=2,
).map(tuple)
RULES = st.one_of(
    st.builds(
        PolicyRule, LEVELS, users=USERS, user_groups=GROUPS, verbs=some(VERBS, 3), resources=ENTRIES,
        namespaces=some(("a", ""), 1), omit_stages=OMITTED,
    ),
    st.builds(
        PolicyRule, LEVELS, user_groups=GROUPS, verbs=some(METHODS, 2), omit_stages=OMITTED,
        non_resource_urls=some(("/api*", "/healthz*", "/healthz", "/version", "/metrics", "*", "/apis/apps"), 3),
    ),
    st.builds(PolicyRule, LEVELS, users=USERS, user_groups=GROUPS, omit_stages=OMITTED),
)  # fmt: skip
POLICIES = st.builds(
    lambda rules, omitted: Policy(tuple(rules), omitted), st.lists(RULES, min_size=1, max_size=6), OMITTED
)


def document(policy: Policy) -> dict[str, Any]:
    """Give a policy as the mapping that its file holds."""

    def rule(one: PolicyRule) -> dict[str, Any]:
        fields = {
            "users": one.users,
            "userGroups": one.user_groups,
            "verbs": one.verbs,
            "namespaces": one.namespaces,
            "nonResourceURLs": one.non_resource_urls,
            "omitStages": sorted(one.omit_stages),
        }
        entries = [
            {"group": entry.group}
            | ({"resources": list(entry.resources)} if entry.resources else {})
            | ({"resourceNames": list(entry.resource_names)} if entry.resource_names else {})
            for entry in one.resources
        ]
        named = {name: [str(value) for value in values] for name, values in fields.items() if values}
        return {"level": one.level.label, **named, **({"resources": entries} if entries else {})}

    head: dict[str, Any] = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy"}
    if policy.omit_stages:
        head["omitStages"] = sorted(str(stage) for stage in policy.omit_stages)
    return {**head, "rules": [rule(one) for one in policy.rules]}


def text(policy: Policy, style: str) -> bytes:
    """Write a policy in one of the ways in which people do."""
    if style.startswith("json"):
        return json.dumps(document(policy), indent=2 if style == "json" else None).encode()
    written = yaml.safe_dump(document(policy), default_flow_style=style == "flow" or None, sort_keys=False)
    if style == "flow":
        written = "# a policy\n" + written
    if style == "commented":
        written = "".join(f"{line}\n" if ":" in line else f"{line}  # kept\n" for line in written.splitlines())
        written = written.replace("- level", "\n# a rule\n- level") + "\n# the end\n"
    if style == "crlf":
        written = written.replace("\n", "\r\n")
    return (written.rstrip("\r\n") if style == "unended" else written).encode()


STYLES = ("block", "flow", "json", "json line", "commented", "crlf", "unended")
REMOVED = re.compile(
    r"""\s*(- )?\{?(level: None|omitStages:|resource:)|\s*- ["']?(RequestReceived|Response(Started|Complete))\b"""
)


def assert_nothing_is_lost(old: Policy, new: Policy) -> None:
    """No request is recorded at a lower level than before, or without a stage that it had."""
    for request in UNIVERSE:
        before, after = evaluate(old, request), evaluate(new, request)
        assert after.level >= before.level, request
        if before.level is not Level.NONE:
            assert after.omit_stages <= before.omit_stages, request


def assert_lines_are_kept(old: bytes, new: bytes) -> None:
    """All lines but those of levels and omitted stages are still there, in order; the last one's end does not count."""
    rest = iter(f"{new.decode()}\n".split("\n"))
    lost = [line for line in f"{old.decode()}\n".split("\n") if not REMOVED.match(line) and line not in rest]
    assert lost == []


@settings(max_examples=60, deadline=None)
@given(POLICIES, st.sampled_from(STYLES), st.sampled_from(GRADES), st.sampled_from(STAGES))
def test_a_suggestion_reaches_the_grade_and_loses_nothing(
    policy: Policy, style: str, grade: GradeName, stages: StagesName
) -> None:
    data = text(policy, style)
    before = load(data)
    found = suggest(data, grade=grade, stages=stages)
    after = load(found.data)
    reached = grade_policy(after, stages=stages)
    assert min(one.grade for one in reached.categories.values()) >= Grade.from_label(grade)
    assert after.warnings == ()
    assert found.after == reached
    assert_nothing_is_lost(before, after)
    if not found.changes:
        assert found.data == data
    elif style not in ("flow", "json", "json line"):
        assert_lines_are_kept(data, found.data)
    assert suggest(found.data, grade=grade, stages=stages).data == found.data


def errors(policy: Policy, grade: GradeName, stages: StagesName) -> set[tuple[str, str]]:
    """Give the findings of a review that fail a check."""
    found = review(policy, grade=grade, stages=stages)
    return {(one.id, one.message) for one in found if one.severity is PolicySeverity.ERROR}


def assert_mended(data: bytes, version: str | None = None) -> None:
    """Mend a policy in all four ways; what a check found fault with before is no worse after."""
    for grade, stages in product(GRADES, STAGES):
        found = suggest(data, grade=grade, stages=stages, kubernetes_version=version)
        old, new = load(data, version), load(found.data, version)
        coverage = grade_policy(new, stages=stages)
        assert {category: one.grade >= Grade.from_label(grade) for category, one in coverage.categories.items()} == (
            dict.fromkeys(RequestCategory, True)
        )
        assert_nothing_is_lost(old, new)
        assert_lines_are_kept(data, found.data)
        assert {one for one, _ in errors(new, grade, stages)} <= {one for one, _ in errors(old, grade, stages)}


@pytest.mark.parametrize("name", names())
def test_every_published_policy_can_be_mended(name: str) -> None:
    known = published(name)
    assert_mended(known.text.encode(), known.kubernetes_version)


@pytest.mark.shared
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_every_sample_policy_that_loads_can_be_mended() -> None:
    for path in sorted(SAMPLES.glob("*.yaml")):
        data = path.read_bytes()
        try:
            load(data)
        except PolicyError:
            continue
        assert_mended(data)
