"""What a new audit policy records that an old one did not, and what no longer: as classes of requests, exactly.

Compared is what a request leaves: the events, their stages and levels. Coverage is lost where an event that carries the
outcome of a request (ResponseStarted for a failed authentication, ResponseComplete otherwise, both for a long-running
request) was written and is not any more, known noise excepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from scanner.assessment.grading import grade_policy
from scanner.assessment.grading_words import join
from scanner.assessment.policy_diff.comparison import SIDES, Comparison
from scanner.assessment.policy_diff.diagrams import combine, map_leaves
from scanner.assessment.policy_diff.effects import Change, ChangeKind, Changes
from scanner.assessment.policy_diff.principals import Combination, Compared, combined, kinds, named
from scanner.assessment.policy_diff.words import describe
from scanner.audit_policy.diagram import Diagram, Leaf
from scanner.audit_policy.types import Level, Policy, Stage
from scanner.model import CapabilityCoverage, CategoryCoverage, RequestCategory

__all__ = ["Change", "ChangeKind", "Difference", "Graded", "PolicyDiff", "compare"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A change, whose requests it concerns, and which.

    Attributes:
        who: Titles of principals.
        requests: Descriptions of classes of requests; together they are what changed.
        before: The levels at which LOST requests were recorded; the one before for LEVEL.
        after: The levels at which GAINED requests are recorded; the one after for LEVEL.
    """

    change: Change
    who: tuple[str, ...]
    requests: tuple[str, ...]
    before: tuple[Level, ...] = ()
    after: tuple[Level, ...] = ()


@dataclass(frozen=True, slots=True)
class Graded:
    """The grade and level of one category under each policy."""

    category: RequestCategory
    before: CategoryCoverage
    after: CategoryCoverage


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """Everything that two policies do differently.

    Attributes:
        is_same: Whether every request leaves the same events.
        is_lost: Whether coverage is lost.
        is_complete: False where the policies name so many users and groups that not all people who are several of them
            were compared: then more may be lost than is said.
        differences: In the order of ChangeKind; the kinds of principals first, then named identities as far as they
            fare otherwise than people or service accounts whom no rule names.
        noise: Known noise that is LOST or GAINED; it counts for nothing.
        categories: All three.
        capabilities: Those that changed, before and after.
    """

    is_same: bool
    is_lost: bool
    is_complete: bool
    differences: tuple[Difference, ...]
    noise: tuple[Difference, ...]
    categories: tuple[Graded, ...]
    capabilities: tuple[tuple[CapabilityCoverage, CapabilityCoverage], ...]


def compare(old: Policy, new: Policy) -> PolicyDiff:
    """Compare two policies for every kind of principal and every identity that one of them names."""
    comparison = Comparison(old, new)
    singles = (*kinds(comparison.judge.knowledge), *named((old, new)))
    several, is_complete = combined((old, new))
    found = [*_differences(comparison, singles), *_of_combinations(comparison, several)]
    everybody = (*(one.principal for one in singles), *(one.principal for one in several))
    is_same = not any(
        comparison.found(comparison.changes(who, is_resource=side), is_resource=side)
        for who in everybody
        for side in SIDES
    )
    before, after = (grade_policy(policy, stages="outcome") for policy in (old, new))
    return PolicyDiff(
        is_same=is_same,
        is_lost=any(comparison.is_lost(who, is_resource=side) for who in everybody for side in SIDES),
        is_complete=is_complete,
        differences=_merged(found),
        noise=_merged(_noise(comparison, singles)),
        categories=tuple(Graded(one, before.categories[one], after.categories[one]) for one in RequestCategory),
        capabilities=tuple(
            (was, now) for was, now in zip(before.capabilities, after.capabilities, strict=True) if was != now
        ),
    )


def _differences(comparison: Comparison, singles: tuple[Compared, ...]) -> Iterator[Difference]:
    """Describe the changes of each principal; those of a named one only as far as they are its own."""
    texts: _Texts = {}
    for one in singles:
        own = {side: _own_changes(comparison, one, is_resource=side) for side in SIDES}
        yield from _described(comparison, one.title, own, texts)


