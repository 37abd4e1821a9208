"""Whether a request can be denied, and whether anonymous ones are let in."""

from __future__ import annotations

import pytest

from scanner.model import LinkState, NoPolicy
from tests.unit.providers.self_managed.hosts import MANIFEST, POLICY, Host, ScanHost

RBAC = "--authorization-mode=Node,RBAC"
AUTHN = "--authentication-config=/etc/kubernetes/authn.yaml"
HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"


@pytest.mark.parametrize(
    ("flags", "can_deny", "anonymous", "reason", "evidence"),
    [
        ([RBAC], True, True, "--authorization-mode is Node,RBAC; anonymous requests are let in", [RBAC]),
        (
            [RBAC, "--anonymous-auth=false"],
            True,
            False,
            "--authorization-mode is Node,RBAC; anonymous requests are off",
            [RBAC, "--anonymous-auth=false"],
        ),
        (
            [],
            False,
            False,
            (
                "--authorization-mode is not set, and its default AlwaysAllow denies no request; "
                "kube-apiserver switches anonymous requests off under AlwaysAllow"
            ),
            ["kube-apiserver has 0 flags, none of them --authorization-*"],
        ),
        (
            ["--authorization-mode=AlwaysAllow"],
            False,
            False,
            (
                "--authorization-mode is AlwaysAllow: AlwaysAllow denies no request; "
                "kube-apiserver switches anonymous requests off under AlwaysAllow"
            ),
            ["--authorization-mode=AlwaysAllow"],
        ),
        (
            ["--authorization-config=/etc/kubernetes/authz.yaml"],
            None,
            True,
            (
                "the file of --authorization-config could not be read: "
                "hosts/cp-1/etc/kubernetes/authz.yaml: there is no such file; anonymous requests are let in"
            ),
            ["--authorization-config=/etc/kubernetes/authz.yaml"],
        ),
        (
            ["--authorization-mode=$(M)"],
            None,
            None,
            "the value of --authorization-mode is not known; whether anonymous requests are let in is not known",
            ["--authorization-mode=$(M)"],
        ),
        (
            [RBAC, "--anonymous-auth=$(M)"],
            True,
            None,
            "--authorization-mode is Node,RBAC; whether anonymous requests are let in is not known",
            [RBAC, "--anonymous-auth=$(M)"],
        ),
    ],
)
async def test_flags(
    host: Host,
    scan_host: ScanHost,
    flags: list[str],
    can_deny: bool | None,  # noqa: FBT001 - a column
    anonymous: bool | None,  # noqa: FBT001 - a column
    reason: str,
    evidence: list[str],
) -> None:
    host.pod(flags)
    manifest = host.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
    env = "    env: [{name: M, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]\n    volumeMounts:"
    manifest.write_text(manifest.read_text().replace("    volumeMounts:", env))
    server, _ = await scan_host()
    authorizer = server.authorizer
    assert (authorizer.can_deny, authorizer.anonymous, authorizer.reason) == (can_deny, anonymous, reason)
    assert [item.value for item in authorizer.evidence] == evidence


@pytest.mark.parametrize(
    ("flags", "text", "anonymous", "reason"),
    [
        ([RBAC], "anonymous: {enabled: true}\n", True, "anonymous requests are let in"),
        ([RBAC], "anonymous: {enabled: false}\n", False, "anonymous requests are off"),
        (
            [RBAC],
            "anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}]}\n",
            False,
            "anonymous requests are let in on /livez, /readyz only",
        ),
        ([RBAC], "jwt: []\n", True, "anonymous requests are let in"),
        ([RBAC, "--anonymous-auth=false"], "jwt: []\n", False, "anonymous requests are off"),
        ([RBAC, "--anonymous-auth=$(M)"], "jwt: []\n", None, "whether anonymous requests are let in is not known"),
        ([], "jwt: []\n", False, "kube-apiserver switches anonymous requests off under AlwaysAllow"),
        (
            [RBAC],
            "jwt: [\n",
            None,
            (
                "the file of --authentication-config could not be read: "
                "hosts/cp-1/etc/kubernetes/authn.yaml is not valid YAML (line 4)"
            ),
        ),
        (
            [RBAC],
            None,
            None,
            (
                "the file of --authentication-config could not be read: "
                "hosts/cp-1/etc/kubernetes/authn.yaml: there is no such file"
            ),
        ),
    ],
)
async def test_authentication_configuration(
    host: Host,
    scan_host: ScanHost,
    flags: list[str],
    text: str | None,
    anonymous: bool | None,  # noqa: FBT001 - a column
    reason: str,
) -> None:
    host.pod([*flags, AUTHN])
    manifest = host.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
    env = "    env: [{name: M, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]\n    volumeMounts:"
    manifest.write_text(manifest.read_text().replace("    volumeMounts:", env))
    if text is not None:
        host.put("etc/kubernetes/authn.yaml", HEAD + text)
    server, _ = await scan_host()
    assert server.authorizer.anonymous is anonymous
    assert server.authorizer.reason.partition("; ")[2] == reason


