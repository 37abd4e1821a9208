"""The audit policy of one API server: from the flag through the mounts to the file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from providers.self_managed.channels import NOTHING
from providers.self_managed.evidence import of_absence, of_error, of_setting
from providers.self_managed.files import read_file
from providers.self_managed.reading import Situation, where_to_look
from providers.self_managed.source import Place, PlaceKind
from scanner.apiserver import Setting
from scanner.audit_policy.reader import load
from scanner.errors import CollectionError, PolicyError
from scanner.model import Evidence, InlinePolicy, NoPolicy, PolicySource, UnreadablePolicy

_FLAG: Final = "--audit-policy-file"


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
    refusal = _refusal(setting, place)
    if refusal:
        return NoPolicy(refusal, evidence), ""
    try:
        shown, data = _read(situation, place)
    except CollectionError as error:
        name = error.where or setting.value
        reason = f"the audit policy {name} could not be read: {error.what} ({where_to_look(error)})"
        return UnreadablePolicy(reason, (*evidence, of_error(error, setting.value)), error.permission), ""
    policy = _loaded(situation, shown, data, evidence)
    return policy, _fingerprint(policy)


def _refusal(setting: Setting, place: Place) -> str:
    """Say why kube-apiserver cannot find the file; empty where it may."""
    if place.kind is not PlaceKind.ABSENT:
        return ""
    return (
        f"kube-apiserver refuses to start: {_FLAG} names {setting.value}, "
        "and no volume mount brings that file into its container"
    )


def _read(situation: Situation, place: Place) -> tuple[str, bytes]:
    """Read the file itself, else the copy that the configuration names."""
    try:
        return situation.read(place)
    except CollectionError:
        if situation.policy_copy is None:
            raise
    path, shown = situation.policy_copy
    return shown, read_file(path, shown)


def _loaded(situation: Situation, shown: str, data: bytes, evidence: tuple[Evidence, ...]) -> PolicySource:
    try:
        policy = load(data, situation.version, source=shown)
    except PolicyError as error:
        refused = Evidence(shown, "audit policy", error.what)
        return NoPolicy(f"kube-apiserver refuses the audit policy {shown}: {error.what}", (*evidence, refused))
    count = len(policy.rules)
    rules = Evidence(shown, "rules", "1 rule" if count == 1 else f"{count} rules")
    return InlinePolicy(policy, shown, (*evidence, rules), data)


def _fingerprint(source: PolicySource) -> str:
    """Tell policies apart by what they do: comments, order of keys and line numbers do not count."""
    if not isinstance(source, InlinePolicy):
        return "refused"
    policy = source.policy
    rules = [(replace(rule, line=None, omit_stages=frozenset()), sorted(rule.omit_stages)) for rule in policy.rules]
    text = repr((rules, sorted(policy.omit_stages), policy.omit_managed_fields))
    return f"{source.evidence[-1].value} with SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"
