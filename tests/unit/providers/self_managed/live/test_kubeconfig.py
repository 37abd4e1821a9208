"""Kubeconfigs: merging, credentials of every kind, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from providers.self_managed.live.access import Access
from providers.self_managed.live.in_cluster import in_cluster_access
from providers.self_managed.live.kubeconfig import Kubeconfig, load_access
from scanner.errors import CollectionError, CredentialsError, Malformed, NotFound

V1 = "client.authentication.k8s.io/v1"


def config(user: Mapping[str, Any] | None = None, name: str = "prod", **cluster: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "current-context": name,
        "clusters": [{"name": f"{name}-cluster", "cluster": {"server": f"https://{name}.example:6443", **cluster}}],
        "users": [{"name": f"{name}-user", "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": f"{name}-cluster", "user": f"{name}-user"}}],
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
    return path


def load(base: Path, content: dict[str, Any], context: str = "", **allowed: bool) -> Access:
    write(base / "kubeconfig", content)
    return load_access(Kubeconfig("kubeconfig", context, base, **allowed), {})


def test_it_reads_the_current_context(tmp_path: Path) -> None:
    access = load(tmp_path, config({"token": "t"}, **{"tls-server-name": "api", "proxy-url": "http://proxy:3128"}))
    assert access.server == "https://prod.example:6443"
    assert access.shown == "kubeconfig (context prod)"
    assert (access.server_name, access.proxy, access.verify) == ("api", "http://proxy:3128", True)
    assert access.identity.token == "t"


def test_a_context_may_be_named(tmp_path: Path) -> None:
    content = config()
    content["contexts"].append({"name": "other", "context": {"cluster": "prod-cluster"}})
    access = load(tmp_path, content, "other")
    assert access.shown == "kubeconfig (context other)"
    assert access.identity.token == ""


def test_data_wins_over_files_and_paths_start_at_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "ca.crt").write_bytes(b"from file")
    (tmp_path / "pki" / "me.crt").write_bytes(b"certificate")
    (tmp_path / "pki" / "me.key").write_bytes(b"key")
    user = {"client-certificate": "pki/me.crt", "client-key": "pki/me.key"}
    access = load(tmp_path, config(user, **{"certificate-authority": "pki/ca.crt"}))
    assert access.authorities == b"from file"
    certificate = access.identity.certificate
    assert certificate is not None
    assert (certificate.certificate, certificate.key) == (b"certificate", b"key")
    data = base64.b64encode(b"from data").decode()
    both = {"certificate-authority": "pki/ca.crt", "certificate-authority-data": data}
    assert load(tmp_path, config(None, **both)).authorities == b"from data"


def test_several_files_are_merged_and_the_first_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "a" / "config", config({"tokenFile": "token"}, "prod"))
    other = config({"token": "two"}, "prod") | {"current-context": "test"}
    other["contexts"] += config(name="test")["contexts"]
    other["clusters"] += config(name="test")["clusters"]
    other["users"] += config(name="test")["users"]
    second = write(tmp_path / "b" / "config", other)
    environ = {"KUBECONFIG": f"{tmp_path / 'missing'}:{first}:{second}"}
    access = load_access(Kubeconfig(None, "", tmp_path), environ)
    assert access.shown == f"{first} (context prod)"
    assert access.identity.token_file == tmp_path / "a" / "token"
    assert load_access(Kubeconfig(None, "test", tmp_path), environ).server == "https://test.example:6443"


def test_without_anything_the_users_own_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NotFound) as caught:
        load_access(Kubeconfig(None, "", tmp_path), {})
    assert caught.value.where == "~/.kube/config"
    assert "in_cluster = true" in caught.value.hint
    write(tmp_path / ".kube" / "config", config())
    assert load_access(Kubeconfig(None, "", tmp_path), {}).shown == "~/.kube/config (context prod)"


def _without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        (_without(config(), "current-context"), "has no current-context", "set context"),
        (config() | {"current-context": "gone"}, "has no context gone", "its contexts are prod"),
        ({"current-context": "gone"}, "has no context gone", "holds no context at all"),
        (_without(config(), "clusters"), "names the cluster prod-cluster, which is not there", "add the cluster"),
        (_without(config(), "users"), "names the user prod-user, which is not there", "add the user"),
        (config() | {"contexts": [{"name": "prod", "context": {}}]}, "names no cluster", "add the cluster"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, content: dict[str, Any], what: str, hint: str) -> None:
    with pytest.raises(NotFound, match=what) as caught:
        load(tmp_path, content)
    assert hint in caught.value.hint
    assert caught.value.where == "kubeconfig"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"server": "http://prod.example"}, "names a server that is no https:// address"),
        ({"server": ""}, "names a server that is no https:// address"),
        ({"server": "https://prod.example:http"}, "names a server that is no URL"),
        ({"server": "https://me:secret@prod.example"}, "has credentials within its server's address"),
        ({"proxy-url": "socks5://secret@proxy:1080"}, "has a proxy-url of a kind that is not supported"),
        ({"certificate-authority-data": "???secret"}, "holds certificate-authority-data that is no base64"),
    ],
)
def test_a_cluster_that_cannot_be_asked_is_refused(tmp_path: Path, fields: dict[str, Any], what: str) -> None:
    with pytest.raises(Malformed, match=what) as caught:
        load(tmp_path, config(**fields))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "what", "hint"),
    [
        ({"username": "admin", "password": "secret"}, "username and password", "dropped basic authentication in 1.19"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider gcp", "gke-gcloud-auth-plugin"),
        ({"auth-provider": {"name": "azure"}}, "auth-provider azure", "kubelogin"),
        ({"auth-provider": {"name": "mine"}}, "auth-provider mine", "a credential plugin"),
        ({"client-certificate-data": "c2VjcmV0"}, "without client-key", "needs both"),
        ({"client-key-data": "c2VjcmV0"}, "without client-certificate", "needs both"),
        (
            {"exec": {"apiVersion": V1, "command": "/opt/x/plugin"}},
            "from the program plugin, which may not be run",
            "allow",
        ),
    ],
)
def test_a_user_that_cannot_be_used_is_refused(tmp_path: Path, user: dict[str, Any], what: str, hint: str) -> None:
    with pytest.raises(CredentialsError, match=what) as caught:
        load(tmp_path, config(user))
    assert hint in caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "an apiVersion that is not supported"),
        ({"command": ""}, "an exec plugin without command"),
        ({"interactiveMode": "Always"}, "interactiveMode Always"),
    ],
)
def test_a_plugin_that_cannot_be_run_is_refused(tmp_path: Path, fields: dict[str, Any], what: str) -> None:
    user = {"exec": {"apiVersion": V1, "command": "plugin", **fields}}
    with pytest.raises(CollectionError, match=what):
        load(tmp_path, config(user), allow_exec=True)


@pytest.mark.parametrize(
    ("command", "runs"), [("plugin", "plugin"), ("bin/plugin", "{base}/bin/plugin"), ("/opt/plugin", "/opt/plugin")]
)
def test_a_plugin_is_looked_for_as_client_go_does(tmp_path: Path, command: str, runs: str) -> None:
    user = {"exec": {"apiVersion": V1, "command": command}}
    plugin = load(tmp_path, config(user), allow_exec=True).identity.plugin
    assert plugin is not None
    assert plugin.command == runs.format(base=tmp_path)


def test_a_token_wins_over_a_plugin(tmp_path: Path) -> None:
    user = {"token": "t", "exec": {"apiVersion": V1, "command": "plugin"}}
    assert load(tmp_path, config(user)).identity.plugin is None


def test_every_kind_of_impersonation_is_read(tmp_path: Path) -> None:
    user = {"as": "u", "as-uid": "7", "as-groups": ["g", "h"], "as-user-extra": {"scopes": ["view"]}}
    assert load(tmp_path, config(user)).identity.impersonate == (
        ("Impersonate-User", "u"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "g"),
        ("Impersonate-Group", "h"),
        ("Impersonate-Extra-scopes", "view"),
    )


@pytest.mark.parametrize("content", [b"\xff\xfe", b"clusters: [", b"", b"- a list"])
def test_a_file_that_is_no_kubeconfig_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kubeconfig").write_bytes(content)
    with pytest.raises(CollectionError) as caught:
        load_access(Kubeconfig("kubeconfig", "", tmp_path), {})
    assert caught.value.where == "kubeconfig"


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    secret = base64.b64encode(b"secret-key").decode()
    user = {
        "token": "secret-token",
        "client-certificate-data": secret,
        "client-key-data": secret,
    }
    plugin = {"exec": {"apiVersion": V1, "command": "p", "args": ["secret"], "env": [{"name": "A", "value": "secret"}]}}
    for one in (user, plugin):
        access = load(tmp_path, config(one, **{"proxy-url": "http://u:secret@proxy"}), allow_exec=True)
        shown = repr(access).replace("b'secret-key'", "", 1) if one is user else repr(access)
        assert "secret" not in shown


def account(path: Path) -> Path:
    path.mkdir()
    (path / "token").write_text("pod-token")
    (path / "ca.crt").write_text("authority")
    return path


@pytest.mark.parametrize(("host", "server"), [("10.96.0.1", "10.96.0.1:443"), ("fd00::1", "[fd00::1]:443")])
def test_in_a_pod_its_service_account_is_used(tmp_path: Path, host: str, server: str) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    access = in_cluster_access(str(account(tmp_path / "sa")), environ)
    assert access.server == f"https://{server}"
    assert access.identity.token_file == tmp_path / "sa" / "token"
    assert access.authorities == b"authority"


def test_outside_a_pod_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="KUBERNETES_SERVICE_PORT are not set") as caught:
        in_cluster_access(str(account(tmp_path / "sa")), {"KUBERNETES_SERVICE_HOST": "10.96.0.1"})
    assert "set kubeconfig" in caught.value.hint


def test_a_service_account_that_is_not_mounted_is_said(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(CredentialsError, match="there is no such file") as caught:
        in_cluster_access(str(tmp_path), environ)
    assert caught.value.where == f"{tmp_path}/token"
    assert "automountServiceAccountToken" in caught.value.hint
