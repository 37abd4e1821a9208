"""Words and variables as systemd reads them.

Source: systemd.syntax(7) ("Quoting"), systemd.service(5) ("Command lines"), systemd.exec(5) ("Environment").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from providers.self_managed.files import HostFiles
from providers.self_managed.words import Environment
from scanner.apiserver import Argument
from scanner.errors import CollectionError, NotFound

_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_BRACED: Final = re.compile(r"\$\$|\$\{([A-Za-z_]\w*)\}")
_WORD_VARIABLE: Final = re.compile(r"\$([A-Za-z_]\w*)")
_SPECIFIER: Final = re.compile(r"%([%A-Za-z])")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass
class Environments:
    """``Environment=`` and ``EnvironmentFile=`` of a unit; files go over what the unit itself sets."""

    host: HostFiles = field(default_factory=lambda: HostFiles(None))
    assigned: dict[str, str] = field(default_factory=dict)
    files: list[Argument] = field(default_factory=list)

    def add(self, argument: Argument) -> None:
        """Add an ``Environment=``; an empty one resets them."""
        if not argument.text:
            self.assigned.clear()
        for word in split_words(argument, None):
            match = _ASSIGNMENT.fullmatch(word.text)
            if match:
                self.assigned[match[1]] = match[2]

    def add_file(self, argument: Argument) -> None:
        """Add an ``EnvironmentFile=``; an empty one resets them."""
        if argument.text:
            self.files.append(argument)
        else:
            self.files.clear()

    def resolve(self) -> Environment:
        """Read the files; one that cannot be read may set any variable."""
        values = dict(self.assigned)
        unread = ""
        for argument in self.files:
            path = argument.text.removeprefix("-")
            try:
                data = self.host.read(path)
            except NotFound as error:
                if self.host.root is not None and argument.text.startswith("-"):
                    continue  # systemd passes over it
                unread = unread or _why(path, error)
            except CollectionError as error:
                unread = unread or _why(path, error)
            else:
                values |= read_environment_file(data.decode("utf-8", "replace"))
        # What is set before a file that cannot be read may be set again by it.
        return Environment({} if unread else values, unread_rest=unread)


def read_environment_file(text: str) -> dict[str, str]:
    """Read ``KEY=value`` lines, with quotes, comments and continuations."""
    values: dict[str, str] = {}
    for raw in text.replace("\\\n", "").splitlines():
        stripped = raw.strip()
        if stripped.startswith(("#", ";")):
            continue
        match = _ASSIGNMENT.fullmatch(stripped)
        if match:
            values[match[1]] = _unquoted(match[2].strip())
    return values


def split_words(argument: Argument, environment: Environment | None) -> list[Argument]:
    """Split a value into words with their lines; with an environment its variables are put in, as in ExecStart."""
    words: list[Argument] = []
    for text, offset in _tokens(argument.text):
        line = None if argument.line is None else argument.line + offset
        word = replace(argument, text=text, line=line)
        words.extend([word] if environment is None else _expanded(word, environment))
    return words


def _expanded(word: Argument, environment: Environment) -> list[Argument]:
    """Put specifiers and variables into one word: ``$VAR`` alone may become several words, ``${VAR}`` never does."""
    word = _with_specifiers(word)
    alone = _WORD_VARIABLE.fullmatch(word.text)
    if alone:
        value = environment.values.get(alone[1])
        why = environment.why_unread(alone[1]) if value is None else ""
        if why:
            return [replace(word, text="", unread=why)]
        return [replace(word, text=text) for text, _ in _tokens(value or "")]
    unread = [word.unread]

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "$"
        if name not in environment.values:
            unread.append(environment.why_unread(name))
        return environment.values.get(name, "")

    text = _BRACED.sub(put, word.text)
    return [replace(word, text=text, unread=next(filter(None, unread), ""))]


def _with_specifiers(word: Argument) -> Argument:
    """Replace ``%%``; what any other specifier stands for is not known here."""
    unknown = [match[1] for match in _SPECIFIER.finditer(word.text) if match[1] != "%"]
    text = word.text.replace("%%", "%")
    return replace(word, text=text, unread=f"the systemd specifier %{unknown[0]} is not resolved" if unknown else "")


def _tokens(text: str) -> list[tuple[str, int]]:
    """Split at white space outside of quotes; gives each word and the number of line breaks before it."""
    tokens: list[tuple[str, int]] = []
    current: list[str] | None = None
    quote = ""
    start = breaks = position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if not quote and character.isspace():
            if current is not None:
                tokens.append(("".join(current), start))
                current = None
        else:
            if current is None:
                current, start = [], breaks
            if character == quote:
                quote = ""
            elif not quote and character in "\"'":
                quote = character
            elif character == "\\" and position < len(text):
                piece, position = _escape(text, position)
                current.append(piece)
            else:
                current.append(character)
        breaks += character == "\n"
    if current is not None:
        tokens.append(("".join(current), start))
    return tokens


def _escape(text: str, position: int) -> tuple[str, int]:
    """Read what follows a backslash: C's escapes, ``s`` for a space, anything else as it stands."""
    character = text[position]
    if character == "x" and re.fullmatch(r"[0-9a-fA-F]{2}", text[position + 1 : position + 3]):
        return chr(int(text[position + 1 : position + 3], 16)), position + 3
    return _ESCAPES.get(character, character), position + 1


def _unquoted(value: str) -> str:
    """Take the quotes off a value of an environment file."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        inner = value[1:-1]
        return inner if value[0] == "'" else re.sub(r"\\([\"\\$`])", r"\1", inner)
    return value


def _why(path: str, error: CollectionError) -> str:
    hint = f" ({error.hint})" if error.hint else ""
    return f"EnvironmentFile {path} could not be read: {error.what}{hint}"
