"""Connections, TLS, proxies and credentials: what all accounts of a run share, over the real wire."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from yarl import URL

from providers.eks import EksProvider
from scanner.model import FailureKind
from tests.emulators.aws import HOME_ACCOUNT, AwsEmulator, Group, faults, role_arn
from tests.unit.providers.eks.conftest import ACCOUNT, NOW, REGION, Collect

OTHER = "444455556666"


class CountedTls(ssl.SSLContext):
    """A server's TLS context that counts the handshakes."""

    handshakes = 0

    def wrap_bio(self, *args: object, **kwargs: object) -> ssl.SSLObject:
        self.handshakes += 1
        return super().wrap_bio(*args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def tls(tmp_path: Path) -> CountedTls:
    """Give a server's context, and write its CA to ca.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = CountedTls(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
async def https(aws: AwsEmulator, tls: CountedTls, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AwsEmulator]:
    """Lead the provider to the emulator over HTTPS, on connections that are kept as AWS keeps them."""
    for account in (ACCOUNT, OTHER):
        aws.add_regions(account, REGION)
        for number in range(8):
            group = Group(streams={"audit": NOW})
            aws.add_cluster(account, REGION, f"c{number}", enabled=("audit",), group=group)

    async def forward(request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")}
        url = f"{aws.url}{request.raw_path}"
        async with client.request(
            request.method, URL(url, encoded=True), headers=headers, data=await request.read()
        ) as found:
            return web.Response(
                status=found.status, body=await found.read(), headers={"Content-Type": found.headers["Content-Type"]}
            )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    async with aiohttp.ClientSession() as client:
        yield aws
    await runner.cleanup()


async def test_accounts_share_connections_and_one_tls_context(
    https: AwsEmulator, tls: CountedTls, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both accounts together make 58 calls, with at most four connections."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    loaded: list[object] = []
    load = ssl.SSLContext.load_verify_locations

    def counted(self: ssl.SSLContext, *args: object, **kwargs: object) -> None:
        loaded.append(args or kwargs)
        load(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    provider = EksProvider()
    both = await asyncio.gather(
        *(collect(provider, role_arn=role_arn(one), scan={"max_calls": 4}) for one in (ACCOUNT, OTHER))
    )
    assert [len(got.clusters) for got in both] == [8, 8]
    assert len(https.calls) == 2 * (3 + 2 + 8 * 3)
    assert 1 <= tls.handshakes <= 4
    assert len(loaded) == 1


async def test_a_certificate_that_is_not_trusted_is_told(https: AwsEmulator, collect: Collect) -> None:
    [failed] = (await collect(EksProvider())).failures
    assert (failed.kind, failed.whole_account) == (FailureKind.UNREACHABLE, True)
    assert "SSL validation failed for https://127.0.0.1" in failed.reason
    assert "CERTIFICATE_VERIFY_FAILED" in failed.reason
    assert https.calls == []


async def test_requests_ca_bundle_counts_where_aws_ca_bundle_is_not_set(
    https: AwsEmulator, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    got = await collect(EksProvider())
    assert got.failures == []
    assert len(got.clusters) == 8
    assert https.calls


async def test_a_ca_bundle_that_is_not_there_is_told(
    aws: AwsEmulator, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    [failed] = (await collect(EksProvider())).failures
    assert failed.kind is FailureKind.CREDENTIALS
    assert f"the CA bundle {tmp_path / 'none.pem'} cannot be used: No such file or directory" in failed.reason
    assert aws.calls == []


async def test_the_environments_proxy_is_used_and_netrc_is_not(
    aws: AwsEmulator, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy gets the whole URL and a signature, not a password of netrc in its place; NO_PROXY leads past it."""
    aws.add_cluster(ACCOUNT, REGION, "prod")
    netrc = tmp_path / "netrc"
    netrc.write_text("default login nobody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with a_server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as (port, requests):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        [failed] = (await collect(EksProvider())).failures
        assert failed.kind is FailureKind.UNREACHABLE
        assert "proxy, which answers HTTP 407" in failed.reason
        assert requests[0].startswith(b"POST http://127.0.0.1:")
        assert b"Authorization: AWS4-HMAC-SHA256" in requests[0]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert set((await collect(EksProvider())).clusters) == {"prod"}


async def test_a_proxy_that_is_not_there_is_told_without_its_password(
    aws: AwsEmulator, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://scanner:hunter2@127.0.0.1:1")
    [failed] = (await collect(EksProvider())).failures
    assert failed.kind is FailureKind.UNREACHABLE
    assert "Failed to connect to proxy URL" in failed.reason
    assert "hunter2" not in repr(failed)
    assert aws.calls == []


async def test_a_body_that_drips_is_cut_off(
    collect: Collect, monkeypatch: pytest.MonkeyPatch, aws: AwsEmulator
) -> None:
    """Each byte comes within call_timeout, and the answer as a whole never does."""
    aws.add_cluster(ACCOUNT, REGION, "prod")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    with a_server(head, drip=0.05) as (port, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", f"http://127.0.0.1:{port}")
        got = await collect(EksProvider(), scan={"call_timeout": 0.3, "connect_timeout": 0.3})
    [failed] = got.failures
    assert (failed.kind, failed.operation) == (FailureKind.TIMEOUT, "eks:ListClusters")


async def test_one_role_is_assumed_once_for_all_accounts_that_name_it(aws: AwsEmulator, collect: Collect) -> None:
    aws.add_regions(ACCOUNT, REGION, "us-west-2")
    provider = EksProvider()
    await asyncio.gather(*(collect(provider) for _ in range(3)))
    assert len(aws.called("sts:AssumeRole")) == 1
    assert len(aws.called("sts:GetCallerIdentity")) == 3


async def test_another_external_id_is_another_session(aws: AwsEmulator, collect: Collect) -> None:
    provider = EksProvider()
    await asyncio.gather(*(collect(provider, external_id=one) for one in ("tenant-1", "tenant-2")))
    assert sorted(str(call.parameters["ExternalId"]) for call in aws.called("sts:AssumeRole")) == [
        "tenant-1",
        "tenant-2",
    ]


async def test_a_source_that_hands_out_short_lived_credentials_is_asked_again(
    aws: AwsEmulator, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials of a process that expire within minutes are fetched for each call, in a thread, and never reused."""
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    answer = {
        "Version": 1,
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "Expiration": soon,
    }
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    count = tmp_path / "count"
    script = tmp_path / "credentials.sh"
    script.write_text(f"#!/bin/sh\necho >> {count}\ncat {tmp_path / 'answer.json'}\n")
    script.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[profile short]\ncredential_process = {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    aws.add_regions(HOME_ACCOUNT, REGION)
    aws.add_cluster(HOME_ACCOUNT, REGION, "home")
    got = await collect(EksProvider(), role_arn=None, profile="short")
    assert set(got.clusters) == {"home"}
    assert len(count.read_text().splitlines()) > 1


async def test_a_service_that_answers_late_is_tried_again_and_its_attempts_are_counted(
    aws: AwsEmulator, collect: Collect
) -> None:
    aws.add_cluster(ACCOUNT, REGION, "prod")
    aws.inject(faults.server_error(), "eks:ListClusters", times=1)
    assert set((await collect(scan={"retries": 1})).clusters) == {"prod"}
    aws.inject(faults.server_error(), "eks:ListClusters")
    [failed] = (await collect(scan={"retries": 1})).failures
    assert failed.reason == "eks:ListClusters still answered HTTP 500 after 2 attempts"


@contextmanager
def a_server(head: bytes, *, drip: float = 0.0) -> Iterator[tuple[int, list[bytes]]]:
    """Answer every request on a port with `head`, followed by a byte every `drip` seconds; keep what was asked."""
    requests: list[bytes] = []
    stopped = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            requests.append(connection.recv(65536))
            try:
                connection.sendall(head)
                while drip and not stopped.wait(drip):
                    connection.sendall(b" ")
            except OSError:
                return

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
