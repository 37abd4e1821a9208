"""The 35 recorded starts of kube-apiserver 1.36.2, with their files, through the whole provider."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.model import InlinePolicy, LinkState, NoPolicy, UnreadablePolicy
from tests.unit.providers.self_managed.hosts import Host, ScanHost

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "apiserver_flags.json").read_text(encoding="utf-8")
)
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
HOOK = (
    "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
    "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:16460'}}]\n"
)
FILES = {
    "ok.yaml": f"{HEAD}rules: [{{level: Metadata}}]\n",
    "rr.yaml": f"{HEAD}rules: [{{level: RequestResponse}}]\n",
    "none.yaml": f"{HEAD}rules: [{{level: None}}]\n",
    "unknown.yaml": f"{HEAD}rules: [{{level: None, user: [bob], resources: [{{group: ''}}]}}, {{level: Metadata}}]\n",
    "zero.yaml": f"{HEAD}rules: []\n",
    "empty.yaml": "",
    "v1beta1.yaml": "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: Metadata}]\n",
    "nokind.yaml": "apiVersion: audit.k8s.io/v1\nrules: [{level: Metadata}]\n",
    "badlevel.yaml": f"{HEAD}rules: [{{level: metadata}}]\n",
    "hook16460.yaml": HOOK,
    "hook16461.yaml": HOOK.replace("16460", "16461"),
    "authn.yaml": "anonymous: {enabled: true, conditions: [{path: /livez}]}\n",
}
UNKNOWN_WITHOUT_THE_FILE = {"missing-file", "webhook-config-missing"}
"""The server refused these; but a copy of a host may lack the file, so that it is unknown and not a gap."""


def absolute(flag: str) -> str:
    """The recorded flags name files by their base name."""
    name, equals, value = flag.partition("=")
    if equals and name.replace("_", "-") == "--audit-log-path" and value not in {"", "-"}:
        return f"{name}=/logs/{value}"
    if value.endswith(".yaml"):
        return f"{name}=/files/{value}"
    return {"ok.yaml": "/files/ok.yaml", "sep.log": "/logs/sep.log"}.get(flag, flag)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
async def test_what_is_said_agrees_with_what_happened(host: Host, scan_host: ScanHost, case: dict[str, Any]) -> None:
    flags = [absolute(flag) for flag in case["flags"]]
    volumes = [(path, f"hostPath: {{path: {path}}}", "") for path in ("/files", "/logs")]
    host.pod([f"'{flag}'" for flag in flags], volumes, image="registry.k8s.io/kube-apiserver:v1.36.2")
    for name, text in FILES.items():
        host.put(f"files/{name}", text)
    (host.root / "logs/a/directory").mkdir(parents=True)
    server, _ = await scan_host()
    logs = [(channel.exported.state, channel.delivered.state) for channel in server.channels]
    records = isinstance(server.policy, InlinePolicy) and (LinkState.OK, LinkState.OK) in logs
    if case["case"] in UNKNOWN_WITHOUT_THE_FILE:
        assert isinstance(server.policy, UnreadablePolicy) or (LinkState.OK, LinkState.UNKNOWN) in logs
    elif case["started"]:
        assert records is (
            bool(case.get("webhook_events") or case["log_bytes"])
            or case["case"] in {"log-path-dash", "policy-and-webhook-dead"}
        )
    else:
        assert not records
        assert isinstance(server.policy, NoPolicy) or logs == [(LinkState.GAP, LinkState.GAP)]
        assert "refuses" in (
            server.policy.reason if isinstance(server.policy, NoPolicy) else server.channels[0].delivered.reason
        )
