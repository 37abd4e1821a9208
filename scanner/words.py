"""Fixed lists of words and of numbers that keep the hash of the text or number that they are.

Python's own enums work theirs out in Python at every look into a mapping, from the member's name.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Word(StrEnum):
    """One of a fixed list of words."""

    __hash__ = str.__hash__


class Number(IntEnum):
    """One of a fixed list of numbers that have names."""

    __hash__ = int.__hash__
