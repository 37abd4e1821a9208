"""``policy show``: the built-in published policies."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator
from typing import Final

from scanner.audit_policy.reader import GROUP
from scanner.cli.exit_codes import ExitCode
from scanner.errors import UsageError
from scanner.knowledge.policies import PublishedPolicy, find, names, published

_WIDTH = 118
_V1: Final = f"apiVersion: {GROUP}/v1"
_OLD_VERSION: Final = re.compile(rf"^apiVersion: {re.escape(GROUP)}/v1(?:alpha1|beta1)$", re.MULTILINE)


def run(arguments: argparse.Namespace) -> int:
    """List the published policies, or print one, ready for ``policy check -``."""
    name = arguments.name
    if name is None:
        print("\n".join(_listed()))
    elif (found := find(name)) is not None:
        print("\n".join(_printed(found)))
    else:
        raise UsageError("no published policy has this name", where=name, hint=f"one of {', '.join(names())}")
    return ExitCode.OK


def _listed() -> Iterator[str]:
    """Give two lines for each policy."""
    width = max(map(len, names()))
    for name in names():
        one = published(name)
        yield f"{name:{width}}  {one.title}"
        yield f"{'':{width}}  {one.source}; read {one.date}; {one.licence}"


def _printed(one: PublishedPolicy) -> Iterator[str]:
    """Give a policy's text below what is known of it, as comments."""
    about = {
        "name": one.name,
        "title": one.title,
        "source": one.source,
        "read": one.date.isoformat(),
        "licence": one.licence,
        "note": one.note,
        "changed": _changed(one),
    }
    for key, value in about.items():
        if value:
            lines = textwrap.wrap(f"{key}: {value}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
            yield from (f"# {line}" for line in lines)
    yield _OLD_VERSION.sub(_V1, one.text).rstrip("\n")


def _changed(one: PublishedPolicy) -> str:
    """Say that an API version that no kube-apiserver of today loads is printed as v1; the fields are the same."""
    old = _OLD_VERSION.search(one.text)
    return f"printed with {_V1} in place of {old[0]}, so that a kube-apiserver of today loads it" if old else ""
