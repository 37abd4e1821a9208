"""The API server of one Talos machine: its machine configuration, newer documents, and what is merged into them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from providers.self_managed.defaults import flag_of, with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.source import ApiServerSource, GivenFile, Mount, Place, PlaceKind, View
from scanner.apiserver import Argument
from scanner.model import Evidence

_POLICY: Final = "/system/config/kubernetes/kube-apiserver/auditpolicy.yaml"
_AUTHENTICATION: Final = "/system/config/kubernetes/kube-apiserver/authentication-config.yaml"
_CONFIG: Final = "/system/config/kubernetes/kube-apiserver"
_LOGS: Final = "/var/log/audit/kube"
_DEFAULTS: Final = (
    f"--audit-policy-file={_POLICY}",
    f"--audit-log-path={_LOGS}/kube-apiserver.log",
    "--audit-log-maxage=30",
    "--audit-log-maxbackup=10",
    "--audit-log-maxsize=100",
)
_ANONYMOUS: Final = "--anonymous-auth=false"
DOCUMENTS: Final = frozenset(
    {"KubeAPIServerConfig", "KubeAuditPolicyConfig", "KubeAuthenticationConfig", "KubeAuthorizerConfig"}
)
"""The kinds of Talos 1.14 and newer."""
_TAG: Final = re.compile(r":v?(1\.\d+(?:\.\d+)?)[^:/@]*(?:@.*)?$")
_MODES: Final = "Node,RBAC"
_MODE: Final = "authorization-mode"


@dataclass
class _Machine:
    """What the documents of one node add up to; a later document counts before an earlier one.

    Attributes:
        extra: The extra arguments by name.
    """

    first: Field
    extra: dict[str, tuple[Argument, ...]] = field(default_factory=dict)
    policy: Field | None = None
    authentication: Field | None = None
    volumes: list[Field] = field(default_factory=list)
    modes: list[Argument] = field(default_factory=list)
    version: str | None = None
    cluster: str = ""
    node: str = ""

    def merge(self, document: Field) -> None:
        """Merge one document in."""
        kind = document.get("kind").text
        if kind in DOCUMENTS:
            self._merge_document(kind, document)
            return
        server = document.get("cluster", "apiServer")
        self._merge_server(server)
        if server.get("auditPolicy"):
            self.policy = server.get("auditPolicy")
        self.cluster = document.get("cluster", "clusterName").text or self.cluster
        self.node = document.get("machine", "network", "hostname").text or self.node
        self.modes += [_mode(one) for one in server.get("authorizationConfig").items()]
        self.volumes += server.get("extraVolumes").items()

    def _merge_document(self, kind: str, document: Field) -> None:
        configuration = document.get("configuration")
        if kind == "KubeAPIServerConfig":
            self._merge_server(document)
        elif kind == "KubeAuditPolicyConfig" and configuration:
            self.policy = configuration
        elif kind == "KubeAuthenticationConfig" and configuration:
            self.authentication = configuration
        elif kind == "KubeAuthorizerConfig":
            self.modes.append(_mode(document))

    def _merge_server(self, server: Field) -> None:
        match = _TAG.search(server.get("image").text)
        self.version = match[1] if match else self.version
        for name, value in server.get("extraArgs").entries():
            self.extra[name] = tuple(word.argument(name) for word in value.words()) or (value.argument(name),)


def machine_source(documents: Sequence[Field], node: str = "", version: str | None = None) -> ApiServerSource:
    """Put the documents of one machine together."""
    machine = _Machine(documents[0])
    for document in documents:
        machine.merge(document)
    file = documents[0].file
    default = f"{file} (Talos' default)"
    arguments = [Argument(text, default) for text in _DEFAULTS]
    files = {_POLICY: _policy(machine, default)}
    if machine.authentication is not None:
        files[_AUTHENTICATION] = GivenFile.of(machine.authentication, "authentication configuration")
        arguments.append(machine.authentication.argument("authentication-config", _AUTHENTICATION))
    else:
        arguments.append(Argument(_ANONYMOUS, default))
    extra = [argument for values in machine.extra.values() for argument in values]
    added = [argument for argument in (*machine.modes, *extra) if flag_of(argument) == _MODE]
    extra = [argument for argument in extra if flag_of(argument) != _MODE]
    arguments += [Argument(f"--{_MODE}={_MODES}", default), *_further_modes(added)]
    arguments = list(with_defaults(arguments, extra))
    server = next((part.get("cluster", "apiServer") for part in documents if part.get("cluster", "apiServer")), None)
    return ApiServerSource(
        file=file,
        line=(server or documents[0]).line,
        arguments=tuple(arguments),
        view=View(tuple(_mounts(machine, default))),
        version=machine.version or version,
        node=node or machine.node,
        files=files,
        cluster=machine.cluster,
        tool="talos",
    )


def _further_modes(added: Sequence[Argument]) -> Iterator[Argument]:
    """Give the authorizers that are not among Talos' own: it adds the user's to them, each once."""
    met = set(_MODES.split(","))
    for argument in added:
        modes = [mode for mode in argument.text.partition("=")[2].split(",") if mode and mode not in met]
        met.update(modes)
        if modes:
            yield replace(argument, text=f"--{_MODE}={','.join(modes)}")


def _policy(machine: _Machine, default: str) -> GivenFile:
    if machine.policy is not None:
        return GivenFile.of(machine.policy, "audit policy")
    evidence = Evidence(default, _POLICY, "Talos records every request at level Metadata")
    return GivenFile(evidence, published="talos-default")


def _mode(authorizer: Field) -> Argument:
    """Give the mode of one structured authorizer; kube-apiserver adds repeated modes up."""
    kind = authorizer.first("type", "authorizerType")
    return kind.argument(_MODE, kind.text or "Webhook")


def _mounts(machine: _Machine, default: str) -> Iterator[Mount]:
    """Give what Talos mounts by itself, and the extra volumes."""
    config = Place(PlaceKind.HOST, f"{_CONFIG}, which Talos mounts read-only", _CONFIG, read_only=True)
    yield Mount(_CONFIG, config)
    what = f"{_LOGS} on the node, which Talos mounts writable"
    yield Mount(_LOGS, Place(PlaceKind.HOST, what, _LOGS, evidence=(Evidence(default, _LOGS, what),)))
    for volume in machine.volumes:
        read_only = volume.first("readonly", "readOnly").truth
        path = volume.get("mountPath").text or "/"
        host_path = volume.get("hostPath").text
        mode = "read-only" if read_only else "writable"
        what = f"hostPath {host_path}, mounted {mode} at {path}"
        yield Mount(path, Place(PlaceKind.HOST, what, host_path, read_only, evidence=(volume.evidence(what),)))