async def test_an_empty_authentication_configuration(host: Host, scan_host: ScanHost) -> None:
    host.pod([RBAC, AUTHN])
    host.put("etc/kubernetes/authn.yaml", "")
    server, _ = await scan_host()
    assert server.authorizer.anonymous is True


AUTHZ = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n"


@pytest.mark.parametrize(
    ("text", "can_deny", "reason"),
    [
        (
            "authorizers: [{type: Node, name: node}, {type: RBAC, name: rbac}]\n",
            True,
            "the authorizers of --authorization-config are Node,RBAC",
        ),
        (
            "authorizers: [{type: AlwaysAllow, name: all}]\n",
            False,
            "the authorizers of --authorization-config are AlwaysAllow: AlwaysAllow denies no request",
        ),
        (
            "authorizers: [{type: Webhook, name: hook}, {type: AlwaysAllow, name: all}]\n",
            True,
            "the authorizers of --authorization-config are Webhook,AlwaysAllow",
        ),
        (
            "authorizers: [{name: all}]\n",
            None,
            "hosts/cp-1/etc/kubernetes/authz.yaml, the file of --authorization-config, names no authorizers",
        ),
        ("", None, "hosts/cp-1/etc/kubernetes/authz.yaml, the file of --authorization-config, names no authorizers"),
        (
            "authorizers: [",
            None,
            (
                "the file of --authorization-config could not be read: "
                "hosts/cp-1/etc/kubernetes/authz.yaml is not valid YAML (line 4)"
            ),
        ),
    ],
)
async def test_authorization_configuration(
    host: Host,
    scan_host: ScanHost,
    text: str,
    can_deny: bool | None,  # noqa: FBT001 - a column
    reason: str,
) -> None:
    """Its authorizers take the place of the modes; anonymous requests are not its affair."""
    host.pod(["--authorization-config=/etc/kubernetes/authz.yaml", "--anonymous-auth=false"])
    host.put("etc/kubernetes/authz.yaml", AUTHZ + text)
    server, _ = await scan_host()
    authorizer = server.authorizer
    assert (authorizer.can_deny, authorizer.anonymous) == (can_deny, False)
    assert authorizer.reason == f"{reason}; anonymous requests are off"
    located = [item.locator for item in authorizer.evidence if item.source.endswith("authz.yaml")]
    assert located == (["line 3, authorizers"] if can_deny is not None else [])


@pytest.mark.parametrize("flag", ["authorization-config", "authentication-config"])
async def test_a_configuration_that_no_mount_covers_keeps_the_server_from_starting(
    host: Host, scan_host: ScanHost, flag: str
) -> None:
    host.pod([f"--{flag}=/srv/config.yaml", f"--audit-policy-file={POLICY}", "--audit-log-path=/var/log/audit.log"])
    server, observation = await scan_host()
    reason = (
        f"kube-apiserver refuses to start: --{flag} names /srv/config.yaml, "
        "and no volume mount brings that file into its container"
    )
    assert server.policy == NoPolicy(reason, server.policy.evidence)
    assert server.policy.evidence[0].locator == "10"
    assert [(one.exported.state, one.exported.reason) for one in server.channels] == [(LinkState.GAP, reason)]
    assert observation.parameters["refused"] == reason.partition(": ")[2]


async def test_a_configuration_of_a_server_whose_flags_are_not_all_known_may_be_another(
    host: Host, scan_host: ScanHost
) -> None:
    host.pod(["--authorization-config=/srv/config.yaml", "$(MORE)"])
    text = (host.root / MANIFEST).read_text()
    host.put(MANIFEST, text.replace("    volumeMounts:", "    envFrom: [{configMapRef: {name: x}}]\n    volumeMounts:"))
    server, _ = await scan_host()
    assert (server.authorizer.can_deny, "refuses" in server.authorizer.reason) == (None, False)
