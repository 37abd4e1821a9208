"""``scan``: from the configuration to the reports, and a summary."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from providers import load
from scanner import __version__
from scanner.cli.complaints import complain
from scanner.cli.configs import read
from scanner.cli.exit_codes import ExitCode, exit_code
from scanner.cli.output import check_destination, write_reports
from scanner.cli.progress import ProgressDisplay, display
from scanner.config import AccountConfig, Config
from scanner.engine import AccountPlan, EngineOutcome, scan_accounts
from scanner.errors import ReportError, UsageError
from scanner.model import ScanResult
from scanner.reports import formats

FailOn = Literal["fail", "unknown", "never"]


def run(arguments: argparse.Namespace) -> int:
    """Scan and report; what is wrong with the configuration or the destination shows before anything is scanned."""
    config = read(arguments.config)
    accounts = _chosen(config, arguments.account)
    names = _formats(config, arguments.format)
    output = arguments.output or config.output.directory
    check_destination(output, names)
    plans = [AccountPlan(one.name, load(one.provider), one.options) for one in accounts]
    fail_on = cast("FailOn", arguments.fail_on or config.output.fail_on)
    with asyncio.Runner() as runner:
        with display(len(plans)) as progress:
            started = datetime.now(UTC)
            outcome = runner.run(_scan(plans, config, started, progress))
        result = _result(outcome, config, started)
        code = _report(result, names, output, fail_on, progress)
        if outcome.interrupted:
            # Within the runner: closing it waits for every call that hangs, and nobody who stops a scan does.
            _leave_at_once(code)
    return code


def _report(
    result: ScanResult, names: Sequence[str], output: str, fail_on: FailOn, progress: ProgressDisplay
) -> ExitCode:
    """Write the reports and the summary, and give the exit code."""
    code = exit_code(result, fail_on)
    written: list[Path] = []
    try:
        written = write_reports(result, names, output)
    except ReportError as error:
        complain(error)
        code = ExitCode.NOT_WRITTEN
    progress.summary(result, written, code)
    return code


def _chosen(config: Config, names: Sequence[str] | None) -> tuple[AccountConfig, ...]:
    """Pick the accounts that ``--account`` names, in the order of the configuration."""
    known = {account.name for account in config.accounts}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        hint = f"the configuration has {', '.join(sorted(known))}"
        raise UsageError(f"there is no account {', '.join(map(repr, unknown))}", where="--account", hint=hint)
    return tuple(account for account in config.accounts if not names or account.name in names)


def _formats(config: Config, value: str | None) -> list[str]:
    """Pick the report formats."""
    if value is None:
        return config.output.formats
    names = list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    wrong = [name for name in names if name not in formats()]
    if wrong or not names:
        what = f"there is no format {', '.join(map(repr, wrong))}" if wrong else "names no format"
        raise UsageError(what, where="--format", hint=f"there are {', '.join(formats())}")
    return names


async def _scan(
    plans: Sequence[AccountPlan], config: Config, started: datetime, progress: ProgressDisplay
) -> EngineOutcome:
    """Run the engine; the first Ctrl-C or SIGTERM ends it with a report, the second one at once."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[str] = loop.create_future()

    def ask_to_stop(number: signal.Signals) -> None:
        if stop.done():
            os._exit(128 + number)
        stop.set_result(f"interrupted by {number.name}")
        progress.stopping(number.name)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask_to_stop, number)
    return await scan_accounts(plans, config.scan, config.rule, started=started, progress=progress, stop=stop)


def _result(outcome: EngineOutcome, config: Config, started: datetime) -> ScanResult:
    """Put the run's own data beside what the engine found."""
    return ScanResult(
        tool_version=__version__,
        started=started,
        finished=datetime.now(UTC),
        rule=config.rule,
        config_digest=config.digest,
        accounts=outcome.accounts,
        interrupted=outcome.interrupted,
    )


def _leave_at_once(code: int) -> None:
    """End the process without waiting for the calls that are still in flight in the pool's threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
