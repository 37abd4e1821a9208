"""What kubeadm turns a ClusterConfiguration into: shared by every tool that writes one.

Source: ``k8s.io/kubernetes/cmd/kubeadm/app/phases/controlplane`` (manifests.go, volumes.go): what kubeadm writes into
the static pod beside what the user asks for. ``extraArgs`` is a map up to v1beta3 and a list, with repeats, in v1beta4;
the alpha versions have ``apiServerExtraArgs`` and ``apiServerExtraVolumes``, the first two in a MasterConfiguration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from providers.self_managed.defaults import default, with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.source import Mount, Place, PlaceKind, View
from scanner.apiserver import Argument

API_GROUP: Final = "kubeadm.k8s.io/"
_VERSION: Final = re.compile(r"(?:v|stable-|latest-)?(1\.\d+(?:\.\d+)?).*")
_MAP_VERSIONS: Final = frozenset({"v1alpha1", "v1alpha2", "v1alpha3", "v1beta1", "v1beta2", "v1beta3"})
_DEFAULT_CERTIFICATES: Final = "/etc/kubernetes/pki"
_DEFAULT_MOUNTS: Final = (
    "/etc/ssl/certs",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)
_DEFAULT_AUTHORIZATION: Final = "--authorization-mode=Node,RBAC"


def kubernetes_version(config: Field) -> str | None:
    """Read ``kubernetesVersion``; None where it names no version, such as ``stable``."""
    match = _VERSION.fullmatch(config.get("kubernetesVersion").text)
    return match[1] if match else None


def server_settings(config: Field) -> Field:
    """Give the part of a configuration that is about the API server, or its place."""
    return config.get("apiServer")


def kubeadm_arguments(config: Field, *more: Argument) -> tuple[Argument, ...]:
    """Give kubeadm's own authorization mode, unless it is overridden, and the extra arguments of a configuration.

    `more` are arguments that the user gives elsewhere, such as those of a patch.
    """
    extra = [*extra_arguments(_extra(config)), *more]
    modes = config.get("authorizationModes").words()
    own = default(_DEFAULT_AUTHORIZATION, config.file, "kubeadm's")
    if modes:  # v1alpha1
        own = modes[0].argument("authorization-mode", ",".join(mode.text for mode in modes))
    unread = refused_shape(config)
    refused = (Argument("", config.file, _extra(config).line, unread),) if unread else ()
    return (*with_defaults([own], extra), *refused, *_audited_by_gate(config))


def _audited_by_gate(config: Field) -> Iterator[Argument]:
    """Give what is not known of kubeadm up to 1.13, whose feature gate Auditing adds flags and a policy by itself."""
    gate = config.get("featureGates", "Auditing")
    if gate.truth:
        unread = "kubeadm's feature gate Auditing adds audit flags of its own; give the static pod manifest instead"
        yield Argument("", config.file, gate.line, unread, gate.path)


def extra_arguments(extra: Field) -> Iterator[Argument]:
    """Give the arguments of an ``extraArgs``, in either shape: a map, or a list of names and values."""
    if extra.is_map:
        for flag, setting in extra.entries():
            yield setting.argument(flag)
        return
    for item in extra.items():
        name = item.get("name")
        if name:
            value = item.get("value")
            yield Argument(f"--{name.text}={value.text}", extra.file, name.line, key=value.path)


def kubeadm_view(config: Field, unread: str = "") -> View:
    """Give the mounts: the extra volumes, and what kubeadm always mounts, read-only."""
    certificates = config.get("certificatesDir").text or _DEFAULT_CERTIFICATES
    return View((*default_mounts(certificates), *extra_mounts(_volumes(config))), unread)


def default_mounts(certificates: str) -> Iterator[Mount]:
    """Give what kubeadm always mounts, read-only: the directory of its certificates, and the system's."""
    for path in (certificates, *_DEFAULT_MOUNTS):
        yield Mount(path, Place(PlaceKind.HOST, f"{path}, which kubeadm mounts read-only", path, read_only=True))


def extra_mounts(volumes: Field) -> Iterator[Mount]:
    """Give the mounts of an ``extraVolumes``."""
    for volume in volumes.items():
        writable = volume.get("writable")  # v1alpha1 and v1alpha2
        read_only = volume.get("readOnly").truth or (bool(writable) and not writable.truth)
        path = volume.get("mountPath").text or "/"
        mode = "read-only" if read_only else "writable"
        host_path = volume.get("hostPath").text
        what = f"volume {volume.get('name').text} (hostPath {host_path}), mounted {mode} at {path}"
        yield Mount(path, Place(PlaceKind.HOST, what, host_path, read_only, evidence=(volume.evidence(what),)))


def refused_shape(config: Field) -> str:
    """Say why kubeadm refuses the shape of extraArgs: a map up to v1beta3, a list from v1beta4 on; else empty.

    Without an apiVersion, as in a patch, either may be meant.
    """
    version = config.get("apiVersion").text.partition("/")[2]
    if not version:
        return ""
    extra = _extra(config)
    if version in _MAP_VERSIONS:
        return f"kubeadm refuses the file: extraArgs of {version} is a map" if extra.is_list else ""
    return f"kubeadm refuses the file: extraArgs of {version} is a list" if extra.is_map else ""


def _extra(config: Field) -> Field:
    """Give the extra arguments, under their name of today or that of the alpha versions."""
    return config.get("apiServerExtraArgs") or server_settings(config).get("extraArgs")


def _volumes(config: Field) -> Field:
    return config.get("apiServerExtraVolumes") or server_settings(config).get("extraVolumes")
