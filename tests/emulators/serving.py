"""A server of aiohttp in a thread of its own, for emulators that the test's own event loop must not hold up."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@contextmanager
def serving(handler: Handler, tls: ssl.SSLContext) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1, and give the port."""
    server = _Server(handler, tls)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    server.ready.wait()
    try:
        yield server.port
    finally:
        server.stop()
        thread.join()


class _Server:
    """The event loop of a server; ending it cancels what still waits, such as a stall."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext) -> None:
        self.ready = threading.Event()
        self.port = 0
        self._handler = handler
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def serve(self) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        runner = web.ServerRunner(web.Server(self._handler, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.port = runner.addresses[0][1]
        self.ready.set()
        await self._stopping.wait()
        await runner.cleanup()

    def stop(self) -> None:
        """Stop it, from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
