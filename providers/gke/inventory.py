"""What Cloud Asset Inventory says of an organisation: its projects, clusters, log sinks and IAM policies, in pages.

An inventory saves asking every project. It is never taken for more than it is: a project in which it saw clusters is
asked itself for these, a policy or the sinks of a project that it does not have are read, and what lies above the
projects, whose sinks decide for all below, is asked for its sinks always.

Sources: Cloud Asset API v1, REST reference of ``assets.list`` and ``Asset``; "Asset types" for the shapes of
``resource.data``; ``_Required`` is a sink that every project has and nobody can delete (Cloud Logging, "Routing and
storage overview"), so that a project without one in the inventory is one whose sinks it does not have.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

from google.api_core.exceptions import from_http_response

from providers.gke.answers import POWERFUL_ROLES, rest_sink
from providers.gke.calls import new_token
from providers.gke.facts import AuditLogConfig, IamPolicy, Sink
from providers.gke.failures import SDK_ERRORS, translate
from providers.gke.session import Connection
from scanner.errors import CollectionError
from scanner.ports import CollectContext

LIST_ASSETS: Final = "cloudasset:ListAssets"
CLUSTER: Final = "container.googleapis.com/Cluster"
SINK: Final = "logging.googleapis.com/LogSink"
PROJECT: Final = "cloudresourcemanager.googleapis.com/Project"
_POLICIES: Final = (
    PROJECT,
    "cloudresourcemanager.googleapis.com/Folder",
    "cloudresourcemanager.googleapis.com/Organization",
)
_PAGE: Final = 1000
_REST_ERROR: Final = 400
_NAMES_ONLY: Final = "readTime,nextPageToken,assets(name,assetType,updateTime,ancestors)"
"""Of a cluster its name is all that is wanted; the whole of it takes some 20 kB."""


@dataclass(frozen=True, slots=True)
class SeenCluster:
    """A cluster as an inventory saw it; `updated` is when that last noticed a change."""

    location: str
    name: str
    updated: str


@dataclass(frozen=True, slots=True)
class SeenProject:
    """A project as an inventory saw it; `above` is from its parent to the organisation."""

    project_id: str
    number: str
    state: str
    above: tuple[str, ...]


@dataclass(slots=True)
class Inventory:
    """What is known of a whole organisation; of projects without clusters nothing is kept.

    Attributes:
        read: As of when the clusters are known.
        clusters: Those that were seen, by the number of their project.
        ids: The ids of these projects, by their numbers.
        parents: What these projects and the folders above them lie in; "" above the topmost that is known.
        policies: IAM policies of these projects, and of folders and the organisation, by resource.
        sinks: Log sinks of these projects, by resource; only where all of them are known.
        shared: Answers that all projects have in common, by what was asked.
    """

    read: str = ""
    clusters: dict[str, list[SeenCluster]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    policies: dict[str, IamPolicy] = field(default_factory=dict)
    sinks: dict[str, tuple[Sink, ...]] = field(default_factory=dict)
    shared: dict[tuple[str, str], asyncio.Task[Any]] = field(default_factory=dict)

    def seen_in(self, number: str) -> tuple[SeenCluster, ...]:
        """Give the clusters that were seen in a project."""
        return tuple(sorted(self.clusters.get(number, ()), key=lambda one: (one.location, one.name)))


class Assets:
    """Asks Cloud Asset Inventory about all that lies below a folder or organisation."""

    def __init__(self, connection: Connection, parent: str, context: CollectContext) -> None:
        """Know whom to ask about what, within the limits of the organisation."""
        self._connection = connection
        self._parent = parent
        self._waits = context.waits
        self._limits = context.limits

    async def clusters(self) -> Inventory:
        """Give an inventory that knows which clusters there are; CollectionError where not all were told."""
        found = Inventory()
        async for page, read in self._pages((CLUSTER,), "RESOURCE", _NAMES_ONLY):
            found.read = found.read or read
            with _Reading(self._parent):
                for asset in page:
                    _add_cluster(found, asset)
        return found

    async def sinks(self, inventory: Inventory) -> None:
        """Add the log sinks of the projects that have clusters; CollectionError where not all were told."""
        found: dict[str, list[Sink]] = defaultdict(list)
        async for page, read in self._pages((SINK,), "RESOURCE"):
            with _Reading(self._parent):
                for asset in page:
                    home = str(asset["ancestors"][0])
                    if home.removeprefix("projects/") in inventory.clusters:
                        sink = rest_sink(home, asset["resource"]["data"])
                        found[sys.intern(home)].append(replace(sink, parent=home, seen=_seen(asset, read)))
        complete = (home for home, sinks in found.items() if any(one.name == "_Required" for one in sinks))
        inventory.sinks = {home: tuple(sorted(found[home], key=lambda one: one.name)) for home in complete}

    async def policies(self, inventory: Inventory) -> None:
        """Add the IAM policies that count for the projects that have clusters."""
        found: dict[str, IamPolicy] = {}
        async for page, read in self._pages(_POLICIES, "IAM_POLICY"):
            with _Reading(self._parent):
                for asset in page:
                    home = str(asset["ancestors"][0])
                    if home.removeprefix("projects/") in inventory.clusters or home in inventory.parents:
                        found[sys.intern(home)] = _policy(home, asset["iamPolicy"], _seen(asset, read))
        inventory.policies = found

    async def projects(self) -> AsyncIterator[tuple[list[SeenProject], str]]:
        """Give the projects page by page, each with the time as of which it is known."""
        async for page, read in self._pages((PROJECT,), "RESOURCE"):
            with _Reading(self._parent):
                found = [_project(asset) for asset in page]
            yield found, read

    async def _pages(
        self, types: tuple[str, ...], content: str, fields: str = ""
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        """Ask for page after page; a page without assets is one, and one without its token is the last."""
        seen: set[str] = set()
        token = ""
        permission = "cloudasset.assets.listIamPolicy" if content == "IAM_POLICY" else "cloudasset.assets.listResource"
        while True:
            query: list[tuple[str, str]] = [("assetTypes", one) for one in types]
            query += [("contentType", content), ("pageSize", str(_PAGE))]
            query += ([("fields", fields)] if fields else []) + ([("pageToken", token)] if token else [])
            page = await self._connection.rest_call(
                lambda query=query: self._page(query),  # type: ignore[misc]
                LIST_ASSETS,
                self._parent,
                permission,
                self._waits,
                self._limits,
                endpoint="asset",
            )
            with _Reading(self._parent):
                # Every answer says as of when it is; what does not is no answer of this API.
                read, assets = str(page["readTime"]), list(page.get("assets") or ())
                token = str(page.get("nextPageToken") or "")
            yield assets, read
            if not token:
                return
            new_token(token, seen, LIST_ASSETS, self._parent)

    def _page(self, query: list[tuple[str, str]]) -> dict[str, Any]:
        """Ask for one page."""
        url = f"https://{self._connection.asset_endpoint}/v1/{quote(self._parent)}/assets"
        answer = self._connection.rest.get(url, params=query, timeout=self._connection.timeouts, allow_redirects=False)
        if answer.status_code >= _REST_ERROR:
            raise from_http_response(answer)
        page: dict[str, Any] = answer.json()
        return page


class _Reading:
    """Puts what goes wrong while an answer is read into the product's words."""

    def __init__(self, parent: str) -> None:
        """Know what was asked about."""
        self._parent = parent

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Translate an answer of a wrong shape."""
        if isinstance(error, (*SDK_ERRORS, IndexError)) and not isinstance(error, CollectionError):
            shape = ValueError(f"{type(error).__name__}: {error}")
            raise translate(shape, LIST_ASSETS, self._parent) from error


def _seen(asset: Mapping[str, Any], read: str) -> str:
    """Say when an asset was as it was seen."""
    updated = asset.get("updateTime")
    return f"as of {read}, updated {updated}" if updated else f"as of {read}"


def _add_cluster(inventory: Inventory, asset: Mapping[str, Any]) -> None:
    """Take in a cluster: where it is, in which project, and what is above that.

    Its name is ``//container.googleapis.com/projects/ID/locations/LOCATION/clusters/NAME``, with ``zones`` for zonal.
    """
    _, _, _, _, project_id, _, location, _, name = str(asset["name"]).split("/")
    home, *above = (sys.intern(str(one)) for one in asset["ancestors"])
    number = home.removeprefix("projects/")
    inventory.ids[number] = project_id
    inventory.clusters[number].append(SeenCluster(sys.intern(location), name, str(asset.get("updateTime") or "")))
    for child, parent in zip([home, *above], [*above, ""], strict=True):
        inventory.parents[child] = parent


def _project(asset: Mapping[str, Any]) -> SeenProject:
    """Read a project, whose state and number stand under the names of either version of Resource Manager."""
    data = asset["resource"]["data"]
    home, *above = (sys.intern(str(one)) for one in asset["ancestors"])
    state = str(data.get("lifecycleState") or data.get("state") or "")
    return SeenProject(str(data["projectId"]), home.removeprefix("projects/"), sys.intern(state), tuple(above))


def _policy(resource: str, policy: Mapping[str, Any], seen: str) -> IamPolicy:
    """Take out of a policy, in JSON, its audit configuration, and who holds power by it."""
    audit = tuple(
        AuditLogConfig(
            resource, str(one["service"]), str(log["logType"]), tuple(map(str, log.get("exemptedMembers") or ())), seen
        )
        for one in policy.get("auditConfigs") or ()
        for log in one.get("auditLogConfigs") or ()
    )
    powers: dict[str, tuple[str, ...]] = {}
    for binding in policy.get("bindings") or ():
        if binding["role"] in POWERFUL_ROLES:
            for member in binding.get("members") or ():
                powers[member] = (*powers.get(member, ()), sys.intern(str(binding["role"])))
    return IamPolicy(audit, powers, seen)
