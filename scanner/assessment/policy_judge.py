"""Asks a policy about the request classes of ``scanner.knowledge``, each question once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from scanner.audit_policy.analysis import Decision, PolicySpace, View
from scanner.audit_policy.boxes import PATH_DIMENSIONS, RESOURCE_DIMENSIONS, Box
from scanner.audit_policy.classes import Principal, RequestClass, Values
from scanner.audit_policy.types import Level, Policy, Stage
from scanner.knowledge.request_classes import RequestKnowledge, request_knowledge
from scanner.knowledge.resources import CORE_ALIASES

RULE_STAGES: Final = (Stage.REQUEST_RECEIVED, Stage.RESPONSE_STARTED, Stage.RESPONSE_COMPLETE)
"""The stages of the rule's pass sentence, in the order of a request."""

MOST_BOXES: Final = 2000
"""A policy that divides a class into more parts than this is not described part by part."""


@dataclass(frozen=True, slots=True)
class Needed:
    """The stages at which a request must leave an event; `long_running` for a long-running one."""

    stages: frozenset[Stage]
    long_running: frozenset[Stage]

    @classmethod
    def of(cls, stages: frozenset[Stage], further: frozenset[Stage] = frozenset()) -> Needed:
        """Add what a long-running request needs as well."""
        return cls(stages, stages | further)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy does to one class of one principal's requests, noise left aside.

    Attributes:
        missing: The decisions by which a part of it is not recorded.
        kept: The decisions by which a part of it is.
    """

    missing: frozenset[Decision]
    kept: frozenset[Decision]


@dataclass(frozen=True, slots=True)
class Region:
    """What is missing of a class, ready to be put into words: noise counts for whatever makes the words simpler.

    Attributes:
        bounds: The class.
        missing: Boxes of what is not recorded.
        kept: Boxes of what is.
        is_cut: True where there are more boxes than anybody would read about.
    """

    bounds: Box
    missing: tuple[Box, ...]
    kept: tuple[Box, ...]
    is_cut: bool = False


def is_recorded(decision: Decision, stages: frozenset[Stage]) -> bool:
    """Tell whether a decision leaves an event at each of some stages."""
    return decision.level >= Level.METADATA and decision.omit_stages.isdisjoint(stages)


class PolicyJudge:
    """One policy, ready to be asked."""

    def __init__(self, policy: Policy) -> None:
        """Tell apart all values that the knowledge names, and leave out its noise and what no API server has."""
        self.policy = policy
        self.knowledge = request_knowledge()
        noise = (*(one.requests() for one in self.knowledge.noise), *_impossible(policy))
        classes = (*_all_classes(self.knowledge), *noise)
        self.space = PolicySpace(policy, classes, noise)
        self.with_noise = PolicySpace(policy, classes)
        self.axes = self.space.axes
        self._noise = tuple(self.axes.box(one) for one in noise)
        self._long = tuple(self.axes.box(one) for one in _long_running(self.knowledge))
        self._answers: dict[tuple[int, RequestClass, Needed], Answer] = {}
        self._regions: dict[tuple[int, RequestClass, Needed], Region] = {}
        self._recorded_at: dict[frozenset[Stage], Callable[[Decision], bool]] = {}

    def ask(self, principal: Principal, requests: RequestClass, needed: Needed) -> Answer:
        """Tell which decisions record a class, and which don't."""
        key = (self._situation(self.space, principal, requests), requests, needed)
        if key not in self._answers:
            found = {
                (decision, is_recorded(decision, stages))
                for piece, stages in self._pieces(self.space, principal, requests, needed)
                for decision in self.space.decisions(principal, piece, is_resource=requests.is_resource)
            }
            missing = frozenset(decision for decision, recorded in found if not recorded)
            self._answers[key] = Answer(missing, frozenset(decision for decision, recorded in found if recorded))
        return self._answers[key]

    def region(self, principal: Principal, requests: RequestClass, needed: Needed) -> Region:
        """Divide a class into what is recorded and what is not, for words."""
        key = (self._situation(self.with_noise, principal, requests), requests, needed)
        if key not in self._regions:
            self._regions[key] = self._region(principal, requests, needed)
        return self._regions[key]

    def _region(self, principal: Principal, requests: RequestClass, needed: Needed) -> Region:
        """Divide a class, at most into as many boxes as words are worth."""
        boxes: dict[bool, list[Box]] = {True: [], False: []}
        found = (
            (box, is_kept)
            for piece, stages in self._pieces(self.with_noise, principal, requests, needed)
            for box, is_kept in self._recorded(principal, stages).boxes(piece, is_resource=requests.is_resource)
        )
        for box, is_kept in islice(found, MOST_BOXES):
            boxes[is_kept] += self.without_noise(box)
        is_cut = next(found, None) is not None
        return Region(self.axes.box(requests), tuple(boxes[False]), tuple(boxes[True]), is_cut)

    def _recorded(self, principal: Principal, stages: frozenset[Stage]) -> View[bool]:
        """Look at the policy with one principal's eyes, at nothing but whether requests are recorded."""
        if stages not in self._recorded_at:
            self._recorded_at[stages] = partial(is_recorded, stages=stages)
        return self.with_noise.view(principal, self._recorded_at[stages])

    def _situation(self, space: PolicySpace, principal: Principal, requests: RequestClass) -> int:
        """Give a number that stands for all that matters of a principal for a class."""
        return space.situation(principal, self.axes.box(requests), is_resource=requests.is_resource)

    def without_noise(self, box: Box) -> list[Box]:
        """Take noise out of a box, or add it where the box holds all like it but the noise."""
        rest = [box]
        for noise in self._noise:
            if len(noise) == len(box):
                rest = [part for one in rest for part in self._without(one, noise)]
        return rest

    def _without(self, box: Box, noise: Box) -> list[Box]:
        """Take one kind of noise out of a box, or into it where the box holds all else like it.

        Noise that is known by the names of single objects is taken out only where a box holds nothing else: it is not
        worth a word.
        """
        resources, names = RESOURCE_DIMENSIONS.index("resources"), RESOURCE_DIMENSIONS.index("names")
        is_path = len(box) == len(PATH_DIMENSIONS)
        at = len(box) - 1 if is_path else resources
        outside = [index for index, (one, two) in enumerate(zip(box, noise, strict=True)) if one & ~two]
        if not outside:
            return []
        if box[at] & 1:
            return [(*box[:at], box[at] | noise[at], *box[at + 1 :])] if outside == [at] else [box]
        by_name = not is_path and noise[names] != self.axes.by_name["names"].all
        return [box] if by_name else list(_subtract(box, noise))

    def _pieces(
        self, space: PolicySpace, principal: Principal, requests: RequestClass, needed: Needed
    ) -> Iterator[tuple[Box, frozenset[Stage]]]:
        """Give the boxes to judge with the stages that each needs; long-running ones apart only where they differ."""
        box = self.axes.box(requests)
        found = space.decisions(principal, box, is_resource=requests.is_resource)
        if all(is_recorded(one, needed.stages) == is_recorded(one, needed.long_running) for one in found):
            yield box, needed.stages
            return
        rest = [box]
        for long_box in self._long:
            if len(long_box) == len(box):
                yield from ((_meet(one, long_box), needed.long_running) for one in rest)
                rest = [part for one in rest for part in _subtract(one, long_box)]
        yield from ((one, needed.stages) for one in rest)


