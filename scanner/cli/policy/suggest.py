"""``policy suggest``: prints a policy that reaches a grade, or the patch that makes one reach it."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scanner.assessment.policy_suggest import Suggestion, from_scratch, suggest
from scanner.cli.exit_codes import ExitCode
from scanner.cli.policy.plain import plain
from scanner.cli.policy.source import STDIN, LoadedPolicy, load_policy
from scanner.errors import ReportError, UsageError
from scanner.model import PolicyCoverage

_MOST_BLIND_SPOTS: Final = 5
_NO_NEWLINE: Final = "\\ No newline at end of file"


def run(arguments: argparse.Namespace) -> int:
    """Print the policy or the patch to standard output or a file, and what was changed to standard error.

    Raises:
        UsageError: The policy cannot be read or edited, or a patch is asked for where there can be none.
        PolicyError: kube-apiserver would refuse the policy.
        ReportError: The result cannot be written.
    """
    if arguments.file is None:
        if arguments.patch:
            raise UsageError("there is no policy to change", where="--patch", hint="name the policy file as well")
        _write(from_scratch(arguments.stages), arguments.output)
        _say(f"a policy from scratch: complete in all three categories (asked for: {arguments.grade})")
        return ExitCode.OK
    read = load_policy(arguments.file, arguments.kubernetes_version)
    found = suggest(
        read.text,
        grade=arguments.grade,
        stages=arguments.stages,
        kubernetes_version=arguments.kubernetes_version or read.kubernetes_version,
        source=read.name,
    )
    data = _patch(read, arguments.file, found.data) if arguments.patch else found.data
    _write(data, arguments.output)
    for line in _summary(read.name, found, arguments.grade):
        _say(line)
    return ExitCode.OK


def _patch(read: LoadedPolicy, argument: str, new: bytes) -> bytes:
    """Give a unified diff that ``patch -p0`` applies in this directory."""
    try:
        before, after = _lines(read.text.decode()), _lines(new.decode())
    except UnicodeDecodeError:
        hint = "leave --patch out, and the whole file is printed"
        raise UsageError("a patch can only be made of a file in UTF-8", where=read.name, hint=hint) from None
    name = _patch_name(read, argument)
    lines: list[str] = []
    for line in difflib.unified_diff(before, after, name, name):
        lines += [line] if line.endswith("\n") else [f"{line}\n", f"{_NO_NEWLINE}\n"]
    return "".join(lines).encode()


def _patch_name(read: LoadedPolicy, argument: str) -> str:
    """Give the file's name in a patch: relative to this directory where it stands in it, as `patch` demands."""
    if argument == STDIN:
        return "audit-policy.yaml"
    if read.is_published:
        return f"{argument}.yaml"
    relative = os.path.relpath(argument)
    name = argument if relative.startswith("..") else relative
    return f"{plain(name)}\t" if " " in name else plain(name)


def _lines(text: str) -> list[str]:
    """Divide a text at line feeds only, as `patch` does."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _write(data: bytes, output: Path | None) -> None:
    """Write to standard output, or to a file in one step."""
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.chmod(output.stat().st_mode & 0o777 if output.exists() else 0o644)
        temporary.replace(output)
    except OSError as error:
        raise ReportError(f"cannot be written: {error.strerror}", where=str(output)) from None


def _summary(name: str, found: Suggestion, grade: str) -> Iterator[str]:
    """Say what was changed and why, and what that means."""
    if not found.changes:
        yield f"{name}: reaches {grade} in all three categories as it is; nothing is changed"
    else:
        number = len(found.changes)
        yield f"{name}: {number} change{'s' if number > 1 else ''} to reach {grade} in all three categories"
        yield from (f"  - {change}" for change in found.changes)
        yield from (f"  {line}" for line in _grades(found.before, found.after))
        yield from (f"  volume: {line}" for line in found.volume)
    spots = found.after.blind_spots
    for spot in spots[:_MOST_BLIND_SPOTS]:
        yield f"  not part of the grade, and left as it is: {spot.what} of {spot.identity} is not recorded"
    if len(spots) > _MOST_BLIND_SPOTS:
        yield f"  and {len(spots) - _MOST_BLIND_SPOTS} more identities; `policy check` lists them"


def _grades(before: PolicyCoverage, after: PolicyCoverage) -> Iterator[str]:
    """Give the grade of each category before and after."""
    for category, found in after.categories.items():
        yield f"{category.value.replace('_', ' ')}: {before.categories[category].grade.label} -> {found.grade.label}"


def _say(line: str) -> None:
    """Print a line to standard error, made safe for a terminal."""
    print(plain(line), file=sys.stderr)
