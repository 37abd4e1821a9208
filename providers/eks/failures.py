"""What botocore raises, in the product's own words."""

from __future__ import annotations

import re
import textwrap
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 - botocore's own, which is what it raises
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    InvalidRegionError,
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
    TimedOut,
    Unreachable,
)
from scanner.model import Evidence

SDK_ERRORS: Final = (
    BotoCoreError,
    ClientError,
    ResponseParserError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    ArithmeticError,
    RuntimeError,
)
"""All that a call of the SDK, and reading its answer, may raise.

Those from ValueError to ArithmeticError are what a body of the wrong shape does to the SDK's parsers and to ours;
RuntimeError is what credentials raise that are expired right after a refresh.
"""

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
_MISCONFIGURED: Final = (
    ConfigNotFound,
    ConfigParseError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    InvalidRegionError,
)
_SERVER_ERROR: Final = 500
_HUB_SERVICES: Final = ("account:", "config:", "observabilityadmin:", "organizations:")
_LONGEST: Final = 600
_ASSUME_ROLE: Final = "sts:AssumeRole"
_URL: Final = re.compile(r"(?P<scheme>https?://)(?:[^\s\"'/@]*@)?(?P<host>[^\s\"'/]*)[^\s\"']*")


def translate(error: Exception, action: str, where: str) -> CollectionError:
    """Put an error of the SDK into the product's words.

    Args:
        error: One of `SDK_ERRORS`; one that is translated already is given back as it is.
        action: The API call as IAM spells it, such as ``eks:ListClusters``.
        where: Of what: a region, a cluster, a role.
    """
    if isinstance(error, CollectionError):
        return error
    if isinstance(error, ClientError) and error.operation_name == "AssumeRole" and action != _ASSUME_ROLE:
        # The role is assumed again before its credentials expire, within any other call.
        return _from_answer(error, _ASSUME_ROLE, f"{_ASSUME_ROLE} for {action} of {where}")
    place = f"{action} of {where}"
    if isinstance(error, ClientError):
        return _from_answer(error, action, place)
    if isinstance(error, RuntimeError | ValueError | BotoCoreError) and (found := _of_this_machine(error, place)):
        return found
    if isinstance(error, ResponseParserError) or not isinstance(error, BotoCoreError):
        return Malformed.answer(action, where, "its body is not what the API describes")
    return _without_answer(error, action, place)


def _of_this_machine(error: Exception, place: str) -> CollectionError | None:
    """Translate what is wrong here and not with AWS: the configuration, or the clock; None for anything else."""
    if isinstance(error, RuntimeError):
        if "credentials" not in str(error):
            raise error
        hint = "check this machine's clock, and what hands out the credentials"
        return CredentialsError(f"there are no usable AWS credentials: {one_line(error)}", where=place, hint=hint)
    if isinstance(error, _MISCONFIGURED) or str(error).startswith("Invalid endpoint"):
        hint = "check the account's profile in the AWS configuration files, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
        what = f"the AWS configuration of this machine cannot be used: {one_line(error)}"
        return CredentialsError(what, where=place, hint=hint)
    return None


def evidence(error: CollectionError, action: str) -> Evidence:
    """Give what the API said as evidence, word by word where it said something."""
    said: BaseException | str = error if error.__cause__ is None else error.__cause__
    if isinstance(said, ClientError):
        said = _said(said)
    return Evidence(action, "error", one_line(said))


def _without_answer(error: BotoCoreError, action: str, place: str) -> CollectionError:
    """Translate what went wrong before AWS answered."""
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsError(
            f"there are no usable AWS credentials: {one_line(error)}",
            where=place,
            hint="check the account's profile, or the environment that the scan runs in",
        )
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        hint = "raise scan.call_timeout, or try again later"
        return TimedOut(f"{action} gave no answer in time", where=place, hint=hint)
    if isinstance(error, ConnectionClosedError | ConnectionError | HTTPClientError):
        return Unreachable(
            f"{action} could not be reached: {one_line(error)}",
            where=place,
            hint="check the network, the proxy and whether the service exists in the region",
        )
    return CollectionError(f"{action} failed: {one_line(error)}", where=place)


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
        what = f"{place} is denied" if action == _ASSUME_ROLE else f"{action} is denied"
        hint = _permission_hint(action, message)
        return PermissionDenied(what, where=place, permission=action, hint=hint, said=message)
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
    if action == _ASSUME_ROLE:
        return "let the role's trust policy name the caller and its external id, and allow the caller sts:AssumeRole"
    if "service control policy" in message:
        return f"a service control policy of the organisation denies it: allow {action} there"
    if action == "sts:GetCallerIdentity":
        return "no policy need allow it, so one denies it: look for a Deny in the policies of this identity"
    if action == "ec2:DescribeRegions":
        return "allow ec2:DescribeRegions, or list the account's regions in the configuration"
    variant = " organization" if action.startswith(_HUB_SERVICES) else ""
    return f"allow {action}: `k8s-audit-coverage providers eks --permissions{variant}` prints the policy that is needed"


def one_line(error: BaseException | str) -> str:
    """Give an error's text on one line, URLs cut to scheme and host (a proxy's may hold a password)."""
    text = _URL.sub(r"\g<scheme>\g<host>", " ".join(str(error).split()))
    return textwrap.shorten(text, _LONGEST, placeholder=" ...") or type(error).__name__
