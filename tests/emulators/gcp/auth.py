"""Service accounts, their keys, and the tokens that count."""

from __future__ import annotations

import json
import secrets
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

EMAIL = "reader@audit-project.iam.gserviceaccount.com"
IMPERSONATED = "auditor@security.iam.gserviceaccount.com"


@cache
def key_pair() -> tuple[str, str]:
    """Give a private key and its public key, made once for each process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


class Tokens:
    """Hands out access tokens, and knows which count."""

    def __init__(self) -> None:
        """Start with none."""
        self._good: dict[str, float] = {}
        self._checked: dict[str, float] = {}
        self._lock = threading.Lock()
        self.revoked = False
        self.refused_grants = False
        self.stall = 0.0
        self.issued: list[str] = []
        self.given: list[str] = []

    def issue(self, kind: str, seconds: int = 3600) -> str:
        """Hand out a token; `kind` is remembered for tests."""
        token = f"ya29.{secrets.token_urlsafe(24)}"
        with self._lock:
            self._good[token] = time.time() + seconds
            self.issued.append(kind)
            self.given.append(token)
        return token

    def is_good(self, header: str) -> bool:
        """Tell whether an Authorization header holds a token that counts: one of ours, or one signed by the key."""
        token = header.removeprefix("Bearer ")
        if self.revoked or token == header:
            return False
        known = self._good.get(token) or self._checked.get(token)
        if known is not None:
            return known > time.time()
        payload = verified(token)
        if payload is None or payload.get("sub") != EMAIL:
            return False
        self._checked[token] = float(payload["exp"])
        return True


def verified(token: str) -> dict[str, Any] | None:
    """Give what a token says that our service account signed; None for any other."""
    try:
        payload: dict[str, Any] = jwt.decode(token, certs=key_pair()[1], clock_skew_in_seconds=10)
    except ValueError:
        return None
    return payload if payload.get("iss") == EMAIL else None


def credentials_file(kind: str, folder: Path, base: str, whose: str = "") -> Path:
    """Write the JSON of one kind of credentials: what `gcloud` or the console hands out."""
    account = {
        "type": "service_account",
        "project_id": "audit-project",
        "private_key_id": "1",
        "private_key": key_pair()[0],
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": f"{base}/token/{whose}".rstrip("/"),
    }
    impersonation = f"{base}/v1/projects/-/serviceAccounts/{IMPERSONATED}:generateAccessToken"
    subject = folder / "subject-token"
    subject.write_text("a workload's own token")
    bodies: dict[str, dict[str, Any]] = {
        "service_account": account,
        "impersonated_service_account": {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": impersonation,
            "source_credentials": account,
        },
        "external_account": {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/p",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{base}/v1/token",
            "credential_source": {"file": str(subject)},
        },
    }
    path = folder / f"{kind}{whose}.json"
    path.write_text(json.dumps(bodies[kind]))
    return path
