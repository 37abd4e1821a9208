"""How one Kubernetes API server is reached, and as whom. What is secret stays out of every repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that gives credentials, as ``users[].user.exec`` of a kubeconfig describes it.

    Attributes:
        api_version: ``client.authentication.k8s.io/v1`` or ``/v1beta1``.
        environment: Variables added to this process's own; their values may be secret.
        cluster_info: Whether the program is told which cluster it is for (``provideClusterInfo``).
    """

    api_version: str
    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cluster_info: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom requests are made.

    Attributes:
        token_file: Read anew for each request, because the kubelet replaces it; it wins over `token`, as in client-go.
        impersonate: The ``Impersonate-*`` headers.
    """

    token: str = field(default="", repr=False)
    token_file: Path | None = None
    certificate: ClientCertificate | None = None
    plugin: ExecPlugin | None = None
    impersonate: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """One API server, and the identity that it is asked as.

    Attributes:
        server: Its address, without a slash at the end.
        shown: Where this stands, for messages: ``kubeconfig (context prod)``.
        authorities: The certificate authorities that are trusted, as PEM; empty for the system's own.
        server_name: The name that its certificate must bear, where that is not the host's.
        proxy: The proxy that leads to it; empty to go by the environment.
        verify: False only where the kubeconfig and the configuration both ask for it.
    """

    server: str
    shown: str
    identity: Identity
    authorities: bytes = b""
    server_name: str = ""
    proxy: str = field(default="", repr=False)
    verify: bool = True
