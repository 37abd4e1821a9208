"""Puts classes of requests whose recording changed into words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from scanner.assessment.grading_words import join, phrases
from scanner.assessment.policy_diff.comparison import SIDES, Comparison
from scanner.assessment.policy_judge import MOST_BOXES, Region
from scanner.audit_policy.boxes import Box
from scanner.audit_policy.diagram import Diagram, walk

EVERY_REQUEST: Final = "every request"
_NOUNS: Final = {True: "everything", False: "non-resource paths"}
_WHOLES: Final = {True: "every request for resources", False: "non-resource paths"}


def describe(comparison: Comparison, chosen: dict[bool, Diagram[bool]]) -> tuple[str, ...]:
    """Describe the chosen requests of both sides, noise left aside; nothing where only noise is chosen."""
    regions = {side: _region(comparison, chosen[side], is_resource=side) for side in SIDES if side in chosen}
    if len(regions) == len(SIDES) and all(_is_whole(region) for region in regions.values()):
        return (EVERY_REQUEST,)
    return tuple(text for side, region in regions.items() for text in _texts(comparison, region, is_resource=side))


def _region(comparison: Comparison, chosen: Diagram[bool], *, is_resource: bool) -> Region:
    """Divide all requests of a side into the chosen ones and the others."""
    bounds = comparison.bounds[is_resource]
    boxes: dict[bool, list[Box]] = {True: [], False: []}
    found = walk(chosen, bounds)
    for box, is_chosen in islice(found, MOST_BOXES):
        boxes[is_chosen] += comparison.judge.without_noise(box)
    is_cut = next(found, None) is not None
    return Region(bounds, tuple(boxes[True]), tuple(boxes[False]), is_cut)


def _is_whole(region: Region) -> bool:
    """Tell whether everything is chosen."""
    return bool(region.missing) and not region.kept and not region.is_cut


def _texts(comparison: Comparison, region: Region, *, is_resource: bool) -> Iterator[str]:
    """Describe one side."""
    if not region.missing and not region.is_cut:
        return
    if _is_whole(region):
        yield _WHOLES[is_resource]
        return
    every_verb = join(_all_verbs(comparison)) + " of "
    for text in phrases(comparison.judge, region, _NOUNS[is_resource]):
        yield f"every verb of {text.removeprefix(every_verb)}" if text.startswith(every_verb) else text


def _all_verbs(comparison: Comparison) -> list[str]:
    """Give the verbs of requests for resources in the order in which they are listed."""
    order = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    verbs = comparison.judge.axes.by_name["verbs"].values(comparison.bounds[True][0]).names
    return [verb for verb in order if verb in verbs]
