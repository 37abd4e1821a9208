"""Findings on rules: reach, fields, what they miss."""

from __future__ import annotations

import pytest

from scanner.assessment.policy_findings import review
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Position
from tests.unit.assessment.reviews import of, reviewed

HIDDEN = {
    "- level: Metadata\n- {level: RequestResponse, verbs: [get]}\n": (
        "warning",
        "rules[1]",
        (
            "rules[1] is never reached: rules[0] matches all its requests first, at level Metadata instead of "
            "RequestResponse"
        ),
        "Put rules[1] in front of rules[0], or remove it",
    ),
    "- {level: Metadata, omitStages: [RequestReceived]}\n- {level: Metadata, verbs: [get]}\n": (
        "warning",
        "rules[1]",
        "rules[1] is never reached: rules[0] matches all its requests first, with other omitStages",
        "Put rules[1] in front of rules[0], or remove it",
    ),
    "- level: Metadata\n- {level: Metadata, verbs: [get]}\n": (
        "info",
        "rules[1]",
        "rules[1] is never reached: rules[0] matches all its requests first",
        "Remove rules[1]; its requests are recorded the same way without it",
    ),
    "- {level: None, verbs: [get]}\n- {level: Metadata, verbs: [list]}\n- {level: Request, verbs: [get, list]}\n"
    "- level: Metadata\n": (
        "warning",
        "rules[2]",
        (
            "rules[2] is never reached: rules[0] and rules[1] match all its requests first, at level None and Metadata "
            "instead of Request"
        ),
        "Put rules[2] in front of rules[0], or remove it",
    ),
}


@pytest.mark.parametrize("text", HIDDEN)
def test_hidden_rules(text: str) -> None:
    assert of("unreachable-rule", reviewed(text)) == [HIDDEN[text]]


def test_rules_that_no_real_user_reaches() -> None:
    found = reviewed(
        "- {level: Metadata, userGroups: ['system:authenticated']}\n- {level: Request, users: [alice]}\n"
        "- {level: Request, users: ['system:anonymous'], userGroups: ['system:masters']}\n- level: Metadata\n"
    )
    assert of("unreachable-rule", found) == []
    assert of("unreachable-for-real-users", found) == [
        (
            "warning",
            "rules[1]",
            "rules[1] is reached by no real user: rules[0] matches all their requests first",
            "Put rules[1] in front of rules[0], or remove it",
        ),
        (
            "warning",
            "rules[2]",
            "rules[2] is reached by no real user: nobody is user system:anonymous and in group system:masters",
            "Take users or userGroups out of rules[2], or make two rules of it",
        ),
    ]


APPS = "so that rules[0] matches every request for anything in the API group apps, at level None"
FIELDS = {
    "Verbs: [get]": ("rules[0].Verbs is no field of a rule", "Write verbs instead of Verbs"),
    "namespace: [a]": ("rules[0].namespace is no field of a rule", "Write namespaces instead of namespace"),
    "stages: [a]": ("rules[0].stages is no field of a rule", "Write omitStages instead of stages"),
    "objectRef: {}": ("rules[0].objectRef is no field of a rule", "Write resources instead of objectRef"),
    "nonsense: 1": (
        "rules[0].nonsense is no field of a rule",
        "Remove rules[0].nonsense, or say what it means by verbs, users, namespaces and resources",
    ),
    "rules: []": ("rules[0].rules is no field of a rule", "Move it: rules is a field of the policy itself"),
    "resourceNames: [a]": (
        "rules[0].resourceNames is no field of a rule",
        "Move it: resourceNames is a field of rules[0].resources[…]",
    ),
}


@pytest.mark.parametrize("field", FIELDS)
def test_an_unknown_field_is_told_with_what_the_rule_does_without_it(field: str) -> None:
    found = reviewed(f"- level: None\n  resources: [{{group: apps}}]\n  {field}\n- level: Metadata\n")
    what, advice = FIELDS[field]
    path = what.split(" ")[0]
    assert of("unknown-field", found) == [("warning", path, f"{what}; kube-apiserver ignores it, {APPS}", advice)]


def test_an_unknown_field_of_an_entry_is_told_with_what_the_entry_matches() -> None:
    found = reviewed(
        "- level: Metadata\n  namespaces: [a]\n  resources:\n  - {group: '', resources: [pods]}\n"
        "  - {group: apps, resource: [deployments], verbs: [get]}\n- level: Metadata\n"
    )
    is_now = "rules[0] matches every request for anything in the API group apps in namespace a, at level Metadata"
    lead = "is no field of a rule's resources entry; kube-apiserver ignores it, so that"
    assert of("unknown-field", found) == [
        (
            "warning",
            "rules[0].resources[1].resource",
            f"rules[0].resources[1].resource {lead} {is_now}",
            "Write resources instead of resource",
        ),
        (
            "warning",
            "rules[0].resources[1].verbs",
            f"rules[0].resources[1].verbs {lead} {is_now}",
            "Move it: verbs is a field of rules[0]",
        ),
    ]


