"""What k3s and RKE2 turn their settings into: kube-apiserver's flags, and the files that RKE2 writes by itself.

Sources: ``k3s-io/k3s`` pkg/daemons/control/server.go (apiServer) and pkg/configfilearg; ``rancher/rke2`` and its pod
executor (APIServer, WriteDefaultPolicyFile), where the audit flags of RKE2 come before those of the user.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from providers.self_managed.defaults import default, with_defaults
from providers.self_managed.fields import Field
from providers.self_managed.source import GivenFile, Mount, Place, PlaceKind, View
from scanner.apiserver import Argument
from scanner.model import Evidence


class Product(StrEnum):
    """Which of the two; OTHER where nothing tells them apart, which matters for RKE2's own settings only."""

    K3S = "k3s"
    RKE2 = "RKE2"
    OTHER = "k3s or RKE2"


Settings = Mapping[str, tuple[Argument, ...]]
"""The values of each setting, in order, with their places."""

ARGUMENT: Final = "kube-apiserver-arg"
_POLICY: Final = "audit-policy-file"
_PROFILE: Final = "profile"
_DATA: Final = "data-dir"
_DEFAULT_POLICY: Final = "/etc/rancher/rke2/audit-policy.yaml"
_DEFAULT_DATA: Final = "/var/lib/rancher/rke2"
_CIS: Final = frozenset({"cis", "cis-1.5", "cis-1.6", "cis-1.23", "etcd-cis"})
_ROTATION: Final = ("--audit-log-maxage=30", "--audit-log-maxbackup=10", "--audit-log-maxsize=100")
_COMMON: Final = ("--anonymous-auth=false", "--authorization-mode=Node,RBAC")
_RKE2_SIGNS: Final = frozenset(
    {
        *(_POLICY, _PROFILE, "cni", "cloud-provider-name", "ingress-controller", "control-plane-resource-requests"),
        *("control-plane-resource-limits", "control-plane-probe-configuration", "pod-security-admission-config-file"),
        *("kube-apiserver-image", "kube-apiserver-extra-mount", "kube-apiserver-extra-env", "etcd-image"),
    }
)
_K3S_SIGNS: Final = frozenset(
    {"flannel-backend", "docker", "disable-network-policy", "disable-helm-controller", "rootless", "cluster-secret"}
)
SERVER_KEYS: Final = frozenset(
    {
        *(
            ARGUMENT,
            _POLICY,
            "tls-san",
            "cluster-cidr",
            "service-cidr",
            "cluster-dns",
            "cluster-domain",
            "cluster-init",
        ),
        *("cni", "disable", "disable-apiserver", "disable-cloud-controller", "disable-etcd", "disable-kube-proxy"),
        *("disable-network-policy", "disable-scheduler", "write-kubeconfig", "write-kubeconfig-mode"),
        *("secrets-encryption", "flannel-backend", "kube-controller-manager-arg", "kube-scheduler-arg", "etcd-arg"),
        *(
            "datastore-endpoint",
            "advertise-address",
            "egress-selector-mode",
            "ingress-controller",
            "etcd-expose-metrics",
        ),
        *("service-node-port-range", "etcd-s3", "etcd-snapshot-schedule-cron", "etcd-snapshot-retention"),
        *("kube-apiserver-image", "kube-apiserver-extra-mount", "control-plane-resource-requests"),
    }
)
"""Settings that only a server has, and not an agent."""


@dataclass(frozen=True, slots=True)
class K3sServer:
    """What the settings of one server amount to."""

    arguments: tuple[Argument, ...]
    view: View
    files: Mapping[str, GivenFile]


def read_settings(documents: Iterable[Field]) -> dict[str, tuple[Argument, ...]]:
    """Merge configuration files in their order: a later one replaces a setting, ``key+`` adds to it."""
    settings: dict[str, tuple[Argument, ...]] = {}
    for document in documents:
        for key, value in document.entries():
            words = tuple(Argument(word.text, word.file, word.line, key=word.path) for word in value.words())
            name = key.removesuffix("+")
            settings[name] = (*settings.get(name, ()), *words) if key.endswith("+") else words
    return settings


def product_of(settings: Settings, path: str) -> Product:
    """Tell k3s and RKE2 apart: by settings that only one of them has, else by the directory of the file."""
    disabled = [word.text for word in settings.get("disable", ())]
    if settings.keys() & _RKE2_SIGNS or any(name.startswith("rke2-") for name in disabled):
        return Product.RKE2
    if settings.keys() & _K3S_SIGNS or {"traefik", "servicelb", "local-storage"} & set(disabled):
        return Product.K3S
    folders = posixpath.dirname(path).split("/")
    return next((one for one in (Product.RKE2, Product.K3S) if one.value.lower() in folders), Product.OTHER)


def server(settings: Settings, product: Product, file: str, *more: Argument) -> K3sServer:
    """Turn the settings of a server into what its kube-apiserver gets; `more` are words that may hold any setting."""
    common = [default(text, file, f"{product}'s") for text in _COMMON]
    own: tuple[Argument, ...] = ()
    files: dict[str, GivenFile] = {}
    if product is not Product.K3S:
        own, files = _audited(settings, file)
    user = tuple(_user_arguments(settings))
    view = View(None)
    if product is Product.RKE2:
        what = "the node, from where RKE2 mounts what the flags name"
        view = View((Mount("/", Place(PlaceKind.HOST, what, "/")),))
    return K3sServer((*with_defaults([*common, *own], user), *more), view, files)


def _audited(settings: Settings, file: str) -> tuple[tuple[Argument, ...], dict[str, GivenFile]]:
    """Give the flags that RKE2 adds for ``audit-policy-file`` or a CIS profile, and the policy that it writes."""
    policy = next((word for word in reversed(settings.get(_POLICY, ())) if word.text or word.unread), None)
    profile = next((word for word in reversed(settings.get(_PROFILE, ()))), None)
    if policy is not None:
        path = policy.text
        flag = Argument(f"--{_POLICY}={path}", policy.source, policy.line, policy.unread, policy.key)
    elif profile is not None and (profile.text in _CIS or profile.unread):
        path = _DEFAULT_POLICY
        flag = Argument(f"--{_POLICY}={path}", profile.source, profile.line, profile.unread, profile.key)
    else:
        return (), {}
    data = next((word.text for word in reversed(settings.get(_DATA, ())) if word.text), _DEFAULT_DATA)
    source = f"{file} (RKE2's default)"
    added = (f"--audit-log-path={posixpath.join(data, 'server/logs/audit.log')}", *_ROTATION)
    said = "RKE2 writes a policy whose one rule has level None, so that no event is recorded"
    given = GivenFile(Evidence(source, path, said), published="rke2-default", if_absent=True)
    return (flag, *(Argument(text, source) for text in added)), {path: given}


def _user_arguments(settings: Settings) -> Iterator[Argument]:
    """Give the user's flags; one without a value is switched on."""
    for word in settings.get(ARGUMENT, ()):
        name, equals, value = word.text.lstrip("-").partition("=")
        text = f"--{name}={value if equals else 'true'}" if word.text else ""
        yield Argument(text, word.source, word.line, word.unread, word.key)
