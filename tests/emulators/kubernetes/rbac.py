"""RBAC as kube-apiserver decides it, from the very manifests that a user would apply.

Source: ``k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac`` (rbac.go, RuleAllows) and ``pkg/apis/rbac/v1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

import yaml

from tests.emulators.kubernetes.paths import Asked

_DISCOVERY: Final = ("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/readyz", "/version", "/version/")
_PUBLIC: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass
class Rbac:
    """Roles and bindings.

    Attributes:
        open: Whether every user that is somebody may do everything.
        discovery: Whether the built-in roles for discovery are bound, as they are by default.
    """

    open: bool = False
    discovery: bool = True
    objects: list[dict[str, Any]] = field(default_factory=list)

    def apply(self, manifest: str) -> None:
        """Add the RBAC objects of a manifest of several documents."""
        documents = (one for one in yaml.safe_load_all(manifest) if one)
        self.objects += [one for one in documents if one["apiVersion"].startswith("rbac.authorization.k8s.io/")]

    def refusal(self, user: User, asked: Asked) -> str:
        """Give the message of a denial; empty where the request is allowed."""
        if not asked.resource:
            paths = [path for rule in self._rules(user, "") for path in rule.get("nonResourceURLs", ())]
            paths += _paths_for(user) if self.discovery else ()
            allowed = self.open or any(fnmatchcase(asked.path, one) for one in paths)
            return "" if allowed else f'User "{user.name}" cannot get path "{asked.path}"'
        if self.allows(user, asked.verb, asked.group, asked.resource, asked.namespace, asked.name):
            return ""
        what = f'"{asked.resource}" in API group "{asked.group}"'
        where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        name = f' "{asked.name}"' if asked.name else ""
        kind = f"{asked.resource}{name} is forbidden"
        return f'{kind}: User "{user.name}" cannot {asked.verb} resource {what} {where}'

    def allows(self, user: User, verb: str, group: str, resource: str, namespace: str, name: str) -> bool:
        """Say whether any rule that is bound to the user allows it."""
        if self.open and "system:authenticated" in user.groups:
            return True
        return any(
            _has(rule.get("verbs"), verb)
            and _has(rule.get("apiGroups"), group)
            and _has(rule.get("resources"), resource)
            and (not rule.get("resourceNames") or name in rule["resourceNames"])
            for rule in self._rules(user, namespace)
        )

    def _rules(self, user: User, namespace: str) -> Iterator[dict[str, Any]]:
        """Give the rules that count for a user in a namespace."""
        for binding in self.objects:
            whole = binding["kind"] == "ClusterRoleBinding"
            within = binding["kind"] == "RoleBinding" and binding["metadata"].get("namespace") == namespace
            if (whole or within) and any(_is_subject(user, one) for one in binding.get("subjects", ())):
                yield from self._role(binding, namespace).get("rules", ())

    def _role(self, binding: dict[str, Any], namespace: str) -> dict[str, Any]:
        ref = binding["roleRef"]
        for one in self.objects:
            matches = one["kind"] == ref["kind"] and one["metadata"]["name"] == ref["name"]
            if matches and (ref["kind"] == "ClusterRole" or one["metadata"].get("namespace") == namespace):
                return one
        return {}


def _paths_for(user: User) -> tuple[str, ...]:
    """Give what the built-in roles system:discovery and system:public-info-viewer allow."""
    return _DISCOVERY if "system:authenticated" in user.groups else _PUBLIC


def _is_subject(user: User, subject: dict[str, str]) -> bool:
    if subject["kind"] == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
    return subject["name"] == user.name if subject["kind"] == "User" else subject["name"] in user.groups


def _has(allowed: Iterable[str] | None, wanted: str) -> bool:
    return any(one in {"*", wanted} for one in allowed or ())
