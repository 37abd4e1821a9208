"""``make demo``: emulated clouds and Kubernetes on loopback, sample clusters, the real command on a real file.

The command runs as a process of its own and knows nothing of the demo: the configuration and the environment are all
that leads it to the emulators.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scanner.cli.exit_codes import ExitCode
from tests.demo import emulated

HERE = Path(__file__).resolve().parent
REPORTS = HERE.parent.parent / "demo-reports"


def main() -> int:
    """Run the demo; its clusters are broken on purpose, so that exit code 1 is what a demo that works ends with."""
    command = [sys.executable, "-m", "scanner", "scan", "--config", str(HERE / "demo.toml"), "--output", str(REPORTS)]
    with emulated.start() as environment:
        code = subprocess.run(command, env=os.environ | environment, check=False).returncode  # noqa: S603 - ours
    if code != ExitCode.FAIL:
        print(f"the demo ended with exit code {code}, not {int(ExitCode.FAIL)}", file=sys.stderr)
        return 1
    print("\nThe demo's clusters fail on purpose. Its reports:")
    for name in ("report.html", "report.json"):
        print(f"  {os.path.relpath(REPORTS / name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
