"""minikube: the configuration of a profile, ``~/.minikube/profiles/NAME/config.json``.

Sources: ``kubernetes/minikube`` pkg/minikube/config/types.go (ClusterConfig, KubernetesConfig, ExtraOption),
pkg/minikube/bootstrapper/bsutil (kubeadm's configuration), site/content/en/docs/tutorials/audit-policy.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.kubeadm_settings import default_mounts, kubeadm_arguments
from providers.self_managed.source import ApiServerSource, Format, ManifestFile, View
from scanner.apiserver import Argument

_VERSION: Final = re.compile(r"v?(1\.\d+(?:\.\d+)?).*")
_CERTIFICATES: Final = "/var/lib/minikube/certs"


class Minikube:
    """The profile of a minikube cluster: what ``--extra-config=apiserver.…`` left there."""

    title: Final = "minikube profile"
    signs: Final = (b"KubernetesConfig",)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server, which minikube starts with kubeadm."""
        return tuple(_source(document) for document in file.fields if _is_profile(document))


FORMAT: Final[Format] = Minikube()


def _is_profile(document: Field) -> bool:
    return document.get("KubernetesConfig").is_map and document.get("Driver").node is not None


def _source(profile: Field) -> ApiServerSource:
    settings = profile.get("KubernetesConfig")
    extra = tuple(_extra(settings.get("ExtraOptions")))
    match = _VERSION.fullmatch(settings.get("KubernetesVersion").text)
    return ApiServerSource(
        file=profile.file,
        line=settings.line,
        arguments=kubeadm_arguments(settings, *extra),
        view=View(tuple(default_mounts(_CERTIFICATES))),
        version=match[1] if match else None,
        node=settings.get("NodeName").text,
        cluster=profile.get("Name").text,
    )


def _extra(options: Field) -> Iterator[Argument]:
    """Give the options of the API server."""
    for option in options.items():
        if option.get("Component").text == "apiserver":
            value = option.get("Value")
            key = option.get("Key")
            yield Argument(f"--{key.text}={value.text}", options.file, value.line, key=option.path)
