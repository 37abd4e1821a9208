"""Answers that others recorded or wrote down, in the shapes in which they did: none may lose anything on the way."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.aks.facts import Category, ClusterFacts, Subscription
from providers.aks.normalise import normalise
from providers.aks.parsing import cluster_of, setting_of, subscription_of
from providers.aks.permissions import LIST_CLUSTERS
from scanner.model import LinkState, RuleSettings
from tests.unit.providers.aks.builders import NOW, managed

SAMPLES = Path(__file__).parents[5] / "shared" / "samples" / "cloud_responses"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not part of the repository"),
]


def bodies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give every recorded answer of Azure Resource Manager with its file and the path that was asked for."""
    for file in sorted(SAMPLES.glob("azure_*.json")):
        data = json.loads(file.read_text())
        for one in data.get("interactions", []):
            yield file.stem, one["request"]["uri"].partition("?")[0], one["response"]["body"]["data"]
        if "interactions" not in data:
            yield file.stem, "/diagnosticSettings", data


def clusters() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every cluster that was recorded or written down."""
    for name, path, body in bodies():
        if path.endswith("/managedClusters"):
            yield from ((name, one) for one in body["value"])
    for file in sorted(SAMPLES.glob("gke_*.json")):
        data = json.loads(file.read_text())
        if isinstance(data, dict) and data.get("metadata", {}).get("provider") == "aks":
            yield file.stem, data["data"]
    for file in sorted(SAMPLES.glob("other_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and "managedClusters/" in ast.unparse(node):
                yield from ((file.stem, one) for one in ast.literal_eval(node.value) if "agentPools/" not in one["id"])


def settings() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every diagnostic setting that was recorded or written down, those of a template as well."""
    for name, path, body in bodies():
        if path.lower().endswith("/diagnosticsettings"):
            yield from ((name, one) for one in body["value"])
    for file in sorted(SAMPLES.glob("other_*.json")):
        resources = json.loads(file.read_text()).get("resources", [])
        for one in (*resources, *(inner for outer in resources for inner in outer.get("resources", []))):
            if "diagnosticsettings" in str(one.get("type", "")).lower():
                yield file.stem, one


CLUSTERS, SETTINGS = list(clusters()), list(settings())


def test_all_recorded_clusters_and_settings_are_there() -> None:
    assert (len(CLUSTERS), len(SETTINGS)) == (7, 7)
    assert {"gke_086", "gke_087", "gke_088"} <= {name for name, _ in CLUSTERS}  # of Azure, whatever their names say


@pytest.mark.parametrize(("_file", "resource"), CLUSTERS, ids=[name for name, _ in CLUSTERS])
def test_a_recorded_cluster_loses_nothing(_file: str, resource: dict[str, Any]) -> None:
    properties = resource["properties"]
    cluster = cluster_of(resource, Subscription("s"), LIST_CLUSTERS)
    seen = normalise(ClusterFacts("recorded", "recorder", cluster, ()), RuleSettings(), NOW)
    assert (seen.ref.id, seen.ref.name, seen.ref.location) == (resource["id"], resource["name"], resource["location"])
    assert seen.ref.version == properties.get("currentKubernetesVersion", properties.get("kubernetesVersion"))
    assert seen.servers[0].authorizer.can_deny is properties.get("enableRBAC")
    told = {fact.name: fact.value for fact in seen.facts}
    assert told.get("provisioning state") == properties.get("provisioningState")
    assert told.get("power state") == properties.get("powerState", {}).get("code")
    assert told.get("fqdn") == properties.get("fqdn")
    assert told["Microsoft Entra integration"] == ("on" if properties.get("aadProfile") else "off")
    off = properties.get("disableLocalAccounts")
    assert told.get("local accounts") == {None: None, True: "off", False: "on"}[off]


@pytest.mark.parametrize(("_file", "resource"), SETTINGS, ids=[name for name, _ in SETTINGS])
def test_a_recorded_setting_loses_nothing(_file: str, resource: dict[str, Any]) -> None:
    properties = resource["properties"]
    found = setting_of(resource)
    assert found.name == resource["name"]
    assert [(one.category or one.group, one.enabled) for one in found.logs] == [
        (one.get("category") or one.get("categoryGroup"), one["enabled"]) for one in properties.get("logs", [])
    ]
    keys = (
        "workspaceId",
        "storageAccountId",
        "eventHubAuthorizationRuleId",
        "marketplacePartnerId",
        "serviceBusRuleId",
    )
    assert len(found.destinations) == len([key for key in keys if properties.get(key)])
    cluster = cluster_of(managed(), Subscription("s"), LIST_CLUSTERS)
    seen = normalise(ClusterFacts("recorded", "recorder", cluster, (found,)), RuleSettings(), NOW)
    exports = {one.category for one in found.logs if one.enabled} | {one.group for one in found.logs if one.enabled}
    [audit] = [one for one in seen.servers[0].channels if one.log == Category.AUDIT]
    assert (audit.exported.state is LinkState.OK) is bool({"kube-audit", "allLogs"} & exports)


def test_recorded_subscriptions_lose_nothing() -> None:
    found = [subscription_of(body) for _, path, body in bodies() if path.rpartition("/")[0].endswith("/subscriptions")]
    assert [(one.name, one.state) for one in found] == [("matter-compliance-dev-new", "Enabled")]
