"""KubeOne: the KubeOneCluster with its features for auditing, which kubeadm then sets up.

Source: ``kubermatic/kubeone`` pkg/apis/kubeone (defaults of StaticAuditLogConfig), pkg/features (static_audit_log.go,
webhook_audit_log.go): both features need a policy, a file beside the manifest that KubeOne copies to the nodes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

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
from scanner.apiserver import STDOUT, Argument
from scanner.errors import CollectionError
from scanner.model import Evidence

_GROUPS: Final = ("kubeone.k8c.io/", "kubeone.io/")
_AUDIT: Final = "/etc/kubernetes/audit"
_POLICY: Final = f"{_AUDIT}/policy.yaml"
_WEBHOOK: Final = f"{_AUDIT}/webhook-config.yaml"
_LOG: Final = "/var/log/kubernetes/audit.log"
_ROTATION: Final = (
    ("logMaxAge", "audit-log-maxage", "30"),
    ("logMaxBackup", "audit-log-maxbackup", "3"),
    ("logMaxSize", "audit-log-maxsize", "100"),
)
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_REMARK: Final = "read from KubeOne's manifest: what KubeOne sets up when it is next applied"


class KubeOne:
    """A KubeOneCluster of any version of its API."""

    title: Final = "KubeOne cluster"
    signs: Final = tuple(group.encode() for group in _GROUPS)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server that all control-plane nodes get."""
        return tuple(_source(file, document) for document in file.fields if _is_ours(document))


FORMAT: Final[Format] = KubeOne()


def _is_ours(document: Field) -> bool:
    version = document.get("apiVersion").text
    return version.startswith(_GROUPS) and document.get("kind").text == "KubeOneCluster"


def _source(file: ManifestFile, cluster: Field) -> ApiServerSource:
    features = cluster.get("features")
    match = _VERSION.fullmatch(cluster.get("versions", "kubernetes").text)
    found = tuple(_arguments(features))
    flags = cluster.get("controlPlaneComponents", "apiServer", "flags")
    more = tuple(value.argument(flag) for flag, value in flags.entries())
    return ApiServerSource(
        file=file.shown,
        line=features.line,
        arguments=kubeadm_arguments(cluster, *found, *more),
        view=View((*(kubeadm_view(cluster).mounts or ()), *_mounts(features))),
        version=match[1] if match else None,
        node=CONTROL_PLANE,
        remark=_REMARK,
        files=dict(_files(file, features)),
        cluster=cluster.get("name").text,
    )


def _arguments(features: Field) -> Iterator[Argument]:
    """Give the flags of the features that are on."""
    static, webhook = features.get("staticAuditLog"), features.get("webhookAuditLog")
    for feature in (static, webhook):
        if feature.get("enable").truth:
            yield feature.get("config", "policyFilePath").argument("audit-policy-file", _POLICY)
            break
    if static.get("enable").truth:
        config = static.get("config")
        yield config.get("logPath").argument("audit-log-path", config.get("logPath").text or _LOG)
        for key, flag, own in _ROTATION:
            value = config.get(key)
            yield value.argument(flag, own if value.text in {"", "0"} else value.text)
    if webhook.get("enable").truth:
        config = webhook.get("config")
        yield config.get("configFilePath").argument("audit-webhook-config-file", _WEBHOOK)
        if config.get("mode"):
            yield config.get("mode").argument("audit-webhook-mode")


def _mounts(features: Field) -> Iterator[Mount]:
    """Give the directories that KubeOne mounts for the features: its own of the policy, and that of the log."""
    static = features.get("staticAuditLog")
    if static.get("enable").truth or features.get("webhookAuditLog", "enable").truth:
        what = f"{_AUDIT}, which KubeOne mounts read-only"
        yield Mount(_AUDIT, Place(PlaceKind.HOST, what, _AUDIT, read_only=True))
    path = static.get("config", "logPath").text or _LOG
    if static.get("enable").truth and path != STDOUT:
        directory = posixpath.dirname(path)
        what = f"{directory}, which KubeOne mounts writable"
        yield Mount(directory, Place(PlaceKind.HOST, what, directory))


def _files(file: ManifestFile, features: Field) -> Iterator[tuple[str, GivenFile]]:
    """Read the files of this machine that KubeOne copies to the nodes, where they lie below the manifest."""
    static, webhook = features.get("staticAuditLog"), features.get("webhookAuditLog")
    policy = next((one for one in (static, webhook) if one.get("enable").truth), static)
    for feature, key, path in ((policy, "policyFilePath", _POLICY), (webhook, "configFilePath", _WEBHOOK)):
        local = feature.get("config", key)
        if feature.get("enable").truth and local:
            yield path, _copied(file, local)


def _copied(file: ManifestFile, local: Field) -> GivenFile:
    """Read a file beside the manifest; one that lies elsewhere is not opened."""
    if posixpath.isabs(local.text) or ".." in local.text.split("/"):
        return GivenFile(local.evidence(), unread=f"{local.text} does not lie below the directory of {file.shown}")
    shown = file.show_beside(posixpath.normpath(local.text))
    try:
        data = file.read_beside(posixpath.normpath(local.text))
    except CollectionError as error:
        return GivenFile(local.evidence(), unread=str(error))
    return GivenFile(Evidence(shown, "file", f"named in {file.shown}, {local.locator}"), data)
