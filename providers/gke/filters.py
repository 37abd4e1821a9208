"""Whether a filter of Cloud Logging matches the Kubernetes audit entries of a cluster: all, none, or it cannot be told.

Only what is the same in every such entry is compared: its log, its resource, its service. A comparison with anything
else (a method, a principal, a time) may hold for some entries, so that its answer is `Match.SOME`; so is that of a
filter that cannot be read. Nothing is guessed.

Source: Google Cloud, "Logging query language" (docs.cloud.google.com/logging/docs/view/logging-query-language): NOT
binds closest, then OR, then AND; what stands side by side is joined by AND; comparisons ignore case, regular
expressions, which are RE2's, do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from providers.gke import patterns

LONGEST: Final = 20_000
"""Characters that Google allows a filter to have."""

_DEEPEST: Final = 60
_LONGEST_QUOTE: Final = 200
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>=~|!~|!=|<=|>=|[=:<>])
      | (?P<mark>[(),])
      | (?P<word>[^\s"'=:<>!(),]+)""",
    re.VERBOSE,
)
_WITH_LISTS: Final = frozenset({"=", ":", "=~"})
_ABSENT: Final = frozenset({"jsonpayload", "textpayload"})
"""Payloads that an audit entry does not have, because its payload is a protoPayload."""

_RESOURCE_LABELS: Final = "resource.labels."
"""A ``k8s_cluster`` has the labels project_id, location and cluster_name, and no other.

Source: Google Cloud, "Monitored resources and services" (docs.cloud.google.com/logging/docs/api/v2/resource-list).
"""


PRINCIPAL: Final = "protopayload.authenticationinfo.principalemail"
"""The field that says who made a request, in small letters: a user's address, or the name that Kubernetes knows."""

_METHOD: Final = "protopayload.methodname"
_NOISE: Final = re.compile(
    r"io\.k8s\.(?:coordination\.v1(?:beta1)?\.leases|(?:core|events)\.v1(?:beta1)?\.events)"
    r"\.(?:get|list|watch|create|update|patch|delete)"
)
"""Methods of leases and events, which controllers renew and write all the time: no category is judged by them.

Source: GKE, "Audit logging": the method is ``io.k8s.``, group, version, resource and verb, such as
``io.k8s.core.v1.pods.create``.
"""

_NOBODY: Final = frozenset({"", "system:anonymous"})
"""Principals of requests without a user, on which two of the categories are judged."""


class Match(Enum):
    """Which of a set of entries a filter matches."""

    ALL = "all"
    NONE = "none"
    SOME = "some"
    """Some of them, or it cannot be told which."""


@dataclass(frozen=True, slots=True)
class Matched:
    """An answer; for SOME, the part of the filter that it depends on."""

    match: Match
    because: str = ""


