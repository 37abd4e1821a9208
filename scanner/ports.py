"""The two ways in which the product is extended: providers and report formats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scanner.model import Collected, RuleSettings, ScanResult, ScanSettings, Settings


class AccountOptions(Settings):
    """Base of the keys that a provider's ``[[account]]`` tables may hold beside ``name`` and ``provider``."""


class Waits(Protocol):
    """Told what a provider waits for, for the live display and the log; cheap, and safe from any thread."""

    def __call__(self, what: str) -> None:
        """Say what is being waited for now, such as ``eu-west-1: eks:ListClusters``."""
        ...


@dataclass(frozen=True, slots=True)
class CollectContext:
    """What the engine hands a provider for one account.

    Attributes:
        account: The account's name in the configuration.
        started: When the scan began, with time zone; the end of the look-back window.
    """

    account: str
    scan: ScanSettings
    rule: RuleSettings
    started: datetime
    waits: Waits


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

    def render(self, result: ScanResult) -> str:
        """Give the whole report as text."""
        ...
