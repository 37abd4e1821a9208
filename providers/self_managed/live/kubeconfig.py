"""Kubeconfig files, read as client-go reads them: several are merged, and data wins over files.

Source: ``k8s.io/client-go/tools/clientcmd`` (loader.go, client_config.go, validation.go) and
``k8s.io/client-go/tools/clientcmd/api/v1/types.go``. No value of a kubeconfig is ever quoted but names.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from yaml.nodes import Node

from providers.self_managed.files import read_file
from providers.self_managed.live.access import Access, ClientCertificate, ExecPlugin, Identity
from providers.self_managed.yaml_nodes import child, compose_all, entries, items, text, truth
from scanner.errors import CredentialsError, Malformed, NotFound

EXEC_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_SECTIONS: Final = ("contexts", "clusters", "users")
_PLUGINS: Final = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin", "oidc": "kubelogin"}
"""The exec plugins that took the place of client-go's own auth providers."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What the configuration says about a kubeconfig.

    Attributes:
        path: The file, as it is written; None for the files of ``KUBECONFIG``, else ``~/.kube/config``.
        context: The context; empty for the current one.
    """

    path: str | None
    context: str
    base: Path
    allow_exec: bool = False
    allow_insecure_tls: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """One named entry, and the file that it stands in."""

    node: Node | None
    shown: str
    directory: Path

    def value(self, *keys: str) -> str:
        """Give the text under a key; empty where it is not there."""
        return text(child(self.node, *keys))

    def path(self, key: str) -> Path | None:
        """Give the path under a key; a relative one starts at the directory of the kubeconfig."""
        written = self.value(key)
        return self.directory / Path(written).expanduser() if written else None

    def material(self, name: str) -> bytes:
        """Give what ``name-data`` or the file ``name`` holds; nothing where neither is set."""
        data = self.value(f"{name}-data")
        if data:
            try:
                return base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                raise Malformed(f"holds {name}-data that is no base64", where=self.shown) from None
        path = self.path(name)
        return b"" if path is None else read_file(path, f"{self.shown}: {name} {self.value(name)}")


def load_access(wanted: Kubeconfig, environ: Mapping[str, str] = os.environ) -> Access:
    """Find the context and put its cluster and user together; blocking. CollectionError says what does not fit."""
    merged, current = _merged(tuple(_files(wanted, environ)))
    context_name = wanted.context or current
    first = next(iter(merged.values()), {})
    if not context_name:
        hint = "set context to one of its contexts"
        raise NotFound("has no current-context", where=_shown(wanted), hint=hint)
    context = merged["contexts"].get(context_name)
    if context is None:
        hint = f"its contexts are {', '.join(first)}" if first else "it holds no context at all"
        raise NotFound(f"has no context {context_name}", where=_shown(wanted), hint=hint)
    cluster = _referred(merged, "cluster", context, context_name)
    shown = f"{cluster.shown} (context {context_name})"
    user_name = context.value("context", "user")
    user = _referred(merged, "user", context, context_name) if user_name else None
    return Access(
        server=_server(cluster, shown),
        shown=shown,
        identity=_identity(user, wanted, shown) if user else Identity(),
        authorities=cluster.material("certificate-authority"),
        server_name=cluster.value("tls-server-name"),
        proxy=_proxy(cluster.value("proxy-url"), shown),
        verify=_verifies(cluster, wanted, shown),
    )


def _files(wanted: Kubeconfig, environ: Mapping[str, str]) -> Iterator[tuple[Path, str, bool]]:
    """Give the files to merge: path, name for messages, and whether it must be there."""
    if wanted.path is not None:
        yield wanted.base / Path(wanted.path).expanduser(), wanted.path, True
        return
    listed = [one for one in environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    if not listed:
        yield Path("~/.kube/config").expanduser(), "~/.kube/config", True
    for one in dict.fromkeys(listed):
        yield Path(one).absolute(), one, len(listed) == 1


def _shown(wanted: Kubeconfig) -> str:
    return wanted.path or "the kubeconfig"


def _merged(files: Sequence[tuple[Path, str, bool]]) -> tuple[dict[str, dict[str, _Entry]], str]:
    """Merge the files: the first that has a name, or a current context, wins."""
    merged: dict[str, dict[str, _Entry]] = {section: {} for section in _SECTIONS}
    current = ""
    for path, shown, needed in files:
        try:
            documents = compose_all(_decoded(read_file(path, shown), shown), shown)
        except NotFound as error:
            if needed:
                hint = "set kubeconfig to its path, or in_cluster = true within a cluster"
                raise NotFound(error.what, where=error.where, hint=hint) from error
            continue  # as client-go: a file of the list that is not there is none
        document = documents[0] if documents else None
        current = current or text(child(document, "current-context"))
        for section in _SECTIONS:
            for item in items(child(document, section)):
                merged[section].setdefault(text(child(item, "name")), _Entry(item, shown, path.parent))
    return merged, current


def _decoded(data: bytes, shown: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("is not UTF-8 text", where=shown) from error


def _referred(merged: Mapping[str, Mapping[str, _Entry]], kind: str, context: _Entry, context_name: str) -> _Entry:
    """Find the cluster or user that a context names."""
    name = context.value("context", kind)
    found = merged[f"{kind}s"].get(name)
    if found is None:
        what = f"context {context_name} names the {kind} {name}, which is not there" if name else f"names no {kind}"
        raise NotFound(what, where=context.shown, hint=f"add the {kind}, or set another context")
    return _Entry(child(found.node, kind), found.shown, found.directory)


def _server(cluster: _Entry, shown: str) -> str:
    """Give the address, which may not hold a password and must be https."""
    server = cluster.value("server").rstrip("/")
    try:
        parts = urlsplit(server)
        host, _port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        raise Malformed("names a server that is no URL", where=shown) from None
    if parts.scheme != "https" or not host:
        hint = "credentials are only ever sent over TLS: write server as https://HOST:PORT"
        raise Malformed("names a server that is no https:// address", where=shown, hint=hint)
    if user is not None:
        raise Malformed("has credentials within its server's address", where=shown, hint="put them under users")
    return server


def _proxy(url: str, shown: str) -> str:
    """Give the proxy, of a kind that can be spoken to."""
    if url and urlsplit(url).scheme not in {"http", "https"}:
        hint = "give a proxy of http:// or https://"
        raise Malformed("has a proxy-url of a kind that is not supported, such as socks5", where=shown, hint=hint)
    return url


def _verifies(cluster: _Entry, wanted: Kubeconfig, shown: str) -> bool:
    """Say whether the server's certificate is checked: not only where both sides ask for that."""
    if not truth(child(cluster.node, "insecure-skip-tls-verify")):
        return True
    if not wanted.allow_insecure_tls:
        hint = "give it certificate-authority-data, or set allow_insecure_tls = true for this cluster"
        raise CredentialsError("asks for insecure-skip-tls-verify, which is not allowed here", where=shown, hint=hint)
    return False


