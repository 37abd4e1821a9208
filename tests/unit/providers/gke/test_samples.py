"""Answers that others recorded or wrote down, in the shapes in which they did: none may lose anything on the way."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import container_v1
from google.cloud.logging_v2.types import ListSinksResponse
from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from providers.gke.answers import POWERFUL_ROLES, iam_policy, rest_sink, sink_of
from providers.gke.facts import IamPolicy, ProjectFacts
from providers.gke.normalise import cluster_facts, normalise
from scanner.assessment import assess
from scanner.model import RuleSettings, Status

SAMPLES = Path(__file__).parents[5] / "shared" / "samples" / "cloud_responses"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not part of the repository"),
]

LEFT_OUT = frozenset({"clusterTelemetry", "protectConfig"})
"""Fields of recorded clusters that only v1beta1 of the API has: metrics, workload scanning. Neither is about logs."""


def camel(value: object) -> Any:  # noqa: ANN401 - any JSON
    """Give a wrapped description in the API's own spelling; durations and times there are texts already."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {re.sub(r"_(\w)", lambda found: found[1].upper(), name): camel(item) for name, item in value.items()}


def found_in(path: Path) -> Iterator[dict[str, Any]]:
    """Give the clusters of one file: a list, a wrapped description, or one body."""
    data = json.loads(path.read_text())
    if "body" in data:
        yield from data["body"].get("clusters", [data["body"]])
    elif data.get("kind") == "ClusterDescribe":
        if data["apiVersion"].startswith("container.googleapis.com/"):  # another cloud's otherwise
            yield camel(data["data"])
    else:
        yield data


def clusters() -> Iterator[tuple[str, dict[str, Any]]]:
    if not SAMPLES.is_dir():
        return
    for path in sorted(SAMPLES.glob("gke_*.json")):
        for number, cluster in enumerate(found_in(path)):
            yield f"{path.stem}-{number}", cluster
    for name, answer in (
        ("other_094", assigned("other_094.py", "GKE_RESPONSE")),
        ("other_099", json.loads(assigned("other_099.py", "FAKE_GET_CLUSTERS_RESPONSE"))),
    ):
        for number, cluster in enumerate(answer["clusters"]):
            yield f"{name}-{number}", cluster
    state = json.loads((SAMPLES / "other_102.json").read_text())["deployment"]["resources"]
    for number, one in enumerate(found for found in state if found["type"] == "gcp:container/cluster:Cluster"):
        yield f"other_102-{number}", provisioned(one["outputs"])


