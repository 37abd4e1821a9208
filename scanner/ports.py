"""The two ways in which the product is extended: providers and report formats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

from scanner.model import (
    AccountIdentity,
    AccountNote,
    Collected,
    CollectionFailure,
    RuleSettings,
    ScanResult,
    ScanSettings,
    Settings,
)

T = TypeVar("T")


class AccountOptions(Settings):
    """Base of the keys that a provider's ``[[account]]`` tables may hold beside ``name`` and ``provider``."""


class OrganizationOptions(Settings):
    """Base of the keys that a provider's ``[[organization]]`` tables may hold beside ``name`` and ``provider``."""


class Waits(Protocol):
    """Told what a provider waits for, for the live display and the log; cheap, and safe from any thread."""

    def __call__(self, what: str) -> None:
        """Say what is being waited for now, such as ``eu-west-1: eks:ListClusters``."""
        ...


class Limits(Protocol):
    """Holds calls back where a cloud throttles them, and only there.

    A key names what the cloud counts calls by, such as ``aws:111122223333:eu-west-1`` or a project; all accounts of a
    run share what is known of a key. Each key has a window of calls in flight that halves when a call raises
    `Throttled` and grows again while calls succeed.

    Limits belong to one account and to its tasks: while a call waits for its turn, the account's place is lent to
    another account, and it waits to have one again. So a provider never makes a call of one account through the limits
    of another, as an object would that keeps those of whoever made it, and holds no lock that another account may wait
    for while it waits for a turn: the other one would keep the place that this one needs to go on. Nor does it make one
    call within the limit of another: each counts towards ``scan.max_calls``.
    """

    def of(self, key: str) -> AbstractAsyncContextManager[None]:
        """Give what one call is to be made in; entering waits for the key's turn, leaving by `Throttled` slows it."""
        ...

    async def call(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """Make one call within the key's limit, again while it is throttled.

        Raises:
            Throttled: It still was after ``scan.retries`` more tries.
        """
        ...


class Unlimited:
    """Limits that hold nothing back: for a provider that is used without the engine."""

    def of(self, key: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - all keys are alike
        """Give a context that does nothing."""
        return nullcontext()

    async def call(self, key: str, make: Callable[[], Awaitable[T]]) -> T:  # noqa: ARG002 - all keys are alike
        """Make one call, once."""
        return await make()


@dataclass(frozen=True, slots=True)
class CollectContext:
    """What the engine hands a provider for one account.

    Attributes:
        account: The account's name in the configuration, or the one that it was discovered under.
        started: When the scan began, with time zone; the end of the look-back window.
        limits: Where calls wait for their turn; shared with all accounts of the run.
    """

    account: str
    scan: ScanSettings
    rule: RuleSettings
    started: datetime
    waits: Waits
    limits: Limits = field(default_factory=Unlimited)


Emit = Callable[[Collected], None]
"""Takes what a reader has read, at once and from within the event loop."""


async def emitted(read: Callable[[Emit], Coroutine[Any, Any, None]]) -> AsyncGenerator[Collected, None]:
    """Yield what a reader of many things at the same time emits, as it comes; the reader ends with the generator.

    Raises:
        Exception: What the reader ended with.
    """
    queue: asyncio.Queue[Collected | None] = asyncio.Queue()
    reader = asyncio.create_task(read(queue.put_nowait))
    reader.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (item := await queue.get()) is not None:
            yield item
        await reader
    finally:
        reader.cancel()
        await asyncio.wait([reader])


class Provider(Protocol):
    """Reads the clusters of one kind of account.

    The engine runs `collect` as a task of its own with a time limit, in one event loop; blocking calls belong in
    ``asyncio.to_thread``, whose pool the engine bounds by ``scan.max_calls``. What is not read is yielded as a
    `CollectionFailure` (clusters may be missing) or as unknown parts of a `ClusterObservation`; an exception is a bug,
    except for `CollectionError`, which the engine turns into a failure of the whole account.
    Loading the package must not import an SDK: `collect` does.
    """

    @property
    def kind(self) -> str:
        """The value of ``provider`` in the configuration; the package's name."""
        ...

    @property
    def title(self) -> str:
        """The name that people use, such as ``Amazon EKS``."""
        ...

    @property
    def options(self) -> type[AccountOptions]:
        """The model of this provider's keys in an ``[[account]]`` table."""
        ...

    def permissions(self, variant: str = "") -> str:
        """Give the least permissions it needs, ready to use: an IAM policy, a role, or file modes in words.

        Args:
            variant: Which of them, such as an AWS partition; "" for the usual ones.

        Raises:
            UsageError: There is no such variant; its hint names those that there are.
        """
        ...

    def collect(self, options: AccountOptions, context: CollectContext) -> AsyncIterator[Collected]:
        """Read one account, yielding each cluster as soon as it is known."""
        ...


LateOptions = Callable[[], AccountOptions]
"""Makes the options of an account when its turn comes: ten thousand may wait for theirs, and a model is 600 bytes."""


def made(options: AccountOptions | LateOptions) -> AccountOptions:
    """Give options; where they come late, make them now."""
    return options if isinstance(options, AccountOptions) else options()


@dataclass(frozen=True, slots=True)
class DiscoveredAccount:
    """One account of an organisation.

    Attributes:
        name: Its name in reports: unique and the same in every run, because it decides which shard scans it.
        options: What the provider's `collect` takes, or what makes it. All of a run's are in memory at once: keep them
            small.
    """

    name: str
    options: AccountOptions | LateOptions


Discovered = DiscoveredAccount | CollectionFailure | AccountNote | AccountIdentity
"""What a provider yields while it looks through an organisation."""


@runtime_checkable
class OrganizationProvider(Provider, Protocol):
    """A provider that can also find the accounts of an organisation, for ``[[organization]]`` tables."""

    @property
    def organization_options(self) -> type[OrganizationOptions]:
        """The model of this provider's keys in an ``[[organization]]`` table."""
        ...

    def discover(self, options: OrganizationOptions, context: CollectContext) -> AsyncIterator[Discovered]:
        """List the accounts of an organisation, yielding each as soon as it is known.

        What is not an account goes into the report under the organisation's own name, ``context.account``: a
        `CollectionFailure` for accounts that may be missing, an `AccountNote` for those that are left out.
        """
        ...


class ReportFormat(Protocol):
    """Renders a scan result; pure, never opens a file."""

    @property
    def name(self) -> str:
        """The name that ``--format`` takes."""
        ...

    @property
    def filename(self) -> str:
        """The file's name within the output directory."""
        ...

    def render(self, result: ScanResult) -> Iterator[str]:
        """Give the report as text, piece by piece, so that the whole of it is never in memory."""
        ...
