"""Flags of kube-apiserver by themselves: one in a line, or as a YAML list, as guides and some tools keep them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from providers.self_managed.source import ApiServerSource, Format, ManifestFile, Part, Refused, View
from scanner.apiserver import Argument

_FLAG: Final = re.compile(r"--[a-z0-9][a-zA-Z0-9_-]*(?:[= ].*)?")
_SNAP: Final = re.compile(rb"/snap/(?:microk8s|k8s)/|SNAP_(?:DATA|COMMON)")
_VIEW: Final = View((), "a list of flags does not say what is mounted")
_PART: Final = (
    "the list may be a part of the command line only: it lacks --etcd-servers, which every kube-apiserver has"
)


class FlagList:
    """A file of nothing but flags."""

    title: Final = "list of kube-apiserver flags"
    signs: Final = (b"--audit-", b"--authorization-mode", b"--etcd-servers")

    def read(self, file: ManifestFile) -> tuple[Part, ...]:
        """Give the API server that gets the flags, or say that they are another program's; not a snap's."""
        if _SNAP.search(file.data):
            return ()
        arguments = tuple(_listed(file)) or tuple(_lines(file))
        if not arguments:
            return ()
        if not any(argument.text.startswith(tuple(sign.decode() for sign in self.signs)) for argument in arguments):
            reason = "is a list of flags, and none of them is about auditing, authorization or etcd"
            return (Refused(file.shown, reason, "give the flags of kube-apiserver"),)
        return (ApiServerSource(file.shown, arguments[0].line or 1, (*arguments, *_missing(arguments)), _VIEW),)


FORMAT: Final[Format] = FlagList()


def _missing(arguments: Sequence[Argument]) -> Iterator[Argument]:
    """Say what a list that is a part of a command line leaves open."""
    names = {argument.text.partition("=")[0] for argument in arguments}
    if "--etcd-servers" in names:
        return
    file = arguments[0].source
    if "--audit-policy-file" not in names or not names & {"--audit-log-path", "--audit-webhook-config-file"}:
        yield Argument("", file, arguments[0].line, _PART)
    elif not names & {"--authorization-mode", "--authorization-config"}:
        yield Argument("--authorization-mode=", file, arguments[0].line, _PART)


def _listed(file: ManifestFile) -> Iterator[Argument]:
    """Read a YAML list all of whose items are flags."""
    root = file.fields[0] if len(file.fields) == 1 else None
    items = root.items() if root is not None else ()
    if all(item.is_text and _FLAG.fullmatch(item.text) for item in items):
        yield from (Argument(item.text, file.shown, item.line) for item in items)


def _lines(file: ManifestFile) -> Iterator[Argument]:
    """Read a text all of whose lines are flags; comments, blank lines and line continuations may be among them."""
    lines = [(number, raw.strip()) for number, raw in enumerate(file.text.splitlines(), start=1)]
    words = [(number, line.removesuffix("\\").strip()) for number, line in lines if line and not line.startswith("#")]
    if all(_FLAG.fullmatch(word) for _, word in words):
        for number, word in words:
            name, _, value = word.partition(" ")
            yield Argument(name, file.shown, number)
            if value:
                yield Argument(value.strip("\"' "), file.shown, number)
