"""Objects and lists over the wire, and each way in which they can fail."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from providers.self_managed.live.client import ApiClient, Object, Resource
from scanner.errors import (
    CollectionError,
    CredentialsError,
    Malformed,
    NotFound,
    PermissionDenied,
    Throttled,
    TimedOut,
    Unreachable,
)
from scanner.model import ScanSettings
from tests.emulators.kubernetes import KubernetesEmulator, faults
from tests.unit.providers.self_managed.live.conftest import TOKEN, Ask

PODS = Resource("pods", namespace="kube-system")
VERSION = Resource("/version")
CONFIG = Resource("configmaps", namespace="kube-system", name="kubeadm-config")
ONCE = ScanSettings(retries=0, call_timeout=30, connect_timeout=30)


def pod(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "kube-system"}}


def names(items: list[Object]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def get(resource: Resource) -> Callable[[ApiClient], Awaitable[Object]]:
    return lambda client: client.get(resource)


def list_all(resource: Resource = PODS) -> Callable[[ApiClient], Awaitable[list[Object]]]:
    return lambda client: client.list_all(resource)


async def test_it_reads_an_object(ask: Ask) -> None:
    assert (await ask(get(VERSION)))["gitVersion"] == "v1.34.2"


async def test_it_reads_all_pages_of_a_list(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.store.most = 3
    for number in range(8):
        cluster.store.put(pod(f"p{number}"))
    assert names(await ask(list_all())) == [f"p{number}" for number in range(8)]
    pages = cluster.asked(PODS.path)
    assert [("limit" in page.query, "continue" in page.query) for page in pages] == [
        (True, False),
        (True, True),
        (True, True),
    ]


async def test_a_list_keeps_only_what_is_wanted(cluster: KubernetesEmulator, ask: Ask) -> None:
    for name in ("a", "b"):
        cluster.store.put(pod(name))
    kept = await ask(lambda client: client.list_all(PODS, lambda item: item["metadata"]["name"] == "b"))
    assert names(kept) == ["b"]


async def test_a_selector_goes_to_the_server(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.store.put(pod("a"))
    assert await ask(lambda client: client.list_all(PODS, label_selector="component=kube-apiserver")) == []
    assert cluster.asked(PODS.path)[0].query["labelSelector"] == "component=kube-apiserver"


async def test_an_empty_list_may_be_null(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.body(b'{"kind": "PodList", "metadata": {}, "items": null}'), PODS.path)
    assert await ask(list_all()) == []


async def test_a_list_whose_token_expired_is_read_from_its_beginning(cluster: KubernetesEmulator, ask: Ask) -> None:
    """The pods of the first, broken pass are not there twice."""
    cluster.store.most = 2
    for number in range(5):
        cluster.store.put(pod(f"p{number}"))
    cluster.inject(faults.expire(), PODS.path, page=2, times=1)
    assert names(await ask(list_all())) == [f"p{number}" for number in range(5)]


async def test_a_list_that_expires_again_is_given_up(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.expire(), PODS.path)
    with pytest.raises(Unreachable, match=r"changes faster than it can be listed \(HTTP 410\)"):
        await ask(list_all())
    assert len(cluster.asked(PODS.path)) == 2


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<html>login</html>", "answers with what is no JSON"),
        (b"[" * 100_000, "answers with what is no JSON"),
        (b"[]", "answers with no Kubernetes object"),
        (b'{"items": {}, "metadata": {}}', "answers with no Kubernetes list"),
        (b'{"items": [], "metadata": 1}', "answers with no Kubernetes list"),
        (b'{"metadata": {}}', "answers with no Kubernetes list"),
        (b'{"items": [], "metadata": {"continue": 7}}', "gives a continue token that leads nowhere"),
        (b'{"items": [], "metadata": {"continue": "same"}}', "gives a continue token that leads nowhere"),
    ],
)
async def test_what_is_no_list_is_refused(cluster: KubernetesEmulator, ask: Ask, body: bytes, what: str) -> None:
    cluster.inject(faults.body(body), PODS.path)
    with pytest.raises(Malformed, match=re.escape(what)) as caught:
        await ask(list_all())
    assert caught.value.where == f"GET {cluster.url}/api/v1/namespaces/kube-system/pods"
    assert "login" not in str(caught.value)


async def test_a_denial_names_what_rbac_must_allow(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.rbac.open = False
    with pytest.raises(PermissionDenied) as caught:
        await ask(list_all())
    assert caught.value.permission == "list pods in namespace kube-system"
    assert caught.value.what == "is denied: RBAC does not allow to list pods in namespace kube-system"
    assert "--permissions rbac" in caught.value.hint
    assert 'User "auditor" cannot list resource "pods"' in caught.value.said


@pytest.mark.parametrize(
    ("resource", "permission"),
    [
        (CONFIG, "get configmaps/kubeadm-config in namespace kube-system"),
        (Resource("nodes"), "list nodes"),
        (
            Resource("apiservers", name="cluster", group="config.openshift.io"),
            "get apiservers.config.openshift.io/cluster",
        ),
    ],
)
async def test_every_resource_is_named_as_rbac_names_it(
    cluster: KubernetesEmulator, ask: Ask, resource: Resource, permission: str
) -> None:
    cluster.rbac.open = False
    with pytest.raises(PermissionDenied) as caught:
        await ask(get(resource))
    assert caught.value.permission == permission


async def test_a_denial_of_a_proxy_says_nothing_of_its_page(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.body(b"<h1>blocked by policy</h1>", 403, "text/html"))
    with pytest.raises(PermissionDenied) as caught:
        await ask(get(VERSION))
    assert caught.value.said == ""


async def test_a_long_message_is_cut(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.error(403, "Forbidden", "no\n" + "x" * 1000))
    with pytest.raises(PermissionDenied) as caught:
        await ask(get(VERSION))
    assert caught.value.said.startswith("no xxx")
    assert len(caught.value.said) == 301


async def test_what_is_not_there_is_not_found(ask: Ask) -> None:
    with pytest.raises(NotFound, match="is not there"):
        await ask(get(CONFIG))


async def test_an_unknown_token_is_refused(cluster: KubernetesEmulator, ask: Ask) -> None:
    with pytest.raises(CredentialsError, match="does not accept the credentials") as caught:
        await ask(get(VERSION), {"token": "stolen-and-revoked"})
    assert "renew the credentials of" in caught.value.hint
    assert "stolen" not in f"{caught.value} {caught.value.said} {caught.value!r}"
    assert cluster.requests[0].user == ""


async def test_a_token_that_no_header_can_carry_is_refused(ask: Ask) -> None:
    with pytest.raises(CredentialsError, match="has a token that cannot be sent") as caught:
        await ask(get(VERSION), {"token": "one\ntwo"})
    assert "one" not in str(caught.value).replace("context", "")


async def test_throttling_is_waited_for(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.throttle(), times=1)
    assert (await ask(get(VERSION)))["major"] == "1"
    assert len(cluster.requests) == 2


async def test_a_date_to_retry_after_is_understood(cluster: KubernetesEmulator, ask: Ask) -> None:
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=5), usegmt=True)
    cluster.inject(faults.throttle(past), times=1)
    assert (await ask(get(VERSION)))["major"] == "1"


@pytest.mark.parametrize("after", [None, "soon"])
async def test_without_a_time_to_retry_it_pauses_by_itself(
    cluster: KubernetesEmulator, ask: Ask, after: str | None
) -> None:
    cluster.inject(faults.throttle(after), times=1)
    assert (await ask(get(VERSION)))["major"] == "1"


async def test_throttling_that_goes_on_is_given_up(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.throttle())
    with pytest.raises(Throttled, match="keeps throttling"):
        await ask(get(VERSION))
    assert len(cluster.requests) == 2


async def test_a_pause_longer_than_a_call_is_not_waited_for(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.throttle("3600"))
    with pytest.raises(Throttled, match="asks to wait 3600 seconds"):
        await ask(get(VERSION))
    assert len(cluster.requests) == 1


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_server_that_fails_once_is_asked_again(cluster: KubernetesEmulator, ask: Ask, code: int) -> None:
    cluster.inject(faults.error(code, "InternalError", "etcd"), times=1)
    assert (await ask(get(VERSION)))["major"] == "1"


async def test_a_server_that_keeps_failing_is_given_up(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.error(503, "ServiceUnavailable", "no"))
    with pytest.raises(Unreachable, match="answers with HTTP 503"):
        await ask(get(VERSION))


async def test_other_answers_are_not_understood(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.error(406, "NotAcceptable", "only protobuf"))
    with pytest.raises(Malformed, match="answers with HTTP 406") as caught:
        await ask(get(VERSION))
    assert caught.value.said == "only protobuf"


async def test_a_redirect_is_not_followed(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.redirect("/login"))
    with pytest.raises(Malformed, match="redirects"):
        await ask(get(VERSION))
    assert len(cluster.requests) == 1


async def test_a_connection_that_drops_once_is_tried_again(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.drop(), times=1)
    assert (await ask(get(VERSION)))["major"] == "1"


@pytest.mark.parametrize("fault", [faults.drop(), faults.cut_off()])
async def test_a_connection_that_keeps_dropping_is_given_up(
    cluster: KubernetesEmulator, ask: Ask, fault: faults.Answer
) -> None:
    cluster.inject(fault)
    with pytest.raises(Unreachable, match="broke the connection off") as caught:
        await ask(list_all(), scan=ONCE)
    assert caught.value.hint


async def test_a_silent_server_is_not_waited_for(cluster: KubernetesEmulator, ask: Ask) -> None:
    cluster.inject(faults.stall(30))
    with pytest.raises(TimedOut, match=r"does not answer in time") as caught:
        await ask(get(VERSION), scan=ScanSettings(retries=3, call_timeout=0.5))
    assert "scan.call_timeout (0.5 s)" in caught.value.hint
    assert len(cluster.requests) <= 1  # it may not have come that far


async def test_an_endless_answer_is_cut(cluster: KubernetesEmulator, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.self_managed.live.client.MOST", 2**20)
    cluster.inject(faults.endless())
    with pytest.raises(Malformed, match="answers with more than 1 MiB"):
        await ask(get(VERSION))


async def test_a_client_certificate_is_shown(cluster: KubernetesEmulator, ask: Ask) -> None:
    certificate, key = (base64.b64encode(one).decode() for one in cluster.client_certificate("kube-admin", "sre"))
    user = {"client-certificate-data": certificate, "client-key-data": key}
    assert (await ask(get(VERSION), user))["major"] == "1"
    assert cluster.requests[0].user == "kube-admin"


async def test_a_client_certificate_of_another_authority_is_refused(cluster: KubernetesEmulator, ask: Ask) -> None:
    issued = trustme.CA().issue_cert(common_name="intruder")
    user = {
        "client-certificate-data": base64.b64encode(issued.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(issued.private_key_pem.bytes()).decode(),
    }
    with pytest.raises(Unreachable):
        await ask(get(VERSION), user, scan=ONCE)
    assert cluster.requests == []


async def test_a_certificate_without_its_key_is_refused(cluster: KubernetesEmulator, ask: Ask) -> None:
    certificate, _ = cluster.client_certificate("kube-admin")
    _, other_key = cluster.client_certificate("somebody")
    user = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(other_key).decode(),
    }
    with pytest.raises(CredentialsError, match="has a client certificate that cannot be used"):
        await ask(get(VERSION), user)


async def test_an_encrypted_key_is_refused_without_asking(cluster: KubernetesEmulator, ask: Ask) -> None:
    certificate, key = cluster.client_certificate("kube-admin")
    user = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(_encrypted(key)).decode(),
    }
    with pytest.raises(CredentialsError, match="has a client certificate that cannot be used"):
        await ask(get(VERSION), user)


def _encrypted(pem: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - heavy, and only needed here

    key = form.load_pem_private_key(pem, None)
    sealed = form.BestAvailableEncryption(b"passphrase")
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, sealed)


async def test_a_server_of_another_authority_is_not_trusted(cluster: KubernetesEmulator, ask: Ask) -> None:
    other = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    with pytest.raises(Unreachable, match="has a certificate that is not trusted") as caught:
        await ask(get(VERSION), **{"certificate-authority-data": other})
    assert "certificate authority" in caught.value.hint
    assert cluster.requests == []


async def test_without_an_authority_the_systems_own_are_trusted(cluster: KubernetesEmulator, ask: Ask) -> None:
    with pytest.raises(Unreachable, match="not trusted"):
        await ask(get(VERSION), **{"certificate-authority-data": None})
    assert cluster.requests == []


async def test_an_authority_that_is_none_is_refused(ask: Ask) -> None:
    nonsense = base64.b64encode(b"not a certificate").decode()
    with pytest.raises(Malformed, match="has a certificate authority that is no PEM certificate"):
        await ask(get(VERSION), **{"certificate-authority-data": nonsense})


async def test_the_name_in_the_certificate_may_be_given(ask: Ask) -> None:
    assert await ask(get(VERSION), **{"tls-server-name": "api.prod.example"})
    with pytest.raises(Unreachable, match="not trusted"):
        await ask(get(VERSION), **{"tls-server-name": "api.other.example"})


async def test_tls_goes_unchecked_only_where_both_sides_say_so(ask: Ask) -> None:
    skip = {"insecure-skip-tls-verify": True}
    with pytest.raises(CredentialsError, match="which is not allowed here") as caught:
        await ask(get(VERSION), **skip)
    assert "allow_insecure_tls = true" in caught.value.hint
    assert await ask(get(VERSION), allow_insecure_tls=True, **skip)
    assert await ask(get(VERSION), allow_insecure_tls=True)


async def test_nobody_listens(cluster: KubernetesEmulator, ask: Ask) -> None:
    with pytest.raises(Unreachable, match=r"cannot connect to 127\.0\.0\.1:1: "):
        await ask(get(VERSION), scan=ONCE, server="https://127.0.0.1:1")
    assert cluster.requests == []


async def test_impersonation_is_sent(cluster: KubernetesEmulator, ask: Ask) -> None:
    user = {"token": TOKEN, "as": "audit-reader", "as-groups": ["auditors", "system:authenticated"]}
    assert await ask(get(VERSION), user)
    assert cluster.requests[0].user == "audit-reader"


async def test_a_token_file_is_read_anew_for_each_request(
    cluster: KubernetesEmulator, ask: Ask, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    async def twice(client: ApiClient) -> None:
        await client.get(VERSION)
        cluster.tokens["second"] = cluster.tokens.pop(TOKEN)
        file.write_text("second")
        await client.get(VERSION)

    await ask(twice, {"tokenFile": "token", "token": "ignored"})
    assert [request.user for request in cluster.requests] == ["auditor", "auditor"]


async def test_a_token_file_that_is_gone_is_named(ask: Ask) -> None:
    with pytest.raises(NotFound) as caught:
        await ask(get(VERSION), {"tokenFile": "gone"})
    assert "tokenFile" in caught.value.where
    assert caught.value.where.endswith("gone")


def plugin(tmp_path: Path, code: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - what a kubeconfig holds
    """Write a credential plugin in Python, and the kubeconfig's user for it."""
    script = tmp_path / "credential-plugin"
    script.write_text(f"#!{sys.executable}\nimport json, os, sys, time, pathlib\n{code}\n")
    script.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "./credential-plugin", "interactiveMode": "Never", **fields}}


