"""When an attempt is made: within the limits of its account where Azure throttles, and so many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from scanner.errors import Throttled

TURN: Final = "k8s_audit_coverage_turn"
KEY: Final = "k8s_audit_coverage_key"
"""The options of a request that name its account's limits, and what Azure counts it by."""

_TOO_MANY: Final = 429
_Response: TypeAlias = PipelineResponse[HttpRequest, AsyncHttpResponse]


class Retries(AsyncRetryPolicy[HttpRequest, AsyncHttpResponse]):
    """The library's own retries; where the limits make a throttled place pause, it does not sleep beside them."""

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """Read the options of a request."""
        return {**super().configure_retries(options), TURN: options.get(TURN)}

    async def sleep(self, settings: dict[str, Any], transport: Any, response: Any = None) -> None:  # noqa: ANN401 - as its base
        """Sleep before the next attempt."""
        if settings[TURN] is None or response is None or response.http_response.status_code != _TOO_MANY:
            await super().sleep(settings, transport, response)


class Turns(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Makes each attempt wait for its turn. Nothing is held while the library sleeps between two of them."""

    def __init__(self, calls: asyncio.Semaphore) -> None:
        """Let so many attempts be in flight as the semaphore does."""
        super().__init__()
        self._calls = calls
        self._reads_headers = AsyncRetryPolicy()

    async def send(self, request: PipelineRequest[HttpRequest]) -> _Response:
        """Send the request on in its turn; the limits are told where Azure asks for fewer of its kind."""
        options = request.context.options
        for name in (TURN, KEY):
            if name in options:
                request.context[name] = options.pop(name)
        turn = request.context.get(TURN)
        if turn is None:
            return await self._attempt(request)
        answers: list[_Response] = []
        with suppress(Throttled):  # which is how the limits are told; what comes of it is the library's
            async with turn(request.context[KEY]):
                answers.append(await self._attempt(request))
                self._tell_throttling(answers[0])
        return answers[0]

    async def _attempt(self, request: PipelineRequest[HttpRequest]) -> _Response:
        """Make one attempt, with so many others."""
        async with self._calls:
            sent: Awaitable[_Response] = self.next.send(request)
            return await sent

    def _tell_throttling(self, answer: _Response) -> None:
        """Raise `Throttled` where Azure asked for fewer calls."""
        if answer.http_response.status_code == _TOO_MANY:
            seconds = self._reads_headers.get_retry_after(answer)
            raise Throttled("Azure asks for fewer calls", retry_after=seconds)
