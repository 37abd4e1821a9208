"""The demo's Google Cloud: organisations with folders and projects in every state that matters, on loopback.

Each project is named after what it stands for, and so is its cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.emulators.gcp import Cloud, GcpEmulator, running

ORGANIZATION: Final = "organizations/900100200300"
CORP: Final = "organizations/900100200500"
SUBSIDIARY: Final = "organizations/900100200400"
READS: Final[dict[str, tuple[str, ...]]] = {"ADMIN_READ": (), "DATA_READ": ()}
GKE: Final = "container.googleapis.com"
KMS_KEY: Final = "projects/security-keys/locations/europe-west1/keyRings/logs/cryptoKeys/audit"
_COMPONENTS: Final = ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER"]
AUDIT_FILTER: Final = 'log_id("cloudaudit.googleapis.com/data_access")'


@contextmanager
def start() -> Iterator[dict[str, str]]:
    """Run the emulated organisation, and give the environment that leads a scan of the demo's file to it."""
    with running() as gcp:
        populate(gcp.cloud)
        yield environment(gcp)


def environment(gcp: GcpEmulator) -> dict[str, str]:
    """Give what leads a scan to the emulator."""
    return gcp.environment | {"DEMO_GCP_GRPC": gcp.grpc_endpoint, "DEMO_GCP_REST": gcp.rest_endpoint}


def populate(cloud: Cloud) -> None:
    """Make the organisation, a smaller one that sets everything at the top, and a project of one that is hidden."""
    cloud.page_size = 5  # so that lists have several pages
    _switched_on(cloud, cloud.folder("100000000001", ORGANIZATION))
    _exempted(cloud, cloud.folder("100000000002", ORGANIZATION))
    _routed(cloud, cloud.folder("100000000003", ORGANIZATION))
    _intercepted(cloud, cloud.folder("100000000004", ORGANIZATION))
    _hard_to_read(cloud, cloud.folder("100000000005", ORGANIZATION))
    _clusters_of_all_kinds(cloud, cloud.folder("100000000006", ORGANIZATION))
    _subsidiary(cloud)
    _corp(cloud)
    _beside_the_organisations(cloud)


def _project(cloud: Cloud, name: str, parent: str, *, reads: bool = True) -> str:
    """Make a project with a cluster of its name, and with the audit logs of reads switched on unless told otherwise."""
    project = cloud.project(name, parent)
    cloud.cluster(name, name)
    if reads:
        cloud.audit(project, GKE, **READS)
    return project


def _switched_on(cloud: Cloud, folder: str) -> None:
    """Make the projects that differ in which audit logs are switched on, and where."""
    _project(cloud, "left-as-made", folder, reads=False)
    _project(cloud, "all-reads", folder)
    cloud.audit(_project(cloud, "all-services", folder, reads=False), "allServices", **READS, DATA_WRITE=())
    cloud.audit(_project(cloud, "admin-read-only", folder, reads=False), GKE, ADMIN_READ=())
    cloud.audit(_project(cloud, "data-read-only", folder, reads=False), GKE, DATA_READ=())
    cloud.audit(_project(cloud, "other-service", folder, reads=False), "storage.googleapis.com", **READS)
    cloud.audit(_project(cloud, "unsure-service", folder, reads=False), "k8s.io", **READS)
    below = cloud.folder("100000000011", folder)
    cloud.audit(below, "allServices", ADMIN_READ=())
    cloud.audit(_project(cloud, "half-from-the-folder", below, reads=False), GKE, DATA_READ=())
    full = cloud.folder("100000000012", folder)
    cloud.audit(full, GKE, **READS)
    _project(cloud, "all-from-the-folder", full, reads=False)


def _exempted(cloud: Cloud, folder: str) -> None:
    """Make the projects that leave somebody out."""
    one = _project(cloud, "exempted-user", folder, reads=False)
    cloud.audit(one, GKE, ADMIN_READ=(), DATA_READ=("user:backup-check@example.com",))
    group = _project(cloud, "exempted-group", folder, reads=False)
    cloud.audit(group, GKE, ADMIN_READ=("group:platform@example.com",), DATA_READ=("group:platform@example.com",))
    robot = "serviceAccount:deployer@exempted-robot.iam.gserviceaccount.com"
    project = _project(cloud, "exempted-robot", folder, reads=False)
    cloud.audit(project, "allServices", ADMIN_READ=(robot,), DATA_READ=(robot,))
    cloud.policies[project].bindings.add(role="roles/owner", members=[robot])


