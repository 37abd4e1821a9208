"""The sentences of the rule, with the values that stood there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scanner.audit_policy.types import Level
from scanner.model import Finding, Grade, Link, LinkCheck, LinkState, RequestCategory, RuleSettings, Status

CATEGORY_TITLES = {
    RequestCategory.AUTHENTICATION: "Authentication attempts",
    RequestCategory.API_CALLS: "API calls",
    RequestCategory.RBAC_DENIALS: "RBAC denials",
}


def finding_message(
    category: RequestCategory,
    status: Status,
    at_least: Grade,
    at_most: Grade,
    level: Level | None,
    links: Mapping[Link, LinkCheck],
    rule: RuleSettings,
) -> str:
    """Say in one sentence what stands with a category."""
    title = CATEGORY_TITLES[category]
    if status is Status.PASS:
        at = f" at {level.label} level" if level else ""
        return f"{title} are covered{at}: {at_least.label}."
    if status is Status.FAIL:
        reached = at_most.label if at_least == at_most else f"at most {at_most.label}"
        below = f"{reached}, {rule.grade} is required" if at_most < rule.required_grade else reached
        return f"{title} are not covered ({below}): {_reasons(links, rule, LinkState.GAP)}."
    return f"{title} could not be judged: {_reasons(links, rule, LinkState.UNKNOWN)}."


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the sentence about a cluster must know beside its findings.

    Attributes:
        has_policy: False where an API server is known to have no audit policy.
        everywhere: Whether what is wrong is wrong on all API servers of the cluster.
    """

    has_policy: bool
    everywhere: bool


def cluster_message(findings: tuple[Finding, ...], rule: RuleSettings, circumstances: Circumstances) -> str:
    """Give the sentence of the rule for a cluster."""
    covered = [finding for finding in findings if finding.status is Status.PASS]
    if len(covered) == len(findings):
        return _pass_message(covered)
    failed = [finding for finding in findings if finding.status is Status.FAIL]
    if failed:
        return _fail_message(failed, covered, findings, rule, circumstances)
    unknown = _titles(findings, covered)
    return f"Whether the audit log covers {unknown} could not be told{_behind(_grouped(findings, rule))}"


def _pass_message(covered: list[Finding]) -> str:
    """Count the categories and name the lowest level found in them."""
    level = min((finding.level for finding in covered if finding.level is not None), default=None)
    at = f" at {level.label} logging level" if level else ""
    return f"Audit policy covers {len(covered)} event categories{at}."


def _fail_message(
    failed: list[Finding],
    covered: list[Finding],
    findings: tuple[Finding, ...],
    rule: RuleSettings,
    circumstances: Circumstances,
) -> str:
    """Quote the gap: whether nothing at all is recorded, or which categories are missing and why."""
    if len(failed) == len(findings) and all(finding.at_most is Grade.NONE for finding in failed):
        grouped = _grouped(tuple(failed), rule)
        whole = [reason for reason in grouped if not any(reason in other for other in grouped if other != reason)]
        reasons = ". ".join(_capital(reason) for reason in whole)
        return f"Kubernetes audit logging {_end_of_all(failed, rule, circumstances)}. {reasons}."
    missing = _titles(tuple(failed), [])
    count = f"Audit logging covers {len(covered)} of {len(findings)} event categories"
    return f"{count}; {missing} are missing{_behind(_grouped(findings, rule))}"


def _end_of_all(failed: list[Finding], rule: RuleSettings, circumstances: Circumstances) -> str:
    """Say where the chain ends when nothing at all of a cluster is kept: at its first broken link."""
    broken = {next(link for link in rule.links if finding.links[link].state is LinkState.GAP) for finding in failed}
    some = "" if circumstances.everywhere else " on some control-plane nodes"
    if Link.EXPORTED in broken or not circumstances.has_policy:
        return "is not configured" + ("" if circumstances.everywhere else " on every control-plane node")
    if Link.GENERATED in broken:
        if any(finding.stages_kept for finding in failed):
            return f"records no request at all the stages that are asked for{some}"
        return f"records nothing{some}"
    if Link.RETAINED in broken:
        return f"is configured, but its records are not kept long enough{some}"
    return f"is configured, but nothing of it is kept{some}"


def _titles(findings: tuple[Finding, ...], without: list[Finding]) -> str:
    """List category titles inside a sentence."""
    names = [CATEGORY_TITLES[finding.category] for finding in findings if finding not in without]
    lowered = [name if name.split()[0].isupper() else name[0].lower() + name[1:] for name in names]
    return ", ".join(lowered[:-1]) + (" and " if len(lowered) > 1 else "") + lowered[-1]


def _behind(grouped: dict[str, list[str]]) -> str:
    """Put the reasons behind a sentence: one alone after a colon, several with the categories they stand for."""
    if len(grouped) == 1:
        return f": {next(iter(grouped))}."
    return ". " + " ".join(f"{', '.join(titles)}: {reason}." for reason, titles in grouped.items())


def _grouped(findings: tuple[Finding, ...], rule: RuleSettings) -> dict[str, list[str]]:
    """Give each reason once, with the categories that it stands for."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        state = {Status.FAIL: LinkState.GAP, Status.UNKNOWN: LinkState.UNKNOWN}.get(finding.status)
        if state is not None:
            for reason in _reason_list(finding.links, rule, state):
                reasons.setdefault(reason, []).append(CATEGORY_TITLES[finding.category])
    return reasons


def _reasons(links: Mapping[Link, LinkCheck], rule: RuleSettings, state: LinkState) -> str:
    """Join the reasons of the deciding links in a state."""
    return "; ".join(_reason_list(links, rule, state))


def _reason_list(links: Mapping[Link, LinkCheck], rule: RuleSettings, state: LinkState) -> list[str]:
    """List the reasons of the deciding links in a state, each once."""
    checks = [links[link] for link in rule.links]
    return list(dict.fromkeys(check.reason for check in checks if check.state is state))


def _capital(text: str) -> str:
    """Begin a sentence, but leave the name of a program, a file or an API call as it is spelled."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isalpha() else text
