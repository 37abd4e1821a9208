"""Whether a regular expression of a log filter is found in a text, as RE2 means it; what is not sure is not answered.

Google evaluates these by RE2, whose language is not that of Python's ``re``: classes in brackets mean something else,
letters and digits are ASCII, and some of either is an error in the other. Only the part is known here that nobody reads
in two ways: literals, ``.``, simple classes, groups, alternatives, repeats, anchors, and ``(?i)`` at the beginning.

An expression is followed through the text from all places at once, which are the bits of a number. So there is nothing
to go back to, and no expression that takes long.

Source: RE2, "Syntax" (github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

_Step: TypeAlias = Callable[[int], int]
"""Leads from the places in the text that were reached to those that are reached next."""

_LONGEST: Final = 500
_DEEPEST: Final = 20
_MOST_COPIES: Final = 1000
_MOST_ROUNDS: Final = 5000
_IGNORE_CASE: Final = "(?i)"
_PLAIN: Final = re.compile(r"[ -~]*")
_REPEAT: Final = re.compile(r"(?:(?P<mark>[*+?])|\{(?P<least>\d{1,4})(?P<more>,(?P<most>\d{1,4})?)?\})\??", re.ASCII)
_AFTER_REPEAT: Final = frozenset("*+?{")
_NO_LITERAL: Final = frozenset("\\[](){}*+?|^$.")
_NO_MEMBER: Final = frozenset("\\[]^-&~|")
_RANGE: Final = re.compile(r"([a-z])-([a-z])|([A-Z])-([A-Z])|([0-9])-([0-9])")


def found(pattern: str, text: str) -> bool | None:
    r"""Look for a regular expression anywhere in a text, as it stands in a filter without its quotes.

    A backslash before a punctuation mark is read in both ways: the filter's language may take it away, or leave it to
    RE2. Only where both come to the same is there an answer.

    Returns:
        None where it cannot be told.
    """
    answers = {_search(one, text) for one in (_kept(pattern), re.sub(r"\\(.)", r"\1", pattern))}
    return answers.pop() if len(answers) == 1 else None


def _kept(pattern: str) -> str:
    """Give an expression of which quotes and backslashes alone were escaped."""
    return re.sub(r'\\(["\\])', r"\1", pattern)


def _search(pattern: str, text: str) -> bool | None:
    """Look for an expression of RE2; None where it, or the text, is more than what is known here."""
    ignore_case = pattern.startswith(_IGNORE_CASE)
    pattern = pattern.removeprefix(_IGNORE_CASE)
    if not pattern or len(pattern) > _LONGEST or not (_PLAIN.fullmatch(pattern) and _PLAIN.fullmatch(text)):
        return None
    try:
        return _Expression(pattern, text, ignore_case=ignore_case).is_found()
    except _UnknownError:
        return None


class _UnknownError(Exception):
    """An expression is an error, or not in the part of the language that is known here."""


class _Expression:
    """Reads an expression, for one text."""

    def __init__(self, pattern: str, text: str, *, ignore_case: bool) -> None:
        """Begin at the start."""
        self._pattern = pattern
        self._text = text
        self._ignore_case = ignore_case
        self._at = 0
        self._depth = 0
        self._rounds = 0

    def is_found(self) -> bool:
        """Tell whether it matches from any place on."""
        whole = self._alternatives()
        if self._at < len(self._pattern):
            raise _UnknownError
        return whole((1 << (len(self._text) + 1)) - 1) != 0

    def _alternatives(self) -> _Step:
        """Read what is divided by ``|``."""
        some = [self._sequence()]
        while self._takes("|"):
            some.append(self._sequence())
        return some[0] if len(some) == 1 else lambda places: _united(some, places)

    def _sequence(self) -> _Step:
        """Read what follows one another; there must be something."""
        steps: list[_Step] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            steps.append(self._repeated())
        if not steps:
            raise _UnknownError
        return lambda places: _followed(steps, places)

    def _repeated(self) -> _Step:
        """Read a piece and how often it stands there; being greedy or not changes nothing of whether it is found."""
        if self._takes("^"):
            return self._once(lambda places: places & 1)
        if self._takes("$"):
            end = 1 << len(self._text)
            return self._once(lambda places: places & end)
        step = self._piece()
        asked = _REPEAT.match(self._pattern, self._at)
        if asked is None:
            return self._once(step)
        self._at = asked.end()
        least, most = _bounds(asked)
        return self._once(lambda places: self._repeat(step, least, most, places))

    def _once(self, step: _Step) -> _Step:
        """Give a step back after which no other repeat stands."""
        if self._pattern[self._at : self._at + 1] in _AFTER_REPEAT:
            raise _UnknownError
        return step

    def _repeat(self, step: _Step, least: int, most: int | None, places: int) -> int:
        """Take a step so many times, or as long as it leads anywhere new."""
        for _ in range(least):
            self._count()
            places = step(places)
        reached, newest = places, places
        copies = 0
        while newest and (most is None or copies < most - least):
            self._count()
            newest = step(newest) & ~reached
            reached |= newest
            copies += 1
        return reached

    def _count(self) -> None:
        """Go round once more, but not without end."""
        self._rounds += 1
        if self._rounds > _MOST_ROUNDS:
            raise _UnknownError

    def _piece(self) -> _Step:
        """Read a group, a class, or a character."""
        if self._takes("("):
            return self._group()
        if self._takes("["):
            return self._class()
        if self._takes("."):
            return self._over(lambda _: True)
        wanted = self._escaped() if self._takes("\\") else self._character(_NO_LITERAL)
        return self._over(lambda one: one in self._cases(wanted))

    def _group(self) -> _Step:
        """Read the inside of a group, whether it captures or not."""
        if self._pattern.startswith("?", self._at) and not self._takes("?:"):
            raise _UnknownError
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _UnknownError
        inside = self._alternatives()
        self._depth -= 1
        if not self._takes(")"):
            raise _UnknownError
        return inside

    def _class(self) -> _Step:
        """Read the inside of a class: characters, and ranges of letters of one case or of digits."""
        is_other = self._takes("^")
        members: set[str] = set()
        is_first = True
        while not self._takes("]"):
            members |= self._members(is_first=is_first)
            is_first = False
        if not members:
            raise _UnknownError
        return self._over(lambda one: any(case in members for case in self._cases(one)) is not is_other)

    def _members(self, *, is_first: bool) -> set[str]:
        """Read the next of a class; a hyphen is itself at either end only."""
        span = _RANGE.match(self._pattern, self._at)
        if span:
            self._at = span.end()
            first, last = (one for one in span.groups() if one)
            is_unclear = self._pattern.startswith("-", self._at) and not self._pattern.startswith("-]", self._at)
            if first > last or is_unclear:
                raise _UnknownError
            return {chr(code) for code in range(ord(first), ord(last) + 1)}
        if self._takes("\\"):
            return {self._escaped()}
        if self._pattern.startswith("-", self._at) and (is_first or self._pattern.startswith("-]", self._at)):
            self._at += 1
            return {"-"}
        return {self._character(_NO_MEMBER)}

    def _escaped(self) -> str:
        """Read what stands after a backslash: a punctuation mark is itself, letters and digits have meanings."""
        one = self._character(frozenset())
        if one.isalnum() or one == "_":
            raise _UnknownError
        return one

    def _character(self, refused: frozenset[str]) -> str:
        """Read one character that is none of some."""
        one = self._pattern[self._at : self._at + 1]
        if not one or one in refused:
            raise _UnknownError
        self._at += 1
        return one

    def _takes(self, mark: str) -> bool:
        """Pass over a mark where it comes next."""
        is_there = self._pattern.startswith(mark, self._at)
        self._at += len(mark) if is_there else 0
        return is_there

    def _cases(self, one: str) -> tuple[str, ...]:
        """Give a character in the cases that count as the same."""
        return (one.lower(), one.upper()) if self._ignore_case else (one,)

    def _over(self, accepts: Callable[[str], bool]) -> _Step:
        """Give the step over one character of a kind."""
        where = sum(1 << place for place, one in enumerate(self._text) if accepts(one))
        return lambda places: (places & where) << 1


def _bounds(asked: re.Match[str]) -> tuple[int, int | None]:
    """Give how often a piece stands there, at least and at most."""
    if asked["mark"]:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[asked["mark"]]
    least = int(asked["least"])
    most = least if asked["more"] is None else int(asked["most"]) if asked["most"] else None
    if max(least, most or 0) > _MOST_COPIES or (most is not None and most < least):
        raise _UnknownError
    return least, most


def _united(steps: list[_Step], places: int) -> int:
    """Give all places that any of some steps leads to."""
    reached = 0
    for step in steps:
        reached |= step(places)
    return reached


def _followed(steps: list[_Step], places: int) -> int:
    """Give the places that some steps lead to, one after the other."""
    for step in steps:
        places = step(places)
    return places
