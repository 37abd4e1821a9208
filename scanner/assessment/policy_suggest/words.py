"""The comments that stand beside a change, and the sentences that sum it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from scanner.assessment.grading_words import join
from scanner.assessment.policy_suggest.edits import InsertRules, KeepStages, PolicyEdit, RaiseLevel, RenameField
from scanner.assessment.policy_suggest.needs import Drop
from scanner.audit_policy.types import Stage
from scanner.knowledge.request_classes import request_knowledge

_TITLES: Final = {
    "writes": "writes",
    "secret_reads": "reads of secrets",
    "reads": "reads",
    "deletecollection": "deletecollection",
    "connect": "exec, attach, port-forward and proxy by GET",
    "paths": "discovery and other non-resource paths",
}
_STAGES: Final = {
    Stage.REQUEST_RECEIVED: "every request shows as soon as it arrives",
    Stage.RESPONSE_STARTED: "failed logins show at this stage alone",
    Stage.RESPONSE_COMPLETE: "it carries the outcome",
}


def classes_text(ids: Iterable[str]) -> str:
    """Name classes of requests, without those that another one holds."""
    wanted = set(ids)
    classes = request_knowledge().classes
    if wanted == {one.id for one in classes}:
        return "requests of every kind"
    known = [one for one in classes if one.id in wanted and one.within not in wanted]
    return join([_TITLES.get(one.id, one.id.replace("_", " ")) for one in known])


def dropped_below(drop: Drop) -> str:
    """Say why a rule stands in front of one that drops requests."""
    return f"Records {_of_whom(classes_text(drop.classes), drop)}, which the next rule drops."


def dropped_further_below(ids: Iterable[str]) -> str:
    """Say why a rule stands in front of several that drop requests."""
    return f"Records {classes_text(ids)}, which rules below drop."


def matched_by_none(ids: Iterable[str], *, is_everything: bool) -> str:
    """Say why a rule stands at the end."""
    if is_everything:
        return f"Everything else: records {classes_text(ids)} that no rule above matches."
    return f"Records {classes_text(ids)} that no rule above matches."


def raised(drop: Drop) -> str:
    """Say why a level is Metadata now."""
    return f"was None, which dropped {_of_whom(classes_text(drop.classes), drop)}"


def kept(stages: Iterable[Stage]) -> str:
    """Say why stages are not omitted any more."""
    wanted = set(stages)
    return "; ".join(f"{stage.value} is kept: {_STAGES[stage]}" for stage in _STAGES if stage in wanted)


def renamed(old: str) -> str:
    """Say why a field has another name now."""
    return f"was {old!r}, which Kubernetes ignores"


def sentence(edit: PolicyEdit | RenameField) -> str:
    """Sum one change up; indices are those of the rules before any change."""
    match edit:
        case InsertRules():
            where = "at the end" if edit.is_last else f"before rules[{edit.before}]"
            return f"new rule{'s' if len(edit.rules) > 1 else ''} {where}: " + " ".join(one.why for one in edit.rules)
        case RaiseLevel():
            return f"rules[{edit.rule}]: level Metadata; it {edit.why}"
        case KeepStages():
            where = "omitStages" if edit.rule is None else f"rules[{edit.rule}].omitStages"
            return f"{where}: {edit.why}"
        case RenameField():
            entry = "" if edit.entry is None else f".resources[{edit.entry}]"
            return f"rules[{edit.rule}]{entry}: {edit.new}; it {renamed(edit.old)}"


def volume(edits: Sequence[PolicyEdit | RenameField]) -> list[str]:
    """Say in words which changes let the log grow."""
    found = []
    classes = _recorded(edits)
    rules = [new.rule for edit in edits if isinstance(edit, InsertRules) for new in edit.rules]
    if not classes.isdisjoint({"reads", "paths"}):
        found.append(
            "records every get, list and watch that was dropped so far: expect many more events; `policy suggest` "
            "without a file shows the exemptions that cost no coverage"
        )
    elif any("create" in rule.verbs and not rule.resources for rule in rules):
        found.append("records every write, those of events and leases among them, unless a rule above leaves them out")
    elif classes:
        found.append("records a few more kinds of requests: expect little more")
    stages = {stage for edit in edits if isinstance(edit, KeepStages) for stage in edit.stages}
    if Stage.REQUEST_RECEIVED in stages:
        found.append("writes one more event for every request: about twice as many")
    if Stage.RESPONSE_COMPLETE in stages:
        found.append("writes an event for every request that these rules match: expect many more events")
    if Stage.RESPONSE_STARTED in stages:
        found.append("writes one more event for every watch and exec, and one for every failed login")
    return found


def _recorded(edits: Sequence[PolicyEdit | RenameField]) -> set[str]:
    """Give the ids of what new rules and raised ones record."""
    found: set[str] = set()
    for edit in edits:
        if isinstance(edit, RaiseLevel):
            found |= edit.classes
        elif isinstance(edit, InsertRules):
            found |= {one for new in edit.rules for one in new.classes}
    return found


def _of_whom(what: str, drop: Drop) -> str:
    """Add whose requests are meant where they are not everybody's."""
    knowledge = request_knowledge()
    asked = {name for category in knowledge.categories.values() for name in category.principals}
    if drop.principals == asked:
        return what
    titles = [knowledge.principals[name].title for name in knowledge.principals if name in drop.principals]
    return f"{what} ({join(titles)})"
