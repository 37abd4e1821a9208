"""Whether recent entries of a cluster were seen in Cloud Logging."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from providers.gke.facts import ClusterFacts
from providers.gke.logs import ACTIVITY, ADMIN_ACTIVITY, DATA_ACCESS
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkCheck, LinkState, RuleSettings

LIST_ENTRIES: Final = "logging:ListLogEntries"
_WHY: Final = {
    ACTIVITY: "a quiet cluster writes none",
    DATA_ACCESS: (
        "a reader without logging.privateLogEntries.list is shown none, and entries that sinks route elsewhere are not "
        "looked for there"
    ),
}


def observed(facts: ClusterFacts, log: str, exported: LinkCheck, rule: RuleSettings) -> LinkCheck | None:
    """Say whether an entry was seen within the look-back window; None where that was not asked for.

    Data Access entries do not say of which type they are, so that one of them speaks for all types that are on.
    """
    if not rule.observe:
        return None
    if exported.state is LinkState.GAP:
        return LinkCheck(LinkState.NOT_APPLICABLE, "it is not switched on, so no entry of it is expected")
    log_id = ACTIVITY if log == ADMIN_ACTIVITY else DATA_ACCESS
    newest = facts.newest[log_id]
    locator = f"entries[].timestamp of {log_id}"
    if isinstance(newest, CollectionError):
        read = Evidence(LIST_ENTRIES, locator, newest.said or newest.what)
        reason = f"whether entries of {log_id} arrive could not be read: {newest.what}"
        return LinkCheck(LinkState.UNKNOWN, reason, (read,), newest.permission)
    window = f"the last {rule.lookback_hours} hours"
    if newest is None:
        reason = f"no entry of {log_id} seen in {window}; not proof of a gap: {_WHY[log_id]}"
        return LinkCheck(LinkState.UNKNOWN, reason, (Evidence(LIST_ENTRIES, locator, "none"),))
    reason = f"the newest entry of {log_id} is of {_timestamp(newest)}, within {window}"
    return LinkCheck(LinkState.OK, reason, (Evidence(LIST_ENTRIES, locator, _timestamp(newest)),))


def _timestamp(when: datetime) -> str:
    """Write a time as reports do."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
