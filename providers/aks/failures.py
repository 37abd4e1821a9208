"""What Azure answers and Azure's libraries raise, in the product's own words."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from typing import Final

from aiohttp import ClientError
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import AsyncHttpResponse

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

SDK_ERRORS: Final = (AzureError, ClientError, ValueError, TypeError, KeyError, AttributeError, OSError)
"""All that a call and reading its answer or the credentials may raise; ValueError to AttributeError: a wrong shape."""

_LONGEST: Final = 600
_REDIRECT, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TIMEOUT, _TOO_MANY, _SERVER_ERROR = 300, 401, 403, 404, 408, 429, 500
_REQUEST: Final = 400
_NOT_REGISTERED: Final = frozenset({"MissingSubscriptionRegistration", "InvalidResourceNamespace"})
NO_RESOURCE: Final = "ResourceNotFound"
NO_POLICY: Final = "ManagementPolicyNotFound"
_GONE: Final = frozenset({NO_RESOURCE, NO_POLICY, "ParentResourceNotFound", "ResourceGroupNotFound"})
"""Any other 404 says nothing of the resource: a proxy's page, a subscription of another tenant."""
_NO_SUBSCRIPTION: Final = "SubscriptionNotFound"
_OTHER_TENANT: Final = "InvalidAuthenticationTokenTenant"
_NO_NETWORK: Final = re.compile(r"Cannot connect to host (?!169\.254\.169\.254\b)")
"""Within what a chain of credentials says; that a machine outside Azure has no metadata service is no trouble."""
_ACTION: Final = re.compile(r"perform action '([^']+)'")
_GUIDE: Final = re.compile(
    r" ?(Visit|See the troubleshooting guide|To mitigate this issue)[^:]*?:? ?https://aka\.ms/\S*"
    r"( to troubleshoot this issue\.?)?"
)
"""Azure-identity ends each of its sentences with a link to its own guide, of which nothing else would be seen."""
_URL: Final = re.compile(r"(?P<scheme>https?://)(?:[^\s\"'/@]*@)?(?P<host>[^\s\"'/]*)[^\s\"']*")


class NotRegisteredError(NotFound):
    """The subscription does not use the resource provider, or the cloud lacks it: there are none of its kind."""


class ResourceGoneError(NotFound):
    """The resource that was asked about, or all that holds it, is not there, in Azure Resource Manager's own words.

    Attributes:
        code: Azure's code for it; empty where it is not known.
    """

    code = ""


def refusal(answer: AsyncHttpResponse, operation: str, where: str, permission: str, attempts: int) -> CollectionError:
    """Translate an answer that is not the one that was asked for.

    Args:
        answer: It has any status but 200.
        operation: What was asked for, such as ``Microsoft.ContainerService/managedClusters/read``.
        where: Of what: a subscription, a cluster.
        permission: The action that the call needs; Azure's own words about it count for more.
        attempts: How often it was asked for.
    """
    code, message = _code_and_message(answer)
    status = answer.status_code
    said = ": ".join(part for part in (code, message) if part) or f"HTTP {status}"
    place = f"{operation} of {where}"
    if status == _FORBIDDEN:
        return _denied(code, message, operation, place, permission)
    if status == _UNAUTHORIZED:
        hint = "check that the credentials are current, their tenant and cloud, and this machine's clock"
        if code == _OTHER_TENANT:
            hint = f"use credentials of the tenant that {where} belongs to: it may be another one than theirs"
        return CredentialsError(f"{operation} does not accept the credentials: {said}", where=place, hint=hint)
    if status == _NOT_FOUND or code in _NOT_REGISTERED:
        return _not_found(code, operation, place, said)
    return _failed(status, operation, where, said, attempts)


