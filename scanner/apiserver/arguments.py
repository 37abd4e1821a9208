"""kube-apiserver's arguments, read as its own flag library (pflag, with Kubernetes' normalisation) reads them.

Source: ``github.com/spf13/pflag`` v1.0.5 (flag.go, parseLongArg and parseShortArg) and
``k8s.io/component-base/cli/flag`` (WordSepNormalizeFunc: an underscore in a name is a dash).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scanner.errors import FlagError

_BOOLEAN_FLAGS: Final = frozenset(
    {
        "anonymous-auth",
        "audit-log-batch-throttle-enable",
        "audit-log-compress",
        "audit-log-truncate-enabled",
        "audit-webhook-batch-throttle-enable",
        "audit-webhook-truncate-enabled",
    },
)

_VALUE_FLAGS: Final = frozenset(
    {
        "audit-policy-file",
        "audit-log-path",
        "audit-log-format",
        "audit-log-maxage",
        "audit-log-maxbackup",
        "audit-log-maxsize",
        "audit-webhook-config-file",
        "audit-webhook-initial-backoff",
        "authentication-config",
        "authorization-config",
        "authorization-mode",
        "authorization-policy-file",
        "authorization-webhook-config-file",
        "openshift-config",
        *(
            f"audit-{backend}-{name}"
            for backend in ("log", "webhook")
            for name in (
                "batch-buffer-size",
                "batch-max-size",
                "batch-max-wait",
                "batch-throttle-burst",
                "batch-throttle-qps",
                "mode",
                "truncate-max-batch-size",
                "truncate-max-event-size",
                "version",
            )
        ),
    },
)

AUDIT_FLAGS: Final = frozenset(flag for flag in _BOOLEAN_FLAGS | _VALUE_FLAGS if flag.startswith("audit-"))
"""Every audit flag of kube-apiserver 1.36 (``kube-apiserver --help``)."""

RELEVANT_FLAGS: Final = _BOOLEAN_FLAGS | _VALUE_FLAGS
"""The flags that decide about auditing, authentication of anonymous requests and authorization."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One word of kube-apiserver's command line, and where it stood.

    Attributes:
        source: The file in which it stood, as a person names it.
        line: The 1-based line, None where it is not known.
        unread: Why (a part of) the word could not be read, such as a variable whose value is elsewhere; else empty.
        key: The key under which a file holds the setting that the word stands for, such as
            ``spec.kubeAPIServer.auditLogPath``; empty where the word itself stood there.
    """

    text: str
    source: str = ""
    line: int | None = None
    unread: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One occurrence of a flag.

    Attributes:
        flag: The name, normalised, without dashes: ``audit-log-path``.
        value: The value; ``true`` for a boolean flag without one.
        written: The word or words as they stood there.
        unread: Why the value could not be read; else empty.
        key: The key under which a file holds it; empty where it stood there as a flag.
    """

    flag: str
    value: str
    written: str
    source: str = ""
    line: int | None = None
    unread: str = ""
    key: str = ""

    @property
    def place(self) -> str:
        """The file and line, ``file:12``."""
        return _place(self.source, self.line)


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of one command line: every occurrence in order, and the words that may hold any flag at all."""

    occurrences: tuple[Setting, ...]
    unread: tuple[Argument, ...] = ()

    def last(self, flag: str) -> Setting | None:
        """Give the occurrence that counts; pflag overwrites, so it is the last one."""
        return next((setting for setting in reversed(self.occurrences) if setting.flag == flag), None)

    def all(self, flag: str) -> tuple[Setting, ...]:
        """Give every occurrence of one flag, in order."""
        return tuple(setting for setting in self.occurrences if setting.flag == flag)

    def relevant(self) -> tuple[Setting, ...]:
        """Give the occurrences that may be shown: those about auditing, authentication and authorization."""
        return tuple(setting for setting in self.occurrences if is_relevant(setting.flag))


def is_relevant(flag: str) -> bool:
    """Say whether a flag is about auditing, authentication or authorization, so that a report may quote it."""
    return flag in RELEVANT_FLAGS or flag.startswith("audit-")


def parse_arguments(arguments: Sequence[Argument]) -> Flags:
    """Read the words after ``kube-apiserver``; FlagError, in pflag's words, where it would not start."""
    occurrences: list[Setting] = []
    unread: list[Argument] = []
    words = iter(arguments)
    pending: list[Argument] = []
    for argument in _drain(pending, words):
        text = argument.text
        if text == "--":
            _refuse_positional(_drain(pending, words), unread, arguments)
        elif not text.startswith("-") or text == "-":
            _refuse_positional([argument], unread, arguments)
        elif text.startswith("--"):
            occurrences.append(_long(argument, pending, words))
        else:
            _short(argument, pending, words)
    return Flags(tuple(occurrences), tuple(unread))


