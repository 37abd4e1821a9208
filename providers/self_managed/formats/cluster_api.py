"""Cluster API: KubeadmControlPlane and RKE2ControlPlane with the files that they put onto the nodes.

Sources: ``kubernetes-sigs/cluster-api`` api/controlplane/kubeadm and api/bootstrap/kubeadm (v1alpha3 to v1beta1 have
``extraArgs`` as a map, v1beta2 as a list), ``rancher/cluster-api-provider-rke2`` controlplane/api (RKE2ServerConfig).
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.k3s_settings import ARGUMENT, Product, Settings, server
from providers.self_managed.kubeadm_settings import kubeadm_arguments, kubeadm_view
from providers.self_managed.source import (
    CONTROL_PLANE,
    ApiServerSource,
    Format,
    GivenFile,
    ManifestFile,
    Part,
)
from scanner.apiserver import Argument
from scanner.model import Evidence

_GROUP: Final = "controlplane.cluster.x-k8s.io/"
_KUBEADM: Final = frozenset({"KubeadmControlPlane", "KubeadmControlPlaneTemplate"})
_RKE2: Final = frozenset({"RKE2ControlPlane", "RKE2ControlPlaneTemplate"})
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_REMARK: Final = "read from Cluster API's objects: what new control-plane machines get when they are next rolled out"
_KUBEADM_PATCHES: Final = "kubeadm applies patches to the static pod; give its manifest instead"
_TEMPLATE: Final = "clusterctl fills in the value when it makes the cluster"
_RKE2_POLICY: Final = "/etc/rancher/rke2/audit-policy.yaml"
_POLICY_KEY: Final = "audit-policy.yaml"
_LARGEST: Final = 8 * 2**20
"""Bytes that a compressed file may unpack to."""


class ClusterApi:
    """The control plane objects of Cluster API, one for each cluster."""

    title: Final = "Cluster API control plane"
    signs: Final = (_GROUP.encode(),)

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the API server that each object describes."""
        return tuple(_source(document) for document in file.fields if _is_ours(document))


FORMAT: Final[Format] = ClusterApi()


def _is_ours(document: Field) -> bool:
    kind = document.get("kind").text
    return document.get("apiVersion").text.startswith(_GROUP) and kind in _KUBEADM | _RKE2


def _source(control_plane: Field) -> ApiServerSource:
    """Read one object; that of a template stands a level deeper."""
    kind = control_plane.get("kind").text
    spec = control_plane.get("spec")
    if kind.endswith("Template"):
        spec = spec.get("template", "spec")
    return _rke2(control_plane, spec) if kind in _RKE2 else _kubeadm(control_plane, spec)


def _version(spec: Field) -> str | None:
    match = _VERSION.fullmatch(spec.get("version").text)
    return match[1] if match else None


def _kubeadm(control_plane: Field, spec: Field) -> ApiServerSource:
    """Read a KubeadmControlPlane: kubeadm's ClusterConfiguration within it, without an apiVersion of its own."""
    config = spec.get("kubeadmConfigSpec")
    cluster = config.get("clusterConfiguration")
    patches = config.get("initConfiguration", "patches", "directory")
    unread = _KUBEADM_PATCHES if patches and _patches_server(config, patches.text) else ""
    refused = (Argument("", patches.file, patches.line, unread, patches.path),) if unread else ()
    return ApiServerSource(
        file=control_plane.file,
        line=cluster.get("apiServer").line,
        arguments=(*map(_filled_in, kubeadm_arguments(cluster)), *_wrong_shape(control_plane, cluster), *refused),
        view=kubeadm_view(cluster, unread),
        version=_version(spec),
        node=CONTROL_PLANE,
        remark=_REMARK,
        files=dict(_files(config.get("files"))),
        cluster=control_plane.get("metadata", "name").text,
    )


def _filled_in(argument: Argument) -> Argument:
    """Leave open what a template such as ``${AUDIT_LOG_PATH}`` stands for: clusterctl fills it in."""
    if "${" not in argument.text:
        return argument
    return replace(argument, unread=f"{_TEMPLATE}; give the object of the cluster instead")


def _patches_server(config: Field, directory: str) -> bool:
    """Say whether kubeadm's patches may change the API server: their files are named after what they patch."""
    inside = [one.get("path").text for one in config.get("files").items()]
    names = [path.rpartition("/")[2] for path in inside if path.startswith(f"{directory.rstrip('/')}/")]
    return not names or any(name.startswith("kube-apiserver") for name in names)


