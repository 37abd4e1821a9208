"""``policy``: decide, explain, check, compare and mend audit policies; one module a command.

Each command's module exports ``run`` and is imported when it runs, so that the others cost no start-up time.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

_VERSION_HELP = (
    'the kube-apiserver\'s version, such as 1.34 (default: the newest); it decides on `group: "*"` and old API versions'
)

_VERSION = re.compile(r"v?\d+\.\d+([.+-].*)?", re.ASCII)


def _version(text: str) -> str:
    """Refuse what is no Kubernetes version, which the reader would take for the newest."""
    if not _VERSION.fullmatch(text):
        message = f"{text!r} is no Kubernetes version: write it like 1.34"
        raise argparse.ArgumentTypeError(message)
    return text


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``policy`` and its commands."""
    policy = commands.add_parser("policy", help="check, explain, compare and mend audit policies; no cluster needed")
    inner = policy.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_check(inner)
    _add_explain(inner)
    _add_diff(inner)
    _add_suggest(inner)
    _add_show(inner)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``policy check``."""
    check = commands.add_parser(
        "check",
        help="find what is wrong with audit policies, with file, line and column",
        description="Find audit policies in files and folders (also inside ConfigMaps, multi-document files, kubeadm, "
        "Talos and kind configurations) and say what each of them fails to record, and why.",
    )
    check.add_argument(
        "files",
        nargs="+",
        metavar="FILE|DIR|-",
        help="files, folders (searched through), - for standard input, or names of published policies",
    )
    check.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="(default: %(default)s)")
    check.add_argument(
        "--grade",
        choices=("minimum", "complete"),
        default="minimum",
        help="the grade that every category must reach (default: %(default)s)",
    )
    check.add_argument(
        "--stages",
        choices=("outcome", "all"),
        default="outcome",
        help="the stages that must be kept (default: %(default)s)",
    )
    check.add_argument(
        "--fail-on",
        choices=("error", "warning", "never"),
        default="error",
        help="the least severity that makes the exit code 1 (default: %(default)s); with never it is 0 even where a "
        "part could not be read",
    )
    check.add_argument(
        "--allow-none",
        action="store_true",
        help="a file without an audit policy is no mistake, and only files that may hold one are looked into (for "
        "hooks, which name every changed file)",
    )
    check.add_argument("--kubernetes-version", metavar="VERSION", type=_version, help=_VERSION_HELP)
    check.set_defaults(command=_check)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``policy explain``."""
    explain = commands.add_parser(
        "explain",
        help="say which rule decides on a request, why those before it don't, and which events are written",
    )
    explain.add_argument(
        "file", metavar="FILE|-", help="the policy, or the name of a published one (see `policy show`)"
    )
    who = explain.add_mutually_exclusive_group()
    who.add_argument(
        "--as", dest="user", metavar="USER", help="who sends the request (default: somebody whom no rule names)"
    )
    who.add_argument("--unauthenticated", action="store_true", help="the request fails authentication")
    explain.add_argument(
        "--as-group",
        dest="groups",
        action="append",
        metavar="GROUP",
        help="a group of the user, repeatable; those that Kubernetes itself adds are added",
    )
    explain.add_argument("--request", metavar='"METHOD URL"', help='such as "GET /api/v1/namespaces/default/secrets"')
    explain.add_argument("--verb", help="such as list")
    explain.add_argument("--resource", metavar="RESOURCE[/SUBRESOURCE]", help="such as secrets or pods/exec")
    explain.add_argument(
        "--api-group",
        default=None,
        metavar="GROUP",
        help="such as apps (default: the core group, or the group a known resource belongs to)",
    )
    explain.add_argument("--namespace", default="", metavar="NAMESPACE")
    explain.add_argument("--name", default="", metavar="NAME")
    explain.add_argument("--path", metavar="PATH", help="a non-resource path, such as /healthz")
    explain.add_argument(
        "--code",
        type=int,
        metavar="CODE",
        help="the HTTP status the request ends with (default: 200; 401 with --unauthenticated)",
    )
    explain.add_argument("--format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    explain.add_argument("--kubernetes-version", metavar="VERSION", type=_version, help=_VERSION_HELP)
    explain.set_defaults(command=_explain)


def _add_diff(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``policy diff``."""
    diff = commands.add_parser(
        "diff",
        help="say what a new policy records that an old one did not, and what no longer",
        description="Compare two policies by what they record, not by their text. Exit code 1 when coverage is lost.",
    )
    diff.add_argument("old", metavar="OLD", help="a policy file, - or the name of a published policy")
    diff.add_argument("new", metavar="NEW", help="the same")
    diff.add_argument("--format", choices=("text", "json"), default="text", help="(default: %(default)s)")
    diff.add_argument("--kubernetes-version", metavar="VERSION", type=_version, help=_VERSION_HELP)
    diff.set_defaults(command=_diff)


def _add_suggest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``policy suggest``."""
    suggest = commands.add_parser(
        "suggest",
        help="print the smallest change to a policy that reaches a grade, or a good policy from scratch",
        description="Print the policy with the smallest change that makes it reach the grade; comments and the order "
        "of the other rules stay. Without FILE, print a good policy with the exemptions that cost no coverage.",
    )
    suggest.add_argument("file", nargs="?", metavar="FILE|-", help="the policy to mend")
    suggest.add_argument("--grade", choices=("minimum", "complete"), default="minimum", help="(default: %(default)s)")
    suggest.add_argument(
        "--stages",
        choices=("outcome", "all"),
        default="outcome",
        help="the stages that must be kept (default: %(default)s)",
    )
    suggest.add_argument("--patch", action="store_true", help="print a unified diff instead of the whole file")
    suggest.add_argument("--output", type=Path, metavar="FILE", help="write it there instead of to standard output")
    suggest.add_argument("--kubernetes-version", metavar="VERSION", type=_version, help=_VERSION_HELP)
    suggest.set_defaults(command=_suggest)


def _add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``policy show``."""
    show = commands.add_parser(
        "show", help="list the built-in published policies, or print one with its source and date"
    )
    show.add_argument("name", nargs="?", metavar="NAME", help="such as eks; without it they are listed")
    show.set_defaults(command=_show)


def _check(arguments: argparse.Namespace) -> int:
    from scanner.cli.policy.check import run  # noqa: PLC0415 - see above

    return run(arguments)


def _explain(arguments: argparse.Namespace) -> int:
    from scanner.cli.policy.explain import run  # noqa: PLC0415 - see above

    return run(arguments)


def _diff(arguments: argparse.Namespace) -> int:
    from scanner.cli.policy.diff import run  # noqa: PLC0415 - see above

    return run(arguments)


def _suggest(arguments: argparse.Namespace) -> int:
    from scanner.cli.policy.suggest import run  # noqa: PLC0415 - see above

    return run(arguments)


def _show(arguments: argparse.Namespace) -> int:
    from scanner.cli.policy.show import run  # noqa: PLC0415 - see above

    return run(arguments)
