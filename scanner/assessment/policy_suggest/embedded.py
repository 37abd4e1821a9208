"""A policy inside another file, such as a ConfigMap: where it is a block literal, it can be edited in place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from scanner.audit_policy.extraction import policies
from scanner.errors import UsageError

_BREAK: Final = re.compile(r"\r\n|\n|\r")
_HINT: Final = "give the policy file itself"


@dataclass(frozen=True, slots=True)
class EmbeddedPolicy:
    """A policy as a block literal of another file.

    Attributes:
        policy: The policy's own text.
    """

    policy: bytes
    _outer: str
    _begin: int
    _indent: str

    def replaced(self, new: bytes) -> bytes:
        """Give the outer file with another text for the policy; lines that are the same stay byte for byte.

        Raises:
            UsageError: The outer file is written in a way in which its lines cannot be replaced.
        """
        old_lines, new_lines = self.policy.decode().split("\n"), new.decode().split("\n")
        outer_lines = _lines(self._outer[self._begin :])
        found = _BREAK.search(self._outer)
        newline = found[0] if found else "\n"
        matcher = difflib.SequenceMatcher(None, old_lines[: len(outer_lines)], new_lines, autojunk=False)
        result: list[str] = []
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag == "equal":
                result += outer_lines[i1:i2]
            else:
                result += [f"{self._indent}{line}{newline}" if line else newline for line in new_lines[j1:j2]]
        rest = outer_lines[len(old_lines) - (old_lines[-1] == "") :]
        kept = result[: len(new_lines) - (new_lines[-1] == "")]
        text = self._outer[: self._begin] + "".join([*kept, *rest])
        if new.decode() not in {event.value for event in _literals(text)}:
            raise _not_editable("its text cannot be changed line by line")
        return text.encode()


def embedded_policy(data: bytes) -> EmbeddedPolicy | None:
    """Find the one policy inside a file; None where the file holds none but itself.

    Raises:
        UsageError: It holds several, or one that is not a block literal.
    """
    places = [one.where for one in policies(data).policies if one.where]
    if not places:
        return None
    if len(places) > 1:
        raise _not_editable(f"there are {len(places)} audit policies in it: {', '.join(places)}")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _not_editable(f"the policy in {places[0]} cannot be edited there") from None
    found = [event for event in _literals(text) if policies(event.value.encode()).policies]
    literals = [event for event in found if not policies(event.value.encode()).policies[0].where]
    if len(literals) != 1 or literals[0].start_mark is None:
        raise _not_editable(f"the policy in {places[0]} is no block literal")
    begin = _line_after(text, literals[0].start_mark.index)
    first = next((line for line in _lines(text[begin:]) if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip(" "))]
    return EmbeddedPolicy(literals[0].value.encode(), text, begin, indent)


def _literals(text: str) -> Iterator[yaml.ScalarEvent]:
    """Give the block literals of all documents of a file."""
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.ScalarEvent) and event.style == "|":
                yield event
    except yaml.YAMLError:
        return


def _lines(text: str) -> list[str]:
    """Divide a text into lines with their breaks; only what ends a line in YAML does."""
    ends = [match.end() for match in _BREAK.finditer(text)]
    return [text[begin:end] for begin, end in zip([0, *ends], [*ends, len(text)], strict=True) if begin < end]


def _line_after(text: str, at: int) -> int:
    """Give the first character of the next line."""
    found = _BREAK.search(text, at)
    return found.end() if found else len(text)


def _not_editable(what: str) -> UsageError:
    """Say that a policy cannot be edited where it stands."""
    return UsageError(what, hint=_HINT)