def _wrong_shape(control_plane: Field, cluster: Field) -> Iterator[Argument]:
    """Give what the API refuses: a list of arguments before v1beta2, a map from then on."""
    extra = cluster.get("apiServer", "extraArgs")
    version = control_plane.get("apiVersion").text.removeprefix(_GROUP)
    is_new = version not in {"v1alpha3", "v1alpha4", "v1beta1"}
    if extra and not (extra.is_list if is_new else extra.is_map):
        unread = f"Cluster API refuses the object: extraArgs of {version} is a {'list' if is_new else 'map'}"
        yield Argument("", extra.file, extra.line, unread, extra.path)


def _files(files: Field) -> Iterator[tuple[str, GivenFile]]:
    """Give the files of the machines, by their path; a Secret's content is not in the object."""
    for entry in files.items():
        path = entry.get("path").text
        content, secret = entry.get("content"), entry.get("contentFrom", "secret")
        config_map = entry.get("contentFrom", "configMap")
        given = GivenFile.of(content, f"file {path}")
        if content and entry.get("encoding"):
            given = _decoded(given, entry.get("encoding").text)
        elif not content:
            if not secret and not config_map:
                continue
            holder = secret or config_map
            kind = "Secret" if secret else "ConfigMap"
            what = f"its content is key {holder.get('key').text} of the {kind} {holder.get('name').text}"
            given = GivenFile(entry.evidence(f"file {path}"), unread=what)
        if entry.get("append").truth:
            given = GivenFile(given.evidence, unread="its content is appended to a file of the machine image")
        yield path, given


def _decoded(given: GivenFile, encoding: str) -> GivenFile:
    """Undo the encodings ``base64``, ``gzip`` and ``gzip+base64``."""
    data = given.data or b""
    try:
        if encoding.endswith("base64"):
            data = base64.b64decode(b"".join(data.split()), validate=True)
        if encoding.startswith("gzip"):
            unpacker = zlib.decompressobj(wbits=31)
            data = unpacker.decompress(data, _LARGEST)
            if not unpacker.eof:
                return GivenFile(given.evidence, unread=f"its content is not whole, or larger than {_LARGEST} bytes")
    except (binascii.Error, ValueError, zlib.error):
        return GivenFile(given.evidence, unread=f"its content is not {encoding}, though its encoding says so")
    return GivenFile(given.evidence, data)


def _rke2(control_plane: Field, spec: Field) -> ApiServerSource:
    """Read an RKE2ControlPlane: settings of RKE2 under names of its own."""
    config = spec.get("serverConfig")
    found = server(_settings(spec), Product.RKE2, control_plane.file)
    files = dict(found.files) | dict(_rke2_policy(config)) | dict(_files(spec.get("files")))
    return ApiServerSource(
        file=control_plane.file,
        line=(config or spec).line,
        arguments=tuple(map(_filled_in, found.arguments)),
        view=found.view,
        version=_version(spec),
        node=CONTROL_PLANE,
        remark=_REMARK,
        files=files,
        cluster=control_plane.get("metadata", "name").text,
    )


def _settings(spec: Field) -> Settings:
    """Give RKE2's own names of the settings."""
    config = spec.get("serverConfig")
    settings: dict[str, tuple[Argument, ...]] = {}
    words = config.get("kubeAPIServer", "extraArgs").words()
    settings[ARGUMENT] = tuple(_word(word) for word in words)
    secret = config.get("auditPolicySecret")
    if secret:
        settings["audit-policy-file"] = (Argument(_RKE2_POLICY, secret.file, secret.line, key=secret.path),)
    profile = spec.get("agentConfig").first("cisProfile", "profile")
    if profile:
        settings["profile"] = (_word(profile),)
    data = spec.get("agentConfig", "dataDir")
    if data:
        settings["data-dir"] = (_word(data),)
    return settings


def _word(field: Field) -> Argument:
    return Argument(field.text, field.file, field.line, key=field.path)


def _rke2_policy(config: Field) -> Iterator[tuple[str, GivenFile]]:
    """Give the audit policy that the provider writes from a Secret, which the object only names."""
    secret = config.get("auditPolicySecret")
    if secret:
        name = secret.get("name").text
        evidence = Evidence(secret.file, secret.locator, f"Secret {name}, key {_POLICY_KEY}")
        yield _RKE2_POLICY, GivenFile(evidence, unread=f"it is key {_POLICY_KEY} of the Secret {name}")
