"""What can go wrong with a request to an API server, scripted: which requests, how often, and what they meet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Fault:
    """An answer that takes the place of the real one for the requests that match; an empty selector matches all.

    Attributes:
        page: The page of a list, beginning with 1; None for any.
        times: How many more requests it meets; None for every one.
        user: Who asks.
    """

    answer: Answer
    path: str | None = None
    page: int | None = None
    times: int | None = None
    user: str | None = None

    def takes(self, request: web.BaseRequest, user: str = "") -> bool:
        """Say whether it meets this request of some user, and count it."""
        if self.user not in {None, user}:
            return False
        if self.path not in {None, request.path}:
            return False
        if self.page is not None and (self.page > 1) != ("continue" in request.query):
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


def status(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """Build a Kubernetes Status."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }
    return web.json_response(body, status=code, headers=headers)


def error(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """Answer with a Status of this code."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return status(code, reason, message, headers)

    return answer


def throttle(retry_after: str | None = "0") -> Answer:
    """Throttle as API priority and fairness does."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return error(429, "TooManyRequests", "the server has received too many requests", headers)


def expire() -> Answer:
    """Say that a continue token is too old."""
    return error(410, "Expired", "The provided continue parameter is too old to display a consistent list result.")


def body(content: bytes, code: int = 200, content_type: str = "application/json", **headers: str) -> Answer:
    """Answer with this body, which need not be what the API describes."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=content, status=code, content_type=content_type, headers=headers)

    return answer


def redirect(location: str) -> Answer:
    """Send the client elsewhere."""
    return body(b"", 302, "text/plain", Location=location)


def cut_off(content: bytes = b'{"kind": "List", "items": [') -> Answer:
    """Begin an answer that is longer than what comes, then close the connection."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(content) + 1000)})
        await response.prepare(request)
        await response.write(content)
        if request.transport is not None:
            request.transport.abort()
        return response

    return answer


def stall(seconds: float) -> Answer:
    """Take the request and say nothing for some time."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.Response(body=json.dumps({}))

    return answer


def endless(part: bytes = b" " * 1024 * 1024, parts: int = 200) -> Answer:
    """Send far more than anything should hold."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(parts):
            await response.write(part)
        return response

    return answer


def drop() -> Answer:
    """Close the connection without an answer."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return answer
