"""The chain from a request to a kept record, link by link, for one category of one API server.

Every link asks the same question of a different set of logs: which grade do the logs that pass this link reach
together? Counting what is unknown as missing gives a lower bound, counting it as present an upper one. A link is ok
where the lower bound is enough, a gap where even the upper one is not, and unknown in between; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from scanner.assessment.logs import LogsAtLink, LogsOnTheWay
from scanner.knowledge import ProviderKnowledge
from scanner.knowledge.policies import published
from scanner.model import (
    ApiServer,
    Authorizer,
    CategoryCoverage,
    Evidence,
    Grade,
    InlinePolicy,
    Link,
    LinkCheck,
    LinkState,
    LogChannel,
    ManagedPolicy,
    NoPolicy,
    PolicyCoverage,
    PolicySource,
    RequestCategory,
    RuleSettings,
    UnreadablePolicy,
)

_CATEGORIES = tuple(RequestCategory)
_NOT_ASKED = LinkCheck(LinkState.NOT_APPLICABLE, "not looked for: [rule] observe is off")


@dataclass(frozen=True, slots=True)
class Bounds:
    """A grade between what is proven and what is still possible."""

    at_least: Grade
    at_most: Grade


@dataclass(frozen=True, slots=True)
class Chain:
    """The links of one category on one API server, and the grade that is left at the end of the deciding ones."""

    server: str
    links: dict[Link, LinkCheck]
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class _Question:
    """One category of one API server, as it is handed from link to link."""

    knowledge: ProviderKnowledge
    category: RequestCategory
    rule: RuleSettings

    def bounds(self, logs: LogsAtLink, policy: Bounds) -> Bounds:
        """Give the grade that the logs reach whose checks are ok, or at best those that are not a gap."""
        return Bounds(
            self.knowledge.carried(logs.sure, self.category, policy.at_least),
            self.knowledge.carried(logs.possible, self.category, policy.at_most),
        )


_ANY_POLICY = Bounds(Grade.COMPLETE, Grade.COMPLETE)


def follow(
    server: ApiServer, coverage: PolicyCoverage | None, knowledge: ProviderKnowledge, rule: RuleSettings
) -> dict[RequestCategory, Chain]:
    """Follow the events of each category through one API server.

    Args:
        server: The API server.
        coverage: What its audit policy does; None where no policy could be read.
        knowledge: Which logs carry what.
        rule: What is required.
    """
    # Most categories are carried by the same logs, which stand at each link as they do for the others.
    known: dict[frozenset[str], LogsOnTheWay] = {}
    chains = {}
    for category in _CATEGORIES:
        relevant = knowledge.relevant(category)
        if relevant not in known:
            channels = [channel for channel in server.channels if channel.log in relevant]
            known[relevant] = LogsOnTheWay.of(channels, rule)
        question = _Question(knowledge, category, rule)
        chains[category] = _chain(server, question, coverage, known[relevant])
    return chains


def _chain(server: ApiServer, question: _Question, coverage: PolicyCoverage | None, logs: LogsOnTheWay) -> Chain:
    """Follow the events of one category."""
    policy = _policy_bounds(server, question.category, coverage)
    exported, delivered, retained = logs.exported, logs.delivered, logs.retained
    links = {
        Link.GENERATED: _generated(server, question, coverage, policy),
        Link.EXPORTED: _exported(question, logs.channels, exported, server.channels),
        Link.DELIVERED: _passed_on(question, exported, delivered, "exported"),
        Link.RETAINED: _passed_on(question, delivered, retained, "delivered"),
        Link.OBSERVED: _observed(question, logs.channels),
    }
    deciding = {Link.EXPORTED: exported, Link.DELIVERED: delivered, Link.RETAINED: retained}
    bounds = policy
    for link, at_link in deciding.items():
        if link in question.rule.links:
            bounds = _lower(bounds, question.bounds(at_link, policy))
    return Chain(server.name, links, bounds)


def _lower(one: Bounds, other: Bounds) -> Bounds:
    """Give the lower of two bounds, end by end."""
    return Bounds(min(one.at_least, other.at_least), min(one.at_most, other.at_most))


def _policy_bounds(server: ApiServer, category: RequestCategory, coverage: PolicyCoverage | None) -> Bounds:
    """Give the grade that the policy makes possible, which is none where nothing is ever denied."""
    if category is RequestCategory.RBAC_DENIALS and server.authorizer.can_deny is False:
        return Bounds(Grade.NONE, Grade.NONE)
    if coverage is None:
        return Bounds(Grade.NONE, Grade.NONE if isinstance(server.policy, NoPolicy) else Grade.COMPLETE)
    grade = coverage.categories[category].grade
    undecided = category is RequestCategory.RBAC_DENIALS and server.authorizer.can_deny is None
    return Bounds(Grade.NONE if undecided else grade, grade)


def _generated(server: ApiServer, question: _Question, coverage: PolicyCoverage | None, policy: Bounds) -> LinkCheck:
    """Judge whether the audit policy makes the events at all."""
    source = server.policy
    if question.category is RequestCategory.RBAC_DENIALS and server.authorizer.can_deny is False:
        return LinkCheck(LinkState.GAP, server.authorizer.reason, server.authorizer.evidence)
    if isinstance(source, NoPolicy):
        return LinkCheck(LinkState.GAP, source.reason, source.evidence)
    if isinstance(source, UnreadablePolicy) or coverage is None:
        reason = source.reason if isinstance(source, UnreadablePolicy) else "the audit policy could not be graded"
        permission = source.permission if isinstance(source, UnreadablePolicy) else ""
        return LinkCheck(LinkState.UNKNOWN, reason, source.evidence, permission)
    known = coverage.categories[question.category]
    evidence = source.evidence + _rule_evidence(source, known)
    if policy.at_most < question.rule.required_grade:
        return LinkCheck(LinkState.GAP, _policy_gap(known, question.rule.required_grade), evidence)
    if policy.at_least < question.rule.required_grade:
        return LinkCheck(LinkState.UNKNOWN, server.authorizer.reason, _denial_evidence(server.authorizer, evidence))
    return LinkCheck(LinkState.OK, f"the audit policy records them: {known.grade.label}", evidence)


def _denial_evidence(authorizer: Authorizer, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Put the authorizer's evidence first, since it is what leaves the link open."""
    return authorizer.evidence + evidence


