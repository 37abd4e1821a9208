"""Command lines: finding kube-apiserver among the words, within shell scripts too, and expanding variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final

from scanner.apiserver import Argument

_NAME: Final = "kube-apiserver"
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash"})
_SHELL_OPTION: Final = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_STARTERS: Final = frozenset(
    {
        *(_NAME, "hyperkube"),
        *("command", "dumb-init", "env", "exec", "go-runner", "nice", "nohup", "numactl", "setpriv", "stdbuf", "sudo"),
        *("taskset", "time", "timeout", "tini", "watch-termination"),
    },
)
"""Programs that run kube-apiserver; others, such as ``echo`` or ``pkill``, only name it."""
_KEYWORDS: Final = frozenset({"then", "else", "do", "if", "{", "!"})
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_SEPARATORS: Final = ";|&()<>\n"
_REDIRECTION: Final = re.compile(r"[<>]&?|>>|&>|&>>|>\||<<<?|<>|>&|<&")
_SHELL_VARIABLE: Final = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_SHELL_OTHER: Final = re.compile(r"[$`]")
_PLACEHOLDER: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|\$\{[^}]*\}", re.DOTALL)
_NOT_FILLED_IN: Final = "a placeholder of a template stands there; give the file as it is filled in"
_CONTAINER_VARIABLE: Final = re.compile(r"\$\$|\$\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables that a command sees.

    Attributes:
        values: The variables that are known.
        unread: Variables whose value stands elsewhere, with where it stands.
        unread_rest: Why any other variable may be set too; empty where none can be.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    unread_rest: str = ""

    def why_unread(self, name: str) -> str:
        """Say why a variable that is not among `values` may have one; empty where it is simply not set."""
        return self.unread.get(name, self.unread_rest)


def server_arguments(words: Sequence[Argument], environment: Environment) -> tuple[Argument, ...] | None:
    """Give the words after ``kube-apiserver``; None where no word runs it."""
    for index, word in enumerate(words[:-1]):
        if _basename(word) not in _SHELLS:
            continue
        for option, script in zip(words[index + 1 :], words[index + 2 :], strict=False):
            if not option.text.startswith("-"):
                break
            if _SHELL_OPTION.fullmatch(option.text):
                return _script_arguments(script, environment)
    return _after_name(words)


def expand_container(word: Argument, environment: Environment) -> Argument:
    """Replace ``$(VAR)`` as the kubelet does: what is not set stays as it is, ``$$`` is a dollar.

    Source: ``k8s.io/kubernetes/third_party/forked/golang/expansion``.
    """
    unread: list[str] = []

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "$"
        if name not in environment.values:
            unread.append(environment.why_unread(name))
            return match[0]
        return environment.values[name]

    text = _CONTAINER_VARIABLE.sub(put, word.text)
    return replace(word, text=text, unread=word.unread or next(filter(None, unread), ""))


def _basename(word: Argument) -> str:
    return PurePosixPath(word.text).name if not word.text.startswith("-") else ""


def without_placeholders(argument: Argument) -> Argument:
    """Take a word of a template that nobody filled in for what it is: not read, and no value of a flag.

    A file that is applied has none: what a shell or systemd expands was expanded before.
    """
    found = _PLACEHOLDER.search(argument.text)
    if found is None or argument.unread:
        return argument
    is_value = argument.text.startswith("--") and "=" in argument.text[: found.start()]
    return replace(argument, text=argument.text if is_value else "", unread=_NOT_FILLED_IN)


def _after_name(words: Sequence[Argument]) -> tuple[Argument, ...] | None:
    """Cut a plain command line after ``kube-apiserver`` or ``hyperkube apiserver``, where flags or nothing follow."""
    for index, word in enumerate(words):
        name = _basename(word)
        following = tuple(words[index + 1 :])
        if name == "hyperkube" and following and _basename(following[0]) in {"apiserver", _NAME}:
            return following[1:]
        if name == _NAME and (not following or following[0].unread or following[0].text[:1] in {"", "-"}):
            return following
    return None


def _script_arguments(script: Argument, environment: Environment) -> tuple[Argument, ...] | None:
    """Find the command of a shell script that runs kube-apiserver; of several it is not known which one runs."""
    if _NAME not in script.text and "hyperkube" not in script.text:
        return None
    try:
        commands = _commands(script.text)
    except ValueError:
        return (replace(script, text="", unread="the shell script that starts it could not be understood"),)
    found = []
    for command in commands:
        words = tuple(_expand_shell(replace(script, text=text), environment) for text in _without_keywords(command))
        arguments = _after_name(words) if words and _basename(words[0]) in _STARTERS else None
        if arguments is not None and arguments not in found:
            found.append(arguments)
    if len(found) > 1:
        return (replace(script, text="", unread="the shell script that starts it has several commands for it"),)
    return found[0] if found else None


def _without_keywords(command: list[str]) -> list[str]:
    """Leave out what may stand before the program: shell keywords and variables set for it alone."""
    start = 0
    while start < len(command) and (command[start] in _KEYWORDS or _ASSIGNMENT.fullmatch(command[start])):
        start += 1
    return command[start:]


def _commands(script: str) -> list[list[str]]:
    """Split a script into its simple commands, without redirections and comments."""
    text = _without_comments(script.replace("\\\n", " "))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_SEPARATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    redirects = False
    for token in lexer:
        if token and all(character in _SEPARATORS for character in token):
            redirects = _REDIRECTION.fullmatch(token) is not None
            if not redirects:
                commands.append([])
            elif commands[-1] and commands[-1][-1].isdigit():
                commands[-1].pop()  # the file descriptor of 2>&1
        elif redirects:
            redirects = False
        else:
            commands[-1].append(token)
    return commands


def _without_comments(script: str) -> str:
    """Leave out comments: from a # that begins a word, outside of quotes, to the end of its line."""
    kept: list[str] = []
    quote = ""
    before = "\n"
    characters = iter(script)
    for character in characters:
        if quote:
            quote = "" if character == quote and not (quote == '"' and before == "\\") else quote
        elif character == "#" and (before.isspace() or before in _SEPARATORS):
            for rest in characters:
                if rest == "\n":
                    kept.append(rest)
                    break
            before = "\n"
            continue
        elif character in "'\"" and before != "\\":
            quote = character
        kept.append(character)
        before = "" if before == "\\" and character == "\\" else character
    return "".join(kept)


def _expand_shell(word: Argument, environment: Environment) -> Argument:
    """Replace ``$VAR`` and ``${VAR}`` that the environment sets; the script may set any other itself."""
    unknown: list[str] = []

    def put(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name in environment.values:
            return environment.values[name]
        unknown.append(environment.why_unread(name) or f"the shell script that starts it may set {name}")
        return ""

    text = _SHELL_VARIABLE.sub(put, word.text)
    if _SHELL_OTHER.search(_SHELL_VARIABLE.sub("", word.text)):
        unknown.append("the shell script that starts it computes a part of its arguments")
    return replace(word, text=text, unread=word.unread or (unknown[0] if unknown else ""))
