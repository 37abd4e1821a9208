"""Paths of the Kubernetes API, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Asked:
    """What one GET asks for; `resource` is empty for a path that is none."""

    path: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def verb(self) -> str:
        """The verb as RBAC calls it."""
        return "get" if self.name or not self.resource else "list"


def read_path(path: str) -> Asked:
    """Take a path apart as kube-apiserver's RequestInfo does."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    prefix = {"api": 2, "apis": 3}.get(parts[0], 0)
    if not prefix or len(parts) <= prefix:
        return Asked(path)
    group = parts[1] if parts[0] == "apis" else ""
    rest = parts[prefix:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    return Asked(path, group, rest[0], namespace, rest[1] if len(rest) > 1 else "")