def _identity(user: _Entry, wanted: Kubeconfig, shown: str) -> Identity:
    """Read the credentials; those that are out of use are refused by name."""
    if user.value("username") or user.value("password"):
        hint = "Kubernetes dropped basic authentication in 1.19: use a token or a client certificate"
        raise CredentialsError("has a user with username and password", where=shown, hint=hint)
    provider = child(user.node, "auth-provider")
    if provider is not None:
        name = text(child(provider, "name"))
        hint = f"client-go dropped auth-provider in 1.26: use exec with {_PLUGINS.get(name, 'a credential plugin')}"
        raise CredentialsError(f"has a user with auth-provider {name}", where=shown, hint=hint)
    token, token_file = user.value("token"), user.path("tokenFile")
    plugin = None if token or token_file else _plugin(user, wanted, shown)
    return Identity(token, token_file, _certificate(user, shown), plugin, tuple(_impersonation(user)))


def _certificate(user: _Entry, shown: str) -> ClientCertificate | None:
    certificate, key = user.material("client-certificate"), user.material("client-key")
    if bool(certificate) != bool(key):
        missing = "client-certificate" if key else "client-key"
        raise CredentialsError(f"has a user without {missing}", where=shown, hint="a certificate needs both")
    return ClientCertificate(certificate, key) if certificate else None


def _plugin(user: _Entry, wanted: Kubeconfig, shown: str) -> ExecPlugin | None:
    """Read ``exec``; it runs a program, so that the configuration must allow it."""
    node = child(user.node, "exec")
    if node is None:
        return None
    entry = _Entry(node, user.shown, user.directory)
    version, command = entry.value("apiVersion"), entry.value("command")
    if not wanted.allow_exec:
        hint = "set allow_exec = true to let it run, or give another context"
        what = f"gets its credentials from the program {Path(command).name}, which may not be run"
        raise CredentialsError(what, where=shown, hint=hint)
    if version not in EXEC_VERSIONS:
        hint = f"write one of {', '.join(EXEC_VERSIONS)}"
        raise Malformed("has an exec plugin of an apiVersion that is not supported", where=shown, hint=hint)
    if not command:
        raise Malformed("has an exec plugin without command", where=shown)
    if entry.value("interactiveMode") == "Always":
        hint = "nobody is there to answer it: give a context that works without"
        raise CredentialsError("has an exec plugin with interactiveMode Always", where=shown, hint=hint)
    # As client-go: a bare name is looked for in PATH, a relative path starts at the kubeconfig.
    runs = str(entry.directory / command) if os.sep in command else command
    pairs = ((text(child(item, "name")), text(child(item, "value"))) for item in items(child(node, "env")))
    return ExecPlugin(
        api_version=version,
        command=runs,
        arguments=tuple(text(item) for item in items(child(node, "args"))),
        environment=tuple(pairs),
        cluster_info=truth(child(node, "provideClusterInfo")),
    )


def _impersonation(user: _Entry) -> Iterator[tuple[str, str]]:
    """Give the headers of ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``."""
    for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if user.value(key):
            yield header, user.value(key)
    for group in items(child(user.node, "as-groups")):
        yield "Impersonate-Group", text(group)
    for name, values in entries(child(user.node, "as-user-extra")):
        for value in items(values):
            yield f"Impersonate-Extra-{name.value}", text(value)
