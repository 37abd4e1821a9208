"""An emulated cluster, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from providers.self_managed.live.client import ApiClient, connected
from providers.self_managed.live.kubeconfig import Kubeconfig, load_access
from scanner.model import ScanSettings
from tests.emulators.kubernetes import KubernetesEmulator, running

_Result = TypeVar("_Result")
Ask = Callable[..., Awaitable[Any]]
TOKEN = "s3cr3t-bearer-t0ken"
QUICK = ScanSettings(retries=1, call_timeout=30, connect_timeout=30)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesEmulator]:
    """An empty cluster in which the bearer of TOKEN may do everything."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    with running() as emulator:
        emulator.accept_token(TOKEN, "auditor")
        emulator.rbac.open = True
        yield emulator


@pytest.fixture
def ask(cluster: KubernetesEmulator, tmp_path: Path) -> Ask:
    """Do something with a client that has some user of a kubeconfig, the bearer of TOKEN by default."""

    async def run(
        what: Callable[[ApiClient], Awaitable[_Result]],
        user: dict[str, Any] | None = None,
        *,
        scan: ScanSettings = QUICK,
        allow_exec: bool = False,
        allow_insecure_tls: bool = False,
        **cluster_fields: Any,  # noqa: ANN401 - what a kubeconfig holds
    ) -> _Result:
        given = {"token": TOKEN} if user is None else user
        path = cluster.write_kubeconfig(tmp_path / "kubeconfig", given, **cluster_fields)
        wanted = Kubeconfig(str(path), "", tmp_path, allow_exec=allow_exec, allow_insecure_tls=allow_insecure_tls)
        access = await asyncio.to_thread(load_access, wanted)
        async with connected(access, scan) as client:
            return await what(client)

    return run
