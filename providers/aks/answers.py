"""Answers that many clusters have in common, such as what a central workspace is: asked for once, kept for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from providers.aks.facts import Read
from scanner.errors import CollectionError

T = TypeVar("T")

MOST_REMEMBERED: Final = 4096


class Answers:
    """What was asked for, by whom, and what came of it; belongs to one event loop while questions are open."""

    def __init__(self) -> None:
        """Start with none."""
        self._tasks: dict[tuple[str, ...], asyncio.Future[Any]] = {}
        self._askers: dict[tuple[str, ...], str] = {}

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._tasks)

    async def once(
        self, key: tuple[str, ...], account: str, read: Callable[[], Coroutine[Any, Any, Read[T]]]
    ) -> Read[T]:
        """Ask once, however many clusters want to know; an account that stops does not stop the others' question.

        What one account could not be told, each other one asks once more: no trouble of one gets into another's report.
        """
        asker = self._askers.setdefault(key, account)
        found = await self._asked(key, read)
        if not isinstance(found, CollectionError) or asker == account:
            return found
        found = await self._asked((*key, account), read)
        if not isinstance(found, CollectionError):
            self.keep(key, found)
        return found

    def keep(self, key: tuple[str, ...], found: object) -> None:
        """Let all that ask from now on have what was found."""
        self._tasks[key] = asyncio.get_running_loop().create_future()
        self._tasks[key].set_result(found)

    async def stop(self) -> None:
        """Stop what nobody waits for any longer, and forget what failed: who comes next asks anew."""
        waiting = [task for task in self._tasks.values() if not task.done()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for key, task in [*self._tasks.items()]:
            if task.cancelled() or task.exception() is not None or isinstance(task.result(), CollectionError):
                self._drop(key)

    async def _asked(self, key: tuple[str, ...], read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Give what was answered to a question, or ask it."""
        task = self._tasks.pop(key, None)
        if task is None or task.cancelled():
            task = asyncio.create_task(read())
        self._tasks[key] = task  # it comes last, as what was asked for most recently
        self._forget()
        found: T = task.result() if task.done() else await asyncio.shield(task)
        return found

    def _forget(self) -> None:
        """Forget what nobody has asked for in a long time: of ten thousand subscriptions each may have its own."""
        while len(self._tasks) > MOST_REMEMBERED:
            key, task = next(iter(self._tasks.items()))
            if not task.done():
                return
            self._drop(key)

    def _drop(self, key: tuple[str, ...]) -> None:
        """Forget one, and who asked for it."""
        del self._tasks[key]
        self._askers.pop(key, None)
