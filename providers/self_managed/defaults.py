"""What a tool sets itself, put together with what its user sets."""

from __future__ import annotations

from collections.abc import Iterable

from scanner.apiserver import Argument

_MODE = "authorization-mode"
_CONFIG = "authorization-config"


def default(text: str, file: str, whose: str) -> Argument:
    """Build a flag that a tool sets itself; the evidence says whose default it is."""
    return Argument(text, f"{file} ({whose} default)")


def with_defaults(defaults: Iterable[Argument], given: Iterable[Argument]) -> tuple[Argument, ...]:
    """Put defaults before the flags that are given, and leave out those that a given flag replaces.

    It matters for ``--authorization-mode``, whose values kube-apiserver adds up, and which it refuses twice.
    """
    given = tuple(given)
    names = {flag_of(argument) for argument in given}
    if _CONFIG in names:
        names.add(_MODE)
    return (*(argument for argument in defaults if flag_of(argument) not in names), *given)


def flag_of(argument: Argument) -> str:
    """Give the flag's name of a word such as ``--audit-log-path=/x``; empty for a word that is none."""
    name = argument.text.partition("=")[0]
    return name[2:].replace("_", "-") if name.startswith("--") else ""
