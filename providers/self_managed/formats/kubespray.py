"""Kubespray: the variables of an inventory, which Ansible turns into a configuration for kubeadm.

Sources: ``kubernetes-sigs/kubespray`` roles/kubernetes/control-plane/defaults/main/main.yml and templates
(kubeadm-config.v1beta4.yaml.j2, apiserver-audit-policy.yaml.j2, apiserver-audit-webhook-config.yaml.j2),
roles/kubespray_defaults/defaults/main/main.yml.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Final

from providers.self_managed.defaults import default, with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.kubeadm_settings import default_mounts, extra_mounts
from providers.self_managed.kubespray_variables import Value, Variables, in_inventory, inventories
from providers.self_managed.source import (
    CONTROL_PLANE,
    ApiServerSource,
    Format,
    Fragment,
    GivenFile,
    ManifestFile,
    Mount,
    Place,
    PlaceKind,
    View,
)
from scanner.apiserver import STDOUT, Argument
from scanner.model import Evidence

_OWN: Final = frozenset(
    {
        "apiserver_extra_volumes",
        "audit_policy_custom_rules",
        "kube_api_anonymous_auth",
        "kube_apiserver_use_authentication_config_file",
        "kube_apiserver_use_authorization_config_file",
        "kube_kubeadm_apiserver_extra_args",
        "kube_network_plugin",
        "kubernetes_audit",
        "kubernetes_audit_webhook",
    }
)
"""Variables that only Kubespray has."""
_RELEVANT: Final = (_OWN - {"kube_network_plugin"}) | {
    "audit_log_hostpath",
    "audit_log_maxage",
    "audit_log_maxbackups",
    "audit_log_maxsize",
    "audit_log_mountpath",
    "audit_log_path",
    "audit_policy_file",
    "audit_policy_hostpath",
    "audit_policy_mountpath",
    "audit_webhook_config_file",
    "audit_webhook_mode",
    "audit_webhook_server_url",
    "authorization_modes",
    "kube_config_dir",
    "kubeadm_patches",
}
_DIRECTORY: Final = "{{ kube_config_dir }}/audit-policy"
_POLICY: Final = f"{_DIRECTORY}/apiserver-audit-policy.yaml"
_WEBHOOK: Final = f"{_DIRECTORY}/apiserver-audit-webhook-config.yaml"
_LOG: Final = "/var/log/audit/kube-apiserver-audit.log"
_LOG_ON_HOST: Final = "/var/log/kubernetes/audit"
_CERTIFICATES: Final = "{{ kube_cert_dir }}"
_RULES: Final = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
_WHOSE: Final = "Kubespray's"
_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_BACKUPS: Final = "Kubespray's default depends on its version: 1 or 10; set audit_log_maxbackups"
_STRUCTURED: Final = "Kubespray writes the file from further variables; give it and the static pod manifest instead"
_PATCHES: Final = "kubeadm applies the patches of kubeadm_patches to the static pod; give its manifest instead"
_NARROWER: Final = "the variables of a single host or of a further group are not read; give the static pod manifests"
_PLACEHOLDER: Final = "audit_webhook_server_url is not set, and Kubespray's default is a placeholder"
_NO_TEXT: Final = "audit_policy_custom_rules is no text, which Kubespray expects"
_REMARK: Final = "read from Kubespray's variables: what Kubespray sets up when it is next run"


class Kubespray:
    """The files of variables of an inventory, read together."""

    title: Final = "Kubespray variables"
    signs: Final = tuple(name.encode() for name in sorted(_OWN | _RELEVANT))

    def read(self, file: ManifestFile) -> tuple[Fragment, ...]:
        """Give the documents that set a variable of Kubespray's."""
        return tuple(Fragment(file, document, _assemble) for document in file.fields if _is_ours(document))


FORMAT: Final[Format] = Kubespray()


def _is_ours(document: Field) -> bool:
    names = {name for name, _ in document.entries()}
    if "kind" in names or "apiVersion" in names:
        return False
    return bool(names & _OWN) or (in_inventory(document.file) and bool(names & _RELEVANT))


