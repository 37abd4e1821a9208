"""An emulated Azure on loopback: Resource Manager, Resource Graph, Entra ID and Log Analytics over TLS.

Nothing of the product knows about it: credentials and CA come from the environment, endpoints from the configuration.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import trustme
from aiohttp import web

from tests.emulators.azure.arm import Manager
from tests.emulators.azure.identity import SECRET, Issuer
from tests.emulators.azure.state import APPLICATION, TENANT, Azure, Fault, Role

__all__ = ["APPLICATION", "TENANT", "Azure", "AzureEmulator", "Fault", "Role", "running"]


@dataclass
class AzureEmulator:
    """A running emulator.

    Attributes:
        azure: Its state, to be changed at any time.
        issuer: Who may have tokens.
        endpoint: Host and port of all services.
        metadata: Where the metadata service of a machine with a managed identity listens, without TLS.
        handshakes: How many TLS handshakes there were.
    """

    azure: Azure
    issuer: Issuer
    folder: Path
    endpoint: str = ""
    metadata: str = ""
    handshakes: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def endpoints(self) -> dict[str, str]:
        """The table ``endpoints`` of an account's configuration."""
        return dict.fromkeys(("resource_manager", "authority", "log_analytics"), self.endpoint)

    def file(self, name: str, content: str | bytes) -> str:
        """Write a file that credentials are read from; gives its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


@contextmanager
def running() -> Iterator[AzureEmulator]:
    """Run an emulator for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        emulator = AzureEmulator(Azure(), Issuer(), Path(name))
        ca, server = _certificates()
        emulator.environment = {
            "SSL_CERT_FILE": emulator.file("ca.pem", ca),
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": APPLICATION,
            "AZURE_CLIENT_SECRET": SECRET,
        }
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(emulator.file("server.pem", server))

        def count(_socket: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            emulator.handshakes += 1

        context.sni_callback = count
        ready, stop = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(emulator, context, ready, stop)))
        thread.start()
        ready.wait()
        try:
            yield emulator
        finally:
            stop.set()
            thread.join()


async def _serve(
    emulator: AzureEmulator, context: ssl.SSLContext, ready: threading.Event, stop: threading.Event
) -> None:
    """Serve until it is told to stop."""
    manager = Manager(emulator.azure, emulator.issuer)
    application, metadata = web.Application(), web.Application()
    application.router.add_post("/{tenant}/oauth2/v2.0/token", manager.token)
    application.router.add_route("*", "/{path:.*}", manager.answer)
    metadata.router.add_get("/metadata/identity/oauth2/token", emulator.issuer.metadata)
    runners = [web.AppRunner(one, access_log=None, shutdown_timeout=0.1) for one in (application, metadata)]
    for runner in runners:
        await runner.setup()
    await web.TCPSite(runners[0], "127.0.0.1", 0, ssl_context=context).start()
    await web.TCPSite(runners[1], "127.0.0.1", 0).start()
    emulator.endpoint, emulator.metadata = (f"127.0.0.1:{runner.addresses[0][1]}" for runner in runners)
    ready.set()
    await asyncio.to_thread(stop.wait)
    for runner in runners:
        await runner.cleanup()


@cache
def _certificates() -> tuple[bytes, bytes]:
    """Give a CA, and a server's key with its certificates, made once for each process."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    return authority.cert_pem.bytes(), issued.private_key_and_cert_chain_pem.bytes()
