"""Reads the policy that a command names: a file, standard input, or a published policy by its name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanner.audit_policy.extraction import MAX_FILE_BYTES, policies
from scanner.audit_policy.reader import load
from scanner.audit_policy.types import Policy
from scanner.errors import UsageError
from scanner.knowledge.policies import find, names

STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy that a command works on.

    Attributes:
        name: What to call it in output: the file, ``standard input``, or ``published policy eks``.
        text: The text that was read, which may hold more than the policy.
        is_published: Whether it is a built-in published policy.
        kubernetes_version: The version that a published policy was written for; None where any will do.
    """

    name: str
    policy: Policy
    text: bytes
    is_published: bool = False
    kubernetes_version: str | None = None


def load_policy(name_or_path: str, kubernetes_version: str | None = None) -> LoadedPolicy:
    """Load a policy from a file, from standard input (``-``), or by the name of a published one.

    A path that exists wins over a name. A policy inside another file (a ConfigMap, a kubeadm configuration …) is found
    where it is the only one. A published policy is read as the Kubernetes version that its source was written for,
    unless one is given.

    Raises:
        UsageError: There is no such file or name, it cannot be read, or it holds no policy or several.
        PolicyError: kube-apiserver would refuse the policy.
        PolicyLimitError: The policy is larger or deeper than is read.
    """
    if name_or_path == STDIN:
        return _from_bytes(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "standard input", kubernetes_version)
    path = Path(name_or_path)
    found = None if path.exists() else find(name_or_path)
    if found is not None:
        text = found.text.encode()
        policy = load(text, kubernetes_version, source=found.source) if kubernetes_version else found.policy
        name = f"published policy {found.name}"
        return LoadedPolicy(name, policy, text, is_published=True, kubernetes_version=found.kubernetes_version)
    return _from_bytes(_read(path, name_or_path), name_or_path, kubernetes_version)


def _read(path: Path, name: str) -> bytes:
    """Read a file, but no more of it than a policy can have."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        hint = f"give a file, - for standard input, or a published policy: {', '.join(names())}"
        raise UsageError("no such file, and no published policy of that name", where=name, hint=hint) from None
    except IsADirectoryError:
        raise UsageError("this is a directory", where=name, hint="name the policy file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot be read: {reason}", where=name, hint="give a file that can be read") from None


def _from_bytes(data: bytes, source: str, kubernetes_version: str | None) -> LoadedPolicy:
    """Load the one policy that some bytes hold; where they hold none, kube-apiserver's words say what they are."""
    if len(data) > MAX_FILE_BYTES:
        what = f"larger than {MAX_FILE_BYTES // 2**20} MiB, which is as much as is searched for a policy"
        raise UsageError(what, where=source, hint="give the audit policy itself")
    contents = policies(data)
    if len(contents.policies) > 1:
        places = [f"{one.where or 'the file itself'} (line {one.position.line})" for one in contents.policies]
        what = f"holds {len(places)} audit policies: {', '.join(places)}"
        raise UsageError(what, where=source, hint="give a file with the one that is meant, or pipe it in with -")
    if contents.policies:
        found = contents.policies[0]
        return LoadedPolicy(source, found.load(kubernetes_version, source=source), data)
    if contents.unreadable:
        why = contents.unreadable[0]
        raise UsageError(f"no audit policy can be read from it: {why.why}", where=source, hint="give the policy itself")
    return LoadedPolicy(source, load(data, kubernetes_version, source=source), data)