def _impossible(policy: Policy) -> Iterator[RequestClass]:
    """Give the requests for the names by which people mean the core group: no API server has one."""
    groups = {entry.group for rule in policy.rules for entry in rule.resources} & CORE_ALIASES
    if groups:
        yield RequestClass(is_resource=True, api_groups=Values.only(*groups))


def _all_classes(knowledge: RequestKnowledge) -> Iterator[RequestClass]:
    """Give every class that is ever asked about."""
    for one in knowledge.classes:
        yield one.requests()
    for capability in knowledge.capabilities.values():
        yield from (part.requests() for part in capability.parts)
    yield from (leak.requests() for leak in knowledge.leaks)
    for traffic in knowledge.component_traffic:
        yield from (one.requests() for one in traffic.requests)
    yield from _long_running(knowledge)
    yield RequestClass(is_resource=False, paths=knowledge.discovery)


def _long_running(knowledge: RequestKnowledge) -> Iterator[RequestClass]:
    """Give the classes of long-running requests."""
    known = knowledge.long_running
    yield RequestClass(is_resource=True, verbs=Values.only(*known.verbs))
    yield RequestClass(is_resource=True, subresources=Values.only(*known.subresources))
    yield RequestClass(is_resource=False, paths=Values.only(*known.paths))


def _meet(box: Box, other: Box) -> Box:
    """Give what two boxes have in common; a 0 in it means nothing."""
    return tuple(one & two for one, two in zip(box, other, strict=True))


def _subtract(box: Box, other: Box) -> Iterator[Box]:
    """Give disjoint boxes that hold what one box has and another has not."""
    if 0 in _meet(box, other):
        yield box
        return
    before: Box = ()
    for index, (one, two) in enumerate(zip(box, other, strict=True)):
        outside = one & ~two
        if outside:
            yield (*before, outside, *box[index + 1 :])
        before = (*before, one & two)
