"""``policy check``: finds audit policies in files, and says with file, line and column what is wrong with them."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from scanner.cli.exit_codes import ExitCode
from scanner.cli.policy.checking import CheckResult, Options, check
from scanner.cli.policy.inputs import inputs
from scanner.cli.policy.rendering import json_form, sarif, text
from scanner.errors import UsageError
from scanner.model import PolicySeverity

_RENDERERS: Final = {"text": text.render, "json": json_form.render, "sarif": sarif.render}
_FAILING: Final = {
    "error": (PolicySeverity.ERROR,),
    "warning": (PolicySeverity.ERROR, PolicySeverity.WARNING),
}


def run(arguments: argparse.Namespace) -> int:
    """Check, print and give the exit code.

    Raises:
        UsageError: A file is not there, or holds no policy; then nothing is printed.
    """
    options = Options(arguments.grade, arguments.stages, arguments.kubernetes_version, arguments.allow_none)
    result = check(inputs(arguments.files), options)
    if not arguments.allow_none:
        _demand_policies(result)
    rendered = _RENDERERS[arguments.format](result)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(rendered.encode(encoding, "backslashreplace").decode(encoding))
    return exit_code(result, arguments.fail_on)


def exit_code(result: CheckResult, fail_on: str) -> ExitCode:
    """Sum the result up; what could not be read shows unless something worse does, or nothing is to fail."""
    if fail_on == "never":
        return ExitCode.OK
    if any(result.count(severity) for severity in _FAILING[fail_on]):
        return ExitCode.FAIL
    return ExitCode.UNKNOWN if result.unreadable else ExitCode.OK


def _demand_policies(result: CheckResult) -> None:
    """Refuse files without a policy: most likely another one was meant."""
    hint = "name the file with the audit policy, or give --allow-none"
    if result.without_policy:
        what = "there is no audit policy in it"
        raise UsageError(what, where=", ".join(result.without_policy), hint=hint)
    if not result.files:
        raise UsageError(f"there is no audit policy in the {result.files_read} files that were searched", hint=hint)
