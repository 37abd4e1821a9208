"""A Kubernetes API server on loopback: TLS, client certificates and tokens that are checked, RBAC, lists in pages.

The adapter under test is not told: a kubeconfig leads it here.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import trustme
from aiohttp import web

from tests.emulators.kubernetes import faults
from tests.emulators.kubernetes.faults import Answer, Fault
from tests.emulators.kubernetes.paths import Asked, read_path
from tests.emulators.kubernetes.rbac import Rbac, User
from tests.emulators.kubernetes.store import Object, Store
from tests.emulators.serving import serving

__all__ = ["Fault", "KubernetesEmulator", "Object", "faults", "running"]

ANONYMOUS: Final = User("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    user: str
    path: str
    query: dict[str, str]


@dataclass
class KubernetesEmulator:
    """The state of one cluster, and the server in front of it."""

    version: str = "v1.34.2"
    store: Store = field(default_factory=Store)
    rbac: Rbac = field(default_factory=Rbac)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    authority: trustme.CA = field(default_factory=trustme.CA)
    clients: trustme.CA = field(default_factory=trustme.CA)
    tokens: dict[str, User] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)

    @property
    def authority_pem(self) -> bytes:
        """The authority that signed the server's certificate."""
        return self.authority.cert_pem.bytes()

    def client_certificate(self, user: str, *groups: str) -> tuple[bytes, bytes]:
        """Issue a client certificate: its common name is the user, its organisation the group."""
        issued = self.clients.issue_cert(common_name=user, organization_name=groups[0] if groups else None)
        return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()

    def accept_token(self, token: str, user: str, *groups: str) -> None:
        """Take a bearer token for a user."""
        self.tokens[token] = User(user, groups)

    def inject(
        self,
        answer: Answer,
        path: str | None = None,
        *,
        times: int | None = None,
        page: int | None = None,
        user: str | None = None,
    ) -> None:
        """Let requests meet something else than the real answer: the selectors are those of `Fault`."""
        self._faults.append(Fault(answer, path, page, times, user))

    def asked(self, path: str) -> list[Request]:
        """Give the requests for one path, in the order in which they came."""
        return [request for request in self.requests if request.path == path]

    def write_kubeconfig(self, path: Path, user: dict[str, Any], **cluster: Any) -> Path:  # noqa: ANN401 - what YAML holds
        """Write a kubeconfig with one context, ``emulated``; `cluster` adds to its cluster."""
        trust = {} if "insecure-skip-tls-verify" in cluster else {"certificate-authority-data": self._trust()}
        given = {key: value for key, value in {"server": self.url, **trust, **cluster}.items() if value is not None}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "emulated",
            "clusters": [{"name": "here", "cluster": given}],
            "users": [{"name": "someone", "user": user}],
            "contexts": [{"name": "emulated", "context": {"cluster": "here", "user": "someone"}}],
        }
        path.write_text(json.dumps(config), "utf-8")
        path.chmod(0o600)
        return path

    def _trust(self) -> str:
        return base64.b64encode(self.authority_pem).decode()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request: authenticate, meet the faults, authorize, answer."""
        user = self._authenticated(request)
        self.requests.append(Request(user.name if user else "", request.path, dict(request.query)))
        for fault in self._faults:
            if fault.takes(request, user.name if user else ""):
                return await fault.answer(request)
        if user is None:
            return faults.status(401, "Unauthorized", "Unauthorized")
        asked = read_path(request.path)
        refused = self.rbac.refusal(user, asked)
        if refused:
            return faults.status(403, "Forbidden", refused)
        return self._answer(asked, request)

    def _authenticated(self, request: web.BaseRequest) -> User | None:
        """Say who asks: by certificate, else by token, else nobody; None for a token that nobody has.

        Impersonation is honoured for a user that RBAC lets impersonate anybody.
        """
        transport = request.transport
        peer = transport.get_extra_info("peercert") if transport is not None else None
        user = _user_of(peer) if peer else self._by_token(request)
        wanted = request.headers.get("Impersonate-User")
        if user is None or not wanted:
            return user
        groups = tuple(request.headers.getall("Impersonate-Group", []))
        return User(wanted, groups) if self.rbac.allows(user, "impersonate", "", "users", "", "") else None

    def _by_token(self, request: web.BaseRequest) -> User | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return ANONYMOUS
        known = self.tokens.get(token) if scheme == "Bearer" else None
        return None if known is None else User(known.name, (*known.groups, "system:authenticated"))

    def _answer(self, asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        """Answer what RBAC allows."""
        if asked.path == "/version":
            return web.json_response({"major": "1", "minor": "34", "gitVersion": self.version})
        if asked.path == "/apis":
            return web.json_response({"kind": "APIGroupList", "groups": [{"name": name} for name in self.groups]})
        if not asked.resource:
            return faults.status(404, "NotFound", "the server could not find the requested resource")
        if asked.name:
            found = self.store.get(asked)
            if found is None:
                return faults.status(404, "NotFound", f'{asked.resource} "{asked.name}" not found')
            return web.json_response(found)
        return self.store.page(asked, request.query)


def _user_of(peer: Any) -> User:  # noqa: ANN401 - ssl's nested tuples
    """Read a client certificate as kube-apiserver does: CN is the user, O the groups."""
    pairs = [pair for rdn in peer.get("subject", ()) for pair in rdn]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = tuple(value for key, value in pairs if key == "organizationName")
    return User(name, (*groups, "system:authenticated"))


@contextmanager
def running(objects: Iterable[Object] = ()) -> Iterator[KubernetesEmulator]:
    """Run an emulator on a free port of 127.0.0.1, in a thread of this process."""
    emulator = KubernetesEmulator()
    for one in objects:
        emulator.store.put(one)
    with serving(emulator.handle, _tls(emulator)) as port:
        emulator.url = f"https://127.0.0.1:{port}"
        yield emulator


def _tls(emulator: KubernetesEmulator) -> ssl.SSLContext:
    """Ask for a client certificate, as kube-apiserver does, and check the one that is shown."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    emulator.authority.issue_cert("127.0.0.1", "api.prod.example").configure_cert(context)
    emulator.clients.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
