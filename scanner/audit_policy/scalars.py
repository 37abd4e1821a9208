"""What a YAML scalar means to kube-apiserver: YAML 1.1 as ``sigs.k8s.io/yaml/goyaml.v2`` (resolve.go) reads it.

So a bare ``y``, ``on`` or ``1e3`` is no string, while a date, ``1:30`` and ``=`` are.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Final

Scalar = str | int | float | bool | None

_PREFIX: Final = "tag:yaml.org,2002:"
_STR, _BOOL, _INT, _FLOAT, _NULL, _TIMESTAMP, _BINARY = (
    _PREFIX + name for name in ("str", "bool", "int", "float", "null", "timestamp", "binary")
)
_RESOLVABLE: Final = frozenset({"", _STR, _BOOL, _INT, _FLOAT, _NULL, _TIMESTAMP})

_WORDS: Final[dict[str, tuple[str, Scalar]]] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], (_BOOL, True)),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], (_BOOL, False)),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], (_NULL, None)),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], (_FLOAT, math.nan)),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], (_FLOAT, math.inf)),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], (_FLOAT, -math.inf)),
}

_MAY_BE_NUMBER: Final = re.compile(r"[-+0-9]")
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL: Final = re.compile(r"([-+]?)0[oO]?([0-7]+)")
_HEXADECIMAL: Final = re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)")
_BINARY_NUMBER: Final = re.compile(r"([-+]?)0[bB]([01]+)")
_FLOAT_STYLE: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_POINT: Final = re.compile(r"\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:[Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})"
    r"| [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?)?"
)
_MAX_DIGITS: Final = 4000
"""Python refuses to convert longer decimal numbers; what kind of number such a one is decides nothing here."""


def resolve(tag: str, text: str) -> Scalar:
    """Give the value of a scalar that is plain or has a tag; `tag` is in its long form, empty for none.

    Raises:
        ValueError: The text is not what its tag says.
    """
    if tag == _BINARY:
        return _base64(text)
    if tag not in _RESOLVABLE or tag == _STR:
        return text
    found, value = _plain(text)
    if tag in ("", found):
        return value
    if tag == _FLOAT and found == _INT and isinstance(value, int):
        return float(value) if abs(value) < 1 << 63 else _mismatch(found, text, tag)
    if tag == _TIMESTAMP and _DATE.fullmatch(text):
        return text
    return _mismatch(found, text, tag)


def _plain(text: str) -> tuple[str, Scalar]:
    """Give tag and value of a scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("."):
        return _float(text) if _LEADING_POINT.fullmatch(text) else (_STR, text)
    if _MAY_BE_NUMBER.match(text):
        return _number(text)
    return _STR, text


def _number(text: str) -> tuple[str, Scalar]:
    """Read an integer of any base or a float; underscores don't count."""
    plain = text.replace("_", "")
    if _DECIMAL.fullmatch(plain):
        return _INT, int(plain[:_MAX_DIGITS])
    for pattern, base in ((_OCTAL, 8), (_HEXADECIMAL, 16), (_BINARY_NUMBER, 2)):
        match = pattern.fullmatch(plain)
        if match:
            return _INT, int(match[1] + match[2], base)
    return _float(plain) if _FLOAT_STYLE.fullmatch(plain) else (_STR, text)


def _float(text: str) -> tuple[str, Scalar]:
    """Read a float; one that is too large for 64 bits stays a string."""
    value = float(text)
    return (_STR, text) if math.isinf(value) else (_FLOAT, value)


def _base64(text: str) -> str:
    """Decode ``!!binary``; line breaks in it don't count."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True).decode("utf-8", "replace")
    except binascii.Error:
        message = "!!binary value contains invalid base64 data"
        raise ValueError(message) from None


def _mismatch(found: str, text: str, tag: str) -> Scalar:
    """Say that a tag does not fit."""
    short = f"!!{found.removeprefix(_PREFIX)} `{text[:80]}` as a !!{tag.removeprefix(_PREFIX)}"
    message = f"cannot decode {short}"
    raise ValueError(message)
