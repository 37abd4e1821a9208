"""Answers that others recorded or wrote down, in the shapes in which they did: none may lose anything on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from providers.eks.facts import AccountFacts, ClusterFacts
from providers.eks.normalise import normalise
from scanner.model import LinkState, RuleSettings
from tests.unit.providers.eks.conftest import NOW

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef

SAMPLES = Path(__file__).parents[5] / "shared" / "samples" / "cloud_responses"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not part of the repository"),
]


def as_boto3(value: object) -> Any:  # noqa: ANN401 - any JSON
    """Give a recorded answer as boto3 gives it: camel case, nulls left out, times as datetime."""
    if isinstance(value, list):
        return [as_boto3(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("__class__") == "datetime":
        parts = {name: number for name, number in value.items() if name != "__class__"}
        return datetime(**parts, tzinfo=UTC)
    return {name[:1].lower() + name[1:]: as_boto3(item) for name, item in value.items() if item is not None}


def clusters() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(SAMPLES.glob("eks_*.json")):
        data = as_boto3(json.loads(path.read_text())).get("data")
        if isinstance(data, dict) and isinstance(data.get("cluster"), dict):
            yield path.stem, data["cluster"]


def test_all_recorded_clusters_are_there() -> None:
    assert len(list(clusters())) == 35


@pytest.mark.parametrize(("_file", "cluster"), list(clusters()), ids=[name for name, _ in clusters()])
def test_a_recorded_cluster_loses_nothing(_file: str, cluster: dict[str, Any]) -> None:
    name = cluster.get("name", "unnamed")
    account = AccountFacts("recorded", "111122223333", "arn:aws:iam::111122223333:user/recorder")
    facts = ClusterFacts(account, "us-east-1", name, cast("ClusterTypeDef", cluster), None)
    seen = normalise(facts, RuleSettings(), NOW)
    on = {
        log_type
        for entry in cluster.get("logging", {}).get("clusterLogging", [])
        for log_type in entry["types"]
        if entry["enabled"]
    }
    states = {one.log: one.exported.state for one in seen.servers[0].channels}
    assert {log for log, state in states.items() if state is LinkState.OK} == on
    assert {log for log, state in states.items() if state is LinkState.GAP} == set(states) - on
    assert (seen.ref.version, seen.ref.name) == (cluster.get("version"), name)
    assert seen.ref.id == cluster["arn"]
    told = {fact.name: fact.value for fact in seen.facts}
    for fact, field in (("status", "status"), ("platform version", "platformVersion")):
        assert told.get(fact) == cluster.get(field)
    assert told.get("authentication mode") == cluster.get("accessConfig", {}).get("authenticationMode")
