"""How the logs of one API server stand at the links behind its policy, one link after the other."""

from __future__ import annotations

from dataclasses import dataclass

from scanner.model import LinkCheck, LinkState, LogChannel, RuleSettings

_STATES = {LinkState.OK: 0, LinkState.NOT_APPLICABLE: 0, LinkState.UNKNOWN: 1, LinkState.GAP: 2}


@dataclass(frozen=True, slots=True)
class LogsAtLink:
    """How the logs that can carry a category stand at one link, in the order of the channels.

    Attributes:
        own: What each log's own setting at this link says.
        checks: The same, or the check of a link before where that is worse.
        sure: The logs whose records get past this link.
        possible: Those and the ones of which it is not known.
    """

    own: tuple[LinkCheck, ...]
    checks: tuple[LinkCheck, ...]
    sure: frozenset[str]
    possible: frozenset[str]

    @classmethod
    def of(cls, channels: list[LogChannel], own: tuple[LinkCheck, ...], before: tuple[LinkCheck, ...]) -> LogsAtLink:
        """Put a link together from what it and those before it say."""
        checks = tuple(map(_worse, before, own))
        pairs = list(zip(channels, checks, strict=True))
        sure = frozenset([channel.log for channel, check in pairs if check.state is LinkState.OK])
        possible = frozenset([channel.log for channel, check in pairs if check.state is not LinkState.GAP])
        return cls(own, checks, sure, possible)


@dataclass(frozen=True, slots=True)
class LogsOnTheWay:
    """The logs of one API server that can carry a category, and how they stand at each link."""

    channels: list[LogChannel]
    exported: LogsAtLink
    delivered: LogsAtLink
    retained: LogsAtLink

    @classmethod
    def of(cls, channels: list[LogChannel], rule: RuleSettings) -> LogsOnTheWay:
        """Go from link to link."""
        switched_on = tuple([channel.exported for channel in channels])
        exported = LogsAtLink.of(channels, switched_on, switched_on)
        delivered = LogsAtLink.of(channels, tuple([channel.delivered for channel in channels]), exported.checks)
        kept = tuple([_retention_check(channel, rule) for channel in channels])
        return cls(channels, exported, delivered, LogsAtLink.of(channels, kept, delivered.checks))


def _worse(before: LinkCheck, after: LinkCheck) -> LinkCheck:
    """Give the worse of two checks; what stands before in the chain wins where they are as bad."""
    return after if _STATES[after.state] > _STATES[before.state] else before


def _retention_check(channel: LogChannel, rule: RuleSettings) -> LinkCheck:
    """Judge a store's retention against ``min_retention_days``."""
    kept, needed = channel.retention, rule.min_retention_days
    if kept.at_least >= needed:
        return LinkCheck(LinkState.OK, kept.reason, kept.evidence)
    if kept.at_most < needed:
        return LinkCheck(LinkState.GAP, f"{kept.reason}; {needed} days are required", kept.evidence)
    return LinkCheck(LinkState.UNKNOWN, kept.reason, kept.evidence, kept.permission)
