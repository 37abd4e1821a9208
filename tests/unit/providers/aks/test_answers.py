"""Answers that clusters have in common, beside what the tests over the wire see of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from providers.aks.answers import Answers
from scanner.errors import CollectionError

KEY = ("store", "logs")


async def failing() -> CollectionError:
    return CollectionError("no answer")


async def never() -> str:
    await asyncio.Event().wait()
    return "never"


async def answering() -> str:
    return "answer"


async def test_what_is_open_is_stopped_and_what_failed_is_asked_anew() -> None:
    answers = Answers()
    assert isinstance(await answers.once(("bad",), "one", failing), CollectionError)
    assert await answers.once(("good",), "one", answering) == "answer"
    waiting = asyncio.create_task(answers.once(KEY, "one", never))
    await asyncio.sleep(0)
    assert len(answers) == 3
    await answers.stop()
    with suppress(asyncio.CancelledError):
        await waiting
    assert len(answers) == 1
    assert await answers.once(("bad",), "two", answering) == "answer"
    assert await answers.once(("good",), "two", failing) == "answer"


async def test_each_account_that_is_not_told_asks_once_for_itself() -> None:
    answers = Answers()
    asked: list[str] = []

    async def ask(account: str) -> None:
        async def read() -> CollectionError:
            asked.append(account)
            return CollectionError("no answer")

        await answers.once(KEY, account, read)

    for account in ("one", "one", "two", "two"):
        await ask(account)
    assert asked == ["one", "two"]
    assert await answers.once(KEY, "three", answering) == "answer"
    assert await answers.once(KEY, "one", failing) == "answer"


async def test_an_open_question_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.aks.answers.MOST_REMEMBERED", 1)
    answers = Answers()
    waiting = asyncio.create_task(answers.once(KEY, "one", never))
    await asyncio.sleep(0)
    assert await answers.once(("other",), "one", answering) == "answer"
    assert len(answers) == 2
    await answers.stop()
    with suppress(asyncio.CancelledError):
        await waiting
