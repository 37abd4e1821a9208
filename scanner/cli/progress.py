"""How a scan goes, on standard error: a live display on a terminal, JSON log lines without one."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol

from scanner.engine import Progress
from scanner.model import AccountResult, ClusterResult, ScanResult, Status
from scanner.model.summary import verdict


class ProgressDisplay(Progress, Protocol):
    """What a scan tells its user, beyond what the engine tells."""

    def stopping(self, signal_name: str) -> None:
        """Say that the scan is being stopped."""
        ...

    def summary(self, result: ScanResult, written: Sequence[Path], code: int) -> None:
        """Sum the scan up; `written` are the report files, `code` is the exit code."""
        ...


@contextlib.contextmanager
def display(accounts: int, stream: IO[str] | None = None) -> Iterator[ProgressDisplay]:
    """Choose the display for where standard error goes; the live one needs the extra ``progress``."""
    target = stream or sys.stderr
    if target.isatty():
        with contextlib.suppress(ImportError):
            from scanner.cli.live import live_display  # noqa: PLC0415 - rich is loaded on a terminal only

            with live_display(accounts, target) as live:
                yield live
            return
    yield LogLines(accounts, target)


class LogLines:
    """One JSON object a line, for a container's log; every line has ``time``, ``level`` and ``event``."""

    def __init__(self, accounts: int, stream: IO[str]) -> None:
        """Count towards `accounts`, and write to `stream`."""
        self._accounts = accounts
        self._done = 0
        self._stream = stream
        self._lock = threading.Lock()

    def account_started(self, account: str) -> None:
        """Log that an account is being read."""
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
        self._done += 1
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
            done=self._done,
            of=self._accounts,
        )

    def bug(self, account: str, trace: str) -> None:
        """Log the traceback of a mistake of ours."""
        self._log("critical", "bug", account=account, traceback=trace)

    def stopping(self, signal_name: str) -> None:
        """Log that the scan is being stopped."""
        self._log("warning", "stopping", signal=signal_name)

    def summary(self, result: ScanResult, written: Sequence[Path], code: int) -> None:
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
            reports=[str(path) for path in written],
            exit_code=int(code),
        )

    def _log(self, level: str, event: str, **fields: object) -> None:
        """Write one line; fields that say nothing are left out."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": level, "event": event, **fields}
        text = json.dumps({key: value for key, value in line.items() if value != ""}, ensure_ascii=False)
        with self._lock:
            print(text, file=self._stream, flush=True)
