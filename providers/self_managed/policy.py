"""The audit policy of one API server: from the flag through the mounts to the file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Final

from providers.self_managed.channels import NOTHING
from providers.self_managed.evidence import of_absence, of_error, of_setting
from providers.self_managed.files import read_file
from providers.self_managed.reading import Content, Situation, where_to_look
from providers.self_managed.source import GivenFile, Place
from scanner.apiserver import Setting
from scanner.audit_policy.analysis import demand_analysable
from scanner.audit_policy.reader import load
from scanner.errors import CollectionError, PolicyError, PolicyLimitError
from scanner.model import Evidence, InlinePolicy, ManagedPolicy, NoPolicy, PolicySource, UnreadablePolicy

_FLAG: Final = "--audit-policy-file"
_KEY: Final = re.compile(r"line \d+, ")


def read_policy(situation: Situation) -> tuple[PolicySource, str]:
    """Give the policy, and a fingerprint of its rules to compare nodes by; empty where no file was read."""
    if situation.unread:
        reason = f"the flags are not known: {situation.unread}"
        return UnreadablePolicy(reason, situation.unread_evidence), ""
    setting = situation.configuration.policy_file
    if setting is None:
        evidence = of_absence(situation.source, situation.configuration.flags, "audit-policy")
        backend = situation.configuration.log or situation.configuration.webhook
        return NoPolicy(f"kube-apiserver does not specify {_FLAG}" if backend else NOTHING, evidence), ""
    if setting.unread:
        return UnreadablePolicy(f"the value of {_FLAG} is not known: {setting.unread}", (of_setting(setting),)), ""
    place = situation.place(setting)
    evidence = (of_setting(setting), *place.evidence)
    missing = situation.missing(setting, place)
    if missing:
        return NoPolicy(f"kube-apiserver refuses to start: {missing}", evidence), ""
    try:
        content = _read(situation, setting, place)
    except CollectionError as error:
        name = error.where or setting.value
        reason = f"the audit policy {name} could not be read: {error.what} ({where_to_look(error)})"
        given = situation.given(setting, place)
        if given is not None and given.if_absent:
            reason = f"{reason}; where the file is missing, {given.evidence.value}"
        return UnreadablePolicy(reason, (*evidence, of_error(error, setting.value)), error.permission), ""
    policy = _loaded(situation, content, evidence)
    return policy, _fingerprint(policy)


def _read(situation: Situation, setting: Setting, place: Place) -> Content:
    """Read the file itself, else the copy that the configuration names."""
    if situation.policy_copy is None:
        return situation.read(setting, place)
    path, shown = situation.policy_copy
    try:
        return replace(situation, supplies=()).read(setting, place)
    except CollectionError:
        return Content(shown, read_file(path, shown))


def _loaded(situation: Situation, content: Content, evidence: tuple[Evidence, ...]) -> PolicySource:
    given = content.given
    if given is not None:
        evidence = (*evidence, given.evidence)
        if given.published:
            return ManagedPolicy(given.published, evidence, given.group_policies)
    try:
        policy = load(content.data, situation.version, source=content.shown)
        demand_analysable(policy)
    except PolicyLimitError as error:
        beyond = Evidence(content.shown, "audit policy", error.what)
        return UnreadablePolicy(f"the audit policy {content.shown} cannot be judged: {error.what}", (*evidence, beyond))
    except PolicyError as error:
        refused = Evidence(content.shown, "audit policy", error.what)
        return NoPolicy(f"kube-apiserver refuses the audit policy {content.shown}: {error.what}", (*evidence, refused))
    count = len(policy.rules)
    rules = Evidence(content.shown, "rules", "1 rule" if count == 1 else f"{count} rules")
    if given is not None and given.above:
        moved = tuple(replace(rule, line=rule.line and rule.line + given.above) for rule in policy.rules)
        policy = replace(policy, rules=moved)
    return InlinePolicy(policy, content.shown, (*evidence, rules), content.data, _within(given))


def _within(given: GivenFile | None) -> str:
    """Name the place of a policy within a file that holds more; empty where it is a file of its own."""
    return given.evidence.locator if given is not None and _KEY.match(given.evidence.locator) else ""


def _fingerprint(source: PolicySource) -> str:
    """Tell policies apart by what they do: comments, order of keys and line numbers do not count."""
    if isinstance(source, ManagedPolicy):
        groups = "".join(f", {name} for {group}" for group, name in source.group_policies)
        return f"the published policy {source.name}{groups}"
    if isinstance(source, UnreadablePolicy):
        return ""
    if not isinstance(source, InlinePolicy):
        return "refused"
    policy = source.policy
    rules = [(replace(rule, line=None, omit_stages=frozenset()), sorted(rule.omit_stages)) for rule in policy.rules]
    text = repr((rules, sorted(policy.omit_stages), policy.omit_managed_fields))
    return f"{source.evidence[-1].value} with SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"
