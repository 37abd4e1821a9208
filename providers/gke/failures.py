"""What Google's libraries raise, in the product's own words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any, Final

import grpc
import requests
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.rpc import error_details_pb2

from scanner.errors import (
    CollectionError,
    CredentialsError,
    Malformed,
    NotFound,
    PermissionDenied,
    Throttled,
    TimedOut,
    Unreachable,
)

SDK_ERRORS: Final = (
    google_errors.GoogleAPIError,
    auth_errors.GoogleAuthError,
    requests.RequestException,
    grpc.RpcError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    OSError,
)
"""All that a call, and reading its answer or the credentials, may raise; ValueError and below: a wrong shape."""

SERVICE_DISABLED: Final = "SERVICE_DISABLED"
_DISABLED_WHERE_ASKED: Final = "API is not enabled for this project"
"""What Kubernetes Engine says of the project that is asked, without a reason.

Source: an answer quoted in jenkins-x/terraform-google-jx, issue 115 (2020-06-17).
"""
_NO_PERMISSION_HELPS: Final = {
    "SECURITY_POLICY_VIOLATED": "let an ingress rule or access level of VPC Service Controls admit the scan's identity",
    "USER_PROJECT_DENIED": "grant serviceusage.services.use in quota_project, or leave quota_project out",
    "BILLING_DISABLED": "enable billing for the project that is asked, or for quota_project",
}
"""Why Google refuses beside a missing permission, and what to do about it.

Source: Google Cloud, "Error reasons" (``google.api.ErrorReason``, googleapis-common-protos 1.76.0).
"""
_LONGEST: Final = 600
_USER: Final = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE)
_OTHER_CREDENTIALS: Final = "check credentials_file and impersonate, or the environment that the scan runs in"
_UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
_CERTIFICATE: Final = (
    "the certificate is of no known authority: name your proxy's in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH (gRPC) and"
    " REQUESTS_CA_BUNDLE (REST, tokens)"
)
"""Both libraries bring their own list of authorities, and neither asks the system's.