def _drain(pending: list[Argument], words: Iterator[Argument]) -> Iterator[Argument]:
    """Give the words that were looked at but not taken first, then the rest."""
    while True:
        if pending:
            yield pending.pop()
            continue
        following = next(words, None)
        if following is None:
            return
        yield following


def _long(argument: Argument, pending: list[Argument], words: Iterator[Argument]) -> Setting:
    """Read ``--flag=value``, ``--flag value`` or ``--flag``."""
    name, equals, value = argument.text[2:].partition("=")
    if not name or name.startswith("-"):
        raise FlagError(f"bad flag syntax: {argument.text.partition('=')[0]}", where=_at(argument))
    flag = name.replace("_", "-")
    if equals:
        return _setting(flag, value, argument)
    if flag in _BOOLEAN_FLAGS:
        return _setting(flag, "true", argument)
    following = next(_drain(pending, words), None)
    if flag in _VALUE_FLAGS:
        if following is None:
            raise FlagError(f"flag needs an argument: {argument.text}", where=_at(argument))
        return _with_value(flag, argument, following)
    if following is None:
        return Setting(flag, "true", argument.text, argument.source, argument.line)
    if following.text.startswith("-") and following.text != "-":
        # Whether a flag that is not ours takes a value is not known here. A word with a dash is read as the next
        # flag: kube-apiserver takes no other arguments, so a word without one can only be the value.
        pending.append(following)
        return Setting(flag, "true", argument.text, argument.source, argument.line)
    return _with_value(flag, argument, following)


def _setting(flag: str, value: str, argument: Argument) -> Setting:
    """Build the setting of a flag that is one word."""
    return Setting(flag, value, argument.text, argument.source, argument.line, argument.unread, argument.key)


def _with_value(flag: str, argument: Argument, following: Argument) -> Setting:
    """Build the setting of a flag whose value is the next word."""
    written = f"{argument.text} {following.text}"
    unread = argument.unread or following.unread
    return Setting(flag, following.text, written, argument.source, argument.line, unread, argument.key)


def _short(argument: Argument, pending: list[Argument], words: Iterator[Argument]) -> None:
    """Read ``-v=2``, ``-v2``, ``-v 2`` and ``-h``, the only short flags; FlagError for any other."""
    letter = argument.text[1]
    if letter == "v":
        if argument.text == "-v" and next(_drain(pending, words), None) is None:
            raise FlagError("flag needs an argument: 'v' in -v", where=_at(argument))
        return
    if letter == "h":
        raise FlagError("-h prints the help and ends", where=_at(argument))
    shown = argument.text
    name = shown.lstrip("-").partition("=")[0].replace("_", "-")
    if not is_relevant(name):
        shown = shown.partition("=")[0]  # the value may be a secret
    raise FlagError(f"unknown shorthand flag: {letter!r} in {shown}", where=_at(argument))


def _refuse_positional(positional: Iterable[Argument], unread: list[Argument], words: Sequence[Argument]) -> None:
    """Refuse a word that is no flag, without quoting it; keep one that could not be read, for it may be any flag."""
    for argument in positional:
        if argument.unread:
            unread.append(argument)
        elif argument.text:
            number = next(place for place, word in enumerate(words, start=1) if word is argument)
            # Only its place is told: a word that went astray may be the value of a secret's flag.
            raise FlagError(
                f"kube-apiserver takes only flags, and word {number} behind its name is none", where=_at(argument)
            )


def _at(argument: Argument) -> str:
    return _place(argument.source, argument.line)


def _place(source: str, line: int | None) -> str:
    return source if line is None else f"{source}:{line}"