WIDENED = {
    "{level: None, verb: [x], users: [alice], userGroups: [dev], nonResourceURLs: [/metrics, '/x*']}": (
        "every request to /metrics and /x* by user alice in group dev"
    ),
    '{level: None, verb: [x], resources: [{group: "*", resources: ["*"]}]}': (
        "every request for anything in all API groups"
    ),
    "{level: None, user: [x], verbs: [get, list], namespaces: [a, ''], resources: [{group: ''}, {group: apps, "
    "resources: [deployments], resourceNames: [x]}]}": (
        "every get and list request for anything in the core API group and deployments of the API group apps named x "
        'in namespaces a and ""'
    ),
    "{level: None, user: [x], namespaces: [a, b, c, d, e, f, g, h]}": (
        "every request in namespaces a, b, c, d, e, f and 2 more"
    ),
}


@pytest.mark.parametrize("rule", WIDENED)
def test_what_a_rule_matches_is_said_in_words(rule: str) -> None:
    ((_, _, message, _),) = of("unknown-field", reviewed(f"- {rule}\n- level: Metadata\n"))
    assert message.partition(", so that ")[2] == f"rules[0] matches {WIDENED[rule]}, at level None"


def test_unknown_fields_of_the_policy_and_of_its_metadata() -> None:
    found = reviewed("- level: Metadata\n", head="omitStage: [a]\nverbs: [get]\nwhatever: 1\nmetadata: {foo: bar}\n")
    assert of("unknown-field", found) == [
        (
            "warning",
            "omitStage",
            "omitStage is no field of a policy; kube-apiserver ignores it",
            "Write omitStages instead of omitStage",
        ),
        (
            "warning",
            "verbs",
            "verbs is no field of a policy; kube-apiserver ignores it",
            "Move it: verbs is a field of a rule",
        ),
        ("warning", "whatever", "whatever is no field of a policy; kube-apiserver ignores it", "Remove whatever"),
        (
            "info",
            "metadata.foo",
            "metadata.foo is no field of an object's metadata; kube-apiserver ignores it",
            "Remove metadata.foo",
        ),
    ]


def test_a_field_that_stands_twice() -> None:
    text = '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None", "level": "Metadata"}]}'
    assert of("duplicate-field", review(load(text.encode()))) == [
        (
            "warning",
            "rules[0].level",
            "rules[0].level stands twice; the last one counts, and lists and objects are mixed",
            "Leave one of them",
        )
    ]
    (found,) = [one for one in reviewed("- level: None\n  level: Metadata\n") if one.id == "duplicate-field"]
    assert (found.message, found.position) == ("level stands twice (line 5); the last one counts", Position(5, 3))


def test_a_field_that_a_merge_brings_once_more() -> None:
    policy = (
        "- &one\n  level: None\n  verbs: [get]\n- <<: *one\n  verbs:\n    - list\n- level: Metadata\n  <<: [*one]\n"
    )
    found = [one for one in reviewed(policy) if one.id == "duplicate-field"]
    message = "{} stands twice (line {}), once in a mapping that << merges; the last one counts"
    assert [(one.message, one.position) for one in found] == [
        (message.format("verbs", 8), Position(8, 3)),
        (message.format("level", 11), Position(11, 8)),
    ]


def test_lists_over_all_namespaces_are_missed_where_no_other_rule_records_them() -> None:
    rule = "- {level: Metadata, namespaces: [a], verbs: [get, list], resources: [{group: '', resources: [pods]}]}\n"
    assert of(
        "all-namespace-lists-missed", reviewed(f"{rule}- {{level: None, verbs: [list]}}\n- level: Metadata\n")
    ) == [
        (
            "warning",
            "rules[0].namespaces",
            'rules[0] misses list over all namespaces, whose namespace is ""; not recorded because of rules[1]',
            'Add "" to rules[0].namespaces, or leave namespaces out',
        )
    ]
    assert of("all-namespace-lists-missed", reviewed(f"{rule}- level: Metadata\n")) == []
    nodes = rule.replace("pods", "nodes")
    assert of("all-namespace-lists-missed", reviewed(nodes)) == []
    writes = rule.replace("get, list", "create")
    assert of("all-namespace-lists-missed", reviewed(writes)) == []


def test_requests_without_a_name_are_missed_by_resource_names() -> None:
    rule = "- {level: Metadata, resources: [{group: ''}, {group: '', resources: [secrets], resourceNames: [a]}]}\n"
    alone = "- {level: Metadata, resources: [{group: '', resources: [secrets], resourceNames: [a]}]}\n"
    assert of("nameless-requests-missed", reviewed(rule)) == []
    assert of("nameless-requests-missed", reviewed(f"{alone}- {{level: None, verbs: [list]}}\n")) == [
        (
            "info",
            "rules[0].resources[0].resourceNames",
            (
                "rules[0] misses list, watch, create and deletecollection without a name: resourceNames do not match "
                "them; not recorded because of rules[1] and no matching rule"
            ),
            "Add a rule without resourceNames behind rules[0] for them",
        )
    ]
    for harmless in (alone.replace("Metadata,", "Metadata, verbs: [get],"), alone.replace("secrets", "pods/exec")):
        assert of("nameless-requests-missed", reviewed(harmless)) == []
