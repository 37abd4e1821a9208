"""The values of flags, read as pflag and Go's strconv read them."""

from __future__ import annotations

import re
from typing import Final

from scanner.apiserver.arguments import Flags, Setting
from scanner.errors import FlagError

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_INTEGER: Final = re.compile(r"[+-]?(0[xX](_?[0-9a-fA-F])+|0[oO]?(_?[0-7])+|0[bB](_?[01])+|0|[1-9](_?[0-9])*)")
_FLOAT: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DURATION: Final = re.compile(r"[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)")


def read_text(flags: Flags, flag: str) -> Setting | None:
    """Give the setting of a flag; an empty value is as good as none."""
    setting = flags.last(flag)
    return setting if setting is not None and (setting.value or setting.unread) else None


def read_boolean(flags: Flags, flag: str, *, default: bool) -> bool:
    """Read a boolean flag; FlagError for what Go's ParseBool refuses. An unread value counts as the default."""
    value = default
    for setting in _read(flags, flag):
        if setting.value not in _TRUE | _FALSE:
            raise _invalid(setting, "ParseBool")
        value = setting.value in _TRUE
    return value


def read_integer(flags: Flags, flag: str) -> int | None:
    """Read a whole number, in any of Go's notations; None where the flag is not set or not read."""
    value = None
    for setting in _read(flags, flag):
        if not _INTEGER.fullmatch(setting.value):
            raise _invalid(setting, "ParseInt")
        value = _integer(setting.value.replace("_", ""))
    return value


def read_number(flags: Flags, flag: str) -> float | None:
    """Read a decimal number; None where the flag is not set or not read."""
    value = None
    for setting in _read(flags, flag):
        if not _FLOAT.fullmatch(setting.value):
            raise _invalid(setting, "ParseFloat")
        value = float(setting.value)
    return value


def check_duration(flags: Flags, flag: str) -> None:
    """Refuse what is no Go duration such as ``30s``."""
    for setting in _read(flags, flag):
        if not _DURATION.fullmatch(setting.value):
            message = (
                f'invalid argument "{setting.value}" for "--{flag}" flag: time: invalid duration "{setting.value}"'
            )
            raise FlagError(message, where=setting.place)


def _read(flags: Flags, flag: str) -> list[Setting]:
    """Give the occurrences whose value is known; pflag checks each of them, not just the last."""
    return [setting for setting in flags.all(flag) if not setting.unread]


def _integer(text: str) -> int:
    """Read a number whose form is already checked; a leading 0 is octal, as in Go."""
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8 if octal else 0)
    return -value if text.startswith("-") else value


def _invalid(setting: Setting, function: str) -> FlagError:
    message = (
        f'invalid argument "{setting.value}" for "--{setting.flag}" flag: '
        f'strconv.{function}: parsing "{setting.value}": invalid syntax'
    )
    return FlagError(message, where=setting.place)
