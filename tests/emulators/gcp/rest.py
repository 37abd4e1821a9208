"""The REST side: sinks with all their fields, and the endpoints that hand out tokens."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.emulators.gcp import assets
from tests.emulators.gcp.auth import EMAIL, Tokens, verified
from tests.emulators.gcp.state import Cloud, Fault

_BODIES = {
    "malformed": b"<html><title>Sign in to the proxy</title></html>",
    "truncate": b'{"sinks": [{"name": "half',
    "empty": b"",
    "shape": b'{"sinks": 7, "access_token": [], "accessToken": {}}',
}
_HTTP_OF = {
    "unauthenticated": (401, "UNAUTHENTICATED"),
    "gone": (404, "NOT_FOUND"),
    "throttle": (429, "RESOURCE_EXHAUSTED"),
    "unavailable": (503, "UNAVAILABLE"),
    "internal": (500, "INTERNAL"),
}


@contextmanager
def serving(cloud: Cloud, tokens: Tokens, context: ssl.SSLContext | None) -> Iterator[int]:
    """Serve on a port of loopback, over TLS where a context is given; gives the port."""

    class Handler(_Handler):
        pass

    Handler.cloud, Handler.tokens = cloud, tokens
    server = _Server(("127.0.0.1", 0), Handler)
    if context is not None:
        # Each connection's thread shakes hands at its first read, so that nobody waits for another one to do so.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """Lets as many connections wait to be taken as a scan opens at once."""

    daemon_threads = True
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    cloud: Cloud
    tokens: Tokens

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        """Hand out tokens."""
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = urlsplit(self.path).path
        operation, resource = ("Token", path.removeprefix("/token").strip("/"))
        if path.endswith(":generateAccessToken"):
            operation, resource = ("GenerateAccessToken", path.rpartition("/")[2].partition(":")[0])
        fault = self.cloud.next_fault(operation, resource, "REST")
        if fault is not None:
            self._go_wrong(fault, resource, "iam.serviceAccounts.getAccessToken")
        elif path.startswith("/token"):
            self._service_account_token(parse_qs(data))
        elif path == "/v1/token":
            form = parse_qs(data)
            if form.get("subject_token") != ["a workload's own token"]:
                self._send(400, {"error": "invalid_grant", "error_description": "the subject token is not accepted"})
                return
            token = {"access_token": self.tokens.issue("external_account"), "expires_in": 3600, "token_type": "Bearer"}
            self._send(200, token | {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
        elif path.endswith(":generateAccessToken") and self.tokens.is_good(self.headers.get("Authorization", "")):
            expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._send(200, {"accessToken": self.tokens.issue("impersonated"), "expireTime": expires})
        else:
            self._error(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied")

    def do_GET(self) -> None:
        """Answer for sinks, and as the metadata server."""
        url = urlsplit(self.path)
        if url.path.startswith("/computeMetadata/") or url.path == "/":
            self._metadata(url.path)
            return
        if url.path.startswith("/v1/") and url.path.endswith("/assets"):
            self._assets(unquote(url.path).removeprefix("/v1/").removesuffix("/assets"), parse_qs(url.query))
            return
        if url.path.startswith("/v1/projects/"):
            self._send(200, {"projectNumber": url.path.rpartition("/")[2], "projectId": "audit-project"})
            return
        parent = unquote(url.path).removeprefix("/v2/").removesuffix("/sinks")
        if not self.tokens.is_good(self.headers.get("Authorization", "")):
            self._error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            return
        query = parse_qs(url.query)
        token = query.get("pageToken", [""])[0]
        fault = self.cloud.next_fault("ListSinks", parent, "REST")
        if fault is not None and fault.kind == "lost" and token:
            self._error(500, "INTERNAL", "Internal error encountered.")
        elif fault is not None and fault.kind in ("again", "lost"):
            self._send(200, {"sinks": [], "nextPageToken": "once-more"})
        elif fault is not None:
            self._go_wrong(fault, parent, "logging.sinks.list")
        elif self.cloud.is_denied("logging.sinks.list", parent):
            self._error(403, "PERMISSION_DENIED", "Permission denied", "logging.sinks.list")
        elif not self.cloud.is_there(parent):
            self._error(404, "NOT_FOUND", f"Not found: {parent}")
        else:
            self._sinks(parent, query.get("filter", [""])[0], token)

    def _go_wrong(self, fault: Fault, resource: str, permission: str) -> None:
        """Answer as a fault says."""
        if fault.kind in _HTTP_OF:
            self._error(*_HTTP_OF[fault.kind], f"{fault.kind} for {resource}")
        elif fault.kind == "denied":
            self._error(403, "PERMISSION_DENIED", "Permission denied", permission)
        elif fault.kind == "hang":
            time.sleep(fault.seconds)
        elif fault.kind == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._body(200, _BODIES[fault.kind])

    def _assets(self, parent: str, query: dict[str, list[str]]) -> None:
        """Give a page of the inventory, to those who may see it."""
        if not self.tokens.is_good(self.headers.get("Authorization", "")):
            self._error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            return
        content = query.get("contentType", [""])[0]
        permission = f"cloudasset.assets.{'listIamPolicy' if content == 'IAM_POLICY' else 'listResource'}"
        types = query.get("assetTypes", [])
        operation = "ListAssets" + ("Policies" if content == "IAM_POLICY" else types[0].rpartition("/")[2])
        # How far a listing had come before it goes wrong is part of what is asked for.
        place = f"{parent} {query['pageToken'][0]}" if "pageToken" in query else parent
        fault = self.cloud.next_fault(operation, place, "REST")
        if fault is not None and fault.kind == "shape":
            self._send(200, {"readTime": assets.READ, "assets": [{"name": "half"}]})
        elif fault is not None and fault.kind == "again":
            page = assets.page(self.cloud, parent, {**query, "pageToken": ["page-0"]})
            self._send(200, {**(page or {}), "nextPageToken": "page-0"})
        elif fault is not None:
            self._go_wrong(fault, parent, permission)
        elif "cloudasset.googleapis.com" in self.cloud.callers_apis_off:
            self._disabled("cloudasset.googleapis.com")
        elif self.cloud.is_denied(permission, parent) or not self.cloud.is_there(parent):
            self._error(403, "PERMISSION_DENIED", "The caller does not have permission", permission)
        else:
            page = assets.page(self.cloud, parent, query)
            self._send(200, page) if page else self._error(
                400, "INVALID_ARGUMENT", "Request contains an invalid argument."
            )

    def _disabled(self, api: str) -> None:
        """Answer that an API is off in the caller's project."""
        metadata = {"service": api, "consumer": "projects/999900001111"}
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_DISABLED",
            "domain": "googleapis.com",
            "metadata": metadata,
        }
        message = f"{api} has not been used in project 999900001111 before or it is disabled."
        self._send(403, {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED", "details": [info]}})

    def _sinks(self, parent: str, scope: str, token: str) -> None:
        """Give a page of the sinks of a resource, those that intercept above it as well where the filter asks."""
        own = list(self.cloud.sinks.get(self.cloud.canonical(parent), {}).values())
        above = [
            sink
            for one in self.cloud.ancestors(parent)
            for sink in self.cloud.sinks.get(one, {}).values()
            if sink.get("interceptChildren")
        ]
        found = {'in_scope("ANCESTOR")': above, 'in_scope("ALL")': own + above}.get(scope, own)
        begin = int(token.removeprefix("page-") or 0)
        end = begin + self.cloud.page_size
        page: dict[str, Any] = {"sinks": found[begin:end]} if found[begin:end] else {}
        following = "page-0" if self.cloud.is_looping else f"page-{end}" if end < len(found) else ""
        self._send(200, page | ({"nextPageToken": following} if following else {}))

    def _service_account_token(self, form: dict[str, list[str]]) -> None:
        """Exchange a signed assertion for a token."""
        time.sleep(self.tokens.stall)
        payload = verified(form.get("assertion", [""])[0])
        if payload is None or self.tokens.refused_grants:
            self._send(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
            return
        token = self.tokens.issue("service_account")
        self._send(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _metadata(self, path: str) -> None:
        """Answer as the metadata server of a virtual machine, to those who ask as Google's libraries do."""
        if path != "/" and self.headers.get("Metadata-Flavor") != "Google":
            self._error(403, "PERMISSION_DENIED", "Missing Metadata-Flavor:Google header.")
        elif path.endswith("/token"):
            token = {"access_token": self.tokens.issue("metadata"), "expires_in": 3600, "token_type": "Bearer"}
            self._send(200, token)
        elif path.endswith("/project/project-id"):
            self._body(200, b"audit-project", "application/text")
        elif path.endswith("/universe-domain"):
            self._error(404, "NOT_FOUND", "not there")
        else:
            account = {
                "email": EMAIL,
                "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
                "aliases": ["default"],
            }
            self._send(200, account)

    def _error(self, code: int, status: str, message: str, permission: str = "") -> None:
        """Answer with Google's error body."""
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "IAM_PERMISSION_DENIED",
            "domain": "iam.googleapis.com",
            "metadata": {"permission": permission},
        }
        details = [info] if permission else []
        self._send(code, {"error": {"code": code, "message": message, "status": status, "details": details}})

    def _send(self, code: int, body: dict[str, Any]) -> None:
        """Answer with JSON."""
        self._body(code, json.dumps(body).encode())

    def _body(self, code: int, data: bytes, kind: str = "application/json; charset=UTF-8") -> None:
        """Answer with a body."""
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
