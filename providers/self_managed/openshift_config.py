"""OpenShift's KubeAPIServerConfig: the file of ``--openshift-config``, which its kube-apiserver turns into flags.

Source: ``openshift/kubernetes`` openshift-kube-apiserver/openshiftkubeapiserver/flags.go (ConfigToFlags).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from providers.self_managed.fields import Field
from scanner.apiserver import Argument, is_relevant

GROUP: Final = "kubecontrolplane.config.openshift.io/"
KIND: Final = "KubeAPIServerConfig"
ACCESS: Final = ("--anonymous-auth=true", "--authorization-mode=RBAC,Node")
"""What OpenShift's kube-apiserver does where neither flags nor configuration say otherwise."""
_PATCHED_MODES: Final = frozenset({"Scope", "SystemMasters"})
"""Authorizers that OpenShift adds: they narrow what tokens may do, and let ``system:masters`` through."""
_MODE: Final = "authorization-mode"


def is_config(document: Field) -> bool:
    """Say whether a document is a KubeAPIServerConfig."""
    return document.get("apiVersion").text.startswith(GROUP) and document.get("kind").text == KIND


def config_arguments(documents: Sequence[Field]) -> tuple[Argument, ...]:
    """Give the flags of configurations that are merged in their order: a later one replaces an argument.

    Only flags about auditing, authentication and authorization are given: the others decide nothing here, and may be
    secret.
    """
    merged: dict[str, tuple[Argument, ...]] = {}
    for document in documents:
        for name, values in document.get("apiServerArguments").entries():
            if is_relevant(name):
                merged[name] = tuple(_arguments(name, values))
    return tuple(argument for arguments in merged.values() for argument in arguments)


def _arguments(name: str, values: Field) -> Iterator[Argument]:
    """Give one flag for each of its values; of the authorizers those that Kubernetes itself has."""
    for value in values.words():
        kept = [part for part in value.text.split(",") if name != _MODE or part not in _PATCHED_MODES]
        if kept:
            yield value.argument(name, ",".join(kept))