def _assemble(fragments: Sequence[Fragment]) -> tuple[ApiServerSource, ...]:
    """Give the API server of each inventory; several are told apart by their directories."""
    found = inventories(fragments)
    version = fragments[0].manifest.version
    return tuple(_source(one, version, one.name if len(found) > 1 else "") for one in found)


def _source(variables: Variables, given: str | None, cluster: str) -> ApiServerSource:
    match = _VERSION.fullmatch(variables.read("kube_version").text)
    first = variables.get("kubernetes_audit")
    policy = variables.read("audit_policy_file", _POLICY)
    log = variables.read("audit_log_path", _LOG)
    view = View(*_mounts(variables, policy, log))
    return ApiServerSource(
        file=first.file,
        line=first.line,
        arguments=(*with_defaults(_arguments(variables, policy, log), _extra(variables)), *_unread(variables)),
        view=view,
        version=given or (match[1] if match else None),
        node=CONTROL_PLANE,
        remark=_REMARK,
        files=dict(_files(variables, policy, view)),
        cluster=cluster,
    )


def _flag(flag: str, value: Value, unread: str = "") -> Argument:
    """Give the flag of a variable, or of its default."""
    if value.field:
        return value.field.argument(flag, value.text, unread=unread or value.unread)
    if unread or value.unread:
        return value.field.argument(flag, value.text, unread=unread or value.unread)
    return default(f"--{flag}={value.text}", value.field.file, _WHOSE)


def _arguments(variables: Variables, policy: Value, log: Value) -> Iterator[Argument]:
    """Give the flags that Kubespray's own variables turn into."""
    yield _flag("anonymous-auth", variables.read("kube_api_anonymous_auth", "true"))
    for kind in ("authentication", "authorization"):
        name = f"kube_apiserver_use_{kind}_config_file"
        if variables.is_on(name) is not False:
            yield variables.get(name).argument(f"{kind}-config", unread=_STRUCTURED)
    if variables.is_on("kube_apiserver_use_authorization_config_file") is False:
        modes = variables.read("authorization_modes", "Node,RBAC")
        listed = ",".join(mode.text for mode in modes.field.items())
        yield _flag("authorization-mode", Value(modes.field, listed or modes.text, modes.unread))
    audit, webhook = variables.is_on("kubernetes_audit"), variables.is_on("kubernetes_audit_webhook")
    if audit or webhook:
        yield _flag("audit-policy-file", policy)
    if audit:
        yield _flag("audit-log-path", log)
        yield from _rotation(variables, log)
    if webhook:
        yield _flag("audit-webhook-config-file", variables.read("audit_webhook_config_file", _WEBHOOK))
        yield _flag("audit-webhook-mode", variables.read("audit_webhook_mode", "batch"))


def _rotation(variables: Variables, log: Value) -> Iterator[Argument]:
    """Give how long the log is kept; standard output is not rotated."""
    yield _flag("audit-log-maxage", variables.read("audit_log_maxage", "30"))
    backups = variables.read("audit_log_maxbackups")
    if backups.field or log.text != STDOUT:
        yield _flag("audit-log-maxbackup", backups, "" if backups.field else _BACKUPS)
    yield _flag("audit-log-maxsize", variables.read("audit_log_maxsize", "100"))


def _extra(variables: Variables) -> Iterator[Argument]:
    """Give the extra arguments, which Kubespray writes behind its own."""
    name = "kube_kubeadm_apiserver_extra_args"
    for flag, field in variables.get(name).entries():
        yield _flag(flag, variables.fill(field))


