"""Git: which commit is checked out, and the files of another one.

The commit is read from the files of ``.git``; the files of a revision come from the program ``git``.
Source: gitrepository-layout(5), git-archive(1).
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from providers.self_managed.files import read_file
from scanner.errors import CollectionError, Malformed, NotFound, PermissionDenied, TimedOut

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SECONDS: Final = 60.0


def checked_out(directory: Path) -> tuple[str, str] | None:
    """Give the commit and the branch ("" for none) that is checked out in a directory or above it.

    None where that is no checkout, or one whose commit cannot be told without the program.
    """
    for parent in (directory, *directory.parents):
        if (parent / ".git").exists():
            try:
                return _head(_git_directory(parent / ".git"))
            except CollectionError:
                return None
    return None


def _git_directory(path: Path) -> Path:
    """Follow the file that stands in place of the directory in a further worktree or a submodule."""
    if path.is_dir():
        return path
    return path.parent / _text(path).removeprefix("gitdir:").strip()


def _head(git: Path) -> tuple[str, str] | None:
    """Read HEAD: a commit, or a branch that is one."""
    head = _text(git / "HEAD")
    if not head.startswith("ref:"):
        return (head, "") if _COMMIT.fullmatch(head) else None
    ref = head.removeprefix("ref:").strip()
    common = git / _text(git / "commondir") if (git / "commondir").exists() else git
    branch = ref.removeprefix("refs/heads/")
    for place in (git, common):
        if (place / ref).is_file():
            commit = _text(place / ref)
            return (commit, branch) if _COMMIT.fullmatch(commit) else None
    if (common / "packed-refs").is_file():
        for line in _text(common / "packed-refs").splitlines():
            commit, _, name = line.partition(" ")
            if name == ref and _COMMIT.fullmatch(commit):
                return commit, branch
    return None


def _text(path: Path) -> str:
    return read_file(path, str(path)).decode("utf-8", "replace").strip()


@contextmanager
def archive_of(repository: Path, shown: str, revision: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Give the commit that a revision means, and its files as a tar archive; blocking.

    Raises:
        NotFound: There is no program, no repository or no such revision.
        PermissionDenied: git does not trust the repository, because somebody else owns it.
        TimedOut: git took too long.
        Malformed: git failed otherwise.
    """
    commit = _run(repository, shown, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    name = commit.decode("ascii", "replace").strip()
    if not _COMMIT.fullmatch(name):
        raise Malformed("gives no commit for its revision", where=f"{shown} ({revision})")
    with tempfile.TemporaryFile() as file:
        _run(repository, shown, "archive", "--format=tar", name, out=file)
        file.seek(0)
        yield name, file


def _run(repository: Path, shown: str, *arguments: str, out: IO[bytes] | None = None) -> bytes:
    """Run git within a repository; it asks nobody, fetches nothing, and its own words are not passed on."""
    environment = os.environ | {
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no argument begins with a dash that a user wrote
            ["git", "-C", str(repository), *arguments],  # noqa: S607 - whichever git the user has
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out or subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        hint = "install git, or check the revision out and leave revision out"
        raise NotFound("cannot be read: there is no program git", where=shown, hint=hint) from error
    except subprocess.TimeoutExpired as error:
        raise TimedOut(f"git did not end in {_SECONDS:.0f} seconds", where=shown) from error
    if done.returncode:
        raise _failed(done.stderr, shown, arguments)
    return done.stdout or b""


def _failed(said: bytes, shown: str, arguments: tuple[str, ...]) -> CollectionError:
    """Tell the usual failures apart."""
    if b"dubious ownership" in said:
        hint = "run as its owner, or add it to git's safe.directory"
        return PermissionDenied("belongs to another user, and git does not trust it", where=shown, hint=hint)
    if b"not a git repository" in said or b"cannot change to" in said:
        return NotFound("is no Git repository", where=shown, hint="correct source")
    if arguments[0] == "rev-parse":
        revision = arguments[-1].removesuffix("^{commit}")
        return NotFound(f"has no revision {revision}", where=shown, hint="fetch it, or correct revision")
    return Malformed(f"git {arguments[0]} failed", where=shown)
