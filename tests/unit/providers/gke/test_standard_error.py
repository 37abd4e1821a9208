"""What the command writes to standard error is its own, whatever gRPC would like to say there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.emulators.gcp import GcpEmulator


def test_a_certificate_that_is_not_trusted_leaves_only_lines_of_ours(gcp: GcpEmulator, tmp_path: Path) -> None:
    endpoints = "\n".join(f'{name} = "{host}"' for name, host in gcp.endpoints.items())
    path = tmp_path / "config.toml"
    path.write_text(
        '[scan]\nretries = 0\n[[account]]\nname = "a"\nprovider = "gke"\nproject = "payments-prod"\n'
        f"[account.endpoints]\n{endpoints}\n"
    )
    environment = {
        name: value
        for name, value in (os.environ | gcp.environment).items()
        if name not in ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "GRPC_VERBOSITY")
    }
    command = [sys.executable, "-m", "scanner", "scan", "--config", str(path), "--format", "json", "--output", "-"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    events = [json.loads(line) for line in done.stderr.splitlines()]
    [failure] = [one for one in events if one["event"] == "not_read"]
    assert "CERTIFICATE_VERIFY_FAILED" in failure["reason"]
    assert "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH" in failure["hint"]
