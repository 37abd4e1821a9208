"""Recent entries: looked for only when asked, and what is not seen proves nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scanner.assessment import assess
from scanner.model import ClusterObservation, Link, LinkCheck, LinkState, RequestCategory, RuleSettings
from tests.emulators.gcp import GcpEmulator
from tests.unit.providers.gke.conftest import NOW, Collect, P, channel, main_of

ACTIVITY = "cloudaudit.googleapis.com/activity"
DATA_ACCESS = "cloudaudit.googleapis.com/data_access"
OBSERVE = RuleSettings(observe=True)


def observed(cluster: ClusterObservation, log: str) -> LinkCheck:
    found = channel(cluster, log).observed
    assert found is not None
    return found


async def test_nothing_is_looked_for_unless_asked(project: GcpEmulator, collect: Collect) -> None:
    cluster = await main_of(collect)
    assert {one.observed for one in cluster.servers[0].channels} == {None}
    assert project.cloud.calls["ListLogEntries", P] == 0


async def test_the_newest_entry_of_each_log_is_seen(project: GcpEmulator, collect: Collect) -> None:
    for hours in (30, 3, 5):
        project.cloud.entry("payments-prod", "main", DATA_ACCESS, NOW - timedelta(hours=hours))
    project.cloud.entry("payments-prod", "other", ACTIVITY, NOW - timedelta(hours=1))
    cluster = await main_of(collect, rule=OBSERVE)
    seen = observed(cluster, "data_read")
    assert (seen.state, seen.reason) == (
        LinkState.OK,
        f"the newest entry of {DATA_ACCESS} is of 2026-03-01T09:00:00Z, within the last 24 hours",
    )
    unseen = observed(cluster, "admin_activity")
    assert (unseen.state, unseen.reason) == (
        LinkState.UNKNOWN,
        f"no entry of {ACTIVITY} seen in the last 24 hours; not proof of a gap: a quiet cluster writes none",
    )
    assert observed(cluster, "data_write").state is LinkState.NOT_APPLICABLE
    links = {one.category: one.links[Link.OBSERVED] for one in assess(cluster, OBSERVE).findings}
    assert links[RequestCategory.API_CALLS] == seen
    assert links[RequestCategory.RBAC_DENIALS].state is LinkState.UNKNOWN


async def test_a_search_that_takes_google_long_goes_on(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.is_slow_to_find = True
    project.cloud.entry("payments-prod", "main", ACTIVITY, NOW - timedelta(minutes=1))
    assert observed(await main_of(collect, rule=OBSERVE), "admin_activity").state is LinkState.OK
    assert project.cloud.calls["ListLogEntries", P] == 4


async def test_private_entries_are_hidden_without_a_word(project: GcpEmulator, collect: Collect) -> None:
    project.cloud.entry("payments-prod", "main", DATA_ACCESS, NOW - timedelta(hours=3))
    project.cloud.deny("logging.privateLogEntries.list")
    unseen = observed(await main_of(collect, rule=OBSERVE), "admin_read")
    assert unseen.state is LinkState.UNKNOWN
    assert "a reader without logging.privateLogEntries.list is shown none" in unseen.reason


@pytest.mark.parametrize("kind", ["", "throttle", "hang"])
async def test_entries_that_cannot_be_read_leave_that_link_open(
    kind: str, project: GcpEmulator, collect: Collect
) -> None:
    if kind:
        project.cloud.fault(kind, "ListLogEntries")
    else:
        project.cloud.deny("logging.logEntries.list")
    cluster = await main_of(collect, rule=OBSERVE, scan={"call_timeout": 2.0, "retries": 0})
    unread = observed(cluster, "admin_activity")
    assert (unread.state, unread.permission) == (LinkState.UNKNOWN, "" if kind else "logging.logEntries.list")
    assert unread.reason.startswith(f"whether entries of {ACTIVITY} arrive could not be read: logging:ListLogEntries ")
    assert channel(cluster, "data_read").delivered.state is LinkState.OK