def _routed(cloud: Cloud, folder: str) -> None:
    """Make the projects whose entries get lost, or are kept elsewhere, for longer or for less."""
    disabled = _project(cloud, "default-disabled", folder)
    cloud.sinks[disabled]["_Default"]["disabled"] = True
    kept = _project(cloud, "kept-by-another-sink", folder)
    cloud.sinks[kept]["_Default"]["disabled"] = True
    cloud.bucket("kept-by-another-sink", "audit", location="europe-west1", days=400, locked=True)
    destination = "logging.googleapis.com/projects/kept-by-another-sink/locations/europe-west1/buckets/audit"
    cloud.sink(kept, "audit", destination, filter=AUDIT_FILTER)
    _excluding(cloud, "excludes-kubernetes", folder, 'resource.type="k8s_cluster"')
    _excluding(cloud, "excludes-another-cluster", folder, 'resource.labels.cluster_name="sandbox"')
    _excluding(cloud, "excludes-some-methods", folder, 'protoPayload.methodName=~"\\.(get|list)$"')
    siem = _project(cloud, "also-to-the-siem", folder)
    cloud.sink(siem, "siem", "pubsub.googleapis.com/projects/security/topics/audit", filter=AUDIT_FILTER)
    warehouse = _project(cloud, "only-to-bigquery", folder)
    cloud.sinks[warehouse]["_Default"]["disabled"] = True
    cloud.sink(warehouse, "bigquery", "bigquery.googleapis.com/projects/security/datasets/audit", filter=AUDIT_FILTER)
    _project(cloud, "seven-days", folder)
    cloud.bucket("seven-days", "_Default", days=7)
    _project(cloud, "locked-and-encrypted", folder)
    settings = {"kms_key_name": KMS_KEY}
    cloud.bucket("locked-and-encrypted", "_Default", days=365, locked=True, cmek_settings=settings)
    _project(cloud, "bucket-going-away", folder)
    cloud.bucket("bucket-going-away", "_Default", days=90, lifecycle_state="DELETE_REQUESTED")


def _excluding(cloud: Cloud, name: str, folder: str, text: str) -> None:
    """Make a project whose _Default sink has an exclusion."""
    project = _project(cloud, name, folder)
    cloud.sinks[project]["_Default"]["exclusions"] = [{"name": "cost-saving", "filter": text}]


def _intercepted(cloud: Cloud, folder: str) -> None:
    """Make projects below folders whose sinks intercept what they log: one leads to a central project, one nowhere."""
    central = cloud.project("central-logs", ORGANIZATION)
    cloud.bucket("central-logs", "_Default", days=365)
    takes = {"includeChildren": True, "interceptChildren": True}
    cloud.sink(folder, "to-central-logs", f"logging.googleapis.com/{central}", filter=AUDIT_FILTER, **takes)
    _project(cloud, "intercepted", folder)
    nowhere = cloud.folder("100000000041", ORGANIZATION)
    gone = f"logging.googleapis.com/{central}/locations/europe-west1/buckets/moved"
    cloud.sink(nowhere, "to-a-bucket-of-old", gone, filter=AUDIT_FILTER, **takes)
    _project(cloud, "intercepted-and-lost", nowhere)


def _hard_to_read(cloud: Cloud, folder: str) -> None:
    """Make the projects of which something may not be read, or not now."""
    denied = {
        "clusters-denied": "container.clusters.list",
        "policy-denied": "resourcemanager.projects.getIamPolicy",
        "sinks-denied": "logging.sinks.list",
        "buckets-denied": "logging.buckets.list",
    }
    for name, permission in denied.items():
        cloud.deny(permission, _project(cloud, name, folder))
    below = cloud.folder("100000000051", folder)
    cloud.deny("resourcemanager.folders.getIamPolicy", below)
    _project(cloud, "folder-policy-denied", below, reads=False)
    _elsewhere_denied(cloud, folder)
    _project(cloud, "throttled", folder)
    cloud.fault("throttle", "ListClusters", "projects/throttled", times=2)
    _project(cloud, "zone-missing", folder)
    cloud.missing["zone-missing"] = ("europe-west1-d",)
    cloud.project("gke-api-off", folder)
    cloud.apis_off.add(("gke-api-off", GKE))
    cloud.project("being-deleted", folder, state="DELETE_REQUESTED")
    cloud.cluster("being-deleted", "being-deleted")
    cloud.project("no-clusters", folder)


