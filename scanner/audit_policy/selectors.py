"""Label and field selectors, as far as they say which one object a list is about.

Sources: ``k8s.io/apimachinery/pkg/labels/selector.go``, ``pkg/fields/selector.go`` and ``pkg/util/validation``,
v1.34 to v1.36.
"""

from __future__ import annotations

import re
from typing import Final

_INTEGER: Final = re.compile(r"[+-]?0*[0-9]{1,19}")
_MAX_INT64: Final = 2**63 - 1
_LONGEST_NAME, _LONGEST_DOMAIN = 63, 253

_SPACE: Final = r"[ \t\r\n]*"
_WORD: Final = r"[^=!(),<> \t\r\n]+"
_REQUIREMENT: Final = re.compile(
    rf"""{_SPACE}(?:
        !{_SPACE}(?P<absent>{_WORD})
        | (?P<key>{_WORD}){_SPACE}(?:
            (?:not)?in{_SPACE}\((?P<values>{_SPACE}(?:{_WORD}{_SPACE})?(?:,{_SPACE}(?:{_WORD}{_SPACE})?)*)\)
            | (?P<operator>==|=|!=|<|>){_SPACE}(?P<value>(?:{_WORD})?)
        )?
    ){_SPACE}(?P<end>,|\Z)""",
    re.VERBOSE,
)
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_TERM: Final = re.compile(r"(?:\\.|[^,\\]|\\\Z)+", re.DOTALL)
_FIELD_REQUIREMENT: Final = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)


def is_integer(text: str) -> bool:
    """Tell whether a text is a decimal number of 64 bits."""
    return _INTEGER.fullmatch(text) is not None and -_MAX_INT64 - 1 <= _value(text) <= _MAX_INT64


def _value(text: str) -> int:
    """Read a number without its leading zeros, of which Python takes so many only."""
    return int(text.lstrip("+-").lstrip("0") or "0") * (-1 if text.startswith("-") else 1)


def is_label_selector(selector: str) -> bool:
    """Tell whether the API server can read a label selector."""
    if not selector.strip(" \t\r\n"):
        return True
    position = 0
    while match := _REQUIREMENT.match(selector, position):
        if not _is_requirement(match):
            return False
        if not match["end"]:
            return True
        position = match.end()
    return False


def required_field(selector: str, field: str) -> str | None:
    """Give the value that a field selector requires of a field; None where it requires none, or cannot be read."""
    found: str | None = None
    # The API server sorts the terms, and takes the first that is about the field.
    for term in sorted(_TERM.findall(selector), key=lambda one: one.encode("utf-8", "surrogatepass")):
        match = _FIELD_REQUIREMENT.match(term)
        value = _unescape(match[3]) if match else None
        if match is None or value is None:
            return None
        if match[1] == field and match[2] != "!=" and found is None:
            found = value
    return found


def is_field_selector(selector: str) -> bool:
    """Tell whether the API server can read a field selector."""
    matches = [_FIELD_REQUIREMENT.match(term) for term in _TERM.findall(selector)]
    return all(match is not None and _unescape(match[3]) is not None for match in matches)


def _is_requirement(match: re.Match[str]) -> bool:
    """Check the key and the values of one requirement."""
    if not _is_label_key(match["absent"] or match["key"]):
        return False
    if match["values"] is not None:
        return all(_is_label_value(value.strip(" \t\r\n")) for value in match["values"].split(","))
    if match["operator"] in ("<", ">"):
        return is_integer(match["value"])
    return _is_label_value(match["value"] or "")


def _is_label_key(key: str) -> bool:
    """Tell whether a label may have this key: a name, with a DNS subdomain before it or none."""
    domain, slash, name = key.rpartition("/")
    if slash and not (len(domain) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(domain)):
        return False
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def _is_label_value(value: str) -> bool:
    """Tell whether a label may have this value."""
    return not value or (len(value) <= _LONGEST_NAME and _NAME.fullmatch(value) is not None)


def _unescape(value: str) -> str | None:
    r"""Undo ``\\``, ``\,`` and ``\=``; None where a value holds any other escape, or one of these unescaped."""
    if not re.fullmatch(r"(?:\\[\\,=]|[^\\,=])*", value, re.DOTALL):
        return None
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
