"""Hosts built in a directory, and the types of the fixtures that scan them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from providers.self_managed.files import HostFiles
from providers.self_managed.source import ApiServerSource, Format, Fragment, ManifestFile
from scanner.model import ApiServer, ClusterObservation

POLICY = "/etc/kubernetes/audit-policy.yaml"
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"
METADATA_ALL = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
NOBODY = 65534
STARTED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

Volume = tuple[str, str, str]
"""Mount path, what volume, what mount: ``("/logs", "emptyDir: {}", "readOnly: true")``."""


def host_path(path: str) -> Volume:
    """Mount a path of the host at the same path."""
    return path, f"hostPath: {{path: {path}}}", ""


@dataclass(frozen=True)
class Host:
    """One control-plane node in a directory."""

    root: Path

    def put(self, path: str, text: str | bytes) -> Path:
        """Write a file of the host."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        return target

    def pod(
        self,
        flags: Sequence[str],
        volumes: Sequence[Volume] = (host_path("/etc/kubernetes"), host_path("/var/log")),
        image: str = "registry.k8s.io/kube-apiserver:v1.34.2",
        policy: str = METADATA_ALL,
    ) -> None:
        """Write a static pod manifest and the audit policy."""
        mounts = "".join(
            f"    - {{name: v{number}, mountPath: {path}{', ' + mount if mount else ''}}}\n"
            for number, (path, _, mount) in enumerate(volumes)
        )
        backing = "".join(f"  - {{name: v{number}, {volume}}}\n" for number, (_, volume, _) in enumerate(volumes))
        words = "".join(f"    - {flag}\n" for flag in flags)
        self.put(
            MANIFEST,
            "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver}\nspec:\n  containers:\n"
            f"  - name: kube-apiserver\n    image: {image}\n    command:\n    - kube-apiserver\n{words}"
            f"    volumeMounts:\n{mounts}  volumes:\n{backing}",
        )
        self.put(POLICY, policy)


def servers(form: Format, file: ManifestFile | str, shown: str = "file.yaml") -> tuple[ApiServerSource, ...]:
    """Read a file, or a text without a host, by one format, and give the API servers that it describes."""
    if isinstance(file, str):
        file = ManifestFile(Path("/x") / shown, shown, HostFiles(None), file.encode())
    parts = form.read(file)
    fragments = [part for part in parts if isinstance(part, Fragment)]
    assembled = fragments[0].assemble(fragments) if fragments else ()
    return tuple(part for part in (*parts, *assembled) if isinstance(part, ApiServerSource))


Options = dict[str, Any]
Unprivileged = Callable[[], AbstractContextManager[None]]


class Scan(Protocol):
    """Scans clusters below a directory."""

    async def __call__(
        self, *clusters: Options, observe: bool = False, base: Path | None = None
    ) -> list[ClusterObservation]:
        """Give what was observed of each cluster."""
        ...


class ScanHost(Protocol):
    """Scans the one host."""

    async def __call__(
        self, path: str = MANIFEST, *, observe: bool = False, **options: str | None
    ) -> tuple[ApiServer, ClusterObservation]:
        """Give its API server and its cluster; an option that is None is left out."""
        ...
