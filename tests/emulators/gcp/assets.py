"""Cloud Asset Inventory: what the cloud holds, as the inventory saw it a while ago."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from tests.emulators.gcp.state import Cloud, Project

READ = "2026-03-01T11:00:00Z"
UPDATED = "2026-02-28T09:30:00Z"
_MANAGER = "cloudresourcemanager.googleapis.com"


def page(cloud: Cloud, parent: str, query: dict[str, list[str]]) -> dict[str, Any] | None:
    """Give one page of what lies below a parent; None for a question that is not valid."""
    types, content = query.get("assetTypes", []), query.get("contentType", [""])[0]
    token = query.get("pageToken", ["page-0"])[0]
    if not types or content not in ("RESOURCE", "IAM_POLICY") or not token.startswith("page-"):
        return None
    found = [
        one
        for one in (*_below(cloud, content, parent), *cloud.outdated)
        if one["assetType"] in types
        and parent in one["ancestors"]
        and one["name"] not in cloud.unindexed
        and ("iamPolicy" if content == "IAM_POLICY" else "resource") in one
    ]
    begin = int(token.removeprefix("page-"))
    end = begin + min(int(query.get("pageSize", ["100"])[0]), cloud.page_size)
    following = "page-0" if cloud.is_looping else f"page-{end}" if end < len(found) else ""
    shown = found[begin:end]
    if "fields" in query and "resource" not in query["fields"][0]:
        shown = [{key: value for key, value in one.items() if key != "resource"} for one in shown]
    answer: dict[str, Any] = {"readTime": READ}
    return answer | ({"assets": shown} if shown else {}) | ({"nextPageToken": following} if following else {})


def cluster(project: Project, above: list[str], name: str, location: str = "europe-west1") -> dict[str, Any]:
    """Give the asset of a cluster."""
    place = f"projects/{project.project_id}/locations/{location}/clusters/{name}"
    data = {"name": name, "location": location}
    return _asset(f"//container.googleapis.com/{place}", "container.googleapis.com/Cluster", above, resource=data)


def _asset(name: str, kind: str, above: list[str], *, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "assetType": kind, "updateTime": UPDATED, "ancestors": above}
    return found | ({"resource": {"version": "v1", "data": resource}} if resource is not None else {})


def _below(cloud: Cloud, content: str, parent: str) -> Iterator[dict[str, Any]]:
    """Give what lies below a parent with its content; a resource without a policy has no entry among policies."""
    levels = {parent}
    while more := {name for name, (above, _) in cloud.folders.items() if above in levels} - levels:
        levels |= more
    lineages = {one.project_id: _lineage(cloud, one) for one in cloud.projects.values() if one.parent in levels}
    homes = {f"projects/{project_id}": lineage for project_id, lineage in lineages.items()}
    homes |= {one: [one, *cloud.ancestors(one)] for one in sorted(levels)}
    if content == "IAM_POLICY":
        for home, lineage in homes.items():
            if home in cloud.policies:
                kind = f"{_MANAGER}/{home.partition('/')[0].removesuffix('s').capitalize()}"
                policy = json_format.MessageToDict(cloud.policies[home])
                yield _asset(f"//{_MANAGER}/{lineage[0]}", kind, lineage) | {"iamPolicy": policy}
        return
    for project_id, lineage in lineages.items():
        project = cloud.projects[project_id]
        data = {
            "projectId": project.project_id,
            "projectNumber": project.number,
            "lifecycleState": project.state,
            "name": project.project_id,
        }
        yield _asset(f"//{_MANAGER}/{lineage[0]}", f"{_MANAGER}/Project", lineage, resource=data)
        for one in cloud.clusters.get(project.project_id, ()):
            yield cluster(project, lineage, one.name, one.location)
    for home, lineage in homes.items():
        for name, body in cloud.sinks.get(home, {}).items():
            full = f"//logging.googleapis.com/{lineage[0]}/sinks/{name}"
            yield _asset(full, "logging.googleapis.com/LogSink", lineage, resource=body)


def _lineage(cloud: Cloud, project: Project) -> list[str]:
    """Give a project by its number, and all that is above it."""
    return [f"projects/{project.number}", *cloud.ancestors(f"projects/{project.project_id}")]
