"""Grades, and the words for what the next grade lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scanner.assessment.grading import grade_policy
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Level, Policy, PolicyRule, Stage
from scanner.knowledge.policies import names, published
from scanner.model import (
    BlindSpot,
    Capability,
    CategoryCoverage,
    Evidence,
    Grade,
    Note,
    NoteSeverity,
    PolicyCoverage,
    Recorded,
    RequestCategory,
)

AUTHENTICATION, API_CALLS, RBAC_DENIALS = RequestCategory
VECTORS = Path(__file__).parents[2] / "vectors"

R1 = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: RequestResponse
    resources: [{group: "", resources: ["secrets"]}]
  - level: Metadata
    verbs: ["create", "delete", "update", "patch"]
  - level: Metadata
    nonResourceURLs: ["/api*", "/version"]
  - level: None
    users: ["system:kube-proxy"]
"""
R2 = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metadata            # log all requests at Metadata level
    omitStages: [RequestReceived]
  - level: RequestResponse     # log pod exec at RequestResponse level (never reached: the rule above matches first)
    verbs: ["exec"]            # (and no request has the verb "exec": exec is create or get on pods/exec)
    resources: [{group: "", resources: ["pods", "pods/exec"]}]
"""
OUTCOME_STAGES = (Stage.RESPONSE_STARTED, Stage.RESPONSE_COMPLETE)
EVERYTHING_BUT_WRITES = (
    "get, list and watch of everything; deletecollection of everything; exec, attach, port-forward and proxy by GET; "
    "discovery paths and all other non-resource paths"
)


def rules(text: str, *, head: str = "") -> Policy:
    """Read a policy from its rules."""
    return load(f"apiVersion: audit.k8s.io/v1\nkind: Policy\n{head}rules:\n{text}".encode())


def graded(text: str, *, head: str = "", anonymous: bool | None = True) -> PolicyCoverage:
    """Grade a policy by its rules."""
    return grade_policy(rules(text, head=head), stages="outcome", anonymous=anonymous, source="policy.yaml")


def grades(coverage: PolicyCoverage) -> tuple[str, ...]:
    """Give the three grades."""
    return tuple(coverage.categories[category].grade.label for category in RequestCategory)


def capability(coverage: PolicyCoverage, which: Capability) -> tuple[Recorded, Level | None, str]:
    """Give one capability."""
    found = next(one for one in coverage.capabilities if one.capability is which)
    return found.recorded, found.level, found.reason


def test_the_first_remediation_policy_is_exactly_a_minimum() -> None:
    coverage = grade_policy(load(R1.encode()), stages="outcome", source="r1.yaml")
    for category in RequestCategory:
        assert coverage.categories[category] == CategoryCoverage(
            grade=Grade.MINIMUM,
            level=Level.METADATA,
            stages_kept=OUTCOME_STAGES,
            stages_omitted=(Stage.REQUEST_RECEIVED,),
            lacks={
                Grade.COMPLETE: (
                    "get, list and watch of everything but secrets; deletecollection of everything but secrets; exec, "
                    "attach, port-forward and proxy by GET; non-resource paths but /api*"
                )
            },
            rules=(None,),
        )
    assert [(one.capability, one.recorded, one.level, one.reason) for one in coverage.capabilities] == [
        (
            Capability.SECRET_READS,
            Recorded.YES,
            Level.REQUEST_RESPONSE,
            "every get, list or watch of secrets is recorded",
        ),
        (Capability.POD_CREATION, Recorded.YES, Level.METADATA, "every create of pods is recorded"),
        (Capability.POD_EXEC, Recorded.PARTLY, Level.METADATA, "get by WebSocket clients is not recorded"),
        (Capability.RBAC_CHANGES, Recorded.YES, Level.METADATA, "every change of roles and bindings is recorded"),
        (
            Capability.TOKEN_REQUESTS,
            Recorded.YES,
            Level.METADATA,
            "every request for a service account token is recorded",
        ),
        (
            Capability.DELETECOLLECTION,
            Recorded.PARTLY,
            Level.REQUEST_RESPONSE,
            "deletecollection of everything but secrets is not recorded",
        ),
        (
            Capability.IMPERSONATION,
            Recorded.PARTLY,
            Level.METADATA,
            (
                "deletecollection of everything but secrets and get, list and watch of everything but secrets are not "
                "recorded"
            ),
        ),
        (Capability.DISCOVERY, Recorded.PARTLY, Level.METADATA, "discovery paths /openapi/* are not recorded"),
    ]
    assert coverage.blind_spots == ()
    assert coverage.notes == (
        Note(
            NoteSeverity.INFO,
            "rules[2].nonResourceURLs[0]: /api* matches discovery only, no request for a resource",
            (Evidence("r1.yaml", "line 9, rules[2]", "level: Metadata, nonResourceURLs: [/api*, /version]"),),
        ),
        Note(
            NoteSeverity.WARNING,
            "rules[0] writes the contents of secrets into the audit log (level RequestResponse)",
            (
                Evidence(
                    "r1.yaml",
                    "line 5, rules[0]",
                    'level: RequestResponse, resources: [{group: "", resources: [secrets]}]',
                ),
            ),
        ),
    )


def test_the_second_remediation_policy_is_complete() -> None:
    coverage = grade_policy(load(R2.encode()), stages="outcome", source="r2.yaml")
    for category in RequestCategory:
        assert coverage.categories[category] == CategoryCoverage(
            Grade.COMPLETE, Level.METADATA, OUTCOME_STAGES, (Stage.REQUEST_RECEIVED,), {}, ()
        )
    assert {one.recorded for one in coverage.capabilities} == {Recorded.YES}
    assert [note.text for note in coverage.notes] == [
        (
            "rules[1] is never reached: rules[0] matches all its requests first, at level Metadata instead of "
            "RequestResponse"
        ),
        (
            "rules[1] never matches: no request that it is about has the verb exec; that is create (SPDY) or get "
            "(WebSocket) of pods/exec"
        ),
    ]


@pytest.mark.parametrize("text", [R1, R2])
def test_the_remediation_policies_fall_short_when_all_three_stages_are_asked_for(text: str) -> None:
    coverage = grade_policy(load(text.encode()), stages="all")
    assert grades(coverage) == ("none", "none", "none")
    lacks = [coverage.categories[category].lacks[Grade.MINIMUM] for category in RequestCategory]
    assert [lack.partition(": ")[0] for lack in lacks] == [
        "every failed authentication",
        "every API call",
        "every denied request",
    ]
    assert all("stage RequestReceived is omitted" in lack for lack in lacks)


def test_all_three_stages_kept_is_complete_to_the_letter() -> None:
    coverage = grade_policy(rules("- level: Request\n"), stages="all")
    assert grades(coverage) == ("complete", "complete", "complete")
    assert coverage.categories[API_CALLS].level is Level.REQUEST
    assert coverage.categories[API_CALLS].stages_kept == (Stage.REQUEST_RECEIVED, *OUTCOME_STAGES)


PUBLISHED = {
    "eks": ("complete", "complete", "complete"),
    "aks": ("complete", "complete", "complete"),
    "gce": ("complete", "complete", "complete"),
    "kubespray": ("complete", "complete", "complete"),
    "eks-anywhere": ("minimum", "minimum", "minimum"),
    "openshift-default": ("complete", "minimum", "minimum"),
    "openshift-writerequestbodies": ("complete", "minimum", "minimum"),
    "openshift-none": ("none", "none", "none"),
    "openshift-allrequestbodies": ("complete", "minimum", "minimum"),
    "recommended": ("complete", "complete", "complete"),
    "rke2-default": ("none", "none", "none"),
    "talos-default": ("complete", "complete", "complete"),
}


@pytest.mark.parametrize("name", names())
def test_published_policies(name: str) -> None:
    coverage = grade_policy(published(name).policy, stages="outcome")
    assert grades(coverage) == PUBLISHED[name]
    if not name.startswith("openshift"):
        assert coverage.blind_spots == ()


def test_what_published_policies_lack() -> None:
    def lacks(name: str) -> str:
        return grade_policy(published(name).policy, stages="outcome").categories[API_CALLS].lacks[Grade.COMPLETE]

    assert lacks("eks-anywhere") == "get of nodes and nodes/status"
    assert lacks("openshift-default") == "discovery paths /api*"
    assert lacks("openshift-none") == "every API call: level None in rules[0] and rules[2]"


def test_the_example_of_the_kubernetes_documentation_hides_one_configmap_and_discovery_from_users() -> None:
    policy = load((VECTORS / "policies" / "k8s-docs.yaml").read_bytes())
    coverage = grade_policy(policy, stages="outcome", source="docs.yaml")
    assert grades(coverage) == ("partial", "partial", "partial")
    lacks = coverage.categories[API_CALLS].lacks
    assert lacks[Grade.MINIMUM] == "create, update, patch and delete of configmaps named controller-leader"
    assert lacks[Grade.COMPLETE].endswith("; discovery paths /api*")
    assert coverage.categories[API_CALLS].rules == (2,)
    others = coverage_without(policy, 2)
    assert grades(others) == ("complete", "minimum", "minimum")
    assert others.categories[API_CALLS].lacks == {Grade.COMPLETE: "discovery paths /api*"}
    assert others.categories[RBAC_DENIALS].lacks == {
        Grade.COMPLETE: "for people and service accounts: discovery paths /api*"
    }
    assert others.categories[API_CALLS].rules == (3,)


def coverage_without(policy: Policy, rule: int) -> PolicyCoverage:
    """Grade a policy without one of its rules."""
    rules = (*policy.rules[:rule], *policy.rules[rule + 1 :])
    return grade_policy(replace(policy, rules=rules), stages="outcome", source="docs.yaml")


def test_a_policy_that_drops_everything() -> None:
    coverage = graded("- level: None\n")
    lack = "every failed authentication: level None in rules[0]"
    assert coverage.categories[AUTHENTICATION] == CategoryCoverage(
        Grade.NONE, None, (), (), dict.fromkeys((Grade.PARTIAL, Grade.MINIMUM, Grade.COMPLETE), lack), (0,)
    )
    assert grades(coverage) == ("none", "none", "none")
    assert capability(coverage, Capability.SECRET_READS) == (
        Recorded.NO,
        None,
        "no get, list or watch of secrets is recorded",
    )


def test_without_any_matching_rule_nothing_is_recorded() -> None:
    coverage = graded("- level: Metadata\n  users: [alice]\n")
    assert coverage.categories[API_CALLS].lacks[Grade.PARTIAL] == "every API call: no rule matches"
    mixed = graded("- {level: None, verbs: [get]}\n- {level: Metadata, users: [alice]}\n")
    assert mixed.categories[API_CALLS].lacks[Grade.PARTIAL] == (
        "every API call: level None in rules[0], or no rule matches"
    )


def test_omitting_response_started_hides_every_failed_authentication() -> None:
    coverage = graded("- level: Metadata\n", head="omitStages: [RequestReceived, ResponseStarted]\n")
    lack = "every failed authentication: stage ResponseStarted is omitted"
    assert coverage.categories[AUTHENTICATION].lacks == dict.fromkeys(
        (Grade.PARTIAL, Grade.MINIMUM, Grade.COMPLETE), lack
    )
    assert coverage.categories[AUTHENTICATION].stages_kept == (Stage.RESPONSE_COMPLETE,)
    assert coverage.categories[AUTHENTICATION].stages_omitted == (Stage.REQUEST_RECEIVED, Stage.RESPONSE_STARTED)
    calls = coverage.categories[API_CALLS]
    assert (calls.grade, calls.lacks[Grade.MINIMUM]) == (
        Grade.PARTIAL,
        (
            "create, update, patch and delete of */attach, */exec, */log, */portforward and */proxy; watch of secrets: "
            "stage ResponseStarted is omitted"
        ),
    )
    assert capability(coverage, Capability.POD_EXEC)[0] is Recorded.YES


def test_omitting_response_complete_hides_calls_but_not_failed_authentication() -> None:
    coverage = graded("- level: Metadata\n", head="omitStages: [ResponseComplete]\n")
    assert grades(coverage) == ("complete", "none", "none")
    assert coverage.categories[API_CALLS].lacks[Grade.MINIMUM] == "every API call: stage ResponseComplete is omitted"
    both = graded("- level: Metadata\n", head="omitStages: [ResponseStarted, ResponseComplete]\n")
    assert both.categories[API_CALLS].lacks[Grade.MINIMUM] == (
        "every API call: stages ResponseStarted and ResponseComplete are omitted"
    )


def test_denials_are_judged_on_anonymous_unless_there_is_none() -> None:
    text = "- {level: Metadata, userGroups: ['system:authenticated']}\n"
    assert grades(graded(text)) == ("none", "complete", "partial")
    assert graded(text).categories[RBAC_DENIALS].lacks[Grade.MINIMUM] == (
        "for system:anonymous: create, update, patch and delete of everything; get, list and watch of secrets"
    )
    assert grades(graded(text, anonymous=None)) == ("none", "complete", "partial")
    assert grades(graded(text, anonymous=False)) == ("none", "complete", "complete")


LACKS = {
    "- {level: Metadata, verbs: [create, update, patch, delete]}\n": (
        Grade.PARTIAL,
        {
            Grade.MINIMUM: "get, list and watch of secrets",
            Grade.COMPLETE: (
                "get, list and watch of everything; deletecollection of everything; exec, attach, port-forward and "
                "proxy by GET; discovery paths and all other non-resource paths"
            ),
        },
    ),
    "- {level: Metadata, resources: [{group: apps}, {group: '', resources: [pods]}]}\n": (
        Grade.PARTIAL,
        {
            Grade.MINIMUM: (
                "create, update, patch and delete of everything but the API group apps and pods; "
                "get, list and watch of secrets"
            ),
        },
    ),
    "- {level: None, namespaces: [kube-system]}\n- level: Metadata\n": (
        Grade.PARTIAL,
        {
            Grade.MINIMUM: (
                "create, update, patch and delete of everything in namespace kube-system; get, list and watch of "
                "secrets in namespace kube-system"
            ),
        },
    ),
    "- {level: Metadata, namespaces: [a, b]}\n": (
        Grade.PARTIAL,
        {
            Grade.MINIMUM: (
                "create, update, patch and delete of everything outside namespaces a and b; get, list and watch of "
                "secrets outside namespaces a and b"
            ),
        },
    ),
    "- {level: None, resources: [{group: '', resources: ['pods/*']}]}\n- level: Metadata\n": (
        Grade.PARTIAL,
        {
            Grade.MINIMUM: "create, update, patch and delete of pods with all subresources",
            Grade.COMPLETE: (
                "create, update, patch and delete of pods with all subresources; get, list and watch of pods with all "
                "subresources; deletecollection of pods with all subresources; get of pods/attach, pods/exec, "
                "pods/portforward and pods/proxy"
            ),
        },
    ),
    "- {level: None, verbs: [delete], namespaces: [''], resources: [{group: apps, resources: [a]}, {group: x, "
    "resources: [a]}]}\n- level: Metadata\n": (
        Grade.PARTIAL,
        {Grade.MINIMUM: "delete of a of the API groups apps and x in cluster-wide requests"},
    ),
    "- {level: Metadata, namespaces: ['']}\n": (
        Grade.PARTIAL,
        {
            Grade.MINIMUM: (
                "create, update, patch and delete of everything in any namespace; get, list and watch of secrets in "
                "any namespace"
            ),
        },
    ),
    "- {level: Metadata, resources: [{group: apps, resources: ['pods/*']}, {group: '', resources: ['*/exec']}]}\n"
    "- {level: None, resources: [{group: apps, resources: [a/b]}]}\n"
    "- {level: Metadata, verbs: [create, update, patch, delete]}\n": (
        Grade.PARTIAL,
        {Grade.MINIMUM: "create, update, patch and delete of a/b.apps; get, list and watch of secrets"},
    ),
    "- {level: None, verbs: [get, delete], resources: [{group: apps, resources: ['*/scale', deployments]}]}\n"
    "- level: Metadata\n": (
        Grade.PARTIAL,
        {
            Grade.MINIMUM: (
                "delete of */scale of the API group apps but deployments, deployments.apps and deployments/scale.apps"
            )
        },
    ),
    "- {level: None, verbs: [get], nonResourceURLs: [/metrics]}\n- level: Metadata\n": (
        Grade.MINIMUM,
        {Grade.COMPLETE: "paths /metrics"},
    ),
    "- {level: None, nonResourceURLs: [/api, '/api/*', /apis, '/apis/*', '/openapi/*']}\n- level: Metadata\n": (
        Grade.MINIMUM,
        {Grade.COMPLETE: "discovery paths"},
    ),
    "- {level: None, verbs: [post, head], nonResourceURLs: ['*']}\n- level: Metadata\n": (
        Grade.MINIMUM,
        {Grade.COMPLETE: "HEAD and POST of non-resource paths"},
    ),
    "- {level: None, verbs: [get], resources: [{group: '', resources: [secrets], resourceNames: [a]}]}\n"
    "- level: Metadata\n": (
        Grade.PARTIAL,
        {Grade.MINIMUM: "get of secrets named a", Grade.COMPLETE: "get of secrets named a"},
    ),
}


@pytest.mark.parametrize("text", LACKS)
def test_what_the_next_grade_lacks(text: str) -> None:
    grade, lacks = LACKS[text]
    found = graded(text).categories[API_CALLS]
    assert found.grade is grade
    for above, words in lacks.items():
        assert found.lacks[above] == words


def test_known_noise_costs_no_grade() -> None:
    text = """
