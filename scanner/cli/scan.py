"""``scan``: from the configuration to the reports, and a summary."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from providers import load
from scanner import __version__
from scanner.cli.complaints import complain
from scanner.cli.configs import organization_provider, read
from scanner.cli.exit_codes import ExitCode, exit_code
from scanner.cli.output import Output, chosen_formats
from scanner.cli.progress import ProgressDisplay, display
from scanner.cli.shards import chosen_shard
from scanner.cli.temporary import settle, temporary_folder
from scanner.config import Config
from scanner.engine import AccountPlan, EngineOutcome, OrganizationPlan, Shard, scan_accounts
from scanner.errors import ReportError, UsageError
from scanner.journal import Journal, RunRecord, file_name
from scanner.model import ScanResult

FailOn = Literal["fail", "unknown", "never"]


@dataclass(frozen=True, slots=True)
class _Scan:
    """What one run of the command is to do."""

    config: Config
    selection: tuple[str, ...]
    shard: Shard
    output: Output
    formats: tuple[str, ...]
    fail_on: FailOn

    @property
    def journal_name(self) -> str:
        """The name of the journal's file."""
        return file_name(self.shard.number, self.shard.count)

    def accounts(self) -> list[AccountPlan]:
        """Plan the accounts, in the order of the configuration."""
        return [
            AccountPlan(one.name, load(one.provider), one.options)
            for one in self.config.accounts
            if not self.selection or one.name in self.selection
        ]

    def organizations(self) -> list[OrganizationPlan]:
        """Plan the organisations."""
        return [
            OrganizationPlan(one.name, organization_provider(one.provider), one.options)
            for one in self.config.organizations
            if not self.selection or one.name in self.selection
        ]


def run(arguments: argparse.Namespace) -> int:
    """Scan and report; what is wrong with the configuration or the destination shows before anything is scanned."""
    settle()
    scan = _asked_for(arguments)
    with contextlib.ExitStack() as folders, asyncio.Runner() as runner:
        path = _journal_path(arguments, scan, folders)
        journal = Journal.begin(path, _run_record(scan), resume=arguments.resume)
        try:
            with display() as progress:
                if journal.replaced:
                    progress.started_anew(str(path), journal.replaced)
                elif journal.is_resumed:
                    progress.resumed(str(path), journal.finished)
                _announce(scan, journal)
                outcome = runner.run(_scan(scan, journal, progress))
            code = _report(scan, journal, outcome, progress)
        except ReportError as error:
            complain(error)
            code = ExitCode.NOT_WRITTEN
        else:
            if outcome.interrupted:
                # Within the runner: closing it waits for every call that hangs, and nobody who stops a scan does.
                folders.close()
                _leave_at_once(code)
        finally:
            journal.close()
    return code


def _asked_for(arguments: argparse.Namespace) -> _Scan:
    """Read the configuration and the command line, and look whether reports can be written."""
    config = read(arguments.config)
    scan = _Scan(
        config=config,
        selection=_selection(config, arguments.account),
        shard=chosen_shard(arguments.shard),
        output=Output(arguments.output or config.output.directory),
        formats=tuple(config.output.formats if arguments.format is None else chosen_formats(arguments.format)),
        fail_on=cast("FailOn", arguments.fail_on or config.output.fail_on),
    )
    if scan.shard.count > 1 and scan.output.is_stdout:
        hint = "name a directory or an object store that all shards share"
        raise UsageError("a shard's partial report cannot go to standard output", where="--output -", hint=hint)
    scan.output.check(scan.formats)
    return scan


