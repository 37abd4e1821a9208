"""Proxies: which one an address goes through, and how it fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from yarl import URL

from providers.self_managed.live.client import Resource, connected
from providers.self_managed.live.kubeconfig import Kubeconfig, load_access
from providers.self_managed.web import Web, proxy_for
from scanner.errors import Malformed, TimedOut, Unreachable
from scanner.model import ScanSettings
from tests.emulators.files import Proxy, proxying
from tests.emulators.kubernetes import KubernetesEmulator, running

VERSION = Resource("/version")
AUTHORITY = trustme.CA()
ONCE = ScanSettings(retries=0, call_timeout=30, connect_timeout=30)
NAMES = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HTTP_PROXY")


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://api.example/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://api.example/", "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:3128"}, "https://api.example/", "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "https://api.example/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://localhost:6443/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://127.0.0.1:6443/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://[::1]:6443/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "https://api.example/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".example"}, "https://api.example/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other"}, "https://api.example/", "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "x/y,10.0.0.0/8"}, "https://10.1.2.3/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "10.0.0.0/8"}, "https://11.1.2.3/", "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "fd00::/8"}, "https://[fd00::1]/", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "10.0.0.0/8"}, "https://api.example/", "http://proxy:3128"),
    ],
)
def test_proxies_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(URL(url)) == proxy


@pytest.fixture
def cluster() -> Iterator[KubernetesEmulator]:
    with running() as emulator:
        emulator.accept_token("t", "auditor")
        yield emulator


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxying() as one:
        yield one


async def version(cluster: KubernetesEmulator, tmp_path: Path, proxy_url: str) -> str:
    """Ask for the version through a proxy."""
    cluster.write_kubeconfig(tmp_path / "kubeconfig", {"token": "t"}, **{"proxy-url": proxy_url})
    access = await asyncio.to_thread(load_access, Kubeconfig("kubeconfig", "", tmp_path), {})
    async with connected(access, ONCE) as client:
        told: str = (await client.get(VERSION))["gitVersion"]
        return told


async def test_the_proxy_of_a_kubeconfig_is_used(cluster: KubernetesEmulator, proxy: Proxy, tmp_path: Path) -> None:
    """TLS goes through it to the API server itself: the proxy sees no token."""
    proxy.credentials = "me:s3cr3t"
    assert await version(cluster, tmp_path, f"http://me:s3cr3t@127.0.0.1:{proxy.port}") == "v1.34.2"
    assert proxy.asked == [cluster.url.removeprefix("https://")]


async def test_a_proxy_that_refuses_is_named(cluster: KubernetesEmulator, proxy: Proxy, tmp_path: Path) -> None:
    proxy.credentials = "me:s3cr3t"
    with pytest.raises(Unreachable, match=r"the proxy 127\.0\.0\.1 answers with HTTP 407") as caught:
        await version(cluster, tmp_path, f"http://me:wr0ng@127.0.0.1:{proxy.port}")
    assert "wr0ng" not in f"{caught.value}"
    assert cluster.requests == []


async def test_a_proxy_that_is_not_there_is_named(cluster: KubernetesEmulator, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"cannot connect to the proxy 127\.0\.0\.1") as caught:
        await version(cluster, tmp_path, "http://me:s3cr3t@127.0.0.1:1")
    assert "s3cr3t" not in f"{caught.value}"


@asynccontextmanager
async def speaking(words: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server that says some words to whoever connects, then keeps silent."""
    done = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.extend([task] if task is not None else [])
        writer.write(words)
        await done.wait()
        writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        done.set()
        await asyncio.gather(*tasks)
        for _ in range(3):  # the sockets are closed by callbacks
            await asyncio.sleep(0)


async def asked(port: int, scan: ScanSettings = ONCE) -> None:
    """Ask a port, trusting the authority of `AUTHORITY`."""
    tls = ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())
    async with Web(tls, scan) as web:
        await web.get(f"https://127.0.0.1:{port}/x", where="here", most=1000)


async def test_a_server_that_speaks_no_tls_is_told() -> None:
    async with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        with pytest.raises(Unreachable, match=rf"no TLS connection to 127\.0\.0\.1:{port}: ") as caught:
            await asked(port)
    assert "certificate authority" in caught.value.hint


async def test_a_server_that_speaks_no_http_is_told() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(tls)
    async with speaking(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", tls) as port:
        with pytest.raises(Malformed, match="does not answer in valid HTTP"):
            await asked(port)


async def test_a_server_that_never_shakes_hands_is_not_waited_for() -> None:
    async with speaking(b"") as port:
        with pytest.raises(TimedOut, match=r"no connection to 127\.0\.0\.1:\d+ in time") as caught:
            await asked(port, ScanSettings(retries=0, connect_timeout=0.3))
    assert "scan.connect_timeout (0.3 s)" in caught.value.hint


async def test_a_name_that_is_none_is_told(cluster: KubernetesEmulator, tmp_path: Path) -> None:
    cluster.write_kubeconfig(tmp_path / "kubeconfig", {"token": "t"}, server="https://no-such-host.invalid:6443")
    access = await asyncio.to_thread(load_access, Kubeconfig("kubeconfig", "", tmp_path), {})
    async with connected(access, ONCE) as client:
        with pytest.raises(Unreachable, match=r"the name no-such-host\.invalid cannot be resolved"):
            await client.get(VERSION)