- level: None
  resources:
  - {group: "", resources: [events]}
  - {group: coordination.k8s.io}
  - {group: authorization.k8s.io, resources: [subjectaccessreviews]}
- level: None
  nonResourceURLs: ["/healthz*", "/livez/*", /version]
- level: Metadata
"""
    assert grades(graded(text)) == ("complete", "complete", "complete")
    wider = graded(text.replace("coordination.k8s.io", "rbac.authorization.k8s.io")).categories[API_CALLS]
    assert wider.lacks[Grade.MINIMUM] == "create, update, patch and delete of the API group rbac.authorization.k8s.io"


def test_locks_of_leader_election_are_noise_from_the_components_that_renew_them_only() -> None:
    locks = 'resources: [{group: "", resources: [configmaps, endpoints], resourceNames: [kube-scheduler]}]'
    theirs = f"- {{level: None, users: ['system:kube-scheduler'], {locks}}}\n- level: Metadata\n"
    assert grades(graded(theirs)) == ("complete", "complete", "complete")
    found = graded(f"- {{level: None, {locks}}}\n- level: Metadata\n")
    assert grades(found) == ("partial", "partial", "partial")
    assert "kube-scheduler" in found.categories[API_CALLS].lacks[Grade.MINIMUM]


def test_a_rule_for_a_group_that_no_server_has_counts_for_nothing() -> None:
    core = "- {level: Metadata, resources: [{group: core}, {group: v1, resources: [secrets]}]}\n"
    found = graded(core)
    assert grades(found) == ("none", "none", "none")
    assert found.categories[API_CALLS].lacks[Grade.PARTIAL] == "every API call: no rule matches"
    some = graded(f"{core}- {{level: Metadata, resources: [{{group: '', resources: [pods]}}]}}\n")
    assert grades(some) == ("partial", "partial", "partial")
    assert "everything but pods;" in some.categories[API_CALLS].lacks[Grade.MINIMUM]
    dropped = graded("- {level: None, resources: [{group: core, resources: [secrets]}]}\n- level: Metadata\n")
    assert grades(dropped) == ("complete", "complete", "complete")


@pytest.mark.parametrize(
    "group", ["events.k8s.io", "coordination.k8s.io", "authentication.k8s.io", "authorization.k8s.io"]
)
def test_a_group_that_holds_only_noise_may_be_left_out_whole(group: str) -> None:
    text = f"- {{level: None, resources: [{{group: {group}}}]}}\n- level: Metadata\n"
    assert grades(graded(text)) == ("complete", "complete", "complete")


def test_recording_only_noise_is_none() -> None:
    assert grades(graded("- {level: Metadata, resources: [{group: '', resources: [events]}]}\n")) == ("none",) * 3


def test_capabilities_name_whose_requests_are_missing() -> None:
    coverage = graded("- {level: None, userGroups: ['system:serviceaccounts']}\n- level: Request\n")
    assert capability(coverage, Capability.POD_CREATION) == (
        Recorded.PARTLY,
        Level.REQUEST,
        "create of pods by service accounts is not recorded",
    )
    partly = graded(
        "- {level: None, verbs: [watch]}\n- {level: None, namespaces: [a], verbs: [create]}\n- level: Metadata\n"
    )
    assert capability(partly, Capability.SECRET_READS)[2] == "watch of secrets is not recorded"
    assert capability(partly, Capability.POD_EXEC)[2] == (
        "create of pods/attach in namespace a, pods/exec in namespace a and pods/portforward in namespace a "
        "is not recorded"
    )


def test_blind_spots_name_identity_rule_and_what_is_lost() -> None:
    text = """- {level: None, users: [alice, kubernetes-admin]}
