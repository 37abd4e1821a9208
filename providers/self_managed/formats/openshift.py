"""OpenShift: the APIServer object with its audit profiles, and KubeAPIServerConfig; HyperShift's HostedCluster.

Sources: ``openshift/api`` config/v1 (Audit, AuditCustomRule), ``openshift/library-go`` pkg/operator/apiserver/audit,
``openshift/cluster-kube-apiserver-operator`` bindata/assets/config/defaultconfig.yaml, ``openshift/hypershift``
control-plane-operator/controllers/hostedcontrolplane/v2/kas (auditcfg.go, config.go) and its deployment.yaml.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from providers.self_managed.defaults import with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.openshift_config import ACCESS, config_arguments, is_config
from providers.self_managed.source import (
    CONTROL_PLANE,
    ApiServerSource,
    ClusterObject,
    Format,
    Fragment,
    GivenFile,
    ManifestFile,
    Mount,
    Part,
    Place,
    PlaceKind,
    Refused,
    View,
)
from scanner.apiserver import Argument
from scanner.model import Evidence

_POLICY: Final = "/etc/kubernetes/static-pod-resources/configmaps/kube-apiserver-audit-policies/policy.yaml"
_HOSTED_POLICY: Final = "/etc/kubernetes/audit/policy.yaml"
_WEBHOOK: Final = "/etc/kubernetes/auditwebhook/webhook-kubeconfig"
_LOGS: Final = "/var/log/kube-apiserver"
_FILE: Final = (f"--audit-log-path={_LOGS}/audit.log", "--audit-log-format=json")
_AUDIT: Final = (*_FILE, "--audit-log-maxbackup=10", "--audit-log-maxsize=200")
_HOSTED_AUDIT: Final = (*_FILE, "--audit-log-maxbackup=1", "--audit-log-maxsize=10")
_PROFILES: Final = {
    "Default": "openshift-default",
    "WriteRequestBodies": "openshift-writerequestbodies",
    "AllRequestBodies": "openshift-allrequestbodies",
    "None": "openshift-none",
}
_HOSTED: Final = frozenset({"HostedCluster", "HostedControlPlane"})
_SINGLETON: Final = "cluster"
_OTHER: Final = "describes an APIServer that is not named cluster, the only one that OpenShift reads"
_UNSET: Final = "the file sets no --audit-policy-file, and is merged with other files that do; give those, too"
_AUDIT_CONFIG: Final = "the file sets auditConfig, which is not read: give the APIServer object named cluster instead"


class OpenShift:
    """What OpenShift's operators turn into kube-apiserver's settings."""

    title: Final = "OpenShift APIServer, KubeAPIServerConfig or HostedCluster"
    signs: Final = (b"config.openshift.io/", b"hypershift.openshift.io/")

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the objects among the documents, also those within a List."""
        parts: list[Part] = []
        for document in _documents(file.fields):
            version, kind = document.get("apiVersion").text, document.get("kind").text
            is_server = version.startswith("config.openshift.io/") and kind == "APIServer"
            if is_server and document.get("metadata", "name").text not in {"", _SINGLETON}:
                parts.append(Refused(file.shown, _OTHER, "give the object apiserver/cluster"))
            elif is_server or is_config(document):
                parts.append(Fragment(file, document, _assemble))
            elif version.startswith("hypershift.openshift.io/") and kind in _HOSTED:
                parts.append(_hosted(document))
        return tuple(parts)


FORMAT: Final[Format] = OpenShift()


def _documents(documents: Sequence[Field]) -> Iterator[Field]:
    for document in documents:
        if document.get("kind").text == "List":
            yield from document.get("items").items()
        else:
            yield document


def _assemble(fragments: Sequence[Fragment]) -> tuple[ApiServerSource, ...]:
    """Put the APIServer object, which chooses the profile, and the configurations, which give the flags, together.

    A cluster has one such object: those of different directories are of different clusters. A configuration goes with
    the nearest object, and those of different directories are never merged.
    """
    objects: dict[tuple[str, str], list[Field]] = {}
    configs: dict[str, list[Field]] = {}
    for fragment in fragments:
        content, directory = fragment.content, posixpath.dirname(fragment.manifest.shown)
        if is_config(content):
            configs.setdefault(directory, []).append(content)
        else:
            audit = content.get("spec", "audit")
            objects.setdefault((directory, audit.content()[0].decode() if audit else ""), []).append(content)
    homes = list(dict.fromkeys(directory for directory, _ in objects))
    near = {directory: _nearest(directory, homes) for directory in configs}
    together = [
        (home, same[:1], merged)
        for (home, _), same in objects.items()
        for merged in [configs[directory] for directory, nearest in near.items() if nearest == home] or [[]]
    ]
    together += [(directory, [], merged) for directory, merged in configs.items() if near[directory] is None]
    names = _names([home for home, _, _ in together])
    return tuple(replace(_standalone(only, merged), cluster=names[home]) for home, only, merged in together)


