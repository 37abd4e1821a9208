"""Manifests found in the field: each is recognised or refused for a good reason, and no secret leaves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.source import ManifestFile
from scanner.errors import CollectionError
from scanner.model import ClusterObservation, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Scan

SAMPLES = Path(__file__).parents[5] / "shared" / "samples" / "manifests"
TITLES = {
    "apiserver-args-list": "list of kube-apiserver flags",
    "apiserver-deployment": "static pod manifest",
    "capi-KubeadmControlPlane": "Cluster API control plane",
    "capi-RKE2ControlPlane": "Cluster API control plane",
    "gardener-shoot": "Gardener Shoot",
    "k3d": "k3d configuration",
    "k3s-or-rke2-config": "k3s or RKE2 configuration",
    "k3s-or-rke2-config+rke1-cluster": "k3s or RKE2 configuration",
    "kind-cluster": "kind Cluster",
    "kops-cluster": "kOps Cluster",
    "kops-cluster-snippet": "kOps Cluster",
    "kubeadm-ClusterConfiguration": "kubeadm ClusterConfiguration",
    "kubeone": "KubeOne cluster",
    "openshift-KubeAPIServerConfig": "OpenShift APIServer, KubeAPIServerConfig or HostedCluster",
    "static-pod": "static pod manifest",
    "systemd-unit": "systemd unit",
    "talos": "Talos machine configuration",
    "talos-talhelper": "Talos machine configuration",
}
"""The title of each kind of the index; kinds that are not here are tested with their own formats."""
REFUSED = {
    "124.yaml": "holds no kube-apiserver that could be recognised",  # another program's list of nodes
    **dict.fromkeys(
        ("076.yaml", "077.yaml", "078.yaml", "079.yaml", "111.yaml"),
        "describes an EKS cluster, whose control plane AWS runs",
    ),
    "249.yaml": "holds ControlPlaneConfiguration, and no kube-apiserver that could be recognised",  # of crit
    "253.yaml": "holds flags of kube-apiserver in a text that is neither a manifest nor a list of flags",
    "254.yaml": "holds flags of kube-apiserver in a text that is neither a manifest nor a list of flags",
    "265.yaml": "holds flags of kube-apiserver in a text that is neither a manifest nor a list of flags",
}
NOT_YAML = re.compile(r"is not valid YAML \(line \d+\)")
"""Where whoever collected the samples cut a secret out, what is left is not YAML."""
HARMLESS = 8
"""Shorter values are words such as ``true`` that stand everywhere."""
QUOTED = re.compile(
    r"(?i)audit|authori[sz]ation|anonymous|authentication-config|policy|volume|mount|path|name|version|profile"
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not part of the repository"),
]


def entries() -> list[dict[str, str]]:
    index = json.loads((SAMPLES / "index.json").read_text(encoding="utf-8"))
    return [entry for entry in index if (SAMPLES / entry["file"]).is_file()]


def reason_of(observation: ClusterObservation) -> str:
    policy = observation.servers[0].policy
    return policy.reason if isinstance(policy, UnreadablePolicy) else ""


async def scanned(scan: Scan) -> dict[str, list[ClusterObservation]]:
    """Scan every sample as a cluster of its own, by the file's name."""
    found: dict[str, list[ClusterObservation]] = {}
    for observation in await scan(*({"name": e["file"], "paths": [e["file"]]} for e in entries()), base=SAMPLES):
        found.setdefault(observation.ref.name.partition("/")[0], []).append(observation)
    return found


async def test_each_is_recognised_or_refused_for_a_good_reason(scan: Scan) -> None:
    found = await scanned(scan)
    assert len(found) == len(entries()) > 100
    wrong = []
    for entry in entries():
        first = found[entry["file"]][0]
        titles = [fact.value for fact in first.facts if fact.name == "read from"]
        said = reason_of(first).partition(f"{entry['file']} ")[2]
        refused = REFUSED.get(entry["file"])
        as_expected = said.startswith(refused) if refused else TITLES.get(entry["kind"], "") in " ".join(titles)
        if not as_expected and not (not titles and NOT_YAML.match(said)):
            wrong.append((entry["file"], entry["kind"], titles, said[:80]))
    assert wrong == []


def texts_of(data: bytes) -> Iterator[tuple[str, str]]:
    """Give every scalar of a file with the key above it."""
    file = ManifestFile(Path("/x/f.yaml"), "f.yaml", HostFiles(None), data)
    try:
        waiting = [("", field) for field in file.fields]
    except CollectionError:
        return
    while waiting:
        key, field = waiting.pop()
        if field.is_text:
            yield key, field.text
        waiting += list(field.entries()) + [(key, item) for item in field.items()]


async def test_nothing_but_what_is_about_auditing_leaves_them(scan: Scan) -> None:
    """Whatever stands under a key that may be a secret's is in no part of what the scan found."""
    secret = re.compile(
        r"(?i)token|password|passwd|secret|private|credential|encryption|\bkey\b|cert|\bca\b|user-?data"
    )
    for name, observations in (await scanned(scan)).items():
        shown = repr([(one.servers, one.facts, one.notes, one.parameters) for one in observations])
        for key, text in texts_of((SAMPLES / name).read_bytes()):
            if secret.search(key) and not QUOTED.search(key) and len(text) > HARMLESS and " " not in text.strip():
                assert text not in shown, (name, key)
