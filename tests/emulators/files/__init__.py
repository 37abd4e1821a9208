"""A file server over TLS on loopback, and a proxy that leads to anything by CONNECT."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trustme
from aiohttp import web

from tests.emulators.kubernetes.faults import Answer, Fault
from tests.emulators.serving import serving


@dataclass
class FileServer:
    """Files by their path.

    Attributes:
        credentials: ``user:password`` that every request must have; empty where none is needed.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    credentials: str = ""
    url: str = ""
    requests: list[str] = field(default_factory=list)
    authority: trustme.CA = field(default_factory=trustme.CA)
    _faults: list[Fault] = field(default_factory=list)

    def inject(self, answer: Answer, path: str | None = None, *, times: int | None = None) -> None:
        """Let requests meet something else than the file."""
        self._faults.append(Fault(answer, path, None, times))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        self.requests.append(request.path_qs)
        for fault in self._faults:
            if fault.takes(request):
                return await fault.answer(request)
        wanted = f"Basic {base64.b64encode(self.credentials.encode()).decode()}"
        if self.credentials and request.headers.get("Authorization") != wanted:
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        body = self.files.get(request.path)
        return web.Response(status=404) if body is None else web.Response(body=body)


@contextmanager
def running() -> Iterator[FileServer]:
    """Run a file server without files."""
    server = FileServer()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(server.handle, context) as port:
        server.url = f"https://127.0.0.1:{port}"
        yield server


@dataclass
class Proxy:
    """What a proxy was asked for.

    Attributes:
        credentials: ``user:password`` that every request must have; empty where none is needed.
    """

    credentials: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect one client with what it asks for."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = head.split()[1]
            self.asked.append(target)
            wanted = f"Basic {base64.b64encode(self.credentials.encode()).decode()}"
            if self.credentials and wanted not in head:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            else:
                host, _, port = target.rpartition(":")
                onward = await asyncio.open_connection(host, int(port))
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_pipe(reader, onward[1]), _pipe(onward[0], writer))
            await writer.drain()
        writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def proxying() -> Iterator[Proxy]:
    """Run a proxy on a free port of 127.0.0.1, in a thread of its own."""
    proxy = Proxy()
    ready, stopping = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopping.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield proxy
    finally:
        loops[0].call_soon_threadsafe(stopping.set)
        thread.join()
