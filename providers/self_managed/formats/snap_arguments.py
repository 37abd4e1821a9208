"""The files of arguments of MicroK8s and Canonical Kubernetes, ``args/kube-apiserver``: a flag on a line.

The snaps start kube-apiserver on the host itself, with the words that their shell makes of the file.

Sources: ``canonical/microk8s`` microk8s-resources/default-args/kube-apiserver and wrappers (variables of a snap,
``--authorization-mode=AlwaysAllow`` until RBAC is enabled); ``canonical/k8s-snap`` src/k8s/pkg/snap (service arguments
below ``/var/snap/k8s/common/args``); snapcraft.io, "Environment variables" (SNAP_DATA, SNAP_COMMON).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from providers.self_managed.source import ApiServerSource, Format, ManifestFile, View
from scanner.apiserver import Argument

_MICROK8S: Final = {
    "SNAP": "/snap/microk8s/current",
    "SNAP_DATA": "/var/snap/microk8s/current",
    "SNAP_COMMON": "/var/snap/microk8s/common",
}
_CANONICAL: Final = {
    "SNAP": "/snap/k8s/current",
    "SNAP_DATA": "/var/snap/k8s/current",
    "SNAP_COMMON": "/var/snap/k8s/common",
}
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_CANONICAL_SIGN: Final = "/var/snap/k8s/"
_SIGNS: Final = ("/var/snap/microk8s/", "/snap/microk8s/", _CANONICAL_SIGN, "SNAP_DATA", "SNAP_COMMON")


class SnapArguments:
    """A file of flags with the paths or variables of a snap in them."""

    title: Final = "arguments of a snap's kube-apiserver"
    signs: Final = tuple(sign.encode() for sign in _SIGNS)

    def read(self, file: ManifestFile) -> tuple[ApiServerSource, ...]:
        """Give the API server of the node; nothing for the arguments of another service."""
        if not is_snap(file) or "--etcd-servers" not in file.text:
            return ()
        is_canonical = _CANONICAL_SIGN in file.text
        arguments = tuple(_arguments(file, _CANONICAL if is_canonical else _MICROK8S))
        if not arguments:
            return ()
        name = "Canonical Kubernetes" if is_canonical else "MicroK8s"
        remark = f"read from the arguments of {name}: they count from the next start of kube-apiserver"
        return (ApiServerSource(file.shown, arguments[0].line or 1, arguments, View(None), remark=remark),)


FORMAT: Final[Format] = SnapArguments()


def is_snap(file: ManifestFile) -> bool:
    """Tell whether a file is nothing but flags, with something of a snap in them."""
    lines = [line for _, line in _lines(file)]
    return (
        bool(lines)
        and all(line.startswith("--") for line in lines)
        and any(sign in line for line in lines for sign in _SIGNS)
    )


def _lines(file: ManifestFile) -> Iterator[tuple[int, str]]:
    """Give the lines that are no comments, with their numbers."""
    for number, raw in enumerate(file.text.splitlines(), start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, line


def _arguments(file: ManifestFile, variables: Mapping[str, str]) -> Iterator[Argument]:
    """Divide each line into words as a shell does; a variable of the snap gets its value, any other is not known."""
    for number, line in _lines(file):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            name = line.partition("=")[0].split()[0]
            yield Argument(name, file.shown, number, "its quotes do not match")
            continue
        for word in words:
            strange = [name for pair in _VARIABLE.findall(word) if (name := pair[0] or pair[1]) not in variables]
            value = _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), word)
            unread = f"the value of {', '.join(strange)} is not known here" if strange else ""
            yield Argument(value, file.shown, number, unread)
