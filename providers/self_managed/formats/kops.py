"""kOps: the Cluster object with the files that it puts onto the nodes.

Sources: ``kubernetes/kops`` pkg/apis/kops/v1alpha2 (KubeAPIServerConfig, FileAssetSpec, defaults.go),
pkg/model/components/apiserver.go (BuildOptions), nodeup/pkg/model (kube_apiserver.go, file_assets.go).
"""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.source import (
    CONTROL_PLANE,
    ApiServerSource,
    Format,
    Fragment,
    GivenFile,
    ManifestFile,
    Mount,
    Part,
    Place,
    PlaceKind,
    View,
)
from scanner.apiserver import STDOUT, Argument, is_relevant

_GROUP: Final = "kops.k8s.io/"
_OLD_GROUP: Final = "kops/"
_ASSETS: Final = "/srv/kubernetes/assets"
_NAMES: Final = {
    "auditLogMaxBackups": "audit-log-maxbackup",
    "auditLogMaxAge": "audit-log-maxage",
    "auditLogMaxSize": "audit-log-maxsize",
    "authenticationConfigFile": "authentication-config",
    "authorizationConfigFile": "authorization-config",
}
_FORCED: Final = frozenset({"anonymous-auth", "authorization-mode"})
"""What kOps sets itself, whatever the object says."""
_ROLES: Final = frozenset({"Master", "ControlPlane", "APIServer", "control-plane", "master", "apiserver"})
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_CHANNELS: Final = ("auditPolicyFile", "auditLogPath", "auditWebhookConfigFile")
_MOUNTS: Final = "which other directories kOps mounts depends on its version"


class Kops:
    """A Cluster of kops.k8s.io, whole or as the excerpt that guides print."""

    title: Final = "kOps Cluster"
    signs: Final = (b"kops.k8s.io/", b"kops/v1alpha", b"kubeAPIServer", b"fileAssets")

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the cluster; instance groups may add files to it."""
        return tuple(
            Fragment(file, document, _assemble)
            for document in file.fields
            if _is_kops(document, "Cluster") or _is_kops(document, "InstanceGroup") or _is_excerpt(document)
        )


FORMAT: Final[Format] = Kops()


def _is_kops(document: Field, kind: str) -> bool:
    version = document.get("apiVersion").text
    return version.startswith((_GROUP, _OLD_GROUP)) and document.get("kind").text == kind


def _is_excerpt(document: Field) -> bool:
    """Recognise a Cluster of which only the spec is given."""
    keys = {key for key, _ in document.entries()}
    return keys == {"spec"} and document.get("spec", "kubeAPIServer").is_map


def _assemble(fragments: Sequence[Fragment]) -> tuple[ApiServerSource, ...]:
    """Give the API server of each cluster, with the files of the cluster and of its instance groups."""
    groups = [one.content for one in fragments if _is_kops(one.content, "InstanceGroup")]
    clusters = [one.content for one in fragments if not _is_kops(one.content, "InstanceGroup")]
    return tuple(source for cluster in clusters for source in _sources(cluster, groups))


def _sources(cluster: Field, groups: Sequence[Field]) -> Iterator[ApiServerSource]:
    """Give the API server of each instance group that runs one; without such a group there is one."""
    name = cluster.get("metadata", "name").text
    own = [group for group in groups if _cluster_of(group) in {"", name} and group.get("spec", "role").text in _ROLES]
    whole = _source(cluster)
    if not own:
        yield whole
    for group in own:
        files = {**whole.files, **dict(_files(group.get("spec", "fileAssets")))}
        yield replace(whole, node=group.get("metadata", "name").text or CONTROL_PLANE, files=files)


def _source(cluster: Field) -> ApiServerSource:
    """Build the API server with what the cluster gives to all instance groups."""
    settings = cluster.get("spec", "kubeAPIServer")
    arguments = (*_defaults(cluster), *_arguments(settings), *_left_out(cluster))
    match = _VERSION.fullmatch(cluster.get("spec", "kubernetesVersion").text)
    return ApiServerSource(
        file=cluster.file,
        line=settings.line,
        arguments=arguments,
        view=View(tuple(_mounts(settings)), _MOUNTS),
        version=match[1] if match else None,
        files=dict(_files(cluster.get("spec", "fileAssets"))),
        cluster=cluster.get("metadata", "name").text,
        node=CONTROL_PLANE,
        tool="kops",
        remark="read from kOps' objects: what kOps writes onto the nodes when they are next rolled",
    )


def _cluster_of(group: Field) -> str:
    return group.get("metadata", "labels", "kops.k8s.io/cluster").text


def _defaults(cluster: Field) -> Iterator[Argument]:
    """Give what kOps sets itself; a Cluster that says nothing about authorization is one that allows everything."""
    yield Argument("--anonymous-auth=false", f"{cluster.file} (kOps' default)")
    authorization = cluster.get("spec", "authorization")
    if authorization.get("rbac"):
        yield authorization.get("rbac").argument("authorization-mode", "Node,RBAC")
    elif authorization.get("alwaysAllow"):
        yield authorization.get("alwaysAllow").argument("authorization-mode", "AlwaysAllow")
    elif _is_excerpt(cluster):
        unread = "spec.authorization is not part of the excerpt"
        yield Argument("--authorization-mode=", cluster.file, cluster.line, unread, "spec.authorization")
    else:
        yield Argument("--authorization-mode=AlwaysAllow", f"{cluster.file} (kOps' default)")


def _arguments(settings: Field) -> Iterator[Argument]:
    """Give the flags about auditing, authentication and authorization that the object's fields turn into."""
    for name, value in settings.entries():
        flag = _NAMES.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        if value and is_relevant(flag) and flag not in _FORCED:
            yield value.argument(flag)


def _left_out(cluster: Field) -> Iterator[Argument]:
    """Leave open what an excerpt may have left out: the whole object may set it."""
    settings = cluster.get("spec", "kubeAPIServer")
    for name in _CHANNELS if _is_excerpt(cluster) else ():
        if not settings.get(name):
            flag = re.sub(r"(?=[A-Z])", "-", name).lower()
            unread = f"{settings.path}.{name} is not part of the excerpt"
            yield Argument(f"--{flag}=", cluster.file, settings.line, unread, f"{settings.path}.{name}")


def _mounts(settings: Field) -> Iterator[Mount]:
    """Give the directory of the audit log, which kOps mounts writable."""
    path = settings.get("auditLogPath")
    if path and path.text != STDOUT:
        directory = posixpath.dirname(path.text)
        what = f"{directory}, which kOps mounts writable"
        yield Mount(directory, Place(PlaceKind.HOST, what, directory, evidence=(path.evidence(),)))


def _files(assets: Field) -> Iterator[tuple[str, GivenFile]]:
    """Give the files that kOps writes onto the nodes with an API server."""
    for asset in assets.items():
        roles = {role.text for role in asset.get("roles").items()}
        if roles and not roles & _ROLES:
            continue
        path = asset.get("path").text or posixpath.join(_ASSETS, asset.get("name").text)
        content = asset.get("content")
        given = GivenFile.of(content, f"fileAsset {asset.get('name').text}")
        if asset.get("isBase64").truth:
            given = _decoded(content, given)
        yield path, given


def _decoded(content: Field, given: GivenFile) -> GivenFile:
    try:
        data = base64.b64decode("".join(content.text.split()), validate=True)
    except (binascii.Error, ValueError):
        return GivenFile(given.evidence, unread="its content is not base64, though isBase64 says so")
    return GivenFile(given.evidence, data)
