"""The objects of a cluster, and lists of them in pages as etcd's watch cache gives them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from tests.emulators.kubernetes import faults
from tests.emulators.kubernetes.paths import Asked

Object = dict[str, Any]
_PLURALS: Final = {
    "APIServer": "apiservers",
    "ConfigMap": "configmaps",
    "Infrastructure": "infrastructures",
    "Node": "nodes",
    "Pod": "pods",
}


@dataclass
class Store:
    """What is there; `revision` grows with each change."""

    revision: int = 1000
    oldest: int = 0
    most: int = 250
    _objects: dict[tuple[str, str, str, str], Object] = field(default_factory=dict)

    def put(self, item: Object) -> None:
        """Create or replace an object."""
        group = item["apiVersion"].partition("/")[0] if "/" in item["apiVersion"] else ""
        metadata = item["metadata"]
        self._objects[group, _PLURALS[item["kind"]], metadata.get("namespace", ""), metadata["name"]] = item
        self.revision += 1

    def compact(self) -> None:
        """Forget all old revisions, so that every continue token given so far is gone."""
        self.oldest = self.revision + 1
        self.revision += 2

    def get(self, asked: Asked) -> Object | None:
        """Give one object."""
        return self._objects.get((asked.group, asked.resource, asked.namespace, asked.name))

    def page(self, asked: Asked, query: Mapping[str, str]) -> web.StreamResponse:
        """Give one page: at most `limit` objects, and a continue token where there are more."""
        selector = query.get("labelSelector", "")
        found = [
            item
            for (group, plural, namespace, _), item in sorted(self._objects.items())
            if (group, plural) == (asked.group, asked.resource)
            and asked.namespace in {"", namespace}
            and _selected(item, selector)
        ]
        start, revision = 0, self.revision
        if "continue" in query:
            try:
                token = json.loads(base64.urlsafe_b64decode(query["continue"]))
                start, revision = token["start"], token["rv"]
            except (ValueError, KeyError):
                return faults.status(400, "BadRequest", "continue key is not valid: illegal base64 data")
            if revision < self.oldest:
                text = "The provided continue parameter is too old to display a consistent list result."
                return faults.status(410, "Expired", text)
        end = start + min(int(query.get("limit") or len(found) or 1), self.most)
        more = end < len(found)
        token_text = json.dumps({"start": end, "rv": revision}).encode()
        metadata = {"resourceVersion": str(revision)}
        if more:
            metadata |= {"continue": base64.urlsafe_b64encode(token_text).decode()}
        return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": found[start:end]})


def _selected(item: Object, selector: str) -> bool:
    """Read an equality or existence selector."""
    labels = item["metadata"].get("labels", {})
    for term in filter(None, selector.split(",")):
        key, equals, value = term.partition("=")
        if key not in labels or (equals and labels[key] != value.lstrip("=")):
            return False
    return True
