"""Events beyond the recorded ones."""

from __future__ import annotations

import pytest

from scanner.audit_policy.events import ExpectedEvent, Outcome, expected
from scanner.audit_policy.request import attributes
from scanner.audit_policy.types import Level, Policy, PolicyRule, Stage

EVERYTHING = Policy((PolicyRule(Level.METADATA),))


@pytest.mark.parametrize(
    ("method", "url", "stages"),
    [
        ("GET", "/debug/pprof/heap", 3),
        ("GET", "/debug/pprofx", 2),
        ("GET", "/api/v1/namespaces/a/pods/b/log", 3),
        ("GET", "/api/v1/namespaces/a/pods/b/status", 2),
        ("GET", "/api/v1/proxy/nodes/n", 3),
    ],
)
def test_long_running_requests_have_a_stage_more(method: str, url: str, stages: int) -> None:
    found = expected(EVERYTHING, attributes(method, url, "alice"), Outcome(200))
    assert len(found) == stages
    assert found[0] == ExpectedEvent(Stage.REQUEST_RECEIVED, Level.METADATA, None)
    assert found[-1] == ExpectedEvent(Stage.RESPONSE_COMPLETE, Level.METADATA, 200)


def test_whether_a_request_is_long_running_can_be_said() -> None:
    request = attributes("GET", "/api/v1/pods", "alice")
    assert [one.stage for one in expected(EVERYTHING, request, Outcome(200, long_running=True))] == [
        Stage.REQUEST_RECEIVED,
        Stage.RESPONSE_STARTED,
        Stage.RESPONSE_COMPLETE,
    ]


def test_level_none_leaves_no_event() -> None:
    assert (
        expected(Policy((PolicyRule(Level.NONE),)), attributes("GET", "/api"), Outcome(401, authenticated=False)) == ()
    )
