"""k3s and RKE2: configuration files, drop-ins, units, and what each does by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.k3s import FORMAT
from providers.self_managed.source import ApiServerSource, Fragment, ManifestFile, Part, PlaceKind, Refused
from tests.unit.providers.self_managed.hosts import Host, Scan, Unprivileged, servers

COMMON = ["--anonymous-auth=false", "--authorization-mode=Node,RBAC"]
CONFIG = "/etc/rancher/k3s/config.yaml"
RKE2 = "/etc/rancher/rke2/config.yaml"
UNIT = "/etc/systemd/system/k3s.service"
POLICY = "/etc/rancher/rke2/audit-policy.yaml"
EXEC = "[Service]\nExecStart=/usr/local/bin/k3s server "


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments if not argument.unread]


def unread(source: ApiServerSource) -> list[str]:
    return [argument.unread for argument in source.arguments if argument.unread]


def on(host: Host, path: str) -> ManifestFile:
    return ManifestFile.load(host.root / path[1:], f"cp{path}", HostFiles(host.root, "cp"))


def test_arguments_come_behind_what_k3s_sets_itself() -> None:
    text = "kube-apiserver-arg:\n- audit-log-path=/a\n- --audit-log-compress\n- authorization-mode=RBAC\n"
    (source,) = servers(FORMAT, text, "config.yaml")
    assert texts(source) == [COMMON[0], "--audit-log-path=/a", "--audit-log-compress=true", "--authorization-mode=RBAC"]
    assert [(one.source, one.line, one.key) for one in source.arguments[:2]] == [
        ("config.yaml (k3s or RKE2's default)", None, ""),
        ("config.yaml", 2, "kube-apiserver-arg[0]"),
    ]


@pytest.mark.parametrize(
    ("more", "flag", "key"),
    [
        ("profile: cis\n", f"--audit-policy-file={POLICY}", "profile"),
        ("profile: [etcd]\naudit-policy-file: /p\n", "--audit-policy-file=/p", "audit-policy-file"),
    ],
)
def test_rke2_switches_auditing_on_by_a_profile_or_a_policy(more: str, flag: str, key: str) -> None:
    (source,) = servers(FORMAT, f"data-dir: /data\ncni: canal\n{more}kube-apiserver-arg: audit-log-maxage=7\n")
    assert texts(source) == [
        *COMMON,
        flag,
        "--audit-log-path=/data/server/logs/audit.log",
        "--audit-log-maxbackup=10",
        "--audit-log-maxsize=100",
        "--audit-log-maxage=7",
    ]
    assert next(one.key for one in source.arguments if one.text == flag) == key
    (given,) = source.files.values()
    assert (given.published, given.if_absent) == ("rke2-default", True)
    assert source.view.locate("/data/server/logs/audit.log").kind is PlaceKind.HOST


def test_rke2_without_either_has_no_audit_log() -> None:
    (source,) = servers(FORMAT, "cni: canal\nprofile: etcd\n")
    assert texts(source) == COMMON
    assert not source.files


def test_k3s_knows_no_profile() -> None:
    (source,) = servers(FORMAT, "flannel-backend: none\naudit-log: x\n")
    assert texts(source) == COMMON


def test_drop_ins_replace_or_add_in_the_order_of_their_names(host: Host) -> None:
    host.put(CONFIG, "kube-apiserver-arg: [a=1]\ntls-san: x\n")
    host.put(f"{CONFIG}.d/20-b.yml", "kube-apiserver-arg+: [c=3]\n")
    host.put(f"{CONFIG}.d/10-a.yaml", "kube-apiserver-arg: [b=2]\n")
    host.put(f"{CONFIG}.d/30-c.txt", "kube-apiserver-arg: [d=4]\n")
    (source,) = servers(FORMAT, on(host, CONFIG))
    assert texts(source) == [*COMMON, "--b=2", "--c=3"]
    assert source.arguments[-1].source == f"cp{CONFIG}.d/20-b.yml"


def test_a_drop_in_that_may_not_be_read_may_hold_anything(host: Host, unprivileged: Unprivileged) -> None:
    host.put(CONFIG, "tls-san: x\n")
    host.put(f"{CONFIG}.d/10-a.yaml", "kube-apiserver-arg: [b=2]\n").chmod(0)
    with unprivileged():
        (source,) = servers(FORMAT, on(host, CONFIG))
    assert unread(source) == [f"the drop-in cp{CONFIG}.d/10-a.yaml may not be read"]


def test_a_unit_reads_the_configuration_of_its_host_and_its_own_words_come_last(host: Host) -> None:
    host.put(CONFIG, "kube-apiserver-arg: [audit-log-path=/a]\nflannel-backend: none\n")
    host.put(f"{CONFIG}.d/a.yaml", "kube-apiserver-arg+: [audit-log-maxage=1]\n")
    host.put(UNIT, f"{EXEC}'--kube-apiserver-arg=audit-log-path=/b' --kube-apiserver-arg audit-log-maxage=2 --debug\n")
    (source,) = servers(FORMAT, on(host, UNIT))
    assert texts(source) == [
        *COMMON,
        "--audit-log-path=/a",
        "--audit-log-maxage=1",
        "--audit-log-path=/b",
        "--audit-log-maxage=2",
    ]
    assert (source.file, source.line) == (f"cp{UNIT}", 2)


def test_a_unit_with_another_configuration_file(host: Host) -> None:
    host.put("/opt/k3s.yaml", "kube-apiserver-arg: [a=1]\n")
    host.put(UNIT, "[Service]\nExecStart=/usr/local/bin/k3s server -c /opt/k3s.yaml\n")
    (source,) = servers(FORMAT, on(host, UNIT))
    assert texts(source) == [*COMMON, "--a=1"]


def test_a_unit_whose_host_has_no_configuration_file_reads_its_drop_ins(host: Host) -> None:
    host.put(f"{CONFIG}.d/a.yaml", "kube-apiserver-arg: [a=1]\n")
    host.put(UNIT, f"{EXEC}\n")
    (source,) = servers(FORMAT, on(host, UNIT))
    assert texts(source) == [*COMMON, "--a=1"]


def test_a_unit_without_its_host_may_have_more_settings() -> None:
    (source,) = servers(FORMAT, f"{EXEC}--kube-apiserver-arg=a=1\n", "k3s.service")
    assert unread(source) == [
        (
            f"settings may stand in {CONFIG}: there is no host filesystem to read it from "
            "(set root to the mounted host filesystem)"
        )
    ]


def test_a_configuration_that_may_not_be_read(host: Host, unprivileged: Unprivileged) -> None:
    host.put(CONFIG, "tls-san: x\n").chmod(0)
    host.put(UNIT, f"{EXEC}\n")
    file = on(host, UNIT)
    with unprivileged():
        (source,) = servers(FORMAT, file)
    assert unread(source) == [f"the configuration cp{CONFIG} may not be read"]


def test_variables_of_a_unit(host: Host) -> None:
    host.put(
        "/etc/systemd/system/rke2-server.service",
        "[Service]\nEnvironment=RKE2_CIS_PROFILE=cis\nEnvironment=MORE=--debug\n"
        "ExecStart=/usr/local/bin/rke2 server $MORE\n",
    )
    (source,) = servers(FORMAT, on(host, "/etc/systemd/system/rke2-server.service"))
    assert f"--audit-policy-file={POLICY}" in texts(source)
    assert unread(source) == []


def test_an_environment_that_could_not_be_read_may_hold_settings(host: Host) -> None:
    text = "[Service]\nEnvironmentFile=/etc/missing\nExecStart=/bin/true\nExecStart=/usr/local/bin/rke2 server $MORE\n"
    host.put(UNIT, text)
    (source,) = servers(FORMAT, on(host, UNIT))
    why = "EnvironmentFile /etc/missing could not be read: there is no such file"
    assert unread(source) == [why, f"settings may stand in the environment: {why}"]


def test_an_agent_runs_no_api_server() -> None:
    data = b"[Service]\nExecStart=/usr/local/bin/k3s agent --server https://x\nExecStart=/bin/true\n"
    (part,) = FORMAT.read(ManifestFile(Path("/x/a.service"), "a.service", HostFiles(None), data))
    assert isinstance(part, Refused)
    assert part.reason == "starts an agent of k3s, which runs no API server"


def test_settings_that_an_agent_may_have_as_well() -> None:
    (source,) = servers(FORMAT, "token: x\nserver: https://x:9345\nnode-label: [a=b]\n")
    assert unread(source) == ["an agent may have the same settings: nothing in the file tells that this is a server"]


def test_a_server_without_an_api_server() -> None:
    assert servers(FORMAT, "tls-san: x\ndisable-apiserver: true\n") == ()


@pytest.mark.parametrize("name", ["config.yaml", "k3s.service"])
async def test_a_server_without_an_api_server_is_unknown_where_it_is_named(world: Path, scan: Scan, name: str) -> None:
    """A search that comes upon it mentions it."""
    unit = "[Service]\nExecStart=/usr/local/bin/k3s server --disable-apiserver=true\n"
    text = "tls-san: x\ndisable-apiserver: true\n" if name == "config.yaml" else unit
    for path, content in ((f"b/etc/{name}", text), ("a/etc/rancher/k3s/config.yaml", "cluster-init: true\n")):
        (world / "d" / path).parent.mkdir(parents=True, exist_ok=True)
        (world / "d" / path).write_text(content)
    said = f"d/b/etc/{name} sets disable-apiserver: this server runs no API server, and another one does"
    (named,) = await scan({"name": "c", "paths": [f"d/b/etc/{name}"], "root": "d/*"})
    assert [(one.name, one.policy.evidence[0].value) for one in named.servers] == [("b", said.partition(" ")[2])]
    (found,) = await scan({"name": "c", "paths": ["d"], "root": "d/*"})
    assert [one.name for one in found.servers] == ["a"]
    assert f"{said}: give the configuration of a server that runs one" in [note.text for note in found.notes]


@pytest.mark.parametrize(
    "text", ["", "[a]", "a: b\n", "kind: X\ntls-san: x\n", "tls-san: x\n---\ncni: y\n", "[Service]\nExecStart=/k3s\n"]
)
def test_what_is_neither(text: str) -> None:
    assert servers(FORMAT, text) == ()


def test_drop_ins_without_their_configuration_file_are_one_server() -> None:
    parts: list[Part] = []
    for name in ("a", "b"):
        data = f"kube-apiserver-arg+: [{name}=1]\n".encode()
        path = Path(f"/x/config.yaml.d/{name}.yaml")
        parts += FORMAT.read(ManifestFile(path, f"config.yaml.d/{name}.yaml", HostFiles(None), data))
    fragments = [part for part in parts if isinstance(part, Fragment)]
    (source,) = fragments[0].assemble(fragments)
    assert isinstance(source, ApiServerSource)
    assert texts(source) == [*COMMON, "--a=1", "--b=1"]


async def test_the_unit_and_the_configuration_of_one_host_are_one_server(host: Host, scan: Scan) -> None:
    host.put(CONFIG, "tls-san: x\n")
    host.put(f"{CONFIG}.d/a.yaml", "disable: traefik\n")
    host.put(UNIT, f"{EXEC}\n")
    paths = [f"hosts/*{UNIT}", f"hosts/*{CONFIG}", f"hosts/*{CONFIG}.d/*.yaml"]
    (observation,) = await scan({"name": "prod", "paths": paths, "root": "hosts/*"})
    assert [server.name for server in observation.servers] == ["cp-1"]


async def test_a_missing_policy_of_rke2_records_nothing_and_one_that_is_there_counts(host: Host, scan: Scan) -> None:
    host.put(RKE2, "profile: cis\n")
    host.put("/var/lib/rancher/rke2/server/token", "x")
    cluster = {"name": "prod", "paths": [f"hosts/*{RKE2}"], "root": "hosts/*"}
    (observation,) = await scan(cluster)
    assert getattr(observation.servers[0].policy, "name", "") == "rke2-default"
    host.put(POLICY, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [level: Metadata]\n")
    (observation,) = await scan(cluster)
    assert getattr(observation.servers[0].policy, "source", "") == f"hosts/cp-1{POLICY}"


async def test_whether_the_policy_of_rke2_is_missing_is_not_known_without_its_host(host: Host, scan: Scan) -> None:
    host.put(RKE2, "profile: cis\ncni: canal\n")
    (observation,) = await scan({"name": "prod", "paths": [f"hosts/*{RKE2}"]})
    assert getattr(observation.servers[0].policy, "reason", "").endswith(
        "(set root to the mounted host filesystem, or set policy to a copy of the file); where the file is missing, "
        "RKE2 writes a policy whose one rule has level None, so that no event is recorded"
    )
