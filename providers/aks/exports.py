"""Which diagnostic settings export a log category: by its name, or by a category group that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from providers.aks.facts import Category, ClusterFacts, DiagnosticSetting, Groups, LogSetting, Read
from providers.aks.failures import evidence
from providers.aks.permissions import READ_CATEGORIES, READ_SETTINGS
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState

ALL_LOGS: Final = "alllogs"
"""The group that holds every category by definition: Azure documentation, "Diagnostic settings", category groups."""


class _Holds(Enum):
    """Whether an entry stands for a category."""

    YES = 1
    NO = 2
    MAYBE = 3


@dataclass(frozen=True, slots=True)
class Exporter:
    """A diagnostic setting that exports a category, and the entry that does it; `sure` is False where it may."""

    setting: DiagnosticSetting
    entry: LogSetting
    sure: bool

    @property
    def evidence(self) -> Evidence:
        """The entry as it was read."""
        field = "category" if self.entry.category else "categoryGroup"
        locator = (
            f"value[{self.setting.name}].properties.logs[{field}={self.entry.category or self.entry.group}].enabled"
        )
        return Evidence(READ_SETTINGS, locator, "true")


def exporters(facts: ClusterFacts, category: Category) -> tuple[Exporter, ...]:
    """Give the settings that export a category, those that do for sure first; none where they could not be read."""
    if isinstance(facts.settings, CollectionError):
        return ()
    found = [
        Exporter(setting, entry, holds is _Holds.YES)
        for setting in facts.settings
        for entry in setting.logs
        if entry.enabled and (holds := _holds(entry, category, facts.groups)) is not _Holds.NO
    ]
    return tuple(sorted(found, key=lambda one: not one.sure))


def names_groups(settings: Iterable[DiagnosticSetting]) -> bool:
    """Tell whether an enabled entry names a category group, so that it must be known which categories it holds."""
    return any(entry.enabled and not entry.category for setting in settings for entry in setting.logs)


def exported(facts: ClusterFacts, category: Category, found: tuple[Exporter, ...]) -> LinkCheck:
    """Say whether a category is switched on in any of the settings, which all count together."""
    settings = facts.settings
    if isinstance(settings, CollectionError):
        return unread_settings(settings)
    sure = [one for one in found if one.sure]
    if sure:
        names = _listed(dict.fromkeys(one.setting.name for one in sure))
        by = f"by {_listed(dict.fromkeys(one.entry.text for one in sure if not one.entry.category))}"
        how = "" if any(one.entry.category for one in sure) else f" {by}"
        reason = f"diagnostic setting {names} exports {category}{how}"
        return LinkCheck(LinkState.OK, reason, (*(one.evidence for one in sure), *_group_evidence(facts, sure)))
    if found:
        return unresolved(facts.groups, found)
    return LinkCheck(LinkState.GAP, _not_exported(category, settings), _all_entries(settings))


def _holds(entry: LogSetting, category: Category, groups: Read[Groups] | None) -> _Holds:
    """Tell whether an entry stands for a category."""
    if entry.category:
        return _Holds.YES if entry.category.lower() == category else _Holds.NO
    group = entry.group.lower()
    if group == ALL_LOGS:  # first: Azure lists categories without groups as well, which would read as not in it
        return _Holds.YES
    if isinstance(groups, CollectionError) or groups is None or group not in groups:
        return _Holds.MAYBE
    return _Holds.YES if category in groups[group] else _Holds.NO


def unread_settings(error: CollectionError) -> LinkCheck:
    """Leave open what is exported, and where to: one reason for every link, so that it is told once."""
    reason = f"the diagnostic settings could not be read: {error.what}"
    return LinkCheck(LinkState.UNKNOWN, reason, (evidence(error, READ_SETTINGS),), error.permission)


def unresolved(groups: Read[Groups] | None, found: tuple[Exporter, ...]) -> LinkCheck:
    """Leave open what a category group holds that could not be read, for every category and link in the same words."""
    names = _listed(f"{one.entry.text} of diagnostic setting {one.setting.name}" for one in found)
    read = tuple(one.evidence for one in found)
    if isinstance(groups, CollectionError):
        reason = f"what {names} holds could not be read: {groups.what}"
        return LinkCheck(LinkState.UNKNOWN, reason, (*read, evidence(groups, READ_CATEGORIES)), groups.permission)
    if groups is None:
        return LinkCheck(LinkState.UNKNOWN, f"what {names} holds was not read", read)
    told = Evidence(READ_CATEGORIES, "value[].properties.categoryGroups", _listed(sorted(groups)) or "no group")
    reason = f"what {names} holds is not known: Azure names no category of the group"
    return LinkCheck(LinkState.UNKNOWN, reason, (*read, told))


def _not_exported(category: Category, settings: tuple[DiagnosticSetting, ...]) -> str:
    """Say why a category is not exported."""
    if not settings:
        return f"{category} is not exported: the cluster has no diagnostic setting"
    off = [setting.name for setting in settings for entry in setting.logs if entry.category.lower() == category]
    if off:
        return f"{category} is not exported: it is switched off in diagnostic setting {_listed(off)}"
    groups = [
        f"{entry.text} of diagnostic setting {setting.name}"
        for setting in settings
        for entry in setting.logs
        if entry.enabled and entry.group
    ]
    plain = _listed(setting.name for setting in settings if not any(entry.group for entry in setting.logs))
    places = [*([f"the logs of diagnostic setting {plain}"] if plain else []), *groups]
    return f"{category} is not exported: it is not in {' or '.join(places) or 'any diagnostic setting'}"


def _all_entries(settings: tuple[DiagnosticSetting, ...]) -> tuple[Evidence, ...]:
    """Give what every setting holds, which is what a category is missing from."""
    if not settings:
        return (Evidence(READ_SETTINGS, "value", "[]"),)
    return tuple(
        Evidence(
            READ_SETTINGS,
            f"value[{setting.name}].properties.logs",
            ", ".join(f"{one.text}: {str(one.enabled).lower()}" for one in setting.logs) or "[]",
        )
        for setting in settings
    )


def _group_evidence(facts: ClusterFacts, sure: list[Exporter]) -> tuple[Evidence, ...]:
    """Give the members of the groups by which a category is exported."""
    groups = facts.groups
    names = dict.fromkeys(one.entry.group.lower() for one in sure if not one.entry.category)
    if groups is None or isinstance(groups, CollectionError):
        return ()
    return tuple(
        Evidence(READ_CATEGORIES, f"value[].properties.categoryGroups[{name}]", ", ".join(sorted(groups[name])))
        for name in names
        if name in groups
    )


def _listed(names: Iterable[str]) -> str:
    """Join names for a sentence."""
    return ", ".join(dict.fromkeys(names))
