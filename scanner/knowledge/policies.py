"""The audit policies that clouds and distributions publish, and the one that we recommend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Policy
from scanner.knowledge.data_files import data_file, data_text

_FOLDER: Final = "policies"


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """A policy as it was published.

    Attributes:
        name: Its id, such as ``eks``.
        source: Repository and path, or page.
        date: When the source was read.
        policy: The policy as kube-apiserver holds it.
        text: The text of the file, true to its source.
        note: What to know about it, such as a contradiction in the source; empty where there is nothing.
        licence: The licence of the source.
        kubernetes_version: The version as which kube-apiserver must read the text; None for the newest.
        base_rules: How many rules at the beginning are those of a base that all policies of its family share.
    """

    name: str
    title: str
    source: str
    date: date
    policy: Policy
    text: str
    note: str
    licence: str
    kubernetes_version: str | None = None
    base_rules: int = 0


class _Entry(BaseModel):
    """One entry of the index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    licence: str
    date: date
    kubernetes_version: str | None = None
    note: str = ""
    base_rules: int = 0
    also: tuple[str, ...] = ()


def names() -> tuple[str, ...]:
    """Give the ids of all policies, in the order of the index."""
    return tuple(_index())


def find(name: str) -> PublishedPolicy | None:
    """Load a policy by its id or by another name that people look for it under; None where there is none."""
    known = next((one for one, entry in _index().items() if name == one or name in entry.also), None)
    return published(known) if known else None


@cache
def published(name: str) -> PublishedPolicy:
    """Load a policy by its id; KeyError for an unknown one."""
    entry = _index()[name]
    text = data_text(_FOLDER, f"{name}.yaml")
    policy = load(text.encode(), entry.kubernetes_version, source=entry.source)
    return PublishedPolicy(
        name,
        entry.title,
        entry.source,
        entry.date,
        policy,
        text,
        entry.note,
        entry.licence,
        entry.kubernetes_version,
        entry.base_rules,
    )


def composed(name: str, group_policies: tuple[tuple[str, str], ...]) -> Policy:
    """Put the rules of other policies, each narrowed to one user group, between a policy's base and its own rules.

    So OpenShift builds its policy from ``customRules`` and ``profile``. KeyError for an unknown id.

    Source: openshift/library-go, pkg/operator/apiserver/audit, GetAuditPolicy.
    """
    whole = published(name)
    own = whole.policy.rules
    narrowed = [
        replace(rule, user_groups=(group,))
        for group, other in group_policies
        for rule in published(other).policy.rules[published(other).base_rules :]
    ]
    return replace(whole.policy, rules=(*own[: whole.base_rules], *narrowed, *own[whole.base_rules :]))


@cache
def _index() -> Mapping[str, _Entry]:
    """Load the index."""
    return TypeAdapter(dict[str, _Entry]).validate_python(data_file(_FOLDER, "index.yaml"))
