"""systemd units, as systemd reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles
from providers.self_managed.formats.systemd import FORMAT
from providers.self_managed.source import ApiServerSource, ManifestFile, PlaceKind
from providers.self_managed.systemd_words import read_environment_file, split_words
from scanner.apiserver import Argument
from tests.unit.providers.self_managed.hosts import Host, Unprivileged, servers

UNIT = "/etc/systemd/system/kube-apiserver.service"


def read(text: str) -> tuple[ApiServerSource, ...]:
    return servers(FORMAT, text, "k.service")


def texts(source: ApiServerSource) -> list[str]:
    return [argument.text for argument in source.arguments]


def on(host: Host, text: str) -> ApiServerSource:
    host.put(UNIT, text)
    file = ManifestFile.load(host.root / UNIT[1:], f"cp{UNIT}", HostFiles(host.root, "cp"))
    (source,) = servers(FORMAT, file)
    return source


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("ExecStart=/usr/bin/kube-apiserver --a=1 --b", ["--a=1", "--b"]),
        ("ExecStart=@-/usr/bin/kube-apiserver name --a", ["--a"]),
        ("ExecStart=+!!/usr/bin/kube-apiserver --a", ["--a"]),
        ("ExecStart=/usr/bin/kube-apiserver \\\n  --a \\\n# no\n  ; no\n  --b\nUser=x", ["--a", "--b"]),
        (
            "ExecStart=/usr/bin/kube-apiserver '--a=x y' \"--b=x\\ty\" --c='z' --d=\\x41\\q",
            ["--a=x y", "--b=x\ty", "--c=z", "--d=Aq"],
        ),
        (
            "Environment=A=1 'B=--b --c' C=\nExecStart=/usr/bin/kube-apiserver --a=${A} $B $C $UNSET",
            ["--a=1", "--b", "--c"],
        ),
        ("Environment=A=1\nEnvironment=A=2\nExecStart=/usr/bin/kube-apiserver --a=${A}${UNSET}", ["--a=2"]),
        ("Environment=A=1\nEnvironment=\nExecStart=/usr/bin/kube-apiserver --a=${A}", ["--a="]),
        (
            "Environment=A=1 nonsense\nExecStart=/usr/bin/kube-apiserver --a=$A --b=$$x --c=%%d",
            ["--a=$A", "--b=$x", "--c=%d"],
        ),
        ("Environment=A=1\nExecStart=:/usr/bin/kube-apiserver --a=${A}", ["--a=${A}"]),
        ("ExecStart=/bin/kube-scheduler\nExecStart=\nExecStart=/bin/kube-apiserver --a", ["--a"]),
        ('Environment=A=--a\nExecStart=/bin/sh -c "exec kube-apiserver $A --b=1"', ["--a", "--b=1"]),
        ("ExecStart=/usr/bin/hyperkube kube-apiserver --a", ["--a"]),
    ],
)
def test_commands(service: str, expected: list[str]) -> None:
    (source,) = read(f"[Unit]\nExecStart=no\n[Service]\n{service}\n[Install]\nExecStart=no\n")
    assert texts(source) == expected
    assert not any(argument.unread for argument in source.arguments)


def test_lines_and_paths() -> None:
    (source,) = read("[Service]\nWorkingDirectory=/srv\nExecStart=/usr/bin/kube-apiserver \\\n  --a \\\n  --b\n")
    assert [argument.line for argument in source.arguments] == [4, 5]
    assert source.line == 3
    place = source.view.locate("audit.log")
    assert (place.kind, place.host_path, place.what) == (PlaceKind.HOST, "/srv/audit.log", "the host itself")
    assert (source.version, source.node) == (None, "")


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nExecStart=/usr/bin/kubelet\n",
        "[Service]\n",
        "[Service]\nExecStart=/usr/bin/kube-apiserver\nExecStart=\n",
        "[Unit]\nExecStart=/usr/bin/kube-apiserver\n",
        "",
    ],
)
def test_what_is_no_api_server(text: str) -> None:
    assert read(text) == ()


def test_a_container_has_mounts_that_the_unit_does_not_give() -> None:
    command = "docker run --name kube-apiserver --rm registry/kube-apiserver:v1.30 kube-apiserver --audit-log-path=/a"
    (source,) = read(f"[Service]\nExecStart=/usr/bin/{command}\n")
    assert texts(source) == ["--audit-log-path=/a"]
    place = source.view.locate("/a")
    assert (place.kind, place.what) == (PlaceKind.UNKNOWN, "it runs in a container whose mounts are not read")


def test_specifiers_are_not_known() -> None:
    (source,) = read("[Service]\nExecStart=/usr/bin/kube-apiserver --audit-log-path=/var/%i/a\n")
    assert source.arguments[0].unread == "the systemd specifier %i is not resolved"


def test_environment_files(host: Host) -> None:
    host.put("/etc/a.env", '# c\n; c\nA=\'--a --b\'\nB="x\\"y"\nnonsense\nC=z \\\n  end\n')
    host.put("/etc/b.env", "A=--c\n")
    unit = (
        "[Service]\nEnvironmentFile=/etc/reset.env\nEnvironmentFile=\n"
        "EnvironmentFile=/etc/a.env\nEnvironmentFile=-/etc/b.env\n"
        "EnvironmentFile=-/etc/none.env\nEnvironment=A=--lost\nExecStart=/usr/bin/kube-apiserver $A --b=${B} --c=${C}\n"
    )
    assert texts(on(host, unit)) == ["--c", '--b=x"y', "--c=z   end"]


def test_a_missing_environment_file(host: Host) -> None:
    """It may set any variable again, so that none is known."""
    settings = "Environment=A=1\nEnvironmentFile=/etc/none.env\n"
    source = on(host, f"[Service]\n{settings}ExecStart=/bin/kube-apiserver $B --a=${{A}}\n")
    why = "EnvironmentFile /etc/none.env could not be read: there is no such file"
    assert [argument.unread for argument in source.arguments] == [why, why]


def test_an_environment_file_that_may_not_be_read(host: Host, unprivileged: Unprivileged) -> None:
    host.put("/etc/a.env", "A=1").chmod(0)
    with unprivileged():
        source = on_existing(host, "[Service]\nEnvironmentFile=-/etc/a.env\nExecStart=/bin/kube-apiserver $A\n")
    assert source.arguments[0].unread == (
        "EnvironmentFile /etc/a.env could not be read: may not be read (give the user that scans read access)"
    )


def on_existing(host: Host, text: str) -> ApiServerSource:
    file = ManifestFile(host.root / UNIT[1:], f"cp{UNIT}", HostFiles(host.root, "cp"), text.encode())
    (source,) = servers(FORMAT, file)
    return source


def test_an_environment_file_without_a_host_filesystem() -> None:
    (source,) = read("[Service]\nEnvironmentFile=-/etc/a.env\nExecStart=/bin/kube-apiserver $A --b=1\n")
    assert source.arguments[0].unread == (
        "EnvironmentFile /etc/a.env could not be read: there is no host filesystem to read it from "
        "(set root to the mounted host filesystem)"
    )
    assert source.arguments[1].unread == ""


def test_drop_ins_in_the_order_of_their_names(host: Host) -> None:
    host.put(f"{UNIT}.d/20-b.conf", "[Service]\nExecStart=\nExecStart=/bin/kube-apiserver --c=$X ${A}\n")
    host.put(f"{UNIT}.d/30-c.conf", "[Service]\nEnvironment=A=--a3\n")
    host.put(f"{UNIT}.d/ignored.txt", "[Service]\nEnvironment=A=--a4\n")
    host.put("/usr/lib/systemd/system/kube-apiserver.service.d/10-a.conf", "[Service]\nEnvironment=A=--a1\n")
    host.put("/usr/lib/systemd/system/kube-apiserver.service.d/30-c.conf", "[Service]\nEnvironment=A=--replaced\n")
    source = on(host, "[Service]\nEnvironment=A=--a0\nExecStart=/bin/kube-apiserver --first\n")
    assert texts(source) == ["--c=$X", "--a3"]
    assert (source.file, source.line) == (f"cp{UNIT}.d/20-b.conf", 3)


def test_drop_ins_beside_a_unit_without_a_host_filesystem(world: Path) -> None:
    (world / "k.service.d").mkdir()
    (world / "k.service.d/a.conf").write_text("[Service]\nEnvironment=A=--a\n")
    unit = world / "k.service"
    unit.write_text("[Service]\nExecStart=/bin/kube-apiserver $A\n")
    (source,) = servers(FORMAT, ManifestFile.load(unit, "units/k.service", HostFiles(None)))
    assert texts(source) == ["--a"]


def test_a_drop_in_that_may_not_be_read_may_change_anything(host: Host, unprivileged: Unprivileged) -> None:
    host.put(f"{UNIT}.d/a.conf", "[Service]\n").chmod(0)
    host.put(UNIT, "")
    with unprivileged():
        source = on_existing(host, "[Service]\nExecStart=/bin/kube-apiserver --a\n")
    assert source.arguments[-1] == Argument(
        "", f"cp{UNIT}.d/a.conf", unread=f"the drop-in cp{UNIT}.d/a.conf may not be read"
    )


def test_a_word_may_be_empty_and_a_quote_may_stay_open() -> None:
    assert [word.text for word in split_words(Argument("'' \"a b"), None)] == ["", "a b"]
    assert [word.text for word in split_words(Argument("a\\"), None)] == ["a\\"]


def test_quotes_of_environment_files() -> None:
    assert read_environment_file("A='\\$x'\nB=\"\\$x\"\nC='\nD=a b\n") == {"A": "\\$x", "B": "$x", "C": "'", "D": "a b"}
