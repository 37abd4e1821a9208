"""What to do about the gaps of a cluster: the constant texts of ``scanner/knowledge`` with this cluster's values."""

from __future__ import annotations

import json
import shlex
from string import Template

from scanner.assessment.policy_advice import policy_patches
from scanner.knowledge import Advice, ProviderKnowledge, provider_knowledge
from scanner.knowledge.policies import published
from scanner.model import (
    ClusterObservation,
    Finding,
    Link,
    LinkState,
    NoPolicy,
    Remediation,
    RequestCategory,
    RuleSettings,
)

_LINKS_WITH_ADVICE = (Link.GENERATED, Link.EXPORTED, Link.DELIVERED, Link.RETAINED)


def remediations(
    observation: ClusterObservation,
    findings: tuple[Finding, ...],
    unsettled: frozenset[Link],
    missing: tuple[str, ...],
    rule: RuleSettings,
) -> tuple[Remediation, ...]:
    """Give one piece of advice for each kind of gap, in the order of the chain, then what to let the scanner read.

    Args:
        observation: What was read of the cluster.
        findings: What came of it.
        unsettled: The links that are a gap or unknown in one of the findings.
        missing: The permissions that `missing_permissions` names.
        rule: Says for how long records must be kept, and the stages that count.
    """
    knowledge = provider_knowledge(observation.ref.provider)
    given = [*_start_advice(observation, knowledge), *_authorizer_advice(observation, findings, knowledge)]
    advice: list[Advice | Remediation] = [*given]
    links = () if "refused_by_all" in observation.parameters else _LINKS_WITH_ADVICE
    for link in (link for link in links if link in unsettled):
        name = observation.parameters.get(f"{link.value}_advice", link.value)
        known = knowledge.advice(name, rule.min_retention_days, observation.parameters.get("tool", ""))
        if known and (_has_gap(observation, findings, link) or _can_be_settled(observation, findings, link)):
            patches = policy_patches(observation, rule) if link is Link.GENERATED else ()
            advice += patches
            if not patches or any(isinstance(server.policy, NoPolicy) for server in observation.servers):
                advice.append(known)
    if not advice:
        return tuple(_reading_advice(observation, missing))  # most clusters: nothing to fill in
    values = _values(observation, knowledge, rule)
    filled = [_filled(one, values) if isinstance(one, Advice) else one for one in advice]
    return tuple(filled + _reading_advice(observation, missing))


def _start_advice(observation: ClusterObservation, knowledge: ProviderKnowledge) -> list[Advice]:
    """Advise on what keeps an API server from starting: mending anything else first would show nothing."""
    known = knowledge.remediation.get("start")
    return [known] if known and "refused" in observation.parameters else []


def _has_gap(observation: ClusterObservation, findings: tuple[Finding, ...], link: Link) -> bool:
    """Say whether a link is broken for a reason that this link's advice mends."""
    broken = [finding for finding in findings if finding.links[link].state is LinkState.GAP]
    if link is Link.GENERATED and _cannot_deny(observation):
        broken = [finding for finding in broken if finding.category is not RequestCategory.RBAC_DENIALS]
    return bool(broken)


def _can_be_settled(observation: ClusterObservation, findings: tuple[Finding, ...], link: Link) -> bool:
    """Say whether a link is unknown for a reason that this link's advice settles, which the provider says."""
    is_unknown = any(finding.links[link].state is LinkState.UNKNOWN for finding in findings)
    return is_unknown and f"{link.value}_settled_by" in observation.parameters


def _cannot_deny(observation: ClusterObservation) -> bool:
    """Say whether an API server of the cluster never denies anything."""
    return any(server.authorizer.can_deny is False for server in observation.servers)


def _authorizer_advice(
    observation: ClusterObservation, findings: tuple[Finding, ...], knowledge: ProviderKnowledge
) -> list[Advice]:
    """Advise on the authorizer where it is why no denial can be recorded."""
    known = knowledge.advice("authorizer", 0, observation.parameters.get("tool", ""))
    return [known] if known and findings and _cannot_deny(observation) else []


def _values(observation: ClusterObservation, knowledge: ProviderKnowledge, rule: RuleSettings) -> dict[str, str]:
    """Gather what the texts may name."""
    ref = observation.ref
    return {
        **observation.parameters,
        "name": ref.name,
        "location": ref.location,
        "account_id": ref.account_id,
        "min_retention_days": str(rule.min_retention_days),
        "retention_step": str(knowledge.retention_step(rule.min_retention_days)),
        "missing_logs": json.dumps(_missing_logs(observation, knowledge), separators=(",", ":")),
        "recommended_policy": "" if knowledge.policy else _recommended(rule),
    }


def _recommended(rule: RuleSettings) -> str:
    """Give the policy that we recommend; one that is asked for all stages omits none."""
    text = published("recommended").text
    if rule.stages == "outcome":
        return text
    before, _, after = text.partition("# This event carries no outcome")
    return before + after.partition("omitStages: [RequestReceived]\n")[2]


def _missing_logs(observation: ClusterObservation, knowledge: ProviderKnowledge) -> list[str]:
    """List the logs that are not switched on and that give something to a category, in the order of the data file."""
    needed = frozenset[str]().union(*(knowledge.relevant(category) for category in RequestCategory))
    missing = {
        channel.log
        for server in observation.servers
        for channel in server.channels
        if channel.exported.state is LinkState.GAP
    }
    return [log for log in knowledge.logs if log in missing & needed]


_UNQUOTED = frozenset(
    {"missing_logs", "recommended_policy", "audit_block", "above_steps", "sink_steps", "bucket_steps"}
)
"""Values of our own making that stand where shell quotes would be wrong; names within them are quoted already."""


def _filled(advice: Advice, values: dict[str, str]) -> Remediation:
    """Fill in a text; in shell code every value from outside is quoted, because names are hostile input."""
    quoted = values
    if advice.language == "sh":
        quoted = {key: value if key in _UNQUOTED else shlex.quote(value) for key, value in values.items()}
    code = Template(advice.code).safe_substitute(quoted)
    return Remediation(advice.title, Template(advice.text).safe_substitute(values), code.rstrip("\n"), advice.language)


def missing_permissions(observation: ClusterObservation, of_links: tuple[str, ...]) -> tuple[str, ...]:
    """Name the permissions for want of which something could not be read, those of the links first."""
    others = [one.permission for one in observation.unread if one.permission]
    return tuple(dict.fromkeys([*of_links, *others])) if others else of_links


def _reading_advice(observation: ClusterObservation, missing: tuple[str, ...]) -> list[Remediation]:
    """Say what it takes to read what could not be read: the permissions, and the provider's own hints."""
    hints = dict.fromkeys(unread.hint for unread in observation.unread if unread.hint)
    if not (missing or hints):
        return []
    identity = observation.parameters.get("identity", "the identity that the scan runs as")
    sentences = [f"{hint[:1].upper()}{hint[1:]}." for hint in hints]
    if missing and not hints:
        sentences = [f"Grant {', '.join(missing)} to {identity}."]
    elif missing:
        sentences.insert(0, f"The scan ran as {identity}, without {', '.join(missing)}.")
    if not missing:
        return [Remediation("Let the scan read what is missing", " ".join(sentences))]
    sentences.append("The command prints all permissions that the provider needs.")
    variant = observation.parameters.get("permissions_variant", "")
    command = f"k8s-audit-coverage providers {observation.ref.provider} --permissions {variant}".rstrip()
    return [Remediation("Let the scan read what is missing", " ".join(sentences), command, "sh")]
