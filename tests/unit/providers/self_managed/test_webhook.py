"""The webhook backend: its target is named, its credentials are never shown."""

from __future__ import annotations

import math

import pytest

from providers.self_managed.webhook import server_of
from scanner.errors import Malformed
from scanner.model import Evidence, LinkState
from tests.unit.providers.self_managed.hosts import Host, ScanHost, Unprivileged

SECRETS = (
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AKIAIOSFODNN7EXAMPLE",
    "exec-helper",
    "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
)
KUBECONFIG = f"""\
apiVersion: v1
kind: Config
current-context: audit
contexts:
- name: other
  context: {{cluster: other}}
- name: audit
  context: {{cluster: collector, user: apiserver}}
clusters:
- name: other
  cluster: {{server: "https://other"}}
- name: collector
  cluster:
    server: https://{SECRETS[1]}:{SECRETS[0].replace("/", "")}@audit.example.com:8443/ingest?key={SECRETS[3]}
users:
- name: apiserver
  user:
    token: {SECRETS[0]}
    password: {SECRETS[3]}
    client-key-data: {SECRETS[3]}
    exec: {{command: {SECRETS[2]}, args: [{SECRETS[0]}]}}
"""
FLAGS = [
    "--audit-policy-file=/etc/kubernetes/audit-policy.yaml",
    "--audit-webhook-config-file=/etc/kubernetes/hook.yaml",
    "--authorization-mode=RBAC",
]
SHOWN = "hosts/cp-1/etc/kubernetes/hook.yaml"


async def test_the_server_is_named_by_scheme_and_host_only(host: Host, scan_host: ScanHost) -> None:
    host.pod(FLAGS)
    host.put("etc/kubernetes/hook.yaml", KUBECONFIG)
    server, observation = await scan_host(observe=True)
    (channel,) = server.channels
    assert (channel.log, channel.name) == ("webhook", "https://audit.example.com:8443")
    assert (channel.exported.state, channel.delivered.state) == (LinkState.OK, LinkState.OK)
    assert channel.delivered.reason == "the webhook is https://audit.example.com:8443"
    assert channel.delivered.evidence[-1] == Evidence(SHOWN, "line 14", "server: https://audit.example.com:8443")
    assert (channel.retention.at_least, channel.retention.at_most) == (0, math.inf)
    assert channel.observed is not None
    assert channel.observed.reason == "what https://audit.example.com:8443 received is not read"
    assert [note.text for note in observation.notes] == [
        ("the audit webhook sends in batches: it drops events when its buffer is full or its target does not answer"),
        (
            "whether https://audit.example.com:8443 answers and keeps the events is not seen here: "
            "kube-apiserver starts without it"
        ),
    ]
    assert not [secret for secret in SECRETS if secret in repr(observation)]


async def test_traps_of_the_webhook(host: Host, scan_host: ScanHost) -> None:
    host.pod([*FLAGS, "--audit-webhook-mode=blocking", "--audit-webhook-truncate-enabled"])
    host.put("etc/kubernetes/hook.yaml", KUBECONFIG.replace("https://AKIA", "http://AKIA"))
    _, observation = await scan_host()
    assert [note.text for note in observation.notes] == [
        "--audit-webhook-truncate-enabled cuts the bodies of large events, and drops what is still too large",
        (
            "whether http://audit.example.com:8443 answers and keeps the events is not seen here: "
            "kube-apiserver starts without it"
        ),
        "the audit webhook http://audit.example.com:8443 is not encrypted",
    ]


