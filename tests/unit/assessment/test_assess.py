"""The rule, from what was read of a cluster to the sentences of its report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scanner.assessment import assess
from scanner.audit_policy.types import Level, Stage
from scanner.model import (
    Capability,
    ClusterObservation,
    ClusterResult,
    Evidence,
    Finding,
    Grade,
    Link,
    LinkState,
    ManagedPolicy,
    Recorded,
    RequestCategory,
    Retention,
    RuleSettings,
    Status,
)
from tests.unit.assessment.build import (
    ALWAYS_ALLOW,
    METADATA_ALL,
    NONE_ALL,
    READ,
    channel,
    check,
    eks,
    inline,
    no_policy,
    self_managed,
    server,
    unreadable,
)

OK, GAP, UNKNOWN, NA = LinkState.OK, LinkState.GAP, LinkState.UNKNOWN, LinkState.NOT_APPLICABLE


def judge(observation: ClusterObservation, rule: RuleSettings | None = None) -> ClusterResult:
    return assess(observation, rule or RuleSettings())


def finding(result: ClusterResult, category: RequestCategory) -> Finding:
    return next(one for one in result.findings if one.category is category)


def states(result: ClusterResult, category: RequestCategory) -> list[LinkState]:
    return [finding(result, category).links[link].state for link in Link]


def test_a_cluster_that_records_everything_passes_with_the_sentence_of_the_rule() -> None:
    result = judge(self_managed(server(inline(), channel("file"))))
    assert result.status is Status.PASS
    assert result.message == "Audit policy covers 3 event categories at Metadata logging level."
    for category in RequestCategory:
        one = finding(result, category)
        assert one.grade is Grade.COMPLETE
        assert one.level is Level.METADATA
        assert one.lacks == ""
        assert one.stages_omitted == (Stage.REQUEST_RECEIVED,)
        assert states(result, category) == [OK, OK, OK, OK, NA]
    assert [one.message for one in result.findings] == [
        "Authentication attempts are covered at Metadata level: complete.",
        "API calls are covered at Metadata level: complete.",
        "RBAC denials are covered at Metadata level: complete.",
    ]
    assert result.remediations == ()
    assert {one.recorded for one in result.capabilities} == {Recorded.YES}


def test_neither_policy_nor_backend_fails_with_the_sentence_of_the_rule() -> None:
    reason = "kube-apiserver does not specify --audit-log-path or --audit-policy-file"
    file = channel("file")
    off = type(file)(file.log, file.name, check("gap", reason), check("n/a", "nothing is written"), file.retention)
    result = judge(self_managed(server(no_policy(reason), off)))
    assert result.status is Status.FAIL
    assert result.message == (
        "Kubernetes audit logging is not configured. "
        "kube-apiserver does not specify --audit-log-path or --audit-policy-file."
    )
    assert states(result, RequestCategory.API_CALLS)[:3] == [GAP, GAP, NA]
    assert [one.title for one in result.remediations] == [
        "Give kube-apiserver an audit policy that records the missing requests",
        "Switch on an audit backend",
    ]
    assert {one.recorded for one in result.capabilities} == {Recorded.NO}


def test_a_policy_of_none_is_a_gap_of_all_three() -> None:
    result = judge(self_managed(server(inline(NONE_ALL), channel("file"))))
    assert result.status is Status.FAIL
    assert [one.grade for one in result.findings] == [Grade.NONE] * 3
    assert result.message == (
        "Kubernetes audit logging records nothing. "
        "The audit policy leaves out every failed authentication: level None in rules[0]. "
        "The audit policy leaves out every API call: level None in rules[0]. "
        "The audit policy leaves out every denied request: level None in rules[0]."
    )
    assert states(result, RequestCategory.API_CALLS) == [GAP, OK, OK, OK, NA]
    assert Evidence("audit-policy.yaml", "line 4, rules[0]", "level: None") in (
        finding(result, RequestCategory.API_CALLS).links[Link.GENERATED].evidence
    )


def test_what_hides_failed_logins_fails_authentication_alone() -> None:
    text = METADATA_ALL.replace(b"[RequestReceived]", b"[RequestReceived, ResponseStarted]")
    result = judge(self_managed(server(inline(text), channel("file"))))
    assert finding(result, RequestCategory.AUTHENTICATION).grade is Grade.NONE
    assert "ResponseStarted" in finding(result, RequestCategory.AUTHENTICATION).message
    assert result.status is Status.FAIL


def test_an_unreadable_policy_is_unknown_and_says_why() -> None:
    result = judge(self_managed(server(unreadable(), channel("file"))))
    assert result.status is Status.UNKNOWN
    assert result.message == (
        "Whether the audit log covers authentication attempts, API calls and RBAC denials could not be told: "
        "audit-policy.yaml cannot be read: Permission denied."
    )
    one = finding(result, RequestCategory.API_CALLS)
    assert (one.grade, one.at_least, one.at_most) == (None, Grade.NONE, Grade.COMPLETE)
    assert {one.recorded for one in result.capabilities} == {Recorded.UNKNOWN}


def test_a_gap_wins_over_an_unknown() -> None:
    result = judge(self_managed(server(unreadable(), channel("file", delivered="gap"))))
    assert result.status is Status.FAIL
    assert states(result, RequestCategory.API_CALLS)[:3] == [UNKNOWN, OK, GAP]
    assert finding(result, RequestCategory.API_CALLS).at_most is Grade.NONE
    assert result.message == ("Kubernetes audit logging is configured, but nothing of it is kept. File delivered gap.")


def test_a_second_store_makes_up_for_a_lost_one() -> None:
    lost = channel("file", delivered="gap")
    result = judge(self_managed(server(inline(), lost, channel("webhook"))))
    assert result.status is Status.PASS
    link = finding(result, RequestCategory.API_CALLS).links[Link.DELIVERED]
    assert (link.state, link.reason) == (OK, "webhook delivered ok")


def test_a_store_that_may_be_lost_beside_one_that_is_leaves_it_unknown() -> None:
    result = judge(
        self_managed(server(inline(), channel("file", delivered="gap"), channel("webhook", delivered="unknown")))
    )
    assert result.status is Status.UNKNOWN
    assert finding(result, RequestCategory.API_CALLS).links[Link.DELIVERED].reason == "webhook delivered unknown"


def test_an_authorizer_that_never_denies_fails_denials_alone() -> None:
    result = judge(self_managed(server(inline(), channel("file"), authorizer=ALWAYS_ALLOW)))
    assert result.status is Status.FAIL
    assert finding(result, RequestCategory.RBAC_DENIALS).grade is Grade.NONE
    assert result.message == (
        "Audit logging covers 2 of 3 event categories; RBAC denials are missing: "
        "--authorization-mode is AlwaysAllow: nothing is ever denied."
    )
    assert [one.title for one in result.remediations] == ["Let the API server decide requests by RBAC"]


def test_an_unknown_authorizer_leaves_denials_open() -> None:
    unsure = type(ALWAYS_ALLOW)(
        can_deny=None, anonymous=None, reason="--authorization-config was not read", evidence=(READ,)
    )
    result = judge(self_managed(server(inline(), channel("file"), authorizer=unsure)))
    assert result.status is Status.UNKNOWN
    assert states(result, RequestCategory.API_CALLS)[0] is OK
    assert finding(result, RequestCategory.RBAC_DENIALS).message == (
        "RBAC denials could not be judged: --authorization-config was not read."
    )


def test_the_worst_server_decides_and_is_named() -> None:
    good = server(inline(), channel("file"), name="cp-1")
    also_good = server(inline(), channel("file"), name="cp-2")
    bad = server(inline(), channel("file", exported="gap", delivered="n/a"), name="cp-3")
    result = judge(self_managed(good, also_good, bad))
    assert result.status is Status.FAIL
    assert result.message == (
        "Kubernetes audit logging is not configured on every control-plane node. On cp-3: file exported gap."
    )
    assert finding(result, RequestCategory.API_CALLS).at_most is Grade.NONE


def test_servers_that_agree_are_not_named() -> None:
    both = [server(inline(), channel("file", exported="gap"), name=name) for name in ("cp-1", "cp-2")]
    assert "on cp-" not in judge(self_managed(*both)).message


def test_retention_is_reported_beside_the_verdict_unless_it_decides() -> None:
    short = Retention.exactly(7, "kept 7 days", READ)
    observation = self_managed(server(inline(), channel("file", retention=short)))
    beside = judge(observation)
    assert beside.status is Status.PASS
    link = finding(beside, RequestCategory.API_CALLS).links[Link.RETAINED]
    assert (link.state, link.reason) == (GAP, "kept 7 days; 30 days are required")
    assert [one.title for one in beside.remediations] == ["Keep the log files longer"]
    deciding = judge(observation, RuleSettings(links=tuple(Link)[:4]))
    assert deciding.status is Status.FAIL
    assert finding(deciding, RequestCategory.API_CALLS).grade is Grade.NONE
    assert deciding.message == (
        "Kubernetes audit logging is configured, but its records are not kept long enough. "
        "Kept 7 days; 30 days are required."
    )


@pytest.mark.parametrize(
    ("bounds", "state"),
    [((30, 30), OK), ((29, 29), GAP), ((0, 366), UNKNOWN), ((0, 29.5), GAP), ((0, float("inf")), UNKNOWN)],
)
def test_retention_bounds(bounds: tuple[float, float], state: LinkState) -> None:
    retention = Retention(*bounds, "limited by size", (READ,))
    result = judge(self_managed(server(inline(), channel("file", retention=retention))))
    assert finding(result, RequestCategory.API_CALLS).links[Link.RETAINED].state is state


def test_all_log_types_of_eks_pass() -> None:
    result = judge(eks(channel("audit"), channel("authenticator"), channel("api", exported="gap")))
    assert result.status is Status.PASS
    assert result.message == "Audit policy covers 3 event categories at Metadata logging level."
    assert [one.grade for one in result.findings] == [Grade.COMPLETE] * 3


def test_audit_alone_on_eks_lacks_the_principal_of_a_login() -> None:
    result = judge(eks(channel("audit"), channel("authenticator", exported="gap", delivered="n/a")))
    assert result.status is Status.FAIL
    assert finding(result, RequestCategory.AUTHENTICATION).grade is Grade.PARTIAL
    assert finding(result, RequestCategory.API_CALLS).status is Status.PASS
    assert result.message == (
        "Audit logging covers 2 of 3 event categories; authentication attempts are missing: "
        "authenticator exported gap: an IAM login attempt leaves no record of the principal that made it."
    )
    advice = result.remediations[0]
    assert advice.title == "Switch on the missing control-plane log types"
    assert advice.code == (
        "# in AWS account 111122223333, as somebody who may change the cluster\n"
        "aws eks update-cluster-config --region eu-west-1 --name prod \\\n"
        '  --logging \'{"clusterLogging":[{"types":["authenticator"],"enabled":true}]}\'\n'
        "aws eks wait cluster-active --region eu-west-1 --name prod"
    )


def test_the_api_log_of_eks_covers_nothing() -> None:
    off = [channel(log, exported="gap", delivered="n/a") for log in ("audit", "authenticator")]
    result = judge(eks(channel("api"), *off))
    assert result.status is Status.FAIL
    assert [one.grade for one in result.findings] == [Grade.NONE] * 3
    assert '{"types":["audit","authenticator"],"enabled":true}' in result.remediations[0].code


def test_a_log_that_may_be_on_leaves_eks_unknown_and_asks_for_the_permission() -> None:
    reason = "eks:DescribeCluster was denied"
    logs = [
        type(one)(one.log, one.name, check("unknown", reason, "eks:DescribeCluster"), one.delivered, one.retention)
        for one in (channel("audit"), channel("authenticator"))
    ]
    result = judge(eks(*logs))
    assert result.status is Status.UNKNOWN
    assert states(result, RequestCategory.API_CALLS) == [OK, UNKNOWN, UNKNOWN, UNKNOWN, NA]
    assert result.message.endswith("could not be told: eks:DescribeCluster was denied.")
    assert result.remediations[-1].text.startswith("Grant eks:DescribeCluster to the identity that the scan runs as.")
    assert result.remediations[-1].code == "k8s-audit-coverage providers eks --permissions"


def test_advice_takes_the_first_retention_that_cloudwatch_accepts() -> None:
    short = Retention.exactly(7, "kept 7 days", READ)
    observation = eks(channel("audit", retention=short), channel("authenticator", retention=short))
    code = judge(observation, RuleSettings(min_retention_days=100)).remediations[0].code
    assert code.endswith("--log-group-name /aws/eks/prod/cluster --retention-in-days 120")


def test_values_from_outside_are_quoted_for_the_shell() -> None:
    off = [channel(log, exported="gap") for log in ("audit", "authenticator")]
    code = judge(eks(*off, name="x; rm -rf /")).remediations[0].code
    assert "--name 'x; rm -rf /' \\" in code


def test_a_higher_grade_can_be_asked_for() -> None:
    owners = (
        b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
        b"- {level: Metadata, verbs: [create, update, patch, delete]}\n"
        b'- {level: Metadata, resources: [{group: "", resources: [secrets]}]}\n'
    )
    observation = self_managed(server(inline(owners), channel("file")))
    assert judge(observation).status is Status.PASS
    strict = judge(observation, RuleSettings(grade="complete"))
    assert strict.status is Status.FAIL
    one = finding(strict, RequestCategory.API_CALLS)
    assert one.message.startswith("API calls are not covered (minimum, complete is required): ")
    assert one.lacks


def test_all_stages_can_be_asked_for() -> None:
    observation = self_managed(server(inline(), channel("file")))
    result = judge(observation, RuleSettings(stages="all"))
    assert result.status is Status.FAIL
    assert "RequestReceived" in result.message


def test_observed_says_what_was_seen_and_never_makes_a_gap_of_silence() -> None:
    seen = check("ok", "newest event 2026-11-02T05:00:00Z")
    silent = check("unknown", "no event was seen within 24 hours, which proves nothing")
    rule = RuleSettings(observe=True)
    result = judge(eks(channel("audit", observed=seen), channel("authenticator", observed=silent)), rule)
    assert finding(result, RequestCategory.API_CALLS).links[Link.OBSERVED] == seen
    assert finding(result, RequestCategory.AUTHENTICATION).links[Link.OBSERVED] == silent
    denials = finding(result, RequestCategory.RBAC_DENIALS).links[Link.OBSERVED]
    assert denials.state is UNKNOWN
    assert denials.reason == "records arrive, but whether one of them is of this category was not looked at"
    quiet = judge(eks(channel("audit", observed=silent), channel("authenticator", observed=silent)), rule)
    assert finding(quiet, RequestCategory.RBAC_DENIALS).links[Link.OBSERVED] == silent
    unlooked = judge(eks(channel("audit"), channel("authenticator")), rule)
    assert finding(unlooked, RequestCategory.API_CALLS).links[Link.OBSERVED].state is NA


def test_a_cluster_without_any_log_is_unknown_never_covered() -> None:
    result = judge(self_managed(server(inline())))
    assert result.status is Status.UNKNOWN
    assert (
        finding(result, RequestCategory.API_CALLS).links[Link.EXPORTED].reason == "no log that carries them was found"
    )


def test_capabilities_stand_in_order_and_follow_the_chain() -> None:
    result = judge(self_managed(server(inline(), channel("file", delivered="unknown"))))
    assert [one.capability for one in result.capabilities] == list(Capability)
    assert {one.recorded for one in result.capabilities} == {Recorded.UNKNOWN}


def test_the_recommended_policy_keeps_all_stages_where_they_are_asked_for() -> None:
    rule = RuleSettings(stages="all", grade="complete")
    result = assess(self_managed(server(no_policy(), channel("file"))), rule)
    advised = inline(result.remediations[0].code.encode())
    assert assess(self_managed(server(advised, channel("file"))), rule).status is Status.PASS


def test_a_policy_that_records_too_little_is_patched_and_nodes_without_one_are_given_one() -> None:
    text = b"# ours\n" + METADATA_ALL
    rule = RuleSettings(stages="all", grade="complete")
    alone = assess(self_managed(server(inline(text), channel("file")), server(inline(text), channel("file"))), rule)
    assert alone.message.startswith(
        "Kubernetes audit logging records no request at all the stages that are asked for. "
    )
    [advice] = alone.remediations
    assert (advice.title, advice.language) == ("Change the audit policy", "diff")
    assert advice.text == (
        "The smallest change of audit-policy.yaml that reaches complete in all three categories. "
        "omitStages: RequestReceived is kept: every request shows as soon as it arrives. "
        "Nothing that is recorded now is lost. Install the changed file on every control-plane node; "
        "kube-apiserver reads it when it starts."
    )
    assert advice.code.splitlines()[-5:] == [
        " kind: Policy",
        "-omitStages: [RequestReceived]",
        "+omitStages: []  # RequestReceived is kept: every request shows as soon as it arrives",
        " rules:",
        " - level: Metadata",
    ]
    both = assess(self_managed(server(inline(text), channel("file")), server(no_policy(), channel("file"))), rule)
    assert [one.title for one in both.remediations] == [
        "Change the audit policy",
        "Give kube-apiserver an audit policy that records the missing requests",
    ]


def test_a_policy_within_another_file_is_given_whole() -> None:
    source = replace(inline(NONE_ALL), source="talconfig.yaml", within="line 9, cluster.apiServer.auditPolicy")
    [advice] = judge(self_managed(server(source, channel("file")))).remediations
    assert (advice.title, advice.language) == ("Change the audit policy", "yaml")
    assert advice.text.startswith(
        "The smallest change of the policy in talconfig.yaml, line 9, cluster.apiServer.auditPolicy, that reaches "
        "minimum in all three categories. "
    )
    assert advice.text.endswith(
        "Nothing that is recorded now is lost. Put this in its place, and bring the file to the cluster in the way "
        "that is usual for it; kube-apiserver reads it when it starts."
    )
    advised = inline(advice.code.encode())
    assert judge(self_managed(server(advised, channel("file")))).status is Status.PASS


def test_a_policy_that_cannot_be_patched_is_replaced() -> None:
    source = replace(inline(NONE_ALL), text=NONE_ALL.decode().encode("utf-16"))
    [advice] = judge(self_managed(server(source, channel("file")))).remediations
    assert advice.title == "Give kube-apiserver an audit policy that records the missing requests"


def test_an_api_server_that_does_not_start_is_told_what_to_correct_and_nothing_else() -> None:
    parameters = {"manifest": "pod.yaml", "refused": "bad flag syntax: --=x", "refused_by_all": "yes"}
    reason = "kube-apiserver refuses to start: bad flag syntax: --=x"
    refused = server(no_policy(reason), channel("file", exported="gap", delivered="n/a"))
    result = assess(replace(self_managed(refused), parameters=parameters), RuleSettings())
    assert [advice.title for advice in result.remediations] == ["Correct what keeps kube-apiserver from starting"]
    assert result.remediations[0].text == (
        "kube-apiserver refuses to start with what pod.yaml says: bad flag syntax: --=x. Until that is corrected it "
        "serves nothing and records nothing."
    )


def managed(name: str, *groups: tuple[str, str]) -> ManagedPolicy:
    return ManagedPolicy(name, (Evidence("apiserver.yaml", "spec.audit.profile", name),), groups)


def test_a_policy_that_a_distribution_brings_is_graded_and_named() -> None:
    result = judge(self_managed(server(managed("talos-default"), channel("file"))))
    assert result.status is Status.PASS
    evidence = [item.source for item in result.findings[0].links[Link.GENERATED].evidence]
    assert evidence == ["apiserver.yaml", "published policy talos-default"]


def test_a_policy_that_a_distribution_brings_can_be_replaced() -> None:
    """Unlike a cloud's, so the recommended policy is offered."""
    result = judge(self_managed(server(managed("rke2-default"), channel("file"))))
    assert result.status is Status.FAIL
    assert any("kind: Policy" in one.code for one in result.remediations)


