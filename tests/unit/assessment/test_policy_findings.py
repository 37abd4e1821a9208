"""The findings of a review: coverage, stages, reach, fields, places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from scanner.assessment.policy_findings import refused, review
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Level, Policy, PolicyRule, Position
from scanner.errors import PolicyError
from scanner.knowledge.policies import names, published
from scanner.knowledge.policy_findings import catalogue
from scanner.knowledge.resources import resource_knowledge
from scanner.model import PolicyFinding, PolicySeverity
from tests.unit.assessment.reviews import HEAD, of, reviewed

R1 = f"""{HEAD}omitStages: [RequestReceived]
rules:
  - level: RequestResponse
    resources: [{{group: "", resources: ["secrets"]}}]
  - level: Metadata
    verbs: ["create", "delete", "update", "patch"]
  - level: Metadata
    nonResourceURLs: ["/api*", "/version"]
  - level: None
    users: ["system:kube-proxy"]
"""
R2 = f"""{HEAD}rules:
  - level: Metadata
    omitStages: [RequestReceived]
  - level: RequestResponse
    verbs: ["exec"]
    resources: [{{group: "", resources: ["pods", "pods/exec"]}}]
"""
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "policies"
RECORD = "Record these requests at level Metadata, by a rule in front of those that drop them"


def messages(found: tuple[PolicyFinding, ...]) -> list[tuple[str, str]]:
    """Give severities and messages."""
    return [(one.severity.value, one.message) for one in found]


def test_the_first_remediation_policy_has_no_error() -> None:
    found = review(load(R1.encode()))
    assert [(one.severity.value, one.id, one.path) for one in found] == [
        ("warning", "capability-not-recorded", ""),
        ("info", "capability-not-recorded", ""),
        ("info", "capability-not-recorded", ""),
        ("info", "capability-not-recorded", ""),
        ("warning", "no-catch-all", "rules"),
        ("warning", "secrets-in-log", "rules[0].level"),
        ("info", "resource-path", "rules[2].nonResourceURLs[0]"),
    ]


def test_the_second_remediation_policy_has_a_rule_that_is_never_reached_and_never_matches() -> None:
    assert [(one.id, one.severity.value, one.message) for one in review(load(R2.encode()), grade="complete")] == [
        (
            "unreachable-rule",
            "warning",
            (
                "rules[1] is never reached: rules[0] matches all its requests first, at level Metadata instead of "
                "RequestResponse"
            ),
        ),
        (
            "impossible-verb",
            "warning",
            (
                "rules[1] never matches: no request that it is about has the verb exec; that is create (SPDY) or get "
                "(WebSocket) of pods/exec"
            ),
        ),
    ]


def test_a_category_below_its_grade_names_what_is_missing_and_the_rule_that_drops_it() -> None:
    found = reviewed(
        "- level: Request\n  verbs: [get]\n- {level: None, namespaces: [kube-system]}\n- level: Metadata\n"
    )
    lacks = (
        "grade partial, minimum is asked for; not recorded: create, update, patch and delete of everything in "
        "namespace kube-system; list and watch of secrets in namespace kube-system (level None in rules[1])"
    )
    assert of("category-below-grade", found) == [
        ("error", "rules[1]", f"{title}: {lacks}", RECORD)
        for title in ("authentication attempts", "API calls", "RBAC denials")
    ]


def test_a_policy_that_records_nothing_is_told_so_three_times_and_no_more() -> None:
    found = reviewed("- level: Metadata\n  users: [alice]\n")
    assert messages(found) == [
        (
            "error",
            (
                "authentication attempts: grade none, minimum is asked for; not recorded: every failed authentication: "
                "no rule matches"
            ),
        ),
        ("error", "API calls: grade none, minimum is asked for; not recorded: every API call: no rule matches"),
        (
            "error",
            "RBAC denials: grade none, minimum is asked for; not recorded: every denied request: no rule matches",
        ),
        ("warning", "no rule matches anything that ordinary users do; such requests are not recorded"),
    ]


@pytest.mark.parametrize(("grade", "errors"), [("minimum", 0), ("complete", 3)])
def test_the_grade_that_is_asked_for_decides(grade: Literal["minimum", "complete"], errors: int) -> None:
    found = review(load(R1.encode()), grade=grade)
    assert len(of("category-below-grade", found)) == errors


def test_what_an_attacker_does_first_is_told_with_what_is_less_telling_once_the_grade_is_reached() -> None:
    found = of("capability-not-recorded", review(load(R1.encode())))
    assert [(severity, message) for severity, _, message, _ in found] == [
        ("warning", "pod exec: get by WebSocket clients is not recorded"),
        ("info", "deletecollection: deletecollection of everything but secrets is not recorded"),
        (
            "info",
            (
                "impersonation: requests under another identity are recorded only where other requests of the same "
                "user are"
            ),
        ),
        ("info", "discovery: discovery paths /openapi/* are not recorded"),
    ]
    assert found[0][3] == (
        "Record get and create of pods/exec, pods/attach and pods/portforward at level Metadata, before other rules"
    )
    assert found[2][3] == ("Record all requests of the users who may impersonate: the event names both identities")
    below = reviewed("- {level: None, verbs: [get, list, watch, deletecollection]}\n- level: Metadata\n")
    assert [message for _, _, message, _ in of("capability-not-recorded", below)] == [
        "secret reads: no get, list or watch of secrets is recorded"
    ]


def test_a_rule_that_drops_reads_drops_exec_by_websocket() -> None:
    found = reviewed("- {level: None, verbs: [get, list, watch]}\n- level: Metadata\n")
    assert of("websocket-exec-dropped", found) == [
        (
            "warning",
            "rules[0]",
            "rules[0] drops get, list and watch, and with it exec, attach or port-forward by WebSocket clients (GET)",
            "Put a rule of level Metadata for pods/exec, pods/attach and pods/portforward in front of rules[0]",
        )
    ]
    both = reviewed("- {level: None, resources: [{group: '', resources: ['pods/exec']}]}\n- level: Metadata\n")
    assert of("websocket-exec-dropped", both) == []


STAGES = {
    ("omitStages: [ResponseStarted]\n", "- level: Metadata\n"): [
        (
            "error",
            "omitStages",
            (
                "the policy omits stage ResponseStarted: failed authentications leave no event, and watch, exec, log "
                "and proxy none until they end"
            ),
            "Take ResponseStarted out of omitStages",
        )
    ],
    ("omitStages: [RequestReceived]\n", "- level: Metadata\n"): [],
    ("", "- {level: Metadata, omitStages: [RequestReceived, ResponseComplete]}\n"): [
        (
            "error",
            "rules[0].omitStages",
            "rules[0] omits stage ResponseComplete: the outcome of requests is not recorded, nor their bodies",
            "Take ResponseComplete out of rules[0].omitStages",
        )
    ],
    ("", "- {level: Metadata, omitStages: [ResponseStarted], verbs: [list]}\n- level: Metadata\n"): [
        (
            "error",
            "rules[0].omitStages",
            (
                "rules[0] omits stage ResponseStarted: failed authentications leave no event, and watch, exec, log and "
                "proxy none until they end"
            ),
            "Take ResponseStarted out of rules[0].omitStages",
        )
    ],
    ("", "- {level: Metadata, omitStages: [ResponseStarted], users: [alice]}\n- level: Metadata\n"): [
        (
            "warning",
            "rules[0].omitStages",
            "rules[0] omits stage ResponseStarted: watch, exec, log and proxy leave no event until they end",
            "Take ResponseStarted out of rules[0].omitStages",
        )
    ],
    ("", "- {level: None, omitStages: [ResponseStarted], users: [alice], verbs: [get]}\n- level: Metadata\n"): [],
}


@pytest.mark.parametrize(("head", "text"), STAGES)
def test_omitted_outcome_stages(head: str, text: str) -> None:
    assert of("outcome-stage-omitted", reviewed(text, head=head)) == STAGES[head, text]


def test_every_stage_counts_where_all_are_asked_for() -> None:
    policy = load(f"{HEAD}omitStages: [RequestReceived]\nrules:\n- level: Metadata\n".encode())
    assert of("outcome-stage-omitted", review(policy, stages="all")) == [
        (
            "error",
            "omitStages",
            "the policy omits stage RequestReceived: the arrival of requests leaves no event",
            "Take RequestReceived out of omitStages",
        )
    ]
    (first, *_) = of("category-below-grade", review(policy, stages="all"))
    assert first[3] == "Take RequestReceived out of omitStages"


def test_both_outcome_stages_are_advised_of_together() -> None:
    found = reviewed("- level: Metadata\n", head="omitStages: [ResponseStarted, ResponseComplete]\n")
    assert [advice for _, _, _, advice in of("category-below-grade", found)] == [
        "Take ResponseStarted out of omitStages",
        "Take ResponseStarted and ResponseComplete out of omitStages",
        "Take ResponseStarted and ResponseComplete out of omitStages",
    ]


def test_blind_spots_are_graver_for_the_powerful_and_none_for_names_that_nobody_has() -> None:
    found = reviewed(
        "- {level: None, users: [alice], verbs: [get]}\n- {level: None, userGroups: ['system:masters']}\n"
        "- {level: None, users: ['*', 'system:nodes']}\n- level: Metadata\n"
    )
    advice = "Leave out only the requests that this identity sends all the time, by verbs and resources"
    assert of("blind-spot", found) == [
        (
            "info",
            "rules[0].users",
            "rules[0] leaves out get of everything; discovery paths and all other non-resource paths by user alice",
            advice,
        ),
        ("warning", "rules[1].userGroups", "rules[1] leaves out every request by group system:masters", advice),
    ]


def test_what_matches_no_rule_is_described() -> None:
    found = reviewed("- {level: Metadata, verbs: [create, update, patch, delete]}\n- {level: None, verbs: [get]}\n")
    assert of("no-catch-all", found) == [
        (
            "warning",
            "rules",
            (
                "no rule matches list, watch and deletecollection of everything; HEAD, POST and PUT of non-resource "
                "paths; such requests are not recorded"
            ),
            "End the rules with one of level Metadata and nothing else",
        )
    ]
    assert of("no-catch-all", reviewed("- {level: Metadata, namespaces: []}\n")) == []


def test_findings_stand_in_the_order_of_the_file_with_their_places() -> None:
    found = reviewed(
        "- resources: [{group: core}]\n  verbs: [exec]\n  level: Metadata\n- level: Metadata\n",
        head="omitStages: [ResponseStarted]\n",
    )
    assert [(one.path, one.position) for one in found] == [
        ("omitStages", Position(3, 1)),
        ("omitStages", Position(3, 1)),
        ("omitStages", Position(3, 1)),
        ("omitStages", Position(3, 1)),
        ("rules[0].resources[0].group", Position(5, 16)),
        ("rules[0].verbs[0]", Position(6, 11)),
    ]


def test_a_policy_that_was_not_read_from_a_file_has_findings_without_places() -> None:
    rules = [PolicyRule(Level.METADATA, verbs=("exec", "get", "bind"))] * 11
    found = review(Policy((*rules, PolicyRule(Level.METADATA))))
    assert {one.position for one in found} == {None}
    values = [one.path for one in found if one.id == "impossible-verb"]
    assert values[:3] == ["rules[0].verbs[0]", "rules[0].verbs[2]", "rules[1].verbs[0]"]
    assert values[-2:] == ["rules[10].verbs[0]", "rules[10].verbs[2]"]


REFUSED = {
    "rules:\n- level: Full\n": ("rules[0].level", "Write one of None, Metadata, Request and RequestResponse"),
    "omitStages: [responsestarted]\nrules:\n- level: Metadata\n": (
        "omitStages[0]",
        "Write RequestReceived, ResponseStarted, ResponseComplete or Panic, in these very letters",
    ),
    "rules:\n- level: Metadata\n  nonResourceURLs: [metrics]\n": (
        "rules[0].nonResourceURLs[0]",
        "Let each path begin with / and have no * but at its end, in a rule without resources",
    ),
    "rules:\n- level: Metadata\n  resources: [{group: apps/v1}]\n": (
        "rules[0].resources.group",
        'Write the group without its version, such as apps; "*" needs Kubernetes 1.36',
    ),
    "rules:\n- level: Metadata\n  resources: [{resourceNames: [a]}]\n": (
        "rules[0].resources.resourceNames",
        "Name the resources beside resourceNames",
    ),
    "rules: []\n": ("", "add at least one rule"),
    "rules: 1\n": ("rules", "Mend the file; kube-apiserver does not start with it"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_refused_policy_is_an_error_with_its_place_and_what_to_write(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load((HEAD + text).encode(), source="audit-policy.yaml")
    found = refused(caught.value)
    path, advice = REFUSED[text]
    assert (found.id, found.severity, found.path, found.advice) == (
        "policy-refused",
        PolicySeverity.ERROR,
        path,
        advice,
    )
    assert found.message == f"kube-apiserver refuses the policy: {caught.value.what}"


def test_a_refused_policy_has_the_position_of_the_error() -> None:
    assert refused(PolicyError("bad", where="rules[0].level", line=3, column=7)).position == Position(3, 7)
    assert refused(PolicyError("bad", where="line 3")).position is None


def test_published_policies_have_no_error_but_the_one_that_drops_everything() -> None:
    errors = {
        name for name in names() for one in review(published(name).policy) if one.severity is PolicySeverity.ERROR
    }
    assert errors == {"openshift-none", "rke2-default"}
    assert review(published("recommended").policy, grade="complete") == ()


def test_the_data_files_name_their_sources() -> None:
    assert [one.what for one in resource_knowledge().sources] == [
        "resources, subresources, scopes and short names of v1.36, alpha versions included",
        "what older versions served",
        "metrics.k8s.io",
    ]
    assert all(one.why.endswith(".") and not one.title.endswith(".") for one in catalogue().values())


LINT = {
    "no-catch-all": "no-catch-all",
    "resource-in-wrong-group": "wrong-api-group",
    "unknown-resource-field": "unknown-field",
    "unknown-rule-field": "unknown-field",
    "removed-apiVersion": "policy-refused",
    "bad-level": "policy-refused",
    "bad-stage": "policy-refused",
    "no-rules": "policy-refused",
    "None-all-reads": "websocket-exec-dropped",
    "rule": "outcome-stage-omitted",
    "omit-ResponseStarted-globally": "outcome-stage-omitted",
    "singular-resource": "not-a-plural",
    "verbs-wildcard-dead": "no-wildcard",
    "virtual-verb-never-an-audit-verb": "impossible-verb",
    "unreachable-after-catch-all": "unreachable-rule",
    "shadowed-rule": "unreachable-rule",
    "None for system:authenticated": "blind-spot",
    "None for admin user": "blind-spot",
    "None for all of kube-system": "category-below-grade",
}


def mapped(lint: str) -> str | None:
    """Give the finding that a remark of the samples' index asks for; None where it asks for none."""
    if "/" in lint.rpartition(" ")[2] and lint.rpartition(":")[2].split("/")[0] not in {"core", "apps"}:
        return None  # a group that is not Kubernetes' own may hold any resource
    return next((kind for start, kind in LINT.items() if lint.startswith(start)), None)


@pytest.mark.shared
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_every_remark_on_a_sample_has_a_finding() -> None:
    for entry in json.loads((SAMPLES / "index.json").read_text()):
        try:
            policy = load((SAMPLES / entry["file"]).read_bytes(), "1.34")
        except PolicyError as error:
            kinds = {refused(error).id}
        else:
            kinds = {one.id for one in review(policy)}
        expected = {mapped(lint) for lint in entry.get("lint") or ()} - {None}
        if "policy-refused" in kinds:
            expected &= {"policy-refused"}
        if "capability-not-recorded" in kinds:  # where no exec at all is recorded, that is what is told
            expected -= {"websocket-exec-dropped"}
        assert expected <= kinds, entry["file"]