@dataclass(frozen=True, slots=True)
class Entries:
    """The audit entries that one log holds of one cluster: the fields that are the same in all of them.

    Attributes:
        fields: Values by field path, in lower case, such as ``resource.type``.
        log_id: The log's id, such as ``cloudaudit.googleapis.com/activity``.
    """

    fields: Mapping[str, str]
    log_id: str

    @classmethod
    def of(cls, project_id: str, location: str, cluster: str, log_id: str, principal: str = "") -> Entries:
        """Describe the Kubernetes audit entries of a cluster; without a `principal` those of ordinary ones.

        Source: Google Cloud, GKE, "Audit logging" (how-to/audit-logging, 2026-04).
        """
        fields = {
            "resource.type": "k8s_cluster",
            "resource.labels.location": location,
            "resource.labels.cluster_name": cluster,
            "protopayload.servicename": "k8s.io",
            "protopayload.@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        }
        if not project_id.isdigit():  # entries name a project by its id, which may be out of reach
            fields["logname"] = f"projects/{project_id}/logs/{log_id.replace('/', '%2F')}"
            fields["resource.labels.project_id"] = project_id
        if principal:
            fields[PRINCIPAL] = principal
        return cls(fields, log_id)


def matches(text: str, entries: Entries) -> Matched:
    """Tell which of some entries a filter matches; an empty filter matches all."""
    if len(text) > LONGEST:
        return Matched(Match.SOME, f"the filter is longer than {LONGEST} characters")
    known = tuple((name, entries.fields[name]) for name in _compared(text)[0] if name in entries.fields)
    return _answer(text, entries.log_id, known)


def principals(text: str) -> frozenset[str]:
    """Give the principals that a filter names one by one; an ordinary one is none of them."""
    return _compared(text)[1] if len(text) <= LONGEST else frozenset()


@lru_cache(maxsize=1024)
def _compared(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Give the fields and principals that a filter compares; every project has the same few filters."""
    parser = _Parser(text, Entries({}, ""))
    with suppress(_UnreadableError):
        parser.whole()
    return tuple(sorted(parser.fields)), frozenset(parser.principals)


@lru_cache(maxsize=1024)
def _answer(text: str, log_id: str, known: tuple[tuple[str, str], ...]) -> Matched:
    """Answer a filter for entries of which the fields are known that it compares."""
    try:
        return _Parser(text, Entries(dict(known), log_id)).whole()
    except _UnreadableError as error:
        return Matched(Match.SOME, f"the filter could not be read: {error}")


class _UnreadableError(Exception):
    """A filter is not in the language, or not in the part of it that is known here."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of a filter, and where it begins."""

    kind: str
    text: str
    at: int


class _Parser:
    """Reads a filter and answers it in one go."""

    def __init__(self, text: str, entries: Entries) -> None:
        """Begin at the start; dividing the text into tokens waits until it is read."""
        self.fields: set[str] = set()
        self.principals: set[str] = set()
        self._text = text
        self._entries = entries
        self._tokens: list[_Token] = []
        self._next = 0
        self._depth = 0

    def whole(self) -> Matched:
        """Answer the whole filter."""
        self._tokens = list(_tokens(self._text))
        if not self._tokens:
            return Matched(Match.ALL)
        found = self._all(self._comparison)
        if self._next < len(self._tokens):
            message = f"{self._tokens[self._next].text} is not expected there"
            raise _UnreadableError(message)
        return found

    def _all(self, read: Callable[[], Matched]) -> Matched:
        """Read what is joined by AND, written or not."""
        found = [self._any(read)]
        while self._next < len(self._tokens) and self._peek() != ")":
            if self._is_word("AND"):
                self._next += 1
            found.append(self._any(read))
        return _joined(found, Match.NONE, Match.ALL)

    def _any(self, read: Callable[[], Matched]) -> Matched:
        """Read what is joined by OR."""
        found = [self._one(read)]
        while self._is_word("OR"):
            self._next += 1
            found.append(self._one(read))
        return _joined(found, Match.ALL, Match.NONE)

    def _one(self, read: Callable[[], Matched]) -> Matched:
        """Read a negation, a group in parentheses, or a single comparison."""
        if self._is_word("NOT"):
            self._next += 1
            return _negated(self._deeper(lambda: self._one(read)))
        token = self._token()
        if token.kind == "word" and token.text.startswith("-") and len(token.text) > 1:
            self._tokens[self._next] = _Token("word", token.text[1:], token.at + 1)
            return _negated(self._deeper(lambda: self._one(read)))
        if token.text == "-" and token.kind == "word":
            self._next += 1
            return _negated(self._deeper(lambda: self._one(read)))
        if token.kind == "mark" and token.text == "(":
            self._next += 1
            found = self._deeper(lambda: self._all(read))
            self._expect(")")
            return found
        return read()

    def _comparison(self) -> Matched:
        """Read a comparison, a function, or a text that is looked for anywhere."""
        begin = self._token()
        self._next += 1
        if begin.kind not in ("word", "text"):
            message = f"{begin.text} is not expected there"
            raise _UnreadableError(message)
        if self._peek() == "(" and begin.kind == "word":
            return self._function(begin)
        field = self._field(begin)
        if self._next < len(self._tokens) and self._tokens[self._next].kind == "operator":
            operator = self._token().text
            self._next += 1
            if self._peek() == "(":
                return self._listed(field, operator, begin)
            return self._compare(field, operator, begin)
        return Matched(Match.SOME, _quoted(begin.text))

    def _listed(self, field: str, operator: str, begin: _Token) -> Matched:
        """Compare with several values; Google documents what that means where the field is to equal or hold them."""
        found = self._one(lambda: self._compare(field, operator, begin))
        if operator in _WITH_LISTS:
            return found
        last = self._tokens[self._next - 1]
        return Matched(Match.SOME, _quoted(self._text[begin.at : last.at + len(last.text)]))

    def _field(self, begin: _Token) -> str:
        """Give a field's path: pieces that touch each other; those in quotes lose them."""
        path, end = _plain(begin), begin.at + len(begin.text)
        while self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.at != end or token.kind not in ("word", "text"):
                break
            path, end = path + _plain(token), token.at + len(token.text)
            self._next += 1
        return path.lower()

    def _compare(self, field: str, operator: str, begin: _Token) -> Matched:
        """Read a value, and compare the field with it."""
        value = self._token()
        if value.kind not in ("word", "text"):
            message = f"{value.text} is not expected there"
            raise _UnreadableError(message)
        self._next += 1
        asked = _quoted(f"{self._text[begin.at : value.at]}{value.text}")
        self.fields.add(field)
        if field in self._entries.fields:
            return _outcome(self._entries.fields[field], operator, value, asked)
        if field == PRINCIPAL and operator in ("=", "!=") and _plain(value).lower() not in _NOBODY:
            # Somebody whom no filter names is not the one whom this one names.
            self.principals.add(_plain(value))
            return _yes(answer=False, negated=operator == "!=")
        if field == _METHOD and operator in ("=", "!=") and _NOISE.fullmatch(_plain(value).lower()):
            # A filter that names nothing but noise says nothing of the entries that count.
            return _yes(answer=False, negated=operator == "!=")
        if _is_absent(field) and operator in ("=", ":", "=~"):
            return Matched(Match.NONE)
        if field == "severity" and _plain(value).upper() == "DEFAULT" and operator in (">=", "<"):
            return Matched(Match.ALL if operator == ">=" else Match.NONE)
        return Matched(Match.SOME, asked)

    def _function(self, name: _Token) -> Matched:
        """Read a function's call; the log's id is all that is known."""
        self._expect("(")
        arguments: list[str] = []
        while self._peek() != ")":
            token = self._token()
            self._next += 1
            if token.text != ",":
                arguments.append(_plain(token))
        self._expect(")")
        function = name.text.lower()
        if function == "log_id" and len(arguments) == 1:
            is_it = arguments[0].lower() == self._entries.log_id.lower()
            return Matched(Match.ALL if is_it else Match.NONE)
        if function == "sample" and arguments[1:] in (["1"], ["1.0"], ["0"], ["0.0"]):
            return Matched(Match.ALL if arguments[1].startswith("1") else Match.NONE)
        return Matched(Match.SOME, _quoted(f"{name.text}({', '.join(arguments)})"))

    def _deeper(self, read: Callable[[], Matched]) -> Matched:
        """Read what is nested, but not without end."""
        self._depth += 1
        if self._depth > _DEEPEST:
            message = f"it is nested deeper than {_DEEPEST} levels"
            raise _UnreadableError(message)
        found = read()
        self._depth -= 1
        return found

    def _token(self) -> _Token:
        """Give the token that comes next, which must be there."""
        if self._next >= len(self._tokens):
            message = "it ends too early"
            raise _UnreadableError(message)
        return self._tokens[self._next]

    def _peek(self) -> str:
        """Give the text of the mark that comes next; empty for anything else."""
        if self._next >= len(self._tokens):
            return ""
        token = self._tokens[self._next]
        return token.text if token.kind == "mark" else ""

    def _is_word(self, word: str) -> bool:
        """Tell whether a Boolean operator comes next; they are in capitals."""
        if self._next >= len(self._tokens):
            return False
        token = self._tokens[self._next]
        return token.kind == "word" and token.text == word

    def _expect(self, mark: str) -> None:
        """Pass over a mark that must come next."""
        if self._token().text != mark:
            message = f"{self._token().text} stands where {mark} is expected"
            raise _UnreadableError(message)
        self._next += 1


def _tokens(text: str) -> Iterator[_Token]:
    """Divide a filter into tokens, spaces and comments left out."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            message = f"{text[at]} is not expected there"
            raise _UnreadableError(message)
        if found.lastgroup != "space":
            yield _Token(str(found.lastgroup), found.group(), at)
        at = found.end()


def _plain(token: _Token) -> str:
    """Give a token's text without quotes and escapes."""
    if token.kind != "text":
        return token.text
    return re.sub(r"\\(.)", r"\1", token.text[1:-1])


def _is_absent(field: str) -> bool:
    """Tell whether no Kubernetes audit entry has a field; one without a value meets no comparison."""
    is_label = field.startswith(_RESOURCE_LABELS) and field != f"{_RESOURCE_LABELS}project_id"
    return is_label or field.split(".", maxsplit=1)[0] in _ABSENT


def _outcome(known: str, operator: str, value: _Token, asked: str) -> Matched:
    """Compare a known value; what is not sure is said to be so."""
    text = _plain(value)
    if operator in ("=", "!="):
        return _yes(known.lower() == text.lower(), negated=operator == "!=")
    if operator == ":":
        is_there = value.kind == "word" and text == "*"
        return _yes(is_there or text.lower() in known.lower())
    if operator in ("=~", "!~"):
        found = patterns.found(value.text[1:-1] if value.kind == "text" else text, known)
        if found is not None:
            return _yes(found, negated=operator == "!~")
    return Matched(Match.SOME, asked)


def _yes(answer: bool, *, negated: bool = False) -> Matched:  # noqa: FBT001 - the answer itself
    """Give the answer for all entries."""
    return Matched(Match.ALL if answer is not negated else Match.NONE)


def _joined(found: list[Matched], decisive: Match, other: Match) -> Matched:
    """Join answers: one of them can decide; else they must all be alike."""
    if any(one.match is decisive for one in found):
        return Matched(decisive)
    unsure = next((one for one in found if one.match is Match.SOME), None)
    return unsure or Matched(other)


def _negated(found: Matched) -> Matched:
    """Turn an answer round."""
    if found.match is Match.SOME:
        return found
    return Matched(Match.NONE if found.match is Match.ALL else Match.ALL)


def _quoted(text: str) -> str:
    """Shorten a part of a filter for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"