def test_rules_for_groups_are_graded_with_the_policy_that_they_belong_to() -> None:
    """The profile None for everybody who is authenticated leaves nothing of the calls, whatever the profile below."""
    result = judge(
        self_managed(server(managed("openshift-default", ("system:authenticated", "openshift-none")), channel("file")))
    )
    assert result.status is Status.FAIL
    evidence = [item.source for item in result.findings[1].links[Link.GENERATED].evidence]
    assert evidence[1:] == ["published policy openshift-default", "published policy openshift-none"]


@pytest.mark.parametrize(
    ("tool", "title"),
    [
        ("", "Switch on an audit backend"),
        ("k3s", "Switch on an audit backend in k3s' configuration"),
        ("openshift", "Switch on an audit backend"),
    ],
)
def test_advice_speaks_of_the_tool_that_writes_the_settings(tool: str, title: str) -> None:
    observation = self_managed(server(inline(), channel("file", exported="gap")))
    result = judge(replace(observation, parameters={"tool": tool}))
    assert title in [one.title for one in result.remediations]


def test_advice_on_the_authorizer_speaks_of_the_tool() -> None:
    observation = self_managed(server(inline(), channel("file"), authorizer=ALWAYS_ALLOW))
    result = judge(replace(observation, parameters={"tool": "kops"}))
    assert "rbac: {}" in result.remediations[0].code
