"""The TLS side of a connection: whom to trust, and the certificate to show."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from providers.self_managed.live.access import Access, ClientCertificate
from scanner.errors import CredentialsError, Malformed


def tls_context(access: Access, certificate: ClientCertificate | None) -> ssl.SSLContext:
    """Build the context; Malformed or CredentialsError says which certificate cannot be used."""
    try:
        context = ssl.create_default_context(cadata=_ascii(access.authorities) if access.authorities else None)
    except (ssl.SSLError, ValueError) as error:
        raise Malformed("has a certificate authority that is no PEM certificate", where=access.shown) from error
    # Python 3.13 and newer ask for extensions that the authorities of kubeadm and others do not have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        try:
            with _file(certificate.certificate + b"\n" + certificate.key) as path:
                context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError):
            hint = "client-certificate and client-key must be PEM, belong together, and need no password"
            raise CredentialsError(
                "has a client certificate that cannot be used", where=access.shown, hint=hint
            ) from None
    return context


def _ascii(pem: bytes) -> str:
    """Give PEM as text, which `ssl` takes as PEM; bytes it would take as DER."""
    return pem.decode("ascii")


def _no_password() -> str:
    """Answer for OpenSSL, which would ask on the terminal."""
    message = "the key needs a password"
    raise ValueError(message)


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    """Give a path to some bytes that are never written to a disk, where the system can do that."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("client-certificate")
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:  # readable by this user only
        file.write(data)
        file.flush()
        yield file.name
