"""Texts inside other texts: their encodings, and where their lines stand in the outer file."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from scanner.audit_policy.document import MAX_BYTES
from scanner.audit_policy.types import Position
from scanner.audit_policy.yaml_nodes import ScalarNode

_BEGINNING: Final = Position(1, 1)
_LINE_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_LITERAL_HEADER: Final = re.compile(r"\|[-+0-9]*[ \t]*(?:#.*)?$")
_HEADER_WITHIN: Final = 3
_GZIP: Final = b"\x1f\x8b"
_BASE64_NAMES: Final = frozenset({"b64", "base64"})
_GZIP_NAMES: Final = frozenset({"gz", "gzip"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an embedded text stands in the outer file.

    Attributes:
        start: Where its first character stands.
        exact: True where each of its lines begins below that character; False where only the start is known.
    """

    start: Position = _BEGINNING
    exact: bool = True

    def outer(self, inner: Position) -> Position:
        """Give the place in the outer file of a place in the text."""
        if not self.exact:
            return self.start
        return Position(self.start.line + inner.line - 1, self.start.column + inner.column - 1)

    def of(self, scalar: ScalarNode, lines: list[str]) -> Origin:
        """Give the origin of a scalar's text; `lines` are those of the text that the scalar stands in."""
        begins = _literal_start(scalar, lines) if self.exact else None
        return Origin(self.outer(begins or Position(scalar.line, scalar.column)), exact=begins is not None)


def text_of(data: bytes) -> str:
    """Read bytes as YAML does, what is no text replaced."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def lines_of(text: str) -> list[str]:
    """Split a text at what YAML takes for line breaks."""
    return _LINE_BREAK.split(text)


def decoded(text: str, encoding: str) -> bytes | None:
    """Decode a value.

    Args:
        text: The value as it stands in the file.
        encoding: As cloud-init and Cluster API name it, such as ``b64`` or ``gzip+base64``; empty for none. A data
            URL says for itself how it is encoded.

    Returns:
        The bytes, at most one more than a policy may have; None where the text is not what its encoding says.
    """
    names = set(encoding.lower().split("+")) if encoding else set()
    data: bytes | None = text.encode("utf-8", "replace")
    if text.startswith("data:") and "," in text:
        head, _, body = text.partition(",")
        data = _base64(unquote_to_bytes(body)) if head.endswith(";base64") else unquote_to_bytes(body)
    elif names & _BASE64_NAMES:
        data = _base64(text.encode("ascii", "replace"))
    if data is not None and (names & _GZIP_NAMES or data.startswith(_GZIP)):
        return _gunzipped(data)
    return data


def _base64(data: bytes) -> bytes | None:
    """Decode base64 as Kubernetes does: line breaks don't count."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        return None


def _gunzipped(data: bytes) -> bytes | None:
    """Decompress no more than matters: a small file can stand for a very large one."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(data, MAX_BYTES + 1)
    except zlib.error:
        return None


def _literal_start(scalar: ScalarNode, lines: list[str]) -> Position | None:
    """Find where the text of a block literal begins; None where its lines don't stand in the file as they are."""
    if scalar.style != "|":
        return None
    header = scalar.line - 1
    # Anchor and tag may stand on lines of their own before the sign.
    while header < len(lines) and not _LITERAL_HEADER.search(lines[header]):
        header += 1
        if header >= scalar.line - 1 + _HEADER_WITHIN:
            return None
    texts = scalar.text.rstrip("\n").split("\n")
    stand = lines[header + 1 : header + 1 + len(texts)]
    if len(stand) < len(texts):
        return None
    first = next((index for index, text in enumerate(texts) if text), None)
    indent = len(stand[first]) - len(texts[first]) if first is not None else 0
    if indent < 0 or any(text and line != " " * indent + text for text, line in zip(texts, stand, strict=True)):
        return None
    return Position(header + 2, indent + 1)
