"""Finds the accounts of an AWS organisation, and where an inventory knows them, their clusters."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

from providers.eks.calls import GET_CALLER_IDENTITY, Calls
from providers.eks.facts import AccountFacts
from providers.eks.fetch import enter
from providers.eks.inventory import SELECT, Inventories, Inventory, from_config
from providers.eks.options import not_of
from providers.eks.organization_options import EksOrganizationOptions, Member, Members, Origin
from providers.eks.session import Pools
from providers.eks.telemetry import from_telemetry
from providers.eks.wire import Answer
from scanner.errors import CollectionError, CredentialsError, Malformed
from scanner.model import AccountIdentity, AccountNote, CollectionFailure, Evidence, Note, NoteSeverity
from scanner.ports import CollectContext, Discovered, DiscoveredAccount

LIST_ACCOUNTS: Final = "organizations:ListAccounts"
LIST_ACCOUNTS_FOR_PARENT: Final = "organizations:ListAccountsForParent"
LIST_UNITS: Final = "organizations:ListOrganizationalUnitsForParent"

_ACTIVE: Final = "ACTIVE"
_NOT_ACTIVE: Final = frozenset({"PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"})
"""The other states that AWS names (botocore organizations, 1.44.5); an account of any other may have clusters."""

_MOST_TOLD: Final = 20
_WHOLE: Final = ""
"""Stands for the whole organisation where no unit is given."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """An account as Organizations lists it."""

    id: str
    name: str
    state: str


async def discover(
    pools: Pools, options: EksOrganizationOptions, context: CollectContext
) -> AsyncGenerator[Discovered, None]:
    """List the accounts, each as soon as it is known; where an inventory is asked, with what it knows of them."""
    entered = await enter(pools.get(context.scan), options.hub(), context)
    if isinstance(entered, CollectionFailure):
        yield entered
        return
    calls, hub = entered
    yield AccountIdentity(hub.account_id)
    strangers = not_of(hub.partition, options.named_regions)
    if strangers:  # Without a role in the configuration, only its credentials tell the partition.
        what = f"regions holds {strangers}, but the credentials are of partition {hub.partition}"
        error = CredentialsError(what, hint="correct regions, or enter the organisation with other credentials")
        yield CollectionFailure.of(error, "account", operation=GET_CALLER_IDENTITY, whole_account=True)
        return
    finder = _Finder(calls, hub, options, context)
    async for item in finder.found():
        yield item


class _Finder:
    """Goes through one organisation."""

    def __init__(
        self, calls: Calls, hub: AccountFacts, options: EksOrganizationOptions, context: CollectContext
    ) -> None:
        """Know whom to ask."""
        self._calls = calls
        self._hub = hub
        self._options = options
        self._context = context
        self._excluded: list[str] = []
        self._not_active: list[str] = []
        self._unclear: list[str] = []
        self._used: set[str] = set()
        self._listed: set[str] = set()
        self._is_any_read = False
        self._empty = set(options.organizational_units) or {_WHOLE}

    async def found(self) -> AsyncIterator[Discovered]:
        """Give the accounts, then what is to be said about the others."""
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(self._config()), tasks.create_task(self._telemetry())]
        for note in (note for task in asked for note in task.result()[1]):
            yield AccountNote(note)
        known = tuple(inventory for task in asked if (inventory := task.result()[0]) is not None)
        origin = None
        if known:
            hub = self._options.hub()
            place = (self._calls.home_region, self._hub.account_id, self._hub.identity)
            origin = Origin(Inventories(known), hub, *place)
        is_complete = True
        members = Members(self._options, self._hub.partition, origin)
        async for page in self._pages():
            if isinstance(page, CollectionFailure):
                is_complete = False
                yield page
                continue
            for account in page:
                if self._wants(account):
                    # What an inventory knows of it is asked in the account's own turn.
                    member = Member(members, sys.intern(account.id))
                    yield DiscoveredAccount(f"{self._context.account}/{account.id}", member)
        for item in self._left_out(is_complete=is_complete):
            yield item

    def _left_out(self, *, is_complete: bool) -> Iterator[Discovered]:
        """Say which accounts are not read, so that none is absent without a word, and where there are none."""
        unclear = "in a state that is not known, and read all the same"
        for severity, what, names in (
            (NoteSeverity.INFO, "excluded by exclude_accounts", self._excluded),
            (NoteSeverity.INFO, "not active", self._not_active),
            (NoteSeverity.WARNING, unclear, self._unclear),
        ):
            if names:
                yield _told(severity, what, names)
        for place in sorted(self._empty):
            yield _without_accounts(place, whole=not self._listed)
        if not is_complete:
            return
        unused = [glob for glob in self._options.exclude_accounts if glob not in self._used]
        if unused and self._listed:
            text = f"exclude_accounts names {', '.join(unused)}, which no account of the organisation matches"
            yield _warning(text, "no match")
        if self._listed and not self._is_any_read:
            text = f"no account is left to read: of {len(self._listed)} that are listed, all are excluded or not active"
            yield _warning(text, f"{len(self._listed)} accounts")

    async def _config(self) -> tuple[Inventory | None, list[Note]]:
        """Ask AWS Config; without its answer every account is asked itself."""
        aggregator = self._options.config_aggregator
        if aggregator is None:
            return None, []
        region = self._options.config_region or self._calls.home_region
        try:
            return await from_config(self._calls, aggregator, region, self._wanted_regions()), []
        except CollectionError as error:
            text = (
                f"AWS Config aggregator {aggregator} in {region} could not be asked, so that what it would know is"
                f" listed: {error.what}"
            )
            read = (Evidence(SELECT, aggregator, error.said or error.what),)
            return None, [Note(NoteSeverity.WARNING, text, read)]

    async def _telemetry(self) -> tuple[Inventory | None, list[Note]]:
        """Ask CloudWatch telemetry config; without its answer every account is asked itself."""
        if not self._options.telemetry_config:
            return None, []
        asked = self._options.telemetry_regions or (self._calls.home_region,)
        return await from_telemetry(self._calls, asked, self._wanted_regions())

    def _wanted_regions(self) -> tuple[str, ...] | None:
        """Give the regions that are read; None where those are that an account has on."""
        return self._options.regions if isinstance(self._options.regions, tuple) else None

    async def _pages(self) -> AsyncIterator[list[_Listed] | CollectionFailure]:
        """Give the accounts page by page: all of the organisation, or those below some of its units."""
        waiting = [(unit, unit) for unit in self._options.organizational_units] or [(_WHOLE, _WHOLE)]
        while waiting:
            parent, given = waiting.pop()
            action = LIST_ACCOUNTS_FOR_PARENT if parent else LIST_ACCOUNTS
            request = {"MaxResults": 20} | ({"ParentId": parent} if parent else {})
            where = parent or "the organisation"
            try:
                async for page, _ in self._calls.pages(
                    action, where, self._calls.home_region, request, "Accounts", _accounts, "NextToken"
                ):
                    if page:
                        self._empty.discard(given)
                    fresh = [account for account in page if account.id not in self._listed]
                    self._listed.update(account.id for account in fresh)
                    yield fresh
                if parent:
                    action = LIST_UNITS
                    waiting += [(unit, given) for unit in await self._units_below(parent)]
            except CollectionError as error:
                self._empty.discard(given)
                whole = not self._listed and len(waiting) == 0
                yield CollectionFailure.of(error, f"accounts of {where}", operation=action, whole_account=whole)

    async def _units_below(self, parent: str) -> list[str]:
        """List the units of a unit or a root."""

        def read(page: Answer) -> list[str]:
            return [str(unit["Id"]) for unit in page["OrganizationalUnits"]]

        request = {"ParentId": parent, "MaxResults": 20}
        pages = self._calls.pages(
            LIST_UNITS, parent, self._calls.home_region, request, "OrganizationalUnits", read, "NextToken"
        )
        return [unit async for units, _ in pages for unit in units]

    def _wants(self, account: _Listed) -> bool:
        """Sort out those that are left out."""
        shown = f"{account.name} ({account.id})" if account.name else account.id
        patterns = self._options.left_out_by(account.id, account.name)
        if patterns:
            self._used.update(patterns)
            self._excluded.append(shown)
            return False
        if account.state in _NOT_ACTIVE:
            self._not_active.append(f"{shown}: {account.state}")
            return False
        if account.state != _ACTIVE:
            self._unclear.append(f"{shown}: {account.state or 'no state'}")
        self._is_any_read = True
        return True


def _accounts(page: Answer) -> list[_Listed]:
    """Read accounts; ``State`` has taken the place of ``Status``, which is retired (botocore organizations, 1.44.5)."""
    return [
        _Listed(
            sys.intern(str(one["Id"])), str(one.get("Name") or ""), str(one.get("State") or one.get("Status") or "")
        )
        for one in page["Accounts"]
    ]


def _told(severity: NoteSeverity, what: str, names: list[str]) -> AccountNote:
    """Say something of some accounts, of which the first are named."""
    shown = ", ".join(sorted(names)[:_MOST_TOLD])
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    plural = "account is" if len(names) == 1 else "accounts are"
    text = f"{len(names)} {plural} {what}: {shown}{more}"
    return AccountNote(Note(severity, text, (Evidence(LIST_ACCOUNTS, "Accounts", shown + more),)))


def _warning(text: str, read: str) -> AccountNote:
    """Say that the list of accounts is not what the configuration makes one expect."""
    return AccountNote(Note(NoteSeverity.WARNING, text, (Evidence(LIST_ACCOUNTS, "Accounts", read),)))


def _without_accounts(place: str, *, whole: bool) -> Discovered:
    """Say that nothing is listed somewhere: a unit may be empty, what holds the management account cannot be."""
    if place != _WHOLE and not place.startswith("r-"):
        text = f"no account is in organizational unit {place}, at any depth"
        return AccountNote(Note(NoteSeverity.WARNING, text, (Evidence(LIST_ACCOUNTS_FOR_PARENT, place, "none"),)))
    where, operation = (place, LIST_ACCOUNTS_FOR_PARENT) if place else ("the organisation", LIST_ACCOUNTS)
    error = Malformed.answer(operation, where, "it holds no account, not even the management account")
    return CollectionFailure.of(error, f"accounts of {where}", operation=operation, whole_account=whole)
