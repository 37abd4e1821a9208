"""Files that describe no API server, but that one may read: audit policies, kubeconfigs, ConfigMaps and Secrets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final

from providers.self_managed.fields import Field
from providers.self_managed.source import ClusterObject, Format, GivenFile, ManifestFile, Supply

_OBJECTS: Final = frozenset({"ConfigMap", "Secret"})
_PLAIN: Final = (
    ("audit.k8s.io/", "Policy", "audit policy"),
    ("apiserver.config.k8s.io/", "AuthenticationConfiguration", "authentication configuration"),
    ("apiserver.config.k8s.io/", "AuthorizationConfiguration", "authorization configuration"),
    ("kubecontrolplane.config.openshift.io/", "KubeAPIServerConfig", "KubeAPIServerConfig"),
)
_CONTENT: Final = (b"audit.k8s.io/", b"apiserver.config.k8s.io/", b"current-context", b"KubeAPIServerConfig")
"""Every file that a flag of interest names holds one of these; what ConfigMaps and Secrets hold beside is let be."""


def _in_base64(word: bytes) -> Iterator[bytes]:
    """Give what a word looks like within base64 at its three alignments, but for the ends, which others decide."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + word)
        yield encoded[(shift * 8 + 5) // 6 : (shift + len(word)) * 8 // 6]


class Supporting:
    """Audit policies, kubeconfigs and structured authentication, by themselves or in ConfigMaps and Secrets."""

    title: Final = "audit policy, kubeconfig or ConfigMap"
    signs: Final = (*_CONTENT, *(sign for word in _CONTENT for sign in _in_base64(word)))

    def read(self, file: ManifestFile) -> tuple[Supply, ...]:
        """Give the file itself where its first document is one, and the objects among its documents."""
        found = [_plain(file, document) for document in file.fields[:1]]
        found += [supply for document in file.fields for supply in _objects(document)]
        return tuple(supply for supply in found if supply is not None)


FORMAT: Final[Format] = Supporting()


def _plain(file: ManifestFile, document: Field) -> Supply | None:
    """Give a file that an API server may read as it is."""
    version, kind = document.get("apiVersion").text, document.get("kind").text
    title = next((name for group, one, name in _PLAIN if version.startswith(group) and kind == one), "")
    if kind == "Config" and document.get("clusters").is_list and document.get("contexts").is_list:
        title = "kubeconfig"
    if not title:
        return None
    given = GivenFile(document.evidence(title), file.data)
    return Supply(file.shown, title, {"": given}, path=str(file.path))


def _objects(document: Field) -> Iterator[Supply]:
    """Give a ConfigMap or Secret, alone or in a List."""
    kind = document.get("kind").text
    if kind == "List" or kind in {f"{one}List" for one in _OBJECTS}:
        for item in document.get("items").items():
            yield from _objects(item)
    if kind in _OBJECTS:
        name, namespace = (document.get("metadata", key).text for key in ("name", "namespace"))
        files = dict(_files(document, kind))
        if files:
            found = ClusterObject(kind, name, namespace=namespace)
            yield Supply(document.file, f"{kind} {name}", files, object=found)


def _files(document: Field, kind: str) -> Iterator[tuple[str, GivenFile]]:
    """Give the files of an object that may be of interest; what a Secret holds is never quoted."""
    for section in ("data", "stringData", "binaryData"):
        for key, value in document.get(section).entries():
            if not value.is_text:
                continue
            evidence = value.evidence(f"{kind} {document.get('metadata', 'name').text}, key {key}")
            is_encoded = section == "binaryData" or (kind == "Secret" and section == "data")
            data, above = (_decoded(value.text), 0) if is_encoded else value.content()
            if any(word in data for word in _CONTENT):
                yield key, GivenFile(evidence, data, above)


def _decoded(text: str) -> bytes:
    """Decode base64; what is none holds nothing."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