async def test_a_log_and_a_webhook(host: Host, scan_host: ScanHost) -> None:
    host.pod([*FLAGS, "--audit-log-path=/var/log/audit.log"])
    host.put("etc/kubernetes/hook.yaml", KUBECONFIG)
    server, _ = await scan_host()
    assert [channel.log for channel in server.channels] == ["file", "webhook"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "names no server for its current context"),
        (KUBECONFIG.replace("current-context: audit", ""), "names no server for its current context"),
        (KUBECONFIG.replace("    server:", "    tls-server-name:"), "names no server for its current context"),
        (KUBECONFIG.replace("current-context: audit", "current-context: [audit"), "is not valid YAML (line 4)"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
async def test_a_kubeconfig_that_kube_apiserver_refuses(host: Host, scan_host: ScanHost, text: str, what: str) -> None:
    host.pod(FLAGS)
    host.put("etc/kubernetes/hook.yaml", text)
    server, observation = await scan_host()
    delivered = server.channels[0].delivered
    assert (delivered.state, delivered.reason) == (
        LinkState.GAP,
        f"kube-apiserver refuses to start: the webhook's kubeconfig {SHOWN} {what}",
    )
    assert not [secret for secret in SECRETS if secret in repr(observation)]


async def test_a_kubeconfig_that_no_mount_covers(host: Host, scan_host: ScanHost) -> None:
    host.pod(["--audit-webhook-config-file=/hook.yaml"])
    server, _ = await scan_host()
    assert server.channels[0].delivered.reason == (
        "kube-apiserver refuses to start: --audit-webhook-config-file names /hook.yaml, "
        "and no volume mount covers /hook.yaml"
    )
    assert server.channels[0].delivered.state is LinkState.GAP
    assert server.channels[0].name == "webhook"


async def test_a_kubeconfig_that_cannot_be_read(host: Host, scan_host: ScanHost, unprivileged: Unprivileged) -> None:
    host.pod(FLAGS)
    host.put("etc/kubernetes/hook.yaml", KUBECONFIG).chmod(0)
    with unprivileged():
        server, _ = await scan_host()
    delivered = server.channels[0].delivered
    assert (delivered.state, delivered.permission) == (LinkState.UNKNOWN, f"read access to {SHOWN}")
    assert delivered.reason == (
        f"the webhook's kubeconfig /etc/kubernetes/hook.yaml could not be read: {SHOWN} may not be read "
        "(give the user that scans read access)"
    )


async def test_a_value_from_elsewhere(host: Host, scan_host: ScanHost) -> None:
    host.pod(["--audit-webhook-config-file=$(HOOK)"])
    manifest = "etc/kubernetes/manifests/kube-apiserver.yaml"
    text = (host.root / manifest).read_text()
    env = "    env: [{name: HOOK, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]\n    volumeMounts:"
    host.put(manifest, text.replace("    volumeMounts:", env))
    server, _ = await scan_host()
    (channel,) = server.channels
    assert (channel.exported.state, channel.delivered.state) == (LinkState.UNKNOWN, LinkState.UNKNOWN)
    assert channel.exported.reason == (
        "the value of --audit-webhook-config-file is not known: "
        "the environment variable HOOK is set from elsewhere (valueFrom)"
    )


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        ("https://a", "https://a"),
        ("https://A.example:443/x", "https://a.example:443"),
        ("https://u:p@[2001:db8::1]:9", "https://[2001:db8::1]:9"),
        ("audit.example.com:8080/x", "audit.example.com:8080"),
    ],
)
def test_forms_of_a_server(server: str, shown: str) -> None:
    text = (
        f"current-context: a\ncontexts: [{{name: a, context: {{cluster: c}}}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
    )
    assert server_of(text.encode(), "hook") == (shown, 3)


@pytest.mark.parametrize("server", ["https://", "https://[x", "https://a:b"])
def test_a_server_that_is_no_url(server: str) -> None:
    text = (
        f"current-context: a\ncontexts: [{{name: a, context: {{cluster: c}}}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
    )
    with pytest.raises(Malformed) as caught:
        server_of(text.encode(), "hook")
    assert str(caught.value) == "hook: names a server that is no URL"


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "/etc/kubernetes/hook.yaml",
            "{}",
            f"the webhook's kubeconfig {SHOWN} names no server for its current context",
        ),
        ("/etc/kubernetes/hook.yaml", ": : [", f"the webhook's kubeconfig {SHOWN} is not valid YAML (line 1)"),
        (
            "/opt/hook.yaml",
            "",
            "--audit-webhook-config-file names /opt/hook.yaml, and no volume mount covers /opt/hook.yaml",
        ),
    ],
)
async def test_a_webhook_that_keeps_the_server_from_starting_takes_the_log_with_it(
    host: Host, scan_host: ScanHost, path: str, text: str, said: str
) -> None:
    host.pod([FLAGS[0], "--audit-log-path=/var/log/audit.log", f"--audit-webhook-config-file={path}", FLAGS[2]])
    host.put("etc/kubernetes/hook.yaml", text)
    server, observation = await scan_host()
    reason = f"kube-apiserver refuses to start: {said}"
    assert [(one.log, one.exported.state, one.exported.reason) for one in server.channels] == [
        ("file", LinkState.GAP, reason),
        ("webhook", LinkState.GAP, reason),
    ]
    assert observation.parameters["refused"] == said
