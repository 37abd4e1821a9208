"""RKE1: cluster.yml, also as Rancher keeps it; kube-apiserver runs in a Docker container of its own.

Sources: ``rancher/rke`` cluster/defaults.go (setClusterServicesDefaults, newDefaultAuditLogConfig,
checkVersionNeedsKubeAPIAuditLog), cluster/plan.go (BuildKubeAPIProcess: flags and binds),
``rancher/kontainer-driver-metadata`` rke/k8s_service_options.go (no anonymous requests).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from providers.self_managed.defaults import default, with_defaults
from providers.self_managed.fields import Field
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
from scanner.apiserver import Argument
from scanner.model import Evidence

_RANCHER: Final = "rancher_kubernetes_engine_config"
_KEYS: Final = frozenset(
    {
        "admission_configuration",
        "always_pull_images",
        "audit_log",
        "event_rate_limit",
        "extra_args",
        "extra_args_array",
        "extra_binds",
        "pod_security_configuration",
        "pod_security_policy",
        "secrets_encryption_config",
        "service_cluster_ip_range",
        "service_node_port_range",
    }
)
"""Settings of ``services.kube-api``: a service of that name in other tools' files has none of them."""
_ETC: Final = "/etc/kubernetes"
_POLICY: Final = f"{_ETC}/audit-policy.yaml"
_LOGS: Final = "/var/log/kube-audit"
_SETTINGS: Final = (
    ("path", "audit-log-path", f"{_LOGS}/audit-log.json", ""),
    ("max_age", "audit-log-maxage", "30", "0"),
    ("max_backup", "audit-log-maxbackup", "10", "0"),
    ("max_size", "audit-log-maxsize", "100", "0"),
    ("format", "audit-log-format", "json", ""),
)
"""Key, flag, value without a ``configuration``, value where a ``configuration`` leaves it out."""
_RULE: Final = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
_WHOSE: Final = "RKE1's"
_VERSION: Final = re.compile(r"v?(1\.(\d+)(?:\.(\d+))?).*")
_FIRST_PATCHES: Final = {15: 11, 16: 8, 17: 4}
"""The first patch release of each minor version with the audit log on; later minor versions have it on."""
_UNREAD: Final = "whether the audit log is on by default depends on kubernetes_version, which is not given"
_REMARK: Final = 'read from RKE1\'s cluster.yml: what "rke up" sets up when it is next run'


class Rke1:
    """A cluster.yml of RKE1, whole or as the excerpt that guides print."""

    title: Final = "RKE1 cluster.yml"
    signs: Final = (b"kube-api:", b"kube_api:", b'kube-api"', b'kube_api"', b"controlplane", _RANCHER.encode())

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server that all control-plane nodes get."""
        return tuple(_source(file, document) for document in file.fields if _is_ours(document))


FORMAT: Final[Format] = Rke1()


@dataclass(frozen=True, slots=True)
class _Audit:
    """What RKE1 makes of ``audit_log``.

    Attributes:
        log: The setting, or its place.
        enabled: Whether the log's directory is mounted and a policy is written; None where that is not known.
        has_flags: Whether the audit flags are set, which ``enabled: false`` does not prevent.
    """

    log: Field
    enabled: bool | None
    has_flags: bool

    @property
    def configuration(self) -> Field:
        """The user's configuration, or its place."""
        return self.log.get("configuration")


def _is_ours(document: Field) -> bool:
    if document.get("kind") or document.get("apiVersion"):
        return False
    config = _config(document)
    roles = {role.text for node in config.get("nodes").items() for role in node.get("role").words()}
    return "controlplane" in roles or any(key in _KEYS for key, _ in _server(config).entries())


def _config(document: Field) -> Field:
    """Give the cluster's configuration; Rancher keeps it below a key of its own."""
    wrapped = document.get(_RANCHER)
    return wrapped if wrapped.is_map else document


def _server(config: Field) -> Field:
    return config.get("services").first("kube-api", "kube_api")


def _source(file: ManifestFile, document: Field) -> ApiServerSource:
    config = _config(document)
    server = _server(config)
    match = _VERSION.fullmatch(config.get("kubernetes_version").text)
    version = match[1] if match else None
    audit = _audit(server.get("audit_log"), file.version or version)
    prefix = config.get("prefix_path").text or "/"
    return ApiServerSource(
        file=file.shown,
        line=server.line,
        arguments=_arguments(config, server, audit),
        view=View((*_mounts(prefix, audit), *_binds(server.get("extra_binds")))),
        version=version,
        node=CONTROL_PLANE,
        remark=_REMARK,
        files=dict(_files(prefix, audit)),
        cluster=config.get("cluster_name").text or document.get("name").text,
    )