def translate(error: Exception, operation: str, where: str) -> CollectionError:
    """Put an error of a library into the product's words.

    Args:
        error: One of `SDK_ERRORS`; one that is translated already is given back as it is.
        operation: What was asked for.
        where: Of what.
    """
    if isinstance(error, CollectionError):
        return error
    place = f"{operation} of {where}"
    text = one_line(error)
    if isinstance(error, ServiceRequestTimeoutError | ServiceResponseTimeoutError | TimeoutError):
        hint = "raise scan.call_timeout, or try again later"
        return TimedOut(f"{operation} gave no answer in time", where=place, hint=hint)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        hint = "let SSL_CERT_FILE name the certificates of the authority that the network's proxy or endpoints use"
        return Unreachable(f"{operation} could not be reached: {text}", where=place, hint=hint)
    if isinstance(error, ClientAuthenticationError) and not _NO_NETWORK.search(text):
        hint = "check credential, tenant_id and client_id, or the environment that the scan runs in"
        return CredentialsError(f"there are no usable Azure credentials: {text}", where=place, hint=hint)
    if isinstance(error, AzureError | ClientError | OSError):
        hint = "check the network, the proxy, and cloud and endpoints"
        return Unreachable(f"{operation} could not be reached: {text}", where=place, hint=hint)
    return Malformed.answer(operation, where, f"its body is not what the API describes: {text}")


def credentials_error(error: Exception, kind: str) -> CollectionError:
    """Translate what kept credentials of some kind from being made: a file, a variable that is missing."""
    hint = "check the account's keys, or the environment that the scan runs in"
    return CredentialsError(
        f"there are no usable Azure credentials: {one_line(error)}", where=f'credential = "{kind}"', hint=hint
    )


def evidence(error: CollectionError, operation: str) -> Evidence:
    """Give what Azure said as evidence, word by word where it said something."""
    return Evidence(operation, "error", error.said or error.what)


def one_line(error: BaseException | str) -> str:
    """Give an error's text on one line, without links to guides, URLs cut to scheme and host: they may hold secrets.

    It ends without a full stop, as it becomes a part of sentences.
    """
    text = _GUIDE.sub("", " ".join(str(error).split()))
    text = _URL.sub(r"\g<scheme>\g<host>", text)
    return textwrap.shorten(text.rstrip(". "), _LONGEST, placeholder=" ...") or type(error).__name__


def _not_found(code: str, operation: str, place: str, said: str) -> NotFound:
    """Tell what is gone for sure from what only this answer does not find."""
    what = f"{operation} finds nothing: {said}"
    if code in _NOT_REGISTERED:
        return NotRegisteredError(what, where=place)
    if code in _GONE:
        gone = ResourceGoneError(what, where=place)
        gone.code = code
        return gone
    if code == _NO_SUBSCRIPTION:
        return NotFound(what, where=place, hint="correct its id: those of another tenant are not found either")
    hint = "" if code else "check for a proxy that answers in the API's place"
    return NotFound(what, where=place, hint=hint)


def _failed(status: int, operation: str, where: str, said: str, attempts: int) -> CollectionError:
    """Translate an answer of a service that is in trouble, or of something else that answers in its place."""
    place = f"{operation} of {where}"
    tried = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    if status == _TOO_MANY:
        hint = "raise scan.retries or lower scan.max_calls"
        return Throttled(f"{operation} was still throttled after {tried}", where=place, hint=hint, said=said)
    if status == _TIMEOUT or status >= _SERVER_ERROR:
        what = f"{operation} still answered HTTP {status} after {tried}"
        return Unreachable(what, where=place, hint="try again later", said=said)
    if _REDIRECT <= status < _REQUEST:
        return Malformed.answer(operation, where, f"it is a redirect (HTTP {status})")
    return CollectionError(f"{operation} was refused: {said}", where=place)


def _denied(code: str, message: str, operation: str, place: str, permission: str) -> CollectionError:
    """Translate a refusal: the action that Azure names is the one that is missing."""
    named = _ACTION.search(message)
    missing = named[1] if named else permission
    hint = f"grant {missing}: `k8s-audit-coverage providers aks --permissions` prints the role that is needed"
    if code == "DenyAssignmentAuthorizationFailed":
        hint = f"a deny assignment takes {missing} away: it wins over every role"
    said = ": ".join(part for part in (code, message) if part)
    return PermissionDenied(f"{operation} is denied", where=place, permission=missing, hint=hint, said=said)


def _code_and_message(answer: AsyncHttpResponse) -> tuple[str, str]:
    """Take code and message out of an error's body, in any of the forms that Azure's services write."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return "", one_line(answer.content.decode("utf-8", "replace")[:_LONGEST]) if answer.content else ""
    error = body.get("error", body) if isinstance(body, Mapping) else {}
    if not isinstance(error, Mapping):
        return "", one_line(str(error))
    found = {str(key).lower(): value for key, value in error.items()}
    return str(found.get("code") or ""), one_line(str(found.get("message") or "")) if found.get("message") else ""
