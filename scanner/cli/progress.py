"""How a scan goes, on standard error: a live display on a terminal, JSON log lines without one."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import IO, Protocol

from scanner.cli.estimate import Estimate
from scanner.engine import Progress
from scanner.model import AccountResult, ClusterResult, ScanResult, Status
from scanner.model.summary import verdict


class ProgressDisplay(Progress, Protocol):
    """What a scan tells its user, beyond what the engine tells."""

    def stopping(self, signal_name: str) -> None:
        """Say that the scan is being stopped."""
        ...

    def resumed(self, journal: str, finished: int) -> None:
        """Say that an earlier scan is gone on with, in which so many accounts were finished."""
        ...

    def started_anew(self, journal: str, was: str) -> None:
        """Say that what is in the journal's place is replaced and not gone on with; `was` says what that is."""
        ...

    def summary(self, result: ScanResult, written: Sequence[str], code: int) -> None:
        """Sum the scan up; `written` are the reports' paths or URLs, `code` is the exit code."""
        ...


@contextlib.contextmanager
def display(stream: IO[str] | None = None) -> Iterator[ProgressDisplay]:
    """Choose the display for where standard error goes; the live one needs the extra ``progress``."""
    target = stream or sys.stderr
    if target.isatty():
        with contextlib.suppress(ImportError):
            from scanner.cli.live import live_display  # noqa: PLC0415 - rich is loaded on a terminal only

            with live_display(target) as live:
                yield live
            return
    yield LogLines(target)


class LogLines:
    """One JSON object a line, for a container's log; every line has ``time``, ``level`` and ``event``."""

    def __init__(self, stream: IO[str]) -> None:
        """Write to `stream`."""
        self._estimate = Estimate()
        self._stream = stream
        self._lock = threading.Lock()

    def accounts_known(self, number: int, *, all_of_them: bool) -> None:
        """Count towards so many accounts; each that is done says how many there are."""
        self._estimate.accounts_known(number, all_of_them=all_of_them)

    def account_started(self, account: str) -> None:
        """Log that an account is being read."""
        self._estimate.account_started(account)
        self._log("info", "account_started", account=account)

    def waiting(self, account: str, what: str) -> None:
        """Log nothing: a log keeps what happened, not what is awaited."""

    def cluster_found(self, account: str, cluster: ClusterResult) -> None:
        """Log a cluster's verdict."""
        level = "info" if cluster.status in {Status.PASS, Status.SKIP} else "warning"
        ref = cluster.ref
        self._log(
            level,
            "cluster",
            account=account,
            cluster=ref.name,
            location=ref.location,
            status=cluster.status.value,
            message=cluster.message,
        )

    def account_finished(self, result: AccountResult) -> None:
        """Log what was read of an account, and each thing that was not."""
        self._estimate.account_done(result.name)
        left = self._estimate.seconds_left()
        for failure in result.failures:
            self._log(
                "error",
                "not_read",
                account=result.name,
                scope=failure.scope,
                operation=failure.operation,
                reason=failure.reason,
                permission=failure.permission,
                hint=failure.hint,
            )
        self._log(
            "info",
            "account_finished",
            account=result.name,
            completeness=result.completeness.value,
            status=result.status.value,
            clusters=len(result.clusters),
            seconds=round(result.seconds, 3),
            done=self._estimate.done,
            of=self._estimate.known,
            seconds_left="" if left is None else round(left),
        )

    def bug(self, account: str, trace: str) -> None:
        """Log the traceback of a mistake of ours."""
        self._log("critical", "bug", account=account, traceback=trace)

    def stopping(self, signal_name: str) -> None:
        """Log that the scan is being stopped."""
        self._log("warning", "stopping", signal=signal_name)

    def resumed(self, journal: str, finished: int) -> None:
        """Log that an earlier scan is gone on with."""
        self._log("info", "resumed", journal=journal, accounts_finished=finished)

    def started_anew(self, journal: str, was: str) -> None:
        """Log that what an earlier scan left is not gone on with."""
        self._log("warning", "journal_replaced", journal=journal, was=was)

    def summary(self, result: ScanResult, written: Sequence[str], code: int) -> None:
        """Log the end of the scan."""
        counts = result.summary
        self._log(
            "info",
            "scan_finished",
            message=verdict(counts, result.interrupted),
            status=result.status.value,
            clusters={status.value: number for status, number in counts.clusters.items()},
            accounts={state.value: number for state, number in counts.completeness.items()},
            interrupted=result.interrupted,
            seconds=round((result.finished - result.started).total_seconds(), 3),
            reports=list(written),
            exit_code=int(code),
        )

    def _log(self, level: str, event: str, **fields: object) -> None:
        """Write one line; fields that say nothing are left out."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": level, "event": event, **fields}
        text = json.dumps({key: value for key, value in line.items() if value != ""}, ensure_ascii=False)
        with self._lock:
            print(text, file=self._stream, flush=True)
