"""Gardener: the Shoot, whose API server Gardener runs in a seed cluster.

Source: ``gardener/gardener`` pkg/component/apiserver/audit.go (without a policy of the user, one whose only rule has
level None; no log file) and docs/usage/shoot/shoot_auditpolicy.md (key ``policy`` of the ConfigMap).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from providers.self_managed.defaults import default
from providers.self_managed.fields import Field
from providers.self_managed.source import (
    CONTROL_PLANE,
    ApiServerSource,
    ClusterObject,
    Format,
    GivenFile,
    ManifestFile,
    Mount,
    Place,
    PlaceKind,
    View,
)
from scanner.apiserver import Argument
from scanner.model import Evidence

_GROUP: Final = "core.gardener.cloud/"
_DIRECTORY: Final = "/etc/kubernetes/audit"
_FILE: Final = "audit-policy.yaml"
_KEY: Final = "policy"
_POLICY: Final = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n"
_STRUCTURED: Final = (
    ("structuredAuthentication", "authentication-config"),
    ("structuredAuthorization", "authorization-config"),
)
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_WEBHOOK: Final = (
    "only an extension of Gardener adds a place for audit events, and what it adds stands in the seed cluster; "
    "give the kube-apiserver Deployment from there"
)
_REMARK: Final = "read from the Shoot: its API server runs in a seed cluster, where extensions may change it"


class Gardener:
    """A Shoot of core.gardener.cloud."""

    title: Final = "Gardener Shoot"
    signs: Final = (_GROUP.encode(),)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server of each Shoot."""
        return tuple(_source(document) for document in file.fields if _is_shoot(document))


FORMAT: Final[Format] = Gardener()


def _is_shoot(document: Field) -> bool:
    return document.get("apiVersion").text.startswith(_GROUP) and document.get("kind").text == "Shoot"


def _source(shoot: Field) -> ApiServerSource:
    kubernetes = shoot.get("spec", "kubernetes")
    server = kubernetes.get("kubeAPIServer")
    match = _VERSION.fullmatch(kubernetes.get("version").text)
    reference = server.get("auditConfig", "auditPolicy", "configMapRef", "name")
    path = f"{_DIRECTORY}/{_FILE}"
    evidence = Evidence(f"{shoot.file} (Gardener's default)", path, "one rule of level None: no event is recorded")
    return ApiServerSource(
        file=shoot.file,
        line=server.line,
        arguments=tuple(_arguments(shoot, server, reference, path)),
        view=View(tuple(_mounts(shoot, reference)), "what else Gardener mounts stands in the seed cluster"),
        version=match[1] if match else None,
        node=CONTROL_PLANE,
        remark=_REMARK,
        files={} if reference else {path: GivenFile(evidence, _POLICY)},
        cluster=shoot.get("metadata", "name").text,
    )


def _arguments(shoot: Field, server: Field, reference: Field, path: str) -> Iterator[Argument]:
    """Give what Gardener sets; a webhook comes from an extension, which may be one that all Shoots have."""
    anonymous = server.get("enableAnonymousAuthentication")
    if anonymous:
        yield anonymous.argument("anonymous-auth")
    else:
        yield default("--anonymous-auth=false", shoot.file, "Gardener's")
    for name, flag in _STRUCTURED:
        config = server.get(name, "configMapName")
        if config:
            yield config.argument(flag, unread=f"it is in the ConfigMap {config.text} of the garden cluster")
    if not server.get("structuredAuthorization", "configMapName"):
        yield default("--authorization-mode=Node,RBAC", shoot.file, "Gardener's")
    if reference:
        yield reference.argument("audit-policy-file", path)
    else:
        yield default(f"--audit-policy-file={path}", shoot.file, "Gardener's")
    named = next((one for one in shoot.get("spec", "extensions").items() if "audit" in one.get("type").text), server)
    yield Argument("--audit-webhook-config-file=", shoot.file, named.line, _WEBHOOK, named.path)


def _mounts(shoot: Field, reference: Field) -> Iterator[Mount]:
    """Give the ConfigMap of the policy, which Gardener copies to where the API server runs."""
    if reference:
        namespace = shoot.get("metadata", "namespace").text
        config_map = ClusterObject("ConfigMap", reference.text, {_FILE: _KEY}, namespace)
        what = f"the ConfigMap {reference.text}"
        place = Place(
            PlaceKind.CLUSTER_OBJECT, what, "/", read_only=True, evidence=(reference.evidence(),), object=config_map
        )
        yield Mount(_DIRECTORY, place)