def _nearest(directory: str, homes: Sequence[str]) -> str | None:
    """Give the directory that shares most with another one; None where no single one does."""
    shared = {home: len(posixpath.commonprefix([_steps(directory), _steps(home)])) for home in homes}
    best = [home for home, length in shared.items() if length == max(shared.values())]
    return best[0] if len(best) == 1 else None


def _names(directories: Sequence[str]) -> dict[str, str]:
    """Name clusters after their directories, below what these have in common; a single one needs no name."""
    distinct = list(dict.fromkeys(directories))
    common = len(posixpath.commonprefix([_steps(directory) for directory in distinct]))
    few = len(distinct) == 1
    return {one: "" if few else "/".join(_steps(one)[common:]) or posixpath.basename(one) or "." for one in distinct}


def _steps(directory: str) -> list[str]:
    return directory.split("/") if directory else []


def _without_policy(configs: Sequence[Field]) -> Argument:
    """Say why the flags of configurations that name no audit policy are not all known."""
    audit = next((found for one in configs if (found := one.get("auditConfig"))), None)
    if audit is not None:
        return Argument("", audit.file, audit.line, _AUDIT_CONFIG, audit.path)
    return Argument("", configs[0].file, configs[0].get("apiServerArguments").line, _UNSET)


def _standalone(objects: Sequence[Field], configs: Sequence[Field]) -> ApiServerSource:
    """Build the API server of a cluster that runs its own control plane."""
    first = (*objects, *configs)[0]
    default = f"{first.file} (OpenShift's default)"
    own = ACCESS if configs else (f"--audit-policy-file={_POLICY}", *_AUDIT, *ACCESS)
    arguments = with_defaults((Argument(text, default) for text in own), config_arguments(configs))
    if configs and not any(argument.text.startswith("--audit-policy-file=") for argument in arguments):
        arguments = (*arguments, _without_policy(configs))
    audit = objects[-1].get("spec", "audit") if objects else None
    files = {_POLICY: _policy(audit, default)} if audit is not None else {}
    what = f"{_LOGS} on the node, which OpenShift mounts writable"
    resources = "the ConfigMaps and Secrets that OpenShift installs on the node"
    mounts = (
        Mount(_LOGS, Place(PlaceKind.HOST, what, _LOGS, evidence=(Evidence(default, _LOGS, what),))),
        Mount(
            "/etc/kubernetes/static-pod-resources",
            Place(PlaceKind.HOST, resources, "/etc/kubernetes/static-pod-resources", read_only=True),
        ),
    )
    line = (audit or first).line
    return ApiServerSource(
        file=first.file,
        line=line,
        arguments=tuple(arguments),
        view=View(mounts, "other mounts are not known"),
        node=CONTROL_PLANE,
        files=files,
        tool="openshift",
    )


def _hosted(document: Field) -> ApiServerSource:
    """Build the API server of a hosted control plane, which runs as a Deployment of its management cluster."""
    default = f"{document.file} (HyperShift's default)"
    audit = document.get("spec", "configuration", "apiServer", "audit")
    arguments = [Argument(text, default) for text in (f"--audit-policy-file={_HOSTED_POLICY}", *_HOSTED_AUDIT, *ACCESS)]
    webhook = document.get("spec", "auditWebhook", "name")
    mounts = [
        Mount("/etc/kubernetes/audit", Place(PlaceKind.CLUSTER_OBJECT, "ConfigMap kas-audit-config", read_only=True)),
        Mount(
            _LOGS,
            Place(PlaceKind.EPHEMERAL, f"an emptyDir at {_LOGS}", evidence=(Evidence(default, _LOGS, "emptyDir"),)),
        ),
    ]
    if webhook:
        arguments += [
            webhook.argument("audit-webhook-config-file", _WEBHOOK),
            Argument("--audit-webhook-mode=batch", default),
        ]
        secret = ClusterObject("Secret", webhook.text)
        place = Place(PlaceKind.CLUSTER_OBJECT, f"Secret {webhook.text}", "/", read_only=True, object=secret)
        mounts.append(Mount("/etc/kubernetes/auditwebhook", place))
    return ApiServerSource(
        file=document.file,
        line=(audit or document).line,
        arguments=tuple(arguments),
        view=View(tuple(mounts), "other mounts are not known"),
        files={_HOSTED_POLICY: _policy(audit, default)},
        cluster=document.get("metadata", "name").text,
        node=CONTROL_PLANE,
        tool="hypershift",
        carried="" if audit.get("profile").text == "None" else "the container audit-logs of the same pod",
    )


def _policy(audit: Field, default: str) -> GivenFile:
    """Give the policy of an audit profile; rules for single groups come first."""
    profile = audit.get("profile")
    name = _PROFILES.get(profile.text or "Default")
    chosen = (
        profile.evidence(f"profile: {profile.text}") if profile else Evidence(default, audit.path, "profile: Default")
    )
    rules = audit.get("customRules").items()
    groups = [(rule.get("group").text, _PROFILES.get(rule.get("profile").text or "Default")) for rule in rules]
    if name is None or any(known is None for _, known in groups):
        return GivenFile(chosen, unread="it names an audit profile that is not known")
    return GivenFile(chosen, published=name, group_policies=tuple((group, known) for group, known in groups if known))
