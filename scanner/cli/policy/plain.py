"""Text from policies and requests, made safe to print."""

from __future__ import annotations


def plain(text: str) -> str:
    """Show every character that a terminal would act on (control characters, line ends, lone surrogates) escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
