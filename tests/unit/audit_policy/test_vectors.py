"""Every answer that was recorded of the real Kubernetes, case by case."""

from __future__ import annotations

import base64
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from scanner.audit_policy.analysis import parts
from scanner.audit_policy.classes import Principal, RequestClass, Values
from scanner.audit_policy.evaluator import evaluate
from scanner.audit_policy.events import Outcome, expected
from scanner.audit_policy.reader import load
from scanner.audit_policy.request import attributes
from scanner.audit_policy.types import RequestAttributes
from scanner.errors import PolicyError, RequestError

VECTORS = Path(__file__).parents[2] / "vectors"

USERS: dict[str, tuple[str, ...]] = {
    "admin": ("system:masters", "system:authenticated"),
    "alice": ("dev", "system:authenticated"),
    "bob": ("viewers", "system:authenticated"),
    "carol": ("ops", "system:authenticated"),
    "dave": ("rbac-editors", "system:authenticated"),
    "system:anonymous": ("system:unauthenticated",),
    "system:serviceaccount:default:sa1": (
        "system:serviceaccounts",
        "system:serviceaccounts:default",
        "system:authenticated",
    ),
}


def lines(name: str) -> list[dict[str, Any]]:
    """Read a vector file, one JSON object a line."""
    data = (VECTORS / name).read_bytes()
    text = gzip.decompress(data) if name.endswith(".gz") else data
    return [json.loads(line) for line in text.splitlines()]


def recorded_attributes(request: dict[str, Any]) -> RequestAttributes:
    """Turn a recorded request into ours; a null user is a failed authentication."""
    user = request["user"]
    return RequestAttributes(
        verb=request["verb"],
        user=user and user["name"],
        groups=tuple(user["groups"] or ()) if user else (),
        is_resource=request["isResource"],
        api_group=request["apiGroup"],
        resource=request["resource"],
        subresource=request["subresource"],
        namespace=request["namespace"],
        name=request["name"],
        path=request["path"],
    )


def policy_bytes(vector: dict[str, Any]) -> bytes:
    """Give a recorded policy's bytes."""
    if "policy_b64" in vector:
        return base64.b64decode(vector["policy_b64"])
    return str(vector["policy"]).encode()


def assert_answers(data: bytes, version: str, answer: dict[str, Any]) -> int:
    """Compare load verdict, warning and every decision with a recorded answer."""
    if answer["error"] is not None:
        with pytest.raises(PolicyError):
            load(data, version)
        return 0
    policy = load(data, version)
    warning = f"strict decoding error: {', '.join(policy.warnings)}" if policy.warnings else None
    assert warning == answer["strict_error"]
    assert len(policy.rules) == answer["n_rules"]
    for case in answer["cases"]:
        config = evaluate(policy, recorded_attributes(case["request"]))
        ours = (
            config.level.label,
            sorted(config.omit_stages),
            config.omit_managed_fields,
            -1 if config.rule is None else config.rule,
        )
        assert ours == (case["level"], case["omitStages"], case["omitManagedFields"], case["rule"]), case["request"]
    return len(answer["cases"])


def test_every_policy_decision_of_1_34_and_1_36() -> None:
    vectors = lines("policy_decisions.jsonl.gz")
    decisions = 0
    for vector in vectors:
        data = policy_bytes(vector)
        try:
            decisions += assert_answers(data, "1.34", vector)
            newer = vector.get("v1_36", vector)
            for version in ("v1.36.2", None):
                assert_answers(data, version or "", newer)
        except (AssertionError, PolicyError, pytest.fail.Exception) as error:
            raise AssertionError(vector["id"]) from error
    assert len(vectors) == 1223
    assert decisions == 45_467


def test_every_recorded_request_has_the_same_attributes() -> None:
    vectors = lines("request_attributes.jsonl")
    for vector in vectors:
        if vector["error"] is not None:
            with pytest.raises(RequestError):
                attributes(vector["method"], vector["url"])
            continue
        found = attributes(vector["method"], vector["url"])
        ours = (
            found.is_resource,
            found.verb,
            found.api_group,
            found.namespace,
            found.resource,
            found.subresource,
            found.name,
            found.path,
        )
        names = ("isResource", "verb", "apiGroup", "namespace", "resource", "subresource", "name", "path")
        assert ours == tuple(vector[name] for name in names), vector
    assert len(vectors) == 360


def test_every_recorded_request_left_the_events_that_we_expect() -> None:
    """The user of a request that left no event is the one that the same request had elsewhere on the same server."""
    rows = lines("apiserver_events.jsonl.gz")
    policies = {path.stem: load(path.read_bytes(), "1.36") for path in (VECTORS / "policies").glob("*.yaml")}
    users: dict[tuple[str, ...], set[str | None]] = defaultdict(set)
    for row in rows:
        for event in row["observed_events"]:
            users[server_and_request(row)].add(event["user"])
    events = silent = 0
    for row in rows:
        observed = [(event["stage"], event["level"], event["code"]) for event in row["observed_events"]]
        request = row["request"]
        try:
            (user,) = users.get(server_and_request(row)) or {None}
            found = attributes(request["method"], request["path"], user, USERS.get(user or "", ()))
        except RequestError:
            assert observed == []
            continue
        outcome = Outcome(request["http_status"], authenticated=user is not None)
        ours = [(one.stage, one.level.label, one.code) for one in expected(policies[row["policy"]], found, outcome)]
        assert ours == observed, row
        events += len(observed)
        silent += not observed
    assert (len(rows), events) == (3042, 3463)
    assert silent > 900


def test_the_class_of_one_recorded_request_has_the_level_that_was_seen() -> None:
    """The analysis of classes, given a class with nothing but that request in it, finds one part: what was recorded."""
    rows = lines("apiserver_events.jsonl.gz")
    policies = {path.stem: load(path.read_bytes(), "1.36") for path in (VECTORS / "policies").glob("*.yaml")}
    seen = 0
    for row in rows:
        request = row["request"]
        for event in row["observed_events"]:
            user = event["user"]
            found = attributes(request["method"], request["path"], user, USERS.get(user or "", ()))
            [part] = parts(policies[row["policy"]], Principal(user, frozenset(found.groups)), only(found))
            assert part.level.label == event["level"], row
            assert event["stage"] not in part.omit_stages, row
            seen += 1
    assert seen == 3463


def only(request: RequestAttributes) -> RequestClass:
    """Give the class that holds one request."""
    if not request.is_resource:
        return RequestClass(is_resource=False, verbs=Values.only(request.verb), paths=Values.only(request.path))
    return RequestClass(
        is_resource=True,
        verbs=Values.only(request.verb),
        api_groups=Values.only(request.api_group),
        resources=Values.only(request.resource),
        subresources=Values.only(request.subresource),
        namespaces=Values.only(request.namespace),
        names=Values.only(request.name),
    )


def server_and_request(row: dict[str, Any]) -> tuple[str, ...]:
    """Name a request on a server with its settings, whatever the policy."""
    request = row["request"]
    return str(row["anonymous_auth"]), str(row["server_option"]), request["label"], request["method"]
