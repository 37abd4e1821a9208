"""Credentials of every kind, as azure-identity really asks for tokens with them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from providers.aks import AksProvider
from providers.aks.session import _claims, _named
from scanner.model import FailureKind
from tests.emulators.azure import APPLICATION, TENANT, AzureEmulator, Fault
from tests.unit.providers.aks.conftest import Collect


@pytest.fixture
def place(emulator: AzureEmulator) -> str:
    found = emulator.azure.subscription()
    emulator.azure.cluster(found, "prod")
    return found


def forget(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.delenv(f"AZURE_{name}", raising=False)


@pytest.mark.parametrize("kind", ["default", "environment"])
async def test_a_secret_in_the_environment(emulator: AzureEmulator, collect: Collect, place: str, kind: str) -> None:
    found = await collect(subscription=place, credential=kind)
    assert list(found.clusters) == ["prod"]
    assert emulator.issuer.flows == ["client secret"]


async def test_a_secret_in_a_file(
    emulator: AzureEmulator, collect: Collect, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch, "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
    file = emulator.file("secret", "correct-horse\n")
    found = await collect(
        subscription=place,
        credential="client_secret",
        client_secret_file=file,
        tenant_id=TENANT,
        client_id=APPLICATION,
    )
    assert list(found.clusters) == ["prod"]


async def test_a_certificate(emulator: AzureEmulator, collect: Collect, place: str) -> None:
    file = emulator.file("client.pem", emulator.issuer.certificate())
    found = await collect(subscription=place, credential="client_certificate", certificate_file=file)
    assert list(found.clusters) == ["prod"]
    assert emulator.issuer.flows == ["certificate"]


@pytest.mark.parametrize("kind", ["default", "workload_identity"])
async def test_workload_identity(
    emulator: AzureEmulator, collect: Collect, place: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    forget(monkeypatch, "CLIENT_SECRET", "CLIENT_ID")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", emulator.file("token", emulator.issuer.federated_token()))
    found = await collect(subscription=place, credential=kind, client_id=APPLICATION, tenant_id=TENANT)
    assert list(found.clusters) == ["prod"]
    assert emulator.issuer.flows == ["federated token"]


async def test_a_managed_identity(
    emulator: AzureEmulator, collect: Collect, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch, "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://{emulator.metadata}")
    found = await collect(subscription=place, credential="managed_identity", client_id=APPLICATION)
    assert list(found.clusters) == ["prod"]
    assert emulator.issuer.flows == ["managed identity"]


async def test_the_azure_cli(
    emulator: AzureEmulator, collect: Collect, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command itself is not at hand: a script answers as it does, with a token of the emulator's."""
    token = await _token(emulator)
    answer = {"accessToken": token, "expiresOn": "2099-01-01 00:00:00.000000", "tokenType": "Bearer"}
    command = tmp_path / "az"
    command.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = await collect(subscription=place, credential="cli", tenant_id=TENANT)
    assert list(found.clusters) == ["prod"]


