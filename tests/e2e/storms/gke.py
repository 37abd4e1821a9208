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
_OVER_GRPC: Final = ("container", "logging", "resource_manager")
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
    beside: Final = frozenset(
        {
            # The newest entries, and for how long they are kept, are told beside the verdict.
            "gRPC ListLogEntries of projects",
            "gRPC ListBuckets of projects",
            # Another sink leads to the _Default bucket of the same project, which cannot be deleted.
            "gRPC GetBucket of projects",
            # What is switched on lower down is on, whatever the organisation says.
            "gRPC GetIamPolicy of organizations",
        }
    )
    everywhere: Final = frozenset({"REST ListSinks of organizations"})
    covered: Final = frozenset(
        {
            # The project itself tells of the sinks above it that take its entries.
            ("REST ListSinks of folders", "denied"),
            ("gRPC GetFolder of folders", "denied"),
            ("REST ListSinks of organizations", "denied"),
        }
    )

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
                for resource in (f"organizations/{place.key}", *self._resources(place, "projects")):
                    self._cloud.deny(permission, resource)

        return {
            "a project is deleted": Trouble("organization", lose_the_project, "UNKNOWN", "container:ListClusters"),
            "a zone is missing": Trouble("project", miss_a_zone, "UNKNOWN", "europe-west1-d"),
            "every list is denied": Trouble("organization", deny_every_list, "UNKNOWN", "resourcemanager:ListProjects"),
            "every list of a project is denied": Trouble(
                "project", deny_every_list, "UNKNOWN", "container:ListClusters"
            ),
        }

    def add(self, shape: str, number: int, fault: str = "") -> Place:
        """Make a project in an organisation of its own, below a folder where the organisation is read."""
        key = f"7{number:05}7"
        name = f"{shape}-{number:04}"
        organization = f"organizations/{key}"
        parent = self._cloud.folder(f"8{key}", organization) if shape == "organization" else organization
        self._populate(key, organization, parent)
        scope = f'projects = ["project-{key}", "routed-{key}"]'
        if shape == "organization":
            scope = f'organization = "{key}"'
        if shape == "project":
            self._cloud.deny("logging.sinks.list", organization)
        if fault == "reset":
            own = {**self._gcp.endpoints, **dict.fromkeys(_OVER_GRPC, self._gcp.own_endpoint())}
            scope += "".join(f'\nendpoints.{api} = "{host}"' for api, host in own.items())
        if shape == "impersonating":
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
        # One entry is enough, so that no page follows the one that has it.
        left_out = set() if method.startswith("List") and method[4:] not in {"Clusters", "LogEntries"} else {*PAGED}
        if transport == "gRPC":
            # A message without any field is a true answer to these: that there is nothing.
            left_out |= {"another shape"} | (set() if method in {"GetProject", "GetFolder", "GetBucket"} else {"empty"})
        yield from (fault for fault in _KINDS if fault not in left_out)

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a call go wrong for the resources of its kind that hold the place's key."""
        transport, method, _, kind = call.split()
        for name in self._resources(place, kind):
            self._cloud.fault(_KINDS[fault], method, name, seconds=90)
            self._cloud.faults[-1].transport = transport

    def words(self, call: str, fault: str) -> tuple[str, ...]:
        """Give the method as the report names it; that there is no token is said of the first call that takes one.

        A reset ends all calls of its connection, and what one of them would have told may not be asked for any more.
        """
        method = call.split()[1]
        if fault == "reset" and call.startswith("gRPC"):
            return ("could not be reached",)
        if method == "GetProject":
            return (_NAMES[method], "resourcemanager.projects.get")
        return (_NAMES[method],) if method in _NAMES else ("credentials", _NAMES["ListClusters"])

    def sources(self, call: str) -> tuple[str, ...]:
        """Give the method where evidence names it; policies and sinks of other levels come from the same."""
        method = call.split()[1]
        return () if method in {"GetIamPolicy", "ListSinks"} else (_NAMES.get(method, method),)

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
            "projects": [f"projects/{name}-{key}" for name in ("project", "routed", "central")],
            "credentials": [key, f"auditor-{key}@security.iam.gserviceaccount.com"],
        }[kind]

    def _populate(self, key: str, organization: str, parent: str) -> None:
        """Make a project that has all of its own, and one that is switched on above and whose entries go elsewhere."""
        cloud = self._cloud
        cloud.audit(parent, _GKE, **_READS)
        cloud.audit(cloud.project(f"project-{key}", organization), _GKE, **_READS)
        routed = cloud.project(f"routed-{key}", parent)
        for name in ("project", "routed"):
            cloud.cluster(f"{name}-{key}", name)
            for log_id in LOG_IDS:
                cloud.entry(f"{name}-{key}", name, log_id, self._newest)
        central = cloud.project(f"central-{key}", organization)
        bucket = cloud.bucket(f"central-{key}", "audit", location="europe-west1", days=400)
        cloud.sinks[routed]["_Default"]["disabled"] = True
        cloud.sink(routed, "bucket", f"logging.googleapis.com/{bucket}")
        cloud.sink(routed, "project", f"logging.googleapis.com/{central}")


def _kind(resource: str) -> str:
    """Give the kind of a resource; tokens are asked for by the key of a place, or the name of an account."""
    kind, slash, _ = resource.partition("/")
    return kind if slash else "credentials"


@contextmanager
def sky(_folder: Path) -> Iterator[GkeSky]:
    """Run Google Cloud."""
    with running(threads=160) as gcp:
        yield GkeSky(gcp)
