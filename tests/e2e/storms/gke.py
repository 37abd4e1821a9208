"""Google Cloud in a storm: an organisation, a project whose organisation may not be asked, and impersonation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from providers.gke import calls as product
from providers.gke.logs import LOG_IDS
from tests.e2e.storms.sky import PAGED, Place, Trouble
from tests.emulators.gcp import GcpEmulator, running
from tests.emulators.gcp.auth import key_pair

_READS: Final[dict[str, tuple[str, ...]]] = {"ADMIN_READ": (), "DATA_READ": ()}
_GKE: Final = "container.googleapis.com"
_KINDS: Final = {
    "denied": "denied",
    "throttled": "throttle",
    "unavailable": "unavailable",
    "server error": "internal",
    "no answer in time": "hang",
    "reset": "drop",
    "malformed": "malformed",
    "truncated": "truncate",
    "empty": "empty",
    "expired": "unauthenticated",
    "another shape": "shape",
    PAGED[0]: "again",
    PAGED[1]: "lost",
}
_PERMISSIONS: Final = {
    "ListProjects": "resourcemanager.projects.list",
    "ListFolders": "resourcemanager.folders.list",
    "ListClusters": "container.clusters.list",
    "ListSinks": "logging.sinks.list",
    "ListBuckets": "logging.buckets.list",
}
_NAMES: Final = {
    value.partition(":")[2][:1].upper() + value.partition(":")[2][1:]: value
    for name, value in vars(product).items()
    if name.startswith(("LIST_", "GET_")) and isinstance(value, str)
}
"""The methods by the names that Google's APIs have for them, and as the product calls them."""


class GkeSky:
    """Google Cloud."""

    shapes: Final = ("organization", "project", "impersonating")
    named: Final = frozenset(_NAMES)
    beside: Final[frozenset[str]] = frozenset()
    everywhere: Final[frozenset[str]] = frozenset()

    def __init__(self, gcp: GcpEmulator) -> None:
        """Start without any project."""
        self._gcp = gcp
        self._cloud = gcp.cloud
        self._newest = datetime.now(UTC) - timedelta(minutes=5)
        self.head = "[defaults.gke.endpoints]\n" + "".join(
            f'{name} = "{host}"\n' for name, host in gcp.endpoints.items()
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads Google's libraries to the emulator."""
        return self._gcp.environment

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What else may happen to projects."""

        def miss_a_zone(place: Place) -> None:
            self._cloud.missing[f"project-{place.key}"] = ("europe-west1-d",)

        def lose_the_project(place: Place) -> None:
            self._cloud.fault("gone", "ListClusters", f"projects/project-{place.key}")

        def deny_every_list(place: Place) -> None:
            for permission in _PERMISSIONS.values():
                for resource in (f"organizations/{place.key}", f"projects/project-{place.key}"):
                    self._cloud.deny(permission, resource)

        return {
            "a project is deleted": Trouble("organization", lose_the_project, "UNKNOWN", "container:ListClusters"),
            "a zone is missing": Trouble("project", miss_a_zone, "UNKNOWN", "europe-west1-d"),
            "every list is denied": Trouble("organization", deny_every_list, "UNKNOWN", "resourcemanager:ListProjects"),
            "every list of a project is denied": Trouble("project", deny_every_list, "UNKNOWN", "container:ListClusters"),
        }

    def add(self, shape: str, number: int, fault: str = "") -> Place:
        """Make a project in an organisation of its own, below a folder where the organisation is read."""
        key = f"7{number:05}7"
        name = f"{shape}-{number:04}"
        organization = f"organizations/{key}"
        parent = self._cloud.folder(f"8{key}", organization) if shape == "organization" else organization
        self._populate(key, organization, parent)
        scope = f'organization = "{key}"' if shape == "organization" else f'project = "project-{key}"'
        if shape == "project":
            self._cloud.deny("logging.sinks.list", organization)
        # Who impersonates asks for tokens of his own, and a reset hits all who share a connection.
        if shape == "impersonating" or fault == "reset":
            scope += f'\ncredentials_file = "{self._gcp.credentials("service_account", key)}"'
        if shape == "impersonating":
            scope += f'\nimpersonate = "auditor-{key}@security.iam.gserviceaccount.com"'
        return Place(name, f'[[account]]\nname = "{name}"\nprovider = "gke"\n{scope}\n', key)

    def calls(self, place: Place) -> frozenset[str]:
        """Give the calls about resources that hold its key in their names."""
        return frozenset(
            f"{transport} {operation} of {_kind(resource)}"
            for transport, operation, resource in self._cloud.seen.copy()
            if place.key in resource
        )

    def methods(self, calls: Iterable[str]) -> frozenset[str]:
        """Give the methods of calls."""
        return frozenset(call.split()[1] for call in calls)

    def faults(self, call: str) -> Iterable[str]:
        """Give the faults of any call, and those of lists that have pages: all but that of clusters."""
        transport, method, *_ = call.split()
        is_paged = method.startswith("List") and method != "ListClusters"
        for fault in _KINDS:
            if (fault in PAGED and not is_paged) or (fault == "another shape" and transport == "gRPC"):
                continue
            yield fault

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a call go wrong for the resources of its kind that hold the place's key."""
        transport, method, _, kind = call.split()
        for name in self._resources(place, kind):
            self._cloud.fault(_KINDS[fault], method, name, seconds=90)
            self._cloud.faults[-1].transport = transport

    def words(self, call: str) -> tuple[str, ...]:
        """Give the method as the report names it; that there is no token is said of the first call that takes one."""
        method = call.split()[1]
        return (_NAMES[method],) if method in _NAMES else ("credentials",)

    def secrets(self) -> Iterable[str]:
        """Give the private key, line by line, and all tokens."""
        yield from key_pair()[0].splitlines()[1:-1]
        yield from self._gcp.tokens.given

    def _resources(self, place: Place, kind: str) -> Iterator[str]:
        """Give what a place has of a kind."""
        key = place.key
        yield from {
            "organizations": [f"organizations/{key}"],
            "folders": [f"folders/8{key}"],
            "projects": [f"projects/{name}-{key}" for name in ("project", "central")],
            "credentials": [key, f"auditor-{key}@security.iam.gserviceaccount.com"],
        }[kind]

    def _populate(self, key: str, organization: str, parent: str) -> None:
        """Make a project whose entries go to a bucket and to the sinks of another project."""
        cloud = self._cloud
        cloud.audit(organization, "storage.googleapis.com", **_READS)
        project = cloud.project(f"project-{key}", parent)
        cloud.cluster(f"project-{key}", "main")
        cloud.audit(project, _GKE, **_READS)
        for log_id in LOG_IDS:
            cloud.entry(f"project-{key}", "main", log_id, self._newest)
        central = cloud.project(f"central-{key}", organization)
        bucket = cloud.bucket(f"central-{key}", "audit", location="europe-west1", days=400)
        cloud.sinks[project]["_Default"]["disabled"] = True
        cloud.sink(project, "bucket", f"logging.googleapis.com/{bucket}")
        cloud.sink(project, "project", f"logging.googleapis.com/{central}")


def _kind(resource: str) -> str:
    """Give the kind of a resource; tokens are asked for by the key of a place, or the name of an account."""
    kind, slash, _ = resource.partition("/")
    return kind if slash else "credentials"


@contextmanager
def sky(_folder: Path) -> Iterator[GkeSky]:
    """Run Google Cloud."""
    with running(threads=160) as gcp:
        yield GkeSky(gcp)