- {level: None, userGroups: ['system:serviceaccounts']}
- level: Metadata
  users: ['system:serviceaccount:kube-system:gc', bob]
  verbs: [get]
  omitStages: [ResponseComplete]
- {level: None, users: ['system:kube-proxy'], verbs: [watch], resources: [{group: '', resources: [endpoints]}]}
- level: Metadata
"""
    coverage = graded(text)
    assert coverage.blind_spots == (
        BlindSpot(
            "group system:serviceaccounts",
            grave=True,
            what="every request",
            evidence=Evidence("policy.yaml", "line 5, rules[1]", "level: None, userGroups: [system:serviceaccounts]"),
        ),
        BlindSpot(
            "user kubernetes-admin",
            grave=True,
            what="every request",
            evidence=Evidence("policy.yaml", "line 4, rules[0]", "level: None, users: [alice, kubernetes-admin]"),
        ),
        BlindSpot(
            "user alice",
            grave=False,
            what="every request",
            evidence=Evidence("policy.yaml", "line 4, rules[0]", "level: None, users: [alice, kubernetes-admin]"),
        ),
        BlindSpot(
            "user bob",
            grave=False,
            what="get of everything; discovery paths and all other non-resource paths",
            evidence=Evidence(
                "policy.yaml",
                "line 6, rules[2]",
                "level: Metadata, users: [system:serviceaccount:kube-system:gc, bob], verbs: [get], "
                "omitStages: [ResponseComplete]",
            ),
        ),
    )
    assert grades(coverage) == ("complete", "partial", "partial")


def test_a_dropped_group_of_everybody_is_a_grave_blind_spot() -> None:
    (spot,) = graded("- {level: None, userGroups: ['system:authenticated']}\n- level: Metadata\n").blind_spots
    assert (spot.identity, spot.grave, spot.what) == ("group system:authenticated", True, "every request")


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        ("user system:anonymous", "users: ['system:anonymous']"),
        ("group system:unauthenticated", "userGroups: ['system:unauthenticated']"),
        ("user system:node:n1", "users: ['system:node:n1'], userGroups: ['system:nodes']"),
        ("user system:serviceaccount:a:b", "users: ['system:serviceaccount:a:b']"),
        ("user system:serviceaccount:odd", "users: ['system:serviceaccount:odd']"),
        ("group system:serviceaccounts:a", "userGroups: ['system:serviceaccounts:a']"),
    ],
)
def test_identities_that_kubernetes_itself_knows(identity: str, text: str) -> None:
    (spot,) = graded(f"- {{level: None, {text}}}\n- level: Metadata\n").blind_spots
    assert (spot.identity, spot.grave, spot.what) == (identity, False, "every request")


def test_an_identity_that_fares_no_worse_than_others_is_no_blind_spot() -> None:
    text = "- {level: None, verbs: [get]}\n- {level: None, users: [alice], verbs: [get]}\n- level: Metadata\n"
    assert graded(text).blind_spots == ()
    reviews = "- {level: None, users: [alice], resources: [{group: '', resources: [events]}]}\n- level: Metadata\n"
    assert graded(reviews).blind_spots == ()


NOTES = {
    "- level: None\n  user: [a]\n": [
        (
            NoteSeverity.WARNING,
            (
                "rules[0].user is no field of a rule; kube-apiserver ignores it, so that rules[0] matches every "
                "request, at level None"
            ),
        )
    ],
    "- level: Metadata\n- level: None\n- level: None\n": [
        (
            NoteSeverity.WARNING,
            (
                f"rules[{index}] is never reached: rules[0] matches all its requests first, at level Metadata instead "
                "of None"
            ),
        )
        for index in (1, 2)
    ],
    "- {level: None, users: ['*']}\n- level: Metadata\n": [
        (NoteSeverity.WARNING, 'rules[0] never matches: "*" is no wildcard in users')
    ],
    "- {level: None, resources: [{group: core, resources: [pods]}]}\n- level: Metadata\n": [
        (
            NoteSeverity.WARNING,
            'rules[0] never matches: there is no API group core; the core group is written ""',
        )
    ],
    "- {level: None, verbs: [list], nonResourceURLs: [/metrics]}\n- level: Metadata\n": [
        (NoteSeverity.WARNING, "rules[0] never matches: no request that it is about has the verb list")
    ],
    '- {level: Metadata, resources: [{group: "*"}]}\n- level: Metadata\n': [],
    "- {level: None, level: Metadata}\n": [
        (NoteSeverity.WARNING, "level stands twice (line 4); the last one counts"),
    ],
    "- level: RequestResponse\n": [
        (
            NoteSeverity.WARNING,
            (
                "rules[0] writes the contents of secrets, configmaps, issued service account tokens and bearer tokens "
                "in token reviews into the audit log (level RequestResponse)"
            ),
        )
    ],
    "- {level: RequestResponse, omitStages: [ResponseComplete]}\n": [],
    "- {level: Request, verbs: [update], resources: [{group: '', resources: [configmaps], resourceNames: [a, b]}]}\n": [
        (
            NoteSeverity.INFO,
            "rules[0] writes the contents of configmaps named a and b into the audit log (level Request)",
        )
    ],
}


@pytest.mark.parametrize("text", NOTES)
def test_notes(text: str) -> None:
    assert [(note.severity, note.text) for note in graded(text).notes] == NOTES[text]


def test_long_rules_are_shown_shortened() -> None:
    users = ", ".join(f"u{number}" for number in range(20))
    spot = graded(f"- {{level: None, users: [{users}]}}\n- level: Metadata\n").blind_spots[0]
    assert spot.evidence.value == "level: None, users: [u0, u1, u2, u3, u4, u5, u6, u7, and 12 more]"


def test_a_policy_without_a_file_has_evidence_without_a_line() -> None:
    policy = Policy((PolicyRule(Level.NONE, users=("alice",)), PolicyRule(Level.METADATA)))
    (spot,) = grade_policy(policy, stages="outcome").blind_spots
    assert spot.evidence == Evidence("audit policy", "rules[0]", "level: None, users: [alice]")


def test_grading_is_remembered() -> None:
    assert graded("- level: Request\n") is graded("- level: Request\n")
