"""Clusters whose files lie in archives, at URLs, on standard input or in Git, from the options to the observation."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from providers.self_managed.sources.standard_input import read_input
from scanner.errors import Malformed, TimedOut
from scanner.model import ClusterObservation, InlinePolicy, UnreadablePolicy
from tests.emulators.files import FileServer, running
from tests.emulators.kubernetes import faults
from tests.unit.providers.self_managed.hosts import MANIFEST, METADATA_ALL, POLICY, Host, Scan, Unprivileged

FLAGS = ("--audit-policy-file=/etc/kubernetes/audit-policy.yaml", "--audit-log-path=/var/log/audit.log")
ARCHIVED = {"paths": [f"hosts/*/{MANIFEST}"], "root": "hosts/*", "source": "hosts.tar.gz"}


@pytest.fixture
def packed(world: Path) -> bytes:
    """Two hosts in an archive."""
    for name in ("cp-1", "cp-2"):
        Host(world / "hosts" / name).pod(FLAGS)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.add(world / "hosts", "hosts")
    shutil.rmtree(world / "hosts")
    return out.getvalue()


@pytest.fixture
def server(world: Path) -> Iterator[FileServer]:
    """A file server that is trusted through ``ca.pem``."""
    with running() as emulator:
        emulator.authority.cert_pem.write_to_path(world / "ca.pem")
        yield emulator


@pytest.fixture
def manifest(world: Path) -> bytes:
    """A manifest without its host."""
    Host(world / "host").pod(FLAGS)
    return (world / "host" / MANIFEST).read_bytes()


async def scanned(scan: Scan, **options: Any) -> ClusterObservation:  # noqa: ANN401 - the cluster's options
    (found,) = await scan({"name": "prod", **options})
    return found


def reason(found: ClusterObservation, index: int = 0) -> str:
    policy = found.servers[index].policy
    assert isinstance(policy, UnreadablePolicy)
    return policy.reason


def facts(found: ClusterObservation) -> dict[str, str]:
    return {fact.name: fact.value for fact in found.facts}


async def test_an_archive_is_read_like_a_directory(scan: Scan, world: Path, packed: bytes) -> None:
    (world / "hosts.tar.gz").write_bytes(packed)
    found = await scanned(scan, **ARCHIVED)
    assert [server.name for server in found.servers] == ["cp-1", "cp-2"]
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == "hosts.tar.gz/hosts/cp-1/etc/kubernetes/audit-policy.yaml"
    assert policy.evidence[0].source == f"hosts.tar.gz/hosts/cp-1/{MANIFEST}"
    archive = next(fact for fact in found.facts if fact.name == "archive")
    assert archive.value == "hosts.tar.gz, 4 files"
    assert (archive.evidence.source, archive.evidence.locator, len(archive.evidence.value)) == (
        "hosts.tar.gz",
        "SHA-256",
        64,
    )


async def test_nothing_of_an_archive_stays_behind(
    scan: Scan, world: Path, packed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world / "hosts.tar.gz").write_bytes(packed)
    (world / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(world / "tmp"))
    await scanned(scan, **ARCHIVED)
    assert not any((world / "tmp").iterdir())


async def test_what_was_left_out_of_an_archive_is_told(scan: Scan, world: Path) -> None:
    with tarfile.open(world / "hosts.tar.gz", "w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "../x"
        archive.addfile(link)
    found = await scanned(scan, **ARCHIVED)
    assert [note.text for note in found.notes] == [
        "1 member of hosts.tar.gz left out: devices, or paths and links that lead out of it"
    ]
    assert "no file matches" in reason(found)
    assert "in hosts.tar.gz" in reason(found)


async def test_absolute_paths_start_at_the_top_of_an_archive(scan: Scan, world: Path) -> None:
    """Not at this machine's: its own policy would be taken for the archive's."""
    Host(world / "host").pod(FLAGS)
    with tarfile.open(world / "host.tar", "w") as archive:
        archive.add(world / "host", ".")
    found = await scanned(scan, paths=[f"/{MANIFEST}"], root="/", source="host.tar")
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == "host.tar/etc/kubernetes/audit-policy.yaml"
    shutil.rmtree(world / "host" / "etc")
    Host(world / "etc").put("outside.yaml", METADATA_ALL)
    found = await scanned(scan, paths=[f"/{MANIFEST}"], source="host.tar", policy=str(world / "etc" / "outside.yaml"))
    assert isinstance(found.servers[0].policy, UnreadablePolicy)


@pytest.mark.parametrize("keys", [{"paths": ["../x.yaml"]}, {"root": "a/../.."}, {"policy": "../policy.yaml"}])
async def test_no_path_leads_out_of_an_archive(scan: Scan, world: Path, packed: bytes, keys: dict[str, Any]) -> None:
    (world / "hosts.tar.gz").write_bytes(packed)
    (world / "policy.yaml").write_text(METADATA_ALL)
    found = await scanned(scan, **{**ARCHIVED, **keys})
    assert "leads out of it (write the path within it)" in reason(found)


async def test_a_directory_in_an_archive_is_searched(scan: Scan, world: Path, packed: bytes) -> None:
    (world / "hosts.tar.gz").write_bytes(packed)
    found = await scanned(scan, paths=["hosts"], source="hosts.tar.gz")
    assert len(found.servers) == 2
    assert found.servers[0].name == f"hosts.tar.gz/hosts/cp-1/{MANIFEST}"
    assert all(isinstance(server.policy, InlinePolicy) for server in found.servers)


async def test_an_absolute_path_beside_a_directory_as_source_is_itself(scan: Scan, world: Path) -> None:
    host = Host(world / "elsewhere")
    host.pod(FLAGS)
    (world / "copy").mkdir()
    path = str(world / "elsewhere" / MANIFEST)
    found = await scanned(scan, paths=[path], source="copy", policy=str(world / "elsewhere" / POLICY.lstrip("/")))
    assert found.servers[0].name == path
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == str(world / "elsewhere" / POLICY.lstrip("/"))


async def test_a_directory_that_may_not_be_listed_is_named_with_its_source(
    scan: Scan, world: Path, unprivileged: Unprivileged
) -> None:
    hidden = world / "copy" / "hosts" / "cp-1" / "etc"
    hidden.mkdir(parents=True)
    hidden.chmod(0)
    with unprivileged():
        found = await scanned(scan, paths=["hosts/*/etc/*.yaml"], source="copy")
    policy = found.servers[0].policy
    assert isinstance(policy, UnreadablePolicy)
    assert policy.permission == "read access to copy/hosts/cp-1/etc"


@pytest.mark.parametrize(
    ("content", "what"), [(None, "there is no such file"), (b"no archive", "is no tar archive, or is cut off")]
)
async def test_an_archive_that_cannot_be_read_leaves_the_cluster_unknown(
    scan: Scan, world: Path, content: bytes | None, what: str
) -> None:
    if content is not None:
        (world / "hosts.tar.gz").write_bytes(content)
    found = await scanned(scan, **ARCHIVED)
    assert what in reason(found)
    assert found.ref.id == f"hosts.tar.gz: hosts/*/{MANIFEST}"


async def test_a_pipe_in_place_of_an_archive_holds_nothing_up(scan: Scan, world: Path) -> None:
    os.mkfifo(world / "hosts.tar.gz")
    assert "is not a regular file" in reason(await scanned(scan, **ARCHIVED))


async def test_a_directory_as_source_is_where_paths_start(scan: Scan, world: Path) -> None:
    Host(world / "copy" / "hosts" / "cp-1").pod(FLAGS)
    found = await scanned(scan, **{**ARCHIVED, "source": "copy"})
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == "copy/hosts/cp-1/etc/kubernetes/audit-policy.yaml"
    assert "Git commit" not in facts(found)


async def test_the_copy_of_the_policy_may_lie_in_the_archive(scan: Scan, world: Path, manifest: bytes) -> None:
    with tarfile.open(world / "a.tar", "w") as archive:
        for name, data in (("pod.yaml", manifest), ("copies/policy.yaml", METADATA_ALL.encode())):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    found = await scanned(scan, paths=["pod.yaml"], source="a.tar", policy="copies/policy.yaml")
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == "a.tar/copies/policy.yaml"


async def test_a_file_at_a_url_is_read(scan: Scan, server: FileServer, manifest: bytes) -> None:
    server.files = {"/cp-1/pod.yaml": manifest, "/policy.yaml": METADATA_ALL.encode()}
    server.credentials = "me:s3cr3t"
    base = server.url.replace("https://", "https://me:s3cr3t@")
    found = await scanned(
        scan, paths=[f"{base}/cp-1/pod.yaml?sig=s3cr3t"], policy=f"{base}/policy.yaml", ca_file="ca.pem"
    )
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == f"{server.url}/policy.yaml"
    assert policy.evidence[0].source == f"{server.url}/cp-1/pod.yaml"
    assert server.requests[0] == "/cp-1/pod.yaml?sig=s3cr3t"
    assert "s3cr3t" not in repr(found)
    assert found.ref.id == f"{server.url}/cp-1/pod.yaml"


async def test_several_urls_are_several_nodes(scan: Scan, server: FileServer, manifest: bytes) -> None:
    server.files = {"/cp-1/pod.yaml": manifest}
    found = await scanned(scan, paths=[f"{server.url}/{name}/pod.yaml" for name in ("cp-1", "cp-2")], ca_file="ca.pem")
    assert [one.name for one in found.servers] == [f"{server.url}/{name}/pod.yaml" for name in ("cp-1", "cp-2")]
    assert "there is no such file (HTTP 404)" in reason(found, 1)


async def test_an_archive_at_a_url_is_read(scan: Scan, server: FileServer, packed: bytes) -> None:
    server.files = {"/hosts.tar.gz": packed}
    found = await scanned(scan, **{**ARCHIVED, "source": f"{server.url}/hosts.tar.gz?token=t"}, ca_file="ca.pem")
    assert [one.name for one in found.servers] == ["cp-1", "cp-2"]
    assert facts(found)["archive"] == f"{server.url}/hosts.tar.gz, 4 files"
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == f"{server.url}/hosts.tar.gz/hosts/cp-1/etc/kubernetes/audit-policy.yaml"


async def test_an_archive_in_place_of_a_file_is_refused(scan: Scan, server: FileServer, packed: bytes) -> None:
    server.files = {"/hosts.tar.gz": packed}
    found = await scanned(scan, paths=[f"{server.url}/hosts.tar.gz"], ca_file="ca.pem")
    assert "is an archive, not a single file (name it under source" in reason(found)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (faults.error(403, "Forbidden", "no"), "may not be read (HTTP 403)"),
        (faults.error(401, "Unauthorized", "no"), "asks for credentials (HTTP 401)"),
        (faults.error(410, "Gone", "no"), "there is no such file (HTTP 410)"),
        (faults.error(418, "Teapot", "no"), "answers with HTTP 418"),
        (faults.redirect("https://elsewhere.example/pod.yaml"), "redirects to another host, elsewhere.example"),
        (faults.redirect("http://127.0.0.1/pod.yaml"), "redirects to another host, 127.0.0.1"),
        (faults.redirect("https://127.0.0.1:99999/"), "redirects to what is no address"),
        (faults.redirect("/pod.yaml"), "redirects more than 5 times"),
        (faults.endless(parts=20), "answers with more than 8 MiB"),
        (faults.throttle("99999"), "asks to wait 99999 seconds"),
    ],
)
async def test_each_failure_of_a_url_is_told(scan: Scan, server: FileServer, fault: faults.Answer, what: str) -> None:
    server.inject(fault)
    found = await scanned(scan, paths=[f"{server.url}/pod.yaml"], ca_file="ca.pem")
    assert what in reason(found)
    assert reason(found).startswith(f"{server.url}/pod.yaml")


async def test_a_redirect_within_the_host_is_followed(scan: Scan, server: FileServer, manifest: bytes) -> None:
    server.files = {"/raw/pod.yaml": manifest}
    server.inject(faults.redirect("/raw/pod.yaml"), "/pod.yaml")
    found = await scanned(scan, paths=[f"{server.url}/pod.yaml"], ca_file="ca.pem")
    assert "audit-policy.yaml could not be read" in reason(found)
    assert server.requests == ["/pod.yaml", "/raw/pod.yaml"]


async def test_only_the_given_authority_is_trusted(scan: Scan, world: Path, server: FileServer) -> None:
    found = await scanned(scan, paths=[f"{server.url}/pod.yaml"])
    assert "has a certificate that is not trusted" in reason(found)
    trustme.CA().cert_pem.write_to_path(world / "other.pem")
    found = await scanned(scan, paths=[f"{server.url}/pod.yaml"], ca_file="other.pem")
    assert "has a certificate that is not trusted" in reason(found)
    assert server.requests == []


@pytest.mark.parametrize(
    ("content", "what"), [("nonsense", "holds no PEM certificate"), (None, "there is no such file")]
)
async def test_an_authority_that_is_none_is_told(scan: Scan, world: Path, content: str | None, what: str) -> None:
    if content is not None:
        (world / "ca.pem").write_text(content)
    found = await scanned(scan, paths=["https://127.0.0.1:1/pod.yaml"], ca_file="ca.pem")
    assert what in reason(found)


async def test_a_policy_that_cannot_be_fetched_is_told(scan: Scan, server: FileServer, manifest: bytes) -> None:
    server.files = {"/pod.yaml": manifest}
    found = await scanned(scan, paths=[f"{server.url}/pod.yaml"], policy=f"{server.url}/gone.yaml", ca_file="ca.pem")
    assert "there is no such file (HTTP 404)" in [note.text for note in found.notes][-1]
    assert isinstance(found.servers[0].policy, UnreadablePolicy)


async def test_without_room_for_temporary_files_that_is_said(
    scan: Scan, world: Path, packed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world / "hosts.tar.gz").write_bytes(packed)
    monkeypatch.setattr(tempfile, "tempdir", str(world / "nowhere"))
    found = await scanned(scan, **ARCHIVED)
    assert "there is no directory for temporary files" in reason(found)
    assert "mount a writable directory at /tmp" in reason(found)


@contextmanager
def given_input(data: bytes | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let standard input be a pipe with some data, or one that stays silent."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream, os.fdopen(writer, "wb") as other:
        monkeypatch.setattr("sys.stdin", stream)
        if data is not None:
            other.write(data)
            other.close()
        yield


async def test_a_file_on_standard_input_is_read(scan: Scan, manifest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with given_input(manifest, monkeypatch):
        found = await scanned(scan, paths=["-"])
    assert found.servers[0].name == "standard input"
    assert found.ref.version == "1.34.2"


async def test_an_archive_on_standard_input_is_read(scan: Scan, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with given_input(packed, monkeypatch):
        found = await scanned(scan, **{**ARCHIVED, "source": "-"})
    assert [one.name for one in found.servers] == ["cp-1", "cp-2"]
    assert facts(found)["archive"] == "standard input, 4 files"


async def test_standard_input_that_stays_silent_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with given_input(None, monkeypatch), pytest.raises(TimedOut, match="gave nothing more in time"):
        await asyncio.to_thread(read_input, 100, 0.1)


async def test_standard_input_that_goes_on_and_on_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    with given_input(b"x" * 1000, monkeypatch), pytest.raises(Malformed, match="holds more than 0 MiB"):
        await asyncio.to_thread(read_input, 100, 5)


async def test_standard_input_that_is_a_terminal_is_not_waited_for(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = os.openpty()
    with os.fdopen(terminal) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        found = await scanned(scan, paths=["-"])
    os.close(controller)
    assert "standard input is a terminal or closed" in reason(found)


@pytest.fixture
def repository(world: Path) -> Path:
    """A Git repository with one commit on main, whose files are gone from the working tree."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    path = world / "repository"
    Host(path / "hosts" / "cp-1").pod(FLAGS)
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "add", ".")
    git(path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=one")
    return path


def git(path: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(path), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return done.stdout.strip()


async def test_a_checkout_says_its_commit(scan: Scan, repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    found = await scanned(scan, **{**ARCHIVED, "source": "repository"})
    assert facts(found)["Git commit"] == f"{commit} (main checked out; the files may have been changed since)"
    git(repository, "pack-refs", "--all")
    assert commit in facts(await scanned(scan, **{**ARCHIVED, "source": "repository"}))["Git commit"]
    git(repository, "checkout", "--quiet", "--detach")
    assert facts(await scanned(scan, **{**ARCHIVED, "source": "repository"}))["Git commit"] == commit


async def test_a_further_worktree_says_its_commit(scan: Scan, world: Path, repository: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(world / "tree"))
    found = await scanned(scan, **{**ARCHIVED, "source": "tree"})
    assert "(other checked out" in facts(found)["Git commit"]


@pytest.mark.parametrize("head", ["ref: refs/heads/gone", "nonsense", None])
async def test_a_commit_that_cannot_be_told_is_left_out(scan: Scan, repository: Path, head: str | None) -> None:
    if head is None:
        (repository / ".git/HEAD").unlink()
    else:
        (repository / ".git/HEAD").write_text(head)
    found = await scanned(scan, **{**ARCHIVED, "source": "repository"})
    assert "Git commit" not in facts(found)
    assert isinstance(found.servers[0].policy, InlinePolicy)


async def test_a_branch_that_is_no_commit_is_left_out(scan: Scan, repository: Path) -> None:
    (repository / ".git/refs/heads/main").write_text("nonsense")
    assert "Git commit" not in facts(await scanned(scan, **{**ARCHIVED, "source": "repository"}))


@pytest.mark.parametrize("revision", ["main", "v1", "HEAD"])
async def test_a_revision_is_read_without_checking_it_out(scan: Scan, repository: Path, revision: str) -> None:
    git(repository, "tag", "v1")
    shutil.rmtree(repository / "hosts")
    found = await scanned(scan, **{**ARCHIVED, "source": "repository", "revision": revision})
    assert facts(found)["Git commit"] == git(repository, "rev-parse", "HEAD")
    policy = found.servers[0].policy
    assert isinstance(policy, InlinePolicy)
    assert policy.source == f"repository@{revision}/hosts/cp-1{POLICY}"


async def test_a_bare_repository_is_read(scan: Scan, world: Path, repository: Path) -> None:
    git(world, "clone", "--quiet", "--bare", str(repository), str(world / "bare.git"))
    found = await scanned(scan, **{**ARCHIVED, "source": "bare.git", "revision": "main"})
    assert isinstance(found.servers[0].policy, InlinePolicy)


@pytest.mark.parametrize(
    ("source", "revision", "what"),
    [
        ("repository", "gone", "repository has no revision gone"),
        (".", "main", "is no Git repository"),
        ("nowhere", "main", "is no Git repository"),
    ],
)
async def test_a_revision_that_is_not_there_is_told(
    scan: Scan, repository: Path, monkeypatch: pytest.MonkeyPatch, source: str, revision: str, what: str
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent.parent))
    found = await scanned(scan, **{**ARCHIVED, "source": source, "revision": revision})
    assert what in reason(found)


async def test_without_git_a_revision_is_unknown(
    scan: Scan, repository: Path, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repository.name == "repository"
    monkeypatch.setenv("PATH", str(world))
    found = await scanned(scan, **{**ARCHIVED, "source": "repository", "revision": "main"})
    assert "there is no program git" in reason(found)


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("echo 'fatal: detected dubious ownership in repository' >&2; exit 128", "belongs to another user"),
        ("case $* in *rev-parse*) echo nonsense;; esac", "gives no commit for its revision"),
        (
            "case $* in *rev-parse*) echo 0123456789012345678901234567890123456789;; *) exit 1;; esac",
            "git archive failed",
        ),
    ],
)
async def test_each_failure_of_git_is_told(
    scan: Scan, world: Path, monkeypatch: pytest.MonkeyPatch, script: str, what: str
) -> None:
    """A program in its place, because an own one cannot be made to fail so."""
    program = world / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    found = await scanned(scan, **{**ARCHIVED, "source": ".", "revision": "main"})
    assert what in reason(found)
    assert "dubious" not in reason(found)
