"""What botocore raises, in the product's own words."""

from __future__ import annotations

import re
import textwrap
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 - botocore's own, which is what it raises
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from scanner.errors import (
    CollectionError,
    CredentialsError,
    Malformed,
    NotFound,
    PermissionDenied,
    Throttled,
    Unreachable,
)
from scanner.model import CollectionFailure, Evidence, FailureKind

SDK_ERRORS: Final = (BotoCoreError, ClientError, ValueError, TypeError, AttributeError, KeyError)
"""All that a call of the SDK may raise: the last four are what its parsers do with a body of the wrong shape."""

# Codes as the services write them. moto and some proxies leave the code out, so that botocore gives the HTTP status.
_DENIED: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
_CREDENTIALS: Final = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorizedException",
    "OptInRequired",
    "RegionDisabledException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_REGION_OFF: Final = {"AuthFailure", "InvalidClientTokenId", "OptInRequired", "UnrecognizedClientException"}
_THROTTLED: Final = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
    "429",
}
_NO_CREDENTIALS: Final = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_SERVER_ERROR: Final = 500
_LONGEST: Final = 600
_URL: Final = re.compile(r"(?P<scheme>https?://)(?:[^\s\"'/@]*@)?(?P<host>[^\s\"'/]*)[^\s\"']*")


class TimedOut(Unreachable):
    """No answer came within the time that a call may take."""


def translate(error: Exception, action: str, where: str) -> CollectionError:
    """Put an error of the SDK into the product's words.

    Args:
        error: One of `SDK_ERRORS`; one that is translated already is given back as it is.
        action: The API call as IAM spells it, such as ``eks:ListClusters``.
        where: Of what: a region, a cluster, a role.
    """
    if isinstance(error, CollectionError):
        return error
    if isinstance(error, ClientError) and error.operation_name == "AssumeRole":
        action = "sts:AssumeRole"  # the role is assumed again before its credentials expire, within any other call
    place = f"{action} of {where}"
    if isinstance(error, ClientError):
        return _from_answer(error, action, place)
    if isinstance(error, ResponseParserError) or not isinstance(error, BotoCoreError):
        return malformed(action, where, "its body is not what the API describes")
    return _without_answer(error, action, place)


def malformed(action: str, where: str, why: str) -> Malformed:
    """Build the error for an answer that came but cannot be used; `why` is what is wrong with it."""
    return Malformed(
        f"the answer to {action} cannot be understood: {why}",
        where=f"{action} of {where}",
        hint="check for a proxy that answers in the API's place",
    )


def failure(error: CollectionError, action: str, scope: str, *, whole_account: bool = False) -> CollectionFailure:
    """Put an error into the report as a part of the account that could not be read."""
    return CollectionFailure(
        kind=_kind(error),
        scope=scope,
        operation=action,
        reason=error.what,
        hint=error.hint,
        permission=error.permission,
        whole_account=whole_account,
    )


def evidence(error: CollectionError, action: str) -> Evidence:
    """Give what the API said as evidence, word by word where it said something."""
    said: BaseException | str = error if error.__cause__ is None else error.__cause__
    if isinstance(said, ClientError):
        said = _said(said)
    return Evidence(action, "error", _one_line(said))


def _without_answer(error: BotoCoreError, action: str, place: str) -> CollectionError:
    """Translate what went wrong before AWS answered."""
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsError(
            f"there are no usable AWS credentials: {_one_line(error)}",
            where=place,
            hint="check the account's profile, or the environment that the scan runs in",
        )
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        hint = "raise scan.call_timeout, or try again later"
        return TimedOut(f"{action} gave no answer in time", where=place, hint=hint)
    if isinstance(error, ConnectionClosedError | ConnectionError | HTTPClientError):
        return Unreachable(
            f"{action} could not be reached: {_one_line(error)}",
            where=place,
            hint="check the network, the proxy and whether the service exists in the region",
        )
    return CollectionError(f"{action} failed: {_one_line(error)}", where=place)


def _from_answer(error: ClientError, action: str, place: str) -> CollectionError:
    """Translate an error that AWS answered with."""
    answer = error.response
    code = answer.get("Error", {}).get("Code", "")
    message = " ".join(answer.get("Error", {}).get("Message", "").split())
    metadata = answer.get("ResponseMetadata", {})
    attempts = metadata.get("RetryAttempts", 0) + 1
    tried = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    said = _said(error)
    if code in _DENIED:
        return PermissionDenied(
            f"{action} is denied", where=place, permission=action, hint=_permission_hint(action, message)
        )
    if code in _CREDENTIALS:
        hint = "check that the credentials are current"
        if code in _REGION_OFF:
            hint += ", and that the region is switched on for the account (else leave it out of regions)"
        return CredentialsError(f"{action} does not accept the credentials: {said}", where=place, hint=hint)
    if code in _THROTTLED:
        return Throttled(
            f"{action} was still throttled after {tried}",
            where=place,
            hint="raise scan.retries or lower scan.max_calls",
        )
    if code == "ResourceNotFoundException":
        return NotFound(f"{action} finds nothing: {message}", where=place)
    status = metadata.get("HTTPStatusCode", 0)
    if status >= _SERVER_ERROR:
        return Unreachable(f"{action} still answered HTTP {status} after {tried}", where=place, hint="try again later")
    return CollectionError(f"{action} was refused: {said}", where=place)


def _said(error: ClientError) -> str:
    """Give the code and the message of AWS's answer."""
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", ""), " ".join(answer.get("Message", "").split())
    return f"{code}: {message}" if message else code


def _permission_hint(action: str, message: str) -> str:
    """Say who has to do something about a missing permission."""
    if action == "sts:AssumeRole":
        return "let the role's trust policy name the caller and its external id, and allow the caller sts:AssumeRole"
    if "service control policy" in message:
        return f"a service control policy of the organisation denies it: allow {action} there"
    return f"allow {action}: `k8s-audit-coverage providers eks --permissions` prints the policy that is needed"


def _kind(error: CollectionError) -> FailureKind:
    """Give the kind that the report sorts failures by."""
    kinds: tuple[tuple[type[CollectionError], FailureKind], ...] = (
        (PermissionDenied, FailureKind.PERMISSION),
        (CredentialsError, FailureKind.CREDENTIALS),
        (NotFound, FailureKind.NOT_FOUND),
        (Throttled, FailureKind.THROTTLED),
        (TimedOut, FailureKind.TIMEOUT),
        (Unreachable, FailureKind.UNREACHABLE),
    )
    return next((kind for sort, kind in kinds if isinstance(error, sort)), FailureKind.MALFORMED)


def _one_line(error: BaseException | str) -> str:
    """Give an error's text on one line, URLs cut to scheme and host (a proxy's may hold a password)."""
    text = _URL.sub(r"\g<scheme>\g<host>", " ".join(str(error).split()))
    return textwrap.shorten(text, _LONGEST, placeholder=" ...") or type(error).__name__