def _policy_gap(known: CategoryCoverage, required: Grade) -> str:
    """Say in words what the policy leaves out of the grade that is required."""
    lacks = known.lacks.get(required) or next(iter(known.lacks.values()), "")
    reached = "the audit policy" if known.grade is Grade.NONE else f"the audit policy reaches {known.grade.label}; it"
    return f"{reached} leaves out {lacks}"


def _rule_evidence(source: PolicySource, known: CategoryCoverage) -> tuple[Evidence, ...]:
    """Point at the rules that keep a policy from its next grade, or at where a cloud publishes its policy."""
    if isinstance(source, ManagedPolicy):
        named = (source.name, *(name for _, name in source.group_policies))
        return tuple(_published_evidence(name) for name in dict.fromkeys(named))
    if not isinstance(source, InlinePolicy):
        return ()
    found = []
    for index in known.rules[:3]:
        if index is None:
            found.append(Evidence(source.source, "rules", "no rule matches, which means level None"))
        else:
            rule = source.policy.rules[index]
            line = f"line {rule.line}, " if rule.line else ""
            found.append(Evidence(source.source, f"{line}rules[{index}]", f"level: {rule.level.label}"))
    return tuple(found)


def _published_evidence(name: str) -> Evidence:
    one = published(name)
    return Evidence(f"published policy {one.name}", one.source, f"{one.title}, as of {one.date}")


def _exported(
    question: _Question, channels: list[LogChannel], exported: LogsAtLink, all_channels: tuple[LogChannel, ...]
) -> LinkCheck:
    """Judge whether the logs that carry the category are switched on, whatever the policy puts into them."""
    required = question.rule.required_grade
    if not channels:
        evidence = tuple(item for channel in all_channels for item in channel.exported.evidence)
        return _empty("no log that carries them was found", evidence)
    bounds = question.bounds(exported, _ANY_POLICY)
    check = exported.check(_state(bounds, required), "switched on")
    if check.state is LinkState.GAP and bounds.at_most > Grade.NONE:
        return _with_loss(
            check, question, [channel.log for channel in channels if channel.exported.state is LinkState.GAP]
        )
    return check


def _empty(reason: str, evidence: tuple[Evidence, ...]) -> LinkCheck:
    """Give the check of a category for which a provider reported no log at all: never covered."""
    shown = evidence or (Evidence("the provider's answer", "logs", "none"),)
    return LinkCheck(LinkState.UNKNOWN, reason, shown)


def _with_loss(check: LinkCheck, question: _Question, missing: list[str]) -> LinkCheck:
    """Add what is lost without the missing logs to the reason of a gap that is not the whole category."""
    text = "; ".join(question.knowledge.losses(frozenset(missing), question.category))
    return LinkCheck(check.state, f"{check.reason}: {text}" if text else check.reason, check.evidence, check.permission)


def _passed_on(question: _Question, before: LogsAtLink, after: LogsAtLink, what: str) -> LinkCheck:
    """Judge whether a link keeps the grade that the link before it left."""
    reached = question.bounds(before, _ANY_POLICY)
    if reached.at_most is Grade.NONE:
        return LinkCheck(LinkState.NOT_APPLICABLE, f"nothing is {what}")
    target = min(question.rule.required_grade, reached.at_most)
    return after.check(_state(question.bounds(after, _ANY_POLICY), target), "kept")


def _state(bounds: Bounds, target: Grade) -> LinkState:
    """Turn bounds into a link's state."""
    if bounds.at_least >= target:
        return LinkState.OK
    return LinkState.GAP if bounds.at_most < target else LinkState.UNKNOWN


def _observed(question: _Question, channels: list[LogChannel]) -> LinkCheck:
    """Judge whether a record of the category was really seen, where that was asked for."""
    if not question.rule.observe:
        return _NOT_ASKED
    proving = [
        channel.observed
        for channel in channels
        if channel.observed and question.category in question.knowledge.logs[channel.log].any_record_is
    ]
    seen = [check for check in proving if check.state is LinkState.OK]
    if seen:
        return seen[0]
    if proving:
        return proving[0]
    looked = [channel.observed for channel in channels if channel.observed]
    evidence = tuple(item for check in looked for item in check.evidence)
    if not evidence:
        return LinkCheck(LinkState.NOT_APPLICABLE, "no log in which to look for them")
    if any(check.state is LinkState.OK for check in looked):
        reason = "records arrive, but whether one of them is of this category was not looked at"
        return LinkCheck(LinkState.UNKNOWN, reason, evidence)
    reason = "; ".join(dict.fromkeys(check.reason for check in looked))
    permission = next((check.permission for check in looked if check.permission), "")
    return LinkCheck(LinkState.UNKNOWN, reason, evidence, permission)
