"""What CloudWatch telemetry config says of an organisation's EKS clusters: where it evaluates, and what it found.

Its API (CloudWatch Observability Admin) is regional, and an answer names no region unless a resource's identifier is an
ARN: a resource is where it was asked about. Nor does an answer say which accounts were evaluated. Every account has a
VPC in every region unless somebody deleted it, so that VPCs are asked for as well: an account counts as looked at in a
region only where a row of it came from there.

Sources: botocore's model of ``observabilityadmin`` (1.44.5); Amazon CloudWatch User Guide, "Telemetry discovery and
enablement"; ``AWSObservabilityAdminServiceRolePolicy``, by which the service keeps recorders of AWS Config of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from providers.eks.calls import Calls
from providers.eks.facts import InventorySource
from providers.eks.failures import evidence, one_line
from providers.eks.inventory import Inventory
from providers.eks.telemetry_rows import CLUSTER, VPC, Rows
from providers.eks.wire import Answer
from scanner.errors import CollectionError
from scanner.model import Evidence, Note, NoteSeverity

STATUS: Final = "observabilityadmin:GetTelemetryEvaluationStatusForOrganization"
LIST: Final = "observabilityadmin:ListResourceTelemetryForOrganization"

_SOURCE: Final = InventorySource(
    name="CloudWatch telemetry config",
    call=LIST,
    time_field="LastUpdateTimeStamp",
    types_field="TelemetryConfigurationState.Logs",
    time_means="as last changed on",
    behind="lately",
)
_RUNNING: Final = "RUNNING"
_MOST_TOLD: Final = 5


async def from_telemetry(
    calls: Calls, asked: Sequence[str], wanted: Sequence[str] | None
) -> tuple[Inventory | None, list[Note]]:
    """Ask telemetry config in each region in which it runs; what it does not know is told, and listed.

    Args:
        calls: The calls of the management account, or of a delegated administrator.
        asked: The regions in which evaluation was turned on; each of them may have spread it to others.
        wanted: The regions that are read; None for all.

    Returns:
        The inventory, None where it knows nothing, and what is to be said of it.
    """
    reader = _Reader(calls)
    running = [region for region in await reader.running(asked) if wanted is None or region in wanted]
    async with asyncio.TaskGroup() as tasks:
        for region in running:
            tasks.create_task(reader.read(region))
    return reader.inventory() if running else None, reader.notes


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """What one region answers about evaluation: its own state, and that of the regions that it manages, with why."""

    state: str
    reason: str
    home: str | None
    regions: dict[str, tuple[str, str]]


class _Reader:
    """Goes through the regions of one organisation."""

    def __init__(self, calls: Calls) -> None:
        """Know whom to ask."""
        self._calls = calls
        self._rows = Rows()
        self._complete: set[str] = set()
        self.notes: list[Note] = []

    async def running(self, asked: Sequence[str]) -> list[str]:
        """Find the regions in which evaluation runs: where it was turned on, and where it was spread to from there."""
        waiting = list(asked)
        states: dict[str, tuple[str, str]] = {}
        seen: set[str] = set()
        while waiting:
            region = waiting.pop(0)
            seen.add(region)
            try:
                found = await self._calls.answer(STATUS, region, region, _evaluation)
            except CollectionError as error:
                self._could_not_ask(error, STATUS, region)
                continue
            states = found.regions | states | {region: (found.state, found.reason)}
            if found.home is not None and found.home not in (*seen, *waiting):
                waiting.append(found.home)  # it alone knows the other regions
        self._note_not_running(states)
        return sorted(region for region, (state, _) in states.items() if state == _RUNNING)

    async def read(self, region: str) -> None:
        """Read all pages of one region; one that cannot be read whole proves nothing of what it did not name."""
        request = {"ResourceTypes": [CLUSTER, VPC], "MaxResults": 50}
        where = f"the organisation in {region}"
        take = partial(self._rows.take, region)
        try:
            async for _ in self._calls.pages(
                LIST, where, region, request, "TelemetryConfigurations", take, "NextToken"
            ):
                pass
        except CollectionError as error:
            self._could_not_ask(error, LIST, region)
            return
        self._complete.add(region)

    def inventory(self) -> Inventory:
        """Give what was found, and say what in it proves nothing."""
        found = Inventory(_SOURCE)
        ambiguous = self._rows.ambiguous()
        for account, cluster in self._rows.clusters(_SOURCE, ambiguous):
            found.add(account, cluster)
        if ambiguous:
            names = ", ".join(sorted(ambiguous))
            text = (
                f"gives the same VPCs in {names}, so that it does not say what is where, and these regions are listed"
            )
            self._note(text, Evidence(LIST, "ResourceIdentifier", names))
        strange = self._rows.strange
        for place, identifier in strange.items():
            found.stale[place] = f"a cluster is called {identifier!r}"
        if strange:
            told = [f"{account} in {region}: {one_line(name)}" for (account, region), name in sorted(strange.items())]
            more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
            shown = ", ".join(told[:_MOST_TOLD]) + more
            text = f"names clusters by what is neither a name nor an ARN, so that their regions are listed: {shown}"
            self._note(text, Evidence(LIST, "ResourceIdentifier", shown))
        if not found.clusters and self._complete:
            text = "names no EKS cluster at all, so that nothing shows that it looks for them: every region is listed"
            self._note(text, Evidence(LIST, CLUSTER, "no rows"))
            return found
        proven = self._complete - ambiguous
        for account, region in self._rows.looked:
            if region in proven:
                found.looked.add(account, region)
        return found

    def _could_not_ask(self, error: CollectionError, action: str, region: str) -> None:
        """Say that a region is done without."""
        text = f"could not be asked in {region}, so that what it would know is listed: {error.what}"
        self._note(text, evidence(error, action))

    def _note_not_running(self, states: dict[str, tuple[str, str]]) -> None:
        """Say where it does not run, and why."""
        not_running = [
            f"{region} ({state}: {reason})" if reason else f"{region} ({state})"
            for region, (state, reason) in sorted(states.items())
            if state != _RUNNING
        ]
        if not_running:
            shown = ", ".join(not_running)
            text = f"does not run in {shown}: what it would know there is listed"
            self._note(text, Evidence(STATUS, "Status", shown))

    def _note(self, text: str, read: Evidence) -> None:
        self.notes.append(Note(NoteSeverity.WARNING, f"{_SOURCE.name} {text}", (read,)))


def _evaluation(answer: Answer) -> _Evaluation:
    """Read an answer about the state of evaluation."""
    return _Evaluation(
        str(answer["Status"]),
        _reason(answer),
        None if answer.get("HomeRegion") is None else str(answer["HomeRegion"]),
        {
            str(one["Region"]): (str(one.get("Status") or "no status"), _reason(one))
            for one in answer.get("RegionStatuses") or []
        },
    )


def _reason(answer: Answer) -> str:
    """Give why something failed, where it did."""
    return one_line(str(answer["FailureReason"])) if answer.get("FailureReason") else ""
