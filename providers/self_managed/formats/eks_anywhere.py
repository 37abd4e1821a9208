"""EKS Anywhere: the Cluster, which kubeadm then sets up with an audit policy of EKS Anywhere's own or of the user.

Sources: ``aws/eks-anywhere`` pkg/providers/common/auditpolicy.go (the policy, before and from Kubernetes 1.24 on),
pkg/providers/*/config/template-cp.yaml (flags and mounts, alike for every provider), docs/content/en/docs/clustermgmt
(``auditPolicyContent``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from providers.self_managed.defaults import default
from providers.self_managed.fields import Field
from providers.self_managed.kubeadm_settings import kubeadm_arguments, kubeadm_view
from providers.self_managed.source import (
    CONTROL_PLANE,
    ApiServerSource,
    Format,
    GivenFile,
    ManifestFile,
    Mount,
    Place,
    PlaceKind,
    View,
)
from scanner.apiserver import Argument, minor_version
from scanner.model import Evidence

_GROUP: Final = "anywhere.eks.amazonaws.com/"
_POLICY: Final = "/etc/kubernetes/audit-policy.yaml"
_LOGS: Final = "/var/log/kubernetes"
_FLAGS: Final = {
    "audit-policy-file": _POLICY,
    "audit-log-path": f"{_LOGS}/api-audit.log",
    "audit-log-maxage": "30",
    "audit-log-maxbackup": "10",
    "audit-log-maxsize": "512",
}
_WHOSE: Final = "EKS Anywhere's"
_FIRST_WITH_V1: Final = 24
"""The minor version from which on the policy is that of auditpolicy.go's AuditPolicyV1."""
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_TWICE: Final = "EKS Anywhere sets this flag itself; which of both counts depends on its version"
_NO_TEXT: Final = "EKS Anywhere refuses the object: auditPolicyContent is no text"
_REMARK: Final = "read from EKS Anywhere's Cluster: what new control-plane machines get when they are next rolled out"


class EksAnywhere:
    """A Cluster of anywhere.eks.amazonaws.com, of any infrastructure."""

    title: Final = "EKS Anywhere Cluster"
    signs: Final = (_GROUP.encode(),)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server that all control-plane nodes of each Cluster get."""
        return tuple(_source(file, document) for document in file.fields if _is_ours(document))


FORMAT: Final[Format] = EksAnywhere()


def _is_ours(document: Field) -> bool:
    return document.get("apiVersion").text.startswith(_GROUP) and document.get("kind").text == "Cluster"


def _source(file: ManifestFile, cluster: Field) -> ApiServerSource:
    settings = cluster.get("spec", "controlPlaneConfiguration")
    match = _VERSION.fullmatch(cluster.get("spec", "kubernetesVersion").text)
    version = match[1] if match else None
    own = (default(f"--{flag}={value}", cluster.file, _WHOSE) for flag, value in _FLAGS.items())
    return ApiServerSource(
        file=cluster.file,
        line=settings.line,
        arguments=kubeadm_arguments(cluster, *own, *_extra(settings)),
        view=View((*(kubeadm_view(cluster).mounts or ()), *_mounts())),
        version=version,
        node=CONTROL_PLANE,
        remark=_REMARK,
        files={_POLICY: _policy(settings, file.version or version)},
        cluster=cluster.get("metadata", "name").text,
    )


def _extra(settings: Field) -> Iterator[Argument]:
    """Give the extra arguments; one that EKS Anywhere sets itself stands twice in what it writes."""
    for flag, value in settings.get("apiServerExtraArgs").entries():
        yield value.argument(flag, unread=_TWICE if flag in _FLAGS else "")


def _mounts() -> Iterator[Mount]:
    """Give what EKS Anywhere mounts for auditing: the policy's file, and the log's directory."""
    what = f"{_POLICY}, which EKS Anywhere mounts read-only"
    yield Mount(_POLICY, Place(PlaceKind.HOST, what, _POLICY, read_only=True))
    yield Mount(_LOGS, Place(PlaceKind.HOST, f"{_LOGS}, which EKS Anywhere mounts writable", _LOGS))


def _policy(settings: Field, version: str | None) -> GivenFile:
    """Give the user's policy, else the one that EKS Anywhere brings along for the Kubernetes version."""
    content = settings.get("auditPolicyContent")
    if content.is_text and content.text.strip():
        return GivenFile.of(content, "audit policy")
    if content and not content.is_text:
        return GivenFile(content.evidence("audit policy"), unread=_NO_TEXT)
    minor = minor_version(version)
    source = f"{settings.file} ({_WHOSE} default)"
    if minor is None:
        evidence = Evidence(source, _POLICY, "the policy depends on spec.kubernetesVersion")
        return GivenFile(evidence, unread="EKS Anywhere's policy depends on the Kubernetes version, which is not known")
    if minor < _FIRST_WITH_V1:
        evidence = Evidence(source, _POLICY, "before Kubernetes 1.24 its rules are those that EKS publishes")
        return GivenFile(evidence, published="eks")
    evidence = Evidence(source, _POLICY, "EKS Anywhere's own policy, which leaves out who reads nodes")
    return GivenFile(evidence, published="eks-anywhere")
