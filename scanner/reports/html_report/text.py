"""Text of unknown origin, made safe to look at; escaping it for HTML is Jinja's part."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from markupsafe import Markup, escape

# Letters, digits, marks, punctuation, symbols and the plain space of nearly all real text need no closer look.
_PLAIN: Final = re.compile(r"[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2015\u2018-\u201f\u2026]*")

# Control, format (bidi overrides, zero width), surrogate, private and unassigned characters, line and paragraph
# separators, and spaces that only look like a space.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})

# More marks than this on one letter climb over the lines around it; no script needs them.
_TOWER: Final = re.compile(r"([\u0300-\u036f]{3})[\u0300-\u036f]+")


def visible(value: object) -> object:
    """Show what hides: each control, format or bidi character as ``⟨U+202E⟩``; values other than text stay."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _visible(value, "")


def visible_code(value: str) -> Markup:
    """Show what hides, but keep line breaks and tabs, and escape: for code blocks."""
    return escape(_visible(value, "\n\t"))


def number(value: int) -> str:
    """Write a count with its thousands apart."""
    return f"{value:,}"


def _visible(text: str, keep: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    shown = "".join(
        _named(character) if _hides(character) and character not in keep else character for character in text
    )
    return _TOWER.sub(r"\1⟨…⟩", shown)


def _hides(character: str) -> bool:
    return character != " " and unicodedata.category(character) in _HIDDEN


def _named(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
