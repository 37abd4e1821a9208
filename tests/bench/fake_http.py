"""The HTTP connection that the benchmarks' fast fakes share: only what a benchmark needs, so that it costs little."""

from __future__ import annotations

import asyncio
import http
import json
import resource
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Final

LATENCY: Final = 0.040
"""Seconds before an answer is sent."""

Answer = Callable[[str, dict[str, str], bytes], bytes]
"""Answers a request line, lower-case headers and a body."""


class Connection(asyncio.Protocol):
    """One kept-alive connection: reads requests, answers each after the latency."""

    def __init__(self, answer: Answer, latency: float) -> None:
        """Take what answers, and the seconds before it is sent."""
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


def answered(body: str, status: int = 200, error: str = "") -> bytes:
    """Put a body into an answer of AWS; `error` names one, as its JSON services do in a header."""
    content = body.encode()
    kind = "text/xml" if body.startswith("<") else "application/json"
    named = f"x-amzn-ErrorType: {error}\r\n" if error else ""
    phrase = http.HTTPStatus(status).phrase
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\n{named}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def serve(answer: Answer, folder: str | None = None, calls: Mapping[str, int] | None = None) -> None:
    """Print the port, and serve until standard input ends; then print the CPU seconds that it took, and the `calls`.

    With a `folder` over HTTPS, with the certificate in it.
    """
    loop = asyncio.get_running_loop()
    context = None
    if folder is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/server.pem")
    server = await loop.create_server(lambda: Connection(answer, LATENCY), "127.0.0.1", 0, backlog=512, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(json.dumps({"cpu": usage.ru_utime + usage.ru_stime, "calls": calls or {}}) + "\n")
