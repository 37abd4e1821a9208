"""Evidence from kube-apiserver's flags: only those about auditing, authentication and authorization are ever quoted."""

from __future__ import annotations

from providers.self_managed.source import ApiServerSource
from scanner.apiserver import Argument, Flags, Setting
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState


def of_setting(setting: Setting) -> Evidence:
    """Quote one flag as it stands."""
    return Evidence(setting.source, locator_of(setting), setting.written)


def locator_of(word: Setting | Argument) -> str:
    """Name the line, and the key where the file holds the setting under a key of its own."""
    line = "kube-apiserver's flags" if word.line is None else f"line {word.line}"
    return f"{line}, {word.key}" if word.key else line


def of_settings(flags: Flags, flag: str) -> tuple[Evidence, ...]:
    """Quote every occurrence of one flag."""
    return tuple(of_setting(setting) for setting in flags.all(flag))


def of_absence(source: ApiServerSource, flags: Flags, prefix: str) -> tuple[Evidence, ...]:
    """Show that a flag is not there: the flags with the same prefix, or how many were looked through."""
    near = tuple(of_setting(setting) for setting in flags.relevant() if setting.flag.startswith(prefix))
    if near:
        return near
    count = len(flags.occurrences)
    return (Evidence(source.file, source.locator, f"kube-apiserver has {count} flags, none of them --{prefix}*"),)


def of_error(error: CollectionError, fallback: str) -> Evidence:
    """Show a failed read."""
    return Evidence(error.where or fallback, "file", error.what)


def sentence(error: CollectionError) -> str:
    """Put an error into a sentence: file, what failed, what to do."""
    joint = ": " if error.what.startswith("there is") else " "
    text = f"{error.where}{joint}{error.what}" if error.where else error.what
    return f"{text} ({error.hint})" if error.hint else text


def ok(reason: str, *evidence: Evidence) -> LinkCheck:
    """Build a link that holds."""
    return LinkCheck(LinkState.OK, reason, evidence)


def gap(reason: str, *evidence: Evidence) -> LinkCheck:
    """Build a link that is broken."""
    return LinkCheck(LinkState.GAP, reason, evidence)


class Refusal(LinkCheck):
    """A broken link because kube-apiserver does not start, so that no other log of it has anything either."""

    __slots__ = ()

    @classmethod
    def of(cls, reason: str, *evidence: Evidence) -> Refusal:
        """Build it; the reason says what refuses."""
        return cls(LinkState.GAP, reason, evidence)


def unknown(reason: str, *evidence: Evidence, permission: str = "") -> LinkCheck:
    """Build a link that could not be read."""
    return LinkCheck(LinkState.UNKNOWN, reason, evidence, permission)
