"""Archives: what is unpacked, and everything that must not be."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import random
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.self_managed.sources import archive
from providers.self_managed.sources.archive import Unpacked, is_archive, unpack
from scanner.errors import CollectionError, Malformed, NotFound

Entry = tuple[str, bytes, str | None]
"""Name, type, and content (of a file) or target (of a link)."""


def tar(*entries: Entry, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name, kind, content in entries:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.mtime = 1_700_000_000
            if kind == tarfile.REGTYPE:
                data = (content or "").encode()
                member.size = len(data)
                made.addfile(member, io.BytesIO(data))
            else:
                member.linkname = content or ""
                made.addfile(member)
    return out.getvalue()


def file(name: str, content: str = "x") -> Entry:
    return name, tarfile.REGTYPE, content


def link(name: str, target: str) -> Entry:
    return name, tarfile.SYMTYPE, target


def unpacked(data: bytes, root: Path, depth: int = 0) -> Unpacked:
    root.mkdir(exist_ok=True)
    return unpack(io.BytesIO(data), "a.tar", root, depth)


def tree(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_files_come_out_as_they_went_in(tmp_path: Path, compress: Callable[[bytes], bytes], form: int) -> None:
    directory = ("etc/kubernetes", tarfile.DIRTYPE, None)
    data = compress(tar(directory, file("./etc/kubernetes/a.yaml", "one"), file("/etc/b.yaml", "two"), form=form))
    assert is_archive(data[:512])
    done = unpacked(data, tmp_path / "out")
    assert tree(tmp_path / "out") == {"etc/kubernetes/a.yaml": "one", "etc/b.yaml": "two"}
    assert (done.files, done.left_out) == (2, 0)
    assert (tmp_path / "out/etc/b.yaml").stat().st_mtime == 1_700_000_000


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads zstd")
def test_zstd_is_refused_by_name_where_python_cannot_read_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is compressed with zstd") as caught:
        unpacked(b"\x28\xb5\x2f\xfd" + bytes(600), tmp_path / "out")
    assert caught.value.where == "a.tar"
    assert "zstd -d" in caught.value.hint


def test_a_single_file_is_no_archive() -> None:
    assert not is_archive(b"apiVersion: v1\n" * 60)
    assert not is_archive(b"")


@pytest.mark.parametrize(
    "name",
    [
        "../out.yaml",
        "a/../../out.yaml",
        "/../out.yaml",
        "a/" + "x" * 300,
        "/".join(["deep"] * 1000),
        "a/..",
        "\udcff" * 200,
    ],
)
def test_paths_that_lead_out_are_left_out(tmp_path: Path, name: str) -> None:
    done = unpacked(tar(file(name), file("in.yaml")), tmp_path / "out")
    assert tree(tmp_path / "out") == {"in.yaml": "x"}
    assert done.left_out == 1
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes_are_left_out(tmp_path: Path, kind: bytes) -> None:
    assert unpacked(tar(("dev/x", kind, None)), tmp_path / "out").left_out == 1
    assert tree(tmp_path / "out") == {}


def test_links_within_are_kept(tmp_path: Path) -> None:
    data = tar(link("a", "b/c"), file("b/c", "1"), ("b/hard", tarfile.LNKTYPE, "b/c"), link("b/up", "../b/c"))
    unpacked(data, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": "1", "b/c": "1", "b/hard": "1", "b/up": "1"}


def test_an_absolute_link_starts_at_its_own_host(tmp_path: Path) -> None:
    entries = [link("hosts/cp-1/etc/policy.yaml", "/opt/policy.yaml"), file("hosts/cp-1/opt/policy.yaml", "cp-1")]
    unpacked(tar(*entries, file("opt/policy.yaml", "another")), tmp_path / "out", depth=2)
    assert (tmp_path / "out/hosts/cp-1/etc/policy.yaml").read_text() == "cp-1"


@pytest.mark.parametrize(
    "links",
    [
        [link("l", "../secret")],
        [link("l", "/../../secret")],
        [link("d/e/s", "../.."), link("l", "d/e/s/../secret")],
        [link("a", "b"), link("b", ".."), link("l", "a/secret")],
        [link("l", "."), link("m", "l/../secret")],
    ],
)
def test_links_that_lead_out_are_taken_away(tmp_path: Path, links: list[Entry]) -> None:
    """Also where each is harmless, and only all of them together lead out."""
    (tmp_path / "secret").write_text("not yours")
    done = unpacked(tar(file("d/e/f"), *links), tmp_path / "out")
    assert done.left_out >= 1
    root = os.path.realpath(tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert os.path.realpath(path).startswith(root)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """The classic: a link first, then a file below its name."""
    (tmp_path / "victim").mkdir()
    unpacked(tar(link("l", "../victim"), file("l/owned", "x"), file("after")), tmp_path / "out")
    assert list((tmp_path / "victim").iterdir()) == []
    assert (tmp_path / "out/l/owned").read_text() == "x"


def test_a_link_that_no_file_system_holds_is_left_out(tmp_path: Path) -> None:
    assert unpacked(tar(link("l", "x" * 5000), link("m", "")), tmp_path / "out").left_out == 2


@pytest.mark.parametrize("target", ["missing", "../secret", "h", ""])
def test_a_hard_link_to_nothing_within_is_left_out(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("not yours")
    done = unpacked(tar(("h", tarfile.LNKTYPE, target)), tmp_path / "out")
    assert (tree(tmp_path / "out"), done.left_out) == ({}, 1)


def test_the_last_of_one_name_counts(tmp_path: Path) -> None:
    data = tar(file("a", "1"), file("a", "2"), file("b/c", "3"), file("b", "4"), file("d", "5"), file("d/e", "6"))
    unpacked(data, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": "2", "b": "4", "d/e": "6"}


def test_a_file_too_large_to_be_read_takes_no_room(tmp_path: Path) -> None:
    data = gzip.compress(tar(file("log", "x" * (9 * 2**20))))
    unpacked(data, tmp_path / "out")
    status = (tmp_path / "out/log").stat()
    assert status.st_size == 8 * 2**20 + 1
    assert status.st_blocks == 0


def test_an_archive_of_nothing_but_zeros_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_UNPACKED", 2**20)
    with pytest.raises(Malformed, match="comes to more than 1 MiB") as caught:
        unpacked(gzip.compress(tar(file("log", "\0" * 2**22))), tmp_path / "out")
    assert "pack what belongs to the control plane only" in caught.value.hint


def test_too_many_files_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_MEMBERS", 10)
    with pytest.raises(Malformed, match="holds more than 10 files"):
        unpacked(tar(*(file(f"f{number}") for number in range(11))), tmp_path / "out")


def test_too_much_that_may_be_settings_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_KEPT", 2**20)
    with pytest.raises(Malformed, match="holds more than 1 MiB that may be settings"):
        unpacked(tar(*(file(f"f{number}", "x" * 2**18) for number in range(5))), tmp_path / "out")


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 2**29
    with pytest.raises(Malformed, match="is no tar archive"):
        unpacked(member.tobuf() + bytes(2**16), tmp_path / "out")


def test_nothing_is_written_once_the_directory_is_gone(tmp_path: Path) -> None:
    """The thread that unpacks outlives a scan that is stopped."""
    with pytest.raises(NotFound, match="the scan ended"):
        unpack(io.BytesIO(tar(file("a"))), "a.tar", tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("data", [b"", b"apiVersion: v1\n", b"\x1f\x8b", b"\x1f\x8b" + b"x" * 600, b"BZh9" + bytes(99)])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Malformed, match="is no tar archive, or is cut off") as caught:
        unpacked(data, tmp_path / "out")
    assert caught.value.where == "a.tar"


WHOLE = tar(file("a", "1" * 1500), file("b", "2" * 700))


@pytest.mark.parametrize("length", [*range(0, 512 * 8, 512), 100, 600, 1500])
def test_an_archive_that_is_cut_off_is_refused_wherever_that_is(tmp_path: Path, length: int) -> None:
    """`tarfile` takes a broken header for the end: nodes would be missing without a word."""
    with pytest.raises(Malformed):
        unpacked(WHOLE[:length], tmp_path / "out")


def test_a_broken_header_in_the_middle_is_refused(tmp_path: Path) -> None:
    broken = bytearray(WHOLE)
    broken[512 * 4 + 150] ^= 0xFF  # the checksum of the second header
    with pytest.raises(Malformed):
        unpacked(bytes(broken), tmp_path / "out")


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_whatever_the_bytes_it_is_unpacked_or_refused(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    entries = [file("a", "1"), link("l", "a"), ("h", tarfile.LNKTYPE, "a"), file("b" * 150, "2")]
    good = compress(tar(*entries, form=tarfile.GNU_FORMAT))
    chance = random.Random(7)  # noqa: S311 - the same every time
    for number in range(150):
        bad = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        with contextlib.suppress(CollectionError):
            unpacked(bytes(bad), tmp_path / str(number))
