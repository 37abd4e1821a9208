"""How the logs of one API server stand at the links behind its policy, one link after the other."""

from __future__ import annotations

from dataclasses import dataclass, field

from scanner.model import LinkCheck, LinkState, LogChannel, RuleSettings

_STATES = {LinkState.OK: 0, LinkState.NOT_APPLICABLE: 0, LinkState.UNKNOWN: 1, LinkState.GAP: 2}


@dataclass(frozen=True, slots=True)
class LogsAtLink:
    """How the logs that can carry a category stand at one link, in the order of the channels.

    Attributes:
        own: What each log's own setting at this link says.
        checks: The same, or the check of a link before where that is worse.
        told: Those of the logs that get here, in this link's own words where these are as bad, so that each link
            quotes what it read.
        sure: The logs whose records get past this link.
        possible: Those and the ones of which it is not known.
    """

    own: tuple[LinkCheck, ...]
    checks: tuple[LinkCheck, ...]
    told: tuple[LinkCheck, ...]
    sure: frozenset[str]
    possible: frozenset[str]
    _known: dict[LinkState, LinkCheck] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, channels: list[LogChannel], own: tuple[LinkCheck, ...], before: tuple[LinkCheck, ...] | None = None
    ) -> LogsAtLink:
        """Put a link together from what it and those before it say; the first one has none before it."""
        checks = told = own
        if before is not None:
            checks = tuple(map(_worse, before, own))
            here = zip(checks, own, before, strict=True)
            told = tuple([_own_or_worse(one, mine) for one, mine, past in here if past.state is not LinkState.GAP])
        pairs = list(zip(channels, checks, strict=True))
        sure = frozenset([channel.log for channel, check in pairs if check.state is LinkState.OK])
        possible = frozenset([channel.log for channel, check in pairs if check.state is not LinkState.GAP])
        return cls(own, checks, told, sure, possible)

    def check(self, state: LinkState, good: str) -> LinkCheck:
        """Give the check of all logs together, which is in a state that several categories may have in common.

        Args:
            state: The state.
            good: What to say where no log that decides it says why; of one link always the same.
        """
        if state not in self._known:
            decisive = [check for check in self.told if check.state is state] or self.told
            reason = "; ".join(dict.fromkeys([check.reason for check in decisive])) or good
            permission = next((check.permission for check in decisive if check.permission), "")
            evidence = tuple(dict.fromkeys([item for check in decisive for item in check.evidence]))
            self._known[state] = LinkCheck(state, reason, evidence, permission)
        return self._known[state]


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
        exported = LogsAtLink.of(channels, switched_on)
        delivered = LogsAtLink.of(channels, tuple([channel.delivered for channel in channels]), exported.checks)
        kept = tuple([_retention_check(channel, rule) for channel in channels])
        return cls(channels, exported, delivered, LogsAtLink.of(channels, kept, delivered.checks))


def _own_or_worse(worst: LinkCheck, own: LinkCheck) -> LinkCheck:
    """Prefer the link's own words where the one that counts is no worse."""
    return own if own.state is worst.state else worst


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
