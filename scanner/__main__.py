"""The command ``k8s-audit-coverage``, also as ``python -m scanner``."""

from __future__ import annotations

import sys

from scanner.loading import loading

with loading("scanner.cli"):
    from scanner.cli import main

if __name__ == "__main__":
    sys.exit(main())
