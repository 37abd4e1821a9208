"""The HTTP connection that the benchmarks' fast fakes share: only what a benchmark needs, so that it costs little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Connection(asyncio.Protocol):
    """One kept-alive connection: reads requests, answers each after the latency."""

    def __init__(self, answer: Callable[[str, dict[str, str], bytes], bytes], latency: float) -> None:
        """Take what answers a request line, lower-case headers and a body, and the seconds before it is sent."""
        self._answer = answer
        self._latency = latency
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take the requests that are complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            length = int(headers.get("content-length", "0"))
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            answer = self._answer(head.split("\r\n", 1)[0], headers, body)
            asyncio.get_running_loop().call_later(self._latency, self._send, answer)

    def _send(self, answer: bytes) -> None:
        """Send an answer, if there is still someone to send it to."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)
