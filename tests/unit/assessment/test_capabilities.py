"""Capabilities by the logs that are on: what each log carries is data, and what nobody says stays unknown."""

from __future__ import annotations

from typing import Any

import pytest

from scanner.assessment import assess
from scanner.knowledge import ProviderKnowledge, provider_knowledge
from scanner.model import ApiServer, Capability, ClusterObservation, ClusterRef, ManagedPolicy, Recorded, RuleSettings
from tests.unit.assessment.build import RBAC, READ, channel

ON, OFF, UNREAD = "ok", "gap", "unknown"


def recorded(admin_read: str, data_read: str, delivered: str = "ok") -> dict[Capability, Recorded]:
    """Judge a GKE cluster by the states of its Data Access logs."""
    channels = (
        channel("admin_activity"),
        channel("admin_read", admin_read, delivered),
        channel("data_read", data_read, delivered),
    )
    ref = ClusterRef("gke", "acme", "payments-prod", "europe-west1", "main", "projects/payments-prod/x/main", "1.34")
    server = ApiServer("control plane", ManagedPolicy("gce", (READ,)), channels, RBAC)
    result = assess(ClusterObservation(ref, (server,)), RuleSettings())
    return {one.capability: one.recorded for one in result.capabilities}


@pytest.mark.parametrize(
    ("states", "secrets", "execution"),
    [
        ((ON, ON), Recorded.YES, Recorded.YES),
        ((OFF, OFF), Recorded.NO, Recorded.PARTLY),
        ((ON, OFF), Recorded.UNKNOWN, Recorded.UNKNOWN),
        ((UNREAD, ON), Recorded.UNKNOWN, Recorded.UNKNOWN),
        ((ON, ON, OFF), Recorded.NO, Recorded.PARTLY),
        ((ON, ON, UNREAD), Recorded.UNKNOWN, Recorded.UNKNOWN),
    ],
)
def test_reads_follow_the_logs_that_carry_reads(
    states: tuple[str, ...], secrets: Recorded, execution: Recorded
) -> None:
    found = recorded(*states)
    assert (found[Capability.SECRET_READS], found[Capability.POD_EXEC]) == (secrets, execution)
    assert found[Capability.POD_CREATION] is Recorded.YES


def with_log(**fields: Any) -> ProviderKnowledge:  # noqa: ANN401 - a data file's values
    known = provider_knowledge("gke").model_dump()
    log = {"title": "x", "from_policy": True, "gives": {"api_calls": "partial"}} | fields
    return ProviderKnowledge.model_validate(known | {"logs": {"log": log}, "together": ()})


@pytest.mark.parametrize(
    ("fields", "sure", "possible"),
    [
        ({"gives": {"api_calls": "complete"}}, True, True),
        ({}, False, True),
        ({"carries": ["get"]}, True, True),
        ({"carries": ["create"]}, False, False),
        ({"carries": [], "carries_some": ["get"]}, False, True),
        ({"from_policy": False, "gives": {"api_calls": "complete"}}, False, False),
    ],
)
def test_a_log_that_gives_a_part_is_not_taken_to_carry_the_whole(
    fields: dict[str, Any],
    sure: bool,  # noqa: FBT001 - the answers
    possible: bool,  # noqa: FBT001
) -> None:
    known, logs = with_log(**fields), frozenset({"log"})
    assert (known.carries(logs, "get"), known.may_carry(logs, "get")) == (sure, possible)
    assert not known.may_carry(frozenset(), "get")


def test_verbs_in_the_data_files_are_verbs() -> None:
    known = provider_knowledge("gke")
    verbs = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    for log in known.logs.values():
        assert verbs.issuperset((log.carries or frozenset()) | log.carries_some)
    assert all(verbs.issuperset(one.carries) for one in known.together)
