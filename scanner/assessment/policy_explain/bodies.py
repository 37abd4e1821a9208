"""Whether the bodies of a request and of its response stand in an audit event.

Source: ``k8s.io/apiserver/pkg/audit/request.go`` (LogRequestObject, LogResponseObject) and its callers in
``pkg/endpoints/handlers``, confirmed by the audit logs of a running kube-apiserver 1.36.2.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from scanner.audit_policy.events import ExpectedEvent
from scanner.audit_policy.types import Level, RequestAttributes, Stage

_WITH_BODY: Final = ("create", "update", "patch")
_WITH_OPTIONS: Final = ("delete", "deletecollection")
_CONNECTIONS: Final = ("attach", "exec", "portforward", "proxy")
_UNAUTHORIZED, _FORBIDDEN, _FIRST_ERROR = 401, 403, 400


class Recorded(StrEnum):
    """Whether a body stands in an event; it may where that depends on more than the policy and the outcome."""

    YES = "yes"
    NO = "no"
    POSSIBLY = "possibly"


def request_object(event: ExpectedEvent, request: RequestAttributes) -> Recorded:
    """Tell whether the request's body stands in an event.

    It does from the moment the API server has decoded it, so not at RequestReceived, and not where the request is
    denied before that. A delete has a body only where the client sends options.
    """
    if event.level < Level.REQUEST or event.stage is not Stage.RESPONSE_COMPLETE or not request.is_resource:
        return Recorded.NO
    if request.subresource in _CONNECTIONS or event.code == _UNAUTHORIZED:
        return Recorded.NO
    if request.verb in _WITH_OPTIONS:
        return Recorded.POSSIBLY
    if request.verb not in _WITH_BODY:
        return Recorded.NO
    return Recorded.YES if event.code is not None and event.code < _FIRST_ERROR else Recorded.POSSIBLY


def response_object(event: ExpectedEvent, request: RequestAttributes, *, is_long: bool) -> Recorded:
    """Tell whether the response's body stands in an event.

    An error is answered with a Status object, which is recorded as any other; what a watch, exec, log or proxy streams
    is not.
    """
    if event.level < Level.REQUEST_RESPONSE or event.code is None:
        return Recorded.NO
    if event.code in (_UNAUTHORIZED, _FORBIDDEN):
        return Recorded.YES
    if not request.is_resource or (request.subresource == "proxy" and event.code >= _FIRST_ERROR):
        return Recorded.POSSIBLY
    return Recorded.NO if is_long and event.code < _FIRST_ERROR else Recorded.YES
