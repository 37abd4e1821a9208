"""Credentials from a program (``users[].user.exec``); what it prints never gets into an error or a log.

Source: ``k8s.io/client-go/plugin/pkg/client/auth/exec`` and ``client.authentication.k8s.io`` v1 and v1beta1.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Final

from providers.self_managed.live.access import Access, ClientCertificate, ExecPlugin, Identity
from scanner.errors import CredentialsError, TimedOut

_MOST: Final = 1024 * 1024


async def run_plugin(plugin: ExecPlugin, access: Access, timeout: float) -> Identity:  # noqa: ASYNC109 - passed on
    """Run the program and give the identity that it answers with.

    Args:
        plugin: The program.
        access: The cluster that it is for.
        timeout: Seconds that it may take; it is killed then, with what it started.

    Raises:
        CredentialsError: It cannot be run, fails, or answers with something else than credentials.
        TimedOut: It took too long.
    """
    name = Path(plugin.command).name
    environment = os.environ | dict(plugin.environment) | {"KUBERNETES_EXEC_INFO": _info(plugin, access)}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.arguments,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "its name is not valid"
        hint = "install it, or give a context that works without"
        raise CredentialsError(f"cannot run the program {name}: {reason}", where=access.shown, hint=hint) from None
    try:
        async with asyncio.timeout(timeout):
            answer = await _output(process, name, access)
    except TimeoutError:
        hint = f"run it by hand to see what it waits for, or raise scan.call_timeout ({timeout:g} s)"
        raise TimedOut(f"the program {name} gave no credentials in time", where=access.shown, hint=hint) from None
    finally:
        await _end(process)
    return _identity(answer, plugin, name, access)


async def _output(process: Process, name: str, access: Access) -> bytes:
    """Read what the program prints, to its end; CredentialsError where it fails or prints too much."""
    if process.stdout is None:
        return b""
    parts: list[bytes] = []
    size = 0
    while part := await process.stdout.read(65536):
        size += len(part)
        if size > _MOST:
            raise CredentialsError(f"the program {name} printed more than 1 MiB", where=access.shown)
        parts.append(part)
    code = await process.wait()
    if code:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        hint = "run it by hand to see why; you may have to log in first"
        raise CredentialsError(f"the program {name} failed with {how}", where=access.shown, hint=hint)
    return b"".join(parts)


async def _end(process: Process) -> None:
    """Leave nothing behind, whichever way it ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _info(plugin: ExecPlugin, access: Access) -> str:
    """Write what the program is told: that nobody can answer it, and the cluster where it asked for it."""
    spec: dict[str, object] = {"interactive": False}
    if plugin.cluster_info:
        cluster: dict[str, object] = {"server": access.server}
        if access.authorities:
            cluster["certificate-authority-data"] = base64.b64encode(access.authorities).decode()
        if access.server_name:
            cluster["tls-server-name"] = access.server_name
        if access.proxy:
            cluster["proxy-url"] = access.proxy
        if not access.verify:
            cluster["insecure-skip-tls-verify"] = True
        spec["cluster"] = cluster
    return json.dumps({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec})


def _identity(answer: bytes, plugin: ExecPlugin, name: str, access: Access) -> Identity:
    """Read the ExecCredential."""

    def refuse(what: str) -> CredentialsError:
        return CredentialsError(f"the program {name} {what}", where=access.shown, hint="run it by hand to see why")

    try:
        credential = json.loads(answer)
    except ValueError:
        raise refuse("printed no ExecCredential as JSON") from None
    if not isinstance(credential, dict) or credential.get("kind") != "ExecCredential":
        raise refuse("printed no ExecCredential")
    if credential.get("apiVersion") != plugin.api_version:
        raise refuse(f"answered with another apiVersion than {plugin.api_version}")
    status = credential.get("status")
    given = {key: value for key, value in status.items() if isinstance(value, str)} if isinstance(status, dict) else {}
    token, pem, key = (given.get(one, "") for one in ("token", "clientCertificateData", "clientKeyData"))
    if bool(pem) != bool(key):
        raise refuse("gave a certificate without its key, or a key without its certificate")
    if not token and not pem:
        raise refuse("gave neither a token nor a certificate")
    return Identity(token=token, certificate=ClientCertificate(pem.encode(), key.encode()) if pem else None)