def _elsewhere_denied(cloud: Cloud, folder: str) -> None:
    """Make a project whose entries go to a log bucket of another project that may not be read."""
    cloud.project("vault", ORGANIZATION)
    bucket = cloud.bucket("vault", "audit", location="europe-west1", days=400)
    cloud.deny("logging.buckets.get", "projects/vault")
    project = _project(cloud, "bucket-elsewhere-denied", folder)
    cloud.sinks[project]["_Default"]["disabled"] = True
    cloud.sink(project, "vault", f"logging.googleapis.com/{bucket}", filter=AUDIT_FILTER)


def _clusters_of_all_kinds(cloud: Cloud, folder: str) -> None:
    """Make one project with clusters that differ in themselves, which changes no verdict."""
    cloud.audit(cloud.project("kinds-of-clusters", folder), GKE, **READS)
    more: dict[str, dict[str, object]] = {
        "autopilot": {"autopilot": {"enabled": True}},
        "zonal": {"location": "europe-west1-b"},
        "all-components": {"loggingConfig": {"componentConfig": {"enableComponents": _COMPONENTS}}},
        "no-components": {"loggingConfig": {"componentConfig": {}}, "loggingService": "none"},
        "legacy-logging": {"loggingConfig": None, "loggingService": "logging.googleapis.com"},
        "legacy-abac": {"legacyAbac": {"enabled": True}},
        "limited-anonymous": {"anonymousAuthenticationConfig": {"mode": "LIMITED"}},
        "degraded": {"status": "DEGRADED"},
        "provisioning": {"status": "PROVISIONING"},
    }
    for name, fields in more.items():
        cloud.cluster("kinds-of-clusters", name, **{"location": "europe-west1", **fields})  # type: ignore[arg-type]


def _subsidiary(cloud: Cloud) -> None:
    """Make an organisation that sets everything at the top, and has a folder that may not be listed."""
    cloud.audit(SUBSIDIARY, "allServices", **READS)
    cloud.project("subsidiary-logs", SUBSIDIARY)
    bucket = cloud.bucket("subsidiary-logs", "organisation", location="europe-west1", days=400, locked=True)
    takes = {"includeChildren": True, "interceptChildren": True}
    cloud.sink(SUBSIDIARY, "everything", f"logging.googleapis.com/{bucket}", filter=AUDIT_FILTER, **takes)
    below = cloud.folder("100000000091", SUBSIDIARY)
    _project(cloud, "all-from-the-organisation", below, reads=False)
    project = _project(cloud, "taken-before-it-is-excluded", below, reads=False)
    cloud.sinks[project]["_Default"]["exclusions"] = [{"name": "reads", "filter": AUDIT_FILTER}]
    unlisted = cloud.folder("100000000092", SUBSIDIARY)
    cloud.deny("resourcemanager.folders.list", unlisted)


def _corp(cloud: Cloud) -> None:
    """Make an organisation whose projects are accounts: with and without clusters, one deleted, one left out."""
    folder = cloud.folder("100000000095", CORP)
    cloud.audit(folder, GKE, **READS)
    _project(cloud, "corp-payments", folder, reads=False)
    cloud.bucket("corp-payments", "_Default", days=365)
    cloud.cluster("corp-payments", "made-a-minute-ago")
    made = "projects/corp-payments/locations/europe-west1/clusters/made-a-minute-ago"
    cloud.unindexed.add(f"//container.googleapis.com/{made}")
    _project(cloud, "corp-website", CORP, reads=False)
    cloud.project("corp-empty", folder)
    _project(cloud, "sandbox-corp", folder)
    cloud.project("corp-closed", CORP, state="DELETE_REQUESTED")


def _beside_the_organisations(cloud: Cloud) -> None:
    """Make a project whose organisation may not be read: what is switched on there is not known."""
    hidden = "organizations/900100200999"
    _project(cloud, "hidden-organisation", hidden, reads=False)
    for permission in ("resourcemanager.organizations.getIamPolicy", "logging.sinks.list"):
        cloud.deny(permission, hidden)
