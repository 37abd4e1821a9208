"""What the command writes to standard error is its own, whatever Google's libraries would like to say there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.gcp import GcpEmulator


def events_of(gcp: GcpEmulator, folder: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Scan a project by the command, and give the lines of its standard error, all of which are to be JSON of ours."""
    endpoints = "\n".join(f'{name} = "{host}"' for name, host in gcp.endpoints.items())
    path = folder / "config.toml"
    path.write_text(
        '[scan]\nretries = 0\n[[account]]\nname = "a"\nprovider = "gke"\nproject = "payments-prod"\n'
        f"[account.endpoints]\n{endpoints}\n"
    )
    command = [sys.executable, "-m", "scanner", "scan", "--config", str(path), "--format", "json", "--output", "-"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_certificate_that_is_not_trusted_leaves_only_lines_of_ours(gcp: GcpEmulator, tmp_path: Path) -> None:
    environment = {
        name: value
        for name, value in (os.environ | gcp.environment).items()
        if name not in ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "GRPC_VERBOSITY")
    }
    [failure] = [one for one in events_of(gcp, tmp_path, environment) if one["event"] == "not_read"]
    assert "CERTIFICATE_VERIFY_FAILED" in failure["reason"]
    assert "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH" in failure["hint"]


@pytest.mark.parametrize("scope", ["google", "google.auth", "google.cloud.container_v1"])
def test_the_debug_log_of_the_libraries_which_holds_tokens_stays_off(
    scope: str, gcp: GcpEmulator, tmp_path: Path
) -> None:
    gcp.cloud.project("payments-prod", "organizations/900")
    gcp.cloud.cluster("payments-prod", "main")
    environment = os.environ | gcp.environment | {"GOOGLE_SDK_PYTHON_LOGGING_SCOPE": scope}
    events = events_of(gcp, tmp_path, environment)
    assert any(one.get("event") == "account_finished" for one in events)
    assert "bearer" not in str(events).lower()
