"""What can go wrong with an AWS call, scripted: which calls, how often, and what they meet."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.emulators.aws.wire import Call, Environ, StartResponse, refuse, respond

Answer = Callable[[Call, Environ, StartResponse], Iterable[bytes]]

Headers = list[tuple[str, str]]

PRINCIPAL: Final = "arn:aws:sts::{account}:assumed-role/audit-scanner/k8s-audit-coverage"

REAL: Final = "emulator.answer"
"""Where a request's environment holds what gives the real answer."""

stopping = threading.Event()
"""Set when the emulator stops, so that stalled answers end at once."""


@dataclass(slots=True)
class Fault:
    """An answer that takes the place of the real one for the calls that match; an empty selector matches every call.

    Attributes:
        times: How many more calls it meets; None for every one.
    """

    answer: Answer
    action: str | None = None
    account: str | None = None
    region: str | None = None
    cluster: str | None = None
    role: str | None = None
    times: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def takes(self, call: Call) -> bool:
        """Say whether it meets this call, and count it."""
        selectors = (
            (self.action, call.action),
            (self.account, call.account),
            (self.region, call.region),
            (self.cluster, call.cluster),
            (self.role, call.parameters.get("RoleArn")),
        )
        if any(wanted is not None and wanted != found for wanted, found in selectors):
            return False
        with self._lock:
            if self.times is None:
                return True
            self.times -= 1
            return self.times >= 0


_DENIED_CODES: Final = {
    "account": (403, "AccessDeniedException"),
    "config": (400, "AccessDeniedException"),
    "eks": (403, "AccessDeniedException"),
    "logs": (400, "AccessDeniedException"),
    "observabilityadmin": (400, "AccessDeniedException"),
    "organizations": (400, "AccessDeniedException"),
}
_THROTTLED_CODES: Final = {
    "account": (429, "TooManyRequestsException", "Rate exceeded"),
    "config": (400, "ThrottlingException", "Rate exceeded"),
    "observabilityadmin": (429, "TooManyRequestsException", "Rate exceeded"),
    "organizations": (400, "TooManyRequestsException", "Rate exceeded"),
    "eks": (429, "ThrottlingException", "Rate exceeded"),
    "logs": (400, "ThrottlingException", "Rate exceeded"),
    "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "sts": (400, "Throttling", "Rate exceeded"),
}


def deny(because: str = "no identity-based policy allows the {action} action") -> Answer:
    """Deny the call as the service itself would; `because` is how AWS ends its sentence."""

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        status, code = _DENIED_CODES.get(call.service, (403, "AccessDenied"))
        if call.service == "ec2":
            code = "UnauthorizedOperation"
        principal = PRINCIPAL.format(account=call.account)
        reason = because.format(action=call.action)
        message = f"User: {principal} is not authorized to perform: {call.action} because {reason}"
        return refuse(call, environ, start_response, status, code, message)

    return answer


def deny_without_code() -> Answer:
    """Deny the call as moto and some proxies do: in XML, whatever the service's protocol."""

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = (
            f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{call.action}</Message></Error></ErrorResponse>"
        )
        return respond(environ, start_response, 403, body.encode(), {"Content-Type": "text/xml"})

    return answer


def throttle() -> Answer:
    """Throttle the call as the service itself would."""

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return refuse(call, environ, start_response, *_THROTTLED_CODES[call.service])

    return answer


def error(status: int, code: str, message: str) -> Answer:
    """Answer with an error of this code, in the shape of the service."""

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return refuse(call, environ, start_response, status, code, message)

    return answer


def body(content: bytes, status: int = 200, content_type: str = "application/json") -> Answer:
    """Answer with this body, which need not be what the API describes."""

    def answer(_call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return respond(environ, start_response, status, content, {"Content-Type": content_type})

    return answer


def server_error() -> Answer:
    """Answer as a load balancer does whose servers are down: HTTP 500 and a page of HTML."""
    return body(b"<html><body><h1>500 Internal Server Error</h1></body></html>", 500, "text/html")


def truncate() -> Answer:
    """Answer with the first half of the real body, as if that were all of it."""

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, content = _real(call, environ)
        return _send(start_response, status, headers, content[: len(content) // 2])

    return answer


def repeat_page(token: str) -> Answer:
    """Answer with the first page again and again, which names a next one; `token` is the field that does."""
    first: dict[tuple[str, str], tuple[str, Headers, bytes]] = {}

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        place = (call.action, call.region)
        if token not in call.parameters:
            first[place] = _real(call, environ)
        status, headers, content = first[place]
        return _send(start_response, status, headers, json.dumps({**json.loads(content), token: "once-more"}).encode())

    return answer


def lose_page(token: str) -> Answer:
    """Answer with a page that names a next one, for which there is only a server error."""
    first, next_one = repeat_page(token), server_error()

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return (next_one if token in call.parameters else first)(call, environ, start_response)

    return answer


def _real(call: Call, environ: Environ) -> tuple[str, Headers, bytes]:
    """Give the status, the headers and the body of the real answer."""
    answered: list[tuple[str, Headers]] = []
    content = b"".join(environ[REAL](call, environ, lambda status, headers, *_: answered.append((status, headers))))
    return *answered[0], content


def _send(start_response: StartResponse, status: str, headers: Headers, content: bytes) -> Iterable[bytes]:
    """Answer with another body than the real one."""
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    start_response(status, [*kept, ("Content-Length", str(len(content)))])
    return [content]


def stall(seconds: float) -> Answer:
    """Take the call and say nothing for `seconds`, then drop the connection."""

    def answer(call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        stopping.wait(seconds)
        return drop()(call, environ, start_response)

    return answer


def drop() -> Answer:
    """Close the connection without an answer."""

    def answer(_call: Call, environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
        connection: socket.socket = environ["werkzeug.socket"]
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError

    return answer
