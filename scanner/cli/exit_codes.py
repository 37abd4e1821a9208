"""The exit codes; README.md lists them for users."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

from scanner.model import ScanResult, Status


class ExitCode(IntEnum):
    """What the command's exit status means."""

    OK = 0
    FAIL = 1
    USAGE = 2
    UNKNOWN = 3
    BUG = 70
    NOT_WRITTEN = 74


def exit_code(result: ScanResult, fail_on: Literal["fail", "unknown", "never"]) -> ExitCode:
    """Sum a scan up in its exit code; a bug of ours always shows, because the report cannot be trusted whole."""
    if result.summary.bugs:
        return ExitCode.BUG
    if fail_on == "never":
        return ExitCode.OK
    if result.status is Status.FAIL:
        return ExitCode.FAIL
    if fail_on == "unknown" and (result.status is Status.UNKNOWN or result.summary.failures):
        return ExitCode.UNKNOWN
    return ExitCode.OK