def assigned(file: str, name: str) -> Any:  # noqa: ANN401 - any literal
    """Give the literal that a module of samples binds to a name."""
    for statement in ast.parse((SAMPLES / file).read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return ast.literal_eval(statement.value)
    raise LookupError(name)


def provisioned(outputs: dict[str, Any]) -> dict[str, Any]:
    """Give a cluster of an infrastructure tool's state in the API's shape, as far as audit logs go."""
    same = {name: outputs[name] for name in ("name", "location", "loggingService", "selfLink")}
    return {
        **same,
        "currentMasterVersion": outputs["masterVersion"],
        "loggingConfig": {"componentConfig": outputs["loggingConfig"]},
        "legacyAbac": {"enabled": outputs["enableLegacyAbac"]},
    }


def strangers(value: Any, descriptor: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON, and a type without stubs
    """Give the fields at any depth that a message does not have: what ``ignore_unknown_fields`` would hide."""
    known = {field.json_name: field for field in descriptor.fields}
    for name, found in value.items():
        field = known.get(name)
        if field is None:
            yield f"{path}{name}"
            continue
        below = field.message_type
        if below is None or below.GetOptions().map_entry or below.full_name.startswith("google.protobuf."):
            continue
        for one in found if isinstance(found, list) else [found]:
            yield from strangers(one, below, f"{path}{name}.")


def message_of(cluster: dict[str, Any]) -> tuple[Any, set[str]]:
    """Give a cluster as the SDK gives it, and the fields that the SDK does not know."""
    message = container_v1.Cluster.pb(container_v1.Cluster())
    json_format.ParseDict(cluster, message, ignore_unknown_fields=True)
    return message, set(strangers(cluster, message.DESCRIPTOR))


def project_facts(policy: IamPolicy | None = None, sinks: tuple[Any, ...] = ()) -> ProjectFacts:
    return ProjectFacts(
        account="recorded",
        project_id="recorded",
        number="1",
        policy=policy or IamPolicy(()),
        sinks=sinks,
        buckets={},
        ancestors=(),
    )


def test_all_recorded_answers_are_there() -> None:
    assert len({name.partition("-")[0] for name, _ in clusters()}) == 24
    assert len(list(SAMPLES.glob("gcpsink_*.json"))) == 5
    assert len(list(SAMPLES.glob("gcpiam_*.json"))) == 6


def test_what_the_sdk_does_not_know_is_not_about_logs() -> None:
    assert frozenset().union(*(message_of(cluster)[1] for _, cluster in clusters())) == LEFT_OUT


@pytest.mark.parametrize(("_file", "cluster"), list(clusters()), ids=[name for name, _ in clusters()])
def test_a_recorded_cluster_loses_nothing(_file: str, cluster: dict[str, Any]) -> None:
    message, _ = message_of(cluster)
    seen = normalise(cluster_facts(project_facts(), message), "recorder", RuleSettings())
    told = {fact.name: fact.value for fact in seen.facts}
    components = cluster.get("loggingConfig", {}).get("componentConfig", {}).get("enableComponents")
    shown = "absent" if "loggingConfig" not in cluster else ", ".join(components or ()) or "none"
    assert told["component logging"] == shown
    assert told["legacy logging service"] == cluster.get("loggingService", "absent")
    assert told["status"] == container_v1.Cluster.Status(message.status).name
    assert cluster.get("status", "STATUS_UNSPECIFIED") in (told["status"], message.status)
    assert told["mode"] == ("Autopilot" if cluster.get("autopilot", {}).get("enabled") else "Standard")
    assert seen.ref.name == cluster["name"]
    assert seen.ref.location == cluster.get("location", cluster.get("zone", ""))
    assert seen.ref.version == cluster.get("currentMasterVersion")
    [server] = seen.servers
    limited = cluster.get("anonymousAuthenticationConfig", {}).get("mode") == "LIMITED"
    assert server.authorizer.anonymous is not limited
    is_abac = any("legacy ABAC is on" in note.text for note in seen.notes)
    assert is_abac is cluster.get("legacyAbac", {}).get("enabled", False)
    assert assess(seen, RuleSettings()).status is Status.FAIL  # no Data Access, whatever the components say


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("gcpsink_*.json")), ids=lambda path: path.stem)
def test_recorded_sinks_are_the_same_by_grpc_and_rest(path: Path) -> None:
    body = json.loads(path.read_text())["body"]
    if "error" in body:
        assert body["error"]["status"] == "NOT_FOUND"
        return
    listed = body.get("sinks", [body])
    message = ListSinksResponse.pb(ListSinksResponse())
    json_format.ParseDict({"sinks": listed}, message)
    for raw, sink in zip(listed, message.sinks, strict=True):
        by_grpc = sink_of("projects/p", sink)
        assert rest_sink("projects/p", raw) == by_grpc
        assert (by_grpc.name, by_grpc.destination) == (raw["name"], raw["destination"])
        assert (by_grpc.filter, by_grpc.disabled) == (raw.get("filter", ""), raw.get("disabled", False))
        assert [(one.name, one.filter) for one in by_grpc.exclusions] == [
            (one["name"], one["filter"]) for one in raw.get("exclusions", [])
        ]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("gcpiam_*.json")), ids=lambda path: path.stem)
def test_a_recorded_policy_loses_no_audit_configuration(path: Path) -> None:
    data = json.loads(path.read_text())
    body = data.get("body", data)
    policy = json_format.ParseDict(body, policy_pb2.Policy())
    seen = iam_policy("projects/p", policy)
    assert [(one.service, one.log_type, one.exempted_members) for one in seen.audit] == [
        (config["service"], log["logType"], tuple(log.get("exemptedMembers", ())))
        for config in body.get("auditConfigs", [])
        for log in config["auditLogConfigs"]
    ]
    powerful = {
        member for one in body.get("bindings", []) if one["role"] in POWERFUL_ROLES for member in one["members"]
    }
    assert set(seen.powers) == powerful
