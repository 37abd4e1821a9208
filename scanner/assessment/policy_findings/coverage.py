"""What a policy fails to record: categories, stages, capabilities, identities, requests that match no rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, Literal

from scanner.assessment.category_grading import JudgedCategory, judge_category
from scanner.assessment.grading_words import join, phrases
from scanner.assessment.policy_blind_spots import spots_by_rule
from scanner.assessment.policy_capabilities import capabilities
from scanner.assessment.policy_findings.words import finding, rules_words
from scanner.assessment.policy_judge import MOST_BOXES, RULE_STAGES, Needed, PolicyJudge, Region
from scanner.audit_policy.analysis import Decision
from scanner.audit_policy.boxes import Box
from scanner.audit_policy.classes import Principal, RequestClass, Values
from scanner.audit_policy.types import Level, Policy, Stage
from scanner.model import (
    Capability,
    CapabilityCoverage,
    Grade,
    PolicyFinding,
    PolicySeverity,
    Recorded,
    RequestCategory,
)

_TITLES: Final = {
    RequestCategory.AUTHENTICATION: "authentication attempts",
    RequestCategory.API_CALLS: "API calls",
    RequestCategory.RBAC_DENIALS: "RBAC denials",
}
_LESS_TELLING: Final = frozenset({Capability.DELETECOLLECTION, Capability.IMPERSONATION, Capability.DISCOVERY})
_OUTCOME_STAGES: Final = (Stage.RESPONSE_STARTED, Stage.RESPONSE_COMPLETE)
_COMPLETE: Final = Needed.of(frozenset({Stage.RESPONSE_COMPLETE}))
_HIDES: Final = {
    Stage.REQUEST_RECEIVED: "the arrival of requests leaves no event",
    Stage.RESPONSE_STARTED: "watch, exec, log and proxy leave no event until they end",
    Stage.RESPONSE_COMPLETE: "the outcome of requests is not recorded, nor their bodies",
}
_HIDES_LOGINS: Final = "failed authentications leave no event, and watch, exec, log and proxy none until they end"
_EVERYTHING: Final = (
    (
        "everything",
        RequestClass(
            is_resource=True,
            verbs=Values.only("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
        ),
    ),
    (
        "non-resource paths",
        RequestClass(is_resource=False, verbs=Values.only("get", "head", "post", "put", "patch", "delete")),
    ),
)

_Judged = Mapping[RequestCategory, JudgedCategory]


def coverage_findings(judge: PolicyJudge, asked: Grade, stages: Literal["outcome", "all"]) -> tuple[PolicyFinding, ...]:
    """Give the findings on what is not recorded."""
    judged = {category: judge_category(judge, category, stages) for category in RequestCategory}
    needed = RULE_STAGES if stages == "all" else _OUTCOME_STAGES
    websocket = tuple(_websocket_exec(judge))
    return (
        *_below_grade(judge.policy, judged, asked),
        *_omitted_stages(judge, judged, asked, needed),
        *_unmatched(judge),
        *_capabilities(judge, judged[RequestCategory.API_CALLS].coverage.grade, asked, websocket),
        *websocket,
        *_blind_spots(judge),
    )


def _below_grade(policy: Policy, judged: _Judged, asked: Grade) -> Iterator[PolicyFinding]:
    """Say of each category that does not reach the grade what it lacks, and why."""
    for category, one in judged.items():
        grade = one.coverage.grade
        if grade >= asked:
            continue
        lacks, cause = one.coverage.lacks[asked], one.causes[asked]
        reason = "" if grade is Grade.NONE or cause in lacks else f" ({cause})"
        message = f"{_TITLES[category]}: grade {grade.label}, {asked.label} is asked for; not recorded: {lacks}{reason}"
        numbers = [index for index in one.rules_below[asked] if index is not None]
        path = f"rules[{numbers[0]}]" if len(numbers) == 1 else ""
        advice = "Record these requests at level Metadata, by a rule in front of those that drop them"
        if cause.startswith("stage"):
            stages = one.stages_below[asked]
            path = "omitStages" if policy.omit_stages.issuperset(stages) else f"{path}.omitStages" if path else ""
            advice = f"Take {join([stage.value for stage in stages])} out of {path or 'omitStages'}"
        yield finding("category-below-grade", message, advice, path)


def _omitted_stages(
    judge: PolicyJudge, judged: _Judged, asked: Grade, needed: tuple[Stage, ...]
) -> Iterator[PolicyFinding]:
    """Name the omitted stages that carry an outcome, for the policy and for each rule that adds to them."""
    below = [one for one in judged.values() if one.coverage.grade < asked]
    policy = judge.policy
    for stage in needed:
        if stage in policy.omit_stages:
            is_cause = any(stage in one.stages_below[asked] for one in below)
            yield _omitted_stage("omitStages", "the policy", stage, _hides(stage, logins=True), is_cause=is_cause)
            continue
        for index, rule in enumerate(policy.rules):
            if stage in rule.omit_stages and rule.level is not Level.NONE:
                is_cause = any(stage in one.stages_below[asked] and index in one.rules_below[asked] for one in below)
                hidden = _hides(stage, logins=index in _rules_on_failed_logins(judge))
                yield _omitted_stage(f"rules[{index}].omitStages", f"rules[{index}]", stage, hidden, is_cause=is_cause)


def _hides(stage: Stage, *, logins: bool) -> str:
    """Say what the omission of a stage hides; `logins` where it is omitted for some failed authentications."""
    return _HIDES_LOGINS if stage is Stage.RESPONSE_STARTED and logins else _HIDES[stage]


def _rules_on_failed_logins(judge: PolicyJudge) -> frozenset[int | None]:
    """Give the rules that decide on requests that failed authentication."""
    nobody = judge.knowledge.principals["unauthenticated"].principal()
    answers = [judge.ask(nobody, requests, _COMPLETE) for _, requests in _EVERYTHING]
    return frozenset(decision.rule for answer in answers for decision in answer.missing | answer.kept)


def _omitted_stage(path: str, who: str, stage: Stage, hidden: str, *, is_cause: bool) -> PolicyFinding:
    """Name one omitted stage; an error where it keeps a category from its grade."""
    message = f"{who} omits stage {stage.value}: {hidden}"
    advice = f"Take {stage.value} out of {path}"
    return finding(
        "outcome-stage-omitted", message, advice, path, PolicySeverity.ERROR if is_cause else PolicySeverity.WARNING
    )


def _unmatched(judge: PolicyJudge) -> Iterator[PolicyFinding]:
    """Say which requests of ordinary people match no rule, known noise left aside."""
    people = judge.knowledge.principals["human"].principal()
    texts: list[str] = []
    is_whole = True
    for noun, requests in _EVERYTHING:
        region = _region_without_rule(judge, people, requests)
        texts += phrases(judge, region, noun) if region.missing else []
        is_whole = is_whole and not region.kept
    if texts:
        what = "anything that ordinary users do" if is_whole else "; ".join(texts)
        message = f"no rule matches {what}; such requests are not recorded"
        yield finding("no-catch-all", message, "End the rules with one of level Metadata and nothing else", "rules")


def _region_without_rule(judge: PolicyJudge, who: Principal, requests: RequestClass) -> Region:
    """Divide a class into what matches no rule, and what matches one."""
    bounds = judge.axes.box(requests)
    boxes: dict[bool, list[Box]] = {True: [], False: []}
    found = judge.with_noise.view(who, _matches_no_rule).boxes(bounds, is_resource=requests.is_resource)
    for box, is_unmatched in islice(found, MOST_BOXES):
        boxes[is_unmatched] += judge.without_noise(box)
    is_cut = next(found, None) is not None
    return Region(bounds, tuple(boxes[True]), tuple(boxes[False]), is_cut)


def _matches_no_rule(decision: Decision) -> bool:
    """Tell whether no rule decides."""
    return decision.rule is None


def _capabilities(
    judge: PolicyJudge, grade: Grade, asked: Grade, websocket: tuple[PolicyFinding, ...]
) -> Iterator[PolicyFinding]:
    """Name what an attacker does first and the policy does not record, unless the grade of API calls says it all."""
    if grade is Grade.NONE:
        return
    for one in capabilities(judge):
        if one.capability in _LESS_TELLING and grade < asked:
            continue
        if one.recorded is Recorded.YES or (one.capability is Capability.POD_EXEC and websocket):
            continue
        severity = PolicySeverity.INFO if one.capability in _LESS_TELLING else PolicySeverity.WARNING
        yield finding("capability-not-recorded", _capability_words(one), _capability_advice(one), "", severity)


def _capability_words(one: CapabilityCoverage) -> str:
    """Say what is not recorded."""
    name = one.capability.value.replace("_", " ")
    if one.capability is Capability.IMPERSONATION and one.recorded is Recorded.PARTLY:
        return f"{name}: requests under another identity are recorded only where other requests of the same user are"
    return f"{name}: {one.reason}"


def _capability_advice(one: CapabilityCoverage) -> str:
    """Say how to record it."""
    if one.capability is Capability.POD_EXEC:
        return (
            "Record get and create of pods/exec, pods/attach and pods/portforward at level Metadata, before other rules"
        )
    if one.capability is Capability.IMPERSONATION:
        return "Record all requests of the users who may impersonate: the event names both identities"
    return "Record these requests at level Metadata, by a rule in front of those that drop them"


def _websocket_exec(judge: PolicyJudge) -> Iterator[PolicyFinding]:
    """Name the rules of level None that drop get of pods/exec and leave create to others that record it."""
    parts = judge.knowledge.capabilities[Capability.POD_EXEC].parts
    create, get = (next(one.requests() for one in parts if verb in one.verbs) for verb in ("create", "get"))
    rules: set[int] = set()
    for name in judge.knowledge.categories[RequestCategory.API_CALLS].principals:
        who = judge.knowledge.principals[name].principal()
        created, got = judge.ask(who, create, _COMPLETE), judge.ask(who, get, _COMPLETE)
        if created.kept:
            dropping = {one.rule for one in got.missing if one.level is Level.NONE} - {
                one.rule for one in created.missing
            }
            rules |= {rule for rule in dropping if rule is not None}
    for index in sorted(rules):
        verbs = join(judge.policy.rules[index].verbs) or "every verb"
        message = f"rules[{index}] drops {verbs}, and with it exec, attach or port-forward by WebSocket clients (GET)"
        advice = (
            f"Put a rule of level Metadata for pods/exec, pods/attach and pods/portforward in front of rules[{index}]"
        )
        yield finding("websocket-exec-dropped", message, advice, f"rules[{index}]")


def _blind_spots(judge: PolicyJudge) -> Iterator[PolicyFinding]:
    """Name the identities whose requests are left out."""
    for index, spot in spots_by_rule(judge, ""):
        message = f"{rules_words([index])} leaves out {spot.what} by {spot.identity}"
        advice = "Leave out only the requests that this identity sends all the time, by verbs and resources"
        field = "users" if judge.policy.rules[index].users else "userGroups"
        severity = PolicySeverity.WARNING if spot.grave else PolicySeverity.INFO
        yield finding("blind-spot", message, advice, f"rules[{index}].{field}", severity)