def _of_combinations(comparison: Comparison, several: tuple[Combination, ...]) -> Iterator[Difference]:
    """Describe the changes that people see only because they are several named identities at once."""
    texts: _Texts = {}
    known: dict[tuple[Diagram[Changes], Diagram[Changes]], Diagram[Changes]] = {}
    for one in several:
        own = {}
        for side in SIDES:
            mine = comparison.changes(one.principal, is_resource=side)
            for member in one.members:
                theirs = comparison.changes(member, is_resource=side)
                if (mine, theirs) not in known:
                    known[mine, theirs] = Leaf(()) if mine is theirs else combine(mine, theirs, _besides)
                mine = known[mine, theirs]
            own[side] = mine
        yield from _described(comparison, one.title, own, texts)


_Texts = dict[tuple[object, ...], tuple[str, ...]]


def _described(
    comparison: Comparison, title: str, own: dict[bool, Diagram[Changes]], texts: _Texts
) -> Iterator[Difference]:
    """Put the changes of a principal into words; equal ones are described once."""
    exact = {change for side in SIDES for change in comparison.found(own[side], is_resource=side)}
    for change in sorted({_whatever_level(one) for one in exact}, key=_order):
        key = (*own.values(), change)
        if key not in texts:
            chosen = {side: map_leaves(own[side], partial(_has, change)) for side in SIDES}
            texts[key] = describe(comparison, chosen)
        if texts[key]:
            yield _difference(change, title, texts[key], exact)


def _difference(change: Change, title: str, requests: tuple[str, ...], exact: Iterable[Change]) -> Difference:
    """Build a difference with its levels."""
    levels = [(one.before, one.after) for one in exact if _whatever_level(one) == change]
    before = tuple(sorted({level for level, _ in levels} - {Level.NONE}))
    after = tuple(sorted({level for _, level in levels} - {Level.NONE}))
    return Difference(change, (title,), requests, before, after)


def _whatever_level(change: Change) -> Change:
    """Leave the level aside where a record is lost or gained: that a request is recorded matters more."""
    if change.kind in (ChangeKind.LOST, ChangeKind.GAINED):
        return replace(change, before=Level.NONE, after=Level.NONE)
    return change


def _has(change: Change, several: Changes) -> bool:
    """Tell whether a change is one of several, levels left aside."""
    return any(_whatever_level(one) == change for one in several)


def _own_changes(comparison: Comparison, one: Compared, *, is_resource: bool) -> Diagram[Changes]:
    """Give a principal's changes without those that everybody like it sees as well."""
    mine = comparison.changes(one.principal, is_resource=is_resource)
    if one.base is None:
        return mine
    theirs = comparison.changes(one.base, is_resource=is_resource)
    return Leaf(()) if mine is theirs else combine(mine, theirs, _besides)


def _besides(mine: Changes, theirs: Changes) -> Changes:
    """Leave out what others see as well."""
    known = {_whatever_level(change) for change in theirs}
    return tuple(change for change in mine if _whatever_level(change) not in known)


def _merged(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Put principals with the same difference together, in order."""
    by_what: dict[Difference, list[str]] = {}
    for one in found:
        by_what.setdefault(replace(one, who=()), []).extend(one.who)
    merged = [replace(one, who=tuple(who)) for one, who in by_what.items()]
    return tuple(sorted(merged, key=lambda one: _order(one.change)))


def _order(change: Change) -> tuple[int, int, int, list[Stage], list[Stage]]:
    """Order changes: what is lost first, and from the highest level to the lowest."""
    stages = [sorted(change.stages_lost), sorted(change.stages_gained)]
    return (list(ChangeKind).index(change.kind), -change.before, change.after, stages[0], stages[1])


def _noise(comparison: Comparison, singles: tuple[Compared, ...]) -> Iterator[Difference]:
    """Name the noise that is no longer recorded, or now; of named identities only their own."""
    for one in singles:
        names: dict[tuple[Change, bool], dict[str, None]] = {}
        for requests in comparison.noise:
            side = requests.is_resource
            box = comparison.judge.axes.box(requests)
            met = comparison.within(_own_changes(comparison, one, is_resource=side), box, is_resource=side)
            for change, is_whole in met.items():
                if change.kind in (ChangeKind.LOST, ChangeKind.GAINED):
                    nouns = sorted(requests.resources.names if side else requests.paths.names)
                    if not nouns:
                        nouns = [f"the API group {group}" for group in sorted(requests.api_groups.names)]
                    names.setdefault((_whatever_level(change), is_whole), {}).update(dict.fromkeys(nouns))
        for (change, is_whole), found in sorted(names.items(), key=lambda item: not item[0][1]):
            text = join(list(found))
            requests_text = text if is_whole else f"some requests for {text}"
            yield Difference(replace(change, is_loss=False), (one.title,), (requests_text,))
