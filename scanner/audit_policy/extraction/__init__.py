"""Finds the audit policies in a file: plain ones, and those inside manifests, machine configurations and cloud-init.

A mapping is a policy where its apiVersion is that of audit policies, or where its rules have audit levels and its kind
is ``Policy``. Texts within a file that name that API are searched in turn: values of ConfigMaps and Secrets, files that
kubeadm, Cluster API, Talos, kOps or cloud-init write. No file is opened here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final

from scanner.audit_policy.document import MAX_BYTES
from scanner.audit_policy.extraction.embedding import Origin
from scanner.audit_policy.extraction.found import Contents, FoundPolicy, Unreadable
from scanner.audit_policy.extraction.search import Search, Text
from scanner.audit_policy.reader import GROUP
from scanner.audit_policy.types import Position

__all__ = ["MAX_FILE_BYTES", "Contents", "FoundPolicy", "Unreadable", "may_hold_policies", "policies"]

MAX_FILE_BYTES: Final = 4 * MAX_BYTES
_PLAIN_POLICY: Final = re.compile(
    rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?Policy\b|^[\"']?rules[\"']?[ \t]*:", re.MULTILINE
)


def policies(data: bytes) -> Contents:
    """Find every audit policy in a file; what cannot be read is in the answer, nothing is raised."""
    if len(data) > MAX_FILE_BYTES:
        why = f"larger than {MAX_FILE_BYTES} bytes, which is as much as is searched"
        return Contents((), (Unreadable("", Position(1, 1), why),))
    search = Search()
    search.text(Text(data, "", Origin(), 0))
    found = sorted(search.found, key=lambda one: (one.position.line, one.position.column))
    return Contents(tuple(found), tuple(search.unreadable))


def may_hold_policies(data: bytes) -> bool:
    """Tell quickly whether a file can hold an audit policy; False only where that is certain."""
    squeezed = b"".join(data.replace(b"\x00", b"").split())
    # Without the API's name only rules with audit levels tell a policy; roles and alerts have rules, too.
    is_plain = b"level" in squeezed and _PLAIN_POLICY.search(data) is not None
    return is_plain or any(sign in squeezed for sign in _SIGNS)


def _base64_signs(word: bytes) -> Iterator[bytes]:
    """Give what a word looks like within base64 at its three alignments, but for the ends, which others decide."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + word)
        yield encoded[(shift * 8 + 5) // 6 : (shift + len(word)) * 8 // 6]


_COMPRESSED: Final = (b"H4sI", b"%1f%8b", b"%1F%8B")
_SIGNS: Final = (GROUP.encode(), *_base64_signs(GROUP.encode()), *_COMPRESSED)
