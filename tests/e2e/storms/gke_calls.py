"""What Google Cloud is asked in a storm: its calls by the names of Google, of the product and of the emulator."""

from __future__ import annotations

from typing import Final

from providers.gke import calls as product
from providers.gke import inventory
from tests.e2e.storms.sky import PAGED

OVER_GRPC: Final = ("container", "logging", "resource_manager")
KINDS: Final = {
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
ALIKE: Final = frozenset({"unavailable", "empty", "another shape"})
"""Faults that are server errors, or malformed answers, as another one is."""
PERMISSIONS: Final = {
    "ListProjects": "resourcemanager.projects.list",
    "ListFolders": "resourcemanager.folders.list",
    "ListClusters": "container.clusters.list",
    "ListSinks": "logging.sinks.list",
    "ListBuckets": "logging.buckets.list",
}
NAMES: Final = {
    value.partition(":")[2][:1].upper() + value.partition(":")[2][1:]: value
    for name, value in vars(product).items()
    if name.startswith(("LIST_", "GET_")) and isinstance(value, str)
}
"""The methods by the names that Google's APIs have for them, and as the product calls them."""
ASSETS: Final = {
    f"ListAssets{inventory.CLUSTER.rpartition('/')[2]}": "could not tell which projects have clusters",
    f"ListAssets{inventory.SINK.rpartition('/')[2]}": "could not tell the log sinks of projects",
    f"ListAssets{inventory.PROJECT.rpartition('/')[2]}": "could not tell all projects",
    "ListAssetsPolicies": "could not tell the IAM policies",
}
"""What Cloud Asset Inventory is asked for, each with what is said where it does not tell it."""
LEVELS: Final = frozenset(
    f"gRPC {method} of {level}" for method in ("ListProjects", "ListFolders") for level in ("organizations", "folders")
)
