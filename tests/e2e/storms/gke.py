"""Google Cloud in a storm: accounts that are whole organisations or projects, and organisations of projects.

One account is an organisation, one two projects whose organisation may not be asked, and one is read by impersonation.
The projects of organisations are found by Cloud Asset Inventory, with a listing beside it, or by the listing alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from providers.gke import inventory
from providers.gke.logs import LOG_IDS
from tests.e2e.storms.gke_calls import ALIKE, ASSETS, KINDS, LEVELS, NAMES, OVER_GRPC, PERMISSIONS
from tests.e2e.storms.sky import PAGED, Place, Trouble
from tests.emulators.gcp import GcpEmulator, running
from tests.emulators.gcp.auth import key_pair

_READS: Final[dict[str, tuple[str, ...]]] = {"ADMIN_READ": (), "DATA_READ": ()}
_GKE: Final = "container.googleapis.com"
_PAGE: Final = 2
_PROJECTS: Final = ("project", "routed", "central")
_IN_ORGANIZATIONS: Final = {"assets": "", "listing": '\ninventory = "none"'}
"""The shapes that are organisations of projects, with what else their tables say."""


class GkeSky:
    """Google Cloud."""

    shapes: Final = ("organization", "project", "impersonating", *_IN_ORGANIZATIONS)
    named: Final = frozenset({*NAMES, *ASSETS})
    beside: Final = frozenset(
        {
            # The newest entries, and for how long they are kept, are told beside the verdict.
            "gRPC ListLogEntries of projects",
            "gRPC ListBuckets of projects",
            # Another sink leads to the _Default bucket of the same project, which cannot be deleted.
            "gRPC GetBucket of projects",
        }
    )
    everywhere: Final = LEVELS | {"REST ListSinks of organizations"}
    afresh: Final = frozenset({"assets"})
    replaced: Final[Mapping[str, frozenset[str]]] = {
        "assets": LEVELS
        | {f"REST {method} of organizations" for method in ASSETS}
        # What the sinks of the central project would keep is in its log bucket in any case.
        | {"gRPC ListSinks of projects"}
    }
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
        self._cloud.page_size = _PAGE
        self._calm: dict[str, str] = {}
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

        def lose_the_rest_of_both_lists(place: Place) -> None:
            self._cloud.deny(PERMISSIONS["ListProjects"], f"organizations/{place.key}")
            self._cloud.fault("internal", "ListAssetsProject", f"organizations/{place.key} page-{_PAGE}")

        def deny_every_list(place: Place) -> None:
            for permission in PERMISSIONS.values():
                for resource in (f"organizations/{place.key}", *self._resources(place, "projects")):
                    self._cloud.deny(permission, resource)

        return {
            "a project is deleted": Trouble("organization", lose_the_project, "UNKNOWN", "container:ListClusters"),
            "a zone is missing": Trouble("project", miss_a_zone, "UNKNOWN", "europe-west1-d"),
            "every list is denied": Trouble("organization", deny_every_list, "UNKNOWN", "resourcemanager:ListProjects"),
            "neither list is whole": Trouble(
                "assets", lose_the_rest_of_both_lists, "UNKNOWN", "resourcemanager:ListProjects"
            ),
            "every list of an organisation is denied": Trouble(
                "listing", deny_every_list, "UNKNOWN", "resourcemanager:ListProjects"
            ),
            "every list of a project is denied": Trouble(
                "project", deny_every_list, "UNKNOWN", "container:ListClusters"
            ),
        }

    def add(self, shape: str, number: int, fault: str = "") -> Place:
        """Make a project in an organisation of its own, below a folder where the organisation is read."""
        key = f"7{number:05}7"
        name = f"{shape}-{number:04}"
        organization = f"organizations/{key}"
        is_whole = shape == "organization" or shape in _IN_ORGANIZATIONS
        parent = self._cloud.folder(f"8{key}", organization) if is_whole else organization
        self._populate(key, organization, parent, clusters=2 if shape == "assets" else 1)
        self._calm.setdefault(shape, key)
        scope = f'projects = ["project-{key}", "routed-{key}"]'
        if is_whole:
            scope = f'organization = "{key}"{_IN_ORGANIZATIONS.get(shape, "")}'
        if shape == "project":
            self._cloud.deny("logging.sinks.list", organization)
        if fault == "reset":
            own = {**self._gcp.endpoints, **dict.fromkeys(OVER_GRPC, self._gcp.own_endpoint())}
            scope += "".join(f'\nendpoints.{api} = "{host}"' for api, host in own.items())
        if shape == "impersonating":
            scope += f'\ncredentials_file = "{self._gcp.credentials("service_account", key)}"'
        if shape == "impersonating":
            scope += f'\nimpersonate = "auditor-{key}@security.iam.gserviceaccount.com"'
        table = "organization" if shape in _IN_ORGANIZATIONS else "account"
        return Place(name, f'[[{table}]]\nname = "{name}"\nprovider = "gke"\n{scope}\n', key)

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

    def faults(self, shape: str, call: str) -> Iterable[str]:
        """Give the faults of any call, and those of lists that have pages: all but that of clusters.

        Projects of organisations are read as those that are entered are, however they were found.
        """
        if shape == "listing" and call not in self.everywhere:
            return
        transport, method, *_ = call.split()
        # One entry is enough, so that no page follows the one that has it.
        left_out = set() if method.startswith("List") and method[4:] not in {"Clusters", "LogEntries"} else {*PAGED}
        if transport == "gRPC":
            # A message without any field is a true answer to these: that there is nothing.
            left_out |= {"another shape"} | (set() if method in {"GetProject", "GetFolder", "GetBucket"} else {"empty"})
        left_out |= ALIKE if shape in _IN_ORGANIZATIONS and call.endswith(" of projects") else set()
        yield from (fault for fault in KINDS if fault not in left_out)

    def strike(self, place: Place, call: str, fault: str) -> None:
        """Let a call go wrong for the resources of its kind that hold the place's key.

        In an organisation of projects it does for one project only, where the call is about projects.
        """
        transport, method, _, kind = call.split()
        made, pages = KINDS[fault], [""]
        if method in ASSETS and fault in PAGED:
            made, pages = {PAGED[0]: ("again", ["", " page-0"]), PAGED[1]: ("internal", [f" page-{_PAGE}"])}[fault]
        for name in [self._only(place, call)] if self._only(place, call) else self._resources(place, kind):
            for page in pages:
                self._cloud.fault(made, method, f"{name}{page}", seconds=90)
                self._cloud.faults[-1].transport = transport

    def spares(self, place: Place, call: str) -> frozenset[str]:
        """Give the accounts beside that of the one project which a call is about."""
        only = self._only(place, call)
        if not only:
            return frozenset()
        # What is read of the central project, where the entries of another one go, is about that one.
        hit = {only.removeprefix("projects/").partition("-")[0]}
        hit |= {"routed"} if "central" in hit else set()
        return frozenset({place.name, *(f"{place.name}/{name}-{place.key}" for name in _PROJECTS if name not in hit)})

    def spreads(self, call: str, fault: str) -> bool:
        """Tell of a reset, which ends all calls of its connection."""
        return fault == "reset" and call.startswith("gRPC")

    def _only(self, place: Place, call: str) -> str:
        """Give the one project for which a call goes wrong; empty where it does for all resources of its kind."""
        transport, method, _, kind = call.split()
        shape = place.name.partition("-")[0]
        if shape not in _IN_ORGANIZATIONS or kind != "projects":
            return ""
        key = self._calm[shape]
        asked = [name for name in _PROJECTS if (transport, method, f"projects/{name}-{key}") in self._cloud.seen]
        return f"projects/{asked[0]}-{place.key}"

    def words(self, call: str, fault: str) -> tuple[str, ...]:
        """Give the method as the report names it; that there is no token is said of the first call that takes one.

        A reset ends all calls of its connection, and what one of them would have told may not be asked for any more.
        """
        method = call.split()[1]
        if self.spreads(call, fault):
            return ("could not be reached",)
        if method in ASSETS:
            return (ASSETS[method],)
        if method == "GetProject":
            return (NAMES[method], "resourcemanager.projects.get")
        return (NAMES[method],) if method in NAMES else ("credentials", NAMES["ListClusters"])

    def sources(self, call: str) -> tuple[str, ...]:
        """Give the method where evidence names it; policies and sinks of other levels come from the same."""
        method = call.split()[1]
        if method in ASSETS:
            # Without its clusters nothing of the inventory is used; sinks and policies have it as their source both.
            return (inventory.LIST_ASSETS,) if method == "ListAssetsCluster" else ()
        return () if method in {"GetIamPolicy", "ListSinks"} else (NAMES.get(method, method),)

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
            "projects": [f"projects/{name}-{key}" for name in _PROJECTS],
            "credentials": [key, f"auditor-{key}@security.iam.gserviceaccount.com"],
        }[kind]

    def _populate(self, key: str, organization: str, parent: str, clusters: int) -> None:
        """Make a project that has all of its own, and one that is switched on above and whose entries go elsewhere."""
        cloud = self._cloud
        cloud.audit(parent, _GKE, **_READS)
        cloud.bind(organization, "roles/browser", "user:auditor@example.com")
        cloud.audit(cloud.project(f"project-{key}", organization, number=f"1{key}"), _GKE, **_READS)
        routed = cloud.project(f"routed-{key}", parent, number=f"2{key}")
        for name, cluster in (("project", "project"), ("routed", "routed"), ("routed", "another"))[: clusters + 1]:
            cloud.cluster(f"{name}-{key}", cluster)
            for log_id in LOG_IDS:
                cloud.entry(f"{name}-{key}", cluster, log_id, self._newest)
        central = cloud.project(f"central-{key}", organization, number=f"3{key}")
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