Sources: gRPC 1.85, "gRPC environment variables" (doc/environment_variables.md); Requests 2.34, "SSL Cert Verification".
"""
_MINUTE: Final = re.compile(r"/min\b|PerMinute")
"""Matches the unit, or the name, of a quota of so many calls a minute (``quota_unit`` and ``quota_limit``)."""
_A_MINUTES_QUOTA: Final = 15.0
"""Seconds; with the usual five retries more than the minute after which Google counts anew."""
_METADATA_FAILED: Final = "Getting metadata from plugin failed"


class ServiceDisabledError(PermissionDenied):
    """The API is not enabled in a project: the one that is asked, or the one that calls are counted against.

    Attributes:
        consumer: That project by its id or number; empty where Google does not say.
    """

    consumer: str = ""


def translate(error: Exception, operation: str, where: str, permission: str = "") -> CollectionError:
    """Put an error of a library into the product's words.

    Args:
        error: One of `SDK_ERRORS`; one that is translated already is given back as it is.
        operation: The method, such as ``container:ListClusters``.
        where: Of what: a project, a folder.
        permission: The IAM permission that the method needs.
    """
    if isinstance(error, CollectionError):
        return error
    place = f"{operation} of {where}"
    text = one_line(error)
    if isinstance(error, auth_errors.GoogleAuthError) or _METADATA_FAILED in text:
        return _credentials(error, place, text)
    if isinstance(error, google_errors.Forbidden):
        return _denied(error, operation, where, permission)
    return _refused(error, operation, place, text) or _broken(error, operation, place, text)


def asked_to_wait(error: BaseException) -> float | None:
    """Give the seconds to wait after Google asked for fewer calls; None where it does not say how long.

    Cloud Logging and Resource Manager name no time, but the quota that was used up, which is for a minute.

    Sources: ``google.rpc.RetryInfo`` and ``ErrorInfo`` (googleapis-common-protos 1.76.0); answers of Cloud Logging
    quoted in snarfed/bridgy-fed issue 620 and DefangLabs/defang issue 1268, of which the latter names ``quota_unit``.
    """
    for detail in getattr(error, "details", None) or ():
        seconds = _retry_delay(detail)
        if seconds is not None:
            return seconds
    metadata = dict(getattr(error, "metadata", None) or {})
    told = f"{metadata.get('quota_unit', '')} {metadata.get('quota_limit', '')}"
    return _A_MINUTES_QUOTA if _MINUTE.search(told) else None


def _retry_delay(detail: Any) -> float | None:  # noqa: ANN401 - a message of any kind, or JSON
    """Read how long to wait from one detail of an error: a message by gRPC, an object by REST; None for another one."""
    if isinstance(detail, error_details_pb2.RetryInfo):
        return float(detail.retry_delay.ToTimedelta().total_seconds())
    if isinstance(detail, Mapping):
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,9})?)s", str(detail.get("retryDelay", "")))
        return float(match[1]) if match else None
    return None


def unusable(error: Exception, source: str) -> CollectionError:
    """Say why no credentials could be made of what was found; nothing was asked of Google yet.

    Args:
        error: One of `SDK_ERRORS`; the library lets out those of Python where a file is JSON of another shape.
        source: The file, or what else the credentials are looked for in.
    """
    if isinstance(error, auth_errors.GoogleAuthError):
        return _credentials(error, f"credentials of {source}", one_line(error))
    said = ""
    if isinstance(error, OSError):
        text = f"{source} could not be read: {error.strerror or one_line(error)}"
    else:
        text = f"{source} lacks what its type needs, or is none of the forms that Google's library reads"
        said = one_line(error)
    what = f"there are no usable Google credentials: {text}"
    return CredentialsError(what, where=f"credentials of {source}", hint=_OTHER_CREDENTIALS, said=said)


def _refused(error: Exception, operation: str, place: str, text: str) -> CollectionError | None:
    """Translate what Google refuses for a reason that is known; None for anything else."""
    if isinstance(error, google_errors.Unauthorized):
        hint = "check that the credentials are current, and this machine's clock"
        return CredentialsError(f"{operation} does not accept the credentials: {text}", where=place, hint=hint)
    if isinstance(error, google_errors.TooManyRequests):
        hint = "raise scan.retries, lower scan.max_calls, or set quota_project"
        return Throttled(f"{operation} was still throttled after all attempts", where=place, hint=hint, said=text)
    if isinstance(error, google_errors.NotFound):
        hint = "correct the id in the configuration, or look whether it was deleted meanwhile"
        return NotFound(f"{operation} finds nothing: {text}", where=place, hint=hint)
    return None


def _broken(error: Exception, operation: str, place: str, text: str) -> CollectionError:
    """Translate what is neither refused nor missing: no answer, or one that is of no use."""
    if isinstance(error, google_errors.GatewayTimeout | requests.Timeout | TimeoutError):
        hint = "raise scan.call_timeout, or try again later"
        return TimedOut(f"{operation} gave no answer in time", where=place, hint=hint, said=text)
    if isinstance(error, google_errors.ServerError | requests.ConnectionError | OSError) and not isinstance(
        error, requests.JSONDecodeError
    ):
        hint = _CERTIFICATE if _UNTRUSTED in text else "check the network, the proxy and endpoints, or try again later"
        return Unreachable(f"{operation} could not be reached: {text}", where=place, hint=hint)
    if isinstance(error, google_errors.GoogleAPIError):
        return CollectionError(f"{operation} was refused: {text}", where=place)
    hint = "check for a proxy that answers in the API's place"
    return Malformed(f"the answer to {operation} cannot be understood: {text}", where=place, hint=hint)


def _credentials(error: Exception, place: str, text: str) -> CollectionError:
    """Translate what is wrong with the credentials, or with the way to whoever issues them."""
    if isinstance(error, auth_errors.TransportError):
        hint = "check the network and the proxy: the issuer of tokens cannot be reached"
        hint = _CERTIFICATE if _UNTRUSTED in text else hint
        return Unreachable(f"the issuer of tokens could not be reached: {text}", where=place, hint=hint)
    return CredentialsError(f"there are no usable Google credentials: {text}", where=place, hint=_OTHER_CREDENTIALS)


def _denied(error: google_errors.Forbidden, operation: str, where: str, permission: str) -> CollectionError:
    """Translate a refusal: a missing permission, or an API that is switched off."""
    text, place = one_line(error), f"{operation} of {where}"
    metadata = dict(error.metadata or {}) if error.reason else {}
    if error.reason == SERVICE_DISABLED:
        return _disabled(metadata.get("service", ""), metadata.get("consumer", ""), place, text)
    if _DISABLED_WHERE_ASKED in text:
        return _disabled("container.googleapis.com", "/".join(where.split("/")[:2]), place, text)
    if error.reason in _NO_PERMISSION_HELPS:
        hint = _NO_PERMISSION_HELPS[error.reason]
        return PermissionDenied(f"{operation} is denied ({error.reason})", where=place, hint=hint, said=text)
    missing = metadata.get("permission") or permission
    # Permissions are granted on projects and what is above them, not on a log bucket.
    resource = "/".join(where.split("/")[:2])
    hint = f"grant {missing} on {resource}: `k8s-audit-coverage providers gke --permissions` prints the role to grant"
    return PermissionDenied(f"{operation} is denied", where=place, permission=missing, hint=hint, said=text)


def _disabled(service: str, consumer: str, place: str, text: str) -> ServiceDisabledError:
    """Translate an API that is switched off, with the command that switches it on."""
    project = consumer.removeprefix("projects/")
    what = f"{service or 'the API'} is not enabled"
    hint = f"gcloud services enable {service or 'SERVICE'} --project={project or 'PROJECT'}"
    found = ServiceDisabledError(what, where=place, hint=hint, said=text)
    found.consumer = project
    return found


def one_line(error: BaseException) -> str:
    """Give an error's text on one line, without the user and password that a proxy's URL may hold."""
    text = _USER.sub(r"\g<scheme>", " ".join(_said(error).split()))
    return textwrap.shorten(text, _LONGEST, placeholder=" ...") or type(error).__name__


def _said(error: BaseException) -> str:
    """Give an error's text; google.auth puts a cause beside it, or a whole answer, which Python would show as code."""
    if isinstance(error, auth_errors.GoogleAuthError):
        parts = [str(one).rstrip(".") for one in error.args if isinstance(one, str | Exception)]
        return ": ".join(parts) if len(parts) > 1 else str(next(iter(error.args), ""))
    return str(getattr(error, "message", "") or error)
