"""The command line: parses it, wires the layers together, and turns every end into an exit code."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import __version__
from scanner.cli import policy
from scanner.cli.complaints import complain
from scanner.cli.exit_codes import ExitCode
from scanner.errors import AuditCoverageError, ReportError

if TYPE_CHECKING:
    Command = Callable[[argparse.Namespace], int]

_OUTPUT_ERRORS = {errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT}

_EPILOG = """\
exit codes:
  0   everything passed, or there was nothing to judge
  1   at least one cluster fails
  2   the command line or the configuration is wrong; nothing was scanned
  3   nothing fails, but something is unknown or an account is incomplete
  70  a bug in k8s-audit-coverage
  74  a report, or the journal of the scan, could not be written
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; `arguments` are those of the process unless given."""
    _prepare_streams()
    parsed = _parser().parse_args(arguments)
    command: Command = parsed.command
    try:
        code = command(parsed)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return _lost_output(error)
    except AuditCoverageError as error:
        complain(error)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001 - the last resort, so that a bug is never mistaken for a verdict
        return _bug()
    return code


def _prepare_streams() -> None:
    """Let no text fail for the terminal's encoding, and keep files from taking a closed standard descriptor's place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free one, which is this
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process runs
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _lost_output(error: OSError) -> int:
    """End after standard output could not be written; a reader that has gone (`… | head`) is no failure."""
    if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
        return _bug()
    # What is still in the buffer must not be tried again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return ExitCode.OK
    complain(ReportError(f"cannot be written: {error.strerror}", where="standard output"))
    return ExitCode.NOT_WRITTEN


def _bug() -> int:
    """Print the error that is being handled as what it is."""
    print("k8s-audit-coverage: this is a bug; please report it with these lines:", file=sys.stderr)
    traceback.print_exc()
    return ExitCode.BUG


def _parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="k8s-audit-coverage",
        description="If someone broke in tonight, would the audit log show it? Follows failed logins, API calls and "
        "RBAC denials from the request to a kept record, for every Kubernetes cluster you own.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_scan(commands)
    _add_report(commands)
    _add_config(commands)
    _add_providers(commands)
    policy.add(commands)
    return parser


def _add_scan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``scan``."""
    scan = commands.add_parser(
        "scan",
        help="scan the accounts of a configuration and write the reports",
        description="Scan every account of the configuration at the same time, write the reports, and sum up.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    scan.add_argument("--config", type=Path, required=True, metavar="FILE", help="the TOML configuration")
    scan.add_argument(
        "--account", nargs="+", action="extend", metavar="NAME", help="scan only these accounts of the configuration"
    )
    scan.add_argument("--format", metavar="NAME[,NAME…]", help="report formats (default: [output] formats)")
    scan.add_argument(
        "--output",
        metavar="DIR|URL|-",
        help="where to write the reports: a directory, s3://, gs:// or az://, - for standard output (default: [output] "
        "directory)",
    )
    scan.add_argument(
        "--fail-on",
        choices=("fail", "unknown", "never"),
        help="what makes the exit code other than 0 (default: [output] fail_on): fail: only failed clusters; "
        "unknown: also what could not be read; never: neither",
    )
    scan.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        help="where every result is kept as soon as it is there (default: journal.jsonl beside the reports)",
    )
    scan.add_argument(
        "--resume",
        action="store_true",
        help="go on with the journal of a scan that was stopped or killed; without one, start anew",
    )
    scan.add_argument(
        "--shard",
        metavar="I/N",
        help="scan only the I-th of N parts of all accounts, beginning with 1, and write a partial report (default: "
        "what a Kubernetes Indexed Job with K8S_AUDIT_COVERAGE_SHARDS, an AWS Batch array job or a Cloud Run job says)",
    )
    scan.set_defaults(command=_scan)


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``report merge``."""
    report = commands.add_parser("report", help="build one report from the partial ones of several machines")
    inner = report.add_subparsers(title="commands", metavar="COMMAND", required=True)
    merge = inner.add_parser(
        "merge",
        help="merge the partial reports of `scan --shard`",
        description="Merge the partial reports that the shards of one scan wrote. A shard that is missing is in the "
        "report: its accounts are unknown.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    merge.add_argument(
        "place", nargs="+", metavar="DIR|URL|FILE", help="what the shards wrote to: directories, s3://, gs://, az://"
    )
    merge.add_argument("-o", "--output", metavar="DIR|URL|-", default="reports", help="where to write the report")
    merge.add_argument("--format", metavar="NAME[,NAME…]", default="json,html", help="report formats")
    merge.add_argument(
        "--fail-on",
        choices=("fail", "unknown", "never"),
        default="unknown",
        help="what makes the exit code other than 0, as for scan (default: unknown)",
    )
    merge.add_argument(
        "--allow-old",
        action="store_true",
        help="merge partial reports of a scan that began more than scan.window ago, too; without it they are refused",
    )
    merge.set_defaults(command=_merge)


def _add_config(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``config check`` and ``config example``."""
    config = commands.add_parser("config", help="check a configuration, or print a starting one")
    inner = config.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = inner.add_parser("check", help="validate a configuration without touching a cloud")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(command=_config_check)
    example = inner.add_parser("example", help="print a commented starting file with every option and its default")
    example.set_defaults(command=_config_example)


def _add_providers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe ``providers``."""
    providers = commands.add_parser("providers", help="list the providers, and the least permissions each needs")
    providers.add_argument("kind", nargs="?", metavar="KIND", help="only this one")
    providers.add_argument(
        "--permissions",
        nargs="?",
        const="",
        metavar="VARIANT",
        help="print its least permissions, ready to use; for eks, VARIANT is a partition (default: aws)",
    )
    providers.set_defaults(command=_providers)


# Each command is imported when it runs, so that `--version` and `config check` start without the rest.


def _scan(arguments: argparse.Namespace) -> int:
    from scanner.cli.scan import run  # noqa: PLC0415 - see above

    return run(arguments)


def _merge(arguments: argparse.Namespace) -> int:
    from scanner.cli.merge import run  # noqa: PLC0415 - see above

    return run(arguments)


def _config_check(arguments: argparse.Namespace) -> int:
    from scanner.cli.configs import check  # noqa: PLC0415 - see above

    return check(arguments.file)


def _config_example(_arguments: argparse.Namespace) -> int:
    from scanner.cli.configs import example  # noqa: PLC0415 - see above

    return example()


def _providers(arguments: argparse.Namespace) -> int:
    from scanner.cli.listing import providers  # noqa: PLC0415 - see above

    return providers(arguments.kind, permissions=arguments.permissions)
