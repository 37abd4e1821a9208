"""An emulated Google Cloud on loopback: gRPC and REST over TLS, with tokens that are checked.

The services are built from the packages' own messages, so that the official clients speak to it as they do to Google.
Nothing of the product knows about it: credentials, CA and endpoints come from the environment and the configuration.
"""

from __future__ import annotations

import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import grpc
import trustme

from tests.emulators.gcp.auth import EMAIL, IMPERSONATED, Tokens, credentials_file
from tests.emulators.gcp.rest import serving
from tests.emulators.gcp.services import Servicer
from tests.emulators.gcp.state import DEFAULT_FILTER, Cloud

__all__ = ["DEFAULT_FILTER", "EMAIL", "IMPERSONATED", "Cloud", "GcpEmulator", "running"]


@dataclass
class GcpEmulator:
    """A running emulator.

    Attributes:
        cloud: Its state, to be changed at any time.
        environment: What leads Google's libraries to it; with `endpoints` in the configuration.
    """

    cloud: Cloud
    tokens: Tokens
    folder: Path
    grpc_endpoint: str
    rest_endpoint: str
    metadata_host: str
    relay: _Relay
    environment: dict[str, str] = field(default_factory=dict)
    more: list[_Relay] = field(default_factory=list)

    @property
    def connections(self) -> int:
        """How many gRPC connections were made so far."""
        return self.relay.connections

    @property
    def endpoints(self) -> dict[str, str]:
        """The table ``endpoints`` of an account's configuration."""
        grpc_names = ("container", "logging", "resource_manager")
        return dict.fromkeys(grpc_names, self.grpc_endpoint) | dict.fromkeys(
            ("logging_rest", "iam_credentials", "asset"), self.rest_endpoint
        )

    def own_endpoint(self) -> str:
        """Give one more address of the gRPC server: whoever goes there shares no connection with others.

        gRPC shares one among all channels of a process that lead to the same address.
        """
        self.more.append(_Relay(self.relay.target, self.relay.clients))
        return f"127.0.0.1:{self.more[-1].port}"

    def reset(self) -> None:
        """Forget everything: an empty cloud without faults, tokens and calls."""
        self.cloud.__init__()  # type: ignore[misc]
        self.tokens.__init__()  # type: ignore[misc]

    def credentials(self, kind: str, whose: str = "") -> str:
        """Write the credentials of one kind, and give the file; of somebody's own they ask for tokens by that name."""
        return str(credentials_file(kind, self.folder, f"https://{self.rest_endpoint}", whose))


@contextmanager
def running(threads: int = 16) -> Iterator[GcpEmulator]:
    """Run an emulator for as long as the block lasts."""
    cloud, tokens = Cloud(), Tokens()
    ca, key, chain = _certificates()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ca.pem").write_bytes(ca)
        (folder / "server.pem").write_bytes(key + chain)
        context.load_cert_chain(folder / "server.pem")
        relay = _Relay()
        server = grpc.server(ThreadPoolExecutor(threads), options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(tuple(Servicer(cloud, tokens, relay.drop).handlers()))
        credentials = grpc.ssl_server_credentials([(key, chain)])
        relay.target = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        with serving(cloud, tokens, context) as rest, serving(cloud, tokens, None) as metadata:
            emulator = GcpEmulator(
                cloud, tokens, folder, f"127.0.0.1:{relay.port}", f"127.0.0.1:{rest}", f"127.0.0.1:{metadata}", relay
            )
            emulator.environment = {
                "GOOGLE_APPLICATION_CREDENTIALS": emulator.credentials("service_account"),
                "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(folder / "ca.pem"),
                "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
                "NO_GCE_CHECK": "true",
                # Whatever the endpoints, the library asks Google's own host for the regions that it may use, in the
                # background: a proxy that is not there keeps that from leaving this machine.
                "HTTPS_PROXY": "http://127.0.0.1:9",
                "NO_PROXY": "127.0.0.1,localhost",
            }
            try:
                yield emulator
            finally:
                for one in (relay, *emulator.more):
                    one.close()
                server.stop(None).wait()


@cache
def _certificates() -> tuple[bytes, bytes, bytes]:
    """Give a CA, a server's key and its certificates, made once for each process; gRPC keeps the CA it saw first."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return authority.cert_pem.bytes(), issued.private_key_pem.bytes(), chain


class _Relay:
    """Passes bytes on to the gRPC server, so that a connection can be cut while a call is under way."""

    def __init__(self, target: int = 0, clients: dict[int, socket.socket] | None = None) -> None:
        """Listen; `clients` are by the ports that the server knows their connections by."""
        self.target = target
        self.connections = 0
        self._open: list[socket.socket] = []
        self.clients: dict[int, socket.socket] = {} if clients is None else clients
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self, port: int) -> None:
        """Reset the connection that the server knows by this port, if no other call did so already."""
        client = self.clients.pop(port, None)
        if client is not None:
            _reset(client)

    def close(self) -> None:
        """Stop listening, and close what is open."""
        self._listener.close()
        for one in self._open:
            _reset(one)

    def _accept(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            self.clients[server.getsockname()[1]] = client
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _reset(one: socket.socket) -> None:
    """Reset a connection."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Pass bytes on until one side is closed."""
    try:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
    finally:
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
