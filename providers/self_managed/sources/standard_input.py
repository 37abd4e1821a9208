"""Standard input, read without being held up by a terminal or a pipe that stays silent."""

from __future__ import annotations

import os
import select
import sys
from typing import Final

from scanner.errors import Malformed, TimedOut

SHOWN_INPUT: Final = "standard input"


def read_input(most: int, timeout: float) -> bytes:
    """Read standard input to its end; blocking, but never longer than `timeout` seconds without anything new.

    Raises:
        Malformed: It is a terminal, or more than `most` bytes come.
        TimedOut: Nothing comes.
    """
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        hint = "pipe a file into the command, or name it under paths"
        raise Malformed("is a terminal or closed", where=SHOWN_INPUT, hint=hint)
    descriptor = sys.stdin.fileno()
    data = bytearray()
    while True:
        ready, _, _ = select.select([descriptor], [], [], timeout)
        if not ready:
            hint = f"is the other side of the pipe still running? (scan.call_timeout is {timeout:g} s)"
            raise TimedOut("gave nothing more in time", where=SHOWN_INPUT, hint=hint)
        part = os.read(descriptor, 65536)
        if not part:
            return bytes(data)
        data += part
        if len(data) > most:
            raise Malformed(f"holds more than {most // 2**20} MiB", where=SHOWN_INPUT)
