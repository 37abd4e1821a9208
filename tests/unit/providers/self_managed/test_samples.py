"""Manifests found in the field: none may stop the scan, and none may pass by not being understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scanner.model import InlinePolicy
from tests.unit.providers.self_managed.hosts import Scan

SAMPLES = Path(__file__).parents[5] / "shared" / "samples" / "manifests"
KNOWN = {"static-pod", "kubeadm-ClusterConfiguration", "systemd-unit"}
BROKEN = {"198.yaml"}
"""Another program's pod that is only named kube-apiserver."""


@pytest.mark.shared
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not part of the repository")
async def test_samples_from_the_field(scan: Scan) -> None:
    index = json.loads((SAMPLES / "index.json").read_text(encoding="utf-8"))
    files = [entry for entry in index if (SAMPLES / entry["file"]).is_file()]
    observations = await scan(*({"name": e["file"], "paths": [e["file"]]} for e in files), base=SAMPLES)
    recognised = {o.ref.name for o in observations if any(fact.name == "read from" for fact in o.facts)}
    assert len(observations) == len(files) > 100
    assert {entry["file"] for entry in files if entry["kind"] in KNOWN} - recognised == set()
    assert not [o.ref.name for o in observations for s in o.servers if isinstance(s.policy, InlinePolicy)]
