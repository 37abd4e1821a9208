"""Remarks on a policy beside its grades: lenient decoding, rules without effect, secrets in the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scanner.assessment.grading_words import join
from scanner.assessment.policy_evidence import rule_evidence
from scanner.assessment.policy_judge import PolicyJudge
from scanner.audit_policy.analysis import Part
from scanner.audit_policy.types import Level, Policy, PolicyRule, Stage
from scanner.knowledge.request_classes import Leak, RequestVerbs
from scanner.model import Evidence, Note, NoteSeverity, RequestCategory

_NO_WILDCARD: Final = "*"


def notes(judge: PolicyJudge, source: str) -> tuple[Note, ...]:
    """Give all remarks on a policy."""
    return (
        *_warnings(judge.policy, source),
        *_unreachable(judge.policy, source),
        *_dead(judge, source),
        *_leaks(judge, source),
    )


def _warnings(policy: Policy, source: str) -> Iterator[Note]:
    """Repeat what kube-apiserver warns of."""
    for warning in policy.warnings:
        text = (
            f"kube-apiserver ignores a part of the audit policy, so that a rule may match more than it says: {warning}"
        )
        yield Note(NoteSeverity.WARNING, text, (Evidence(source or "audit policy", "strict decoding", warning),))


def _unreachable(policy: Policy, source: str) -> Iterator[Note]:
    """Name the rules behind one that matches every request."""
    for index, rule in enumerate(policy.rules[:-1]):
        if not (
            rule.users or rule.user_groups or rule.verbs or rule.namespaces or rule.resources or rule.non_resource_urls
        ):
            last = len(policy.rules) - 1
            which = f"rules[{last}] is" if last == index + 1 else f"rules[{index + 1}] to rules[{last}] are"
            text = f"{which} never reached: rules[{index}] matches every request"
            evidence = tuple(rule_evidence(policy, one, source) for one in (index, index + 1))
            yield Note(NoteSeverity.WARNING, text, evidence)
            return


def _dead(judge: PolicyJudge, source: str) -> Iterator[Note]:
    """Name the rules that match no request."""
    for index, rule in enumerate(judge.policy.rules):
        why = _why_dead(rule, judge.knowledge.request_verbs)
        if why:
            text = f"rules[{index}] never matches: {why}"
            yield Note(NoteSeverity.WARNING, text, (rule_evidence(judge.policy, index, source),))


def _why_dead(rule: PolicyRule, verbs: RequestVerbs) -> str:
    """Say why no request can match a rule; empty where one may."""
    possible = frozenset[str]()
    if not rule.non_resource_urls:
        possible |= verbs.resource
    if not (rule.resources or rule.namespaces):
        possible |= verbs.path
    if rule.verbs and possible.isdisjoint(rule.verbs):
        return f"no request that it is about has the verb {join(rule.verbs)}"
    for name, values in (("users", rule.users), ("userGroups", rule.user_groups), ("namespaces", rule.namespaces)):
        if values == (_NO_WILDCARD,):
            return f'"*" is no wildcard in {name}'
    if rule.resources and all(entry.group == "core" for entry in rule.resources):
        return 'there is no API group "core"; the core group is written ""'
    return ""


def _leaks(judge: PolicyJudge, source: str) -> Iterator[Note]:
    """Name the rules that write the contents of secrets, configmaps or tokens into the log."""
    found: dict[int, dict[str, bool]] = {}
    for leak in judge.knowledge.leaks:
        lowest = Level.REQUEST_RESPONSE if leak.response else Level.REQUEST
        for name in judge.knowledge.categories[RequestCategory.API_CALLS].principals:
            for part in judge.with_noise.parts(judge.knowledge.principals[name].principal(), leak.requests()):
                if part.level >= lowest and part.rule is not None and _is_written(part):
                    what, is_wide = _leaked(leak, part)
                    found.setdefault(part.rule, {})[what] = is_wide
    for index, leaks in sorted(found.items()):
        level = judge.policy.rules[index].level.label
        text = f"rules[{index}] writes the contents of {join(list(leaks))} into the audit log (level {level})"
        severity = NoteSeverity.WARNING if any(leaks.values()) else NoteSeverity.INFO
        yield Note(severity, text, (rule_evidence(judge.policy, index, source),))


def _leaked(leak: Leak, part: Part) -> tuple[str, bool]:
    """Say whose contents are written, and whether that is more than a few named objects."""
    names = part.requests.names
    if names.inverted:
        return leak.what, True
    return f"{leak.what} named {join(sorted(names.names))}", False


def _is_written(part: Part) -> bool:
    """Tell whether an event with the bodies is written at all: they stand in that of ResponseComplete."""
    return Stage.RESPONSE_COMPLETE not in part.omit_stages
