"""``policy show``: the built-in published policies."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator

from scanner.cli.exit_codes import ExitCode
from scanner.errors import UsageError
from scanner.knowledge.policies import PublishedPolicy, find, names, published

_WIDTH = 118


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
        "to load it": f"--kubernetes-version {one.kubernetes_version}" if one.kubernetes_version else "",
    }
    for key, value in about.items():
        if value:
            lines = textwrap.wrap(f"{key}: {value}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
            yield from (f"# {line}" for line in lines)
    yield one.text.rstrip("\n")