def _audit(log: Field, version: str | None) -> _Audit:
    """Fill in what ``audit_log`` leaves out."""
    enabled = log.get("enabled").truth if log else _is_on(version)
    return _Audit(log, enabled, enabled is not False or bool(log.get("configuration")))


def _is_on(version: str | None) -> bool | None:
    """Say whether RKE1 switches the audit log on by itself; None where the version does not tell."""
    match = _VERSION.fullmatch(version or "")
    if match is None:
        return None
    minor = int(match[2])
    first = _FIRST_PATCHES.get(minor)
    if first is None:
        return minor > max(_FIRST_PATCHES)
    return int(match[3]) >= first if match[3] else None


def _arguments(config: Field, server: Field, audit: _Audit) -> tuple[Argument, ...]:
    """Give RKE1's own flags, then those of ``extra_args`` and ``extra_args_array``, which replace them."""
    own = [default("--anonymous-auth=false", config.file, _WHOSE)]
    mode = config.get("authorization", "mode")
    if not mode.text:
        own.append(default("--authorization-mode=Node,RBAC", config.file, _WHOSE))
    elif mode.text == "rbac":
        own.append(mode.argument("authorization-mode", "Node,RBAC"))
    own += _audit_arguments(audit) if audit.has_flags else ()
    extra = [value.argument(flag) for flag, value in server.get("extra_args").entries()]
    repeated = [
        value.argument(flag) for flag, values in server.get("extra_args_array").entries() for value in values.words()
    ]
    return with_defaults(with_defaults(own, extra), repeated)


def _audit_arguments(audit: _Audit) -> Iterator[Argument]:
    """Give the audit flags; a configuration is taken as it is, so that what it leaves out is empty or 0."""
    file = audit.log.file
    unread = _UNREAD if audit.enabled is None else ""
    for key, flag, own, missing in _SETTINGS:
        if audit.configuration:
            value = audit.configuration.get(key)
            yield value.argument(flag, value.text or missing)
        elif unread:
            yield audit.log.argument(flag, own, unread=unread)
        else:
            yield default(f"--{flag}={own}", file, _WHOSE)
    if unread:
        yield audit.log.argument("audit-policy-file", _POLICY, unread=unread)
    else:
        yield default(f"--audit-policy-file={_POLICY}", file, _WHOSE)


def _mounts(prefix: str, audit: _Audit) -> Iterator[Mount]:
    """Give what RKE1 binds into the container by itself."""
    for path in (_ETC, _LOGS) if audit.enabled is not False else (_ETC,):
        host_path = posixpath.join(prefix, path.lstrip("/"))
        what = f"{host_path}, which RKE1 mounts writable"
        yield Mount(path, Place(PlaceKind.HOST, what, host_path))


def _binds(binds: Field) -> Iterator[Mount]:
    """Give the binds that the user adds, as Docker reads them: ``HOST:CONTAINER`` or ``HOST:CONTAINER:OPTIONS``."""
    for bind in binds.words():
        host_path, _, rest = bind.text.partition(":")
        path, _, options = rest.partition(":")
        read_only = "ro" in options.split(",")
        if not posixpath.isabs(host_path):
            yield Mount(path or "/", Place(PlaceKind.UNKNOWN, f"the Docker volume {host_path} is not looked at"))
            continue
        what = f"{host_path}, mounted {'read-only' if read_only else 'writable'} at {path}"
        yield Mount(path or "/", Place(PlaceKind.HOST, what, host_path, read_only, evidence=(bind.evidence(what),)))


def _files(prefix: str, audit: _Audit) -> Iterator[tuple[str, GivenFile]]:
    """Give the policy that RKE1 writes; it writes none where the log is not enabled."""
    if not audit.enabled:
        return
    path = posixpath.join(prefix, _POLICY.lstrip("/"))
    policy = audit.configuration.get("policy")
    if policy:
        yield path, GivenFile.of(policy, "audit policy")
    else:
        evidence = Evidence(f"{audit.log.file} ({_WHOSE} default)", _POLICY, "one rule of level Metadata")
        yield path, GivenFile(evidence, _RULE)
