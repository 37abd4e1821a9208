"""What the fake of Google Cloud holds, for those who read it: without the libraries that the fake itself needs."""

from __future__ import annotations

from typing import Final

LATENCY: Final = 0.020
PROJECTS: Final = 1000
CLUSTERS: Final = 5
FOLDERS: Final = 10
ORGANIZATION: Final = "organizations/900"
