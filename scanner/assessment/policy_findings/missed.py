"""Requests that a rule seems to record and does not: lists over all namespaces, requests without a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scanner.assessment.policy_findings.words import finding, listed, rules_words
from scanner.assessment.policy_judge import PolicyJudge
from scanner.audit_policy.analysis import Decision
from scanner.audit_policy.boxes import classes_of_rule
from scanner.audit_policy.classes import RequestClass, Values
from scanner.audit_policy.types import Level, PolicyRule
from scanner.knowledge.resources import resource_knowledge
from scanner.model import PolicyFinding


def missed_findings(judge: PolicyJudge) -> Iterator[PolicyFinding]:
    """Name what the recording rules for everybody miss and no later rule records either."""
    for index, rule in enumerate(judge.policy.rules):
        if rule.level is Level.NONE or rule.users or rule.user_groups:
            continue
        if rule.namespaces and "" not in rule.namespaces:
            yield from _all_namespaces(judge, index, rule)
        if any(entry.resource_names for entry in rule.resources):
            yield from _nameless(judge, index, rule)


def _all_namespaces(judge: PolicyJudge, index: int, rule: PolicyRule) -> Iterator[PolicyFinding]:
    """Say which lists over all namespaces a rule with namespaces misses."""
    verbs = [verb for verb in ("list", "watch") if not rule.verbs or verb in rule.verbs]
    if not verbs or _only_cluster_scoped(rule):
        return
    classes = [
        replace(one, verbs=Values.only(*verbs), namespaces=Values.only("")) for one in classes_of_rule(_unnamed(rule))
    ]
    dropping = _dropping(judge, classes)
    if dropping:
        message = (
            f'rules[{index}] misses {listed(verbs)} over all namespaces, whose namespace is ""; not recorded because '
            f"of {dropping}"
        )
        advice = f'Add "" to rules[{index}].namespaces, or leave namespaces out'
        yield finding("all-namespace-lists-missed", message, advice, f"rules[{index}].namespaces")


def _only_cluster_scoped(rule: PolicyRule) -> bool:
    """Tell whether a rule is about resources without namespaces alone."""
    known = resource_knowledge()
    specs = [(entry.group, spec.partition("/")[0]) for entry in rule.resources for spec in entry.resources]
    found = [known.find(group, resource) for group, resource in specs]
    return bool(found) and all(one is not None and not one.namespaced for one in found)


def _unnamed(rule: PolicyRule) -> PolicyRule:
    """Leave out the object names of a rule."""
    return replace(rule, resources=tuple(replace(entry, resource_names=()) for entry in rule.resources))


def _nameless(judge: PolicyJudge, index: int, rule: PolicyRule) -> Iterator[PolicyFinding]:
    """Say which requests without a name a rule with resourceNames misses."""
    verbs = [verb for verb in ("list", "watch", "create", "deletecollection") if not rule.verbs or verb in rule.verbs]
    entries = tuple(replace(entry, resource_names=()) for entry in rule.resources if entry.resource_names)
    classes = [
        replace(one, verbs=Values.only(*verbs), subresources=Values.only(""), names=Values.only(""))
        for one in classes_of_rule(replace(rule, resources=entries))
        if "" in one.subresources
    ]
    dropping = _dropping(judge, classes) if verbs else ""
    if dropping:
        number = next(number for number, entry in enumerate(rule.resources) if entry.resource_names)
        message = (
            f"rules[{index}] misses {listed(verbs)} without a name: resourceNames do not match them; not recorded "
            f"because of {dropping}"
        )
        advice = f"Add a rule without resourceNames behind rules[{index}] for them"
        yield finding("nameless-requests-missed", message, advice, f"rules[{index}].resources[{number}].resourceNames")


def _dropping(judge: PolicyJudge, classes: list[RequestClass]) -> str:
    """Name the rules that leave some of these requests of ordinary people unrecorded; empty where none does."""
    people = judge.knowledge.principals["human"].principal()
    found: set[Decision] = set()
    for one in classes:
        found |= judge.space.decisions(people, judge.axes.box(one), is_resource=True)
    dropped = {decision.rule for decision in found if decision.level is Level.NONE}
    rules = [rules_words(sorted(index for index in dropped if index is not None))] if dropped - {None} else []
    if None in dropped:
        rules.append("no matching rule")
    return " and ".join(rules)