def _unread(variables: Variables) -> Iterator[Argument]:
    """Give what leaves the flags open."""
    for name in ("kubernetes_audit", "kubernetes_audit_webhook", "kube_kubeadm_apiserver_extra_args"):
        value = variables.read(name)
        if value.unread:
            yield Argument("", value.field.file, value.field.line, value.unread, value.field.path)
    patches = variables.get("kubeadm_patches")
    targets = [patch.get("target").text for patch in patches.items()]
    if patches.get("enabled").truth or any(target.startswith("kube-apiserver") for target in targets):
        yield Argument("", patches.file, patches.line, _PATCHES, patches.path)
    for document in variables.narrower:
        name = next((name for name, _ in document.entries() if name in _RELEVANT), "")
        if name:
            field = document.get(name)
            yield Argument("", field.file, field.line, _NARROWER, field.path)


def _mounts(variables: Variables, policy: Value, log: Value) -> tuple[tuple[Mount, ...], str]:
    """Give the mounts, and why they are not all known; empty where they are."""
    mounts = [*default_mounts(variables.read("kube_cert_dir", _CERTIFICATES).text)]
    mounts += extra_mounts(variables.get("apiserver_extra_volumes"))
    places = [_policy_places(variables, policy)]
    if log.text != STDOUT:
        places.append(_log_places(variables, log))
    unread = ""
    if variables.is_on("kubernetes_audit") or variables.is_on("kubernetes_audit_webhook"):
        for host_path, path in places:
            unread = host_path.unread or path.unread or unread
            if not (host_path.unread or path.unread):
                what = f"{host_path.text}, which Kubespray mounts writable at {path.text}"
                mounts.append(Mount(path.text, Place(PlaceKind.HOST, what, host_path.text)))
    return tuple(mounts), unread


def _policy_places(variables: Variables, policy: Value) -> tuple[Value, Value]:
    host_path = variables.read("audit_policy_hostpath", posixpath.dirname(policy.text))
    return host_path, variables.read("audit_policy_mountpath", host_path.text)


def _log_places(variables: Variables, log: Value) -> tuple[Value, Value]:
    host_path = variables.read("audit_log_hostpath", _LOG_ON_HOST)
    return host_path, variables.read("audit_log_mountpath", posixpath.dirname(log.text))


def _files(variables: Variables, policy: Value, view: View) -> Iterator[tuple[str, GivenFile]]:
    """Give the files that Kubespray writes, by their paths on the host: the policy, and the webhook's kubeconfig."""
    webhook = variables.read("audit_webhook_config_file", _WEBHOOK)
    for value, given in ((policy, _policy(variables, policy)), (webhook, _kubeconfig(variables))):
        place = view.locate(value.text)
        if not value.unread and place.kind is not PlaceKind.ABSENT:
            yield place.host_path or value.text, given


def _policy(variables: Variables, policy: Value) -> GivenFile:
    """Give the policy: the user's rules below Kubespray's head, or Kubespray's own."""
    rules = variables.get("audit_policy_custom_rules")
    unread = variables.read("audit_policy_custom_rules").unread or ("" if rules.is_text or not rules else _NO_TEXT)
    if unread:
        return GivenFile(rules.evidence("audit policy"), unread=unread)
    if rules.text:
        data, above = rules.content()
        body = b"".join(b"  " + line for line in data.splitlines(keepends=True))
        return GivenFile(rules.evidence("the rules of the audit policy"), _RULES + body, above - _RULES.count(b"\n"))
    evidence = Evidence(f"{rules.file} ({_WHOSE} default)", policy.text, "Kubespray's own audit policy")
    return GivenFile(evidence, published="kubespray")


def _kubeconfig(variables: Variables) -> GivenFile:
    """Give the webhook's kubeconfig; its other settings are about how the server is reached."""
    url = variables.read("audit_webhook_server_url")
    evidence = url.field.evidence("the server of the audit webhook")
    if url.unread or not url.field:
        return GivenFile(evidence, unread=url.unread or _PLACEHOLDER)
    config = {
        "clusters": [{"name": "auditsink", "cluster": {"server": url.text}}],
        "contexts": [{"name": "default-context", "context": {"cluster": "auditsink"}}],
        "current-context": "default-context",
    }
    return GivenFile(evidence, json.dumps(config).encode(), url.field.line - 1)
