"""The published policies as data, and grades against sample files where those are at hand."""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path

import pytest

from scanner.assessment.grading import grade_policy
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import GroupResources, Level, Policy, PolicyRule
from scanner.errors import PolicyError
from scanner.knowledge.policies import names, published
from scanner.knowledge.request_classes import request_knowledge
from scanner.model import Capability, Grade, RequestCategory

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "policies"
PROBES = {
    "secretread": Capability.SECRET_READS,
    "exec": Capability.POD_EXEC,
    "rbac": Capability.RBAC_CHANGES,
}
NAMESPACES_BEYOND_THE_PROBES = {"109.yaml", "132.yaml"}
"""Samples that single out namespaces which no probe was sent to."""


def test_every_published_policy_has_a_source_and_a_date() -> None:
    assert names() == (
        "eks",
        "aks",
        "gce",
        "kubespray",
        "eks-anywhere",
        "openshift-default",
        "openshift-writerequestbodies",
        "openshift-none",
        "openshift-allrequestbodies",
        "recommended",
        "rke2-default",
        "talos-default",
    )
    for name in names():
        known = published(name)
        assert known.name == name
        assert min(len(known.title), len(known.source), len(known.licence)) > 0
        assert date(2026, 1, 1) <= known.date <= date(2027, 1, 1)
        assert known.text.startswith("# ")
        assert known.policy.rules


def test_the_published_eks_text_is_kept_true_although_no_new_server_loads_it() -> None:
    known = published("eks")
    assert "apiVersion: audit.k8s.io/v1beta1\n" in known.text
    assert known.note.startswith("The published text says apiVersion audit.k8s.io/v1beta1, which no kube-apiserver")
    with pytest.raises(PolicyError):
        load(known.text.encode())
    assert len(known.policy.rules) == 17


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        published("nobody")


@pytest.mark.parametrize("version", ["1.24", "1.35", None])
def test_the_recommended_policy_loads_everywhere_and_leaks_nothing(version: str | None) -> None:
    known = published("recommended")
    policy = load(known.text.encode(), version)
    coverage = grade_policy(policy, stages="outcome")
    assert policy.warnings == ()
    assert {found.grade for found in coverage.categories.values()} == {Grade.COMPLETE}
    assert coverage.notes == ()
    assert coverage.blind_spots == ()


def test_the_knowledge_of_requests_names_its_sources() -> None:
    knowledge = request_knowledge()
    assert [source.what for source in knowledge.sources] == [
        "verbs, subresources and the stages of long-running requests",
        "groups of users",
        "noise that the published policies leave out",
    ]
    assert set(knowledge.capabilities) == set(Capability)
    assert set(knowledge.categories) == set(RequestCategory)


def test_a_policy_of_500_rules_is_graded_without_exploding() -> None:
    rules = tuple(
        PolicyRule(
            Level.METADATA if number % 2 else Level.NONE,
            verbs=("get", "list", "create", "delete")[number % 4 :],
            namespaces=(f"ns{number % 37}", f"ns{number % 11}") if number % 3 else (),
            resources=(GroupResources("apps", (f"r{number % 53}", f"r{number % 17}/status"), (f"n{number % 13}",)),),
        )
        for number in range(500)
    )
    paths = tuple(PolicyRule(Level.NONE, non_resource_urls=(f"/a{number}", f"/b{number}*")) for number in range(200))
    begin = time.process_time()
    coverage = grade_policy(Policy((*rules, *paths, PolicyRule(Level.METADATA))), stages="outcome")
    assert time.process_time() - begin < 20
    assert {found.grade for found in coverage.categories.values()} == {Grade.PARTIAL}


def test_what_has_too_many_parts_is_not_listed_part_by_part() -> None:
    rules = tuple(
        PolicyRule(
            Level.NONE,
            verbs=("create",),
            namespaces=(f"ns{number}",),
            resources=(
                GroupResources("apps", (f"r{number}",), tuple(f"n{name}" for name in range(number, number + 2))),
            ),
        )
        for number in range(700)
    )
    coverage = grade_policy(Policy((*rules, PolicyRule(Level.METADATA))), stages="outcome")
    assert coverage.categories[RequestCategory.API_CALLS].lacks[Grade.MINIMUM] == (
        "parts of everything, too many to list"
    )


@pytest.mark.shared
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_sample_policies_load_and_grade_as_the_real_evaluator_says() -> None:
    """All probes of a kind recorded is "yes", none of them "no"; a failed login is judged the same way."""
    for entry in json.loads((SAMPLES / "index.json").read_text()):
        data = (SAMPLES / entry["file"]).read_bytes()
        verdict = entry["apiserver_0_34_1"]
        if verdict["load_error"]:
            with pytest.raises(PolicyError):
                load(data, "1.34")
            continue
        policy = load(data, "1.34")
        assert bool(policy.warnings) == bool(verdict["strict_warning"]), entry["file"]
        coverage = grade_policy(policy, stages="outcome")
        if entry["file"] in NAMESPACES_BEYOND_THE_PROBES or "coverage" not in entry:
            continue
        found = {one.capability: one.recorded.value for one in coverage.capabilities}
        for probe, capability in PROBES.items():
            recorded, asked = map(int, entry["coverage"][probe].split("/"))
            expected = "yes" if recorded == asked else "partly" if recorded else "no"
            assert found[capability] == expected, (entry["file"], probe)
        logins = coverage.categories[RequestCategory.AUTHENTICATION].grade
        recorded, asked = map(int, entry["coverage"]["401"].split("/"))
        assert logins >= Grade.PARTIAL or recorded == 0, entry["file"]
        assert logins < Grade.COMPLETE or recorded == asked, entry["file"]
