"""Microsoft Entra ID and the metadata service: issue tokens to who proves to be the application, and check them."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.emulators.azure.state import APPLICATION, OBJECT_ID, TENANT

SECRET: Final = "correct-horse"
FEDERATED_ISSUER: Final = "https://oidc.example.com/cluster"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Issuer:
    """Who may have tokens, and which ones were given out.

    Attributes:
        given: Tokens with the audience that each is for.
        tenants: Tokens with the tenant that gave each.
        known: Tenants beside `TENANT` in which the application is registered.
        flows: How each token was asked for, in order.
        is_down: Whether every request for a token fails.
        lifetime: For how many seconds tokens are good.
        tenant: The tenant that tokens name which ours gives.
    """

    given: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, str] = field(default_factory=dict)
    flows: list[str] = field(default_factory=list)
    is_down: bool = False
    lifetime: int = 3600
    tenant: str = TENANT
    known: set[str] = field(default_factory=set)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def certificate(self) -> bytes:
        """Give key and certificate of the application as PEM."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "audit-scanner")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private + made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def federated_token(self) -> str:
        """Give a service account's token, as a cluster with workload identity projects it into a pod."""
        claims = {"iss": FEDERATED_ISSUER, "sub": "system:serviceaccount:audit:scanner"}
        return jwt.encode(claims, self.key, algorithm="RS256")

    def audience_of(self, header: str) -> str | None:
        """Give the audience of the token in an Authorization header; None where it is none of ours."""
        return self.given.get(header.removeprefix("Bearer "))

    def tenant_of(self, header: str) -> str:
        """Give the tenant of the token in an Authorization header; empty where it is none of ours."""
        return self.tenants.get(header.removeprefix("Bearer "), "")

    async def token(self, request: web.Request) -> web.Response:
        """Answer the token endpoint of a tenant."""
        form = await request.post()
        if self.is_down:
            return web.json_response({"error": "temporarily_unavailable"}, status=503)
        tenant = request.match_info["tenant"]
        if tenant not in {TENANT, *self.known}:
            return _refusal("AADSTS90002: Tenant not found.", "invalid_request")
        if form.get("grant_type") != "client_credentials" or form.get("client_id") != APPLICATION:
            return _refusal("AADSTS700016: Application was not found in the directory.", "unauthorized_client")
        flow = self._proof(str(form.get("client_secret", "")), form, str(request.url))
        if not flow:
            return _refusal("AADSTS7000215: Invalid client secret or assertion provided.", "invalid_client")
        self.flows.append(flow)
        return self._answer(str(form["scope"]).removesuffix("/.default"), tenant)

    async def metadata(self, request: web.Request) -> web.Response:
        """Answer the metadata service of a machine with a managed identity."""
        if request.headers.get("Metadata") != "true":
            return web.json_response({"error": "invalid_request"}, status=400)
        self.flows.append("managed identity")
        return self._answer(request.query["resource"].removesuffix("/.default"))

    def _proof(self, secret: str, form: Any, url: str) -> str:  # noqa: ANN401 - a multi-dictionary
        """Say by what the application proved who it is; empty where it did not."""
        if secret:
            return "client secret" if secret == SECRET else ""
        if form.get("client_assertion_type") != _ASSERTION:
            return ""
        try:
            claims = jwt.decode(
                str(form["client_assertion"]),
                self.key.public_key(),
                algorithms=["RS256", "PS256"],
                options={"verify_aud": False},
            )
        except jwt.InvalidTokenError:
            return ""
        if claims.get("iss") == FEDERATED_ISSUER:
            return "federated token"
        return "certificate" if claims.get("iss") == APPLICATION and claims.get("aud") == url else ""

    def _answer(self, audience: str, tenant: str = TENANT) -> web.Response:
        """Give a token out."""
        claims = {
            "aud": audience,
            "appid": APPLICATION,
            "oid": OBJECT_ID,
            "tid": self.tenant if tenant == TENANT else tenant,
            "jti": secrets.token_hex(8),
        }
        parts = [
            base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in ({"alg": "x"}, claims)
        ]
        token = ".".join([*parts, secrets.token_hex(8)])
        self.given[token] = audience
        self.tenants[token] = tenant
        seconds = str(self.lifetime)
        return web.json_response(
            {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "resource": audience}
        )


def _refusal(what: str, error: str) -> web.Response:
    """Give the answer to a request for a token that is not given."""
    return web.json_response(
        {"error": error, "error_description": what}, status=401 if error == "invalid_client" else 400
    )
