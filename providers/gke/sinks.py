"""What one log sink does with the audit entries of a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from providers.gke.facts import Exclusion, ProjectFacts, Sink
from providers.gke.filters import Entries, Match, matches
from scanner.model import LinkState

_BUCKET: Final = re.compile(r"logging\.googleapis\.com/(projects/[^/]+/locations/[^/]+/buckets/[^/]+)")
_PROJECT: Final = re.compile(r"logging\.googleapis\.com/projects/([^/]+)")
_LONGEST_QUOTE: Final = 300


class Takes(Enum):
    """Whether a sink exports the entries."""

    YES = LinkState.OK
    NO = LinkState.GAP
    MAYBE = LinkState.UNKNOWN


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a sink exports the entries, and what keeps it from that.

    Attributes:
        why: In words; empty where it exports them.
        exclusions: Those that hit the entries, or may.
        by_filter: Whether its own filter leaves them out, or may.
    """

    takes: Takes
    why: str = ""
    exclusions: tuple[Exclusion, ...] = ()
    by_filter: bool = False


def bucket_named_by(sink: Sink) -> str | None:
    """Give the log bucket that is a sink's destination, in full; None for another kind of destination."""
    found = _BUCKET.fullmatch(sink.destination)
    return found[1] if found else None


def project_named_by(sink: Sink) -> str | None:
    """Give the id or number of the project that is a sink's destination; None for another kind of destination."""
    found = _PROJECT.fullmatch(sink.destination)
    return found[1] if found else None


def leads_back(project: ProjectFacts, sink: Sink) -> bool:
    """Tell whether a project's sink names that same project, by its id or number: it leads nowhere."""
    other = project_named_by(sink)
    kind, _, home = sink.parent.partition("/")
    if other is None or kind != "projects":
        return False
    return other == home or (project.is_own(other) and project.is_own(home))


def taken(sink: Sink, entries: Entries) -> Taken:
    """Tell whether a sink exports some entries."""
    name = called(sink)
    if sink.disabled:
        return Taken(Takes.NO, f"{name} is disabled")
    found = matches(sink.filter, entries)
    if found.match is Match.NONE:
        return Taken(Takes.NO, f"the filter of {name} leaves them out: {short(sink.filter)}", by_filter=True)
    unsure = []
    if found.match is Match.SOME:
        unsure.append(f"whether the filter of {name} matches them depends on {found.because}")
    hits = []
    for exclusion in sink.exclusions:
        hit = Match.NONE if exclusion.disabled else matches(exclusion.filter, entries).match
        quoted = f"exclusion {exclusion.name} of {name}: {short(exclusion.filter)}"
        if hit is Match.ALL:
            return Taken(Takes.NO, f"they are left out by {quoted}", (exclusion,))
        if hit is Match.SOME:
            hits.append(exclusion)
            unsure.append(f"some of them may be left out by {quoted}")
    if not unsure:
        return Taken(Takes.YES)
    return Taken(Takes.MAYBE, "; ".join(unsure), tuple(hits), found.match is Match.SOME)


def intercepts(sink: Sink, takes: Takes) -> tuple[LinkState, str]:
    """Tell whether a sink keeps entries from those below it: OK where it does not, GAP where it does."""
    if not sink.intercept_children or takes is Takes.NO:
        return LinkState.OK, ""
    if takes is Takes.YES:
        return LinkState.GAP, f"{called(sink)} intercepts them"
    return LinkState.UNKNOWN, f"{called(sink)} may intercept them"


def called(sink: Sink) -> str:
    """Name a sink and where it is defined."""
    return f"sink {sink.name} of {sink.parent}"


def sink_text(sink: Sink) -> str:
    """Give a sink's fields on one line."""
    parts = [f"destination: {sink.destination}", f"filter: {short(sink.filter) or 'none'}"]
    parts += ["disabled"] if sink.disabled else []
    parts += [
        f"exclusion {one.name}: {short(one.filter)}{' (disabled)' if one.disabled else ''}" for one in sink.exclusions
    ]
    parts += ["includeChildren"] if sink.include_children else []
    parts += ["interceptChildren"] if sink.intercept_children else []
    return "; ".join(parts)


def short(text: str) -> str:
    """Shorten a filter for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"
