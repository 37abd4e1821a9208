"""Remarks beside the verdict: on a cluster itself, and on the log buckets of its project."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from providers.gke.facts import Bucket, ClusterFacts, ProjectFacts
from providers.gke.routing import Routing
from providers.gke.sinks import project_named_by
from providers.gke.stores import LIST_BUCKETS, LIST_SINKS
from scanner.errors import CollectionError
from scanner.model import Evidence, LinkState, Note, NoteSeverity

LIST_CLUSTERS: Final = "container:ListClusters"
_USUAL: Final = frozenset({"RUNNING", "RECONCILING"})
_UNAUTHENTICATED: Final = Note(
    NoteSeverity.INFO,
    "Google does not say which audit log carries requests that fail authentication (401); reads among them are taken to"
    " be Data Access",
    (Evidence("Google Cloud documentation", "GKE audit logging", "not stated"),),
)


def cluster_notes(facts: ClusterFacts) -> Iterator[Note]:
    """Give the remarks on the cluster itself."""
    status = Evidence(LIST_CLUSTERS, "clusters[].status", facts.status)
    if facts.status not in _USUAL:
        yield Note(NoteSeverity.INFO, f"the cluster is {facts.status}: it may not serve requests now", (status,))
    yield _on_component_logging(facts.logging_components or ())
    if facts.is_legacy_abac:
        text = "legacy ABAC is on: it allows requests that RBAC alone would deny, so that they are no denials"
        yield Note(NoteSeverity.WARNING, text, (Evidence(LIST_CLUSTERS, "clusters[].legacyAbac.enabled", "true"),))
    yield _UNAUTHENTICATED


@lru_cache(maxsize=256)
def _on_component_logging(components: tuple[str, ...]) -> Note:
    """Say that component logging is something else; thousands of clusters share the few remarks there are."""
    read = Evidence(
        LIST_CLUSTERS, "clusters[].loggingConfig.componentConfig.enableComponents", ", ".join(components) or "none"
    )
    text = (
        "component logging is not the audit log: Kubernetes audit entries are Cloud Audit Logs, whatever it is set to"
    )
    return Note(NoteSeverity.INFO, text, (read,))


def unread_destinations(project: ProjectFacts, routing: Routing) -> Iterator[Note]:
    """Give the remarks on projects that entries are routed to and nobody could look into, where others keep them."""
    for store in routing.stores if routing.delivered.state is LinkState.OK else ():
        other = project_named_by(store.sink) if store.sink else None
        found = project.elsewhere.get(other) if other else None
        if store.state is LinkState.UNKNOWN and isinstance(found, CollectionError):
            text = (
                "Data Access entries reach another destination; whether they are kept at this one is not known:"
                f" {store.reason}"
            )
            yield Note(NoteSeverity.INFO, text, (Evidence(LIST_SINKS, f"projects/{other}", found.said or found.what),))


def bucket_notes(project: ProjectFacts) -> Iterator[Note]:
    """Give the remarks on log buckets: what they lock, encrypt or hide, and that one is about to go."""
    for name, bucket in project.buckets.items():
        if isinstance(bucket, Bucket) and not name.endswith("/buckets/_Required"):
            yield from _notes_of_bucket(name, bucket)


def _notes_of_bucket(name: str, bucket: Bucket) -> Iterator[Note]:
    """Give the remarks on one bucket."""
    if bucket.locked:
        text = f"log bucket {name} is locked: its retention can no longer be changed"
        yield Note(NoteSeverity.INFO, text, (Evidence(LIST_BUCKETS, f"{name}.locked", "true"),))
    if bucket.kms_key:
        text = f"log bucket {name} is encrypted with {bucket.kms_key}: without that key nobody reads it"
        yield Note(
            NoteSeverity.INFO, text, (Evidence(LIST_BUCKETS, f"{name}.cmekSettings.kmsKeyName", bucket.kms_key),)
        )
    if bucket.restricted_fields:
        fields = ", ".join(bucket.restricted_fields)
        text = f"log bucket {name} hides {fields} from readers without logging.fields.access"
        yield Note(NoteSeverity.WARNING, text, (Evidence(LIST_BUCKETS, f"{name}.restrictedFields", fields),))
    if bucket.lifecycle_state == "DELETE_REQUESTED":
        text = (
            f"log bucket {name} is being deleted: within 7 days its entries are gone, and new ones are no longer kept"
        )
        yield Note(NoteSeverity.WARNING, text, (Evidence(LIST_BUCKETS, f"{name}.lifecycleState", "DELETE_REQUESTED"),))