async def _token(emulator: AzureEmulator) -> str:
    """Have the emulator give a token out."""
    answer = emulator.issuer._answer("https://management.azure.com")
    await asyncio.sleep(0)
    token: str = json.loads(answer.body)["access_token"]  # type: ignore[arg-type]
    return token


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [
        ("AzurePublic", "https://management.azure.com"),
        ("AzureUSGovernment", "https://management.core.usgovcloudapi.net"),
        ("AzureChina", "https://management.chinacloudapi.cn"),
    ],
)
async def test_a_token_is_for_the_cloud_whatever_the_endpoint(
    emulator: AzureEmulator, collect: Collect, place: str, cloud: str, audience: str
) -> None:
    found = await collect(subscription=place, cloud=cloud)
    assert list(found.clusters) == ["prod"]
    assert set(emulator.issuer.given.values()) == {audience}


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        ({}, {"CLIENT_SECRET": "wrong"}, "AADSTS7000215: Invalid client secret"),
        ({}, {"TENANT_ID": "00000000-0000-0000-0000-000000000000"}, "AADSTS90002: Tenant not found"),
        (
            {"credential": "environment"},
            {"CLIENT_SECRET": None},
            "no AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH",
        ),
        ({"credential": "workload_identity"}, {}, "AZURE_FEDERATED_TOKEN_FILE is not set"),
        ({"credential": "workload_identity"}, {"CLIENT_ID": None}, "the identity needs client_id (or AZURE_CLIENT_ID)"),
        (
            {"credential": "client_secret", "client_secret_file": "/nowhere/secret"},
            {},
            "client_secret_file /nowhere/secret cannot be read: No such file or directory",
        ),
        (
            {"credential": "client_secret", "client_secret_file": "/dev/null"},
            {},
            "client_secret_file /dev/null is empty",
        ),
        (
            {"credential": "client_certificate", "certificate_file": "/dev/null"},
            {},
            "certificate_file /dev/null cannot be used: ",
        ),
        (
            {"credential": "client_secret", "client_secret_file": "/nowhere/secret"},
            {"TENANT_ID": None},
            "the identity needs tenant_id (or AZURE_TENANT_ID)",
        ),
        (
            {"credential": "client_certificate", "certificate_file": "/nowhere/x.pem"},
            {},
            "x.pem cannot be used: No such",
        ),
        ({"credential": "cli"}, {"PATH": "/nowhere"}, "Azure CLI not found on path"),
    ],
)
async def test_credentials_of_no_use_fail_the_account_and_say_why(
    collect: Collect,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    environment: dict[str, str | None],
    words: str,
) -> None:
    for name, value in environment.items():
        variable = name if name == "PATH" else f"AZURE_{name}"
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)
    found = await collect(subscription=place, **options)
    [failure] = found.failures
    assert (failure.kind, failure.whole_account, failure.scope) == (FailureKind.CREDENTIALS, True, "account")
    assert words in failure.reason
    assert failure.hint


async def test_an_issuer_that_does_not_answer_is_no_wrong_credential(collect: Collect, place: str) -> None:
    endpoints = {"authority": "127.0.0.1:1", "resource_manager": "127.0.0.1:1"}
    [failure] = (await collect(subscription=place, endpoints=endpoints)).failures
    assert (failure.kind, failure.whole_account) == (FailureKind.UNREACHABLE, True)
    assert "127.0.0.1" in failure.reason


async def test_credentials_that_fail_are_asked_again_for_the_next_account(
    emulator: AzureEmulator, collect: Collect, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = AksProvider()
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    assert (await collect(provider=provider, subscription=place)).failures
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "correct-horse")
    assert not (await collect(provider=provider, subscription=place)).failures
    assert emulator.issuer.flows == ["client secret"]


async def test_a_token_that_expires_during_the_scan_is_asked_for_anew(
    emulator: AzureEmulator, collect: Collect, place: str
) -> None:
    emulator.issuer.lifetime = 1
    emulator.azure.faults.append(Fault("hang", "managedClusters", times=1, seconds=1.5))
    found = await collect(subscription=place)
    assert list(found.clusters) == ["prod"]
    assert len(emulator.issuer.flows) > 1


def test_whom_a_token_is_for_is_told_as_far_as_it_says_so() -> None:
    def token(claims: object) -> str:
        return f"x.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.y"

    assert _named(_claims(token({"upn": "alice@example.com", "oid": "1"}))) == "alice@example.com (object id 1)"
    assert _named(_claims(token({"azp": "2"}))) == "application 2"
    assert _named(_claims(token({"oid": "1"}))) == ""
    for opaque in ("", "opaque", "a.b.c", token([1])):
        assert _claims(opaque) == {}


def test_nothing_but_the_reports_and_the_log_tells_of_a_failure(emulator: AzureEmulator, tmp_path: Path) -> None:
    """What azure-identity logs by itself would break the lines of JSON on standard error."""
    account = '[[account]]\nname = "a"\nprovider = "aks"\ntenant = true\ncredential = "environment"\n'
    endpoints = f'endpoints = {{resource_manager = "{emulator.endpoint}", authority = "{emulator.endpoint}"}}\n'
    (tmp_path / "config.toml").write_text(account + endpoints)
    command = [sys.executable, "-m", "scanner", "scan", "--config", "config.toml", "--output", "out"]
    environment = {**os.environ, "AZURE_CLIENT_SECRET": "wrong", "PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    events = [json.loads(line) for line in done.stderr.splitlines()]
    [told] = [one for one in events if one["event"] == "not_read"]
    assert "AADSTS7000215: Invalid client secret" in told["reason"]
    assert "aka.ms" not in told["reason"]
