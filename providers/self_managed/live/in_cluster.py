"""The service account of the pod that this runs in.

Source: ``k8s.io/client-go/rest`` (config.go, InClusterConfig): two variables of the pod, and a token and an authority
that the kubelet mounts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from providers.self_managed.files import read_file
from providers.self_managed.live.access import Access, Identity
from scanner.errors import CollectionError, CredentialsError

_HOST: Final = "KUBERNETES_SERVICE_HOST"
_PORT: Final = "KUBERNETES_SERVICE_PORT"


def in_cluster_access(directory: str, environ: Mapping[str, str] = os.environ) -> Access:
    """Read the pod's own service account; blocking. CollectionError says what is missing."""
    host, port = environ.get(_HOST, ""), environ.get(_PORT, "")
    if not host or not port:
        hint = "in_cluster works within a pod only: set kubeconfig and context elsewhere"
        raise CredentialsError(f"{_HOST} and {_PORT} are not set", where="in_cluster", hint=hint)
    token = Path(directory) / "token"
    try:
        read_file(token, f"{directory}/token")
        authorities = read_file(Path(directory) / "ca.crt", f"{directory}/ca.crt")
    except CollectionError as error:
        hint = "mount the service account (automountServiceAccountToken), or set service_account to where it is"
        raise CredentialsError(error.what, where=error.where, hint=hint) from error
    address = f"[{host}]" if ":" in host else host
    return Access(
        server=f"https://{address}:{port}",
        shown="the pod's service account",
        identity=Identity(token_file=token),
        authorities=authorities,
    )
