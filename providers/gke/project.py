"""Reads one project, and all that its audit log depends on above it and elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from providers.gke.calls import Calls, is_denied, outcome
from providers.gke.facts import Ancestor, Project, ProjectFacts, Read, Sink, SinkLevel, SinksAbove
from providers.gke.sinks import bucket_named_by, project_named_by
from scanner.errors import CollectionError, Malformed, PermissionDenied

_DEEPEST: Final = 12
"""Folders lie at most ten deep; a longer way up is no real one."""


@dataclass(frozen=True, slots=True)
class _WayUp:
    """A project's names, and what is above it; `lost` says why the way up is not known to its end."""

    project_id: str
    number: str
    lost: CollectionError | None = None
    known: tuple[Ancestor, ...] = ()


class ProjectReader:
    """Reads the projects of one account."""

    def __init__(self, calls: Calls, account: str) -> None:
        """Read them by some calls."""
        self._calls = calls
        self._account = account

    async def read(self, name: str, project: Project | None) -> ProjectFacts:
        """Read all that the clusters of a project have in common, at the same time."""
        async with asyncio.TaskGroup() as tasks:
            policy = tasks.create_task(outcome(self._calls.iam_policy(f"projects/{name}")))
            sinks = tasks.create_task(outcome(self._calls.sinks(name)))
            buckets = tasks.create_task(outcome(self._calls.buckets(name)))
            up = await self._way_up(name, project)
        listed = buckets.result()
        facts = ProjectFacts(
            account=self._account,
            project_id=up.project_id,
            number=up.number,
            policy=policy.result(),
            sinks=sinks.result(),
            buckets={} if isinstance(listed, CollectionError) else listed,
            ancestors=up.lost or up.known,
            known_ancestors=up.known,
            above=await self._sinks_above(name, up),
            unlisted=listed if isinstance(listed, CollectionError) else None,
        )
        return await self._with_elsewhere(facts)

    async def _way_up(self, name: str, project: Project | None) -> _WayUp:
        """Find a project's names, and what is above it."""
        try:
            found = project or await self._calls.project(name)
        except CollectionError as error:
            return _WayUp(name, "", error)
        above = await self._calls.shared(("above", found.parent), lambda: self._above(found.parent))
        return _WayUp(found.project_id, found.name.removeprefix("projects/"), *above)

    async def _above(self, parent: str) -> tuple[CollectionError | None, tuple[Ancestor, ...]]:
        """Walk up to the organisation, as far as the way can be found; once for all projects with the same parent."""
        names: list[str] = []
        lost: CollectionError | None = None
        while parent and len(names) < _DEEPEST:
            names.append(parent)
            if not parent.startswith("folders/"):
                break
            try:
                parent = await self._calls.parent_of_folder(parent)
            except CollectionError as error:
                lost = error
                break
        else:
            if parent:
                lost = Malformed(f"folders lie deeper than {_DEEPEST} levels: {' in '.join(names)}", where=names[0])
        return lost, tuple(await asyncio.gather(*(self._ancestor(one) for one in names)))

    async def _ancestor(self, name: str) -> Ancestor:
        """Read a folder or organisation."""
        policy, sinks = await asyncio.gather(
            outcome(self._calls.shared_iam_policy(name)), outcome(self._calls.ancestor_sinks(name))
        )
        return Ancestor(name, policy, sinks)

    async def _sinks_above(self, name: str, up: _WayUp) -> SinksAbove:
        """Gather the sinks above a project, from the organisation down.

        Where those above may not be asked, the project itself shows the ones that intercept its entries.
        """
        errors = [one.sinks for one in up.known if isinstance(one.sinks, CollectionError)]
        errors += [up.lost] if up.lost else []
        seen: Read[tuple[Sink, ...]] | None = None
        if any(is_denied(error) for error in errors):
            seen = await outcome(self._calls.sinks_above(name))
        shown = None if isinstance(seen, CollectionError) else seen
        known = [_level(one, shown) for one in reversed(up.known)]
        return SinksAbove((*_levels_beyond(name, up, shown), *known))

    async def _with_elsewhere(self, facts: ProjectFacts) -> ProjectFacts:
        """Add what sinks lead to in other projects: their sinks, and the log buckets that any of these name."""
        own = () if isinstance(facts.sinks, CollectionError) else facts.sinks
        used = [*facts.above.sinks, *own]
        others = sorted(
            {other for sink in used if (other := project_named_by(sink)) is not None and not facts.is_own(other)}
        )
        lists = await asyncio.gather(*(outcome(self._calls.sinks_elsewhere(other)) for other in others))
        for found in lists:
            used += [] if isinstance(found, CollectionError) else found
        named = {bucket for sink in used if not sink.disabled and (bucket := bucket_named_by(sink)) is not None}
        missing = sorted(one for one in named if not facts.is_own(one.split("/")[1]))
        if not (others or missing):
            return facts
        buckets = await asyncio.gather(*(outcome(self._calls.bucket(one)) for one in missing))
        return replace(
            facts,
            elsewhere=dict(zip(others, lists, strict=True)),
            buckets={**facts.buckets, **dict(zip(missing, buckets, strict=True))},
        )


def _level(one: Ancestor, shown: tuple[Sink, ...] | None) -> SinkLevel:
    """Give the sinks of a level; where it may not be asked, those that the project shows of it."""
    if shown is None or not isinstance(one.sinks, PermissionDenied):
        return SinkLevel(one.name, one.sinks)
    return SinkLevel(one.name, tuple(sink for sink in shown if sink.parent == one.name), one.sinks)


def _levels_beyond(name: str, up: _WayUp, shown: tuple[Sink, ...] | None) -> Iterator[SinkLevel]:
    """Give the levels above all that were found on the way up; only the project shows sinks of these.

    An organisation is above all folders. Which of several folders is above the other nobody says, and it decides whose
    sinks get the entries.
    """
    if up.lost:
        is_shown = shown is not None and is_denied(up.lost)
        found: Read[tuple[Sink, ...]] = () if is_shown else up.lost
        above = f"all that is above {up.known[-1].name if up.known else f'projects/{name}'}"
        yield SinkLevel(above, found, up.lost if is_shown else None)
    by_parent: dict[str, list[Sink]] = {}
    for sink in shown or ():
        by_parent.setdefault(sink.parent, []).append(sink)
    beyond = sorted(by_parent.keys() - {one.name for one in up.known})
    folders = [parent for parent in beyond if parent.startswith("folders/")]
    for parent in (one for one in beyond if one not in folders):
        yield SinkLevel(parent, tuple(by_parent[parent]))
    if len(folders) > 1:
        names = " and ".join(folders)
        error = up.lost or Malformed(f"the project shows sinks of {names}, which are not above it", where=name)
        yield SinkLevel(f"{names}, whose order is not known,", error)
    for parent in folders:
        yield SinkLevel(parent, tuple(by_parent[parent]))