def answering(status: str, version: str = "client.authentication.k8s.io/v1", kind: str = "ExecCredential") -> str:
    return f"print(json.dumps({{'apiVersion': {version!r}, 'kind': {kind!r}, 'status': {status}}}))"


@pytest.mark.parametrize("version", ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"])
async def test_a_plugin_gives_a_token(cluster: KubernetesEmulator, ask: Ask, tmp_path: Path, version: str) -> None:
    code = answering("{'token': os.environ['GIVEN'] + sys.argv[1]}", version)
    environment = [{"name": "GIVEN", "value": TOKEN[:5]}]
    user = plugin(tmp_path, code, apiVersion=version, env=environment, args=[TOKEN[5:]])
    assert await ask(get(VERSION), user, allow_exec=True)
    assert cluster.requests[0].user == "auditor"


async def test_a_plugin_gives_a_certificate(cluster: KubernetesEmulator, ask: Ask, tmp_path: Path) -> None:
    certificate, key = cluster.client_certificate("from-plugin")
    given = {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}
    assert await ask(get(VERSION), plugin(tmp_path, answering(repr(given))), allow_exec=True)
    assert cluster.requests[0].user == "from-plugin"


async def test_a_plugin_is_run_again_when_its_token_is_refused(
    cluster: KubernetesEmulator, ask: Ask, tmp_path: Path
) -> None:
    counter = tmp_path / "runs"
    code = f"runs = pathlib.Path({str(counter)!r})\nfirst = not runs.exists()\nruns.touch()\n" + answering(
        f"{{'token': 'expired' if first else {TOKEN!r}}}"
    )
    assert await ask(get(VERSION), plugin(tmp_path, code), allow_exec=True)
    assert [request.user for request in cluster.requests] == ["", "auditor"]


async def test_a_plugin_is_told_the_cluster_where_it_asks_for_it(
    cluster: KubernetesEmulator, ask: Ask, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    code = f"pathlib.Path({str(told)!r}).write_text(os.environ['KUBERNETES_EXEC_INFO'])\n" + answering(
        f"{{'token': {TOKEN!r}}}"
    )
    await ask(get(VERSION), plugin(tmp_path, code), allow_exec=True)
    assert json.loads(told.read_text())["spec"] == {"interactive": False}
    asks = plugin(tmp_path, code, provideClusterInfo=True)
    await ask(get(VERSION), asks, allow_exec=True, **{"tls-server-name": "api.prod.example"})
    info = json.loads(told.read_text())
    assert (info["kind"], info["apiVersion"]) == ("ExecCredential", "client.authentication.k8s.io/v1")
    assert info["spec"]["cluster"] == {
        "server": cluster.url,
        "certificate-authority-data": base64.b64encode(cluster.authority_pem).decode(),
        "tls-server-name": "api.prod.example",
    }


async def test_a_plugin_is_told_of_a_cluster_that_is_not_verified(ask: Ask, tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = f"pathlib.Path({str(told)!r}).write_text(os.environ['KUBERNETES_EXEC_INFO'])\nsys.exit(1)"
    user = plugin(tmp_path, code, provideClusterInfo=True)
    more = {"insecure-skip-tls-verify": True, "proxy-url": "http://proxy.example:3128"}
    with pytest.raises(CredentialsError, match="failed with exit code 1"):
        await ask(get(VERSION), user, allow_exec=True, allow_insecure_tls=True, **more)
    told_cluster = json.loads(told.read_text())["spec"]["cluster"]
    assert {key: value for key, value in told_cluster.items() if key != "server"} == more


async def test_a_plugin_is_not_run_unless_allowed(ask: Ask, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    user = plugin(tmp_path, f"pathlib.Path({str(ran)!r}).touch()")
    with pytest.raises(CredentialsError, match="credential-plugin, which may not be run") as caught:
        await ask(get(VERSION), user)
    assert "allow_exec = true" in caught.value.hint
    assert not ran.exists()


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("print('secret-output'); sys.exit(3)", "failed with exit code 3"),
        ("os.kill(os.getpid(), 15)", "failed with signal 15"),
        ("print('secret-output')", "printed no ExecCredential as JSON"),
        ("print('[]')", "printed no ExecCredential"),
        (answering("{'token': 'secret-output'}", kind="Secret"), "printed no ExecCredential"),
        (answering("{'token': 'secret-output'}", version="v1"), "answered with another apiVersion"),
        (answering("{}"), "gave neither a token nor a certificate"),
        (answering("None"), "gave neither a token nor a certificate"),
        (answering("{'clientKeyData': 'secret-output'}"), "gave a certificate without its key"),
        ("print('secret-output' * 200000)", "printed more than 1 MiB"),
    ],
)
async def test_what_a_plugin_prints_stays_out_of_errors(ask: Ask, tmp_path: Path, code: str, what: str) -> None:
    with pytest.raises(CredentialsError, match=re.escape(what)) as caught:
        await ask(get(VERSION), plugin(tmp_path, f"print('secret-error', file=sys.stderr)\n{code}"), allow_exec=True)
    error: BaseException | None = caught.value
    while error is not None:
        assert "secret" not in f"{error} {error!r}"
        error = error.__cause__


async def test_a_plugin_that_is_not_there_is_named(ask: Ask) -> None:
    version = "client.authentication.k8s.io/v1"
    user = {"exec": {"apiVersion": version, "command": "no-such-plugin", "interactiveMode": "Never"}}
    with pytest.raises(CredentialsError, match="cannot run the program no-such-plugin: No such file or directory"):
        await ask(get(VERSION), user, allow_exec=True)


async def test_a_plugin_that_hangs_is_killed_with_its_children(ask: Ask, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    user = plugin(tmp_path, "")
    (tmp_path / "credential-plugin").write_text(f"#!/bin/sh\nsleep 60 &\necho $$ $! > {pids}\nwait\n")
    with pytest.raises(TimedOut, match="gave no credentials in time") as caught:
        await ask(get(VERSION), user, allow_exec=True, scan=ScanSettings(retries=0, call_timeout=3))
    assert "scan.call_timeout (3 s)" in caught.value.hint
    assert not any(_is_running(pid) for pid in pids.read_text().split())


def _is_running(pid: str) -> bool:
    """Look whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "fault",
    [
        faults.throttle("9999"),
        faults.error(500, "InternalError", "x"),
        faults.body(b"{", 200),
        faults.drop(),
        faults.redirect("https://elsewhere.example/"),
        faults.body(b"\xff\xfe", 200, "application/json", **{"Content-Encoding": "gzip"}),
    ],
)
async def test_errors_of_every_kind_name_the_address_and_no_secret(
    cluster: KubernetesEmulator, ask: Ask, fault: faults.Answer
) -> None:
    cluster.inject(fault)
    with pytest.raises(CollectionError) as caught:
        await ask(get(VERSION), scan=ONCE)
    assert caught.value.where == f"GET {cluster.url}/version"
    assert TOKEN not in f"{caught.value} {caught.value.said}"
