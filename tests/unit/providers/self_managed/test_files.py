"""Host filesystems are never left, and globs do not hide what they may not see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from providers.self_managed.files import HostFiles, read_file
from providers.self_managed.paths import Found, expand, host_files, node_name
from scanner.errors import CollectionError, Malformed, NotFound
from tests.unit.providers.self_managed.hosts import Unprivileged


@pytest.fixture
def mounted(world: Path) -> HostFiles:
    (world / "secret").write_text("outside")
    root = world / "root"
    (root / "etc/real").mkdir(parents=True)
    (root / "etc/real/file").write_text("inside")
    return HostFiles(root, "root")


@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("etc/link", "real/file", "/etc/link"),
        ("etc/link", "/etc/real/file", "/etc/link"),
        ("etc/link", "../etc/real/../real/file", "/etc/link"),
        ("etc/link", "../../../../../etc/real/file", "/etc/link"),
        ("etc/dir", "/etc/real", "/etc/dir/file"),
        ("etc/dir", "real", "/etc/../etc/./dir/file"),
    ],
)
def test_links_are_followed_as_the_host_would(mounted: HostFiles, link: str, target: str, path: str) -> None:
    assert mounted.root is not None
    (mounted.root / link).symlink_to(target)
    assert mounted.read(path) == b"inside"


@pytest.mark.parametrize("target", ["../../secret", "../secret", "/../secret"])
def test_no_link_leads_out(mounted: HostFiles, target: str) -> None:
    assert mounted.root is not None
    (mounted.root / "link").symlink_to(target)
    with pytest.raises(NotFound) as caught:
        mounted.read("/link")
    assert str(caught.value) == "root/link: there is no such file"
    with pytest.raises(NotFound):
        mounted.read("/../secret")


def test_a_link_to_itself(mounted: HostFiles) -> None:
    assert mounted.root is not None
    (mounted.root / "loop").symlink_to("loop")
    with pytest.raises(Malformed) as caught:
        mounted.read("/loop")
    assert str(caught.value) == "root/loop: has too many symbolic links"


def test_a_link_outside_of_any_root_may_lead_anywhere(world: Path) -> None:
    (world / "a").write_text("x")
    (world / "b").symlink_to(world / "a")
    assert read_file(world / "b", "b") == b"x"


def test_what_is_no_file(mounted: HostFiles) -> None:
    assert mounted.root is not None
    os.mkfifo(mounted.root / "fifo")
    for path, what in (("/fifo", "is not a regular file"), ("/etc", "is not a regular file")):
        with pytest.raises(Malformed) as caught:
            mounted.read(path)
        assert caught.value.what == what
    with pytest.raises(Malformed):
        mounted.read_end("/fifo", 10)
    with pytest.raises(NotFound):
        mounted.read("/etc/real/file/below")
    with pytest.raises(Malformed) as caught:
        mounted.read("/" + "x" * 300)
    assert caught.value.what == "cannot be read: File name too long"


def test_the_end_of_a_file(mounted: HostFiles) -> None:
    assert mounted.read_end("/etc/real/file", 4)[0] == b"side"
    assert mounted.read_end("/etc/real/file", 400)[0] == b"inside"
    with pytest.raises(NotFound):
        mounted.read_end("/etc/real/none", 4)


def test_a_file_that_fails_while_it_is_read() -> None:
    """As on a network filesystem that went away: the first page of a process is never mapped."""
    memory = HostFiles(Path("/proc/self"), "self")
    for read in (lambda: memory.read("/mem"), lambda: memory.read_end("/mem", 10)):
        with pytest.raises(Malformed) as caught:
            read()
        assert str(caught.value) == "self/mem: cannot be read: Input/output error"


def test_directories(mounted: HostFiles) -> None:
    assert mounted.list("/etc") == ("real",)
    assert mounted.is_directory("/etc")
    assert not mounted.is_directory("/etc/real/file")
    assert not HostFiles(None).is_directory("/etc")


def test_a_link_in_a_closed_directory(mounted: HostFiles, unprivileged: Unprivileged) -> None:
    assert mounted.root is not None
    (mounted.root / "etc").chmod(0)
    with unprivileged(), pytest.raises(CollectionError) as caught:
        mounted.read("/etc/real")
    assert caught.value.permission == "read access to root/etc/real"


def touch(base: Path, *names: str) -> None:
    for name in names:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).touch()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("hosts/*/etc/a.yaml", [("hosts/cp-1/etc/a.yaml", "cp-1"), ("hosts/cp-2/etc/a.yaml", "cp-2")]),
        ("hosts/cp-[2-9]/*/a.yaml", [("hosts/cp-2/etc/a.yaml", "cp-2")]),
        ("hosts/cp-1/etc/*.yaml", [("hosts/cp-1/etc/a.yaml", "a"), ("hosts/cp-1/etc/b.yaml", "b")]),
        ("hosts/cp-1/etc/?.yml", [("hosts/cp-1/etc/c.yml", "c")]),
        ("hosts/cp-1/etc/.*", [("hosts/cp-1/etc/.hidden.yaml", ".hidden")]),
        (
            "hosts/**/a.yaml",
            [("hosts/cp-1/etc/a.yaml", ""), ("hosts/cp-2/etc/a.yaml", "")],
        ),
        ("hosts/cp-1/etc/a.yaml", [("hosts/cp-1/etc/a.yaml", "")]),
        ("hosts/cp-9/etc/a.yaml", [("hosts/cp-9/etc/a.yaml", "")]),
        ("hosts/cp-9/*/a.yaml", []),
        ("hosts/*", [("hosts/cp-3", "cp-3")]),
        ("hosts/cp-2/*/b.yaml", [("hosts/cp-2/etc/b.yaml", "etc")]),
        ("hosts/readme*/x", []),
        ("hosts/*-2/etc", [("hosts/cp-2/etc/a.yaml", "cp-2"), ("hosts/cp-2/etc/b.yaml", "cp-2")]),
        ("hosts/*/nothing", []),
    ],
)
def test_globs(world: Path, pattern: str, expected: list[tuple[str, str]]) -> None:
    names = ("a.yaml", "b.yaml", "c.yml", ".hidden.yaml")
    touch(world, *(f"hosts/cp-1/etc/{name}" for name in names), "hosts/cp-2/etc/a.yaml")
    (world / "hosts/worker/etc").mkdir(parents=True)
    (world / "hosts/cp-3").symlink_to("nowhere")
    (world / "hosts/cp-2/etc/b.yaml").symlink_to("/absolute/on/the/host")
    found = expand(pattern, world)
    assert [(item.shown, item.varied) for item in found] == expected
    assert all(item.path == world / item.shown and item.error is None for item in found)


def test_an_absolute_glob(world: Path) -> None:
    touch(world, "x/a.yaml")
    (found,) = expand(f"{world}/*/a.yaml", Path("/elsewhere"))
    assert (found.shown, found.path, found.varied) == (f"{world}/x/a.yaml", world / "x/a.yaml", "x")


@pytest.mark.parametrize(
    ("path", "root", "shown", "node"),
    [
        ("hosts/cp-1/etc/a.yaml", "hosts/*", "hosts/cp-1", "cp-1"),
        ("hosts/cp-1/etc/a.yaml", "hosts/cp-1", "hosts/cp-1", ""),
        ("hosts/cp-1/etc/a.yaml", "hosts/cp-1/", "hosts/cp-1", ""),
        ("./hosts/x/../cp-1/etc/a.yaml", "hosts/*", "hosts/x/../cp-1", "cp-1"),
    ],
)
def test_roots(world: Path, path: str, root: str, shown: str, node: str) -> None:
    (found,) = expand(path, world)
    host = host_files(found, root, world)
    assert host.root == world / "hosts/cp-1"
    assert host.shown == shown
    assert node_name(found, host, root) == node


def test_the_root_may_be_the_machine_itself() -> None:
    (found,) = expand("/etc/kubernetes/manifests/kube-apiserver.yaml", Path("/srv"))
    host = host_files(found, "/", Path("/srv"))
    assert (host.root, host.show("/etc/x")) == (Path("/"), "/etc/x")


def test_a_root_that_does_not_fit(world: Path) -> None:
    found = Found(world / "a/b.yaml", "a/b.yaml")
    assert host_files(found, "c", world).why_not == "root c matches no directory above a/b.yaml"
    assert node_name(found, HostFiles(None), "c*") == ""