def _journal_path(arguments: argparse.Namespace, scan: _Scan, folders: contextlib.ExitStack) -> Path:
    """Say where the journal is: where it is asked for, beside the reports, or where nothing outlives the process."""
    beside = scan.output.directory
    if arguments.journal:
        named: Path = arguments.journal
        _refuse_what_is_needed(named, arguments, scan)
        return named
    if beside:
        return beside / scan.journal_name
    if arguments.resume and scan.output.is_stdout:
        raise UsageError("there is no journal to go on with", where="--resume", hint="name it with --journal")
    path = folders.enter_context(temporary_folder()) / scan.journal_name
    if arguments.resume and scan.output.bucket:
        scan.output.bucket.get(scan.journal_name, path)
    return path


def _refuse_what_is_needed(path: Path, arguments: argparse.Namespace, scan: _Scan) -> None:
    """Refuse a journal in the place of the configuration or of a report; it is removed at the end."""
    reports = [(one, "a report") for one in scan.output.files(scan.formats)]
    for other, what in ((arguments.config, "the configuration"), *reports):
        if path.resolve() == other.resolve():
            raise UsageError(f"{path} is {what}", where="--journal", hint="name a file of its own")


def _announce(scan: _Scan, journal: Journal) -> None:
    """Put the journal where the partial report will be, in the place of an older one.

    Were this process killed, a merge would take that for its own.
    """
    if scan.shard.count > 1:
        scan.output.keep(journal.path, scan.journal_name)


def _run_record(scan: _Scan) -> RunRecord:
    """Say what is scanned, for the journal's first line."""
    return RunRecord(
        tool_version=__version__,
        config_digest=scan.config.digest,
        started=datetime.now(UTC),
        scan=scan.config.scan,
        rule=scan.config.rule,
        selection=scan.selection,
        shard=scan.shard.number,
        shards=scan.shard.count,
    )


def _report(scan: _Scan, journal: Journal, outcome: EngineOutcome, progress: ProgressDisplay) -> ExitCode:
    """Write the reports, or the partial one, and the summary, and give the exit code."""
    finished = datetime.now(UTC)
    journal.ended(finished, outcome.interrupted)
    result = ScanResult(
        tool_version=__version__,
        started=journal.run.started,
        finished=finished,
        rule=scan.config.rule,
        config_digest=scan.config.digest,
        accounts=outcome.accounts,
        interrupted=outcome.interrupted,
    )
    code = exit_code(result, scan.fail_on)
    written: list[str] = []
    try:
        written = _written(scan, journal, result)
    except ReportError as error:
        complain(error)
        code = ExitCode.NOT_WRITTEN
    progress.summary(result, written, code)
    return code


def _written(scan: _Scan, journal: Journal, result: ScanResult) -> list[str]:
    """Write what the scan is to leave; the journal of a whole scan goes when all of it is in the reports."""
    if scan.shard.count > 1:
        return [scan.output.keep(journal.path, scan.journal_name)]
    written = scan.output.write_reports(result, scan.formats)
    if not result.interrupted:
        if scan.output.bucket:
            scan.output.bucket.clear(scan.journal_name)  # that of an earlier run is not to be gone on with
        journal.remove()
    elif scan.output.bucket:
        written.append(scan.output.keep(journal.path, scan.journal_name))
    return written


def _selection(config: Config, names: Sequence[str] | None) -> tuple[str, ...]:
    """Check the accounts and organisations that ``--account`` names."""
    known = {one.name for one in config.accounts} | {one.name for one in config.organizations}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        hint = f"the configuration has {', '.join(sorted(known))}"
        raise UsageError(f"there is no account {', '.join(map(repr, unknown))}", where="--account", hint=hint)
    return tuple(sorted(set(names or ())))


async def _scan(scan: _Scan, journal: Journal, progress: ProgressDisplay) -> EngineOutcome:
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
    return await scan_accounts(
        [*scan.accounts(), *scan.organizations()],
        scan.config.scan,
        scan.config.rule,
        started=journal.run.started,
        progress=progress,
        stop=stop,
        spool=journal,
        shard=scan.shard,
    )


def _leave_at_once(code: int) -> None:
    """End the process without waiting for the calls that are still in flight in the pool's threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
